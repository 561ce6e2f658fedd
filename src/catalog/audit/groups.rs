//! Counts of rows by what they have in common: from the sums by day where these know it, else from the rows.

use super::AuditFilter;
use super::sums::{ALL_DAYS, DAY};
use crate::catalog::row::Row;
use crate::catalog::statement::{Statement, sql};
use crate::catalog::{Catalog, Error};
use sqlx::Row as _;

/// By what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditGrouping {
    /// What was done.
    Action,
    /// By whom. Rows without, and of those who were erased, have none.
    Actor,
    /// What came of it.
    Result,
    /// On which recording.
    Recording,
    /// In which room.
    Room,
    /// From where.
    Address,
    /// On which day, in UTC.
    Day,
}

/// Rows with one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditGroup {
    /// The value. A day is its number since 1970.
    pub value: Option<String>,
    /// The rows.
    pub entries: u64,
    /// The bytes that they tell of.
    pub bytes: u64,
}

impl AuditGrouping {
    fn column(self) -> &'static str {
        match self {
            Self::Action => "r.action",
            Self::Actor => "r.who",
            Self::Result => "r.result",
            Self::Recording => "r.recording_id",
            Self::Room => "r.room_id",
            Self::Address => "r.address",
            Self::Day => "CAST(r.at / 86400000000 AS TEXT)",
        }
    }

    /// Whether the sums by day know this grouping of this filter.
    #[must_use]
    pub fn is_summed(self, filter: &AuditFilter) -> bool {
        let narrow = filter.is_narrow();
        let by_action = filter.action.is_some() || filter.result.is_some() || filter.phase.is_some();
        match self {
            Self::Action | Self::Result | Self::Day => !narrow,
            Self::Actor => !narrow && !by_action,
            Self::Recording | Self::Room | Self::Address => false,
        }
    }

    /// From which table of sums, and by which column.
    fn sums(self) -> (&'static str, &'static str) {
        match self {
            Self::Actor => ("audit_actors", "s.who"),
            Self::Result => ("audit_actions", "s.result"),
            Self::Day => ("audit_actions", "CAST(s.day AS TEXT)"),
            _ => ("audit_actions", "s.action"),
        }
    }
}

impl Catalog {
    /// The largest groups of the rows that match.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn audit_groups(
        &self,
        filter: &AuditFilter,
        by: AuditGrouping,
        limit: u32,
    ) -> Result<Vec<AuditGroup>, Error> {
        if let Some(day) = one_day(filter).filter(|_| by == AuditGrouping::Actor && by.is_summed(filter)) {
            return self.actors_of(day, limit).await;
        }
        let mut query =
            sql("SELECT value, CAST(SUM(entries) AS BIGINT) AS entries, CAST(SUM(bytes) AS BIGINT) AS bytes
                             FROM (");
        if by.is_summed(filter) {
            summed(&mut query, filter, by);
        } else {
            counted(&mut query, filter, by);
        }
        query.push(") parts GROUP BY value ORDER BY 2 DESC, 1 LIMIT ").push_bind(i64::from(limit));
        query.fetch_all(&self.reader).await?.iter().map(group).collect()
    }

    /// Of one day there is one sum for each actor: there may be as many as people, so they are not grouped again.
    async fn actors_of(&self, day: i64, limit: u32) -> Result<Vec<AuditGroup>, Error> {
        let mut query =
            sql("SELECT s.who AS value, s.entries, s.bytes FROM audit_actors s WHERE s.entries > 0");
        query.push(" AND s.day = ").push_bind(day);
        query.push(" ORDER BY s.entries DESC, s.who LIMIT ").push_bind(i64::from(limit));
        query.fetch_all(&self.reader).await?.iter().map(group).collect()
    }
}

/// The day that a filter is of: all of it and nothing else. Without a span it is all days together.
fn one_day(filter: &AuditFilter) -> Option<i64> {
    match (filter.from, filter.to) {
        (None, None) => Some(ALL_DAYS),
        (Some(from), Some(to)) if from.0 % DAY == 0 && to.since(from) == DAY => Some(from.0 / DAY),
        _ => None,
    }
}

/// Whole days from the sums, and what is before and behind them from the rows.
fn summed(query: &mut Statement, filter: &AuditFilter, by: AuditGrouping) {
    let first = filter.from.map(|from| -((-from.0).div_euclid(DAY)));
    let end = filter.to.map(|to| to.0.div_euclid(DAY));
    let (table, column) = by.sums();
    query
        .push("SELECT ")
        .push(column)
        .push(" AS value, s.entries, s.bytes FROM ")
        .push(table)
        .push(" s WHERE ");
    match (first, end) {
        (None, None) if by != AuditGrouping::Day => {
            query.push("s.day = ").push_bind(ALL_DAYS);
        }
        _ => {
            query.push("s.day >= ").push_bind(first.unwrap_or(0).max(0));
            query.push(" AND s.day < ").push_bind(end.unwrap_or(i64::MAX));
        }
    }
    for (text, value) in [
        (" AND s.action = ", filter.action),
        (" AND s.result = ", filter.result),
        (" AND s.phase = ", filter.phase),
    ] {
        if let Some(value) = value {
            query.push(text).push_bind(value);
        }
    }
    let micros = |day: i64| crate::time::WallTime(day.saturating_mul(DAY));
    let mut parts = Vec::new();
    match (filter.from, filter.to, first, end) {
        // Both lie in one day.
        (Some(_), Some(_), Some(first), Some(end)) if first > end => parts.push(filter.clone()),
        (from, to, first, end) => {
            if let (Some(_), Some(first)) = (from.filter(|from| from.0 % DAY != 0), first) {
                parts.push(AuditFilter { to: Some(micros(first)), ..filter.clone() });
            }
            if let (Some(_), Some(end)) = (to.filter(|to| to.0 % DAY != 0), end) {
                parts.push(AuditFilter { from: Some(micros(end)), ..filter.clone() });
            }
        }
    }
    for part in parts {
        query.push(" UNION ALL ");
        counted(query, &part, by);
    }
}

fn counted(query: &mut Statement, filter: &AuditFilter, by: AuditGrouping) {
    query.push("SELECT ").push(by.column()).push(" AS value, 1 AS entries, COALESCE(r.bytes, 0) AS bytes");
    query.push(" FROM audit_rows r WHERE 1 = 1");
    if by == AuditGrouping::Actor {
        query.push(" AND r.who IS NOT NULL");
    }
    filter.restrict(query);
}

fn group(row: &Row) -> Result<AuditGroup, Error> {
    let number = |column| Ok::<u64, Error>(u64::try_from(row.try_get::<i64, _>(column)?).unwrap_or(0));
    Ok(AuditGroup { value: row.try_get("value")?, entries: number("entries")?, bytes: number("bytes")? })
}
