//! Flash and beep: picture and sound of one participant, measured from the decoded files.

use serde_json::Value;
use std::ffi::OsStr;
use std::time::Duration;
use tureen::media::Codec;
use tureen_e2e::compare::places;
use tureen_e2e::stage::{Stage, participant, publish, track, tracks_of};
use tureen_e2e::stored::Stored;
use tureen_e2e::{offset, readers};
use tureen_sfu::relay::Relay;
use tureen_sfu::{Ledger, Options, Publish, Publisher, Reports};

/// At most, of any flash and its beep.
const MOST_MILLIS: f64 = 40.0;
/// Of 95 in 100.
const USUAL_MILLIS: f64 = 20.0;
/// At most, of any two participants of a room.
const ROOM_MILLIS: f64 = 60.0;

async fn enter(stage: &Stage, cast: impl IntoIterator<Item = Publish>) -> Vec<Publisher> {
    let mut publishers = Vec::new();
    for publish in cast {
        publishers.push(stage.room.publish(publish).await.expect("it publishes"));
    }
    publishers
}

/// Waits for so much of every track, ends the recording, and measures everybody from the beginning.
async fn in_step(stage: &Stage, id: &str, publishers: &[Publisher], seconds: i64) {
    in_step_after(stage, id, publishers, seconds, 0.0).await;
}

/// The same, but for the first seconds of each track, `settling`. Gives how much later than it was captured each
/// participant's picture lies in the end, in milliseconds.
async fn in_step_after(
    stage: &Stage,
    id: &str,
    publishers: &[Publisher],
    seconds: i64,
    settling: f64,
) -> Vec<f64> {
    let peers: Vec<&str> = publishers.iter().map(Publisher::peer_id).collect();
    stage.recorded(id, &peers, seconds * 1_000_000).await;
    stage.recorder.stop(id).await;
    // They go on and their files repeat: more of them would leave open which repetition was recorded.
    let mut ledgers = Vec::new();
    for publisher in publishers {
        ledgers.push(publisher.ledgers().await);
    }
    let manifest = stage.recorder.manifest(id).await;
    let mut wrong = Vec::new();
    let mut late = Vec::new();
    for (publisher, ledgers) in publishers.iter().zip(&ledgers) {
        let peer = publisher.peer_id();
        let file = |kind| stage.file(id, track(&manifest, peer, kind));
        let settled = |times: Vec<f64>| -> Vec<f64> {
            let from = times.first().map_or(0.0, |first| first + settling);
            times.into_iter().filter(|at| *at >= from).collect()
        };
        let apart = offset::apart(&settled(offset::flashes(&file("video"))), &offset::beeps(&file("audio")));
        let late_by = |kind| {
            let ledger = ledgers.iter().find(|ledger| ledger.kind == kind).expect("a ledger");
            lateness(stage, id, &manifest, peer, ledger)
        };
        let (sound, picture) = (late_by("audio"), late_by("video"));
        let mut whole = vec![sound.last - picture.last];
        if settling == 0.0 {
            whole.push(sound.first - picture.first);
        }
        println!("{peer}: sound after picture by {whole:.1?} ms; beeps after flashes by {apart:.1?} ms");
        assert!(apart.len() >= 3, "flashes with beeps of {peer}: {apart:?}");
        let (most, usual) = (offset::quantile(&apart, 1.0), offset::quantile(&apart, 0.95));
        let far = whole.iter().any(|whole| whole.abs() > MOST_MILLIS);
        if most > MOST_MILLIS || usual > USUAL_MILLIS || far {
            wrong.push(format!("{peer}: {whole:.1?}, {apart:.1?}"));
        }
        late.push(picture.last);
    }
    assert!(wrong.is_empty(), "out of step: {wrong:?}");
    late
}

/// How much later than it was due a track's frame lies on the recording's clock, in milliseconds. Flashes and beeps come
/// each second and do not show an error of whole seconds; this does.
struct Lateness {
    first: f64,
    last: f64,
}

