use super::head::Entry;
use super::*;
use crate::media::{Codec, Rotation, Sample};
use crate::time::{Ticks, Timescale};
use bytes::Bytes;
use matroska_demuxer::{Frame, MatroskaFile, TrackType};
use proptest::prelude::*;
use std::io::Cursor;

fn entry(codec: Codec) -> Entry {
    let video = codec != Codec::Opus;
    Entry {
        number: 1,
        codec: Some(codec),
        width: if video { 640 } else { 0 },
        height: if video { 360 } else { 0 },
        channels: if video { 0 } else { 2 },
        private: if codec == Codec::Av1 { vec![0x81, 0x04, 0x0c, 0x00] } else { Vec::new() },
        ..Entry::default()
    }
}

/// Samples one behind the other from a tick on, each of other bytes.
fn samples(mut at: i64, shapes: &[(u32, bool, usize)]) -> Vec<Sample> {
    let next = |(number, (duration, sync, size)): (usize, &(u32, bool, usize))| {
        let data = Bytes::from((0..*size).map(|byte| (byte ^ number) as u8).collect::<Vec<_>>());
        let sample = Sample { at: Ticks(at), duration: *duration, sync: *sync, data };
        at += i64::from(*duration);
        sample
    };
    shapes.iter().enumerate().map(next).collect()
}

fn opened(bytes: Vec<u8>) -> MatroskaFile<Cursor<Vec<u8>>> {
    MatroskaFile::open(Cursor::new(bytes)).unwrap()
}

/// Time, key frame, length and bytes of every block.
fn frames(file: &mut MatroskaFile<Cursor<Vec<u8>>>) -> Vec<(u64, Option<u64>, Vec<u8>)> {
    let mut all = Vec::new();
    let mut frame = Frame::default();
    while file.next_frame(&mut frame).unwrap() {
        assert_eq!(frame.track, 1);
        all.push((frame.timestamp, frame.duration, std::mem::take(&mut frame.data)));
    }
    all
}

#[test]
fn a_head_says_what_the_track_is() {
    for (codec, id) in
        [(Codec::Vp8, "V_VP8"), (Codec::Vp9, "V_VP9"), (Codec::Av1, "V_AV1"), (Codec::Opus, "A_OPUS")]
    {
        let mut bytes = head::stream(&[entry(codec)]).unwrap();
        bytes.extend(cluster::clusters(1, codec.timescale(), &samples(0, &[(3000, true, 5)])).unwrap());
        let file = opened(bytes);
        assert_eq!(file.ebml_header().doc_type(), "webm");
        assert_eq!(file.info().timestamp_scale().get(), 1_000_000);
        let [track] = file.tracks() else { panic!("one track") };
        assert_eq!((track.track_number().get(), track.codec_id()), (1, id));
        if codec == Codec::Opus {
            assert_eq!(track.track_type(), TrackType::Audio);
            let head = track.codec_private().unwrap();
            assert_eq!((&head[..8], head[9], head.len()), (b"OpusHead".as_slice(), 2, 19));
            assert_eq!((track.codec_delay(), track.seek_pre_roll()), (Some(0), Some(80_000_000)));
            assert_eq!(track.audio().unwrap().sampling_frequency(), 48_000.0);
        } else {
            let video = track.video().unwrap();
            assert_eq!((video.pixel_width().get(), video.pixel_height().get()), (640, 360));
            assert_eq!(track.codec_private().is_some(), codec == Codec::Av1);
        }
    }
}

#[test]
fn what_webm_does_not_hold_is_refused() {
    assert_eq!(head::stream(&[entry(Codec::H264)]), Err(Error::Codec("H264")));
    let bare = Entry { private: Vec::new(), ..entry(Codec::Av1) };
    assert_eq!(head::stream(&[bare]), Err(Error::Missing("av1C")));
    assert_eq!(cluster::clusters(1, Timescale::VIDEO, &[]), Err(Error::Empty));
    let early = samples(-90_000, &[(3000, true, 5)]);
    assert_eq!(cluster::clusters(1, Timescale::VIDEO, &early), Err(Error::NegativeTime(-1000)));
}

#[test]
fn a_turned_picture_says_so() {
    let turned = Entry { rotation: Rotation::Right, ..entry(Codec::Vp8) };
    let bytes = head::stream(&[turned]).unwrap();
    let roll = [[0x76, 0x75, 0x88].as_slice(), &(-90.0_f64).to_be_bytes()].concat();
    assert!(bytes.windows(roll.len()).any(|window| window == roll), "{bytes:02x?}");
}

#[test]
fn the_last_sample_of_a_cluster_says_how_long_it_is() {
    let all = samples(90_000, &[(3000, true, 50), (3000, false, 20), (3001, false, 300)]);
    let mut bytes = head::stream(&[entry(Codec::Vp8)]).unwrap();
    bytes.extend(cluster::clusters(1, Timescale::VIDEO, &all).unwrap());
    let read = frames(&mut opened(bytes));
    let told: Vec<_> = read.iter().map(|(at, duration, _)| (*at, *duration)).collect();
    assert_eq!(told, [(1000, None), (1033, None), (1067, Some(33))]);
}

#[test]
fn a_stretch_beyond_sixteen_bits_takes_another_cluster() {
    // A picture every ten seconds.
    let all = samples(0, &[(900_000, true, 9); 12]);
    let clusters = cluster::clusters(1, Timescale::VIDEO, &all).unwrap();
    let heads = clusters.windows(4).filter(|window| *window == [0x1f, 0x43, 0xb6, 0x75]).count();
    assert_eq!(heads, 3);
    let bytes = [head::stream(&[entry(Codec::Vp8)]).unwrap(), clusters].concat();
    let times: Vec<u64> = frames(&mut opened(bytes)).iter().map(|(at, ..)| *at).collect();
    assert_eq!(times, (0..12).map(|n| n * 10_000).collect::<Vec<_>>());
}

#[test]
fn lengths_are_known_before_anything_is_written() {
    for size in [0, 1, 100, 122, 123, 127, 16_378, 16_379, 2_097_146, 2_097_147, 300_000_000] {
        let mut out = Vec::new();
        cluster::simple_block(&mut out, 1, 7, true, size);
        assert_eq!(out.len(), cluster::simple_block_len(size), "{size}");
    }
    assert_eq!(cluster::head(u64::from(u32::MAX), 1 << 40).len(), cluster::HEAD);
}

proptest! {
    #[test]
    fn every_sample_comes_back(
        at in 0_i64..1 << 40,
        shapes in proptest::collection::vec((1_u32..200_000, any::<bool>(), 0_usize..300), 1..80),
    ) {
        let all = samples(at, &shapes);
        let mut bytes = head::stream(&[entry(Codec::Vp9)]).unwrap();
        bytes.extend(cluster::clusters(1, Timescale::VIDEO, &all).unwrap());
        let read = frames(&mut opened(bytes));
        prop_assert_eq!(read.len(), all.len());
        for ((found, _, data), sample) in read.iter().zip(&all) {
            prop_assert_eq!(data.as_slice(), &sample.data[..]);
            let exact = sample.at.to_micros(Timescale::VIDEO);
            prop_assert!((i64::try_from(*found).unwrap() * 1000 - exact).abs() <= 501, "{found} for {exact}");
        }
    }
}
