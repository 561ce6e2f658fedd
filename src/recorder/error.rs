//! What can go wrong when a recording is started, steered or stopped.

use crate::catalog;
use crate::id::RecordingId;
use crate::peer;
use crate::reach;

/// Why a recording could not be started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The room is being recorded by this one.
    #[error("the room is already being recorded by {0}")]
    AlreadyRecording(RecordingId),
    /// A request of the same idempotency key is still being carried out.
    #[error("a request with this idempotency key is being carried out")]
    InProgress,
    /// The idempotency key belongs to a request that asked for something else.
    #[error("this idempotency key was used for another request")]
    KeyReused,
    /// The source does not make sense.
    #[error("bad source: {0}")]
    BadSource(String),
    /// The service may not connect there, or has no way to.
    #[error(transparent)]
    Reach(#[from] reach::Error),
    /// Nobody answers there, or not as an SFU does.
    #[error("the SFU cannot be reached: {0}")]
    SfuUnreachable(String),
    /// The SFU answers and says no.
    #[error("the SFU refused: {0}")]
    SfuRefused(String),
    /// No application has come with this room.
    #[error("no application has attached this room")]
    NotAttached,
    /// Layers cannot be had one by one where this is attached.
    #[error(
        "layers cannot be recorded one by one here: each needs a consumer of its own, which {0} does not give"
    )]
    LayersUnsupported(&'static str),
    /// Too many recordings at once.
    #[error("as many recordings are running as may: {0}")]
    TooMany(usize),
    /// No such recording is running.
    #[error("the recording is not running")]
    NotRunning,
    /// It stands still already.
    #[error("the recording is paused already")]
    AlreadyPaused,
    /// It does not stand still.
    #[error("the recording is not paused")]
    NotPaused,
    /// The catalogue failed.
    #[error("the catalogue failed")]
    Catalog(#[from] catalog::Error),
    /// The WebRTC stack failed.
    #[error("the receiver could not be made")]
    Peer(#[from] peer::Error),
    /// The recording ended but its end could not be learnt.
    #[error("the recording's end is not known")]
    Lost,
}
