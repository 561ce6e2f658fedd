//! Many starts at once, and starts and stops in quick succession.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use tureen_e2e::recorder::{Recorder, program};
use tureen_e2e::stage::{ROOM, Stage, track};
use tureen_e2e::wait;
use tureen_sfu::{Dialect, Fixture, Options, Publish, Publisher, Sfu};

const MOST: usize = 20;
const ASKED: usize = 24;

/// Rows and files agree, and no file is without a row.
fn consistent(recorder: &Recorder, folder: &Path) {
    let checked = std::process::Command::new(program())
        .args(["check", "--dir"])
        .arg(recorder.media())
        .env("DATABASE_URL", format!("sqlite:{}", folder.join("tureen.db").display()))
        .output()
        .unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}

/// What the process holds: sockets, files, pipes. The catalogue is left out: how many of its connections are open tells
/// how many statements ran at once, and they are at most five.
fn descriptors(recorder: &Recorder) -> usize {
    let held = std::fs::read_dir(format!("/proc/{}/fd", recorder.pid())).unwrap();
    let links = held.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    links.filter(|link| !link.to_string_lossy().contains("tureen.db")).count()
}

async fn speaker(sfu: &Sfu, room: &str) -> Publisher {
    let publish = Publish {
        peer_id: "ada".to_owned(),
        audio: Some(Fixture::named("opus.ogg").unwrap()),
        ..Publish::default()
    };
    sfu.room(room).await.unwrap().publish(publish).await.unwrap()
}

/// The status, the `Retry-After` and the body of a start.
fn ask(
    recorder: &Recorder,
    room: &str,
    url: &str,
) -> impl Future<Output = (StatusCode, Option<String>, Value)> + Send + 'static {
    let body = json!({"room_id": room, "title": room, "source": {"mode": "protoo", "url": url}});
    let request = reqwest::Client::new()
        .post(format!("{}/api/v1/recordings/start", recorder.url))
        .bearer_auth(&recorder.token)
        .json(&body);
    answered(request)
}

async fn answered(request: reqwest::RequestBuilder) -> (StatusCode, Option<String>, Value) {
    let answer = request.send().await.unwrap();
    let retry = answer.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    (answer.status(), retry, answer.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn failure_25_twenty_starts_at_once_record_and_more_are_refused_up_front() {
    let most = MOST.to_string();
    let stage = Stage::in_environment(Options::default(), &[("MAX_RECORDINGS", most.as_ref())]).await;
    let Stage { sfu, recorder, folder, .. } = &stage;
    let rooms: Vec<String> = (0..ASKED).map(|number| format!("room-{number}")).collect();
    let mut speakers = Vec::new();
    for room in &rooms {
        speakers.push(speaker(sfu, room).await);
    }
    let starts: Vec<_> = rooms.iter().map(|room| tokio::spawn(ask(recorder, room, &sfu.url(room)))).collect();
    let mut running = Vec::new();
    let mut refused = Vec::new();
    for (room, start) in rooms.iter().zip(starts) {
        let (status, retry, body) = start.await.unwrap();
        match status {
            StatusCode::CREATED => running.push(body["recording_id"].as_str().unwrap().to_owned()),
            StatusCode::SERVICE_UNAVAILABLE => {
                assert_eq!(body["type"], "urn:tureen:problem:too-many-recordings", "{body}");
                assert!(retry.is_some_and(|retry| retry.parse::<u32>().is_ok()), "{body}");
                refused.push(room.clone());
            }
            other => panic!("{room}: {other} {body}"),
        }
    }
    assert_eq!((running.len(), refused.len()), (MOST, ASKED - MOST));
    for room in &refused {
        assert_eq!(sfu.room(room).await.unwrap().peer_ids(), ["ada"], "nobody looked into a refused room");
    }
    for id in &running {
        recorder
            .manifest_until("sound of everybody", id, Duration::from_secs(30), |manifest| {
                let tracks = manifest["participants"][0]["tracks"].as_array();
                let first = tracks.and_then(|tracks| tracks.first());
                first.is_some_and(|track| track["duration_us"].as_i64().unwrap_or(0) >= 2_000_000)
            })
            .await;
    }
    // The end of one makes room for another.
    recorder.stop(&running[0]).await;
    let (status, _, body) = ask(recorder, &refused[0], &sfu.url(&refused[0])).await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
    running.push(body["recording_id"].as_str().unwrap().to_owned());
    for id in &running[1..] {
        recorder.stop(id).await;
    }
    for id in running.iter().take(MOST) {
        let manifest = recorder.manifest(id).await;
        assert_eq!(manifest["recording"]["status"], "completed", "{manifest}");
        let sound = track(&manifest, "ada", "audio");
        assert_eq!(sound["integrity"]["packets_lost"], 0, "{sound}");
        assert!(sound["error"].is_null() && sound["gaps"] == json!([]), "{sound}");
    }
    consistent(recorder, folder.path());
    assert!(!recorder.log().contains("panicked"), "{}", recorder.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn failure_22_fifty_starts_and_stops_leave_nothing_behind() {
    const TIMES: usize = 50;
    let stage = Stage::new(Dialect::Ts).await;
    let Stage { sfu, room, recorder, folder } = &stage;
    let _ada = speaker(sfu, ROOM).await;
    let url = sfu.url(ROOM);
    // What the first takes for good: threads of the stack, the client's own connection.
    recorder.stop(&recorder.record(ROOM, &url).await).await;
    let before = descriptors(recorder);
    for time in 1..TIMES {
        // By all ways in turn, at different moments of joining and of the first packets.
        let body = match time % 3 {
            0 => json!({"mode": "http", "url": sfu.http_url()}),
            1 => json!({"mode": "protoo", "url": url}),
            _ => json!({"mode": "bridge", "url": sfu.bridge_url(ROOM)}),
        };
        let body = json!({"room_id": ROOM, "title": "short", "source": body});
        let (status, answer) = recorder.call(Method::POST, "/api/v1/recordings/start", Some(body)).await;
        assert_eq!(status, StatusCode::CREATED, "{time}: {answer}");
        tokio::time::sleep(Duration::from_millis(time as u64 * 37 % 250)).await;
        recorder.stop(answer["recording_id"].as_str().unwrap()).await;
    }
    wait::until("nobody but the speaker is in the room", Duration::from_secs(5), || async {
        let stats = room.stats().await;
        let there: Vec<&String> = stats.as_object().unwrap().keys().collect();
        (there == ["ada"]).then_some(())
    })
    .await;
    wait::until("its sockets and files are closed", Duration::from_secs(10), || async {
        (descriptors(recorder) <= before + 2).then_some(())
    })
    .await;
    let (_, list) = recorder.call(Method::GET, "/api/v1/recordings?limit=100", None).await;
    assert_eq!(list["total"], TIMES, "{list}");
    for recording in list["recordings"].as_array().unwrap() {
        assert_eq!(recording["status"], "completed", "{recording}");
    }
    consistent(recorder, folder.path());
    println!("{TIMES} starts and stops, {} descriptors before and {} after", before, descriptors(recorder));
}
