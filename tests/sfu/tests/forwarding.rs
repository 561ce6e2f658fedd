//! What the router forwards is what the ledger says was sent.

use sha2::{Digest, Sha256};
use std::time::{Duration, Instant};
use tureen_sfu::{Codec, Fixture, KeyFrames, MediaKind, Options, Publish, SentFrame, Sfu, Vp9Mode};

/// A packet's timestamp, sequence number, marker and payload, without header extensions.
fn parse(packet: &[u8]) -> (u32, u16, bool, &[u8]) {
    let extension = match packet[0] & 0x10 {
        0 => 0,
        _ => 4 + 4 * usize::from(u16::from_be_bytes([packet[14], packet[15]])),
    };
    let timestamp = u32::from_be_bytes(packet[4..8].try_into().unwrap());
    let sequence = u16::from_be_bytes([packet[2], packet[3]]);
    (timestamp, sequence, packet[1] & 0x80 != 0, &packet[12 + extension..])
}

/// Frames as (timestamp, payloads), in order of arrival.
fn frames(packets: &[Vec<u8>]) -> Vec<(u32, Vec<&[u8]>)> {
    let mut frames: Vec<(u32, Vec<&[u8]>)> = Vec::new();
    for packet in packets {
        let (timestamp, _, _, payload) = parse(packet);
        match frames.last_mut() {
            Some((last, payloads)) if *last == timestamp => payloads.push(payload),
            _ => frames.push((timestamp, vec![payload])),
        }
    }
    frames
}

/// Publishes, taps `count` packets, and gives both sides, beginning with the first frame forwarded.
async fn run(publish: Publish, kind: MediaKind, count: usize) -> (Vec<Vec<u8>>, Vec<SentFrame>) {
    let sfu = Sfu::start(Options::default()).await.unwrap();
    let room = sfu.room("r").await.unwrap();
    let publisher = room.publish(publish).await.unwrap();
    let mut tap = room.tap(publisher.peer_id(), kind).await.unwrap();
    tap.wait_for(count).await;
    let ledgers = publisher.leave().await;
    let packets = tap.packets();
    let first = parse(&packets[0]).0;
    let sent = ledgers.into_iter().flat_map(|l| l.frames).skip_while(|f| f.rtp_timestamp != first).collect();
    (packets, sent)
}

fn publish(codec: Codec) -> Publish {
    let fixture = Some(Fixture::of(codec).unwrap());
    let (audio, video) = if codec == Codec::Opus { (fixture, None) } else { (None, fixture) };
    // Both wrap within the first second.
    let (first_timestamp, first_sequence) = (Some(u32::MAX - 9000), Some(u16::MAX - 5));
    Publish { peer_id: "ada".into(), audio, video, first_timestamp, first_sequence, ..Publish::default() }
}

#[tokio::test]
async fn every_codec_is_forwarded_whole() {
    let all = [
        (Codec::H264, Vp9Mode::Fixed),
        (Codec::Vp8, Vp9Mode::Fixed),
        (Codec::Vp9, Vp9Mode::Fixed),
        (Codec::Vp9, Vp9Mode::Flexible),
        (Codec::Av1, Vp9Mode::Fixed),
        (Codec::Opus, Vp9Mode::Fixed),
    ];
    futures_util::future::join_all(all.map(|(codec, vp9)| forwarded_whole(codec, vp9))).await;
}

async fn forwarded_whole(codec: Codec, vp9: Vp9Mode) {
    let kind = if codec == Codec::Opus { MediaKind::Audio } else { MediaKind::Video };
    let (packets, sent) = run(Publish { vp9, ..publish(codec) }, kind, 80).await;
    let got = frames(&packets);
    // The tap was there before the first frame, which is a key frame.
    assert!(sent[0].key && sent[0].index == 0, "{codec:?} began with {}", sent[0].index);
    assert_eq!(got.len(), sent.len(), "{codec:?}");
    for ((timestamp, payloads), sent) in got.iter().zip(&sent) {
        assert_eq!((*timestamp, payloads.len()), (sent.rtp_timestamp, sent.packets as usize), "{codec:?}");
        assert!(payloads.iter().all(|p| p.len() <= 1150), "{codec:?}");
    }
    let sequence: Vec<u16> = packets.iter().map(|p| parse(p).1).collect();
    assert!(sequence.windows(2).all(|w| w[1] == w[0].wrapping_add(1)), "{codec:?}");
    if codec != Codec::Opus {
        let marked = packets.iter().filter(|p| parse(p).2).count();
        assert_eq!(marked, sent.len(), "{codec:?}: one marker a picture");
    }
}

