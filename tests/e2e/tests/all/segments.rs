//! Segments stay within their lengths, whatever the publisher does about key frames.

use serde_json::Value;
use std::time::Duration;
use tureen_e2e::browser::Browser;
use tureen_e2e::stage::{ROOM, Stage, track};
use tureen_sfu::Dialect;

/// Lengths of the segments of a playlist, in seconds.
async fn playlist(stage: &Stage, video: &Value) -> (String, Vec<f64>) {
    let text = stage.recorder.get(video["playlist"].as_str().unwrap()).await;
    let text = String::from_utf8(text.to_vec()).unwrap();
    let lengths = text
        .lines()
        .filter_map(|line| line.strip_prefix("#EXTINF:"))
        .map(|rest| rest.trim_end_matches(',').split(',').next().unwrap().parse().unwrap())
        .collect();
    (text, lengths)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_static_scene_is_cut_every_two_seconds() {
    let stage = Stage::new(Dialect::Old).await;
    let query = format!("room={ROOM}&peer=cam&codec=h264&source=canvas&static=1");
    let browser = Browser::publish(&stage.sfu.http_url(), &query).await;
    let id = stage.record().await;
    stage
        .recorder
        .manifest_until("a minute of pictures", &id, Duration::from_secs(90), |manifest| {
            manifest["participants"][0]["tracks"].as_array().is_some_and(|tracks| {
                tracks.iter().any(|track| {
                    track["kind"] == "video" && track["duration_us"].as_i64().unwrap_or(0) >= 58_000_000
                })
            })
        })
        .await;
    stage.recorder.stop(&id).await;
    browser.close().await;
    let manifest = stage.recorder.manifest(&id).await;
    let (text, mut lengths) = playlist(&stage, track(&manifest, "cam", "video")).await;
    // The last one is as long as the recording left it.
    lengths.pop();
    let short = lengths.iter().filter(|length| **length <= 2.7).count();
    println!("{short} of {} segments are at most 2.7 s: {lengths:.2?}", lengths.len());
    assert!(short as f64 >= 0.95 * lengths.len() as f64, "{lengths:?}");
    assert!(lengths.len() >= 20, "{lengths:?}");
    assert!(text.contains("#EXT-X-TARGETDURATION:4\n"), "{text}");
    assert!(text.contains("#EXT-X-INDEPENDENT-SEGMENTS"), "every segment begins with a key frame: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_that_ignores_key_frame_requests_gives_a_legal_playlist() {
    let stage = Stage::new(Dialect::Old).await;
    let publisher = stage.publish("ada", Some("h264-one-key.h264"), None).await;
    let id = stage.record().await;
    stage.recorded(&id, &["ada"], 11_000_000).await;
    assert!(publisher.keyframe_requests().await > 2, "the recorder asked");
    stage.recorder.stop(&id).await;
    let manifest = stage.recorder.manifest(&id).await;
    let (text, lengths) = playlist(&stage, track(&manifest, "ada", "video")).await;
    assert!(text.contains("#EXT-X-TARGETDURATION:4\n"), "{text}");
    assert!(lengths.iter().all(|length| length.round() <= 4.0), "RFC 8216 4.3.3.1: {lengths:?}");
    assert!(!text.contains("#EXT-X-INDEPENDENT-SEGMENTS"), "they are not: {text}");
    assert!(text.ends_with("#EXT-X-ENDLIST\n"), "{text}");
    let parsed = m3u8_rs::parse_media_playlist_res(text.as_bytes()).expect("another parser reads it");
    assert_eq!(parsed.segments.len(), lengths.len());
}
