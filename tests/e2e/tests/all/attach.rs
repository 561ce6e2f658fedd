//! A recording stays attached to its room, whatever ends and begins again, and does as it is told about whom to record.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::time::Duration;
use tureen::media::Codec;
use tureen_e2e::compare::{holes, places};
use tureen_e2e::recorder::Recorder;
use tureen_e2e::stage::{ROOM, Stage, participant, publish, sends, track, tracks_of};
use tureen_e2e::stored::Stored;
use tureen_e2e::{readers, wait};
use tureen_sfu::{Dialect, Ledger, Options, Publish, Sfu};

const BOTH: [&str; 2] = ["video", "audio"];

/// Waits until every track of a participant lasts up to so much of the recording.
pub(crate) async fn reaches(recorder: &Recorder, id: &str, peer: &str, micros: i64) {
    recorder
        .manifest_until("media goes on", id, Duration::from_secs(40), |manifest| {
            let tracks = participant(manifest, peer).map(tracks_of).unwrap_or_default();
            let end = |track: &&Value| {
                track["offset_us"].as_i64().unwrap_or(0)
                    + track["duration_us"].as_i64().unwrap_or(0)
                    + gaps(track).iter().map(|(_, length)| length).sum::<i64>()
            };
            tracks.len() == 2 && tracks.iter().all(|track| end(track) >= micros)
        })
        .await;
}

/// Cause and length of each.
pub(crate) fn gaps(track: &Value) -> Vec<(String, i64)> {
    let gaps = track["gaps"].as_array().into_iter().flatten();
    gaps.map(|gap| (gap["cause"].as_str().unwrap().to_owned(), gap["duration_us"].as_i64().unwrap()))
        .collect()
}

async fn plays_in_one_go(recorder: &Recorder, id: &str) {
    let playlist = format!("{}/api/v1/recordings/{id}/stream/playlist.m3u8", recorder.url);
    let arguments = ["--playlist", &playlist, "--token", &recorder.token, "--patience", "20", "--rate", "2"];
    let played = readers::script("play.mjs", &arguments).await;
    assert_eq!(played["ended"], true, "{played}");
    println!("hls.js: {} s, stalls {}", played["duration"], played["stalls"]);
    let stalls = played["stalls"].as_array().unwrap();
    assert!(stalls.iter().all(|stall| stall["len"].as_f64().unwrap() <= 0.3), "{played}");
}

