//! An application that comes to the recorder: the npm package in the sample application, with npm's mediasoup and a
//! real worker.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::time::Duration;
use tempfile::TempDir;
use tureen::media::Codec;
use tureen_e2e::application::{Application, Road};
use tureen_e2e::recorder::{Recorder, token};
use tureen_e2e::stage::{ROOM, participant, track, tracks_of};
use tureen_e2e::stored::Stored;
use tureen_e2e::wait;

struct Scene {
    recorder: Recorder,
    road: Road,
    app: Application,
    folder: TempDir,
}

impl Scene {
    async fn new() -> Self {
        Self::with(&[]).await
    }

    async fn with(environment: &[(&str, &OsStr)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let recorder = Recorder::start_in(folder.path(), environment).await;
        let road = Road::to(&recorder.url).await;
        let app = Application::start(&road.url, &recorder).await;
        Self { recorder, road, app, folder }
    }

    async fn try_record(&self, layers: &str) -> (StatusCode, Value) {
        let body =
            json!({"room_id": ROOM, "title": "Lesson", "layers": layers, "source": {"mode": "bridge"}});
        self.recorder.call(Method::POST, "/api/v1/recordings/start", Some(body)).await
    }

    async fn record(&self) -> String {
        let (status, answer) = self.try_record("max").await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        answer["recording_id"].as_str().unwrap().to_owned()
    }

    /// Waits until a participant has so much media in both tracks.
    async fn recorded(&self, id: &str, peer: &str, micros: i64) -> Value {
        let limit = Duration::from_micros(micros.unsigned_abs()) + Duration::from_secs(20);
        self.recorder
            .manifest_until("media", id, limit, |manifest| {
                let tracks = participant(manifest, peer).map(tracks_of).unwrap_or_default();
                tracks.len() == 2 && tracks.iter().all(|t| t["duration_us"].as_i64().unwrap_or(0) >= micros)
            })
            .await
    }

    async fn gone(&self, id: &str, peer: &str) {
        self.recorder
            .manifest_until("they left", id, Duration::from_secs(10), |manifest| {
                participant(manifest, peer).is_some_and(|found| found["left_at"].is_string())
            })
            .await;
    }

    /// What is stored of a participant is what was sent, from the first stored sample to the last that was sent.
    async fn exact(&self, id: &str, peer: &str, ledgers: &Value) {
        let manifest = self.recorder.manifest(id).await;
        for (kind, codec) in [("video", Codec::Vp8), ("audio", Codec::Opus)] {
            let listed = track(&manifest, peer, kind);
            let stored = Stored::read(&self.recorder.media(), id, listed["id"].as_str().unwrap());
            let stored: Vec<String> = stored.hashes(codec).iter().map(|units| hex(&units[0])).collect();
            let sent: Vec<&str> =
                ledgers[kind].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            assert!(stored.len() > 25, "{kind} of {peer}: {} of {}", stored.len(), sent.len());
            assert!(stored.len() <= sent.len(), "{kind} of {peer}: {} of {}", stored.len(), sent.len());
            let tail = &sent[sent.len() - stored.len()..];
            let same = stored.iter().zip(tail).filter(|(a, b)| a == b).count();
            println!(
                "{kind} of {peer}: {same} of {} samples are what was sent, of {} sent",
                stored.len(),
                sent.len()
            );
            assert_eq!(same, stored.len(), "{kind} of {peer}");
            assert_eq!(listed["gaps"], json!([]), "{listed}");
            assert_eq!(listed["integrity"]["packets_lost"], 0, "{listed}");
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_attaches_its_room_and_is_recorded_bit_by_bit() {
    let scene = Scene::new().await;
    let (app, recorder) = (&scene.app, &scene.recorder);
    app.publish("ada").await;
    let id = scene.record().await;
    scene.recorded(&id, "ada", 3_000_000).await;
    app.publish("grace").await;
    scene.recorded(&id, "grace", 3_000_000).await;
    let of_ada = app.leave("ada").await;
    scene.gone(&id, "ada").await;
    // The last one closes the room in this application, which ends the recording: the bytes are on the disk then.
    let (status, answer) = scene.try_record("max").await;
    assert_eq!(status, StatusCode::CONFLICT, "{answer}");
    assert_eq!(answer["recording_id"], id.as_str(), "the running one is named: {answer}");
    recorder.stop(&id).await;
    let manifest = recorder.manifest(&id).await;
    assert_eq!(participant(&manifest, "ada").unwrap()["display_name"], "ada's name");
    scene.exact(&id, "ada", &of_ada).await;
    assert_eq!(app.told("recording").await, [json!({"name": "recording", "recordingId": id})]);
    assert_eq!(app.told("stopped").await, [json!({"name": "stopped", "recordingId": id})]);

    // Over the same socket another one, which the end of the room ends.
    let second = scene.record().await;
    scene.recorded(&second, "grace", 2_000_000).await;
    let of_grace = app.leave("grace").await;
    let manifest = recorder
        .manifest_until("its end", &second, Duration::from_secs(20), |manifest| {
            manifest["recording"]["status"] != "recording"
        })
        .await;
    assert_eq!(manifest["recording"]["status"], "completed", "{manifest}");
    scene.exact(&second, "grace", &of_grace).await;
    assert!(!recorder.log().contains("panicked"), "{}", recorder.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn failure_32_a_websocket_that_is_away_for_10_s_loses_no_media_and_the_recorder_stays_hidden() {
    let scene = Scene::new().await;
    let app = &scene.app;
    app.publish("ada").await;
    let id = scene.record().await;
    scene.recorded(&id, "ada", 2_000_000).await;
    scene.road.cut();
    wait::until("the application has noticed", Duration::from_secs(5), || async {
        (app.told("detached").await.len() == 1).then_some(())
    })
    .await;
    // Somebody comes and somebody is there, while nobody can be told.
    app.publish("grace").await;
    let so_far = scene.recorder.manifest(&id).await;
    let so_far = track(&so_far, "ada", "audio")["duration_us"].as_i64().unwrap();
    let manifest = scene.recorded(&id, "ada", so_far + 10_000_000).await;
    assert!(participant(&manifest, "grace").is_none(), "the socket is away: {manifest}");
    assert!(scene.road.mend(), "it was tried meanwhile");
    scene.recorded(&id, "grace", 2_000_000).await;
    assert_eq!(app.told("attached").await.last(), Some(&json!({"name": "attached", "resumed": true})));
    assert_eq!(app.told("recording").await.len(), 1, "one and the same");

    let seen = app.ask("seen", json!({})).await;
    for list in seen["peers"].as_array().unwrap() {
        let ids: Vec<&Value> = list.as_array().unwrap().iter().map(|peer| &peer["peerId"]).collect();
        assert_eq!(ids, [&json!("ada"), &json!("grace")], "nobody else is in the room");
    }
    let heard = seen["heard"].as_array().unwrap().iter().filter(|told| told["method"] != "welcome");
    assert_eq!(
        heard.cloned().collect::<Value>(),
        json!([{"to": "ada", "method": "newPeer", "data": {"peerId": "grace", "name": "grace's name"}}]),
        "and nobody else was ever told of"
    );
    let of_ada = app.leave("ada").await;
    scene.gone(&id, "ada").await;
    scene.recorder.stop(&id).await;
    scene.exact(&id, "ada", &of_ada).await;
    assert!(!scene.recorder.log().contains("panicked"), "{}", scene.recorder.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_at_the_bridge_are_told_why_and_harm_nothing() {
    let scene = Scene::new().await;
    let app = &scene.app;
    let (status, answer) = scene.try_record("max").await;
    assert_eq!(status, StatusCode::CONFLICT, "nobody has attached it: {answer}");
    assert_eq!(answer["type"], "urn:tureen:problem:not-attached", "{answer}");
    app.publish("ada").await;
    let id = scene.record().await;
    scene.recorded(&id, "ada", 1_000_000).await;
    let (good, student) = (&scene.recorder.token, token("student"));
    let v1 = "tureen-bridge.v1";
    let hello = |version: u32| {
        json!({"request": true, "id": 1, "method": "hello", "data": {"version": version, "roomId": "x"}})
            .to_string()
    };
    for (what, knock, status) in [
        ("no token", json!({"protocol": v1}), 401),
        ("a wrong token", json!({"token": "nonsense", "protocol": v1}), 401),
        ("a student", json!({"token": student, "protocol": v1}), 403),
        ("no subprotocol", json!({"token": good}), 426),
        ("another subprotocol", json!({"token": good, "protocol": "tureen-bridge.v2"}), 426),
    ] {
        let told = app.ask("knock", knock).await;
        assert_eq!(told["status"], status, "{what}: {told}");
        let problem: Value = serde_json::from_str(told["body"].as_str().unwrap()).unwrap();
        assert!(problem["detail"].as_str().is_some_and(|text| text.len() > 10), "{what}: {problem}");
    }
    for (what, send, code, word) in [
        ("another version", json!([hello(2)]), 4426, "version 1"),
        ("no JSON", json!(["{\"half"]), 4400, "hello"),
        (
            "no hello",
            json!([json!({"request": true, "id": 1, "method": "attach"}).to_string()]),
            4400,
            "hello",
        ),
        ("a bad hello", json!([hello(1).replace("roomId", "room")]), 4400, "roomId"),
        ("an oversized message", json!([(1 << 20) + 1]), 1009, "1048576"),
        ("an oversized message later", json!([hello(1), (1 << 20) + 1]), 1009, "1048576"),
    ] {
        let told = app.ask("knock", json!({"token": good, "protocol": v1, "send": send})).await;
        assert_eq!(told["code"], code, "{what}: {told}");
        assert!(told["reason"].as_str().unwrap().contains(word), "{what}: {told}");
    }
    let before = scene.recorder.manifest(&id).await;
    let before = track(&before, "ada", "video")["duration_us"].as_i64().unwrap();
    scene.recorded(&id, "ada", before + 1_000_000).await;
    assert!(app.told("detached").await.is_empty(), "the other one's connection stayed");
    scene.recorder.stop(&id).await;
    assert!(!scene.recorder.log().contains("panicked"), "{}", scene.recorder.log());
    assert!(!scene.recorder.log().contains(good.as_str()), "no token in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_excluded_in_mid_call_is_not_recorded_any_more() {
    let scene = Scene::new().await;
    let app = &scene.app;
    app.publish("ada").await;
    app.publish("eve").await;
    let id = scene.record().await;
    scene.recorded(&id, "eve", 1_000_000).await;
    app.ask("exclude", json!({"peer": "eve"})).await;
    scene.gone(&id, "eve").await;
    let at = track(&scene.recorder.manifest(&id).await, "eve", "audio")["samples"].as_u64().unwrap();
    let ada = track(&scene.recorder.manifest(&id).await, "ada", "audio")["duration_us"].as_i64().unwrap();
    scene.recorded(&id, "ada", ada + 2_000_000).await;
    let manifest = scene.recorder.manifest(&id).await;
    assert_eq!(track(&manifest, "eve", "audio")["samples"], at, "not one more");
    app.ask("include", json!({"peer": "eve"})).await;
    scene
        .recorder
        .manifest_until("eve is back", &id, Duration::from_secs(10), |manifest| {
            track(manifest, "eve", "audio")["samples"].as_u64() > Some(at)
        })
        .await;
    let manifest = scene.recorder.manifest(&id).await;
    assert_eq!(tracks_of(participant(&manifest, "eve").unwrap()).len(), 2, "the same tracks go on");
    scene.recorder.stop(&id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_of_a_pattern_is_recorded_by_itself_and_taken_up_after_a_crash() {
    let auto: [(&str, &OsStr); 1] = [("AUTO_RECORD", OsStr::new("class-*,e2?"))];
    let Scene { recorder, road, app, folder } = Scene::with(&auto).await;
    app.publish("ada").await;
    let list = wait::until("a recording", Duration::from_secs(10), || async {
        let list = recorder.json("/api/v1/recordings").await;
        (list["total"] == 1).then_some(list)
    })
    .await;
    let row = &list["recordings"][0];
    let id = row["id"].as_str().unwrap().to_owned();
    assert_eq!((&row["room_id"], &row["title"]), (&json!(ROOM), &json!(ROOM)));
    let scene = Scene { recorder, road, app, folder };
    scene.recorded(&id, "ada", 3_000_000).await;
    let Scene { recorder, road, app, folder } = scene;
    recorder.kill().await;
    let recorder = Recorder::start_in(folder.path(), &auto).await;
    road.lead_to(&recorder.url);
    let scene = Scene { recorder, road, app, folder };
    scene.recorded(&id, "ada", 8_000_000).await;
    scene.app.leave("ada").await;
    let manifest = scene
        .recorder
        .manifest_until("its end", &id, Duration::from_secs(20), |manifest| {
            manifest["recording"]["status"] != "recording"
        })
        .await;
    assert_eq!(manifest["recording"]["status"], "completed", "{manifest}");
    assert_eq!(scene.recorder.json("/api/v1/recordings").await["total"], 1, "one recording");
    for kind in ["video", "audio"] {
        let gaps = track(&manifest, "ada", kind)["gaps"].clone();
        println!("{kind}: {gaps}");
        let [gap] = gaps.as_array().unwrap().as_slice() else { panic!("one gap of {kind}: {gaps}") };
        assert!(gap["duration_us"].as_i64().unwrap() < 5_000_000, "{kind}: {gap}");
    }
    assert!(!scene.recorder.log().contains("panicked"), "{}", scene.recorder.log());
}
