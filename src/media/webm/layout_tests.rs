use super::super::head::{self, Entry};
use super::*;
use crate::media::Codec;
use matroska_demuxer::{Frame, MatroskaFile};
use proptest::prelude::*;
use std::io::Cursor;

/// A made-up file: samples of all tracks in order, with their bytes.
struct Made {
    bytes: Vec<u8>,
    head: u64,
    clusters: Clusters,
    samples: Vec<(Sample, Vec<u8>)>,
}

fn entries() -> Vec<Entry> {
    let video = Entry { number: 1, codec: Some(Codec::Vp8), width: 640, height: 360, ..Entry::default() };
    vec![video, Entry { number: 2, codec: Some(Codec::Opus), channels: 2, ..Entry::default() }]
}

/// `from` of a sample is its place in the list.
fn data(samples: &[(Sample, Vec<u8>)], from: u64, range: &Range<u32>) -> Vec<u8> {
    samples[from as usize].1[range.start as usize..range.end as usize].to_vec()
}

fn read(made: &Made, range: Range<u64>) -> Vec<u8> {
    let mut out = Vec::new();
    for piece in made.clusters.pieces(&range, usize::MAX) {
        match piece {
            Piece::Head(bytes) => out.extend(bytes),
            Piece::Data { from, range } => out.extend(data(&made.samples, from, &range)),
        }
    }
    out
}

fn made(list: &[(bool, u64, bool, usize)]) -> Made {
    let mut clusters = Clusters::default();
    let (mut samples, mut at) = (Vec::new(), 0);
    for (number, (video, step, sync, size)) in list.iter().enumerate() {
        at += step;
        let sample = Sample {
            track: if *video { 1 } else { 2 },
            at,
            sync: *sync || !video,
            leading: *video,
            size: *size as u32,
            from: number as u64,
        };
        clusters.push(&sample);
        samples.push((sample, (0..*size).map(|byte| (byte * 7 + number) as u8).collect()));
    }
    let head = head::file(&entries(), at as i64 + 20, clusters.len(), clusters.cues()).unwrap();
    let mut made = Made { bytes: Vec::new(), head: head.len() as u64, clusters, samples };
    let media = read(&made, 0..made.clusters.len());
    assert_eq!(media.len() as u64, made.clusters.len());
    made.bytes = [head, media].concat();
    made
}

/// A key frame every two seconds, 25 pictures and 50 packets a second.
fn call(seconds: usize) -> Vec<(bool, u64, bool, usize)> {
    let mut list = Vec::new();
    for number in 0..seconds * 25 {
        list.push((true, if number == 0 { 0 } else { 20 }, number % 50 == 0, 100 + number * 13 % 400));
        list.push((false, 0, true, 40));
        list.push((false, 20, true, 41));
    }
    list
}

fn comes_back(made: &Made) {
    let mut file = MatroskaFile::open(Cursor::new(made.bytes.clone())).unwrap();
    let mut frame = Frame::default();
    for (sample, bytes) in &made.samples {
        assert!(file.next_frame(&mut frame).unwrap(), "too few");
        assert_eq!((frame.track, frame.timestamp), (sample.track.into(), sample.at));
        assert_eq!((&frame.data, frame.is_keyframe), (bytes, Some(sample.sync)));
    }
    assert!(!file.next_frame(&mut frame).unwrap(), "too many");
}

#[test]
fn a_file_is_read_back_and_can_be_sought() {
    let made = made(&call(20));
    comes_back(&made);
    let mut file = MatroskaFile::open(Cursor::new(made.bytes.clone())).unwrap();
    assert_eq!(file.info().duration(), Some(20_000.0));
    let cues: Vec<u64> = made.clusters.cues().iter().map(|cue| cue.at).collect();
    assert_eq!(cues, (0..10).map(|n| n * 2000).collect::<Vec<_>>());
    let mut frame = Frame::default();
    for at in (0..10).rev().map(|n| n * 2000) {
        file.seek(at).unwrap();
        assert!(file.next_frame(&mut frame).unwrap());
        assert_eq!((frame.timestamp, frame.track, frame.is_keyframe), (at, 1, Some(true)));
    }
}

#[test]
fn sound_alone_can_be_sought_too() {
    let mut clusters = Clusters::default();
    for number in 0..1000 {
        let sample = Sample { track: 1, at: number * 20, sync: true, leading: true, size: 10, from: number };
        clusters.push(&sample);
    }
    let times: Vec<u64> = clusters.cues().iter().map(|cue| cue.at).collect();
    assert_eq!(times, (0..20).map(|n| n * 1000).collect::<Vec<_>>());
}

#[test]
fn a_picture_that_begins_behind_the_sound_can_be_sought() {
    let mut clusters = Clusters::default();
    let sample = |track, at, sync| Sample { track, at, sync, leading: track == 1, size: 10, from: 0 };
    clusters.push(&sample(2, 0, true));
    for at in [1, 41, 81] {
        clusters.push(&sample(1, at, at == 1));
    }
    clusters.push(&sample(1, 900, true));
    clusters.push(&sample(1, 2001, true));
    let cues: Vec<(u64, bool)> = clusters.cues().iter().map(|cue| (cue.at, cue.cluster == 0)).collect();
    assert_eq!(cues, [(1, true), (2001, false)]);
}

#[test]
fn sixteen_bytes_a_sample_are_held() {
    let mut made = made(&call(100));
    made.clusters.settle();
    let samples = made.samples.len();
    assert!(made.clusters.held() <= 16 * samples + 24 * 51, "{} for {samples}", made.clusters.held());
}

#[test]
fn a_window_of_small_samples_ends_with_the_most_pieces() {
    let made = made(&vec![(false, 20, true, 3); 30_000]);
    let (len, most) = (made.clusters.len(), 1000);
    let (mut out, mut windows) = (Vec::new(), 0);
    while (out.len() as u64) < len {
        let pieces = made.clusters.pieces(&(out.len() as u64..len), most);
        assert!(!pieces.is_empty() && pieces.len() <= most, "{} pieces", pieces.len());
        for piece in pieces {
            match piece {
                Piece::Head(bytes) => out.extend(bytes),
                Piece::Data { from, range } => out.extend(data(&made.samples, from, &range)),
            }
        }
        windows += 1;
    }
    assert!(out == made.bytes[made.head as usize..] && windows <= 70, "{windows} windows");
}

proptest! {
    #[test]
    fn any_range_is_that_of_the_whole(
        list in proptest::collection::vec((any::<bool>(), 0_u64..9000, any::<bool>(), 0_usize..20_000), 1..60),
        places in proptest::collection::vec((any::<u64>(), any::<u64>()), 40),
    ) {
        let made = made(&list);
        comes_back(&made);
        let len = made.clusters.len();
        for (a, b) in places {
            let (a, b) = (a % (len + 1), b % (len + 1));
            let range = a.min(b)..a.max(b);
            let whole = &made.bytes[(made.head + range.start) as usize..(made.head + range.end) as usize];
            prop_assert_eq!(read(&made, range), whole);
        }
    }
}
