//! Chromium publishes, Tureen records, dash.js and shaka play the descriptions in Chromium.

mod periods;

use crate::players::record_browser;
use serde_json::Value;
use std::time::Duration;
use tureen::media::fmp4::read;
use tureen_e2e::browser::Browser;
use tureen_e2e::descriptions;
use tureen_e2e::readers;
use tureen_e2e::recorder::Recorder;
use tureen_e2e::stage::{ROOM, Stage, track};
use tureen_e2e::stored::Stored;
use tureen_sfu::Dialect;

/// What a viewer would not forgive, in seconds.
const LONGEST_STALL: f64 = 0.3;

/// Both players step over the millisecond in front of the first picture when they begin to play, and go on to another
/// period. What the decoder held by then is decoded again; the browser does not tell how much that was.
const DECODED_AGAIN: u64 = 12;

/// Plays one recording to its end in both players: every picture is decoded, and seeks land.
async fn plays_from_dash(codec: &str) {
    let (stage, id, manifest) = record_browser(codec, "source=canvas").await;
    let video = track(&manifest, "cam", "video");
    let stored = Stored::read(&stage.recorder.media(), &id, video["id"].as_str().unwrap());
    let address = format!("{}/api/v1/recordings/{id}/stream/manifest.mpd", stage.recorder.url);
    descriptions::keep(&stage.recorder, &id, &format!("chromium-{codec}")).await;
    let expected = stored.entries.len() as u64 + leads(&stage, video).await;
    if codec != "h264" {
        downloads_as_webm(&stage, &id, codec, expected);
    }
    plays_through(&stage.recorder, &address, codec, expected, &[]).await;
}

/// Both players play all of a description: so many pictures, to the end, without a stall, and seeks land.
async fn plays_through(recorder: &Recorder, address: &str, what: &str, expected: u64, more: &[&str]) {
    for player in ["shaka", "dash"] {
        let mut arguments = vec!["--player", player, "--playlist", address, "--token", &recorder.token];
        arguments.extend(["--seeks", "3", "--patience", "20"]);
        arguments.extend(more);
        let played = readers::script("play.mjs", &arguments).await;
        let what = format!("{what} in {player}: {played}");
        assert_eq!((&played["opened"], &played["ended"]), (&true.into(), &true.into()), "{what}");
        assert_eq!(played["errors"].as_array().map(Vec::len), Some(0), "{what}");
        let decoded = played["totalVideoFrames"].as_u64().unwrap();
        let most = expected + DECODED_AGAIN;
        assert!((expected..=most).contains(&decoded), "every one of {expected} is decoded: {what}");
        assert!(played["webkitAudioDecodedByteCount"].as_u64().unwrap_or(0) > 10_000, "sound: {what}");
        let stalls: Vec<f64> =
            played["stalls"].as_array().unwrap().iter().filter_map(|stall| stall["len"].as_f64()).collect();
        assert!(stalls.iter().all(|length| *length <= LONGEST_STALL), "{what}");
        seeks_land(&what, &played);
        println!("{player}: {decoded} of {expected} pictures decoded, stalls {stalls:?}");
    }
}

/// The download as WebM has the same pictures, and FFmpeg decodes them without a complaint.
fn downloads_as_webm(stage: &Stage, id: &str, codec: &str, expected: u64) {
    let (url, token) = (&stage.recorder.url, &stage.recorder.token);
    let file = format!("{url}/api/v1/recordings/{id}/download?format=webm&token={token}");
    let probed = readers::ffprobe(&file, &[]);
    assert_eq!(probed["streams"][0]["codec_name"], codec, "{probed}");
    assert_eq!(probed["streams"][0]["nb_read_packets"], expected.to_string().as_str(), "{probed}");
    assert_eq!(probed["streams"][1]["codec_name"], "opus", "{probed}");
    let complaints = readers::ffmpeg_complaints(&file, &[]);
    // Its own output counts in the frame rate that it guessed, in which two pictures may be one.
    let of_input: Vec<&str> = complaints.lines().filter(|line| !line.starts_with("[null @")).collect();
    assert!(of_input.is_empty(), "{complaints}");
}

/// Pictures in front of the track's first, made when they are served.
async fn leads(stage: &Stage, track: &Value) -> u64 {
    let folder = track["playlist"].as_str().unwrap().rsplit_once('/').unwrap().0.to_owned();
    let text = stage.recorder.get(track["playlist"].as_str().unwrap()).await;
    let text = String::from_utf8(text.to_vec()).unwrap();
    assert!(!text.contains("fill-"), "nothing is missing in the middle: {text}");
    let mut pictures = 0;
    for segment in text.lines().filter(|line| line.contains("lead-")) {
        let scan = read::scan(&stage.recorder.get(&format!("{folder}/{segment}")).await);
        pictures += scan.fragments.iter().map(|fragment| fragment.samples.len() as u64).sum::<u64>();
    }
    pictures
}

fn seeks_land(what: &str, played: &Value) {
    let seeks = played["seeks"].as_array().unwrap();
    assert_eq!(seeks.len(), 3, "{what}");
    for seek in seeks {
        let off = (seek["to"].as_f64().unwrap() - seek["landed"].as_f64().unwrap()).abs();
        assert!(off < 0.2 && seek["playsOn"] == true, "{seek}: {what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn h264_plays_from_dash() {
    plays_from_dash("h264").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn vp9_plays_from_dash() {
    plays_from_dash("vp9").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn vp8_plays_from_dash_as_webm() {
    plays_from_dash("vp8").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_recording_plays_at_its_edge() {
    let stage = Stage::new(Dialect::Old).await;
    let query = format!("room={ROOM}&peer=cam&codec=h264&source=canvas");
    let browser = Browser::publish(&stage.sfu.http_url(), &query).await;
    let id = stage.record().await;
    stage.recorded(&id, &["cam"], 12_000_000).await;
    descriptions::keep(&stage.recorder, &id, "chromium-live").await;
    let address = format!("{}/api/v1/recordings/{id}/stream/manifest.mpd", stage.recorder.url);
    for player in ["shaka", "dash"] {
        let arguments =
            ["--player", player, "--playlist", &address, "--token", &stage.recorder.token, "--live", "12"];
        let played =
            tokio::time::timeout(Duration::from_secs(60), readers::script("play.mjs", &arguments)).await;
        let played = played.expect("it plays");
        let what = format!("{player}: {played}");
        assert_eq!(played["opened"], true, "{what}");
        assert_eq!(played["errors"].as_array().map(Vec::len), Some(0), "{what}");
        let moved = played["currentTime"].as_f64().unwrap() - played["from"].as_f64().unwrap();
        assert!(moved > 11.0, "it plays on: {what}");
        assert!(played["stood"].as_f64().unwrap() <= LONGEST_STALL, "{what}");
        let latency = played["latency"].as_f64().unwrap();
        assert!((2.0..=20.0).contains(&latency), "{what}");
        println!("{player}: {latency:.1} s behind, {moved:.1} s played");
    }
    stage.recorder.stop(&id).await;
    browser.close().await;
}
