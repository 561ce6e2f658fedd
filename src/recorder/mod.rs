//! Recording: from a room's events and packets to stored fragments and rows.

use crate::catalog::Catalog;
use crate::id::RecordingId;
use crate::storage::Store;
use crate::time::WallTime;
use serde_json::Value;
use std::time::Duration;

/// How to enter a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceSpec {
    /// As a peer of mediasoup-demo's protoo signalling.
    Protoo {
        /// `ws:` or `wss:`, with `roomId` and `peerId`.
        url: String,
        /// The `Origin` header.
        origin: Option<String>,
        /// What other peers see, if they see anything.
        display_name: Option<String>,
    },
}

/// What to record.
#[derive(Clone, Debug)]
pub struct StartRequest {
    /// The room.
    pub room_id: String,
    /// For people.
    pub title: String,
    /// For people.
    pub description: Option<String>,
    /// The `user_id` of who asks.
    pub started_by: String,
    /// How to enter the room.
    pub source: SourceSpec,
    /// The application's own.
    pub metadata: Value,
    /// The recording ends by itself after this.
    pub max_duration: Option<Duration>,
}

/// A recording runs.
#[derive(Clone, Debug)]
pub struct Started {
    /// Which.
    pub recording_id: RecordingId,
    /// Since when.
    pub started_at: WallTime,
}

/// A recording has ended.
#[derive(Clone, Debug)]
pub struct Stopped {
    /// When.
    pub stopped_at: WallTime,
    /// Its length.
    pub duration_micros: i64,
}

/// Why a recording does not start or stop.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The room has a running recording.
    #[error("recording {0} of this room is running already")]
    AlreadyRecording(RecordingId),
    /// The source makes no sense.
    #[error("the source cannot be used: {0}")]
    BadSource(String),
    /// Nobody answers there.
    #[error("the SFU cannot be reached: {0}")]
    SfuUnreachable(String),
    /// The SFU does not let us in.
    #[error("the SFU refused: {0}")]
    SfuRefused(String),
    /// As many recordings run as may.
    #[error("too many recordings are running")]
    TooMany,
    /// The recording is not running.
    #[error("the recording is not running")]
    NotRunning,
    /// The catalogue failed.
    #[error("the catalogue failed")]
    Catalog(#[from] crate::catalog::Error),
    /// The recording ended but its end could not be learnt.
    #[error("the recording's end is not known")]
    Lost,
}

/// Starts and stops recordings.
#[derive(Clone, Debug)]
pub struct Supervisor;

impl Supervisor {
    /// A supervisor without recordings.
    #[must_use]
    pub fn new(_catalog: Catalog, _store: Store) -> Self {
        Self
    }

    /// Starts a recording.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn start(&self, request: StartRequest) -> Result<Started, Error> {
        Err(Error::SfuUnreachable(request.room_id))
    }

    /// Ends a recording.
    ///
    /// # Errors
    /// [`Error::NotRunning`].
    pub async fn stop(&self, _id: RecordingId) -> Result<Stopped, Error> {
        Err(Error::NotRunning)
    }

    /// What runs now.
    #[must_use]
    pub fn running_ids(&self) -> Vec<RecordingId> {
        Vec::new()
    }

    /// Ends all recordings.
    pub async fn shutdown(&self) {}
}

pub mod progress;
pub mod record;
pub mod recovery;
pub mod track;
