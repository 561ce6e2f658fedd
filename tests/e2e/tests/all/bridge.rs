//! An application that comes to the recorder: the npm package in the sample application, with npm's mediasoup and a
//! real worker.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::time::Duration;
use tempfile::TempDir;
use tureen::media::Codec;
use tureen_e2e::application::{Application, Road};
use tureen_e2e::recorder::{Recorder, token, token_of};
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

    /// Waits until nothing of a participant has come for a while.
    async fn off(&self, id: &str, peer: &str, micros: i64) -> Value {
        let off = |gap: &Value| gap["cause"] == "off" && gap["duration_us"].as_i64() >= Some(micros);
        self.recorder
            .manifest_until("they are off", id, Duration::from_secs(20), |manifest| {
                track(manifest, peer, "audio")["gaps"]
                    .as_array()
                    .and_then(|gaps| gaps.last())
                    .is_some_and(off)
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
            self.is_whole(id, track(&manifest, peer, kind), codec, &ledgers[kind]);
        }
    }

    /// The same of a track.
    fn is_whole(&self, id: &str, listed: &Value, codec: Codec, ledger: &Value) {
        let what = format!("{} {}", listed["kind"], listed["layer"]);
        let (stored, sent) = (self.stored(id, listed, codec), texts(ledger));
        assert!(stored.len() > 25, "{what}: {} of {}", stored.len(), sent.len());
        assert!(stored.len() <= sent.len(), "{what}: {} of {}", stored.len(), sent.len());
        let tail = &sent[sent.len() - stored.len()..];
        let same = stored.iter().zip(tail).filter(|(a, b)| a == b).count();
        println!("{what}: {same} of {} samples are what was sent, of {} sent", stored.len(), sent.len());
        assert_eq!(same, stored.len(), "{what}");
        assert_eq!(listed["gaps"], json!([]), "{listed}");
        assert_eq!(listed["integrity"]["packets_lost"], 0, "{listed}");
    }

    /// Of each stored sample, the hashes of its units as the application's ledgers have them.
    fn stored(&self, id: &str, listed: &Value, codec: Codec) -> Vec<String> {
        let stored = Stored::read(&self.recorder.media(), id, listed["id"].as_str().unwrap());
        let line = |units: &Vec<[u8; 32]>| units.iter().map(|unit| hex(unit)).collect::<Vec<_>>().join(" ");
        stored.hashes(codec).iter().map(line).collect()
    }

    /// Starts recording each layer of what is published as a track.
    async fn record_layers(&self) -> String {
        let (status, answer) = self.try_record("all").await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        answer["recording_id"].as_str().unwrap().to_owned()
    }

    /// Waits until the sound and each layer of a participant's picture has so many samples.
    async fn layers_recorded(&self, id: &str, peer: &str, samples: u64) -> Value {
        self.recorder
            .manifest_until("every layer", id, Duration::from_secs(60), |manifest| {
                let tracks = participant(manifest, peer).map(tracks_of).unwrap_or_default();
                tracks.len() == 4 && tracks.iter().all(|track| samples_of(track) >= samples)
            })
            .await
    }

    /// Consent is given (`include`) or taken back (`exclude`) by the API.
    async fn consent(&self, id: &str, who: &str, what: &str) -> Value {
        let path = format!("/api/v1/recordings/{id}/participants/{who}/{what}");
        let (status, answer) = self.recorder.call(Method::POST, &path, None).await;
        assert_eq!((status, &answer["recorded"]), (StatusCode::OK, &json!(what == "include")), "{answer}");
        answer["peer_ids"].clone()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().filter_map(Value::as_str).collect()
}

fn samples_of(track: &Value) -> u64 {
    track["samples"].as_u64().unwrap_or(0)
}

/// Names of what a participant sends: `audio`, `video 0` and so on, with its track.
fn by_name<'a>(manifest: &'a Value, peer: &str) -> Vec<(String, &'a Value)> {
    let tracks = tracks_of(participant(manifest, peer).unwrap());
    let mut named: Vec<_> = tracks
        .into_iter()
        .map(|track| match track["layer"].as_u64() {
            Some(layer) => (format!("video {layer}"), track),
            None => (track["kind"].as_str().unwrap().to_owned(), track),
        })
        .collect();
    named.sort_by(|a, b| a.0.cmp(&b.0));
    named
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
    // Somebody comes and goes, and somebody comes and stays, while nobody can be told.
    app.publish("mary").await;
    app.leave("mary").await;
    app.publish("grace").await;
    let so_far = scene.recorder.manifest(&id).await;
    let so_far = track(&so_far, "ada", "audio")["duration_us"].as_i64().unwrap();
    let manifest = scene.recorded(&id, "ada", so_far + 10_000_000).await;
    assert!(participant(&manifest, "grace").is_none(), "the socket is away: {manifest}");
    assert!(scene.road.mend(), "it was tried meanwhile");
    let manifest = scene.recorded(&id, "grace", 2_000_000).await;
    assert!(participant(&manifest, "mary").is_none(), "who came and went is not there for ever: {manifest}");
    assert_eq!(app.told("attached").await.last(), Some(&json!({"name": "attached", "resumed": true})));
    assert_eq!(app.told("recording").await.len(), 1, "one and the same");

    let seen = app.ask("seen", json!({})).await;
    for list in seen["peers"].as_array().unwrap() {
        let ids: Vec<&Value> = list.as_array().unwrap().iter().map(|peer| &peer["peerId"]).collect();
        assert_eq!(ids, [&json!("ada"), &json!("grace")], "nobody else is in the room");
    }
    let heard = seen["heard"].as_array().unwrap().iter();
    let of_others = heard.filter(|told| told["method"] != "welcome" && told["data"]["peerId"] != "mary");
    assert_eq!(
        of_others.cloned().collect::<Value>(),
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
    let manifest = scene.off(&id, "eve", 1).await;
    assert!(participant(&manifest, "eve").unwrap()["left_at"].is_null(), "she is there: {manifest}");
    let at = track(&manifest, "eve", "audio")["samples"].as_u64().unwrap();
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

/// She signs in when she is being recorded already.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_signs_in_late_may_view_and_is_excluded_by_any_of_her_names() {
    let scene = Scene::new().await;
    let app = &scene.app;
    app.publish("ada").await;
    app.publish("grace").await;
    let id = scene.record().await;
    scene.recorded(&id, "ada", 1_000_000).await;
    let (path, hers) = (format!("/api/v1/recordings/{id}"), token_of("user-ada", "student"));
    let view = async || scene.recorder.call_as(Some(&hers), Method::GET, &path, None).await.0;
    assert_eq!(view().await, StatusCode::NOT_FOUND, "nobody knows that she was there");
    app.ask("update", json!({"peer": "ada", "userId": "user-ada"})).await;
    app.ask("update", json!({"peer": "ada", "displayName": "Ada Lovelace"})).await;
    let manifest = scene
        .recorder
        .manifest_until("her names", &id, Duration::from_secs(10), |manifest| {
            participant(manifest, "ada").is_some_and(|ada| ada["display_name"] == "Ada Lovelace")
        })
        .await;
    let ada = participant(&manifest, "ada").unwrap();
    assert_eq!(ada["user_id"], "user-ada", "{manifest}");
    assert_eq!(view().await, StatusCode::OK);
    for name in [ada["id"].as_str().unwrap(), "user-ada", "ada"] {
        assert_eq!(scene.consent(&id, name, "exclude").await, json!(["ada"]));
        let before = scene.recorder.manifest(&id).await;
        let samples = |manifest: &Value| samples_of(track(manifest, "ada", "audio"));
        let grace = track(&before, "grace", "audio")["duration_us"].as_i64().unwrap();
        scene.recorded(&id, "grace", grace + 1_000_000).await;
        assert_eq!(samples(&scene.recorder.manifest(&id).await), samples(&before), "{name}");
        assert_eq!(scene.consent(&id, name, "include").await, json!(["ada"]));
        scene
            .recorder
            .manifest_until("her media again", &id, Duration::from_secs(10), |manifest| {
                samples(manifest) > samples(&before)
            })
            .await;
    }
    scene.recorder.stop(&id).await;
    assert!(!scene.recorder.log().contains("panicked"), "{}", scene.recorder.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_switches_everything_off_has_not_left() {
    let scene = Scene::new().await;
    scene.app.publish("ada").await;
    let body = json!({"room_id": ROOM, "title": "Lesson", "source": {"mode": "bridge"}, "alone_timeout": 2});
    let (status, answer) = scene.recorder.call(Method::POST, "/api/v1/recordings/start", Some(body)).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    let id = answer["recording_id"].as_str().unwrap();
    scene.recorded(id, "ada", 1_000_000).await;
    scene.app.ask("silence", json!({"peer": "ada"})).await;
    let manifest = scene.off(id, "ada", 4_000_000).await;
    assert!(participant(&manifest, "ada").unwrap()["left_at"].is_null(), "{manifest}");
    assert_eq!(manifest["recording"]["status"], "recording", "nobody is alone: {manifest}");
    scene.recorder.stop(id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_layer_of_a_simulcast_is_a_track_bit_by_bit() {
    let scene = Scene::new().await;
    let app = &scene.app;
    app.ask("publish", json!({"peer": "ada", "simulcast": true})).await;
    app.publish("grace").await;
    let id = scene.record_layers().await;
    scene.layers_recorded(&id, "ada", 200).await;
    scene.recorded(&id, "grace", 3_000_000).await;
    let of_ada = app.leave("ada").await;
    scene.gone(&id, "ada").await;
    scene.recorder.stop(&id).await;
    let manifest = scene.recorder.manifest(&id).await;
    let tracks = by_name(&manifest, "ada");
    let names: Vec<&str> = tracks.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["audio", "video 0", "video 1", "video 2"], "{manifest}");
    scene.is_whole(&id, tracks[0].1, Codec::Opus, &of_ada["audio"]);
    for (layer, width) in [(0, 160), (1, 320), (2, 640)] {
        let listed = tracks[layer + 1].1;
        assert_eq!((&listed["width"], &listed["picture_id"]), (&json!(width), &tracks[1].1["picture_id"]));
        scene.is_whole(&id, listed, Codec::H264, &of_ada["video"][layer]);
    }
    assert_eq!(tracks_of(participant(&manifest, "grace").unwrap()).len(), 2, "one layer alone: {manifest}");
    assert!(!scene.recorder.log().contains("panicked"), "{}", scene.recorder.log());
}

/// Ada, who sends three layers, is taken out in mid-call and let in again by `exclude` and `include`. Grace's recording
/// must not show it.
async fn a_simulcast_leaves_and_returns<F: AsyncFn(&Scene, &str, &str)>(consent: F) {
    let scene = Scene::new().await;
    let app = &scene.app;
    app.ask("publish", json!({"peer": "ada", "simulcast": true})).await;
    app.publish("grace").await;
    let id = scene.record_layers().await;
    scene.layers_recorded(&id, "ada", 100).await;
    consent(&scene, &id, "exclude").await;
    // The answer comes when what had arrived is stored.
    let excluded = scene.recorder.manifest(&id).await;
    let grace = track(&excluded, "grace", "audio")["duration_us"].as_i64().unwrap();
    scene.recorded(&id, "grace", grace + 3_000_000).await;
    let later = scene.recorder.manifest(&id).await;
    let then = by_name(&later, "ada");
    for ((name, before), (_, after)) in by_name(&excluded, "ada").iter().zip(&then) {
        assert_eq!(samples_of(before), samples_of(after), "{name}: not one more: {later}");
    }
    consent(&scene, &id, "include").await;
    let least = then.iter().map(|(_, listed)| samples_of(listed)).min().unwrap();
    scene.layers_recorded(&id, "ada", least + 100).await;
    let of_ada = app.leave("ada").await;
    scene.gone(&id, "ada").await;
    let of_grace = app.leave("grace").await;
    let manifest = scene
        .recorder
        .manifest_until("its end", &id, Duration::from_secs(20), |manifest| {
            manifest["recording"]["status"] != "recording"
        })
        .await;
    let tracks = by_name(&manifest, "ada");
    let ids =
        |tracks: &[(String, &Value)]| tracks.iter().map(|(_, one)| one["id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(&tracks), ids(&then), "the same tracks go on: {manifest}");
    for (name, listed) in &tracks {
        let [gap] = listed["gaps"].as_array().unwrap().as_slice() else {
            panic!("one gap of {name}: {listed}")
        };
        println!("{name}: {gap}");
        assert!(gap["cause"] == "off" && gap["duration_us"].as_i64().unwrap() >= 2_500_000, "{name}: {gap}");
        assert_eq!(listed["integrity"]["packets_lost"], 0, "{name}: {listed}");
    }
    // Behind the gap everything that was sent is there, to the last.
    for (layer, (_, listed)) in tracks.iter().skip(1).enumerate() {
        let (stored, sent) = (scene.stored(&id, listed, Codec::H264), texts(&of_ada["video"][layer]));
        let behind = samples_of(listed) - samples_of(then[layer + 1].1);
        let behind = usize::try_from(behind).unwrap();
        assert!(behind >= 50, "{listed}");
        assert_eq!(stored[stored.len() - behind..], sent[sent.len() - behind..], "layer {layer}");
    }
    scene.exact(&id, "grace", &of_grace).await;
    assert!(!scene.recorder.log().contains("panicked"), "{}", scene.recorder.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulcast_that_the_application_excludes_and_includes_is_one_timeline() {
    a_simulcast_leaves_and_returns(async |scene, id, what| {
        scene.app.ask(what, json!({"peer": "ada"})).await;
        if what == "exclude" {
            scene.off(id, "ada", 1).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulcast_that_is_excluded_and_let_in_by_the_api_is_one_timeline_and_nobody_elses_gap() {
    a_simulcast_leaves_and_returns(async |scene, id, what| {
        assert_eq!(scene.consent(id, "ada", what).await, json!(["ada"]));
    })
    .await;
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
    let history = format!("/api/v1/recordings/{id}/history");
    let (_, history) = recorder.call_as(Some(&token("admin")), Method::GET, &history, None).await;
    let entries = history["entries"].as_array().unwrap();
    let start = entries.iter().find(|entry| entry["action"] == "start").expect("the record of its start");
    assert_eq!(
        (&start["role"], &start["detail"]["by"]),
        (&json!("system"), &json!("room_pattern")),
        "{start}"
    );
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
