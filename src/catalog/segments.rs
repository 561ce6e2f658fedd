//! Tables `runs` and `segments`: where in a track's file what lies.

use super::gaps::put_gap;
use super::row::{Connection, Row, boolean, integer, parsed, range, signed, ticks, wall};
use super::statement::sql;
use super::{Catalog, Change, Error, Gap, NewRun, NewSegment, Run, Segment, Totals};
use crate::id::{RecordingId, TrackId};
use crate::media::Rotation;
use crate::time::{Ticks, Timescale};
use sqlx::Row as _;

impl Catalog {
    /// A run begins. Its init segment must be durable (invariant S4).
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn add_run(&self, new: &NewRun) -> Result<(), Error> {
        put_run(&mut *self.writer.acquire().await?, new).await
    }

    /// Segments were closed: all of them get their rows, or none. Their bytes must be durable (invariant S6).
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn add_segments(&self, new: &[NewSegment]) -> Result<(), Error> {
        self.add_media(new, &[]).await
    }

    /// Segments were closed and gaps opened, grew or ended: all of it is told at once, or nothing.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn add_media(&self, new: &[NewSegment], gaps: &[Gap]) -> Result<(), Error> {
        self.write(&[Change::Media(new, gaps)], &[]).await
    }

    /// The runs of a track in order.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn runs(&self, track: TrackId) -> Result<Vec<Run>, Error> {
        let rows = sql("SELECT * FROM runs WHERE track_id = $1 ORDER BY number")
            .bind(track.to_string())
            .fetch_all(&self.reader)
            .await?;
        rows.iter().map(run).collect()
    }

    /// The runs of all tracks of a recording, in order within each track.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn runs_of_recording(&self, recording: RecordingId) -> Result<Vec<Run>, Error> {
        let rows = sql("SELECT r.* FROM runs r JOIN tracks t ON t.id = r.track_id WHERE t.recording_id = $1
             ORDER BY r.track_id, r.number")
        .bind(recording.to_string())
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(run).collect()
    }

    /// The segments of a track in order.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn segments(&self, track: TrackId) -> Result<Vec<Segment>, Error> {
        let rows = sql("SELECT * FROM segments WHERE track_id = $1 ORDER BY number")
            .bind(track.to_string())
            .fetch_all(&self.reader)
            .await?;
        rows.iter().map(segment).collect()
    }

    /// One segment of a track.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn segment(&self, track: TrackId, number: u32) -> Result<Option<Segment>, Error> {
        let found = sql("SELECT * FROM segments WHERE track_id = $1 AND number = $2")
            .bind(track.to_string())
            .bind(i64::from(number))
            .fetch_optional(&self.reader)
            .await?;
        found.as_ref().map(segment).transpose()
    }

    /// The number of a track's segment that begins at a tick of the recording's timeline.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn segment_at(&self, track: TrackId, start: Ticks) -> Result<Option<u32>, Error> {
        let found = sql("SELECT number FROM segments WHERE track_id = $1 AND start_ticks = $2")
            .bind(track.to_string())
            .bind(start.0)
            .fetch_optional(&self.reader)
            .await?;
        found.as_ref().map(|row| integer(row, "number")).transpose()
    }

    /// Sums of every track of a recording that has segments.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn totals(&self, recording: RecordingId) -> Result<Vec<Totals>, Error> {
        let rows =
            sql("SELECT s.track_id, COUNT(*) AS segments, CAST(SUM(s.byte_length) AS BIGINT) AS bytes,
                    CAST(SUM(s.samples) AS BIGINT) AS samples, CAST(SUM(s.duration_ticks) AS BIGINT) AS media,
                    MAX(s.start_ticks + s.duration_ticks) AS end_ticks
             FROM segments s JOIN tracks t ON t.id = s.track_id
             WHERE t.recording_id = $1 GROUP BY s.track_id")
            .bind(recording.to_string())
            .fetch_all(&self.reader)
            .await?;
        rows.iter().map(totals).collect()
    }
}

pub(super) async fn put_run(change: &mut Connection, new: &NewRun) -> Result<(), Error> {
    sql("INSERT INTO runs (track_id, number, init_offset, init_length, first_ticks, wall, codecs, width,
                           height, channels, timescale, rotation, listed_micros)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)")
    .bind(new.track.to_string())
    .bind(i64::from(new.number))
    .bind(signed(new.init.start))
    .bind(signed(new.init.end.saturating_sub(new.init.start)))
    .bind(new.first.0)
    .bind(new.wall.0)
    .bind(&new.codecs)
    .bind(i64::from(new.width))
    .bind(i64::from(new.height))
    .bind(i64::from(new.channels))
    .bind(i64::from(new.timescale.0))
    .bind(i64::from(new.rotation.degrees()))
    .bind(new.listed_micros)
    .execute(change)
    .await?;
    Ok(())
}

pub(super) async fn put_media(
    change: &mut Connection,
    segments: &[NewSegment],
    gaps: &[Gap],
) -> Result<(), Error> {
    for gap in gaps {
        put_gap(change, gap).await?;
    }
    for segment in segments {
        put_segment(change, segment).await?;
    }
    Ok(())
}

async fn put_segment(change: &mut Connection, segment: &NewSegment) -> Result<(), Error> {
    sql("INSERT INTO segments (track_id, number, run, start_ticks, duration_ticks, byte_offset,
                               byte_length, samples, sync, wall)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)")
    .bind(segment.track.to_string())
    .bind(i64::from(segment.number))
    .bind(i64::from(segment.run))
    .bind(segment.start.0)
    .bind(segment.duration.0)
    .bind(signed(segment.range.start))
    .bind(signed(segment.range.end.saturating_sub(segment.range.start)))
    .bind(i64::from(segment.samples))
    .bind(segment.sync)
    .bind(segment.wall.0)
    .execute(change)
    .await?;
    Ok(())
}

fn run(row: &Row) -> Result<Run, Error> {
    Ok(Run {
        track: parsed(row, "track_id")?,
        number: integer(row, "number")?,
        init: range(row, "init_offset", "init_length")?,
        first: ticks(row, "first_ticks")?,
        wall: wall(row, "wall")?,
        codecs: row.try_get("codecs")?,
        width: integer(row, "width")?,
        height: integer(row, "height")?,
        channels: integer(row, "channels")?,
        rotation: Rotation::from_degrees(integer(row, "rotation")?).unwrap_or_default(),
        timescale: Timescale(integer(row, "timescale")?),
        listed_micros: row.try_get("listed_micros")?,
    })
}

fn segment(row: &Row) -> Result<Segment, Error> {
    Ok(Segment {
        track: parsed(row, "track_id")?,
        run: integer(row, "run")?,
        number: integer(row, "number")?,
        start: ticks(row, "start_ticks")?,
        duration: ticks(row, "duration_ticks")?,
        range: range(row, "byte_offset", "byte_length")?,
        samples: integer(row, "samples")?,
        sync: boolean(row, "sync")?,
        wall: wall(row, "wall")?,
    })
}

fn totals(row: &Row) -> Result<Totals, Error> {
    Ok(Totals {
        track: parsed(row, "track_id")?,
        segments: integer(row, "segments")?,
        bytes: integer(row, "bytes")?,
        samples: integer(row, "samples")?,
        media: ticks(row, "media")?,
        end: ticks(row, "end_ticks")?,
    })
}
