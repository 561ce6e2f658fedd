//! Table `audit_chains`: who writes, and how far they have come.

use super::AuditChain;
use crate::catalog::row::{Row, parsed, wall, wall_option};
use crate::catalog::statement::sql;
use crate::catalog::{Catalog, Error};
use crate::time::WallTime;
use sqlx::Row as _;
use uuid::Uuid;

/// By which rows name their chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainNumber(pub i64);

/// The last row of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditTip {
    /// The chain.
    pub chain: Uuid,
    /// The row's number.
    pub seq: i64,
    /// Its hash.
    pub hash: Vec<u8>,
}

impl Catalog {
    /// A process begins a chain.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn begin_audit_chain(&self, new: &AuditChain) -> Result<ChainNumber, Error> {
        let row = sql(
            "INSERT INTO audit_chains (id, place, began_at, seen_at, previous) VALUES ($1, $2, $3, $3, $4)
                       RETURNING number",
        )
        .bind(new.id.to_string())
        .bind(new.place.to_string())
        .bind(new.began_at.0)
        .bind(new.previous.as_str())
        .fetch_one(&self.writer)
        .await?;
        Ok(ChainNumber(row.try_get("number")?))
    }

    /// The process that writes a chain is still there.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn see_audit_chain(&self, chain: ChainNumber, at: WallTime) -> Result<(), Error> {
        sql("UPDATE audit_chains SET seen_at = $2 WHERE number = $1")
            .bind(chain.0)
            .bind(at.0)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// The process that writes a chain ended it.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn end_audit_chain(&self, chain: ChainNumber, at: WallTime) -> Result<(), Error> {
        sql("UPDATE audit_chains SET ended_at = $2, seen_at = $2 WHERE number = $1")
            .bind(chain.0)
            .bind(at.0)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// All chains, in the order in which they began.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn audit_chains(&self) -> Result<Vec<(ChainNumber, AuditChain)>, Error> {
        let rows = sql("SELECT * FROM audit_chains ORDER BY number").fetch_all(&self.reader).await?;
        rows.iter().map(chain).collect()
    }

    /// The last row of a chain.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn audit_tip(&self, chain: ChainNumber) -> Result<Option<AuditTip>, Error> {
        let row =
            sql("SELECT c.id, r.seq, r.hash FROM audit_rows r JOIN audit_chains c ON c.number = r.chain
                       WHERE r.chain = $1 ORDER BY r.seq DESC LIMIT 1")
            .bind(chain.0)
            .fetch_optional(&self.writer)
            .await?;
        row.as_ref().map(tip).transpose()
    }

    /// The last rows of the newest chains that have any.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn audit_tips(&self, most: u32) -> Result<Vec<AuditTip>, Error> {
        let rows = sql("SELECT c.id, r.seq, r.hash
                        FROM (SELECT number, id FROM audit_chains ORDER BY number DESC LIMIT $1) c
                        JOIN audit_rows r ON r.chain = c.number
                            AND r.seq = (SELECT MAX(l.seq) FROM audit_rows l WHERE l.chain = c.number)
                        ORDER BY c.number")
        .bind(i64::from(most))
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(tip).collect()
    }
}

fn chain(row: &Row) -> Result<(ChainNumber, AuditChain), Error> {
    let chain = AuditChain {
        id: parsed(row, "id")?,
        place: parsed(row, "place")?,
        began_at: wall(row, "began_at")?,
        ended_at: wall_option(row, "ended_at")?,
        previous: row.try_get("previous")?,
    };
    Ok((ChainNumber(row.try_get("number")?), chain))
}

fn tip(row: &Row) -> Result<AuditTip, Error> {
    Ok(AuditTip { chain: parsed(row, "id")?, seq: row.try_get("seq")?, hash: row.try_get("hash")? })
}
