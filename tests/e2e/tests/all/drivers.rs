//! One call through each way into a room that has participants of its own: join, a late participant, a camera off and
//! on, a mute, a departure, and the room's end.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;
use tureen_e2e::recorder::Recorder;
use tureen_e2e::stage::{ROOM, Stage, participant, track, tracks_of};
use tureen_e2e::{readers, wait};
use tureen_sfu::{Dialect, Fixture, Options, Resuming};

const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Copy)]
enum Way {
    Protoo(Dialect),
    Http(Resuming),
}

struct Call {
    stage: Stage,
    id: String,
}

impl Call {
    async fn until(&self, what: &str, good: impl Fn(&Value) -> bool) -> Value {
        self.stage.recorder.manifest_until(what, &self.id, PATIENCE, good).await
    }

    /// So many more samples of a track than there are.
    async fn more(&self, peer: &str, kind: &str, samples: i64) {
        let count = move |manifest: &Value| {
            let tracks = participant(manifest, peer).map(tracks_of).unwrap_or_default();
            let of_kind = tracks.into_iter().find(|track| track["kind"] == kind);
            of_kind.and_then(|track| track["samples"].as_i64()).unwrap_or(0)
        };
        let goal = count(&self.stage.recorder.manifest(&self.id).await) + samples;
        self.until(&format!("{kind} of {peer}"), |manifest| count(manifest) >= goal).await;
    }

    /// An open gap of a track that is that long, told with its cause.
    async fn gap(&self, peer: &str, kind: &str) {
        self.until(&format!("a gap in {kind} of {peer}"), |manifest| {
            track(manifest, peer, kind)["gaps"].as_array().is_some_and(|gaps| {
                gaps.last().is_some_and(|gap| gap["open"] == true && gap["cause"] == "off")
            })
        })
        .await;
    }
}

async fn start(stage: &Stage, way: Way) -> String {
    let source = match way {
        Way::Protoo(_) => json!({"mode": "protoo", "url": stage.sfu.url(ROOM)}),
        Way::Http(_) => json!({"mode": "http", "url": stage.sfu.http_url()}),
    };
    let body = json!({"room_id": ROOM, "title": "A call", "source": source});
    let (status, answer) = stage.recorder.call(Method::POST, "/api/v1/recordings/start", Some(body)).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    answer["recording_id"].as_str().unwrap().to_owned()
}

