//! What somebody watched: one entry for each recording.

use super::row::{Viewing, Watcher, viewing};
use crate::catalog::row::{Row, integer, parsed, wall};
use crate::catalog::statement::sql;
use crate::catalog::{Catalog, Error, NotACursor, Viewer, viewer};
use crate::id::RecordingId;
use crate::time::WallTime;
use sqlx::Row as _;
use std::fmt;
use std::str::FromStr;

/// Whose, and what of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryFilter {
    /// Who watched, by all that they are known as; of an empty list there is nothing.
    pub watchers: Vec<Watcher>,
    /// Of this recording alone.
    pub recording: Option<RecordingId>,
    /// Of recordings that this one may see.
    pub viewer: Viewer,
}

/// A recording that was watched. Hidden ones are not among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Which.
    pub recording: RecordingId,
    /// Of which room.
    pub room_id: String,
    /// For people.
    pub title: String,
    /// The last event.
    pub last_at: WallTime,
    /// How often it was watched.
    pub sessions: u64,
}

/// The last entry of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryCursor {
    /// When it was watched last.
    pub last_at: WallTime,
    /// Which recording.
    pub recording: RecordingId,
}

impl fmt::Display for HistoryCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.last_at.0, self.recording)
    }
}

impl FromStr for HistoryCursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let (last_at, recording) = text.split_once('.').ok_or(NotACursor)?;
        let last_at = WallTime(last_at.parse().map_err(|_| NotACursor)?);
        Ok(Self { last_at, recording: recording.parse().map_err(|_| NotACursor)? })
    }
}

/// One page, what was watched last first.
#[derive(Clone, Debug)]
pub struct HistoryPage {
    /// Its entries.
    pub rows: Vec<Watched>,
    /// For the next page, when there is one.
    pub next: Option<HistoryCursor>,
}

impl Catalog {
    /// Recordings that somebody watched, the last first.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn viewing_history(
        &self,
        filter: &HistoryFilter,
        cursor: Option<HistoryCursor>,
        limit: u32,
    ) -> Result<HistoryPage, Error> {
        if filter.watchers.is_empty() {
            return Ok(HistoryPage { rows: Vec::new(), next: None });
        }
        // The viewer's own sessions are found by an index; there are not so many that their sums would take long.
        let mut query = sql("SELECT r.id, r.room_id, r.title, w.last_at, w.sessions
             FROM (SELECT s.recording_id, MAX(s.last_at) AS last_at, COUNT(*) AS sessions
                   FROM view_sessions s WHERE s.viewer");
        query.push_in(filter.watchers.iter().map(Watcher::text));
        if let Some(recording) = filter.recording {
            query.push(" AND s.recording_id = ").push_bind(recording.to_string());
        }
        query.push(
            " GROUP BY s.recording_id) w
             JOIN recordings r ON r.id = w.recording_id WHERE r.status <> 'deleted'",
        );
        viewer::restrict(&mut query, "r.id", &filter.viewer);
        if let Some(cursor) = cursor {
            query.push(" AND (w.last_at, r.id) < (").push_bind(cursor.last_at.0);
            query.push(", ").push_bind(cursor.recording.to_string()).push(")");
        }
        query.push(" ORDER BY w.last_at DESC, r.id DESC LIMIT ").push_bind(i64::from(limit) + 1);
        let found = query.fetch_all(&self.reader).await?;
        let mut rows = found.iter().map(watched).collect::<Result<Vec<_>, _>>()?;
        let more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let last = rows.last().map(|row| HistoryCursor { last_at: row.last_at, recording: row.recording });
        Ok(HistoryPage { rows, next: last.filter(|_| more) })
    }

    /// Sessions in which somebody watched these recordings, behind this one, by their numbers.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn viewings_of(
        &self,
        watchers: &[Watcher],
        recordings: &[RecordingId],
        after: i64,
        limit: u32,
    ) -> Result<Vec<Viewing>, Error> {
        if watchers.is_empty() || recordings.is_empty() {
            return Ok(Vec::new());
        }
        let mut query = sql("SELECT * FROM view_sessions WHERE viewer");
        query.push_in(watchers.iter().map(Watcher::text)).push(" AND recording_id");
        query.push_in(recordings.iter().map(RecordingId::to_string));
        query.push(" AND id > ").push_bind(after).push(" ORDER BY id LIMIT ").push_bind(i64::from(limit));
        query.fetch_all(&self.reader).await?.iter().map(viewing).collect()
    }
}

fn watched(row: &Row) -> Result<Watched, Error> {
    Ok(Watched {
        recording: parsed(row, "id")?,
        room_id: row.try_get("room_id")?,
        title: row.try_get("title")?,
        last_at: wall(row, "last_at")?,
        sessions: integer(row, "sessions")?,
    })
}
