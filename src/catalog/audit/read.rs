//! Reading rows and heads as they were written, chain by chain, and what was begun by processes that are gone.

use super::{AuditHead, AuditRow, ChainNumber};
use crate::catalog::row::{Row, parsed, wall};
use crate::catalog::statement::{Statement, sql};
use crate::catalog::{Catalog, Error};
use crate::time::WallTime;
use sqlx::Row as _;
use uuid::Uuid;

/// Columns of a row and the identifier of its chain. The chain is looked up for each row that is found, so that it can
/// never become what the search begins with.
pub(super) const COLUMNS: &str =
    "r.*, (SELECT c.id FROM audit_chains c WHERE c.number = r.chain) AS chain_id";

impl Catalog {
    /// Rows of a chain behind a number, in order.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn audit_rows_behind(
        &self,
        chain: ChainNumber,
        seq: i64,
        limit: u32,
    ) -> Result<Vec<AuditRow>, Error> {
        let mut select = select();
        select.push(" FROM audit_rows r WHERE r.chain = ").push_bind(chain.0);
        select.push(" AND r.seq > ").push_bind(seq);
        select.push(" ORDER BY r.seq LIMIT ").push_bind(i64::from(limit));
        select.fetch_all(&self.reader).await?.iter().map(row).collect()
    }

    /// Heads of a chain, in the order in which they were signed.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn audit_heads(&self, chain: ChainNumber) -> Result<Vec<AuditHead>, Error> {
        let rows =
            sql("SELECT h.*, c.id AS chain_id FROM audit_heads h JOIN audit_chains c ON c.number = h.chain
                        WHERE h.chain = $1 ORDER BY h.at, h.seq")
            .bind(chain.0)
            .fetch_all(&self.reader)
            .await?;
        rows.iter().map(head).collect()
    }

    /// Rows that began something which no process will end any more: those of chains that have ended, of earlier
    /// processes of this place, and of processes that were last seen before a time.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn audit_orphans(
        &self,
        own: ChainNumber,
        place: Uuid,
        seen_before: WallTime,
        limit: u32,
    ) -> Result<Vec<AuditRow>, Error> {
        let mut select = select();
        select.push(" FROM audit_open o JOIN audit_chains g ON g.number = o.chain");
        select.push(" JOIN audit_rows r ON r.chain = o.chain AND r.seq = o.seq WHERE o.chain <> ");
        select.push_bind(own.0).push(" AND (g.ended_at IS NOT NULL OR g.seen_at < ").push_bind(seen_before.0);
        select.push(" OR (g.number < ").push_bind(own.0).push(" AND g.place = ").push_bind(place.to_string());
        select.push(")) ORDER BY o.chain, o.seq LIMIT ").push_bind(i64::from(limit));
        select.fetch_all(&self.reader).await?.iter().map(row).collect()
    }
}

pub(super) fn select() -> Statement {
    let mut select = sql("SELECT ");
    select.push(COLUMNS);
    select
}

pub(super) fn row(row: &Row) -> Result<AuditRow, Error> {
    Ok(AuditRow {
        chain: parsed(row, "chain_id")?,
        seq: row.try_get("seq")?,
        prev_hash: row.try_get("prev_hash")?,
        hash: row.try_get("hash")?,
        at: wall(row, "at")?,
        action: row.try_get("action")?,
        phase: row.try_get("phase")?,
        result: row.try_get("result")?,
        status: row.try_get("status")?,
        role: row.try_get("role")?,
        recording_id: row.try_get("recording_id")?,
        room_id: row.try_get("room_id")?,
        session_id: row.try_get("session_id")?,
        share_id: row.try_get("share_id")?,
        request_id: row.try_get("request_id")?,
        route: row.try_get("route")?,
        bytes: row.try_get("bytes")?,
        duration_micros: row.try_get("duration_micros")?,
        detail: row.try_get("detail")?,
        who: row.try_get("who")?,
        who_seal: row.try_get("who_seal")?,
        address: row.try_get("address")?,
        user_agent: row.try_get("user_agent")?,
        place_seal: row.try_get("place_seal")?,
        target: row.try_get("target")?,
        target_seal: row.try_get("target_seal")?,
    })
}

fn head(row: &Row) -> Result<AuditHead, Error> {
    Ok(AuditHead {
        chain: parsed(row, "chain_id")?,
        seq: row.try_get("seq")?,
        hash: row.try_get("hash")?,
        at: wall(row, "at")?,
        kind: row.try_get("kind")?,
        key: row.try_get("key")?,
        signature: row.try_get("signature")?,
    })
}
