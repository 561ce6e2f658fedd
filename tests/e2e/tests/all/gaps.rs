//! A camera goes off and on, is muted, and the whole recording is paused: one timeline that plays to its end.

use reqwest::{Method, StatusCode};
use serde_json::Value;
use std::collections::HashMap;
use std::time::Duration;
use tureen::media::Codec;
use tureen::media::fmp4::read;
use tureen_e2e::readers;
use tureen_e2e::stage::{Stage, track};
use tureen_e2e::stored::{Hash, Stored};
use tureen_e2e::wait;
use tureen_sfu::{Dialect, Fixture, MediaKind, Publisher};

/// What a playlist tells of its end only.
const OF_THE_EDGE: [&str; 4] =
    ["#EXT-X-ENDLIST", "#EXT-X-PART:", "#EXT-X-PRELOAD-HINT:", "#EXT-X-RENDITION-REPORT:"];
/// A stall that a person would see.
const STALL_SECONDS: f64 = 0.3;

struct Live {
    stage: Stage,
    ada: Publisher,
    id: String,
    /// What each playlist listed, so that a later look can tell whether it only grew.
    listed: HashMap<String, Vec<String>>,
}

impl Live {
    async fn new(video: &str) -> Self {
        let stage = Stage::new(Dialect::Old).await;
        let ada = stage.publish("ada", Some(video), Some("opus.ogg")).await;
        let id = stage.record().await;
        Self { stage, ada, id, listed: HashMap::new() }
    }

