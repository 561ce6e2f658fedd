//! A recording as one progressive MP4: every stored sample is in it, other people's readers and a browser take it, and
//! a clip of it is exact.

use serde_json::Value;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use tureen_e2e::readers;
use tureen_e2e::stage::{Stage, track};
use tureen_e2e::stored::Stored;
use tureen_sfu::{Dialect, Fixture};

/// Records a participant for some seconds, with the camera off in between if that is wanted.
async fn record(video: &str, camera_off: bool) -> (Stage, String, Value) {
    let stage = Stage::new(Dialect::Old).await;
    let ada = stage.publish("ada", Some(video), Some("opus.ogg")).await;
    let id = stage.record().await;
    stage.recorded(&id, &["ada"], 4_000_000).await;
    if camera_off {
        ada.close_video().await.unwrap();
        let limit = std::time::Duration::from_secs(20);
        stage
            .recorder
            .manifest_until("a gap", &id, limit, |manifest| {
                let gap = track(manifest, "ada", "video")["gaps"][0]["duration_us"].as_i64();
                gap.unwrap_or(0) >= 2_000_000
            })
            .await;
        ada.open_video(Fixture::named(video).unwrap()).await.unwrap();
        stage.recorded(&id, &["ada"], 10_000_000).await;
    }
    stage.recorder.stop(&id).await;
    let manifest = stage.recorder.manifest(&id).await;
    (stage, id, manifest)
}

/// Saves a download of a recording.
async fn save(stage: &Stage, id: &str, query: &str, name: &str) -> PathBuf {
    let bytes = stage.recorder.get(&format!("/api/v1/recordings/{id}/download?{query}")).await;
    let path = stage.folder.path().join(name);
    std::fs::write(&path, &bytes).unwrap();
    path
}

/// All stored samples are there in order; what lies between them are fills.
fn holds(boxes: &Value, kind: &str, stored: &Stored) -> usize {
    let tracks = boxes["tracks"].as_array().unwrap();
    let own = tracks.iter().find(|own| own["type"] == kind).unwrap_or_else(|| panic!("{kind}: {boxes}"));
    let found = own["hashes"].as_array().unwrap().iter().map(|hash| hash.as_str().unwrap());
    let stored = stored.sample_hashes();
    let known: HashSet<&str> = stored.iter().map(String::as_str).collect();
    let (mut next, mut fills, mut others) = (stored.iter().peekable(), 0, HashSet::new());
    for hash in found {
        if next.next_if(|own| *own == hash).is_none() {
            fills += 1;
            if !known.contains(hash) {
                others.insert(hash);
            }
        }
    }
    assert_eq!(next.next(), None, "{kind}: all stored samples are there in order");
    assert!(others.len() <= 1, "{kind}: fills are silence, black or a stored picture: {others:?}");
    assert_eq!((own["breaks"].as_u64(), own["reordered"].as_u64()), (Some(0), Some(0)), "{kind}");
    fills
}

async fn is_a_whole_file(video: &str, camera_off: bool) {
    let (stage, id, manifest) = record(video, camera_off).await;
    let file = save(&stage, &id, "format=mp4", "whole.mp4").await;
    let path = file.to_str().unwrap();
    let boxes = readers::script("mp4box.mjs", &["--hashes", path]).await;
    assert_eq!((&boxes["fragmented"], &boxes["errors"]), (&false.into(), &serde_json::json!([])), "{video}");
    let probed = readers::ffprobe(path, &[]);
    let mut pictures = 0;
    for (kind, named) in [("video", "video"), ("audio", "audio")] {
        let own = track(&manifest, "ada", kind);
        let stored = Stored::read(&stage.recorder.media(), &id, own["id"].as_str().unwrap());
        let fills = holds(&boxes, named, &stored);
        assert!(fills > 0 || !camera_off || kind == "audio", "{video}: black where the camera was off");
        let stream =
            probed["streams"].as_array().unwrap().iter().find(|own| own["codec_type"] == kind).unwrap();
        let count = stored.entries.len() + fills;
        assert_eq!(
            stream["nb_read_packets"],
            count.to_string().as_str(),
            "{video} {kind}: ffprobe's packets"
        );
        if kind == "video" {
            pictures = count;
        }
    }
    assert_eq!(readers::ffmpeg_complaints(path, &[]), "", "{video}: ffmpeg is silent");
    plays_in_chromium(&stage, &id, video, pictures).await;
}

