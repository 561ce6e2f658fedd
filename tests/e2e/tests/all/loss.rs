//! A bad network between the SFU and the recorder. What is missing in the end is measured against the publishers'
//! ledgers, bit by bit.

use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::path::Path as FilePath;
use std::time::Duration;
use tureen::media::Codec;
use tureen_e2e::compare::{Hole, holes, places};
use tureen_e2e::stage::{Stage, track};
use tureen_e2e::stored::Stored;
use tureen_e2e::{offset, readers, wait};
use tureen_sfu::relay::{Network, Path, Relay, Rule};
use tureen_sfu::{Consumed, Fixture, KeyFrames, Ledger, MediaKind, Options, Publish, Publisher, SentFrame};

/// Half of the round trip.
const ONE_WAY: Duration = Duration::from_millis(20);
/// mediasoup ends a transport that has not asked for so many seconds, the fewest it knows (RFC 7675).
const CONSENT: u8 = 10;
/// Frames on their way from the SFU through the relay when their sender leaves.
const UNDER_WAY: usize = 2;

/// A room behind a relay, with participants that send pictures and sound.
struct Show {
    stage: Stage,
    relay: Relay,
    id: String,
    cast: Vec<(Publisher, Codec)>,
}

/// What one stream was and what came of it.
struct Outcome {
    peer: String,
    codec: Codec,
    ledger: Ledger,
    stored: Stored,
    listed: Value,
    /// When the SFU began to forward it, in microseconds since 1970.
    forwarded_at: u64,
}

impl Outcome {
    fn what(&self) -> String {
        format!("{} of {}", self.ledger.kind, self.peer)
    }

    fn places(&self) -> Vec<usize> {
        places(&self.what(), &self.ledger, &self.stored, self.codec)
    }

    /// From the first frame that was forwarded on: the SFU begins once the consumer is answered for and connected,
    /// and with a key frame. What is on its way when the sender leaves is nobody's loss: no packet follows that would
    /// show it.
    fn is_whole(&self) -> &SentFrame {
        let (what, places) = (self.what(), self.places());
        assert_eq!(holes(&self.ledger, &places), [], "{what}");
        let (first, last) = (places[0], places[places.len() - 1]);
        let begun = |frame: &SentFrame| frame.key && frame.due_at <= self.forwarded_at;
        let forwarded =
            self.ledger.frames.iter().rposition(begun).expect("nothing is forwarded before it is due");
        assert!(first <= forwarded, "{what}: from frame {first} on, forwarded from {forwarded} on");
        let behind = self.ledger.frames.len() - 1 - last;
        assert!(behind <= UNDER_WAY, "{what}: {behind} missing at the end");
        println!("{what}: {} samples equal, from frame {first} on", places.len());
        &self.ledger.frames[first]
    }

    /// What is missing is told, as loss, with its length.
    fn is_told(&self, hole: &Hole) {
        let [gap] = &self.listed["gaps"].as_array().unwrap()[..] else {
            panic!("{}: one gap is told: {}", self.what(), self.listed["gaps"]);
        };
        let length = gap["duration_us"].as_u64().unwrap();
        let off = length.abs_diff(u64::try_from(hole.length().as_micros()).unwrap());
        assert!(gap["cause"] == "loss" && off <= 100_000, "{}: {gap} for {hole:?}", self.what());
    }

    /// Of the verdict.
    fn counted(&self, what: &str) -> u64 {
        let integrity = &self.listed["integrity"];
        integrity[what].as_u64().unwrap_or_else(|| panic!("{}: {what} in {integrity}", self.what()))
    }

    /// The verdict knows of every packet, and that none is missing.
    fn is_told_intact(&self) {
        let integrity = &self.listed["integrity"];
        assert_eq!(integrity["grade"], "intact", "{}: {integrity}", self.what());
        assert_eq!((self.counted("packets_lost"), self.counted("damaged_us")), (0, 0), "{integrity}");
        let sent: u64 = self.ledger.frames.iter().map(|frame| u64::from(frame.packets)).sum();
        let expected = self.counted("packets_expected");
        assert!(expected <= sent && self.counted("packets_received") == expected, "{sent} sent, {integrity}");
    }

    /// What is missing in the middle.
    fn holes(&self) -> Vec<Hole> {
        holes(&self.ledger, &self.places())
    }
}

