//! Tables `audit_actions` and `audit_actors`: sums by day, kept in the transaction of the rows that they are of.

use super::AuditRow;
use crate::catalog::Error;
use crate::catalog::row::Connection;
use crate::catalog::statement::sql;
use std::collections::BTreeMap;

/// Microseconds of a day.
pub(super) const DAY: i64 = 86_400_000_000;
/// Stands for all days.
pub(super) const ALL_DAYS: i64 = -1;

/// Rows, and the bytes that they tell of.
#[derive(Clone, Copy, Default)]
struct Sum {
    rows: i64,
    bytes: i64,
}

/// What some rows add to the sums. In order, so that two processes that write at one time lock in the same order.
#[derive(Default)]
pub(super) struct Sums<'a> {
    actions: BTreeMap<(i64, &'a str, &'a str, &'a str), Sum>,
    actors: BTreeMap<(i64, &'a str), Sum>,
}

impl<'a> Sums<'a> {
    /// Adds a row, or takes it away with `sign` -1.
    pub(super) fn add(&mut self, row: &'a AuditRow, sign: i64) {
        let bytes = row.bytes.unwrap_or(0).saturating_mul(sign);
        for day in [ALL_DAYS, row.at.0.div_euclid(DAY)] {
            let action = self.actions.entry((day, &row.action, &row.result, &row.phase)).or_default();
            action.rows += sign;
            action.bytes = action.bytes.saturating_add(bytes);
        }
        if let Some(who) = &row.who {
            self.add_actor(row.at.0, who, sign, bytes);
        }
    }

    /// What a row adds to the sums of the one who did it.
    pub(super) fn add_actor(&mut self, at: i64, who: &'a str, rows: i64, bytes: i64) {
        for day in [ALL_DAYS, at.div_euclid(DAY)] {
            let actor = self.actors.entry((day, who)).or_default();
            actor.rows += rows;
            actor.bytes = actor.bytes.saturating_add(bytes);
        }
    }

    pub(super) async fn write(self, on: &mut Connection) -> Result<(), Error> {
        for ((day, action, result, phase), sum) in self.actions {
            sql("INSERT INTO audit_actions (day, action, result, phase, entries, bytes)
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (day, action, result, phase) DO UPDATE
                 SET entries = audit_actions.entries + excluded.entries, bytes = audit_actions.bytes + excluded.bytes")
            .bind(day)
            .bind(action)
            .bind(result)
            .bind(phase)
            .bind(sum.rows)
            .bind(sum.bytes)
            .execute(&mut *on)
            .await?;
        }
        for ((day, who), sum) in self.actors {
            sql("INSERT INTO audit_actors (day, who, entries, bytes) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (day, who) DO UPDATE
                 SET entries = audit_actors.entries + excluded.entries, bytes = audit_actors.bytes + excluded.bytes")
            .bind(day)
            .bind(who)
            .bind(sum.rows)
            .bind(sum.bytes)
            .execute(&mut *on)
            .await?;
        }
        Ok(())
    }
}

/// Removes sums of nothing.
pub(super) async fn sweep(on: &mut Connection) -> Result<(), Error> {
    sql("DELETE FROM audit_actions WHERE entries <= 0").execute(&mut *on).await?;
    sql("DELETE FROM audit_actors WHERE entries <= 0").execute(&mut *on).await?;
    Ok(())
}
