//! Adding rows: one transaction for all of a batch, its sums, what it opens and what it ends. Of a single row that is one
//! statement, by the view `audit_append`: the way to the database and back costs more than what is done there.

use super::sums::Sums;
use super::{AuditHead, AuditRow, ChainNumber};
use crate::catalog::row::Connection;
use crate::catalog::statement::{Statement, sql};
use crate::catalog::{Catalog, Error};

/// Rows of one chain that follow each other.
#[derive(Clone, Copy, Debug)]
pub struct AuditBatch<'a> {
    /// Their chain.
    pub chain: ChainNumber,
    /// The rows.
    pub rows: &'a [AuditRow],
    /// Sessions, of other chains, that these rows end.
    pub ends: &'a [String],
}

/// Rows of one statement. Of each number of rows there would be another statement to prepare: so there are two.
const MANY: usize = 16;

impl Catalog {
    /// Adds rows to a chain. When it returns they are durable.
    ///
    /// # Errors
    /// [`Error::Database`], also when there is a row of one of these numbers.
    pub async fn append_audit(&self, batch: AuditBatch<'_>) -> Result<(), Error> {
        if let ([row], []) = (batch.rows, batch.ends) {
            put("audit_append", batch.chain, std::slice::from_ref(row)).execute(&self.writer).await?;
            return Ok(());
        }
        let mut all = self.begin().await?;
        for rows in batch.rows.chunks(MANY) {
            if rows.len() == MANY {
                put("audit_rows", batch.chain, rows).execute(&mut *all).await?;
            } else {
                for row in rows {
                    let row = std::slice::from_ref(row);
                    put("audit_rows", batch.chain, row).execute(&mut *all).await?;
                }
            }
        }
        let mut sums = Sums::default();
        for row in batch.rows {
            sums.add(row, 1);
            match (row.phase.as_str(), &row.session_id) {
                ("start", Some(session)) => {
                    sql("INSERT INTO audit_open (session_id, chain, seq) VALUES ($1, $2, $3)")
                        .bind(session)
                        .bind(batch.chain.0)
                        .bind(row.seq)
                        .execute(&mut *all)
                        .await?;
                }
                ("end", Some(session)) => close(&mut all, session).await?,
                _ => {}
            }
        }
        for session in batch.ends {
            close(&mut all, session).await?;
        }
        sums.write(&mut all).await?;
        all.commit().await?;
        Ok(())
    }

    /// Keeps a head.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn add_audit_head(&self, chain: ChainNumber, head: &AuditHead) -> Result<(), Error> {
        put_head(chain, head).execute(&self.writer).await?;
        Ok(())
    }
}

pub(super) fn put_head(chain: ChainNumber, head: &AuditHead) -> Statement {
    sql("INSERT INTO audit_heads (chain, seq, hash, at, kind, key, signature) VALUES ($1, $2, $3, $4, $5, $6, $7)")
        .bind(chain.0)
        .bind(head.seq)
        .bind(head.hash.as_slice())
        .bind(head.at.0)
        .bind(head.kind.as_str())
        .bind(head.key.as_slice())
        .bind(head.signature.as_slice())
}

async fn close(on: &mut Connection, session: &str) -> Result<(), Error> {
    sql("DELETE FROM audit_open WHERE session_id = $1").bind(session).execute(on).await?;
    Ok(())
}

fn put(table: &'static str, chain: ChainNumber, rows: &[AuditRow]) -> Statement {
    let mut insert = sql("INSERT INTO ");
    insert.push(table).push(
        " (chain, seq, prev_hash, hash, at, action, phase, result, status, role,
            recording_id, room_id, session_id, share_id, request_id, route, bytes, duration_micros, detail, who,
            who_seal, address, user_agent, place_seal, target, target_seal) VALUES (",
    );
    for (index, row) in rows.iter().enumerate() {
        if index > 0 {
            insert.push("), (");
        }
        insert.push_bind(chain.0).push(", ").push_bind(row.seq).push(", ");
        insert.push_bind(row.prev_hash.as_slice()).push(", ").push_bind(row.hash.as_slice()).push(", ");
        insert.push_bind(row.at.0);
        for text in [&row.action, &row.phase, &row.result] {
            insert.push(", ").push_bind(text.as_str());
        }
        insert.push(", ").push_bind(row.status).push(", ").push_bind(row.role.as_str());
        let options =
            [&row.recording_id, &row.room_id, &row.session_id, &row.share_id, &row.request_id, &row.route];
        for text in options {
            insert.push(", ").push_bind(text.as_deref());
        }
        insert.push(", ").push_bind(row.bytes).push(", ").push_bind(row.duration_micros);
        insert.push(", ").push_bind(row.detail.as_str()).push(", ").push_bind(row.who.as_deref());
        insert.push(", ").push_bind(row.who_seal.as_deref()).push(", ").push_bind(row.address.as_deref());
        insert
            .push(", ")
            .push_bind(row.user_agent.as_deref())
            .push(", ")
            .push_bind(row.place_seal.as_deref());
        insert.push(", ").push_bind(row.target.as_deref()).push(", ").push_bind(row.target_seal.as_deref());
    }
    insert.push(")");
    insert
}
