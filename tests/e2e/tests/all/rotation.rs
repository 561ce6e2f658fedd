//! A phone: its pictures come unturned and say how they must be turned.

use serde_json::Value;
use tureen_e2e::readers;
use tureen_e2e::stage::{Stage, track};
use tureen_sfu::{Dialect, Fixture, Publish};

/// The phone is held upright for so many pictures of 40 ms, then on its side. The key frames are 50 pictures apart, so the
/// turn comes between two of them.
const UPRIGHT: u64 = 110;

async fn seen(stage: &Stage, playlist: &str) -> Value {
    let arguments =
        ["--playlist", playlist, "--token", &stage.recorder.token, "--rate", "2", "--patience", "20"];
    readers::script("play.mjs", &[&arguments[..], &["--read-numbers", "1,7"]].concat()).await
}

/// The playlist's files from an init segment to the next, as one file.
async fn stretches(stage: &Stage, video: &Value) -> Vec<Vec<u8>> {
    let playlist = video["playlist"].as_str().unwrap();
    let (folder, _) = playlist.rsplit_once('/').unwrap();
    let text = String::from_utf8(stage.recorder.get(playlist).await.to_vec()).unwrap();
    let mut files: Vec<Vec<u8>> = Vec::new();
    for line in text.lines() {
        let map = line.strip_prefix("#EXT-X-MAP:URI=\"").and_then(|rest| rest.split('"').next());
        if let Some(init) = map {
            files.push(stage.recorder.get(&format!("{folder}/{init}")).await.to_vec());
        } else if !line.starts_with('#') && !line.is_empty() {
            let segment = stage.recorder.get(&format!("{folder}/{line}")).await;
            files.last_mut().expect("a map comes first").extend_from_slice(&segment);
        }
    }
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn failure_17_a_phone_turned_in_mid_call_plays_upright() {
    let stage = Stage::new(Dialect::Old).await;
    let id = stage.record().await;
    let publish = Publish {
        peer_id: "phone".to_owned(),
        display_name: "Phone".to_owned(),
        video: Some(Fixture::named("h264-baseline.h264").expect("a fixture")),
        turns: vec![(0, 1), (UPRIGHT, 0)],
        ..Publish::default()
    };
    let _phone = stage.room.publish(publish).await.expect("it publishes");
    stage.recorded(&id, &["phone"], 9_000_000).await;
    stage.recorder.stop(&id).await;
    let manifest = stage.recorder.manifest(&id).await;
    let video = track(&manifest, "phone", "video");

    let files = stretches(&stage, video).await;
    assert_eq!(files.len(), 2, "{manifest}");
    for (file, turned) in files.iter().zip([true, false]) {
        let path = stage.folder.path().join("stretch.mp4");
        std::fs::write(&path, file).unwrap();
        let path = path.to_str().unwrap();
        let probed = readers::ffprobe(path, &[]);
        let stream = &probed["streams"][0];
        assert_eq!((&stream["width"], &stream["height"]), (&320.into(), &180.into()), "as coded: {stream}");
        // FFmpeg counts against the clock.
        let angle = stream["side_data_list"][0]["rotation"].as_i64();
        assert_eq!(angle, turned.then_some(-90), "{stream}");
        assert_eq!(readers::ffmpeg_complaints(path, &[]), "");
    }

    let playlist = format!("{}/api/v1/recordings/{id}/stream/playlist.m3u8", stage.recorder.url);
    let played = seen(&stage, &playlist).await;
    assert_eq!(played["ended"], true, "{played}");
    let sizes: Vec<_> = played["numbers"].as_array().unwrap().iter().map(|read| &read["size"]).collect();
    // A pixel more tells Chromium that the size has changed (`media::fmp4::init`).
    assert_eq!(sizes, [&serde_json::json!([180, 321]), &serde_json::json!([320, 180])], "{played}");
    assert!(played["numbers"][1]["n"].is_number(), "the second is as the fixture draws it: {played}");
}
