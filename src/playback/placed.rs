//! Where the files of a track lie on the recording's timeline, for whoever counts what was watched.
//!
//! What was read of a track is kept: of an ended recording until its row changes, of a running one for a short time, and
//! until something is asked for that is not in it yet.

use super::dash::at::begins_at;
use super::presentation::{choose, plays};
use super::room::{self, Room, scale};
use super::rows::Rows;
use super::timeline::Item;
use super::{Error, fill, filled::Named, pieces};
use crate::analytics::event::Segment;
use crate::catalog::{Catalog, Run, Status};
use crate::id::{RecordingId, TrackId};
use crate::live::Hub;
use crate::media::Kind;
use crate::time::{Ticks, Timescale, WallTime};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a running recording's rows may be older than what is said of them.
const FRESH: Duration = Duration::from_secs(2);
/// Bytes of places that are kept, and about how many tracks that is.
const KEPT_BYTES: u64 = 16 << 20;
const TRACKS: usize = 1000;
/// No fill is longer.
const LONGEST_FILL_MICROS: i64 = 5_000_000;

/// A file of a track, by what its name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum File {
    /// An init segment: it lies nowhere.
    Init,
    /// A segment.
    Segment(u32),
    /// A part of a segment.
    Part {
        /// The segment's number.
        segment: u32,
        /// The part's.
        number: u32,
    },
    /// A fill, or a part of one.
    Fill(Named),
    /// What begins at a tick, counted from the participant's zero.
    At(u64),
}

/// Where a file lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// What it is, and from when to when.
    pub segment: Segment,
    /// Where the player's timeline begins on the recording's, in milliseconds.
    pub zero_ms: i64,
}

/// Finds it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Places(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    catalog: Catalog,
    rows: Rows,
    edges: Hub,
    kept: Cache<(RecordingId, TrackId), Arc<Index>, Length>,
}

#[derive(Clone, Debug)]
struct Length;

impl Weighter<(RecordingId, TrackId), Arc<Index>> for Length {
    fn weight(&self, _: &(RecordingId, TrackId), index: &Arc<Index>) -> u64 {
        let spans = index.segments.len() + index.fills.len();
        ((spans + 1) * size_of::<((Option<u32>, u32), Span)>() * 2) as u64
    }
}

/// All files of a track.
#[derive(Debug)]
struct Index {
    read_at: Instant,
    /// Of the recording's row; `None` while it runs.
    updated_at: Option<WallTime>,
    /// Nothing will be added to the recording.
    ended: bool,
    track: TrackId,
    video: bool,
    scale: Timescale,
    zero: Ticks,
    zero_ms: i64,
    /// Length of a part of a fill.
    part: Ticks,
    /// By their numbers, in order.
    segments: Vec<(u32, Span)>,
    /// By the segment in front and their number behind it.
    fills: HashMap<(Option<u32>, u32), Span>,
    /// Of the pictures of each run.
    heights: HashMap<u32, i64>,
    end: Ticks,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: Ticks,
    end: Ticks,
    height: Option<i64>,
    fill: bool,
}

impl Places {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(catalog: Catalog, rows: Rows, edges: Hub) -> Self {
        let kept = Cache::with_weighter(TRACKS, KEPT_BYTES, Length);
        Self(Arc::new(Shared { catalog, rows, edges, kept }))
    }

    /// Where a file lies that was asked for at a moment; `None` where there is none of this name.
    ///
    /// # Errors
    /// [`Error::NoRecording`], [`Error::NoTrack`], [`Error::Catalog`].
    pub async fn find(
        &self,
        recording: RecordingId,
        track: TrackId,
        file: File,
        asked: Instant,
    ) -> Result<Option<Placed>, Error> {
        // Parts are forgotten soon.
        let part = self.part(recording, track, file);
        let mut index = self.index(recording, track).await?;
        let found = |index: &Index| match part {
            Some((run, span)) => Some(Span { height: index.heights.get(&run).copied(), ..span }),
            None => index.find(file),
        };
        let mut span = found(&index);
        if span.is_none() && index.updated_at.is_none() && index.read_at < asked {
            index = self.load(recording, track).await?;
            span = found(&index);
        }
        Ok(span.map(|span| index.placed(span)))
    }

    /// Where the timeline of a player begins that was not told whom it should show, in milliseconds.
    ///
    /// # Errors
    /// [`Error::NoRecording`], [`Error::Catalog`].
    pub async fn zero_ms(&self, recording: RecordingId) -> Result<i64, Error> {
        let room = Room::load(&self.0.catalog, recording).await?;
        let shown = choose(&room, None, plays).ok().and_then(|(who, _)| room.zero_micros(who.id));
        Ok(shown.unwrap_or(0).div_euclid(1000))
    }

    /// A part that is remembered, and its run.
    fn part(&self, recording: RecordingId, track: TrackId, file: File) -> Option<(u32, Span)> {
        let File::Part { segment, number } = file else { return None };
        let parts = self.0.edges.get(recording)?.parts(track);
        let part = parts.iter().find(|part| (part.segment, part.number) == (segment, number))?;
        let end = part.start + part.duration;
        Some((part.run, Span { start: part.start, end, height: None, fill: false }))
    }

