//! Table `recording_participants`.

use super::row::{Connection, Row, now, parsed, wall, wall_option};
use super::statement::sql;
use super::{Catalog, Error, Names, NewParticipant, Participant};
use crate::id::{ParticipantId, RecordingId};
use crate::time::WallTime;
use sqlx::Row as _;

/// Somebody is in the room.
pub(super) async fn put_participant(change: &mut Connection, new: &NewParticipant) -> Result<(), Error> {
    sql("INSERT INTO recording_participants (id, recording_id, user_id, peer_id, display_name, joined_at,
                                             created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7)")
    .bind(new.id.to_string())
    .bind(new.recording.to_string())
    .bind(new.user_id.as_deref())
    .bind(&new.peer_id)
    .bind(&new.display_name)
    .bind(new.joined_at.0)
    .bind(now())
    .execute(change)
    .await?;
    Ok(())
}

/// Somebody left the room, or is back.
pub(super) async fn set_left(
    change: &mut Connection,
    id: ParticipantId,
    at: Option<WallTime>,
) -> Result<(), Error> {
    let changed = sql("UPDATE recording_participants SET left_at = $2, updated_at = $3 WHERE id = $1")
        .bind(id.to_string())
        .bind(at.map(|at| at.0))
        .bind(now())
        .execute(change)
        .await?;
    if changed == 0 { Err(Error::Missing { what: "participant" }) } else { Ok(()) }
}

/// Somebody is called otherwise.
pub(super) async fn set_names(change: &mut Connection, names: &Names) -> Result<(), Error> {
    let changed = sql("UPDATE recording_participants SET display_name = $2, user_id = $3, updated_at = $4
         WHERE id = $1")
    .bind(names.participant.to_string())
    .bind(&names.display_name)
    .bind(names.user_id.as_deref())
    .bind(now())
    .execute(change)
    .await?;
    if changed == 0 { Err(Error::Missing { what: "participant" }) } else { Ok(()) }
}

impl Catalog {
    /// Somebody is in the room.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn add_participant(&self, new: &NewParticipant) -> Result<(), Error> {
        put_participant(&mut *self.writer.acquire().await?, new).await?;
        self.generations.changed(new.recording);
        Ok(())
    }

    /// Somebody left the room.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub async fn participant_left(&self, id: ParticipantId, at: WallTime) -> Result<(), Error> {
        set_left(&mut *self.writer.acquire().await?, id, Some(at)).await
    }

    /// Somebody who had left is back.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub async fn participant_returned(&self, id: ParticipantId) -> Result<(), Error> {
        set_left(&mut *self.writer.acquire().await?, id, None).await
    }

    /// Everybody in a recording, in the order they came.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn participants(&self, recording: RecordingId) -> Result<Vec<Participant>, Error> {
        let rows = sql("SELECT * FROM recording_participants WHERE recording_id = $1 ORDER BY joined_at, id")
            .bind(recording.to_string())
            .fetch_all(&self.reader)
            .await?;
        rows.iter().map(participant).collect()
    }
}

pub(super) fn participant(row: &Row) -> Result<Participant, Error> {
    Ok(Participant {
        id: parsed(row, "id")?,
        recording: parsed(row, "recording_id")?,
        peer_id: row.try_get("peer_id")?,
        display_name: row.try_get("display_name")?,
        user_id: row.try_get("user_id")?,
        joined_at: wall(row, "joined_at")?,
        left_at: wall_option(row, "left_at")?,
    })
}
