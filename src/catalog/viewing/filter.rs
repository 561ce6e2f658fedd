//! Finding viewing sessions.

use super::row::{Viewing, Watcher, viewing};
use crate::catalog::row::wall_option;
use crate::catalog::statement::sql;
use crate::catalog::{Catalog, Error};
use crate::id::RecordingId;
use crate::time::WallTime;
use sqlx::Row as _;

/// Which sessions. Empty members do not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ViewingFilter {
    /// Of this recording.
    pub recording: Option<RecordingId>,
    /// Of these viewers; of an empty list of them there is none.
    pub watchers: Option<Vec<Watcher>>,
    /// Begun at or after.
    pub from: Option<WallTime>,
    /// Begun before.
    pub to: Option<WallTime>,
}

/// Sums over the sessions of a recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ViewingSums {
    /// How many sessions.
    pub sessions: u64,
    /// How many viewers. Who asked not to be tracked is one in each session.
    pub viewers: u64,
    /// Media that they watched in all.
    pub played_ms: i64,
    /// Their last event.
    pub last_at: Option<WallTime>,
}

impl Catalog {
    /// Sessions, those that began last first.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn viewings(&self, filter: &ViewingFilter, limit: u32) -> Result<Vec<Viewing>, Error> {
        let mut query = sql("SELECT * FROM view_sessions WHERE 1 = 1");
        if let Some(recording) = filter.recording {
            query.push(" AND recording_id = ").push_bind(recording.to_string());
        }
        match filter.watchers.as_deref() {
            Some([]) => return Ok(Vec::new()),
            Some(watchers) => {
                query.push(" AND viewer").push_in(watchers.iter().map(Watcher::text));
            }
            None => {}
        }
        for (condition, at) in [(" AND first_at >= ", filter.from), (" AND first_at < ", filter.to)] {
            if let Some(at) = at {
                query.push(condition).push_bind(at.0);
            }
        }
        query.push(" ORDER BY first_at DESC, id DESC LIMIT ").push_bind(i64::from(limit));
        query.fetch_all(&self.reader).await?.iter().map(viewing).collect()
    }

    /// Whether there is a session of this client.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn has_viewing(
        &self,
        recording: RecordingId,
        watcher: &Watcher,
        client: &str,
    ) -> Result<bool, Error> {
        let found =
            sql("SELECT id FROM view_sessions WHERE recording_id = $1 AND viewer = $2 AND client_id = $3")
                .bind(recording.to_string())
                .bind(watcher.text())
                .bind(client)
                .fetch_optional(&self.reader)
                .await?;
        Ok(found.is_some())
    }

    /// Sums over all sessions of a recording.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn viewing_sums(&self, recording: RecordingId) -> Result<ViewingSums, Error> {
        let row = sql("SELECT COUNT(*) AS sessions,
                 COUNT(DISTINCT CASE WHEN viewer = 'n' THEN CAST(id AS TEXT) ELSE viewer END) AS viewers,
                 CAST(COALESCE(SUM(played_ms), 0) AS BIGINT) AS played_ms, MAX(last_at) AS last_at
             FROM view_sessions WHERE recording_id = $1")
        .bind(recording.to_string())
        .fetch_one(&self.reader)
        .await?;
        let count = |column| Ok::<u64, Error>(row.try_get::<i64, _>(column)?.unsigned_abs());
        Ok(ViewingSums {
            sessions: count("sessions")?,
            viewers: count("viewers")?,
            played_ms: row.try_get("played_ms")?,
            last_at: wall_option(&row, "last_at")?,
        })
    }
}