    async fn index(&self, recording: RecordingId, track: TrackId) -> Result<Arc<Index>, Error> {
        if let Some(index) = self.0.kept.get(&(recording, track)) {
            let good = match index.updated_at {
                None => index.read_at.elapsed() < FRESH,
                Some(at) => self.0.rows.recording(recording).await?.recording.updated_at == at,
            };
            if good {
                return Ok(index);
            }
        }
        self.load(recording, track).await
    }

    async fn load(&self, recording: RecordingId, track: TrackId) -> Result<Arc<Index>, Error> {
        let read_at = Instant::now();
        // In this order: whatever changes meanwhile is in the rows.
        let edge = self.0.edges.get(recording);
        let sure = edge.as_ref().and_then(|edge| edge.sure(track));
        let segments = self.0.catalog.segments(track).await?;
        let room = Room::load(&self.0.catalog, recording).await?;
        let row = room.track(track)?;
        let list = match edge {
            Some(_) => pieces::at_edge(&room, row, &segments, sure),
            None => pieces::pieces(&room, row, &segments),
        };
        let height = |run: &Run| (row.kind == Kind::Video).then(|| i64::from(run.displayed().1));
        let heights: HashMap<u32, i64> =
            room.runs_of(track).filter_map(|run| Some((run.number, height(run)?))).collect();
        let (scale, status) = (scale(row), room.recording.status);
        let running = status.is_running() || status == Status::Processing;
        let zero = room::zero(&room.tracks, row);
        let mut index = Index {
            read_at,
            updated_at: (!running).then_some(room.recording.updated_at),
            ended: !running,
            track,
            video: row.kind == Kind::Video,
            scale,
            zero,
            zero_ms: room.zero_micros(row.participant).unwrap_or(0).div_euclid(1000),
            part: Ticks::from_micros(room.recording.part.0, scale),
            segments: Vec::with_capacity(segments.len()),
            fills: HashMap::new(),
            heights,
            end: zero,
        };
        for piece in &list {
            index.add(&piece.item);
        }
        let index = Arc::new(index);
        self.0.kept.insert((recording, track), Arc::clone(&index));
        Ok(index)
    }
}

impl Index {
    fn add(&mut self, item: &Item<'_>) {
        let (start, end) = (item.start(), item.end());
        self.end = self.end.max(end);
        match item {
            Item::Segment(segment) => {
                let height = self.heights.get(&segment.run).copied();
                self.segments.push((segment.number, Span { start, end, height, fill: false }));
            }
            Item::Fill(fill) => {
                let span = Span { start, end, height: None, fill: true };
                self.fills.insert((fill.after, fill.number), span);
            }
        }
    }

    fn find(&self, file: File) -> Option<Span> {
        match file {
            File::Init => Some(Span { start: self.zero, end: self.zero, height: None, fill: false }),
            // Of a part that is not remembered any more its segment is known.
            File::Segment(number) | File::Part { segment: number, .. } => {
                let at = self.segments.binary_search_by_key(&number, |(number, _)| *number).ok()?;
                self.segments.get(at).map(|(_, span)| *span)
            }
            File::Fill(Named { after, number, part }) => {
                let span = *self.fills.get(&(after, number))?;
                part.map_or(Some(span), |part| self.part_of(span, part))
            }
            File::At(time) => {
                let start = Ticks(i64::try_from(time).ok()?) + self.zero;
                let begins = begins_at(start, self.scale);
                let all = self.segments.iter().map(|(_, span)| span).chain(self.fills.values());
                all.filter(|span| begins.contains(&span.start)).min_by_key(|span| span.start).copied()
            }
        }
    }

    /// A part of a fill. Of one that grows the last ones may not be known yet, but it is where they will be.
    fn part_of(&self, fill: Span, number: u32) -> Option<Span> {
        let known =
            usize::try_from(number).ok().and_then(|n| fill::parts(fill.end - fill.start, self.part).nth(n));
        let (at, length) = match known {
            Some(part) => part,
            None if self.ended => return None,
            None => (Ticks(self.part.0.checked_mul(i64::from(number))?), self.part),
        };
        let span = Span { start: fill.start + at, end: fill.start + at + length, ..fill };
        (at.to_micros(self.scale) <= LONGEST_FILL_MICROS).then_some(span)
    }

    fn placed(&self, span: Span) -> Placed {
        let millis = |ticks: Ticks| ticks.to_micros(self.scale).div_euclid(1000);
        let segment = Segment {
            track: self.track.to_string(),
            video: self.video,
            start_ms: millis(span.start),
            end_ms: millis(span.end),
            height: span.height,
            fill: span.fill,
            last: self.ended && span.end >= self.end && span.end > span.start,
        };
        Placed { segment, zero_ms: self.zero_ms }
    }
}

#[cfg(test)]
#[path = "placed_tests.rs"]
mod tests;
