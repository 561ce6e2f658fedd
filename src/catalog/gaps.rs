//! Tables `gaps` and `pauses`: where nothing came, and where nothing was wanted.

use super::row::{Connection, Row, boolean, corrupt, integer, parsed, ticks, wall, wall_option};
use super::statement::sql;
use super::{Catalog, Cause, Error, Gap, Pause, Shown};
use crate::id::RecordingId;
use crate::time::WallTime;
use sqlx::Row as _;

/// A gap as it is now. Only its length and whether it is open may change: what was listed of it stays.
pub(super) async fn put_gap(change: &mut Connection, gap: &Gap) -> Result<(), Error> {
    sql(
        "INSERT INTO gaps (track_id, number, after_segment, cause, kind, start_ticks, duration_ticks, open,
                           listed_micros)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (track_id, number) DO UPDATE SET duration_ticks = excluded.duration_ticks, open = excluded.open",
    )
    .bind(gap.track.to_string())
    .bind(i64::from(gap.number))
    .bind(i64::from(gap.after))
    .bind(gap.cause.name())
    .bind(gap.shown.name())
    .bind(gap.start.0)
    .bind(gap.duration.0)
    .bind(gap.open)
    .bind(gap.listed_micros)
    .execute(change)
    .await?;
    Ok(())
}

impl Catalog {
    /// The gaps of all tracks of a recording, in order within each track.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn gaps(&self, recording: RecordingId) -> Result<Vec<Gap>, Error> {
        let rows = sql("SELECT g.* FROM gaps g JOIN tracks t ON t.id = g.track_id WHERE t.recording_id = $1
             ORDER BY g.track_id, g.number")
        .bind(recording.to_string())
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(gap).collect()
    }

    /// The recording is paused.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn add_pause(&self, new: &Pause) -> Result<(), Error> {
        sql(
            "INSERT INTO pauses (recording_id, number, at_micros, began_at, ended_at) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(new.recording.to_string())
        .bind(i64::from(new.number))
        .bind(new.at_micros)
        .bind(new.began_at.0)
        .bind(new.ended_at.map(|at| at.0))
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// The recording goes on.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub async fn end_pause(&self, recording: RecordingId, number: u32, at: WallTime) -> Result<(), Error> {
        let changed = sql("UPDATE pauses SET ended_at = $3 WHERE recording_id = $1 AND number = $2")
            .bind(recording.to_string())
            .bind(i64::from(number))
            .bind(at.0)
            .execute(&self.writer)
            .await?;
        if changed == 0 { Err(Error::Missing { what: "pause" }) } else { Ok(()) }
    }

    /// Pauses of a recording in order.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn pauses(&self, recording: RecordingId) -> Result<Vec<Pause>, Error> {
        let rows = sql("SELECT * FROM pauses WHERE recording_id = $1 ORDER BY number")
            .bind(recording.to_string())
            .fetch_all(&self.reader)
            .await?;
        rows.iter().map(pause).collect()
    }
}

fn gap(row: &Row) -> Result<Gap, Error> {
    let (cause, shown): (String, String) = (row.try_get("cause")?, row.try_get("kind")?);
    Ok(Gap {
        track: parsed(row, "track_id")?,
        number: integer(row, "number")?,
        after: integer(row, "after_segment")?,
        cause: Cause::from_name(&cause).ok_or_else(|| corrupt("cause", cause))?,
        shown: Shown::from_name(&shown).ok_or_else(|| corrupt("kind", shown))?,
        start: ticks(row, "start_ticks")?,
        duration: ticks(row, "duration_ticks")?,
        open: boolean(row, "open")?,
        listed_micros: row.try_get("listed_micros")?,
    })
}

fn pause(row: &Row) -> Result<Pause, Error> {
    Ok(Pause {
        recording: parsed(row, "recording_id")?,
        number: integer(row, "number")?,
        at_micros: row.try_get("at_micros")?,
        began_at: wall(row, "began_at")?,
        ended_at: wall_option(row, "ended_at")?,
    })
}