    /// Waits until the manifest satisfies `good`, and looks at the playlists meanwhile.
    async fn until(&mut self, what: &str, good: impl Fn(&Value) -> bool) -> Value {
        let begun = std::time::Instant::now();
        loop {
            let manifest = self.stage.recorder.manifest(&self.id).await;
            self.look(&manifest).await;
            if good(&manifest) {
                return manifest;
            }
            assert!(begun.elapsed() < Duration::from_secs(40), "{what}: {manifest}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// What a playlist of a running recording listed stays (RFC 8216 6.2.1).
    async fn look(&mut self, manifest: &Value) {
        for kind in ["video", "audio"] {
            let found = manifest["participants"][0]["tracks"].as_array();
            let own = found.and_then(|tracks| tracks.iter().find(|track| track["kind"] == kind));
            let Some(path) = own.and_then(|own| own["playlist"].as_str()) else { continue };
            let text = String::from_utf8(self.stage.recorder.get(path).await.to_vec()).unwrap();
            let ended = text.contains("#EXT-X-ENDLIST");
            // What is told in front of a segment that is still open stays too.
            let lines: Vec<String> = text
                .lines()
                .skip_while(|line| !line.starts_with("#EXT-X-MAP"))
                .filter(|line| !OF_THE_EDGE.iter().any(|tag| line.starts_with(tag)))
                .map(str::to_owned)
                .collect();
            let before = self.listed.insert(path.to_owned(), lines.clone()).unwrap_or_default();
            assert!(
                lines.starts_with(&before),
                "{kind} (ended: {ended}) was\n{}\nand is\n{}",
                before.join("\n"),
                lines.join("\n")
            );
        }
    }

    /// Media of so many more seconds than there is.
    async fn more(&mut self, seconds: i64) {
        let now = self.stage.recorder.manifest(&self.id).await;
        let goals: Vec<(&str, i64)> = ["video", "audio"]
            .into_iter()
            .map(|kind| {
                let samples = own(&now, kind).and_then(|own| own["samples"].as_i64()).unwrap_or(0);
                (kind, samples + seconds * if kind == "video" { 25 } else { 50 })
            })
            .collect();
        self.until("more media", |manifest| {
            goals.iter().all(|(kind, goal)| {
                own(manifest, kind).and_then(|own| own["samples"].as_i64()).unwrap_or(0) >= *goal
            })
        })
        .await;
    }

    /// Waits until an open gap of the picture has been told that far.
    async fn gap(&mut self, number: usize, micros: i64) {
        self.until("a gap", |manifest| {
            own(manifest, "video")
                .is_some_and(|own| own["gaps"][number]["duration_us"].as_i64().unwrap_or(0) >= micros)
        })
        .await;
    }

    /// Waits until Ada has sent so many more pictures, recorded or not.
    async fn sent(&self, pictures: usize) {
        let goal = self.ada.ledger(MediaKind::Video).await.len() + pictures;
        wait::until("more pictures are sent", Duration::from_secs(40), || async {
            (self.ada.ledger(MediaKind::Video).await.len() >= goal).then_some(())
        })
        .await;
    }

    async fn post(&self, what: &str) -> (StatusCode, Value) {
        let path = format!("/api/v1/recordings/{}/{what}", self.id);
        self.stage.recorder.call(Method::POST, &path, None).await
    }
}

fn own<'a>(manifest: &'a Value, kind: &str) -> Option<&'a Value> {
    manifest["participants"][0]["tracks"].as_array()?.iter().find(|track| track["kind"] == kind)
}

/// Camera off and on with a new producer, muted and not, the recording paused and resumed; then everything plays.
async fn a_whole_call(video: &str, codec: Codec) {
    let mut live = Live::new(video).await;
    live.more(4).await;
    live.ada.close_video().await.unwrap();
    live.gap(0, 4_000_000).await;
    live.ada.open_video(Fixture::named(video).unwrap()).await.unwrap();
    live.more(4).await;
    live.ada.pause_video().await.unwrap();
    live.gap(1, 2_000_000).await;
    live.ada.resume().await.unwrap();
    live.more(4).await;
    assert_eq!(live.post("resume").await.0, StatusCode::CONFLICT);
    let (status, paused) = live.post("pause").await;
    assert_eq!((status, &paused["paused"]), (StatusCode::OK, &true.into()), "{paused}");
    assert_eq!(live.post("pause").await.0, StatusCode::CONFLICT);
    let at = live.stage.recorder.manifest(&live.id).await;
    assert_eq!(at["recording"]["paused"], true, "{at}");
    live.sent(100).await;
    let still = live.stage.recorder.manifest(&live.id).await;
    assert_eq!(own(&still, "audio").unwrap()["samples"], own(&at, "audio").unwrap()["samples"]);
    let (status, resumed) = live.post("resume").await;
    assert_eq!((status, &resumed["paused"]), (StatusCode::OK, &false.into()), "{resumed}");
    live.more(4).await;
    let ledgers = live.ada.leave().await;
    let left = |manifest: &Value| manifest["participants"][0]["left_at"].is_string();
    live.until("ada left", left).await;
    live.stage.recorder.stop(&live.id).await;

    let manifest = live.stage.recorder.manifest(&live.id).await;
    live.look(&manifest).await;
    let pauses = manifest["recording"]["pauses"].as_array().unwrap();
    assert_eq!(pauses.len(), 1, "{manifest}");
    let picture = track(&manifest, "ada", "video");
    let stored = Stored::read(&live.stage.recorder.media(), &live.id, picture["id"].as_str().unwrap());
    told(picture);
    nothing_on_its_way_is_dropped(&ledgers, &stored.hashes(codec));
    plays(&live, &manifest, &stored).await;
}

/// The gaps are told with their causes, and what is shown.
fn told(picture: &Value) {
    let gaps = picture["gaps"].as_array().unwrap();
    let causes: Vec<(&str, &str)> =
        gaps.iter().map(|gap| (gap["cause"].as_str().unwrap(), gap["kind"].as_str().unwrap())).collect();
    assert_eq!(causes[..2], [("off", "black"), ("off", "black")], "{gaps:?}");
    assert!(causes[2..].iter().all(|(cause, _)| *cause == "pause"), "{gaps:?}");
    assert!(gaps.iter().all(|gap| gap["open"] == false), "{gaps:?}");
}

/// All pictures of the first camera from its first stored one on, to the last that it sent.
fn nothing_on_its_way_is_dropped(ledgers: &[tureen_sfu::Ledger], stored: &[Vec<Hash>]) {
    let first = ledgers.iter().find(|ledger| ledger.kind == "video").unwrap();
    let sent: Vec<_> = first.frames.iter().map(|frame| &frame.units).collect();
    let from = sent.iter().position(|units| **units == stored[0]).expect("it was sent");
    let same = sent[from..].iter().zip(stored).take_while(|(sent, stored)| *sent == stored).count();
    assert_eq!(same, sent.len() - from, "pictures of the first camera");
    println!("{same} pictures before the camera went off, none lost");
}

async fn plays(live: &Live, manifest: &Value, stored: &Stored) {
    let recorder = &live.stage.recorder;
    let playlist = format!("{}/api/v1/recordings/{}/stream/playlist.m3u8", recorder.url, live.id);
    let headers = format!("Authorization: Bearer {}\r\n", recorder.token);
    assert_eq!(
        readers::ffmpeg_complaints(&playlist, &["-headers", &headers]),
        "",
        "FFmpeg decodes all of it"
    );
    let breaks = |text: &str| text.lines().filter(|line| *line == "#EXT-X-DISCONTINUITY").count();
    let (picture, filled) = listed(live, track(manifest, "ada", "video")).await;
    let (sound, _) = listed(live, track(manifest, "ada", "audio")).await;
    assert_eq!(breaks(&picture), breaks(&sound), "{picture}\n{sound}");
    assert!(breaks(&picture) >= 5, "{picture}");
    assert!(picture.contains("black.mp4"), "{picture}");

    let arguments = ["--playlist", &playlist, "--token", &recorder.token, "--patience", "20", "--seeks", "3"];
    let played = readers::script("play.mjs", &arguments).await;
    assert_eq!((&played["opened"], &played["ended"]), (&true.into(), &true.into()), "{played}\n{picture}");
    let stalls = played["stalls"].as_array().unwrap();
    let longest = stalls.iter().filter_map(|stall| stall["len"].as_f64()).fold(0.0, f64::max);
    let expected = stored.entries.len() as u64 + filled;
    println!(
        "{} of {expected} pictures decoded ({filled} of fills), {:.1} s, longest stall {longest:.2} s of {}",
        played["totalVideoFrames"],
        played["duration"].as_f64().unwrap_or(0.0),
        stalls.len()
    );
    assert!(longest <= STALL_SECONDS, "{played}\n{picture}");
    assert_eq!(played["totalVideoFrames"], expected, "{played}\n{picture}");
    let fatal = played["errors"].as_array().unwrap().iter().filter(|error| error["fatal"] == true).count();
    assert_eq!(fatal, 0, "{played}");
    for seek in played["seeks"].as_array().unwrap() {
        let off = (seek["to"].as_f64().unwrap() - seek["landed"].as_f64().unwrap()).abs();
        assert!(off < 0.2 && seek["playsOn"] == true, "{seek}");
    }
}

/// A track's playlist, and how many samples the fills in it have.
async fn listed(live: &Live, track: &Value) -> (String, u64) {
    let path = track["playlist"].as_str().unwrap();
    let (folder, _) = path.rsplit_once('/').unwrap();
    let text = String::from_utf8(live.stage.recorder.get(path).await.to_vec()).unwrap();
    let mut samples = 0;
    for name in text.lines().filter(|line| line.starts_with("fill-") || line.starts_with("lead-")) {
        let scan = read::scan(&live.stage.recorder.get(&format!("{folder}/{name}")).await);
        samples += scan.fragments.iter().map(|fragment| fragment.samples.len() as u64).sum::<u64>();
    }
    (text, samples)
}

#[tokio::test(flavor = "multi_thread")]
async fn failure_14_a_call_in_h264_with_its_camera_off_at_times_plays() {
    a_whole_call("h264-baseline.h264", Codec::H264).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failure_14_a_call_in_vp9_with_its_camera_off_at_times_plays() {
    a_whole_call("vp9.ivf", Codec::Vp9).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failure_14_a_call_in_av1_with_its_camera_off_at_times_plays() {
    a_whole_call("av1.ivf", Codec::Av1).await;
}

/// Ten seconds of sound before the camera comes on: black, from the participant's first sound on.
#[tokio::test(flavor = "multi_thread")]
async fn failure_6_a_camera_10_s_late_plays_after_black() {
    let mut live = Live::new("h264-high.h264").await;
    live.ada.close_video().await.unwrap();
    live.stage.recorder.stop(&live.id).await;
    live.id = live.stage.record().await;
    live.listed.clear();
    let sound = |manifest: &Value| {
        own(manifest, "audio").is_some_and(|own| own["duration_us"].as_i64().unwrap_or(0) > 8_000_000)
    };
    live.until("sound", sound).await;
    live.ada.open_video(Fixture::named("h264-high.h264").unwrap()).await.unwrap();
    live.more(5).await;
    live.ada.leave().await;
    live.until("ada left", |manifest| manifest["participants"][0]["left_at"].is_string()).await;
    live.stage.recorder.stop(&live.id).await;
    let manifest = live.stage.recorder.manifest(&live.id).await;
    live.look(&manifest).await;
    let picture = track(&manifest, "ada", "video");
    let stored = Stored::read(&live.stage.recorder.media(), &live.id, picture["id"].as_str().unwrap());
    let recorder = &live.stage.recorder;
    let playlist = format!("{}/api/v1/recordings/{}/stream/playlist.m3u8", recorder.url, live.id);
    let (text, filled) = listed(&live, picture).await;
    assert!(text.contains("black.mp4") && text.contains("lead-1.m4s"), "{text}");
    let played = readers::script("play.mjs", &["--playlist", &playlist, "--token", &recorder.token]).await;
    assert_eq!(played["ended"], true, "{played}\n{text}");
    assert_eq!(played["totalVideoFrames"], stored.entries.len() as u64 + filled, "{played}\n{text}");
    let stalls = played["stalls"].as_array().unwrap();
    assert!(stalls.iter().all(|stall| stall["len"].as_f64().unwrap() <= STALL_SECONDS), "{played}");
}