/// What was sent between is missing, and nothing else, and it is told.
pub(crate) fn is_one_timeline(
    media: &std::path::Path,
    id: &str,
    manifest: &Value,
    ledger: &Ledger,
    most: &[i64],
) {
    let codec = if ledger.kind == "audio" { Codec::Opus } else { Codec::H264 };
    let listed = track(manifest, "ada", ledger.kind);
    let stored = Stored::read(media, id, listed["id"].as_str().unwrap());
    let holes = holes(ledger, &places(ledger.kind, ledger, &stored, codec));
    let told = gaps(listed);
    println!(
        "{}: {told:?} for {:?}",
        ledger.kind,
        holes.iter().map(tureen_e2e::compare::Hole::length).collect::<Vec<_>>()
    );
    assert_eq!((holes.len(), told.len()), (most.len(), most.len()), "{listed}");
    for ((hole, (cause, length)), most) in holes.iter().zip(&told).zip(most) {
        assert_eq!(cause, "loss", "{listed}");
        let off = length.abs_diff(i64::try_from(hole.length().as_micros()).unwrap());
        assert!(off <= 100_000 && length < most, "{length} us for {hole:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorder_that_is_killed_and_one_that_is_ended_go_on_after_their_restart() {
    let stage = Stage::new(Dialect::Old).await;
    let ada = stage.room.publish(publish("ada")).await.unwrap();
    let id = stage.record().await;
    let Stage { sfu: _sfu, room, recorder, folder } = stage;
    reaches(&recorder, &id, "ada", 4_000_000).await;
    recorder.kill().await;
    let recorder = Recorder::start(folder.path()).await;
    let row = recorder.json(&format!("/api/v1/recordings/{id}")).await;
    assert_eq!(row["status"], "recording", "{row}");
    let at = |row: &Value| row["duration_us"].as_i64().unwrap();
    reaches(&recorder, &id, "ada", at(&row) + 6_000_000).await;
    recorder.terminate().await;
    let recorder = Recorder::start(folder.path()).await;
    let row = recorder.json(&format!("/api/v1/recordings/{id}")).await;
    reaches(&recorder, &id, "ada", at(&row) + 6_000_000).await;
    assert_eq!(room.consumed().len(), 2, "nothing is left of the ones before");
    let ledgers = ada.leave().await;
    recorder
        .manifest_until("ada left", &id, Duration::from_secs(10), |manifest| {
            participant(manifest, "ada").is_some_and(|found| found["left_at"].is_string())
        })
        .await;
    recorder.stop(&id).await;
    let manifest = recorder.manifest(&id).await;
    assert_eq!(manifest["recording"]["status"], "completed", "{manifest}");
    assert_eq!(tracks_of(participant(&manifest, "ada").unwrap()).len(), 2, "{manifest}");
    for ledger in &ledgers {
        is_one_timeline(&recorder.media(), &id, &manifest, ledger, &[5_000_000, 5_000_000]);
    }
    let (_, list) = recorder.call(Method::GET, "/api/v1/recordings", None).await;
    assert_eq!(list["total"], 1, "{list}");
    plays_in_one_go(&recorder, &id).await;
    assert!(!recorder.log().contains("panicked"), "{}", recorder.log());
}

async fn a_broken_connection_is_made_again(dialect: Dialect) {
    let stage = Stage::new(dialect).await;
    let ada = stage.room.publish(publish("ada")).await.unwrap();
    let id = stage.record().await;
    reaches(&stage.recorder, &id, "ada", 4_000_000).await;
    stage.room.cut();
    reaches(&stage.recorder, &id, "ada", 10_000_000).await;
    assert_eq!(stage.room.consumed().len(), 2);
    let ledgers = ada.leave().await;
    stage.left(&id, "ada").await;
    stage.recorder.stop(&id).await;
    let manifest = stage.recorder.manifest(&id).await;
    for ledger in &ledgers {
        is_one_timeline(&stage.recorder.media(), &id, &manifest, ledger, &[3_000_000]);
    }
    plays_in_one_go(&stage.recorder, &id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_protoo_socket_that_breaks_is_one_timeline_in_the_older_dialect() {
    a_broken_connection_is_made_again(Dialect::Old).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_protoo_socket_that_breaks_is_one_timeline_in_the_newer_dialect() {
    a_broken_connection_is_made_again(Dialect::Ts).await;
}

/// The SFU is killed and started again, with its media at this address.
async fn an_sfu_comes_back(dialect: Dialect, media: Ipv4Addr) {
    let listed = format!("127.0.0.1,{media}");
    let options = Options { dialect, ..Options::default() };
    let stage = Stage::in_environment(options.clone(), &[("SFU_ALLOW", listed.as_ref())]).await;
    let ada = stage.room.publish(publish("ada")).await.unwrap();
    let id = stage.record().await;
    reaches(&stage.recorder, &id, "ada", 4_000_000).await;
    let Stage { sfu, room, recorder, folder: _folder } = stage;
    let port = reqwest::Url::parse(&sfu.http_url()).unwrap().port();
    sfu.crash().await;
    drop((ada, room));
    wait::until("it is detached", Duration::from_secs(10), || async {
        let row = recorder.json(&format!("/api/v1/recordings/{id}")).await;
        (row["attached"] == false && row["status"] == "recording").then_some(())
    })
    .await;
    let sfu = Sfu::start(Options { port, media, ..options }).await.unwrap();
    let room = sfu.room(ROOM).await.unwrap();
    let ada = room.publish(publish("ada")).await.unwrap();
    sends(&ada).await;
    let before = recorder.manifest(&id).await["recording"]["duration_us"].as_i64().unwrap();
    reaches(&recorder, &id, "ada", before + 5_000_000).await;
    recorder.stop(&id).await;
    let manifest = recorder.manifest(&id).await;
    assert_eq!(manifest["participants"].as_array().unwrap().len(), 1, "{manifest}");
    assert_eq!(tracks_of(participant(&manifest, "ada").unwrap()).len(), 2, "{manifest}");
    for kind in BOTH {
        let told = gaps(track(&manifest, "ada", kind));
        println!("{kind}: {told:?}");
        assert!(!told.is_empty(), "{manifest}");
    }
    plays_in_one_go(&recorder, &id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sfu_that_is_killed_and_started_again_is_joined_again() {
    an_sfu_comes_back(Dialect::Ts, Ipv4Addr::LOCALHOST).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sfu_that_comes_back_with_its_media_at_another_address_is_one_timeline() {
    an_sfu_comes_back(Dialect::Old, Ipv4Addr::new(127, 0, 0, 2)).await;
}

/// Starts a recording with limits; its id.
async fn limited(stage: &Stage, room: &str, limits: Value) -> String {
    let mut body = json!({"room_id": room, "title": room,
        "source": {"mode": "protoo", "url": stage.sfu.url(room)}});
    body.as_object_mut().unwrap().extend(limits.as_object().unwrap().clone());
    let (status, answer) = stage.recorder.call(Method::POST, "/api/v1/recordings/start", Some(body)).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    answer["recording_id"].as_str().unwrap().to_owned()
}

/// Waits for a recording's end. Its row, and its last event, which must name the same limit. So does the audit, as
/// something that the service did by itself unless somebody stopped it.
async fn ended(recorder: &Recorder, id: &str, by: &str) -> (Value, Value) {
    let row = wait::until("its end", Duration::from_secs(15), || async {
        let row = recorder.json(&format!("/api/v1/recordings/{id}")).await;
        (row["status"] != "recording").then_some(row)
    })
    .await;
    let log = recorder.json(&format!("/api/v1/recordings/{id}/events?limit=1000")).await;
    let last = log["events"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&row["ended_by"], &last["data"]["ended_by"]), (&json!(by), &json!(by)), "{row} {last}");
    let told = wait::until("the record of its end", Duration::from_secs(5), || async {
        let history = recorder.json(&format!("/api/v1/recordings/{id}/history")).await;
        history["entries"].as_array().unwrap().iter().find(|entry| entry["action"] == "stop").cloned()
    })
    .await;
    if by == "stop" {
        assert_eq!(told["role"], "teacher", "{told}");
    } else {
        assert_eq!((&told["role"], &told["detail"]["ended_by"]), (&json!("system"), &json!(by)), "{told}");
    }
    (row, last)
}

/// Two of them, one by a name of its own, that do not take each other for company.
async fn recorders_leave_when_they_are_alone(dialect: Dialect) {
    let stage = Stage::new(dialect).await;
    let recorder = &stage.recorder;
    let ada = stage.publish("ada", None, Some("opus.ogg")).await;
    let named = format!("{}&peerId=scribe", stage.sfu.url(ROOM));
    let limits = json!({"alone_timeout": 1, "allow_parallel": true});
    let mut alone = Vec::new();
    for url in [stage.sfu.url(ROOM), named] {
        let mut limits = limits.clone();
        limits["source"] = json!({"mode": "protoo", "url": url});
        alone.push(limited(&stage, ROOM, limits).await);
    }
    for id in &alone {
        stage.recorded(id, &["ada"], 3_000_000).await;
        let row = recorder.json(&format!("/api/v1/recordings/{id}")).await;
        assert!(row["ended_by"].is_null(), "it runs: {row}");
    }
    assert_eq!(stage.room.peer_ids().len(), 3);
    ada.leave().await;
    for id in &alone {
        let (row, last) = ended(recorder, id, "alone_timeout").await;
        assert_eq!((&row["status"], &last["type"]), (&json!("completed"), &json!("recording.completed")));
        assert!(row["error_message"].is_null() && last["data"]["error"].is_null(), "{row}");
        let manifest = recorder.manifest(id).await;
        assert_eq!(manifest["participants"].as_array().unwrap().len(), 1, "{manifest}");
    }
    wait::until("the room is empty", Duration::from_secs(5), || async {
        stage.room.peer_ids().is_empty().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn recorders_that_are_alone_leave_in_the_older_dialect() {
    recorders_leave_when_they_are_alone(Dialect::Old).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn recorders_that_are_alone_leave_in_the_newer_dialect() {
    recorders_leave_when_they_are_alone(Dialect::Ts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorder_that_hears_nothing_leaves_and_tells_by_which_limit() {
    let stage = Stage::new(Dialect::Old).await;
    // Somebody is there, and sends nothing.
    let quiet = stage.sfu.room("quiet").await.unwrap();
    let _bob = quiet
        .publish(Publish { peer_id: "bob".into(), display_name: "bob".into(), ..Publish::default() })
        .await
        .unwrap();
    let idle = limited(&stage, "quiet", json!({"alone_timeout": 1, "idle_timeout": 2})).await;
    let (row, _) = ended(&stage.recorder, &idle, "idle_timeout").await;
    assert!(row["duration_us"].as_i64().unwrap() >= 2_000_000, "{row}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_other_end_of_a_recording_is_named_too() {
    let stage = Stage::new(Dialect::Ts).await;
    let recorder = &stage.recorder;
    let _ada = stage.publish("ada", None, Some("opus.ogg")).await;
    let long = limited(&stage, ROOM, json!({"max_duration": 3})).await;
    let (row, last) = ended(recorder, &long, "max_duration").await;
    assert_eq!((&row["status"], &last["type"]), (&json!("completed"), &json!("recording.completed")));
    assert!((2_900_000..4_000_000).contains(&row["duration_us"].as_i64().unwrap()), "{row}");

    let stopped = limited(&stage, ROOM, json!({})).await;
    stage.recorded(&stopped, &["ada"], 1_000_000).await;
    recorder.stop(&stopped).await;
    ended(recorder, &stopped, "stop").await;

    let closed = limited(&stage, ROOM, json!({})).await;
    stage.recorded(&closed, &["ada"], 1_000_000).await;
    stage.sfu.close_room(ROOM).await;
    let (row, _) = ended(recorder, &closed, "room").await;
    assert!(row["error_message"].as_str().unwrap().contains("closed the session"), "{row}");

    let other = stage.sfu.room("other").await.unwrap();
    let _bob = other.publish(publish("bob")).await.unwrap();
    let lost = limited(&stage, "other", json!({"reconnect_timeout": 1})).await;
    stage.recorded(&lost, &["bob"], 1_000_000).await;
    let Stage { sfu, recorder, .. } = stage;
    sfu.crash().await;
    let (row, last) = ended(&recorder, &lost, "reconnect_timeout").await;
    assert_eq!(last["type"], "recording.completed", "what was recorded is kept: {last}");
    assert!(row["error_message"].as_str().unwrap().contains("not found again"), "{row}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_excluded_is_never_consumed_and_consent_taken_back_holds_at_once() {
    let stage = Stage::new(Dialect::Ts).await;
    let ada = stage.publish("ada", Some("vp8.ivf"), Some("opus.ogg")).await;
    let _bob = stage.publish("bob", Some("vp8.ivf"), Some("opus.ogg")).await;
    let body = json!({"room_id": ROOM, "title": "t", "exclude": ["bob"], "kinds": ["audio"],
        "source": {"mode": "protoo", "url": stage.sfu.url(ROOM)}});
    let (status, started) = stage.recorder.call(Method::POST, "/api/v1/recordings/start", Some(body)).await;
    assert_eq!(status, StatusCode::CREATED, "{started}");
    let id = started["recording_id"].as_str().unwrap().to_owned();
    stage.recorded(&id, &["ada"], 3_000_000).await;
    let manifest = stage.recorder.manifest(&id).await;
    assert!(participant(&manifest, "bob").is_some_and(|bob| tracks_of(bob).is_empty()), "{manifest}");
    assert_eq!(tracks_of(participant(&manifest, "ada").unwrap()).len(), 1, "{manifest}");

    let consent = |what: &str| format!("/api/v1/recordings/{id}/participants/ada/{what}");
    let (status, answer) = stage.recorder.call(Method::POST, &consent("exclude"), None).await;
    assert_eq!((status, &answer["recorded"]), (StatusCode::OK, &json!(false)), "{answer}");
    let excluded_at = std::time::UNIX_EPOCH.elapsed().unwrap().as_micros() as u64;
    let sent = ada.ledgers().await.into_iter().find(|ledger| ledger.kind == "audio").unwrap().frames.len();
    wait::until("ada talks on", Duration::from_secs(5), || async {
        let ledgers = ada.ledgers().await;
        let audio = ledgers.iter().find(|ledger| ledger.kind == "audio").unwrap();
        (audio.frames.len() > sent + 100).then_some(())
    })
    .await;
    let listed = track(&stage.recorder.manifest(&id).await, "ada", "audio").clone();
    let stored = Stored::read(&stage.recorder.media(), &id, listed["id"].as_str().unwrap());
    let ledger = ada.ledgers().await.into_iter().find(|ledger| ledger.kind == "audio").unwrap();
    let last = *places("ada", &ledger, &stored, Codec::Opus).last().unwrap();
    let late = ledger.frames[last].due_at as i64 - excluded_at as i64;
    println!("the last frame stored was sent {} ms before the answer", -late / 1000);
    assert!(late <= 0, "nothing is stored that was sent after the answer: {late} us");

    let (status, answer) = stage.recorder.call(Method::POST, &consent("include"), None).await;
    assert_eq!((status, &answer["recorded"]), (StatusCode::OK, &json!(true)), "{answer}");
    let before = listed["duration_us"].as_i64().unwrap();
    stage.recorded(&id, &["ada"], before + 2_000_000).await;
    stage.recorder.stop(&id).await;
    let manifest = stage.recorder.manifest(&id).await;
    let told = gaps(track(&manifest, "ada", "audio"));
    println!("{told:?}");
    assert!(told.len() == 1 && told[0].1 >= 2_000_000, "{manifest}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_asked_for_twice_is_one_recording() {
    let stage = Stage::new(Dialect::Old).await;
    let client = reqwest::Client::new();
    let told = |secret: &str| {
        let secret = format!("whsec_{}", secret.repeat(32));
        json!([{"url": "http://127.0.0.1:9/", "secret": secret, "events": ["recording.completed"]}])
    };
    let asked = |title: &str, parallel: bool| {
        json!({"room_id": ROOM, "title": title, "allow_parallel": parallel, "webhooks": told("a"),
            "source": {"mode": "protoo", "url": stage.sfu.url(ROOM)}})
    };
    let start = |key: &'static str, body: Value| {
        let request = client.post(format!("{}/api/v1/recordings/start", stage.recorder.url));
        let request = request.bearer_auth(&stage.recorder.token).header("Idempotency-Key", key).json(&body);
        async move {
            let answer = request.send().await.unwrap();
            (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
        }
    };
    let (status, first) = start("one", asked("t", false)).await;
    assert_eq!(status, 201, "{first}");
    let (status, again) = start("one", asked("t", false)).await;
    assert_eq!((status, &again["recording_id"]), (200, &first["recording_id"]), "{again}");
    let mut others = vec![asked("another title", false)];
    for webhooks in [json!([]), told("b")] {
        others.push(asked("t", false));
        others.last_mut().unwrap()["webhooks"] = webhooks;
    }
    for other in others {
        let (status, answer) = start("one", other).await;
        assert_eq!(status, 422, "{answer}");
    }
    let (status, busy) = start("two", asked("t", false)).await;
    assert_eq!((status, &busy["recording_id"]), (409, &first["recording_id"]), "{busy}");
    let (status, beside) = start("three", asked("t", true)).await;
    assert_eq!(status, 201, "{beside}");
    assert_ne!(beside["recording_id"], first["recording_id"]);
    for started in [&first, &beside] {
        stage.recorder.stop(started["recording_id"].as_str().unwrap()).await;
    }
    let (status, ended) = start("one", asked("t", false)).await;
    assert_eq!(
        (status, &ended["recording_id"]),
        (200, &first["recording_id"]),
        "also when it is over: {ended}"
    );
}
