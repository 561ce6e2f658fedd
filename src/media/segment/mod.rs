//! Samples to fragments and segments.
//!
//! A track's samples go in one by one ([`Segmenter::push`]); fragments of about half a second come out, and after
//! the last fragment of each segment the segment itself. The rules, with the numbers of [`Policy`]:
//!
//! 1. No fragment is longer than 0.5 s, because it is a part of low-latency HLS (RFC 8216bis 4.4.3.7): it closes as soon
//!    as another sample like its last would make it so, before a sample that does, or with its segment. Only a single
//!    longer sample makes a longer fragment, which no playlist lists as a part.
//! 2. A segment of video closes at the first sync sample at or past its target of 2 s. A sync sample at most half
//!    its own duration before the target counts as at the target (by at most a twentieth of the target, since a
//!    frozen picture can last for seconds), so that key frames every 2 s give segments of 2 s however the
//!    timestamps jitter.
//! 3. A segment of audio closes at the sample nearest to the target; every sample of audio is a sync sample.
//! 4. No segment is longer than 3.5 s: it is cut before the sample that would make it so. RFC 8216 4.3.3.1 rounds
//!    durations to whole seconds before it compares them with the target duration, so playlists can promise 4 s.
//! 5. A segment that does not start with a sync sample says so ([`Segment::sync`], and
//!    [`Flags::CUT`](crate::media::fmp4::index::Flags::CUT) in the index). While it is open the first sync sample
//!    closes it at once, before any target: one short segment is cheaper than seconds in which nobody can join.
//!    Without key frames the segments stay 3.5 s long.
//! 6. A sample cannot be split. One longer than 3.5 s is refused, so the recorder ends the run before that.

pub mod policy;
pub mod recover;
pub mod segmenter;

pub use policy::Policy;
pub use recover::{from_fragments, from_index};
pub use segmenter::{Output, Position, Segmenter};

use crate::media::fmp4;
use crate::time::{Ticks, Timescale};
use std::ops::Range;

/// A closed segment: a run of whole fragments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// From 0 within the track, across its runs.
    pub number: u32,
    /// Decode time of its first sample.
    pub start: Ticks,
    /// Sum of its samples' durations.
    pub duration: Ticks,
    /// Its bytes in the track's file.
    pub range: Range<u64>,
    /// How many samples it has.
    pub samples: u32,
    /// It starts with a sync sample.
    pub sync: bool,
}

impl Segment {
    /// Its duration as the difference of its rounded ends: summed over a playlist, these never drift from the
    /// media.
    #[must_use]
    pub fn duration_micros(&self, scale: Timescale) -> i64 {
        (self.start + self.duration).to_micros(scale) - self.start.to_micros(scale)
    }
}

/// Why a sample was refused. The segmenter is then as it was before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A duration of zero.
    #[error("a sample at tick {at} has no duration")]
    NoDuration {
        /// Its decode time in ticks.
        at: i64,
    },
    /// Longer than a whole segment may be.
    #[error("a sample at tick {at} lasts {duration} ticks, more than the longest segment of {limit}")]
    SampleTooLong {
        /// Its decode time in ticks.
        at: i64,
        /// Its duration in ticks.
        duration: u32,
        /// The longest segment, in ticks.
        limit: i64,
    },
    /// A gap or an overlap inside a run.
    #[error("a sample starts at tick {found}, the one before it ended at {expected}")]
    NotContiguous {
        /// End of the sample before, in ticks.
        expected: i64,
        /// Start of this sample, in ticks.
        found: i64,
    },
    /// The file would outgrow what the index can point at.
    #[error("the track's file has reached the largest offset of the index")]
    FileTooLarge,
    /// More segments or fragments than their numbers can count.
    #[error("the track has run out of numbers")]
    OutOfNumbers,
    /// The fragment could not be written.
    #[error("the fragment cannot be written: {0}")]
    Fragment(#[from] fmp4::Error),
}
