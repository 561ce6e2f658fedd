//! A real room and a recorder beside it.

use crate::recorder::Recorder;
use crate::wait;
use serde_json::Value;
use std::ffi::OsStr;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tureen_sfu::{Dialect, Fixture, Options, Publish, Publisher, Room, Sfu};

/// Everything a test needs; ends when it is dropped.
pub struct Stage {
    /// The SFU.
    pub sfu: Sfu,
    /// Its room `e2e`.
    pub room: Arc<Room>,
    /// The recorder.
    pub recorder: Recorder,
    /// Its folder.
    pub folder: TempDir,
}

/// The room that tests use.
pub const ROOM: &str = "e2e";

impl Stage {
    /// A room without participants, and a recorder that does not record yet.
    pub async fn new(dialect: Dialect) -> Self {
        Self::with(Options { dialect, ..Options::default() }).await
    }

    /// The same with an SFU of other options.
    pub async fn with(options: Options) -> Self {
        Self::in_environment(options, &[]).await
    }

    /// And with more environment variables for the recorder.
    pub async fn in_environment(options: Options, environment: &[(&str, &OsStr)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sfu = Sfu::start(options).await.expect("the SFU starts");
        let room = sfu.room(ROOM).await.expect("a room");
        let recorder = Recorder::start_in(folder.path(), environment).await;
        Self { sfu, room, recorder, folder }
    }

    /// A participant that publishes fixtures.
    pub async fn publish(&self, peer_id: &str, video: Option<&str>, audio: Option<&str>) -> Publisher {
        let load = |name: Option<&str>| name.map(|name| Fixture::named(name).expect("a fixture"));
        let publish = Publish {
            peer_id: peer_id.to_owned(),
            display_name: peer_id.to_owned(),
            video: load(video),
            audio: load(audio),
            ..Publish::default()
        };
        self.room.publish(publish).await.expect("it publishes")
    }

    /// Where a track's media lies.
    #[must_use]
    pub fn file(&self, id: &str, track: &Value) -> std::path::PathBuf {
        let track = track["id"].as_str().expect("a track has an id");
        self.recorder.media().join("recordings").join(id).join(format!("{track}.mp4"))
    }

    /// Starts recording the room.
    pub async fn record(&self) -> String {
        self.recorder.record(ROOM, &self.sfu.url(ROOM)).await
    }

    /// Waits until every listed participant has `micros` of media in each of its tracks.
    pub async fn recorded(&self, id: &str, peers: &[&str], micros: i64) -> Value {
        let limit = Duration::from_micros(micros.unsigned_abs()) + Duration::from_secs(25);
        self.recorder
            .manifest_until("media of everybody", id, limit, |manifest| {
                peers.iter().all(|peer| {
                    let tracks = participant(manifest, peer).map(tracks_of).unwrap_or_default();
                    !tracks.is_empty()
                        && tracks.iter().all(|track| track["duration_us"].as_i64().unwrap_or(0) >= micros)
                })
            })
            .await
    }

    /// Waits until the recorder has noticed that a participant left.
    pub async fn left(&self, id: &str, peer: &str) {
        self.recorder
            .manifest_until("the participant left", id, Duration::from_secs(10), |manifest| {
                participant(manifest, peer).is_some_and(|found| found["left_at"].is_string())
            })
            .await;
    }
}

/// A participant of a manifest.
#[must_use]
pub fn participant<'a>(manifest: &'a Value, peer_id: &str) -> Option<&'a Value> {
    manifest["participants"].as_array()?.iter().find(|found| found["peer_id"] == peer_id)
}

/// The tracks of a participant.
#[must_use]
pub fn tracks_of(participant: &Value) -> Vec<&Value> {
    participant["tracks"].as_array().map(|tracks| tracks.iter().collect()).unwrap_or_default()
}

/// The participant's track of a kind.
#[must_use]
pub fn track<'a>(manifest: &'a Value, peer_id: &str, kind: &str) -> &'a Value {
    let found = participant(manifest, peer_id).unwrap_or_else(|| panic!("{peer_id} in {manifest}"));
    let of_kind = tracks_of(found).into_iter().find(|track| track["kind"] == kind);
    of_kind.unwrap_or_else(|| panic!("{kind} of {peer_id} in {manifest}"))
}

/// A participant to be, with an H264 camera and a microphone.
#[must_use]
pub fn publish(peer: &str) -> Publish {
    Publish {
        peer_id: peer.to_owned(),
        display_name: peer.to_owned(),
        video: Some(Fixture::named("h264-baseline.h264").expect("a fixture")),
        audio: Some(Fixture::named("opus.ogg").expect("a fixture")),
        ..Publish::default()
    }
}

/// Waits for the first frame of a publisher.
pub async fn sends(publisher: &Publisher) {
    wait::until("the publisher sends", Duration::from_secs(10), || async {
        publisher.ledgers().await.iter().all(|ledger| !ledger.frames.is_empty()).then_some(())
    })
    .await;
}
