//! Pages of the audit, newest first.

use super::read::{COLUMNS, row, select};
use super::{AuditCursor, AuditFilter, AuditRow};
use crate::catalog::database::Dialect;
use crate::catalog::list::{COUNTED, Total};
use crate::catalog::row::{Row, signed};
use crate::catalog::statement::{Statement, sql};
use crate::catalog::{Catalog, Error};
use sqlx::Row as _;

/// A row, and its number over all chains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The number.
    pub id: i64,
    /// The row.
    pub row: AuditRow,
}

/// One page.
#[derive(Clone, Debug)]
pub struct AuditPage {
    /// Its rows.
    pub rows: Vec<AuditRow>,
    /// For the next page, when there is one.
    pub next: Option<AuditCursor>,
}

impl Catalog {
    /// Rows that match, newest first.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn audit_page(
        &self,
        filter: &AuditFilter,
        cursor: Option<AuditCursor>,
        limit: u32,
    ) -> Result<AuditPage, Error> {
        let query = page(select(), filter, cursor, limit);
        let found = query.fetch_all(&self.reader).await?;
        let more = found.len() > limit as usize;
        let last = found.iter().take(limit as usize).next_back();
        let next = match last.filter(|_| more) {
            Some(row) => {
                Some(AuditCursor { at: crate::time::WallTime(row.try_get("at")?), id: row.try_get("id")? })
            }
            None => None,
        };
        let rows = found.iter().take(limit as usize).map(row).collect::<Result<_, _>>()?;
        Ok(AuditPage { rows, next })
    }

    /// How the database finds a page: its plan, line by line.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn audit_plan(&self, filter: &AuditFilter, limit: u32) -> Result<Vec<String>, Error> {
        let sqlite = self.dialect == Dialect::Sqlite;
        let mut explain = sql(if sqlite { "EXPLAIN QUERY PLAN " } else { "EXPLAIN " });
        explain.push("SELECT ").push(COLUMNS);
        let plan = page(explain, filter, None, limit).fetch_all(&self.reader).await?;
        let line = |row: &Row| Ok(row.try_get("detail").or_else(|_| row.try_get(0))?);
        plan.iter().map(line).collect()
    }

    /// How many rows match.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn audit_total(&self, filter: &AuditFilter) -> Result<Total, Error> {
        let mut query = sql("SELECT COUNT(*) AS total FROM (SELECT 1 AS one FROM audit_rows r WHERE 1 = 1");
        filter.restrict(&mut query);
        query.push(" LIMIT ").push_bind(signed(COUNTED + 1)).push(") matching");
        let total: i64 = query.fetch_one(&self.reader).await?.try_get("total")?;
        Ok(Total::of(total.unsigned_abs()))
    }
}

/// One row more than asked for tells whether there is a next page.
fn page(mut query: Statement, filter: &AuditFilter, cursor: Option<AuditCursor>, limit: u32) -> Statement {
    query.push(" FROM audit_rows r WHERE 1 = 1");
    filter.restrict(&mut query);
    if let Some(cursor) = cursor {
        query.push(" AND (r.at, r.id) < (").push_bind(cursor.at.0).push(", ").push_bind(cursor.id).push(")");
    }
    query.push(" ORDER BY r.at DESC, r.id DESC LIMIT ").push_bind(i64::from(limit) + 1);
    query
}