/// As the source of a video element, to the end and by seeks.
async fn plays_in_chromium(stage: &Stage, id: &str, video: &str, pictures: usize) {
    let (url, token) = (&stage.recorder.url, &stage.recorder.token);
    let url = format!("{url}/api/v1/recordings/{id}/download?format=mp4&token={token}");
    let seeks = ["--rate", "2", "--seeks", "3.1,0.7,2.2"];
    let played = readers::script("file.mjs", &[&["--url", url.as_str()][..], &seeks[..]].concat()).await;
    assert_eq!((&played["opened"], &played["ended"]), (&true.into(), &true.into()), "{video}: {played}");
    assert_eq!(played["error"], Value::Null, "{video}: {played}");
    assert_eq!(played["totalVideoFrames"], pictures, "{video}: every picture is decoded: {played}");
    assert!(played["webkitAudioDecodedByteCount"].as_u64().unwrap_or(0) > 1000, "{video}: sound: {played}");
    for seek in played["seeks"].as_array().unwrap() {
        let off = (seek["to"].as_f64().unwrap() - seek["landed"].as_f64().unwrap()).abs();
        assert!(off < 0.1 && seek["playsOn"] == true, "{video}: {seek}");
    }
    println!("{video}: {pictures} pictures, the first after {} ms", played["msToPicture"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn h264_with_the_camera_off_is_one_file() {
    is_a_whole_file("h264-baseline.h264", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn vp9_with_the_camera_off_is_one_file() {
    is_a_whole_file("vp9.ivf", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn av1_is_one_file() {
    is_a_whole_file("av1.ivf", false).await;
}

/// Hashes of decoded pictures with their times in seconds.
fn decoded(file: &Path) -> Vec<(f64, String)> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-i", file.to_str().unwrap(), "-map", "0:v"])
        // As they are: black pictures in front of the first have a size of their own, and FFmpeg scales all to that.
        .args(["-fps_mode", "passthrough", "-autoscale", "0", "-enc_time_base", "1:90000"])
        .args(["-f", "framemd5", "-"])
        .output()
        .expect("ffmpeg runs");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let fields: Vec<&str> = line.split(',').map(str::trim).collect();
            (fields[2].parse::<f64>().unwrap() / 90_000.0, fields[5].to_owned())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clip_shows_what_was_asked_for_and_nothing_else() {
    const START: f64 = 2.234;
    const LENGTH: f64 = 1.5;
    let (stage, id, _) = record("h264-baseline.h264", false).await;
    let whole = decoded(&save(&stage, &id, "", "whole.mp4").await);
    let query = format!("start={START}&duration={LENGTH}");
    let file = save(&stage, &id, &query, "clip.mp4").await;
    let mut clip = decoded(&file);
    let inside: Vec<_> =
        whole.iter().filter(|(at, _)| *at >= START && *at < START + LENGTH).cloned().collect();
    // A picture of a fill that still stands begins with the clip.
    if clip.len() > inside.len() {
        let (at, first) = clip.remove(0);
        let stands = whole.iter().rev().find(|(before, _)| *before < START).unwrap();
        assert_eq!((at, &first), (0.0, &stands.1));
    }
    let hashes = |list: &[(f64, String)]| list.iter().map(|(_, hash)| hash.clone()).collect::<Vec<_>>();
    assert_eq!(hashes(&clip), hashes(&inside), "the same pictures");
    for ((at, _), (before, _)) in clip.iter().zip(&inside) {
        // FFmpeg moves the first picture that begins within the clip to its start: by less than a picture.
        assert!((at - (before - START)).abs() < 0.04, "a picture of {before} is at {at}");
    }
    let probed = readers::ffprobe(file.to_str().unwrap(), &[]);
    let length: f64 = probed["format"]["duration"].as_str().unwrap().parse().unwrap();
    assert!((length - LENGTH).abs() < 0.001, "ffprobe's length {length}");
    let boxes = readers::script("mp4box.mjs", &[file.to_str().unwrap()]).await;
    for own in boxes["tracks"].as_array().unwrap() {
        let edits = own["edits"].as_array().unwrap();
        assert_eq!(edits.len(), 1, "{boxes}");
        assert_eq!(edits[0]["segment_duration"], 135_000, "{boxes}");
    }
    // With the key frame instead, nothing is hidden.
    let loose = save(&stage, &id, &format!("{query}&exact=false"), "loose.mp4").await;
    assert!(decoded(&loose).len() >= clip.len());
    let video = readers::script("mp4box.mjs", &[loose.to_str().unwrap()]).await;
    let edits =
        video["tracks"].as_array().unwrap().iter().filter_map(|own| own["edits"][0]["media_time"].as_i64());
    assert!(edits.into_iter().all(|hidden| hidden < 960), "{video}");
    plays_as_a_part(&stage, &id, START, LENGTH).await;
}

/// The same clip of the playlists and of the description plays to its end, without a stall.
async fn plays_as_a_part(stage: &Stage, id: &str, start: f64, length: f64) {
    let folder = format!("/api/v1/recordings/{id}/stream");
    let query = format!("start={start}&duration={length}");
    let text = async |name: &str| {
        String::from_utf8(stage.recorder.get(&format!("{folder}/{name}")).await.to_vec()).unwrap()
    };
    let variants = text(&format!("playlist.m3u8?{query}")).await;
    let picture = text(variants.lines().find(|line| !line.starts_with('#')).unwrap()).await;
    let numbers = |name: &str| -> Vec<f64> {
        let lines = picture.lines().filter_map(|line| line.strip_prefix(name)?.split(',').next());
        lines.map(|number| number.parse().unwrap()).collect()
    };
    // Whole segments: the clip begins in the first, and ends in the last.
    let (begins, segments) = (numbers("#EXT-X-START:TIME-OFFSET=")[0], numbers("#EXTINF:"));
    let listed: f64 = segments.iter().sum();
    assert!(begins < segments[0] && begins + length <= listed, "{picture}");
    assert!(begins + length > listed - segments.last().unwrap(), "{picture}");
    for (player, name) in [
        ("hls", "playlist.m3u8"),
        ("shaka", "playlist.m3u8"),
        ("dash", "manifest.mpd"),
        ("shaka", "manifest.mpd"),
    ] {
        let address = format!("{}{folder}/{name}?{query}", stage.recorder.url);
        let mut arguments =
            vec!["--player", player, "--playlist", &address, "--token", &stage.recorder.token];
        if player == "hls" {
            // Where the playlist says.
            arguments.extend(["--read-all", "--config", "{\"startPosition\":-1}"]);
        }
        let played = readers::script("play.mjs", &arguments).await;
        let what = format!("{name} in {player}: {played}");
        assert_eq!((&played["opened"], &played["ended"]), (&true.into(), &true.into()), "{what}");
        assert_eq!(played["errors"].as_array().map(Vec::len), Some(0), "{what}");
        let stalls = played["stalls"].as_array().unwrap().iter().filter_map(|stall| stall["len"].as_f64());
        assert!(stalls.into_iter().all(|stall| stall <= 0.3), "{what}");
        assert!(played["webkitAudioDecodedByteCount"].as_u64().unwrap_or(0) > 1000, "sound: {what}");
        let duration = played["duration"].as_f64().unwrap();
        if name == "manifest.mpd" {
            // Shaka lets in what begins up to 0.1 s behind the end, and lists it.
            assert!((duration - begins - length).abs() < 0.15, "it ends exactly: {what}");
            continue;
        }
        // The sound's last segment may reach further.
        assert!((listed - 0.1..listed + 4.0).contains(&duration), "of {listed} s: {what}");
        if player == "hls" {
            let first = played["frames"][0][0].as_f64().unwrap();
            assert!((first - begins).abs() < 0.2, "it begins at {begins} s: {what}");
        }
    }
}

/// A download that is begun while the recording runs goes on afterwards with the same bytes.
#[tokio::test(flavor = "multi_thread")]
async fn a_running_recording_can_be_taken_in_pieces() {
    let stage = Stage::new(Dialect::Old).await;
    let _ada = stage.publish("ada", Some("vp9.ivf"), Some("opus.ogg")).await;
    let id = stage.record().await;
    stage.recorded(&id, &["ada"], 4_000_000).await;
    let url = format!("{}/api/v1/recordings/{id}/download", stage.recorder.url);
    let client = reqwest::Client::new();
    let get = async |headers: &[(&str, &str)]| {
        let mut request = client.get(&url).bearer_auth(&stage.recorder.token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    };
    let first = get(&[]).await;
    let tag = first.headers()["etag"].to_str().unwrap().to_owned();
    let whole = first.bytes().await.unwrap();
    stage.recorded(&id, &["ada"], 8_000_000).await;
    stage.recorder.stop(&id).await;
    let (mut pieces, step) = (Vec::new(), whole.len().div_ceil(5));
    while pieces.len() < whole.len() {
        let range = format!("bytes={}-{}", pieces.len(), pieces.len() + step - 1);
        let piece = get(&[("range", &range), ("if-range", &tag)]).await;
        assert_eq!(piece.status(), 206, "{range}");
        pieces.extend_from_slice(&piece.bytes().await.unwrap());
    }
    assert!(pieces == whole, "the pieces are the file that was begun");
    let now = get(&[]).await;
    assert_ne!(now.headers()["etag"].to_str().unwrap(), tag);
    assert!(now.bytes().await.unwrap().len() > whole.len());
}
