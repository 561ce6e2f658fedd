//! Which stored bytes answer a request, and what the playlists say of them.
//!
//! Everything served is a view of the stored tracks: nothing is written here. The views of one participant start at
//! that participant's first media ([`room::Room::zero_micros`]); stored ticks count from the recording's start, so the
//! decode times of served fragments are moved. Where a track has no media a view has a fill ([`timeline`]), because a
//! hole stalls or skips in every player: silence for sound; for pictures the last key frame again where something was
//! lost, and a black one ([`black`]) where nothing was sent. Fills are computed when they are served, never stored and
//! never counted as media.

pub mod bandwidth;
pub mod black;
pub mod clip;
pub mod dash;
pub mod fetch;
pub mod file;
pub mod fill;
pub mod filled;
mod ladder;
mod marks;
mod pieces;
pub mod placed;
pub mod playlist;
pub mod playlists;
pub mod popular;
pub mod presentation;
pub mod room;
pub mod rows;
pub mod samples;
pub mod support;
pub mod timeline;
mod trick;
pub mod watchable;
pub mod webm;

#[cfg(test)]
pub(crate) mod film;
#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;

use crate::id::{ParticipantId, TrackId};
use crate::{catalog, media, storage};

/// A number that changes with the bytes that are made of the same rows: it is part of the tags of all that is computed.
pub(crate) const VIEW_VERSION: u64 = 3;

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such recording, or it was deleted.
    #[error("there is no such recording")]
    NoRecording,
    /// The recording has no such participant.
    #[error("the recording has no participant {0}")]
    NoParticipant(ParticipantId),
    /// The recording has no such track.
    #[error("the recording has no track {0}")]
    NoTrack(TrackId),
    /// The track has no such init segment.
    #[error("the track has no init segment {0}")]
    NoInit(u32),
    /// The track has no such segment.
    #[error("the track has no segment {0}")]
    NoSegment(u32),
    /// Nothing of the track's view begins at this tick.
    #[error("nothing of the track begins at tick {0}")]
    NothingAt(u64),
    /// The track has no pictures.
    #[error("the track has no black picture")]
    NoBlack,
    /// The track has no such part.
    #[error("segment {segment} has no part {number}, or none any more")]
    NoPart {
        /// The segment's number.
        segment: u32,
        /// The part's.
        number: u32,
    },
    /// A part of a segment was asked for that was not named.
    #[error("_HLS_part needs _HLS_msn")]
    PartOfNothing,
    /// More was asked for than can come soon.
    #[error("segment {segment} is too far ahead: the last one is {last}")]
    TooFarAhead {
        /// The media sequence number that was asked for.
        segment: u64,
        /// The last one that there is.
        last: u64,
    },
    /// What was waited for did not come.
    #[error("nothing new came in time")]
    NotInTime,
    /// No segment has been closed yet, but the recording is running.
    #[error("nothing has been recorded yet: the first segment takes a few seconds")]
    NothingYet,
    /// The recording ended without a single segment.
    #[error("nothing was recorded")]
    Nothing,
    /// What there is does not play from HLS in any browser.
    #[error("{codecs} does not play from HLS: {note}")]
    NotPlayable {
        /// The codecs that there are.
        codecs: String,
        /// Where it does play.
        note: &'static str,
    },
    /// The sample index does not hold what a segment's row says.
    #[error("the sample index of track {track} does not agree with its segment {segment}")]
    Index {
        /// The track.
        track: TrackId,
        /// Number of the segment.
        segment: u32,
    },
    /// What is asked for needs more than one file.
    #[error("{who} is recorded in {codecs}: one file cannot hold both as one picture, so name a track")]
    SeveralFiles {
        /// Whose picture.
        who: String,
        /// Its codecs.
        codecs: String,
        /// The tracks that there are.
        tracks: Vec<TrackId>,
    },
    /// The container does not take a codec.
    #[error("{codec} cannot be in {container}: {instead}")]
    NotInContainer {
        /// The codec.
        codec: &'static str,
        /// The container that was asked for.
        container: &'static str,
        /// What does.
        instead: &'static str,
        /// The tracks that there are.
        tracks: Vec<TrackId>,
    },
    /// The part that is asked for has no media.
    #[error("the part from {start} s on has no media: the recording has {length} s")]
    Outside {
        /// Where it begins, in seconds.
        start: f64,
        /// How long the selection is, in seconds.
        length: f64,
    },
    /// More tables than a file may have.
    #[error("what is asked for is too long for one file: {0}")]
    TooLong(#[from] media::mp4::Error),
    /// Rows changed while they were read.
    #[error("the recording has just changed: ask again")]
    Changed,
    /// What a file consists of is not as long as it says: a defect.
    #[error("the parts of a file do not make up its bytes at {at}")]
    Layout {
        /// Where.
        at: u64,
    },
    /// Rows could not be read.
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
    /// Bytes could not be read.
    #[error(transparent)]
    Storage(#[from] storage::Error),
    /// It could not be written as WebM.
    #[error(transparent)]
    WebM(#[from] media::webm::Error),
    /// Stored bytes are not what their rows say.
    #[error("stored media of track {track} is damaged")]
    Damaged {
        /// The track.
        track: TrackId,
        /// What was found.
        source: media::fmp4::Error,
    },
}
