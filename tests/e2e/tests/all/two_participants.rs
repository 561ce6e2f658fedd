//! Two people, one of whom comes late and leaves early, or who share their screens.

use serde_json::Value;
use std::time::Duration;
use tureen::media::Codec;
use tureen_e2e::readers;
use tureen_e2e::stage::{Stage, participant, track, tracks_of};
use tureen_e2e::stored::Stored;
use tureen_e2e::wait;
use tureen_sfu::{Dialect, Fixture, Ledger};

/// How far a track's place on the timeline may be from the truth.
const TOLERANCE_MICROS: i64 = 40_000;

#[tokio::test(flavor = "multi_thread")]
async fn four_tracks_lie_where_they_belong_and_play_in_step() {
    let stage = Stage::new(Dialect::Ts).await;
    let ada = stage.publish("ada", Some("h264-baseline.h264"), Some("opus.ogg")).await;
    let id = stage.record().await;
    stage.recorded(&id, &["ada"], 5_000_000).await;
    let grace = stage.publish("grace", Some("h264-b.h264"), Some("opus-b.ogg")).await;
    stage.recorded(&id, &["grace"], 8_000_000).await;
    let of_grace = grace.leave().await;
    stage.left(&id, "grace").await;
    let so_far = stage.recorder.manifest(&id).await["recording"]["duration_us"].as_i64().unwrap();
    stage.recorded(&id, &["ada"], so_far + 1_000_000).await;
    let of_ada = ada.leave().await;
    stage.left(&id, "ada").await;
    stage.recorder.stop(&id).await;

    let manifest = stage.recorder.manifest(&id).await;
    assert_eq!(manifest["recording"]["status"], "completed");
    let all: usize =
        manifest["participants"].as_array().unwrap().iter().map(|found| tracks_of(found).len()).sum();
    assert_eq!(all, 4, "{manifest}");
    for (peer, ledgers) in [("ada", &of_ada), ("grace", &of_grace)] {
        for ledger in ledgers {
            let error = place_error(&stage, &id, &manifest, peer, ledger);
            println!("{} of {peer} lies {} ms from the truth", ledger.kind, error as f64 / 1000.0);
            assert!(error.abs() <= TOLERANCE_MICROS, "{} of {peer}: {error} us", ledger.kind);
        }
    }
    // Who is the louder of two alike is the SFU's to say.
    let turns = manifest["speaker_turns"].as_array().unwrap();
    let known =
        |id: &Value| ["ada", "grace"].iter().any(|peer| participant(&manifest, peer).unwrap()["id"] == *id);
    assert!(!turns.is_empty() && turns.iter().all(|turn| known(&turn["participant_id"])), "{turns:?}");
    let late = participant(&manifest, "grace").unwrap()["offset_us"].as_i64().unwrap();
    let early = participant(&manifest, "ada").unwrap()["offset_us"].as_i64().unwrap();
    assert!(late - early >= 5_000_000, "grace came later: {late} {early}");

    watch_in_step(&stage, &id).await;
}

/// The manifest's wall time of a track's first sample, less the time at which that frame was due at its sender.
fn place_error(stage: &Stage, id: &str, manifest: &Value, peer: &str, ledger: &Ledger) -> i64 {
    let listed = track(manifest, peer, ledger.kind);
    let codec = if ledger.kind == "audio" { Codec::Opus } else { Codec::H264 };
    let stored = Stored::read(&stage.recorder.media(), id, listed["id"].as_str().unwrap()).hashes(codec);
    let first = &ledger.frames[ledger.frames.len() - stored.len()];
    assert_eq!(first.units, stored[0], "the first sample is known");
    let started_at: WallTime = listed["started_at"].as_str().unwrap().parse().unwrap();
    started_at.0 - i64::try_from(first.due_at).unwrap()
}

/// RFC 3339 to microseconds.
struct WallTime(i64);

impl std::str::FromStr for WallTime {
    type Err = jiff::Error;
    fn from_str(text: &str) -> Result<Self, jiff::Error> {
        text.parse::<jiff::Timestamp>().map(|stamp| Self(stamp.as_microsecond()))
    }
}