#[tokio::test]
async fn hashes_are_of_what_was_sent() {
    let (packets, sent) = run(publish(Codec::Vp8), MediaKind::Video, 60).await;
    for ((_, payloads), sent) in frames(&packets).iter().zip(&sent) {
        let frame: Vec<u8> = payloads.iter().flat_map(|p| &p[4..]).copied().collect();
        assert_eq!(sent.units, [<[u8; 32]>::from(Sha256::digest(frame))]);
    }
    let (packets, sent) = run(publish(Codec::Opus), MediaKind::Audio, 60).await;
    for ((_, payloads), sent) in frames(&packets).iter().zip(&sent) {
        assert_eq!(sent.units, [<[u8; 32]>::from(Sha256::digest(payloads[0]))]);
    }
}

#[tokio::test]
async fn pace_does_not_drift_and_loops_go_on() {
    let publish = Publish { start_at_frame: 200, ..publish(Codec::H264) };
    let (_, sent) = run(publish, MediaKind::Video, 250).await;
    assert!(sent.len() > 60, "{} frames", sent.len());
    for (i, frame) in sent.iter().enumerate() {
        assert_eq!(frame.index as usize, (200 + i) % 250);
        let expected = sent[0].rtp_timestamp.wrapping_add(3600 * i as u32);
        assert_eq!(frame.rtp_timestamp, expected);
        assert_eq!(frame.due_at, sent[0].due_at + 40_000 * i as u64);
    }
    assert_eq!(sent[0].due_at % 1_000_000, 0);
    // A busy machine may delay any one frame, but in the last second some are in time.
    let late = sent.iter().rev().take(25).map(|f| f.sent_at.saturating_sub(f.due_at)).min().unwrap();
    assert!(late < 40_000, "all frames of the last second were at least {late} us late");
}

#[tokio::test]
async fn without_key_frames_nothing_is_forwarded_and_the_first_alone_begins() {
    let once = Publish { key_frames: KeyFrames::OnlyFirst, ..publish(Codec::Vp8) };
    let (_, sent) = run(once, MediaKind::Video, 150).await;
    let keys: Vec<u32> = sent.iter().filter(|f| f.key).map(|f| f.index).collect();
    assert_eq!(keys, [0]);
    assert!(sent.iter().any(|f| f.index > 50), "pictures end at {:?}", sent.last().map(|f| f.index));

    let sfu = Sfu::start(Options::default()).await.unwrap();
    let room = sfu.room("r").await.unwrap();
    let never = Publish { key_frames: KeyFrames::Never, ..publish(Codec::Vp8) };
    let publisher = room.publish(never).await.unwrap();
    let tap = room.tap("ada", MediaKind::Video).await.unwrap();
    until(async || publisher.ledger(MediaKind::Video).await.len() > 60).await;
    assert!(tap.packets().is_empty());
    // mediasoup asked on behalf of the tap, and was not heard.
    assert!(publisher.keyframe_requests().await > 0);
}

