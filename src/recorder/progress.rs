//! What a running recording has come to, for a progress line, the API and metrics.

use super::integrity::Integrity;
use super::track::Counts;
use crate::id::TrackId;
use crate::media::Codec;

/// A snapshot of a running recording.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// Since its start, pauses left out.
    pub elapsed_micros: i64,
    /// The room is joined; else it is lost, and looked for.
    pub attached: bool,
    /// It stands still.
    pub paused: bool,
    /// How long it stood still.
    pub paused_micros: i64,
    /// Participants in the room now, ourselves not counted.
    pub participants: usize,
    /// Every track so far.
    pub tracks: Vec<TrackProgress>,
}

impl Progress {
    /// The verdict on all tracks.
    #[must_use]
    pub fn integrity(&self) -> Integrity {
        Integrity::of_all(self.tracks.iter().map(|track| track.integrity))
    }

    /// Sum over all tracks.
    #[must_use]
    pub fn total(&self) -> Counts {
        self.tracks.iter().fold(Counts::default(), |sum, track| Counts {
            packets: sum.packets + track.counts.packets,
            recovered: sum.recovered + track.counts.recovered,
            lost: sum.lost + track.counts.lost,
            samples: sum.samples + track.counts.samples,
            bytes: sum.bytes + track.counts.bytes,
            duration_micros: sum.duration_micros.max(track.counts.duration_micros),
        })
    }
}

/// A snapshot of one track.
#[derive(Clone, Debug, PartialEq)]
pub struct TrackProgress {
    /// The track.
    pub track: TrackId,
    /// Its codec.
    pub codec: Codec,
    /// A consumer delivers to it.
    pub live: bool,
    /// Its counts.
    pub counts: Counts,
    /// How true it is to what was sent.
    pub integrity: Integrity,
    /// Why it stopped before its time.
    pub error: Option<String>,
}
