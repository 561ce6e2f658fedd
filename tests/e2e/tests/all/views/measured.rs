//! Players tell with CMCD what they do, each in one way, and an observer of their element sees what they did.

use super::number;
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
    let name = if player == "hls" { "playlist.m3u8" } else { "manifest.mpd" };
    let address = format!("{base}/stream/{name}?token={}", recorder.token);
    let reports = format!("{base}/cmcd?token={}", recorder.token);
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
        "--steps",
        &steps,
    ];
    let seen = readers::script("measured.mjs", &arguments).await;
    let of = |name: &str| seen["asked"][name].as_u64().unwrap_or_default();
    let segments = of("segments");
    assert!(segments > 3 && seen["opened"] == true && seen["errors"] == json!([]), "{seen}");
    let (query, headers) = if way == "headers" { (0, segments) } else { (segments, 0) };
    assert_eq!((of("query"), of("headers"), of("reports") > 0), (query, headers, way == "reports"), "{seen}");
    // What came with requests is held for a while.
    tokio::time::sleep(Duration::from_secs(4)).await;
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

/// A minute, in each of the three ways.
async fn tells_in_every_way(player: &str) {
    let (stage, id) = record(60_000_000).await;
    let steps = json!([
        {"play": 6}, {"stall": 2}, {"play": 4}, {"pause": 4}, {"play": 6}, {"seek": 44}, {"play": 5}, {"seek": 4},
        {"play": 6}, {"seek": 50}, {"play": "end"}
    ]);
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