async fn a_call(way: Way) {
    let options = match way {
        Way::Protoo(dialect) => Options { dialect, ..Options::default() },
        Way::Http(resuming) => Options { resuming, ..Options::default() },
    };
    let stage = Stage::with(options).await;
    let ada = stage.publish("ada", Some("h264-baseline.h264"), Some("opus.ogg")).await;
    let id = start(&stage, way).await;
    let call = Call { stage, id };
    call.more("ada", "video", 40).await;
    // A late participant.
    let ben = call.stage.publish("ben", None, Some("opus-b.ogg")).await;
    call.more("ben", "audio", 50).await;
    // A new display name, by each signalling's own way to tell it.
    assert!(call.stage.room.rename("ada", "Ada Lovelace"));
    call.until("her new name", |manifest| {
        participant(manifest, "ada").is_some_and(|ada| ada["display_name"] == "Ada Lovelace")
    })
    .await;
    // A camera that goes off and on, with a producer of its own each time; a microphone that is muted meanwhile.
    ada.close_video().await.unwrap();
    ben.pause_audio().await.unwrap();
    call.gap("ada", "video").await;
    call.gap("ben", "audio").await;
    ben.resume().await.unwrap();
    ada.open_video(Fixture::named("h264-baseline.h264").unwrap()).await.unwrap();
    call.more("ben", "audio", 50).await;
    call.more("ada", "video", 40).await;
    // A departure, and the end.
    ben.leave().await;
    call.stage.left(&call.id, "ben").await;
    call.more("ada", "audio", 50).await;
    call.stage.sfu.close_room(ROOM).await;
    let over = |manifest: &Value| manifest["recording"]["status"] != "recording";
    let manifest = call.until("the recording's end with its room", over).await;

    assert_eq!(manifest["recording"]["status"], "completed", "{manifest}");
    let of = |peer: &str| tracks_of(participant(&manifest, peer).unwrap()).len();
    assert_eq!((of("ada"), of("ben")), (2, 1), "each is one timeline: {manifest}");
    assert_eq!(manifest["participants"].as_array().unwrap().len(), 2, "the recorder is nobody: {manifest}");
    for (peer, kind) in [("ada", "video"), ("ada", "audio"), ("ben", "audio")] {
        let track = track(&manifest, peer, kind);
        assert!(track["error"].is_null() && track["integrity"]["packets_lost"] == 0, "{track}");
        let playlist = format!("{}{}", call.stage.recorder.url, track["playlist"].as_str().unwrap());
        let header = format!("Authorization: Bearer {}\r\n", call.stage.recorder.token);
        assert_eq!(readers::ffmpeg_complaints(&playlist, &["-headers", &header]), "", "{track}");
    }
    let (status, answer) =
        call.stage.recorder.call(Method::POST, &format!("/api/v1/recordings/{}/stop", call.id), None).await;
    assert_eq!(status, StatusCode::CONFLICT, "it is over: {answer}");
    assert!(!call.stage.recorder.log().contains("panicked"), "{}", call.stage.recorder.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_by_protoo_of_the_older_dialect() {
    a_call(Way::Protoo(Dialect::Old)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_by_protoo_of_the_rewrite() {
    a_call(Way::Protoo(Dialect::Ts)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_by_http_with_consumers_that_are_resumed() {
    a_call(Way::Http(Resuming::ByRoute)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_by_http_with_consumers_that_run_at_once() {
    a_call(Way::Http(Resuming::Never)).await;
}

/// Waits until a recorder has joined a room again, once since it started.
async fn joins_again(recorder: &Recorder) {
    wait::until("it has joined again", PATIENCE, || async {
        let metrics = String::from_utf8(recorder.get("/metrics").await.to_vec()).unwrap();
        metrics.contains("\ntureen_rejoins_total 1\n").then_some(())
    })
    .await;
}

/// A server that knows a flag for it is told so each time the recorder joins.
#[tokio::test(flavor = "multi_thread")]
async fn a_recorder_that_its_server_can_hide_stays_hidden() {
    let stage = Stage::new(Dialect::Ts).await;
    let _ada = stage.publish("ada", None, Some("opus.ogg")).await;
    let source = json!({"mode": "protoo", "url": stage.sfu.url(ROOM), "join": {"hidden": true}});
    let body = json!({"room_id": ROOM, "title": "t", "source": source});
    let (status, answer) = stage.recorder.call(Method::POST, "/api/v1/recordings/start", Some(body)).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    let id = answer["recording_id"].as_str().unwrap().to_owned();
    stage.recorded(&id, &["ada"], 1_000_000).await;
    assert_eq!(stage.room.peer_ids(), ["ada"]);

    stage.room.cut();
    joins_again(&stage.recorder).await;
    assert_eq!(stage.room.peer_ids(), ["ada"]);

    let Stage { sfu, room, recorder, folder } = stage;
    recorder.kill().await;
    let recorder = Recorder::start(folder.path()).await;
    joins_again(&recorder).await;
    let stage = Stage { sfu, room, recorder, folder };
    stage.recorded(&id, &["ada"], 3_000_000).await;
    assert_eq!(stage.room.peer_ids(), ["ada"]);
    stage.recorder.stop(&id).await;
}

/// The service that is configured serves without a `source` and without a list, and a stop leaves its room.
#[tokio::test(flavor = "multi_thread")]
async fn the_configured_service_serves_starts_without_a_source() {
    let sfu = tureen_sfu::Sfu::start(Options::default()).await.unwrap();
    let room = sfu.room(ROOM).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = sfu.http_url();
    let environment = [("MEDIASOUP_URL", url.as_ref()), ("SFU_ALLOW", "".as_ref())];
    let recorder = Recorder::start_in(folder.path(), &environment).await;
    let body = json!({"room_id": ROOM, "title": "t"});
    let (status, answer) = recorder.call(Method::POST, "/api/v1/recordings/start", Some(body)).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    assert_eq!(room.peer_ids().len(), 1, "the recorder is in the room");
    recorder.stop(answer["recording_id"].as_str().unwrap()).await;
    assert!(room.peer_ids().is_empty(), "{:?}", room.peer_ids());
    let (status, answer) = recorder.try_record(ROOM, &sfu.url(ROOM)).await;
    assert_eq!(status, StatusCode::CREATED, "the configured host and port are listed: {answer}");
    let other = "ws://127.0.0.1:9/?roomId=x";
    let (status, answer) = recorder.try_record("another", other).await;
    assert_eq!((status, &answer["setting"]), (StatusCode::FORBIDDEN, &json!("SFU_ALLOW")), "{answer}");
}