impl Show {
    /// Records who publishes, from the first frame on.
    async fn begin(seed: u64, cast: Vec<(Publish, Codec)>) -> Self {
        let relay = Relay::new(seed);
        let options = Options { relay: Some(relay.clone()), consent_timeout: CONSENT, ..Options::default() };
        let stage = Stage::with(options).await;
        let id = stage.record().await;
        let mut publishers = Vec::new();
        for (publish, codec) in cast {
            publishers.push((stage.room.publish(publish).await.expect("it publishes"), codec));
        }
        Self { stage, relay, id, cast: publishers }
    }

    /// The same, with an even network of 40 ms there and back.
    async fn distant(seed: u64, cast: Vec<(Publish, Codec)>) -> Self {
        let show = Self::begin(seed, cast).await;
        show.relay.set(Network::both(distant()));
        show
    }

    async fn recorded(&self, seconds: i64) {
        let peers: Vec<&str> = self.cast.iter().map(|(publisher, _)| publisher.peer_id()).collect();
        self.stage.recorded(&self.id, &peers, seconds * 1_000_000).await;
    }

    /// Waits until everybody has sent so much more.
    async fn sent(&self, more: Duration) {
        for (publisher, _) in &self.cast {
            let kind = if publisher.ledgers().await.iter().any(|ledger| ledger.kind == "audio") {
                MediaKind::Audio
            } else {
                MediaKind::Video
            };
            let due = |frames: &[SentFrame]| frames.last().map_or(0, |frame| frame.due_at);
            let until = due(&publisher.ledger(kind).await) + u64::try_from(more.as_micros()).unwrap();
            wait::until("more is sent", more + Duration::from_secs(5), || async {
                (due(&publisher.ledger(kind).await) >= until).then_some(())
            })
            .await;
        }
    }

    /// Streams as the recorder gets them.
    fn consumed(&self, kind: MediaKind) -> Vec<Consumed> {
        self.stage.room.consumed().into_iter().filter(|stream| stream.kind == kind).collect()
    }

    /// Packets that the recorder asked for, repetitions too, as mediasoup counts them.
    async fn nacked(&self) -> u64 {
        let stats = self.stage.room.stats().await;
        let consumers =
            stats.as_object().unwrap().values().flat_map(|peer| peer["consumers"].as_array().unwrap());
        consumers.map(|consumer| consumer["stats"][0]["nackPacketCount"].as_u64().expect("a count")).sum()
    }

    /// Packets that were lost on the way, each once, of media alone.
    fn lost(&self) -> u64 {
        let lost = |stream: &Consumed| {
            let dropped: HashSet<u16> = self.relay.passage(stream.ssrc).dropped.into_iter().collect();
            dropped.len() as u64
        };
        self.stage.room.consumed().iter().map(lost).sum()
    }

    /// Everybody leaves over a network that loses nothing, so that the end is compared as well.
    async fn end(self) -> (Stage, String, Vec<Outcome>) {
        self.relay.set(Network::default());
        let mut ledgers = Vec::new();
        let forwarded: HashMap<String, u64> = (self.stage.room.consumed().into_iter())
            .filter_map(|stream| Some((stream.producer_id, self.relay.passage(stream.ssrc).first_at?)))
            .collect();
        for (publisher, codec) in &self.cast {
            ledgers.push((publisher.peer_id().to_owned(), *codec, publisher.leave().await));
        }
        for (peer, ..) in &ledgers {
            self.stage.left(&self.id, peer).await;
        }
        self.stage.recorder.stop(&self.id).await;
        let manifest = self.stage.recorder.manifest(&self.id).await;
        assert_eq!(manifest["recording"]["status"], "completed", "{manifest}");
        let mut outcomes = Vec::new();
        for (peer, video, ledgers) in ledgers {
            for ledger in ledgers {
                let codec = if ledger.kind == "audio" { Codec::Opus } else { video };
                let listed = track(&manifest, &peer, ledger.kind).clone();
                let media = self.stage.recorder.media();
                let stored = Stored::read(&media, &self.id, listed["id"].as_str().unwrap());
                let forwarded_at = forwarded[&ledger.producer_id];
                outcomes.push(Outcome { peer: peer.clone(), codec, ledger, stored, listed, forwarded_at });
            }
        }
        (self.stage, self.id, outcomes)
    }
}

fn distant() -> Path {
    Path { delay: ONE_WAY, ..Path::default() }
}

