//! Without loss on the wire, what is stored is what was sent, for every codec.

use std::time::Duration;
use tureen::media::Codec;
use tureen_e2e::compare::assert_equal;
use tureen_e2e::readers;
use tureen_e2e::stage::{Stage, participant, track};
use tureen_e2e::stored::Stored;
use tureen_e2e::wait;
use tureen_sfu::{Dialect, MediaKind};

const CAST: &[(&str, Codec, &str)] = &[
    ("baseline", Codec::H264, "h264-baseline.h264"),
    ("high", Codec::H264, "h264-high.h264"),
    ("vp8", Codec::Vp8, "vp8.ivf"),
    ("vp9", Codec::Vp9, "vp9.ivf"),
    ("av1", Codec::Av1, "av1.ivf"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_codec_is_stored_bit_by_bit() {
    let stage = Stage::new(Dialect::Old).await;
    let mut publishers = Vec::new();
    for (peer, _, video) in CAST {
        publishers.push(stage.publish(peer, Some(video), Some("opus.ogg")).await);
    }
    let id = stage.record().await;
    let peers: Vec<&str> = CAST.iter().map(|(peer, ..)| *peer).collect();
    stage.recorded(&id, &peers, 7_000_000).await;

    // They leave first, so that the end is compared as well.
    let mut ledgers = Vec::new();
    for publisher in &publishers {
        ledgers.push(publisher.leave().await);
    }
    for peer in &peers {
        stage.left(&id, peer).await;
    }
    stage.recorder.stop(&id).await;
    let manifest = stage.recorder.manifest(&id).await;
    for ((peer, codec, _), ledgers) in CAST.iter().zip(&ledgers) {
        for ledger in ledgers {
            let codec = if ledger.kind == "audio" { Codec::Opus } else { *codec };
            let listed = track(&manifest, peer, ledger.kind);
            let track_id = listed["id"].as_str().unwrap();
            let stored = Stored::read(&stage.recorder.media(), &id, track_id);
            assert_equal(peer, ledger, &stored.hashes(codec));
            readers_agree(&stage, &id, track_id, &stored).await;
        }
    }
    assert!(participant(&manifest, "baseline").is_some());
}

/// ffprobe, FFmpeg's decoders and GPAC's mp4box.js see the same samples in the file.
async fn readers_agree(stage: &Stage, id: &str, track_id: &str, stored: &Stored) {
    let file = stage.recorder.media().join("recordings").join(id).join(format!("{track_id}.mp4"));
    let file = file.to_str().unwrap();
    let probed = readers::ffprobe(file, &[]);
    let streams = probed["streams"].as_array().unwrap();
    assert_eq!(streams.len(), 1, "one track per file");
    let count = stored.entries.len().to_string();
    assert_eq!(streams[0]["nb_read_packets"], count.as_str(), "ffprobe's packets");
    assert_eq!(readers::ffmpeg_complaints(file, &[]), "", "ffmpeg is silent about {file}");
    let boxes = readers::script("mp4box.mjs", &[file]).await;
    assert_eq!(boxes["tracks"][0]["samples"], stored.entries.len(), "mp4box.js's samples: {boxes}");
    let ticks: u64 = stored.entries.iter().map(|entry| u64::from(entry.duration)).sum();
    assert_eq!(boxes["tracks"][0]["ticks"], ticks, "mp4box.js's duration: {boxes}");
    let timescale = boxes["tracks"][0]["timescale"].as_f64().unwrap();
    let seconds: f64 = streams[0]["duration"].as_str().unwrap().parse().unwrap();
    let start: f64 = streams[0]["start_time"].as_str().unwrap().parse().unwrap();
    // ffprobe counts a fragmented file's duration from zero.
    assert!(
        (seconds - start - ticks as f64 / timescale).abs() < 0.001,
        "ffprobe's duration {seconds} - {start}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_fragment_and_the_first_segment_come_soon() {
    let stage = Stage::new(Dialect::Old).await;
    let id = stage.record().await;
    let publisher = stage.publish("ada", Some("h264-baseline.h264"), None).await;
    let manifest = stage
        .recorder
        .manifest_until("a track", &id, Duration::from_secs(10), |manifest| {
            participant(manifest, "ada").is_some_and(|ada| ada["tracks"][0]["id"].is_string())
        })
        .await;
    let track_id = track(&manifest, "ada", "video")["id"].as_str().unwrap().to_owned();
    let stored = wait::until("a fragment", Duration::from_secs(10), || async {
        let stored = Stored::read(&stage.recorder.media(), &id, &track_id);
        (!stored.entries.is_empty()).then_some(stored)
    })
    .await;
    let on_disk = unix_micros();
    stage.recorded(&id, &["ada"], 1).await;
    let listed = unix_micros();
    let first = stored.hashes(Codec::H264).swap_remove(0);
    let sent = publisher.ledger(MediaKind::Video).await;
    let key = sent.iter().find(|frame| frame.units == first).expect("the first stored picture was sent");
    let since = |now: u64| Duration::from_micros(now - key.sent_at);
    let manifest = stage.recorder.manifest(&id).await;
    let length = Duration::from_micros(track(&manifest, "ada", "video")["duration_us"].as_u64().unwrap());
    let (fragment, segment) = (since(on_disk), since(listed));
    println!(
        "first fragment {fragment:?}, first segment of {length:?} {segment:?} after its key frame was sent"
    );
    assert!(fragment <= Duration::from_millis(1500), "first fragment after {fragment:?}");
    assert!(segment <= length + Duration::from_millis(500), "first segment of {length:?} after {segment:?}");
    stage.recorder.stop(&id).await;
}

fn unix_micros() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    u64::try_from(since.as_micros()).unwrap()
}
