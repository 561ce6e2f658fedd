//! Who watched what, told by real players.

mod measured;

use serde_json::{Value, json};
use std::time::Duration;
use tureen_e2e::readers;
use tureen_e2e::stage::{Stage, track};
use tureen_e2e::wait;
use tureen_sfu::Dialect;

/// How far what is told may be from what was shown, in seconds.
const EXACT: f64 = 0.5;

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("a number: {value}"))
}

/// Stretches that touch or overlap become one.
fn merged(mut stretches: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    stretches.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut all: Vec<(f64, f64)> = Vec::new();
    for (start, end) in stretches {
        match all.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => all.push((start, end)),
        }
    }
    all
}

/// What a session is told to have seen.
fn ranges(session: &Value) -> Vec<(f64, f64)> {
    let seen = session["seen"].as_array().unwrap().iter();
    seen.map(|stretch| (number(&stretch["start"]), number(&stretch["end"]))).collect()
}

fn assert_near(seen: &[(f64, f64)], expected: &[(f64, f64)]) {
    assert_eq!(seen.len(), expected.len(), "{seen:?} {expected:?}");
    for (one, other) in seen.iter().zip(expected) {
        assert!(
            (one.0 - other.0).abs() <= EXACT && (one.1 - other.1).abs() <= EXACT,
            "{seen:?} {expected:?}"
        );
    }
}

/// Where Ada's media begins, in seconds.
fn begin(manifest: &Value) -> f64 {
    let media = ["audio", "video"].map(|kind| number(&track(manifest, "ada", kind)["offset_us"]) / 1e6);
    media[0].min(media[1])
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_watch_page_showed_is_what_the_analytics_tell() {
    let stage = Stage::new(Dialect::Old).await;
    let recorder = &stage.recorder;
    let _ada = stage.publish("ada", Some("h264-baseline.h264"), Some("opus.ogg")).await;
    let id = stage.record().await;
    stage.recorded(&id, &["ada"], 14_000_000).await;
    recorder.stop(&id).await;
    let link = recorder.share(&id, &json!({ "share_type": "link", "max_uses": 1 })).await;
    let url = format!("{}{}", recorder.url, link["url"].as_str().unwrap());

    // Two stretches, a pause, and a part of the first one again.
    let steps =
        json!([{"play": 4}, {"seek": 8}, {"play": 3}, {"pause": 1}, {"seek": 1}, {"play": 2}]).to_string();
    let visit = readers::script("visit.mjs", &["--url", &url, "--steps", &steps]).await;
    assert_eq!(visit["errors"], json!([]), "{visit}");
    // Before the first media there is nothing to be watched.
    let begin = begin(&recorder.manifest(&id).await);
    let shown = visit["stretches"].as_array().unwrap().iter();
    let shown: Vec<(f64, f64)> = shown.map(|one| (number(&one[0]).max(begin), number(&one[1]))).collect();
    assert_eq!(shown.len(), 3, "{visit}");
    let played: f64 = shown.iter().map(|(start, end)| end - start).sum();

    let path = format!("/api/v1/recordings/{id}/analytics");
    let told = wait::until("the page has told its end", Duration::from_secs(15), || async {
        let told = recorder.json(&path).await;
        let position = told["sessions"][0]["position"].as_f64()?;
        ((position - shown[2].1).abs() < EXACT && told["sessions"][0]["seeks"] == 2).then_some(told)
    })
    .await;
    println!("shown {shown:.3?}, start-up {} ms; told {}", visit["startup_ms"], told["sessions"][0]);
    assert_eq!((&told["total_sessions"], &told["unique_viewers"]), (&json!(1), &json!(1)), "{told}");
    let session = &told["sessions"][0];
    assert_eq!((&session["source"], &session["estimated"]), (&json!("beacon"), &json!(false)), "{session}");
    assert_eq!((&session["pauses"], &session["errors"]), (&json!(1), &json!(0)), "{session}");
    assert_eq!(&session["device"], "computer", "{session}");
    assert_near(&ranges(session), &merged(shown));
    assert!((number(&session["played_seconds"]) - played).abs() <= EXACT, "{played}: {session}");
    let startup = number(&session["startup_ms"]);
    assert!((startup - number(&visit["startup_ms"])).abs() <= 100.0, "{visit} {session}");
    // Made again of what was told, nothing changes.
    let rebuilt = std::process::Command::new(tureen_e2e::recorder::program())
        .args(["analytics", "rebuild"])
        .env("DATABASE_URL", format!("sqlite:{}", stage.folder.path().join("tureen.db").display()))
        .env("RECORDINGS_DIR", recorder.media())
        .output()
        .unwrap();
    let rebuilt = String::from_utf8_lossy(&rebuilt.stdout).into_owned();
    assert!(rebuilt.contains("1 sessions, 0 changed"), "{rebuilt}");
}
