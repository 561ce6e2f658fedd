//! Tables `runs` and `segments`: where in a track's file what lies.

use super::gaps::put_gap;
use super::kept::Sums;
use super::row::{Connection, Row, boolean, integer, parsed, range, signed, ticks, wall};
use super::statement::sql;
use super::{Catalog, Change, Error, Gap, NewRun, NewSegment, Run, Segment, Totals};
use crate::id::{RecordingId, TrackId};
use crate::media::Rotation;
use crate::time::{Ticks, Timescale};
use sqlx::Row as _;
use std::sync::Arc;

/// Tracks that one statement sums.
const TRACKS_AT_ONCE: usize = 500;

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

    /// The segments of a track in order. Those that were read before are kept, and not read again.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn segments(&self, track: TrackId) -> Result<Vec<Segment>, Error> {
        let kept = self.kept.rows(track).unwrap_or_default();
        // The last one again: while that is there, so are those before it.
        let read = self.segments_from(track, kept.last().map_or(0, |last| last.number)).await?;
        let rows = match read.split_first() {
            Some((first, [])) if kept.last() == Some(first) => return Ok(kept.to_vec()),
            Some((first, new)) if kept.last() == Some(first) => [kept.as_slice(), new].concat(),
            _ if kept.is_empty() => read,
            _ => self.segments_from(track, 0).await?,
        };
        let rows = Arc::new(rows);
        self.kept.put_rows(track, &rows);
        Ok(rows.to_vec())
    }

    async fn segments_from(&self, track: TrackId, number: u32) -> Result<Vec<Segment>, Error> {
        let rows = sql("SELECT * FROM segments WHERE track_id = $1 AND number >= $2 ORDER BY number")
            .bind(track.to_string())
            .bind(i64::from(number))
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

    /// Sums of every track of a recording that has segments. What was summed before is kept: only segments behind that are
    /// read.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn totals(&self, recording: RecordingId) -> Result<Vec<Totals>, Error> {
        let kept = self.kept.sums(recording);
        let rows = sql("SELECT id FROM tracks WHERE recording_id = $1 ORDER BY id")
            .bind(recording.to_string())
            .fetch_all(&self.reader)
            .await?;
        let tracks: Vec<TrackId> = rows.iter().map(|row| parsed(row, "id")).collect::<Result<_, _>>()?;
        // Those of tracks that are gone go, too.
        let mut sums: Sums = tracks.iter().filter_map(|track| Some((*track, *kept.get(track)?))).collect();
        let mut changed = sums.len() < kept.len();
        for some in tracks.chunks(TRACKS_AT_ONCE) {
            for (last, new) in self.sums_behind(some, &sums).await? {
                let before = sums.get(&new.track).map(|(_, before)| *before);
                sums.insert(new.track, (last, before.map_or(new, |before| before.and(&new))));
                changed = true;
            }
        }
        let all = tracks.iter().filter_map(|track| sums.get(track).map(|(_, totals)| *totals)).collect();
        if changed {
            self.kept.put_sums(recording, Arc::new(sums));
        }
        Ok(all)
    }

    /// Sums over what is behind the last segments that are summed already, with the number of the new last one. Of one
    /// track at least.
    async fn sums_behind(&self, tracks: &[TrackId], sums: &Sums) -> Result<Vec<(u32, Totals)>, Error> {
        let mut query = sql("WITH summed (track_id, number) AS (VALUES ");
        for (index, track) in tracks.iter().enumerate() {
            let last = sums.get(track).map_or(-1, |(last, _)| i64::from(*last));
            query.push(if index == 0 { "(" } else { ", (" }).push_bind(track.to_string());
            query.push(", ").push_bind(last).push(")");
        }
        query.push(
            ") SELECT s.track_id, MAX(s.number) AS last, COUNT(*) AS segments,
                    CAST(SUM(s.byte_length) AS BIGINT) AS bytes, CAST(SUM(s.samples) AS BIGINT) AS samples,
                    CAST(SUM(s.duration_ticks) AS BIGINT) AS media,
                    MAX(s.start_ticks + s.duration_ticks) AS end_ticks
             FROM summed JOIN segments s ON s.track_id = summed.track_id AND s.number > summed.number
             GROUP BY s.track_id",
        );
        let rows = query.fetch_all(&self.reader).await?;
        rows.iter().map(|row| Ok((integer(row, "last")?, totals(row)?))).collect()
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
