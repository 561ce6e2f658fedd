//! Table `tracks`.

use super::row::{Connection, Row, codec, json, kind, kind_name, now, parsed, wall_option};
use super::statement::sql;
use super::{Catalog, Error, NewTrack, Track};
use crate::id::{RecordingId, TrackId};
use crate::time::{Ticks, WallTime};
use serde_json::Value;
use sqlx::Row as _;

impl Catalog {
    /// A source was announced. Nothing of it is stored yet.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn add_track(&self, new: &NewTrack) -> Result<(), Error> {
        sql(
            "INSERT INTO tracks (id, recording_id, participant_id, kind, source, codec, timescale, producer_id,
                                 layer, picture_id, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)",
        )
        .bind(new.id.to_string())
        .bind(new.recording.to_string())
        .bind(new.participant.to_string())
        .bind(kind_name(new.kind))
        .bind(&new.source)
        .bind(new.codec.name())
        .bind(i64::from(new.codec.timescale().0))
        .bind(&new.producer_id)
        .bind(new.layer.map(i64::from))
        .bind(new.picture.map(|picture| picture.to_string()))
        .bind(now())
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// The track's first sample: when by the wall clock, and where on the recording's timeline.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub async fn start_track(&self, id: TrackId, started_at: WallTime, start: Ticks) -> Result<(), Error> {
        put_start(&mut *self.writer.acquire().await?, id, started_at, start).await
    }

    /// No more media can come; `error` says why when that was not the sender's wish.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub async fn end_track(&self, id: TrackId, at: WallTime, error: Option<String>) -> Result<(), Error> {
        put_end(&mut *self.writer.acquire().await?, id, at, error.as_deref()).await
    }

    /// How true a track is to what was sent, as far as it goes.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Missing`].
    pub async fn set_integrity(&self, id: TrackId, verdict: &Value) -> Result<(), Error> {
        put_integrity(&mut *self.writer.acquire().await?, id, verdict).await
    }

    /// All tracks of a recording: pictures first, then in the order they were announced.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn tracks(&self, recording: RecordingId) -> Result<Vec<Track>, Error> {
        let rows = sql("SELECT * FROM tracks WHERE recording_id = $1 ORDER BY kind DESC, created_at, id")
            .bind(recording.to_string())
            .fetch_all(&self.reader)
            .await?;
        rows.iter().map(track).collect()
    }
}

pub(super) async fn put_start(
    change: &mut Connection,
    id: TrackId,
    started_at: WallTime,
    start: Ticks,
) -> Result<(), Error> {
    let changed = sql("UPDATE tracks SET started_at = $2, start_ticks = $3, updated_at = $4 WHERE id = $1")
        .bind(id.to_string())
        .bind(started_at.0)
        .bind(start.0)
        .bind(now())
        .execute(change)
        .await?;
    found(changed)
}

pub(super) async fn put_end(
    change: &mut Connection,
    id: TrackId,
    at: WallTime,
    error: Option<&str>,
) -> Result<(), Error> {
    let changed =
        sql("UPDATE tracks SET ended_at = $2, error_message = COALESCE($3, error_message), updated_at = $4
         WHERE id = $1")
        .bind(id.to_string())
        .bind(at.0)
        .bind(error)
        .bind(now())
        .execute(change)
        .await?;
    found(changed)
}

pub(super) async fn put_integrity(
    change: &mut Connection,
    id: TrackId,
    verdict: &Value,
) -> Result<(), Error> {
    let changed = sql("UPDATE tracks SET integrity = $2, updated_at = $3 WHERE id = $1")
        .bind(id.to_string())
        .bind(verdict.to_string())
        .bind(now())
        .execute(change)
        .await?;
    found(changed)
}

fn found(rows: u64) -> Result<(), Error> {
    if rows == 0 { Err(Error::Missing { what: "track" }) } else { Ok(()) }
}

fn track(row: &Row) -> Result<Track, Error> {
    Ok(Track {
        id: parsed(row, "id")?,
        recording: parsed(row, "recording_id")?,
        participant: parsed(row, "participant_id")?,
        kind: kind(row, "kind")?,
        source: row.try_get("source")?,
        codec: codec(row, "codec")?,
        producer_id: row.try_get("producer_id")?,
        layer: row.try_get::<Option<i64>, _>("layer")?.and_then(|layer| u8::try_from(layer).ok()),
        picture: row.try_get::<Option<String>, _>("picture_id")?.and_then(|id| id.parse().ok()),
        started_at: wall_option(row, "started_at")?,
        start: row.try_get::<Option<i64>, _>("start_ticks")?.map(Ticks),
        ended_at: wall_option(row, "ended_at")?,
        error: row.try_get("error_message")?,
        integrity: json(row, "integrity")?,
    })
}