fn publish(peer: &str, video: &str) -> Publish {
    Publish {
        peer_id: peer.to_owned(),
        display_name: peer.to_owned(),
        video: Some(Fixture::named(video).unwrap()),
        audio: Some(Fixture::named("opus.ogg").unwrap()),
        ..Publish::default()
    }
}

fn h264_and_vp9() -> Vec<(Publish, Codec)> {
    vec![(publish("ada", "h264-baseline.h264"), Codec::H264), (publish("grace", "vp9.ivf"), Codec::Vp9)]
}

/// The whole file decodes without a complaint.
fn decodes(file: &FilePath) {
    assert_eq!(readers::ffmpeg_complaints(file.to_str().unwrap(), &[]), "", "{}", file.display());
}

async fn nothing_is_missing_at(loss: f64, seed: u64) {
    let show = Show::distant(seed, h264_and_vp9()).await;
    show.recorded(1).await;
    show.relay.set(Network::both(Path { loss, ..distant() }));
    show.recorded(11).await;
    show.relay.set(Network::both(distant()));
    show.sent(Duration::from_millis(800)).await;
    let (lost, nacked) = (show.lost(), show.nacked().await);
    let (_stage, _, outcomes) = show.end().await;
    for outcome in &outcomes {
        outcome.is_whole();
        outcome.is_told_intact();
    }
    println!("{:.0} % loss, 40 ms there and back: {lost} packets lost, {nacked} asked for", loss * 100.0);
    let recovered: u64 = outcomes.iter().map(|outcome| outcome.counted("packets_recovered")).sum();
    assert_eq!(recovered, lost, "the verdict counts each packet that had to be sent again");
    assert!(lost > 5, "the network lost packets: {lost}");
    assert!(nacked >= lost && nacked < 2 * lost, "{nacked} asked for, {lost} lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn at_1_percent_loss_every_frame_is_recovered_bit_by_bit() {
    nothing_is_missing_at(0.01, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_5_percent_loss_every_frame_is_recovered_bit_by_bit() {
    nothing_is_missing_at(0.05, 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failure_19_reordering_duplicates_and_late_retransmissions_lose_no_frame() {
    let show = Show::distant(19, h264_and_vp9()).await;
    show.recorded(1).await;
    let video = show.consumed(MediaKind::Video);
    assert_eq!(video.len(), 2, "{video:?}");
    for stream in &video {
        // With the way there and back and the wait before asking they arrive 1.85 s late.
        let rule = Rule { delay: Duration::from_millis(1750), ..Rule::default() };
        show.relay.rule(stream.rtx_ssrc.expect("pictures are sent again on their own SSRC"), rule);
    }
    show.relay.set(Network::both(Path {
        loss: 0.01,
        reorder: 0.05,
        reorder_by: Duration::from_millis(30),
        duplicate: 0.05,
        ..distant()
    }));
    show.recorded(8).await;
    show.relay.set(Network::both(distant()));
    show.sent(Duration::from_millis(2500)).await;
    let passages = show.relay.passages();
    let (lost, late) =
        (show.lost(), video.iter().map(|v| show.relay.passage(v.rtx_ssrc.unwrap()).sent).sum::<u64>());
    let duplicated: u64 = passages.values().map(|passage| passage.duplicated).sum();
    let reordered: u64 = passages.values().map(|passage| passage.reordered).sum();
    let (_stage, _, outcomes) = show.end().await;
    for outcome in &outcomes {
        outcome.is_whole();
    }
    println!(
        "{lost} lost, {reordered} reordered, {duplicated} duplicated, {late} retransmissions 1.8 s late"
    );
    assert!(lost > 3 && reordered > 20 && duplicated > 20 && late > 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn failure_21_an_outage_of_up_to_half_a_second_neither_ends_nor_corrupts() {
    let show = Show::distant(21, h264_and_vp9()).await;
    show.recorded(1).await;
    for millis in [100, 300, 500] {
        show.relay.outage(Duration::from_millis(millis)).await;
        show.sent(Duration::from_millis(1500)).await;
    }
    let lost = show.lost();
    let (stage, id, outcomes) = show.end().await;
    for outcome in &outcomes {
        outcome.is_whole();
        decodes(&stage.file(&id, &outcome.listed));
    }
    println!("{lost} packets lost in three outages");
    assert!(lost > 100, "{lost}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_three_seconds_is_a_bounded_gap_and_plays_without_a_stall() {
    let show = Show::distant(3, vec![(publish("ada", "vp9.ivf"), Codec::Vp9)]).await;
    show.recorded(3).await;
    // This mediasoup gives back the last 4 s of pictures, others 2 s: so none of it comes again.
    let [video] = &show.consumed(MediaKind::Video)[..] else { panic!("one video") };
    show.relay.rule(video.rtx_ssrc.unwrap(), Rule { drop: u64::MAX, ..Rule::default() });
    let began = unix_micros();
    show.relay.outage(Duration::from_secs(3)).await;
    let ended = unix_micros();
    show.sent(Duration::from_secs(5)).await;
    let (stage, id, outcomes) = show.end().await;
    for outcome in &outcomes {
        let found = outcome.holes();
        println!("{}: {found:?}", outcome.what());
        let [hole] = found[..] else { panic!("one hole in {}: {found:?}", outcome.what()) };
        assert!(hole.from + 100_000 >= began, "nothing before the outage is missing: {hole:?}, {began}");
        // Pictures go on with the next key frame, of which there is one every two seconds.
        let late = if outcome.ledger.kind == "video" { 2_300_000 } else { 100_000 };
        assert!(hole.to <= ended + late, "{}: {hole:?} ends late after {ended}", outcome.what());
        outcome.is_told(&hole);
        let (damaged, length) = (outcome.counted("damaged_us"), hole.length().as_micros() as u64);
        assert!(damaged.abs_diff(length) <= 100_000, "{}: {damaged} us damaged, {hole:?}", outcome.what());
        assert_eq!(
            (&outcome.listed["integrity"]["grade"], outcome.counted("damaged_spans")),
            (&"poor".into(), 1)
        );
        assert!(outcome.counted("packets_lost") > 0, "{}", outcome.listed);
        decodes(&stage.file(&id, &outcome.listed));
    }
    plays_without_a_stall(&stage, &id).await;
}

/// hls.js plays all of it and never stands still for 0.3 s.
async fn plays_without_a_stall(stage: &Stage, id: &str) {
    let playlist = format!("{}/api/v1/recordings/{id}/stream/playlist.m3u8", stage.recorder.url);
    let arguments = ["--playlist", &playlist, "--token", &stage.recorder.token, "--patience", "20"];
    let played = readers::script("play.mjs", &arguments).await;
    assert_eq!(played["ended"], true, "{played}");
    let stalls: Vec<f64> =
        played["stalls"].as_array().unwrap().iter().filter_map(|stall| stall["len"].as_f64()).collect();
    println!("stalls in hls.js: {stalls:.2?} s");
    assert!(stalls.iter().all(|length| *length <= 0.3), "{played}");
}

#[tokio::test(flavor = "multi_thread")]
async fn failure_3_pictures_lost_up_to_the_next_key_frame_are_told_and_play_without_a_stall() {
    let show = Show::distant(3, vec![(publish("ada", "h264-baseline.h264"), Codec::H264)]).await;
    show.recorded(2).await;
    let [stream] = &show.consumed(MediaKind::Video)[..] else { panic!("one video") };
    show.relay.rule(stream.rtx_ssrc.unwrap(), Rule { drop: u64::MAX, ..Rule::default() });
    // Key frames are two seconds apart.
    let sent = show.cast[0].0.ledger(MediaKind::Video).await.len();
    wait::until("the picture after a key frame", Duration::from_secs(5), || async {
        let frames = show.cast[0].0.ledger(MediaKind::Video).await;
        (frames.len() > sent && frames.last()?.key).then_some(())
    })
    .await;
    show.relay.rule(stream.ssrc, Rule { drop: 1, ..Rule::default() });
    show.recorded(9).await;
    let (stage, id, outcomes) = show.end().await;
    let video = outcomes.iter().find(|outcome| outcome.ledger.kind == "video").unwrap();
    let found = video.holes();
    let [hole] = found[..] else { panic!("one hole: {found:?}") };
    println!("{hole:?}, {:?}; {}", hole.length(), video.listed["gaps"]);
    assert!(hole.length() > Duration::from_secs(1) && hole.length() <= Duration::from_secs(2), "{hole:?}");
    video.is_told(&hole);
    decodes(&stage.file(&id, &video.listed));
    plays_without_a_stall(&stage, &id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failure_3_key_frame_requests_repeat_and_the_damaged_span_is_bounded() {
    // One key frame in ten seconds, and none for the asking.
    let show = Show::distant(33, vec![(publish("ada", "h264-one-key.h264"), Codec::H264)]).await;
    show.recorded(2).await;
    let [stream] = &show.consumed(MediaKind::Video)[..] else { panic!("one video") };
    show.relay.rule(stream.rtx_ssrc.unwrap(), Rule { drop: u64::MAX, ..Rule::default() });
    let asked = show.cast[0].0.keyframe_requests().await;
    let dropped_at = unix_micros();
    show.relay.rule(stream.ssrc, Rule { drop: 1, ..Rule::default() });
    show.recorded(12).await;
    let asked = show.cast[0].0.keyframe_requests().await - asked;
    let (stage, id, outcomes) = show.end().await;
    for outcome in &outcomes {
        if outcome.ledger.kind == "audio" {
            outcome.is_whole();
            continue;
        }
        let found = outcome.holes();
        println!("{asked} requests; {found:?} of {:?}", found.first().map(Hole::length));
        let [hole] = found[..] else { panic!("one hole: {found:?}") };
        assert!(
            hole.from + 100_000 >= dropped_at && hole.from <= dropped_at + 1_000_000,
            "{hole:?} {dropped_at}"
        );
        let behind = &outcome.ledger.frames[hole.before];
        assert!(behind.key, "it ends with a key frame");
        let first_key = outcome.ledger.frames.iter().position(|f| f.key && f.due_at > hole.from);
        assert_eq!(first_key, Some(hole.before), "and with the first one");
        outcome.is_told(&hole);
        decodes(&stage.file(&id, &outcome.listed));
    }
    assert!(asked >= 3, "requests repeat: {asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn failure_4_with_the_first_requests_ignored_video_starts_at_the_first_key_frame_in_step() {
    let ada = Publish { key_frames: KeyFrames::AfterRequests(2), ..publish("ada", "h264-baseline.h264") };
    let show = Show::distant(4, vec![(ada, Codec::H264)]).await;
    show.recorded(4).await;
    let asked = show.cast[0].0.keyframe_requests().await;
    let (stage, id, outcomes) = show.end().await;
    let video = outcomes.iter().find(|outcome| outcome.ledger.kind == "video").unwrap();
    let key = video.is_whole();
    assert!(video.ledger.frames[0].due_at < key.due_at, "it was not the first picture");
    println!("{asked} requests");
    in_step(&stage, &id, &outcomes, "ada");
}

#[tokio::test(flavor = "multi_thread")]
async fn failure_5_a_consumer_that_is_silent_for_two_seconds_is_recorded_from_its_first_picture() {
    // mediasoup forwards nothing before a key frame, the first of which is picture 50.
    let ada = Publish { start_at_frame: 1, ..publish("ada", "vp8.ivf") };
    let show = Show::distant(5, vec![(ada, Codec::Vp8)]).await;
    show.recorded(4).await;
    let (stage, id, outcomes) = show.end().await;
    for outcome in &outcomes {
        outcome.is_whole();
    }
    let first = &outcomes.iter().find(|outcome| outcome.ledger.kind == "video").unwrap().ledger.frames[0];
    assert!(!first.key, "it was silent at first");
    in_step(&stage, &id, &outcomes, "ada");
}

/// Consent checks are lost as well, and the transport lives on; the soak does it for long.
#[tokio::test(flavor = "multi_thread")]
async fn failure_20_consent_outlives_the_sfus_patience_over_a_lossy_way_back() {
    let show = Show::distant(20, vec![(publish("ada", "h264-baseline.h264"), Codec::H264)]).await;
    show.relay.set(Network { down: distant(), up: Path { loss: 0.2, ..distant() } });
    show.recorded(i64::from(CONSENT) + 4).await;
    let (_stage, _, outcomes) = show.end().await;
    for outcome in &outcomes {
        outcome.is_whole();
    }
}

/// Flash and beep of one participant.
fn in_step(stage: &Stage, id: &str, outcomes: &[Outcome], peer: &str) {
    let file = |kind: &str| {
        let found = outcomes.iter().find(|outcome| outcome.peer == peer && outcome.ledger.kind == kind);
        stage.file(id, &found.unwrap().listed)
    };
    let apart = offset::apart(&offset::flashes(&file("video")), &offset::beeps(&file("audio")));
    println!("{peer}: beeps after flashes by {apart:.1?} ms");
    assert!(apart.len() >= 2, "{apart:?}");
    assert!(offset::quantile(&apart, 1.0) <= 40.0, "{apart:?}");
}

fn unix_micros() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    u64::try_from(since.as_micros()).unwrap()
}
