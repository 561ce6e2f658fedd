//! `tureen record`: one recording, without a server.

use super::attach::SourceSpec;
use super::error::Error;
use super::progress::Progress;
use super::request::StartRequest;
use super::rules::{Limits, Rules};
use super::supervisor::{MOST_RUNNING, Means, Supervisor};
use crate::catalog::{self, Catalog};
use crate::clock::SystemClock;
use crate::id::RecordingId;
use crate::media::segment::Policy;
use crate::peer;
use crate::reach::Reach;
use crate::session::Layers;
use crate::sfu::bridge::Lobby;
use crate::storage::{self, Store};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The catalogue's file in the output folder.
pub const CATALOGUE: &str = "tureen.db";

/// What to record and where to.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to attach.
    pub source: SourceSpec,
    /// What may be connected to.
    pub reach: Reach,
    /// Which spatial layers become tracks.
    pub layers: Layers,
    /// The room, when the URL does not name it.
    pub room_id: Option<String>,
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
    stop: CancellationToken,
    mut tell: impl FnMut(&Progress),
) -> Result<Recorded, Failure> {
    let store = Store::open(options.out.clone()).await?;
    let catalog = Catalog::open(&format!("sqlite:{}", options.out.join(CATALOGUE).display())).await?;
    let supervisor = Supervisor::new(Means {
        catalog: catalog.clone(),
        store,
        clock: Arc::new(SystemClock),
        policy: Policy::default(),
        peer: peer::Config { reach: options.reach, ..peer::Config::default() },
        lobby: Lobby::default(),
        most: MOST_RUNNING,
        audit: None,
    });
    let room_id = options.room_id.unwrap_or_else(|| room_of(options.source.url().unwrap_or_default()));
    let started = supervisor
        .start(StartRequest {
            title: room_id.clone(),
            room_id,
            description: None,
            started_by: "cli".to_owned(),
            source: options.source,
            layers: options.layers,
            rules: Rules::default(),
            limits: Limits { max_duration: options.duration, ..Limits::default() },
            parallel: false,
            idempotency_key: None,
            metadata: serde_json::Value::Null,
            webhooks: Vec::new(),
        })
        .await?;
    let id = started.recording_id;
    let mut seen = supervisor.progress(id).ok_or(Error::NotRunning)?;
    let ended = supervisor.ended(id);
    tokio::pin!(ended);
    let stopped = loop {
        tokio::select! {
            stopped = &mut ended => break stopped?,
            () = stop.cancelled() => break supervisor.stop(id).await?,
            Ok(()) = seen.changed() => tell(&seen.borrow_and_update()),
        }
    };
    let progress = seen.borrow().clone();
    tell(&progress);
    let row = catalog.recording(id).await?;
    Ok(Recorded {
        recording_id: id,
        duration_micros: stopped.duration_micros,
        progress,
        error: row.and_then(|row| row.error),
    })
}

fn room_of(url: &str) -> String {
    url::Url::parse(url)
        .ok()
        .and_then(|url| url.query_pairs().find(|(name, _)| name == "roomId").map(|(_, id)| id.into_owned()))
        .unwrap_or_else(|| "room".to_owned())
}
