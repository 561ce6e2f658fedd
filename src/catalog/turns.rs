//! Table `speaker_turns`.

use super::row::{Row, parsed};
use super::statement::sql;
use super::{Catalog, Error, Turn};
use crate::id::RecordingId;
use sqlx::Row as _;

impl Catalog {
    /// Somebody began to speak, or the turn that began at this place has ended.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn put_turn(&self, turn: &Turn) -> Result<(), Error> {
        sql("INSERT INTO speaker_turns (recording_id, start_micros, end_micros, participant_id)
             VALUES ($1, $2, $3, $4)
             ON CONFLICT (recording_id, start_micros)
             DO UPDATE SET end_micros = excluded.end_micros, participant_id = excluded.participant_id")
        .bind(turn.recording.to_string())
        .bind(turn.start_micros)
        .bind(turn.end_micros)
        .bind(turn.participant.to_string())
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// The turns of a recording in order.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn turns(&self, recording: RecordingId) -> Result<Vec<Turn>, Error> {
        let rows = sql("SELECT * FROM speaker_turns WHERE recording_id = $1 ORDER BY start_micros")
            .bind(recording.to_string())
            .fetch_all(&self.reader)
            .await?;
        rows.iter().map(turn).collect()
    }
}

fn turn(row: &Row) -> Result<Turn, Error> {
    Ok(Turn {
        recording: parsed(row, "recording_id")?,
        participant: parsed(row, "participant_id")?,
        start_micros: row.try_get("start_micros")?,
        end_micros: row.try_get("end_micros")?,
    })
}