#[tokio::test]
async fn a_pause_loses_nothing_and_ends_with_a_key_frame() {
    let sfu = Sfu::start(Options::default()).await.unwrap();
    let room = sfu.room("r").await.unwrap();
    let publisher = room.publish(publish(Codec::H264)).await.unwrap();
    let mut tap = room.tap("ada", MediaKind::Video).await.unwrap();
    tap.wait_for(20).await;
    publisher.pause().await.unwrap();
    let before = publisher.ledger(MediaKind::Video).await.len();
    publisher.resume().await.unwrap();
    until(async || publisher.ledger(MediaKind::Video).await.len() > before + 5).await;
    publisher.pause().await.unwrap();
    let sent = publisher.ledger(MediaKind::Video).await;
    assert!(sent[before].key && sent[before].index > sent[before - 1].index + 1);
    tap.wait_for(sent.iter().map(|f| f.packets as usize).sum()).await;
    let timestamps: Vec<u32> = frames(&tap.packets()).iter().map(|f| f.0).collect();
    assert_eq!(timestamps, sent.iter().map(|f| f.rtp_timestamp).collect::<Vec<_>>());
}

#[tokio::test]
async fn participants_beep_and_flash_at_the_same_instant() {
    let sfu = Sfu::start(Options::default()).await.unwrap();
    let room = sfu.room("r").await.unwrap();
    let both = |id: &str| Publish {
        peer_id: id.into(),
        audio: Some(Fixture::of(Codec::Opus).unwrap()),
        ..publish(Codec::H264)
    };
    let ada = room.publish(both("ada")).await.unwrap();
    until(async || !ada.ledger(MediaKind::Video).await.is_empty()).await;
    let ben = room.publish(Publish { start_at_frame: 50, ..both("ben") }).await.unwrap();
    until(async || !ben.ledger(MediaKind::Video).await.is_empty()).await;
    until(async || !ben.ledger(MediaKind::Audio).await.is_empty()).await;
    for publisher in [&ada, &ben] {
        let (sound, picture) =
            (publisher.ledger(MediaKind::Audio).await, publisher.ledger(MediaKind::Video).await);
        // Packet 2n of the sound is due with picture n.
        assert_eq!((sound[0].due_at, sound[0].index), (picture[0].due_at, 2 * picture[0].index));
        assert_eq!(picture[0].due_at % 1_000_000, 0);
        assert_eq!(picture[0].index % 25, 0);
    }
}

#[tokio::test]
async fn a_plain_feed_describes_itself() {
    let sfu = Sfu::start(Options::default()).await.unwrap();
    let room = sfu.room("r").await.unwrap();
    let _ada = room.publish(publish(Codec::H264)).await.unwrap();
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let feed = room.plain_feed("ada", None, Some(tureen_sfu::Ports { port, rtcp_port: port })).await.unwrap();
    assert!(feed.sdp().contains(&format!("m=video {port} RTP/AVP ")), "{}", feed.sdp());
    assert!(
        feed.sdp().contains("H264/90000") && feed.sdp().contains("packetization-mode=1"),
        "{}",
        feed.sdp()
    );
    feed.resume().await.unwrap();
    let mut buffer = [0; 1500];
    let received = tokio::time::timeout(Duration::from_secs(10), socket.recv(&mut buffer)).await;
    assert!(received.unwrap().unwrap() > 12);
}

#[tokio::test]
async fn the_router_takes_every_fixture() {
    let sfu = Sfu::start(Options::default()).await.unwrap();
    let room = sfu.room("r").await.unwrap();
    for entry in std::fs::read_dir(tureen_sfu::fixture::folder()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if ![".h264", ".ivf", ".ogg"].iter().any(|e| name.ends_with(e)) {
            continue;
        }
        let fixture = Fixture::load(&path).unwrap();
        let sound = fixture.codec == Codec::Opus;
        let (audio, video) = if sound { (Some(fixture), None) } else { (None, Some(fixture)) };
        let publish = Publish { peer_id: name.clone(), audio, video, ..Publish::default() };
        let publisher = room.publish(publish).await.unwrap_or_else(|error| panic!("{name}: {error:#}"));
        let kind = if sound { MediaKind::Audio } else { MediaKind::Video };
        let mut tap = room.tap(&name, kind).await.unwrap();
        tap.wait_for(1).await;
        publisher.leave().await;
    }
}

/// Waits for a condition, at most ten seconds.
async fn until(condition: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !condition().await {
        assert!(begun.elapsed() < Duration::from_secs(10), "the condition did not come true");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
