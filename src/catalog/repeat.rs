//! Deliveries that are made again: of events, and of what was given up.

use super::database::in_order;
use super::row::now;
use super::statement::{Statement, sql};
use super::webhooks::{COLUMNS, delivery};
use super::{Catalog, Delivery, Error};
use crate::id::{EventId, RecordingId};
use crate::time::WallTime;

/// Which deliveries to repeat. Empty members do not restrict.
#[derive(Clone, Debug, Default)]
pub struct Replay {
    /// These events.
    pub events: Vec<EventId>,
    /// Of this recording.
    pub recording: Option<RecordingId>,
    /// From this sequence number on.
    pub from_sequence: Option<u64>,
    /// Up to this one.
    pub to_sequence: Option<u64>,
    /// Written at or after.
    pub from: Option<WallTime>,
    /// Written before.
    pub to: Option<WallTime>,
}

/// Which dead deliveries. Empty members do not restrict.
#[derive(Clone, Debug, Default)]
pub struct DeadFilter {
    /// These.
    pub ids: Vec<i64>,
    /// Of this recording.
    pub recording: Option<RecordingId>,
    /// Behind this one.
    pub after: Option<i64>,
}

impl Catalog {
    /// Tells events again to all targets of theirs that still want any: behind what these are still to be told. How
    /// many deliveries that are; at most `limit`.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn replay(&self, which: &Replay, limit: u32) -> Result<u64, Error> {
        let mut insert = sql(
            "INSERT INTO webhook_deliveries (target_id, recording_id, position, state, created_at, due_at)
             SELECT t.id, e.recording_id, e.position, 'pending', ",
        );
        insert.push_bind(now()).push(", ").push_bind(now());
        insert.push(
            " FROM events e JOIN webhook_targets t ON (t.recording_id = e.recording_id OR t.recording_id IS NULL)
             WHERE t.ended_at IS NULL AND (t.types IS NULL OR t.types LIKE '%,' || e.type || ',%')",
        );
        if !which.events.is_empty() {
            insert.push(" AND e.id").push_in(which.events.iter().map(ToString::to_string));
        }
        if let Some(recording) = which.recording {
            insert.push(" AND e.recording_id = ").push_bind(recording.to_string());
        }
        let bound = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        for (condition, value) in [
            (" AND e.sequence >= ", which.from_sequence.map(bound)),
            (" AND e.sequence <= ", which.to_sequence.map(bound)),
            (" AND e.at >= ", which.from.map(|at| at.0)),
            (" AND e.at < ", which.to.map(|at| at.0)),
        ] {
            if let Some(value) = value {
                insert.push(condition).push_bind(value);
            }
        }
        insert.push(" ORDER BY e.position, t.id LIMIT ").push_bind(i64::from(limit));
        let mut change = self.begin().await?;
        in_order(&mut change).await?;
        let queued = insert.execute(&mut *change).await?;
        change.commit().await?;
        self.webhooks_changed();
        Ok(queued)
    }

    /// Deliveries that were given up, oldest first.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn dead_deliveries(&self, filter: &DeadFilter, limit: u32) -> Result<Vec<Delivery>, Error> {
        let mut select = sql(COLUMNS);
        select.push("WHERE d.state = 'dead'");
        restrict(&mut select, filter, "d.");
        select.push(" ORDER BY d.id LIMIT ").push_bind(i64::from(limit));
        let rows = select.fetch_all(&self.reader).await?;
        rows.iter().map(delivery).collect()
    }

    /// Tries dead deliveries again, in their old places; targets that had ended are tried again too. How many.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn redeliver(&self, filter: &DeadFilter) -> Result<u64, Error> {
        let mut change = self.begin().await?;
        let mut targets = sql("UPDATE webhook_targets SET ended_at = NULL WHERE id IN
                    (SELECT target_id FROM webhook_deliveries WHERE state = 'dead'");
        restrict(&mut targets, filter, "");
        targets.push(")");
        targets.execute(&mut *change).await?;
        let mut update = sql(
            "UPDATE webhook_deliveries SET state = 'pending', attempts = 0, ended_at = NULL, claimed_by = NULL,
                    created_at = ",
        );
        update.push_bind(now()).push(", due_at = ").push_bind(now()).push(" WHERE state = 'dead'");
        restrict(&mut update, filter, "");
        let queued = update.execute(&mut *change).await?;
        change.commit().await?;
        self.webhooks_changed();
        Ok(queued)
    }
}

fn restrict(query: &mut Statement, filter: &DeadFilter, table: &'static str) {
    if !filter.ids.is_empty() {
        query.push(" AND ").push(table).push("id").push_in(filter.ids.iter().copied());
    }
    if let Some(recording) = filter.recording {
        query.push(" AND ").push(table).push("recording_id = ").push_bind(recording.to_string());
    }
    if let Some(after) = filter.after {
        query.push(" AND ").push(table).push("id > ").push_bind(after);
    }
}
