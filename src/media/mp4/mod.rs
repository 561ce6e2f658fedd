//! Progressive MP4 (ISO/IEC 14496-12): one file with its tables in front, computed and never stored.
//!
//! Samples go into [`Tables`], track by track and in order, without their bytes: of each is known where it comes from
//! ([`Content`]). [`movie()`] lays the media out and writes all boxes in front of it ([`Movie::head`]); of the media itself it
//! says which bytes lie where ([`Movie::extents`]), so that any range of the file can be put together later.
//!
//! The media of all tracks is interleaved: a *burst* is what one track has in about a second (8.7.4 has another word
//! for it). A burst has one sample entry, and its samples lie one behind another. A picture that a fill shows
//! again is a burst by itself that points at bytes which are there already, if they are not far behind.
//!
//! Offsets depend on the length of the boxes in front of them, so these are written first, with offsets counted from the
//! first byte of media, and the offsets are mended in place. 64-bit sizes and times are used where 32 do not do.

mod boxes;
mod layout;
mod tables;
#[cfg(test)]
mod tests;

pub use boxes::sample_entry;
pub use layout::{Extent, Movie, movie};
pub use tables::Tables;

use crate::media::{Kind, Rotation};
use crate::time::{Ticks, Timescale, WallTime};
use bytes::Bytes;

/// Ticks per second of the whole movie: those of video, and as fine as any edit needs.
pub const TIMESCALE: Timescale = Timescale::VIDEO;
/// Offsets in sources are below this.
pub const OFFSET_LIMIT: u64 = 1 << 48;

/// What is said of a track beside its samples.
#[derive(Clone, Debug)]
pub struct Track {
    /// Sound or pictures.
    pub kind: Kind,
    /// Ticks per second.
    pub timescale: Timescale,
    /// How pictures must be turned.
    pub rotation: Rotation,
    /// Pixels as coded; 0 for sound.
    pub width: u32,
    /// Pixels as coded; 0 for sound.
    pub height: u32,
    /// Sample entries as they are in `stsd`, in the order that samples count them: [`sample_entry()`].
    pub entries: Vec<Bytes>,
    /// When it begins to be shown, in ticks of [`TIMESCALE`] since the movie's start.
    pub delay: i64,
    /// What is hidden of its first samples, in its own ticks.
    pub hidden: Ticks,
    /// How long it is shown from there on, in its own ticks.
    pub shown: Ticks,
}

/// A sample as the tables need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// In ticks of its track, above zero.
    pub duration: u32,
    /// In bytes.
    pub size: u32,
    /// A decoder can start here.
    pub sync: bool,
    /// Which of [`Track::entries`] it needs, from 0.
    pub entry: u16,
    /// Where its bytes are.
    pub content: Content,
}

/// Where bytes of a movie come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// From a source, at this offset.
    At(Place),
    /// The same, and other samples have these bytes too: they need not be in the file again.
    Again(Place),
    /// A short source as a whole. It is put wherever it is needed.
    Whole(u16),
}

/// A place in a source: its number in the upper 16 bits, the offset below.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(u64);

impl Place {
    /// An offset in a source; `None` for one that is not below [`OFFSET_LIMIT`].
    #[must_use]
    pub fn new(source: u16, offset: u64) -> Option<Self> {
        (offset < OFFSET_LIMIT).then_some(Self((u64::from(source) << 48) | offset))
    }

    /// Which source.
    #[must_use]
    pub fn source(self) -> u16 {
        (self.0 >> 48) as u16
    }

    /// The offset in it.
    #[must_use]
    pub fn offset(self) -> u64 {
        self.0 & (OFFSET_LIMIT - 1)
    }
}

/// What is said of the whole.
#[derive(Clone, Copy, Debug, Default)]
pub struct About {
    /// When it was recorded.
    pub created: WallTime,
}

/// Why a movie cannot be written.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// No track has a sample.
    #[error("a movie needs at least one sample")]
    Empty,
    /// The tables would be larger than is sensible.
    #[error("the tables of the movie have more than {limit} bytes")]
    TooLarge {
        /// What is allowed.
        limit: usize,
    },
}