/// On the page both are heard, and their flashes come together, as they were sent together. Whoever watches has a link
/// and no token.
async fn watch_in_step(stage: &Stage, id: &str) {
    let recorder = &stage.recorder;
    let shot = readers::root().join("tests/e2e/out");
    std::fs::create_dir_all(&shot).unwrap();
    let shot = shot.join("watch.png");
    let link = recorder.share(id, &serde_json::json!({ "share_type": "link", "max_uses": 1 })).await;
    let url = format!("{}{}", recorder.url, link["url"].as_str().unwrap());
    let seen = wait::until("the page plays", Duration::from_secs(60), || async {
        let arguments = [
            "--url",
            &url,
            "--seconds",
            "6",
            "--at",
            "7",
            "--tones",
            "1000,1700",
            "--shot",
            shot.to_str().unwrap(),
        ];
        Some(readers::script("watch.mjs", &arguments).await)
    })
    .await;
    assert_eq!(seen["errors"], serde_json::json!([]), "{seen}");
    let people = seen["participants"].as_array().unwrap();
    assert_eq!(people.len(), 2, "{seen}");
    let times = |person: &Value, what: &str| -> Vec<f64> {
        person[what].as_array().unwrap().iter().filter_map(Value::as_f64).collect()
    };
    for person in people {
        assert_eq!(person["heard"], true, "{person}");
        assert!(times(person, "beepTimes").len() >= 3, "{person}");
    }
    let (first, second) = (times(&people[0], "flashTimes"), times(&people[1], "flashTimes"));
    let pairs: Vec<f64> = first
        .iter()
        .filter_map(|a| second.iter().map(|b| b - a).min_by(|x, y| x.abs().total_cmp(&y.abs())))
        .filter(|step| step.abs() < 0.5)
        .collect();
    assert!(pairs.len() >= 3, "flashes of both are seen: {seen}");
    println!("flashes apart by {pairs:.3?} s");
    // A flash lasts two pictures of 40 ms. A busy machine may show its second only, or a picture late, to either side:
    // the median tells whether they are in step, the outliers only that none is lost.
    let mut steps: Vec<f64> = pairs.iter().map(|step| step.abs()).collect();
    steps.sort_by(f64::total_cmp);
    assert!(steps[steps.len() / 2] <= 0.045, "in step within a picture: {pairs:?}");
    assert!(steps.iter().all(|step| *step <= 0.2), "none far out of step: {pairs:?}");
}

/// Beside a camera in H264 one shares a screen in VP9, which plays by HLS and DASH, the other one in VP8, which plays by
/// DASH alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_screen_beside_a_camera_plays_as_a_presentation_of_its_own() {
    let stage = Stage::new(Dialect::Ts).await;
    let ada = stage.publish("ada", Some("h264-baseline.h264"), Some("opus.ogg")).await;
    let grace = stage.publish("grace", Some("h264-b.h264"), Some("opus-b.ogg")).await;
    let id = stage.record().await;
    stage.recorded(&id, &["ada", "grace"], 2_000_000).await;
    ada.share_screen(Fixture::named("vp9.ivf").unwrap()).await.unwrap();
    grace.share_screen(Fixture::named("vp8.ivf").unwrap()).await.unwrap();
    let limit = Duration::from_secs(40);
    stage
        .recorder
        .manifest_until("media of the screens", &id, limit, |manifest| {
            ["ada", "grace"].iter().all(|peer| {
                screen(manifest, peer)
                    .is_some_and(|own| own["duration_us"].as_i64().unwrap_or(0) >= 3_000_000)
            })
        })
        .await;
    stage.recorder.stop(&id).await;

    let manifest = stage.recorder.manifest(&id).await;
    let (playlist, description, samples) = of_screen(&manifest, "ada");
    let playlist = format!("{}{}", stage.recorder.url, playlist.as_str().unwrap());
    let header = format!("Authorization: Bearer {}\r\n", stage.recorder.token);
    let probed = readers::ffprobe(&playlist, &["-headers", &header]);
    assert_eq!(
        probed["streams"].as_array().map(Vec::len),
        Some(1),
        "the microphone is not its sound: {probed}"
    );
    assert_eq!(probed["streams"][0]["codec_name"], "vp9", "{probed}");
    let packets: u64 = probed["streams"][0]["nb_read_packets"].as_str().unwrap().parse().unwrap();
    assert!(packets >= samples, "all {samples} pictures, behind black ones: {probed}");
    let text = stage.recorder.get(description.as_str().unwrap()).await;
    let text = String::from_utf8_lossy(&text).into_owned();
    let of = |track: &Value| text.contains(&format!("{}/", track["id"].as_str().unwrap()));
    assert!(of(screen(&manifest, "ada").unwrap()), "{text}");
    assert!(!of(track(&manifest, "ada", "audio")), "{text}");

    let (playlist, description, samples) = of_screen(&manifest, "grace");
    assert!(playlist.is_null(), "VP8 has no HLS");
    let description = format!("{}{}", stage.recorder.url, description.as_str().unwrap());
    let token = stage.recorder.token.as_str();
    let arguments = ["--player", "shaka", "--playlist", &description, "--token", token, "--patience", "20"];
    let played = readers::script("play.mjs", &arguments).await;
    assert_eq!((&played["opened"], &played["ended"]), (&true.into(), &true.into()), "{played}");
    assert!(played["totalVideoFrames"].as_u64().unwrap() >= samples, "all {samples} pictures: {played}");
    assert_eq!(played["errors"].as_array().map(Vec::len), Some(0), "{played}");
}

fn screen<'a>(manifest: &'a Value, peer: &str) -> Option<&'a Value> {
    tracks_of(participant(manifest, peer)?).into_iter().find(|track| track["source"] == "screen")
}

/// Playlist and description of a participant's screen, and how many pictures of it are stored.
fn of_screen<'a>(manifest: &'a Value, peer: &str) -> (&'a Value, &'a Value, u64) {
    let all = participant(manifest, peer).unwrap()["presentations"].as_array().unwrap();
    let own = all.iter().find(|own| own["source"] == "screen").unwrap_or_else(|| panic!("{manifest}"));
    (&own["playlist"], &own["dash"], screen(manifest, peer).unwrap()["samples"].as_u64().unwrap())
}
