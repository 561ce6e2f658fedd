//! What a track wants done, and what it counts.

use super::integrity::Integrity;
use crate::catalog::Gap;
use crate::media::Rotation;
use crate::media::codec;
use crate::media::fmp4::fragment::Fragment;
use crate::media::segment::Segment;
use crate::media::timeline::sync::Anomaly;
use crate::time::{Ticks, WallTime};
use bytes::Bytes;
use std::ops::Range;

/// A stretch of one set of codec parameters begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// From 0 in each track.
    pub number: u32,
    /// The init segment.
    pub init: Bytes,
    /// Where the init segment lies in the track's file.
    pub range: Range<u64>,
    /// Parameters.
    pub config: codec::Config,
    /// How its pictures must be turned.
    pub rotation: Rotation,
    /// First tick on the recording's timeline.
    pub first: Ticks,
    /// The same on the wall clock.
    pub wall: WallTime,
    /// Set by the recording: where the participant's sound is cut for it, in microseconds of the timeline.
    pub listed_micros: i64,
}

/// A run that will begin with the frame that has just come.
#[derive(Clone, Debug, PartialEq)]
pub struct Begin {
    /// From 0 in each track.
    pub number: u32,
    /// First tick on the recording's timeline.
    pub first: Ticks,
    /// Parameters.
    pub config: codec::Config,
    /// How its pictures must be turned.
    pub rotation: Rotation,
}

/// What must be done for a track, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Know that a run will begin: it is stored when its first frame's length is known.
    Begins(Box<Begin>),
    /// Append the init segment.
    Run(Box<Run>),
    /// Append the fragment.
    Fragment {
        /// The run it belongs to.
        run: u32,
        /// The number of the segment it belongs to.
        segment: u32,
        /// The bytes and samples.
        fragment: Fragment,
    },
    /// A segment of a run is whole.
    Segment {
        /// The run it belongs to.
        run: u32,
        /// Its place.
        segment: Segment,
        /// Its first tick on the wall clock.
        wall: WallTime,
    },
    /// Nothing comes: a gap as it is now. The same number may be told again with another length.
    Gap(Gap),
    /// The open gap of this number reaches further than its row says.
    Sure {
        /// Its number in the track.
        gap: u32,
        /// Nothing will be stored before this.
        reached: Ticks,
    },
    /// Ask the producer for a key frame.
    NeedKeyframe,
    /// A clock of the sender did what it should not.
    Clock(Anomaly),
    /// The track ends here, for this reason.
    Refused(String),
}

/// Counts of one track.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets that came.
    pub packets: u64,
    /// Packets that came by retransmission.
    pub recovered: u64,
    /// Packets that never came.
    pub lost: u64,
    /// Samples stored.
    pub samples: u64,
    /// Bytes stored.
    pub bytes: u64,
    /// Media stored, in microseconds.
    pub duration_micros: i64,
}

/// How far a track had come in an earlier process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Past {
    /// Where its last segment ends.
    pub end: Option<Ticks>,
    /// Length of its file.
    pub position: u64,
    /// Number of the run that begins next.
    pub next_run: u32,
    /// Number of the segment that begins next.
    pub next_segment: u32,
    /// Its gaps in order. The last one may be open.
    pub gaps: Vec<Gap>,
    /// Its counts.
    pub counts: Counts,
    /// The verdict on it.
    pub integrity: Integrity,
}
