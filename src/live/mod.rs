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
            edge.tracks().clear();
        }
    }

    fn edges(&self) -> MutexGuard<'_, HashMap<RecordingId, Edge>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The edge of one recording.
#[derive(Clone, Debug, Default)]
pub struct Edge(Arc<Mutex<HashMap<TrackId, Track>>>);

#[derive(Debug, Default)]
struct Track {
    /// Counts what was told.
    version: watch::Sender<u64>,
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
            let track = tracks.entry(new.track).or_default();
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
        let track = tracks.entry(track).or_default();
        track.sure = Some(sure);
        track.version.send_modify(|version| *version += 1);
    }

    /// Rows changed that the views of these tracks depend on.
    pub fn touch(&self, changed: impl IntoIterator<Item = TrackId>) {
        let mut tracks = self.tracks();
        for track in changed {
            tracks.entry(track).or_default().version.send_modify(|version| *version += 1);
        }
    }

    /// Rows changed that all views depend on.
    pub fn touch_all(&self) {
        for track in self.tracks().values() {
            track.version.send_modify(|version| *version += 1);
        }
    }

    /// The remembered fragments of a track in order.
    #[must_use]
    pub fn parts(&self, track: TrackId) -> Vec<Part> {
        self.tracks().get(&track).map(|track| track.parts.iter().cloned().collect()).unwrap_or_default()
    }

    /// How far the last gap of a track that was told of is sure.
    #[must_use]
    pub fn sure(&self, track: TrackId) -> Option<Sure> {
        self.tracks().get(&track).and_then(|track| track.sure)
    }

    /// Changes whenever a view of the track may have; its sender is gone once the recording has ended.
    #[must_use]
    pub fn watch(&self, track: TrackId) -> watch::Receiver<u64> {
        self.tracks().entry(track).or_default().version.subscribe()
    }

    fn tracks(&self) -> MutexGuard<'_, HashMap<TrackId, Track>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
