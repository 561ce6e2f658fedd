//! Who watches now.

use crate::catalog::row::integer;
use crate::catalog::statement::sql;
use crate::catalog::{Catalog, Error};
use crate::id::RecordingId;
use crate::time::WallTime;

/// Sessions that go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LiveViewings {
    /// How many.
    pub sessions: u64,
    /// Of how many viewers. Who asked not to be tracked is one in each session.
    pub viewers: u64,
}

impl Catalog {
    /// Sessions of a recording, or of all, whose last event came then or later, by whichever process.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn live_viewings(
        &self,
        recording: Option<RecordingId>,
        since: WallTime,
    ) -> Result<LiveViewings, Error> {
        let mut query = sql("SELECT COUNT(*) AS sessions,
                 COUNT(DISTINCT CASE WHEN viewer = 'n' THEN CAST(id AS TEXT) ELSE viewer END) AS viewers
             FROM view_sessions WHERE last_at >= ");
        query.push_bind(since.0);
        if let Some(recording) = recording {
            query.push(" AND recording_id = ").push_bind(recording.to_string());
        }
        let row = query.fetch_one(&self.reader).await?;
        Ok(LiveViewings { sessions: integer(&row, "sessions")?, viewers: integer(&row, "viewers")? })
    }
}
