//! Tables `webhook_targets` and `webhook_deliveries`: who is to be told of which event, and what came of it.

use super::events::event;
use super::row::{Connection, Row, integer, now, parsed, wall, wall_option};
use super::statement::sql;
use super::{Catalog, Error, Event, EventKind, NewTarget};
use crate::id::{RecordingId, TargetId};
use crate::time::WallTime;
use sqlx::Row as _;

/// The target of the configuration. There is one at most, and it keeps its rows when its address changes.
const CONFIGURED: TargetId = TargetId(uuid::Uuid::nil());

/// An event on its way to one target.
#[derive(Clone, PartialEq)]
pub struct Delivery {
    /// Grows; the order within one target and recording.
    pub id: i64,
    /// Who is told.
    pub target: TargetId,
    /// Where to.
    pub url: String,
    /// Signs it.
    pub secret: Option<String>,
    /// What.
    pub event: Event,
    /// Attempts that failed.
    pub attempts: u32,
    /// Since when it is to be delivered.
    pub created_at: WallTime,
    /// Not before.
    pub due_at: WallTime,
    /// When it was given up.
    pub ended_at: Option<WallTime>,
    /// The HTTP status of the last attempt.
    pub status: Option<u16>,
    /// Why the last attempt failed.
    pub error: Option<String>,
}

impl Delivery {
    /// It goes to the target of the configuration.
    #[must_use]
    pub fn is_configured(&self) -> bool {
        self.target == CONFIGURED
    }
}

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// In words.
    pub error: String,
}

pub(super) const COLUMNS: &str = "SELECT e.*, d.id AS delivery, d.target_id, d.attempts, d.created_at, d.due_at, d.ended_at,
        d.status, d.error, t.url, t.secret
    FROM webhook_deliveries d JOIN webhook_targets t ON t.id = d.target_id JOIN events e ON e.position = d.position ";

pub(super) async fn put_target(
    change: &mut Connection,
    recording: RecordingId,
    new: &NewTarget,
) -> Result<(), Error> {
    sql("INSERT INTO webhook_targets (id, recording_id, url, secret, types, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)")
    .bind(TargetId::new().to_string())
    .bind(recording.to_string())
    .bind(&new.url)
    .bind(new.secret.as_deref())
    .bind(types(&new.kinds))
    .bind(now())
    .execute(change)
    .await?;
    Ok(())
}

/// Between commas, so that each name can be found with both of its ends.
fn types(kinds: &[EventKind]) -> Option<String> {
    let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
    (!names.is_empty()).then(|| format!(",{},", names.join(",")))
}

