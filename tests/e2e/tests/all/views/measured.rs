//! Players tell what they do, each in one way, and an observer of their element sees what they did.

use super::{EXACT, assert_near, begin, merged, number, ranges};
use serde_json::{Value, json};
use std::time::Duration;
use tureen_e2e::readers;
use tureen_e2e::stage::Stage;
use tureen_e2e::wait;
use tureen_sfu::Dialect;

/// Length of a segment, in seconds.
const SEGMENT: f64 = 2.0;
/// What an estimate of requests may be beside what was shown, as a share.
const ESTIMATE: f64 = 0.1;

/// Records somebody with camera and microphone for so long.
async fn record(micros: i64) -> (Stage, String) {
    let stage = Stage::new(Dialect::Old).await;
    let _ada = stage.publish("ada", Some("h264-baseline.h264"), Some("opus.ogg")).await;
    let id = stage.record().await;
    stage.recorded(&id, &["ada"], micros).await;
    stage.recorder.stop(&id).await;
    (stage, id)
}

/// Shows it, and gives what was seen and what is told of it.
async fn shown(stage: &Stage, id: &str, player: &str, way: &str, steps: &Value) -> (Value, Value) {
    let (recorder, session) = (&stage.recorder, format!("{player}-{way}"));
    let base = format!("{}/api/v1/recordings/{id}", recorder.url);
    let offset = begin(&recorder.manifest(id).await).to_string();
    let name = if player == "hls" { "playlist.m3u8" } else { "manifest.mpd" };
    let address = format!("{base}/stream/{name}?token={}", recorder.token);
    let posts = if way == "beacon" { "progress" } else { "cmcd" };
    let reports = format!("{base}/{posts}?token={}", recorder.token);
    let steps = steps.to_string();
    let arguments = [
        "--player",
        player,
        "--way",
        way,
        "--address",
        &address,
        "--reports",
        &reports,
        "--session",
        &session,
        "--offset",
        &offset,
        "--steps",
        &steps,
    ];
    let seen = readers::script("measured.mjs", &arguments).await;
    let of = |name: &str| seen["asked"][name].as_u64().unwrap_or_default();
    let segments = of("segments");
    assert!(segments > 3 && seen["opened"] == true && seen["errors"] == json!([]), "{seen}");
    let (query, headers) = match way {
        "beacon" => (0, 0),
        "headers" => (0, segments),
        _ => (segments, 0),
    };
    let posts = ["beacon", "reports"].contains(&way);
    assert_eq!((of("query"), of("headers"), of("reports") > 0), (query, headers, posts), "{seen}");
    wait::until("what came with requests is kept", Duration::from_secs(15), || async {
        let metrics = recorder.get("/metrics").await;
        String::from_utf8_lossy(&metrics).contains("\ntureen_view_requests_waiting 0\n").then_some(())
    })
    .await;
    let path = format!("/api/v1/recordings/{id}/analytics");
    let told = wait::until("the session is told", Duration::from_secs(15), || async {
        let told = recorder.json(&path).await;
        let sessions = told["sessions"].as_array()?;
        sessions.iter().find(|one| one["session_id"] == session.as_str()).cloned()
    })
    .await;
    println!("{session}: seen {}, stalls {}; told {told}", seen["stretches"], seen["stalls"]);
    (seen, told)
}

fn played(seen: &Value) -> (f64, usize) {
    let stretches = seen["stretches"].as_array().unwrap();
    (stretches.iter().map(|one| number(&one[1]) - number(&one[0])).sum(), stretches.len())
}

/// Stalls exactly, what was watched within half a second, and the start within a tenth.
fn beacons_are_right(seen: &Value, told: &Value, begin: f64) {
    assert_eq!((&told["source"], &told["estimated"]), (&json!("beacon"), &json!(false)), "{told}");
    let stalls = seen["stalls"].as_array().unwrap();
    assert_eq!(told["stalls"], stalls.len(), "{seen} {told}");
    let stood: f64 = stalls.iter().map(|stall| number(&stall[1])).sum();
    assert!((number(&told["stalled_seconds"]) - stood).abs() <= EXACT, "{seen} {told}");
    let shown = seen["stretches"].as_array().unwrap().iter();
    let shown: Vec<(f64, f64)> =
        shown.map(|one| (number(&one[0]) + begin, number(&one[1]) + begin)).collect();
    let played: f64 = shown.iter().map(|(start, end)| end - start).sum();
    assert_near(&ranges(told), &merged(shown));
    assert!((number(&told["played_seconds"]) - played).abs() <= EXACT, "{played}: {seen} {told}");
    let startup = number(&told["startup_ms"]) - number(&seen["startup_ms"]);
    assert!(startup.abs() <= 100.0, "{seen} {told}");
}

/// Stalls exactly, and what was watched within a segment for each play and seek.
fn reports_are_right(seen: &Value, told: &Value) {
    assert_eq!((&told["source"], &told["estimated"]), (&json!("reports"), &json!(false)), "{told}");
    let stalls = seen["stalls"].as_array().unwrap().len();
    assert!(stalls > 0, "it was made to stall: {seen}");
    assert_eq!(told["stalls"], stalls, "{seen} {told}");
    let (seconds, stretches) = played(seen);
    let off = (number(&told["played_seconds"]) - seconds).abs();
    let most = SEGMENT * f64::from(u32::try_from(stretches).unwrap());
    assert!(off <= most, "{off} s of {seconds}: {seen} {told}");
}

fn requests_are_about_right(seen: &Value, told: &Value) {
    assert_eq!((&told["source"], &told["estimated"]), (&json!("requests"), &json!(true)), "{told}");
    let (seconds, _) = played(seen);
    let off = (number(&told["played_seconds"]) - seconds).abs();
    assert!(off <= seconds * ESTIMATE, "{off} s of {seconds}: {seen} {told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_of_hls_js_tell_what_was_shown() {
    let (stage, id) = record(18_000_000).await;
    let steps = json!([
        {"play": 2}, {"stall": 2}, {"play": 1}, {"pause": 1}, {"play": 1}, {"seek": 14}, {"play": 2}, {"seek": 1},
        {"play": 2}
    ]);
    let (seen, told) = shown(&stage, &id, "hls", "reports", &steps).await;
    reports_are_right(&seen, &told);
    // Only what was asked for: pauses and seeks of the start are not counted.
    assert_eq!((&told["seeks"], told["pauses"].as_u64().unwrap() > 0), (&json!(2), true), "{told}");
}

/// A minute, in each of the four ways.
async fn tells_in_every_way(player: &str) {
    let (stage, id) = record(60_000_000).await;
    let steps = json!([
        {"play": 6}, {"stall": 2}, {"play": 4}, {"pause": 4}, {"play": 6}, {"seek": 44}, {"play": 5}, {"seek": 4},
        {"play": 6}, {"seek": 50}, {"play": "end"}
    ]);
    let (seen, told) = shown(&stage, &id, player, "beacon", &steps).await;
    beacons_are_right(&seen, &told, begin(&stage.recorder.manifest(&id).await));
    let (seen, told) = shown(&stage, &id, player, "reports", &steps).await;
    reports_are_right(&seen, &told);
    for way in ["query", "headers"] {
        let (seen, told) = shown(&stage, &id, player, way, &steps).await;
        requests_are_about_right(&seen, &told);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hls_js_tells_in_every_way() {
    tells_in_every_way("hls").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shaka_tells_in_every_way() {
    tells_in_every_way("shaka").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dash_js_tells_in_every_way() {
    tells_in_every_way("dash").await;
}
