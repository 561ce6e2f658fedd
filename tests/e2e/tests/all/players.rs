//! Chromium publishes, Tureen records, hls.js in Chromium plays.

use serde_json::Value;
use tureen::media::fmp4::read;
use tureen_e2e::browser::Browser;
use tureen_e2e::readers;
use tureen_e2e::stage::{ROOM, Stage, track, tracks_of};
use tureen_e2e::stored::Stored;
use tureen_sfu::Dialect;

const PICTURES_PER_SECOND: f64 = 25.0;

/// Records about ten seconds of a browser; the stage, the recording and its manifest.
pub(crate) async fn record_browser(codec: &str, query: &str) -> (Stage, String, Value) {
    let stage = Stage::new(Dialect::Old).await;
    let query = format!("room={ROOM}&peer=cam&codec={codec}&{query}");
    let browser = Browser::publish(&stage.sfu.http_url(), &query).await;
    let id = stage.record().await;
    stage.recorded(&id, &["cam"], 10_000_000).await;
    stage.recorder.stop(&id).await;
    browser.close().await;
    let manifest = stage.recorder.manifest(&id).await;
    assert_eq!(manifest["recording"]["status"], "completed", "{manifest}");
    (stage, id, manifest)
}

async fn plays_in_hls_js(codec: &str) {
    let (stage, id, manifest) = record_browser(codec, "source=canvas").await;
    let video = track(&manifest, "cam", "video");
    let stored = Stored::read(&stage.recorder.media(), &id, video["id"].as_str().unwrap());
    let playlist = format!("{}/api/v1/recordings/{id}/stream/playlist.m3u8", stage.recorder.url);
    let fills = fills(&stage, video).await;
    let counted = readers::script(
        "play.mjs",
        &[
            "--playlist",
            &playlist,
            "--token",
            &stage.recorder.token,
            "--rate",
            "2",
            "--seeks",
            "3",
            "--read-numbers",
            "2,5,8",
            "--patience",
            "20",
        ],
    )
    .await;
    assert_eq!(counted["opened"], true, "{codec}: {counted}");
    assert_eq!(counted["ended"], true, "{codec}: {counted}");
    let expected = stored.entries.len() as u64 + fills;
    assert_eq!(
        counted["totalVideoFrames"], expected,
        "{codec}: every picture is decoded, {fills} fills: {counted}"
    );
    assert!(
        counted["webkitAudioDecodedByteCount"].as_u64().unwrap_or(0) > 10_000,
        "{codec}: sound: {counted}"
    );
    let fatal = counted["errors"].as_array().unwrap().iter().filter(|error| error["fatal"] == true).count();
    assert_eq!(fatal, 0, "{codec}: {counted}");
    numbers_are_right(codec, &counted);
    seeks_land(codec, &counted);
    println!("{codec}: {expected} pictures decoded, {} stalls", counted["stalls"].as_array().unwrap().len());
}

/// Pictures that the playlist holds and the index does not: those that fill the time before the first picture.
async fn fills(stage: &Stage, track: &Value) -> u64 {
    let playlist = track["playlist"].as_str().unwrap();
    let (folder, _) = playlist.rsplit_once('/').unwrap();
    let text = stage.recorder.get(playlist).await;
    let text = String::from_utf8(text.to_vec()).unwrap();
    assert!(!text.contains("fill-"), "nothing is missing in the middle: {text}");
    let mut pictures = 0;
    for segment in text.lines().filter(|line| line.contains("lead-")) {
        let scan = read::scan(&stage.recorder.get(&format!("{folder}/{segment}")).await);
        pictures += scan.fragments.iter().map(|fragment| fragment.samples.len() as u64).sum::<u64>();
    }
    pictures
}

/// The numbers drawn in the pictures, read from screenshots: as far apart as the times are.
fn numbers_are_right(codec: &str, played: &Value) {
    let numbers: Vec<(f64, f64)> = played["numbers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|read| {
            let at = read["mediaTime"].as_f64().or(read["t"].as_f64()).unwrap();
            assert_eq!(read["n"], read["shot"], "{codec}: canvas and screenshot agree: {read}");
            (at, read["shot"].as_f64().unwrap_or_else(|| panic!("{codec}: a number is read: {read}")))
        })
        .collect();
    assert_eq!(numbers.len(), 3, "{codec}: {played}");
    for pair in numbers.windows(2) {
        let (step, pictures) = (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1);
        let error = (pictures - step * PICTURES_PER_SECOND).abs();
        assert!(error <= 3.0, "{codec}: {pictures} pictures in {step} s: {numbers:?}");
    }
}

fn seeks_land(codec: &str, played: &Value) {
    let seeks = played["seeks"].as_array().unwrap();
    assert_eq!(seeks.len(), 3, "{codec}: {played}");
    for seek in seeks {
        let off = (seek["to"].as_f64().unwrap() - seek["landed"].as_f64().unwrap()).abs();
        assert!(off < 0.2 && seek["playsOn"] == true, "{codec}: {seek}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn h264_from_chromium_plays() {
    plays_in_hls_js("h264").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn vp9_from_chromium_plays() {
    plays_in_hls_js("vp9").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn av1_from_chromium_plays() {
    plays_in_hls_js("av1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn vp8_from_a_camera_is_stored_and_told_honestly() {
    let (stage, id, manifest) = record_browser("vp8", "source=camera").await;
    let video = track(&manifest, "cam", "video");
    let stored = Stored::read(&stage.recorder.media(), &id, video["id"].as_str().unwrap());
    let file = stage.recorder.media().join("recordings").join(&id);
    let file = file.join(format!("{}.mp4", video["id"].as_str().unwrap()));
    let probed = readers::ffprobe(file.to_str().unwrap(), &[]);
    assert_eq!(probed["streams"][0]["codec_name"], "vp8");
    assert_eq!(probed["streams"][0]["nb_read_packets"], stored.entries.len().to_string().as_str());
    assert_eq!(readers::ffmpeg_complaints(file.to_str().unwrap(), &[]), "");
    let info = stage.recorder.json(&format!("/api/v1/recordings/{id}/info")).await;
    let told = info.to_string();
    assert!(told.contains("playable_on"), "{told}");
    assert_eq!(
        video["playable_on"].as_array().map(|list| list.iter().any(|player| player == "hls.js")),
        Some(false)
    );
    assert_eq!(tracks_of(&manifest["participants"][0]).len(), 2);
}

/// The recording of a real camera and microphone in the other codecs plays too; numbers come from the canvas only.
#[tokio::test(flavor = "multi_thread")]
async fn a_camera_and_a_microphone_play() {
    let (stage, id, _) = record_browser("h264", "source=camera").await;
    let playlist = format!("{}/api/v1/recordings/{id}/stream/playlist.m3u8", stage.recorder.url);
    let played = readers::script(
        "play.mjs",
        &["--playlist", &playlist, "--token", &stage.recorder.token, "--rate", "2", "--patience", "20"],
    )
    .await;
    assert_eq!(played["ended"], true, "{played}");
    assert!(played["webkitAudioDecodedByteCount"].as_u64().unwrap_or(0) > 10_000, "{played}");
}
