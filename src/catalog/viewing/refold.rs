//! Making the numbers of sessions again, of their raw events.

use super::append::{Basis, events};
use super::row::{ViewingNumbers, viewing, write};
use crate::analytics::session::fold;
use crate::catalog::database::one_by_one;
use crate::catalog::row::parsed;
use crate::catalog::statement::sql;
use crate::catalog::{Catalog, Error};
use crate::id::RecordingId;
use sqlx::Row as _;

impl Catalog {
    /// Recordings that somebody watched, behind this one, in order.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn viewed_recordings(
        &self,
        after: Option<RecordingId>,
        limit: u32,
    ) -> Result<Vec<RecordingId>, Error> {
        let rows = sql("SELECT DISTINCT recording_id FROM view_sessions WHERE recording_id > $1
             ORDER BY recording_id LIMIT $2")
        .bind(after.map(|id| id.to_string()).unwrap_or_default())
        .bind(i64::from(limit))
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(|row| parsed(row, "recording_id")).collect()
    }

    /// Numbers of the sessions of a recording, behind this one, in order.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn viewing_ids(
        &self,
        recording: RecordingId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<i64>, Error> {
        let rows =
            sql("SELECT id FROM view_sessions WHERE recording_id = $1 AND id > $2 ORDER BY id LIMIT $3")
                .bind(recording.to_string())
                .bind(after)
                .bind(i64::from(limit))
                .fetch_all(&self.reader)
                .await?;
        rows.iter().map(|row| Ok(row.try_get("id")?)).collect()
    }

    /// Those of which the numbers were made before it was known what of the recording is media.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn unsettled_viewings(&self, recording: RecordingId, limit: u32) -> Result<Vec<i64>, Error> {
        let rows =
            sql("SELECT id FROM view_sessions WHERE recording_id = $1 AND NOT settled ORDER BY id LIMIT $2")
                .bind(recording.to_string())
                .bind(i64::from(limit))
                .fetch_all(&self.reader)
                .await?;
        rows.iter().map(|row| Ok(row.try_get("id")?)).collect()
    }

    /// Makes the numbers of a session anew. Whether they are others now.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn refold_viewing(&self, id: i64, basis: Basis<'_>) -> Result<bool, Error> {
        let mut all = self.begin().await?;
        one_by_one(&mut all).await?;
        // Nobody adds to it meanwhile.
        let found =
            sql("UPDATE view_sessions SET next_number = next_number WHERE id = $1 RETURNING next_number")
                .bind(id)
                .fetch_optional(&mut *all)
                .await?;
        let Some(found) = found else { return Ok(false) };
        let next_number: i64 = found.try_get("next_number")?;
        let row = sql("SELECT * FROM view_sessions WHERE id = $1").bind(id).fetch_one(&mut *all).await?;
        let before = viewing(&row)?;
        let summary = fold(&events(&mut all, id).await?, basis.media);
        let numbers = summary.map_or_else(|| before.numbers.clone(), ViewingNumbers::from);
        let changed = numbers != before.numbers;
        if changed || before.settled != basis.settled {
            write(&mut all, id, &numbers, basis.settled, next_number).await?;
        }
        all.commit().await?;
        Ok(changed)
    }
}
