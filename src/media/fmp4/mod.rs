//! Fragmented MP4 (ISO/IEC 14496-12, CMAF ISO/IEC 23000-19), one track to a file.
//!
//! A file of a track is an init segment ([`init`]: `ftyp`, `moov`) followed by fragments ([`fragment`]: `moof`,
//! `mdat`), only ever appended to. Beside it lies the sample index ([`index`]), 16 bytes a sample. [`read`]
//! finds the boxes again: after a crash ([`read::scan`]), and as text for people ([`describe`]).
//!
//! Invariants of what is written here:
//! 1. Track id 1, one `traf` and one `trun` in a `moof`, the `mdat` directly behind it.
//! 2. `default-base-is-moof`, so that a fragment can be moved in a file, or served alone, as it is.
//! 3. `tfdt` is version 1 (64 bits), so that [`fragment::shift`] never changes a length.
//! 4. Decode time equals presentation time: no composition offsets, no edit list.
//! 5. A box in the init segment says whose track this is ([`init::Origin`]), so that a file needs no catalogue.

pub mod describe;
pub mod fragment;
pub mod index;
pub mod init;
pub mod read;
#[cfg(test)]
pub(crate) mod testing;

/// Why a file could not be written or understood.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The sample entry or another box of the init segment cannot be written.
    #[error("the init segment cannot be written: {0}")]
    Init(#[source] mp4_atom::Error),
    /// The mediasoup peer id is longer than the box that carries it may be.
    #[error("the participant's name has {length} bytes, more than {limit}")]
    ParticipantTooLong {
        /// Its length in bytes.
        length: usize,
        /// What is allowed.
        limit: usize,
    },
    /// The box that says whose track this is holds something else.
    #[error("the origin box cannot be read: {0}")]
    Origin(#[source] serde_json::Error),
    /// The box that says whose track this is was written by a later version.
    #[error("the origin box has version {0}, which this program does not know")]
    OriginVersion(u32),
    /// A fragment needs at least one sample.
    #[error("a fragment needs at least one sample")]
    Empty,
    /// A sample that does not start where the one before it ended.
    #[error("a sample starts at tick {found}, the one before it ended at {expected}")]
    NotContiguous {
        /// End of the sample before, in ticks.
        expected: i64,
        /// Start of this sample, in ticks.
        found: i64,
    },
    /// A decode time below zero, which `tfdt` cannot hold.
    #[error("a decode time of {0} ticks is below zero")]
    NegativeTime(i64),
    /// A decode time beyond what `tfdt` or a tick can hold.
    #[error("a decode time is out of range")]
    TimeOutOfRange,
    /// The samples of a fragment together exceed what a 32-bit box size can say.
    #[error("a fragment of {0} bytes is too large")]
    FragmentTooLarge(u64),
    /// Bytes that are not a run of whole fragments.
    #[error("not a run of whole fragments: broken at byte {0}")]
    Broken(u64),
}
