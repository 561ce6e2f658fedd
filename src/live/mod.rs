//! The edge of running recordings: fragments that are stored while their segment is open, so that the catalogue has no
//! row of them yet, and a way to wait for what comes next.
//!
//! The recorder's writer tells, in this order: rows first, then the fragments behind them. Whoever reads the other way
//! round (fragments, then rows) finds the rows of everything that it saw.

#[cfg(test)]
mod tests;

use crate::id::{RecordingId, TrackId};
use crate::time::Ticks;
use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Segments of a track whose fragments are remembered: more than the three target durations in which low-latency
/// playlists list parts (RFC 8216bis 4.4.4.9).
const SEGMENTS: u32 = 16;

/// A fragment that is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its run.
    pub run: u32,
    /// The number of its segment in the track.
    pub segment: u32,
    /// From 0 in its segment.
    pub number: u32,
    /// First tick on the recording's timeline.
    pub start: Ticks,
    /// Its length, above zero.
    pub duration: Ticks,
    /// It begins with a sync sample.
    pub sync: bool,
    /// Where it lies in the track's file.
    pub range: Range<u64>,
}

/// A fragment as the writer tells it: its number follows from those before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPart {
    /// The track.
    pub track: TrackId,
    /// Its run.
    pub run: u32,
    /// The number of its segment in the track.
    pub segment: u32,
    /// First tick on the recording's timeline.
    pub start: Ticks,
    /// Its length, above zero.
    pub duration: Ticks,
    /// It begins with a sync sample.
    pub sync: bool,
    /// Where it lies in the track's file.
    pub range: Range<u64>,
}

/// The edges of all recordings that run in this process.
#[derive(Clone, Debug, Default)]
pub struct Hub(Arc<Mutex<HashMap<RecordingId, Edge>>>);

impl Hub {
    /// That of a recording, made if there is none.
    #[must_use]
    pub fn open(&self, id: RecordingId) -> Edge {
        self.edges().entry(id).or_default().clone()
    }

    /// That of a recording that runs here.
    #[must_use]
    pub fn get(&self, id: RecordingId) -> Option<Edge> {
        self.edges().get(&id).cloned()
    }

    /// The recording runs no more, and its rows say so. Whoever waits is woken.
    pub fn close(&self, id: RecordingId) {
        let closed = self.edges().remove(&id);
        if let Some(edge) = closed {
            edge.tracks().of.clear();
        }
    }

    fn edges(&self) -> MutexGuard<'_, HashMap<RecordingId, Edge>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The edge of one recording.
#[derive(Clone, Debug, Default)]
pub struct Edge(Arc<Mutex<Tracks>>);

#[derive(Debug, Default)]
struct Tracks {
    of: HashMap<TrackId, Track>,
    /// Counts changes of rows that all views depend on.
    rows: u64,
}

#[derive(Debug, Default)]
struct Track {
    /// Counts what was told.
    version: watch::Sender<u64>,
    /// Counts what was told of rows.
    rows: u64,
    parts: VecDeque<Part>,
    sure: Option<Sure>,
}

/// How far an open gap reaches for sure, behind what its row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sure {
    /// The gap's number in its track.
    pub gap: u32,
    /// Nothing will be stored before this tick of the recording's timeline.
    pub reached: Ticks,
}

impl Edge {
    /// Fragments were stored.
    pub fn publish(&self, parts: impl IntoIterator<Item = NewPart>) {
        let mut tracks = self.tracks();
        for new in parts {
            let track = tracks.of.entry(new.track).or_default();
            let before = track.parts.back().filter(|last| last.segment == new.segment);
            let number = before.map_or(0, |last| last.number.saturating_add(1));
            let NewPart { run, segment, start, duration, sync, range, .. } = new;
            track.parts.push_back(Part { run, segment, number, start, duration, sync, range });
            while track.parts.front().is_some_and(|first| first.segment.saturating_add(SEGMENTS) <= segment) {
                track.parts.pop_front();
            }
            track.version.send_modify(|version| *version += 1);
        }
    }

    /// An open gap of a track became longer.
    pub fn reach(&self, track: TrackId, sure: Sure) {
        let mut tracks = self.tracks();
        let track = tracks.of.entry(track).or_default();
        track.sure = Some(sure);
        track.version.send_modify(|version| *version += 1);
    }

    /// Rows changed that the views of these tracks depend on.
    pub fn touch(&self, changed: impl IntoIterator<Item = TrackId>) {
        let mut tracks = self.tracks();
        for track in changed {
            let track = tracks.of.entry(track).or_default();
            track.rows += 1;
            track.version.send_modify(|version| *version += 1);
        }
    }

    /// Rows changed that all views depend on.
    pub fn touch_all(&self) {
        let mut tracks = self.tracks();
        tracks.rows += 1;
        for track in tracks.of.values() {
            track.version.send_modify(|version| *version += 1);
        }
    }

    /// How often rows changed that the views of these tracks are made of. Fragments do not count.
    #[must_use]
    pub fn rows(&self, of: impl IntoIterator<Item = TrackId>) -> u64 {
        let tracks = self.tracks();
        let own = of.into_iter().filter_map(|track| tracks.of.get(&track)).map(|track| track.rows);
        tracks.rows + own.sum::<u64>()
    }

    /// The remembered fragments of a track in order.
    #[must_use]
    pub fn parts(&self, track: TrackId) -> Vec<Part> {
        self.tracks().of.get(&track).map(|track| track.parts.iter().cloned().collect()).unwrap_or_default()
    }

    /// How far the last gap of a track that was told of is sure.
    #[must_use]
    pub fn sure(&self, track: TrackId) -> Option<Sure> {
        self.tracks().of.get(&track).and_then(|track| track.sure)
    }

    /// Changes whenever a view of the track may have; its sender is gone once the recording has ended. The track must be one
    /// of the recording's: it is remembered.
    #[must_use]
    pub fn watch(&self, track: TrackId) -> watch::Receiver<u64> {
        self.tracks().of.entry(track).or_default().version.subscribe()
    }

    /// The same, if the track is remembered.
    #[must_use]
    pub fn watched(&self, track: TrackId) -> Option<watch::Receiver<u64>> {
        self.tracks().of.get(&track).map(|track| track.version.subscribe())
    }

    fn tracks(&self) -> MutexGuard<'_, Tracks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