impl Catalog {
    /// A recording's own targets are these, in any order.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn has_targets(&self, recording: RecordingId, wanted: &[NewTarget]) -> Result<bool, Error> {
        let rows = sql("SELECT url, secret, types FROM webhook_targets WHERE recording_id = $1")
            .bind(recording.to_string())
            .fetch_all(&self.reader)
            .await?;
        let mut kept: Vec<(String, Option<String>, Option<String>)> = Vec::new();
        for row in &rows {
            kept.push((row.try_get("url")?, row.try_get("secret")?, row.try_get("types")?));
        }
        let mut wanted: Vec<_> =
            wanted.iter().map(|one| (one.url.clone(), one.secret.clone(), types(&one.kinds))).collect();
        kept.sort_unstable();
        wanted.sort_unstable();
        Ok(kept == wanted)
    }

    /// The target of the configuration, which is told of every recording; `None` when there is none any more. What it
    /// has not been told yet stays.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn configure_webhook(&self, url: Option<&str>) -> Result<(), Error> {
        let Some(url) = url else {
            sql("UPDATE webhook_targets SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL")
                .bind(CONFIGURED.to_string())
                .bind(now())
                .execute(&self.writer)
                .await?;
            return Ok(());
        };
        sql("INSERT INTO webhook_targets (id, url, created_at) VALUES ($1, $2, $3)
             ON CONFLICT (id) DO UPDATE SET url = excluded.url, ended_at = NULL")
        .bind(CONFIGURED.to_string())
        .bind(url)
        .bind(now())
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// The first pending delivery of each target and recording, unless another process tries it, the most urgent first:
    /// only these may be tried. At most `limit`, and of each target `per_target`, so that one for which much waits hides
    /// no other.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn next_deliveries(&self, limit: u32, per_target: u32) -> Result<Vec<Delivery>, Error> {
        let mut select = sql(COLUMNS);
        select.push(
            "WHERE d.id IN
                (SELECT id FROM
                    (SELECT id, ROW_NUMBER() OVER (PARTITION BY target_id ORDER BY due_at, id) AS place
                     FROM webhook_deliveries
                     WHERE id IN (SELECT MIN(id) FROM webhook_deliveries WHERE state = 'pending'
                                  GROUP BY target_id, recording_id)
                           AND (claimed_by IS NULL OR claimed_by NOT IN (SELECT id FROM recorders) OR claimed_by = ",
        );
        select.push_bind(self.recorder()).push(")) AS lanes WHERE place <= ");
        select.push_bind(i64::from(per_target)).push(") ORDER BY d.due_at, d.id LIMIT ");
        select.push_bind(i64::from(limit));
        let rows = select.fetch_all(&self.reader).await?;
        rows.iter().map(delivery).collect()
    }

    /// This process tries a delivery from now on: `false` when another one does, or it is settled. What a process claimed
    /// is free again when it is gone.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn claim_delivery(&self, id: i64) -> Result<bool, Error> {
        let claimed = sql("UPDATE webhook_deliveries SET claimed_by = $2
             WHERE id = $1 AND state = 'pending' AND (claimed_by IS NULL OR claimed_by = $2
                                                      OR claimed_by NOT IN (SELECT id FROM recorders))")
        .bind(id)
        .bind(self.recorder())
        .execute(&self.writer)
        .await?;
        Ok(claimed > 0)
    }

    /// It was taken.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn delivered(&self, id: i64, status: u16, at: WallTime) -> Result<(), Error> {
        sql(
            "UPDATE webhook_deliveries SET state = 'delivered', attempts = attempts + 1, status = $2, error = NULL,
                    ended_at = $3 WHERE id = $1",
        )
        .bind(id)
        .bind(i64::from(status))
        .bind(at.0)
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// It was not taken: again at `due`, or, without that, never.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn not_delivered(
        &self,
        id: i64,
        failure: &Failure,
        at: WallTime,
        due: Option<WallTime>,
    ) -> Result<(), Error> {
        sql("UPDATE webhook_deliveries SET state = $2, attempts = attempts + 1, status = $3, error = $4,
                    ended_at = $5, due_at = COALESCE($6, due_at), claimed_by = NULL WHERE id = $1")
        .bind(id)
        .bind(if due.is_some() { "pending" } else { "dead" })
        .bind(failure.status.map(i64::from))
        .bind(&failure.error)
        .bind(if due.is_some() { None } else { Some(at.0) })
        .bind(due.map(|due| due.0))
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// A target wants nothing any more: what it was still to be told is dead. How many these were.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn end_target(&self, target: TargetId, failure: &Failure, at: WallTime) -> Result<u64, Error> {
        let mut change = self.begin().await?;
        sql("UPDATE webhook_targets SET ended_at = $2 WHERE id = $1")
            .bind(target.to_string())
            .bind(at.0)
            .execute(&mut *change)
            .await?;
        let dead = sql("UPDATE webhook_deliveries SET state = 'dead', status = $2, error = $3, ended_at = $4
             WHERE target_id = $1 AND state = 'pending'")
        .bind(target.to_string())
        .bind(failure.status.map(i64::from))
        .bind(&failure.error)
        .bind(at.0)
        .execute(&mut *change)
        .await?;
        change.commit().await?;
        Ok(dead)
    }

    /// How many deliveries are pending, and how many are dead.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn delivery_counts(&self) -> Result<(u64, u64), Error> {
        let row = sql("SELECT (SELECT COUNT(*) FROM webhook_deliveries WHERE state = 'pending') AS pending,
                    (SELECT COUNT(*) FROM webhook_deliveries WHERE state = 'dead') AS dead")
        .fetch_one(&self.reader)
        .await?;
        Ok((integer(&row, "pending")?, integer(&row, "dead")?))
    }

    /// There may be something to deliver without a new event.
    pub(super) fn webhooks_changed(&self) {
        self.events.send_modify(|_| {});
    }
}

pub(super) fn delivery(row: &Row) -> Result<Delivery, Error> {
    Ok(Delivery {
        id: row.try_get("delivery")?,
        target: parsed(row, "target_id")?,
        url: row.try_get("url")?,
        secret: row.try_get("secret")?,
        event: event(row)?,
        attempts: integer(row, "attempts")?,
        created_at: wall(row, "created_at")?,
        due_at: wall(row, "due_at")?,
        ended_at: wall_option(row, "ended_at")?,
        status: row.try_get::<Option<i64>, _>("status")?.and_then(|status| u16::try_from(status).ok()),
        error: row.try_get("error")?,
    })
}