fn lateness(stage: &Stage, id: &str, manifest: &Value, peer: &str, ledger: &Ledger) -> Lateness {
    let kind = ledger.kind;
    let codec = if kind == "audio" { Codec::Opus } else { Codec::H264 };
    let listed = track(manifest, peer, kind);
    let stored = Stored::read(&stage.recorder.media(), id, listed["id"].as_str().unwrap());
    let (places, times) = (places(&format!("{kind} of {peer}"), ledger, &stored, codec), stored.times(codec));
    let started: jiff::Timestamp = manifest["recording"]["started_at"].as_str().unwrap().parse().unwrap();
    let late = |place: Option<&usize>, at: Option<&u64>| {
        let due = i64::try_from(ledger.frames[*place.unwrap()].due_at).unwrap() - started.as_microsecond();
        (i64::try_from(*at.unwrap()).unwrap() - due) as f64 / 1000.0
    };
    Lateness { first: late(places.first(), times.first()), last: late(places.last(), times.last()) }
}

#[tokio::test(flavor = "multi_thread")]
async fn failure_6_sound_that_starts_ten_seconds_before_or_after_the_picture_is_in_step() {
    let stage = Stage::with(Options::default()).await;
    let id = stage.record().await;
    let late = Duration::from_secs(10);
    let cast = [
        Publish { audio_after: late, ..publish("sound-later") },
        Publish { video_after: late, ..publish("picture-later") },
    ];
    let publishers = enter(&stage, cast).await;
    in_step(&stage, &id, &publishers, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failure_7_reports_absent_late_or_wrong_cause_no_jump() {
    let relay = Relay::new(7);
    let stage = Stage::with(Options { relay: Some(relay.clone()), ..Options::default() }).await;
    let id = stage.record().await;
    // Nobody's reports arrive at first.
    relay.drop_reports(true);
    let cast = [
        publish("good"),
        Publish { reports: Reports::Off, ..publish("absent") },
        Publish { reports: Reports::After(6), ..publish("late") },
        Publish { reports: Reports::Outliers(400), ..publish("outliers") },
    ];
    let publishers = enter(&stage, cast).await;
    let peers: Vec<&str> = publishers.iter().map(Publisher::peer_id).collect();
    stage.recorded(&id, &peers, 3_000_000).await;
    relay.drop_reports(false);
    in_step(&stage, &id, &publishers, 13).await;
    let manifest = stage.recorder.manifest(&id).await;
    for peer in peers {
        let video = track(&manifest, peer, "video");
        let stored = Stored::read(&stage.recorder.media(), &id, video["id"].as_str().unwrap());
        let (_, but_the_last) = stored.entries.split_last().unwrap();
        // A picture of 40 ms at 90 kHz.
        let longest = but_the_last.iter().map(|entry| entry.duration.abs_diff(3600)).max();
        println!("{peer}: the picture that differs most from 40 ms does by {longest:?} ticks");
        assert!(longest <= Some(900), "{peer}: a jump of {longest:?} ticks of 90 kHz");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failure_8_a_picture_two_seconds_late_on_its_senders_uplink_is_in_step() {
    let stage = Stage::with(Options::default()).await;
    let id = stage.record().await;
    // From the first packet on: only capture times can tell so soon.
    let slow = Publish { video_delay: Duration::from_secs(2), capture_times: true, ..publish("slow") };
    let publishers = enter(&stage, [slow]).await;
    in_step(&stage, &id, &publishers, 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failure_8_reports_alone_bring_a_late_picture_into_step() {
    let stage = Stage::with(Options::default()).await;
    let id = stage.record().await;
    let slow = Publish { video_delay: Duration::from_secs(2), ..publish("slow") };
    let publishers = enter(&stage, [slow]).await;
    // Nothing tells before the first reports. Then a fifth of the time that passes is taken back, and later a twentieth.
    in_step_after(&stage, &id, &publishers, 45, 25.0).await;
}

/// Two participants, one of whose clocks goes so wrong that 40 s do to it what 8 hours do to others.
#[tokio::test(flavor = "multi_thread")]
async fn failure_9_a_clock_that_goes_wrong_stays_in_step() {
    let stage = Stage::with(Options::default()).await;
    let id = stage.record().await;
    let publishers = enter(&stage, [publish("right"), Publish { skew_ppm: 4000, ..publish("fast") }]).await;
    let late = in_step_after(&stage, &id, &publishers, 40, 0.0).await;
    println!("after 40 s pictures lie {late:.1?} ms late; uncorrected it would be -160 ms of the second");
    assert!((late[0] - late[1]).abs() <= ROOM_MILLIS, "participants of one room: {late:?}");
}

/// The wall clock of the recorder's own host, by libfaketime: what it is off is read from a file at every look. The
/// monotonic clock goes on.
struct HostClock(tempfile::NamedTempFile);

impl HostClock {
    fn new() -> Self {
        let clock = Self(tempfile::NamedTempFile::new().unwrap());
        // Tokens do not hold before they are made.
        clock.step("+3d");
        clock
    }

    fn step(&self, off: &str) {
        std::fs::write(self.0.path(), off).unwrap();
    }

    fn environment(&self) -> [(&'static str, &OsStr); 4] {
        // The loader finds the platform's own folder (ld.so(8), $LIB).
        [
            ("LD_PRELOAD", OsStr::new("/usr/$LIB/faketime/libfaketimeMT.so.1")),
            ("FAKETIME_DONT_FAKE_MONOTONIC", OsStr::new("1")),
            ("FAKETIME_NO_CACHE", OsStr::new("1")),
            ("FAKETIME_TIMESTAMP_FILE", self.0.path().as_os_str()),
        ]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failure_28_a_day_by_which_the_hosts_clock_is_set_neither_splits_files_nor_breaks_seeking() {
    let clock = HostClock::new();
    let stage = Stage::in_environment(Options::default(), &clock.environment()).await;
    let id = stage.record().await;
    let publishers = enter(&stage, [publish("ada")]).await;
    stage.recorded(&id, &["ada"], 4_000_000).await;
    clock.step("+4d");
    stage.recorded(&id, &["ada"], 8_000_000).await;
    clock.step("+3d");
    in_step(&stage, &id, &publishers, 12).await;

    let manifest = stage.recorder.manifest(&id).await;
    let began: jiff::Timestamp = manifest["recording"]["started_at"].as_str().unwrap().parse().unwrap();
    assert!(
        began > jiff::Timestamp::now() + jiff::SignedDuration::from_hours(71),
        "the clock can be set: {began}"
    );
    assert_eq!(tracks_of(participant(&manifest, "ada").unwrap()).len(), 2, "{manifest}");
    for kind in ["audio", "video"] {
        let listed = track(&manifest, "ada", kind);
        assert_eq!(listed["gaps"], serde_json::json!([]), "{listed}");
        let text = stage.recorder.get(listed["playlist"].as_str().unwrap()).await;
        let (_, playlist) = m3u8_rs::parse_media_playlist(&text).unwrap();
        assert_eq!(playlist.segments.iter().filter(|segment| segment.discontinuity).count(), 0);
        for pair in playlist.segments.windows(2) {
            let dates: Vec<i64> =
                pair.iter().map(|one| one.program_date_time.unwrap().timestamp_millis()).collect();
            let off = dates[1] - dates[0] - (f64::from(pair[0].duration) * 1000.0).round() as i64;
            assert!(off.abs() <= 1, "dates go on as the media does: {pair:?}");
        }
        assert!(playlist.segments.len() > 5, "{playlist:?}");
    }
    let playlist = format!("{}/api/v1/recordings/{id}/stream/playlist.m3u8", stage.recorder.url);
    let arguments = ["--playlist", &playlist, "--token", &stage.recorder.token, "--seeks", "6"];
    let played = readers::script("play.mjs", &arguments).await;
    assert_eq!((&played["ended"], &played["stalls"]), (&true.into(), &serde_json::json!([])), "{played}");
    let seeks = played["seeks"].as_array().unwrap();
    assert!(seeks.len() == 6 && seeks.iter().all(|seek| seek["arrived"] == true), "{played}");
}
