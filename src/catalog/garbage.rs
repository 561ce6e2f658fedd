//! Table `garbage`: files that are to be removed, and that no other row names any more. Written before the first byte goes,
//! removed when all are gone, so that what is cut off in between is gone on with (invariants S11 and S14).

use super::row::{Connection, Row, now, parsed};
use super::statement::sql;
use super::states::{changeable, hide};
use super::{Catalog, Error};
use crate::id::{ParticipantId, RecordingId, TrackId};
use crate::time::WallTime;
use sqlx::Row as _;

/// Files to remove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Garbage {
    /// Of this recording.
    pub recording: RecordingId,
    /// Of this track; of all, with their rows, without it.
    pub track: Option<TrackId>,
}

/// The files of a participant's tracks, before their rows go.
pub(super) async fn put_garbage(
    change: &mut Connection,
    recording: RecordingId,
    participant: ParticipantId,
) -> Result<Vec<TrackId>, Error> {
    let rows = sql("SELECT id FROM tracks WHERE participant_id = $1 ORDER BY id")
        .bind(participant.to_string())
        .fetch_all(&mut *change)
        .await?;
    let tracks = rows.iter().map(|row| parsed(row, "id")).collect::<Result<Vec<TrackId>, _>>()?;
    for track in &tracks {
        sql("INSERT INTO garbage (recording_id, track_id, created_at) VALUES ($1, $2, $3)")
            .bind(recording.to_string())
            .bind(track.to_string())
            .bind(now())
            .execute(&mut *change)
            .await?;
    }
    Ok(tracks)
}

impl Catalog {
    /// A recording is to be removed with all its files: it is hidden, and will not be restored. Again is no error.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::StillRunning`], [`Error::Held`], [`Error::Elsewhere`].
    pub async fn condemn_recording(&self, id: RecordingId, at: WallTime) -> Result<(), Error> {
        let mut change = self.begin().await?;
        changeable(&mut change, id, self.folder()).await?;
        hide(&mut change, id, at).await?;
        sql("INSERT INTO garbage (recording_id, track_id, created_at) VALUES ($1, '', $2)
             ON CONFLICT (recording_id, track_id) DO NOTHING")
        .bind(id.to_string())
        .bind(now())
        .execute(&mut *change)
        .await?;
        change.commit().await?;
        self.generations.changed(id);
        Ok(())
    }

    /// What is still to be removed, if this process has the folder that it is in.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn garbage(&self) -> Result<Vec<Garbage>, Error> {
        let rows =
            sql("SELECT g.recording_id, g.track_id FROM garbage g JOIN recordings r ON r.id = g.recording_id
             WHERE r.folder IS NULL OR r.folder = $1 ORDER BY g.recording_id, g.track_id")
            .bind(self.folder())
            .fetch_all(&self.reader)
            .await?;
        rows.iter().map(garbage).collect()
    }

    /// What is still to be removed of one recording.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn garbage_of(&self, recording: RecordingId) -> Result<Vec<Garbage>, Error> {
        let rows =
            sql("SELECT recording_id, track_id FROM garbage WHERE recording_id = $1 ORDER BY track_id")
                .bind(recording.to_string())
                .fetch_all(&self.reader)
                .await?;
        rows.iter().map(garbage).collect()
    }

    /// A track's files are gone, and durably so.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn removed_track(&self, recording: RecordingId, track: TrackId) -> Result<(), Error> {
        sql("DELETE FROM garbage WHERE recording_id = $1 AND track_id = $2")
            .bind(recording.to_string())
            .bind(track.to_string())
            .execute(&self.writer)
            .await?;
        Ok(())
    }
}

fn garbage(row: &Row) -> Result<Garbage, Error> {
    let whole = row.try_get::<String, _>("track_id")?.is_empty();
    let track = if whole { None } else { Some(parsed(row, "track_id")?) };
    Ok(Garbage { recording: parsed(row, "recording_id")?, track })
}
