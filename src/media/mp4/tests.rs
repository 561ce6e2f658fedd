use super::*;
use crate::media::fmp4::testing::{config, origin};
use crate::media::fmp4::{init, read};
use crate::media::{Codec, Rotation};
use mp4_atom::{Any, Decode, Mdat, Moov, StszSamples};
use proptest::prelude::*;
use std::io::Cursor;

fn entry(codec: Codec, rotation: Rotation) -> Bytes {
    let init = init::write_turned(&config(codec), rotation, &origin()).unwrap();
    sample_entry(&init).unwrap()
}

fn track(codec: Codec) -> Track {
    let video = codec != Codec::Opus;
    Track {
        kind: codec.kind(),
        timescale: codec.timescale(),
        rotation: Rotation::None,
        width: if video { 320 } else { 0 },
        height: if video { 180 } else { 0 },
        entries: vec![entry(codec, Rotation::None), entry(codec, Rotation::Right)],
        delay: 0,
        hidden: Ticks(0),
        shown: Ticks(i64::MAX),
    }
}

/// A source whose bytes are told apart by source and offset.
fn byte(source: u16, offset: u64) -> u8 {
    (offset.wrapping_mul(31) >> 3) as u8 ^ (offset as u8) ^ source as u8
}

const SHORT: u16 = 9;
const PATTERN: &[u8] = b"abc";

fn bytes_of(sample: &Sample) -> Vec<u8> {
    match sample.content {
        Content::At(place) | Content::Again(place) => {
            (0..u64::from(sample.size)).map(|n| byte(place.source(), place.offset() + n)).collect()
        }
        Content::Whole(_) => PATTERN.to_vec(),
    }
}

/// The file, with all its media.
fn whole(movie: &Movie) -> Vec<u8> {
    let mut out = movie.head.clone();
    for (number, extent) in movie.extents.iter().enumerate() {
        assert_eq!(extent.at, out.len() as u64);
        let end = movie.extents.get(number + 1).map_or(movie.len, |next| next.at);
        for n in 0..end - extent.at {
            out.push(match extent.from.source() {
                SHORT => PATTERN[n as usize % PATTERN.len()],
                source => byte(source, extent.from.offset() + n),
            });
        }
    }
    assert_eq!(out.len() as u64, movie.len);
    out
}

fn moov(head: &[u8]) -> Moov {
    let mut cursor = Cursor::new(head);
    let Any::Ftyp(_) = Any::decode(&mut cursor).unwrap() else { panic!("no ftyp") };
    let Any::Moov(moov) = Any::decode(&mut cursor).unwrap() else { panic!("no moov") };
    moov
}

/// A sample as another reader sees it.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    at: u64,
    duration: u32,
    size: u32,
    sync: bool,
    entry: u16,
    offset: u64,
}

/// The samples of a track, from tables that mp4-atom read.
fn seen(moov: &Moov, number: usize) -> Vec<Seen> {
    let stbl = &moov.trak[number].mdia.minf.stbl;
    let sizes: Vec<u32> = match &stbl.stsz.samples {
        StszSamples::Identical { count, size } => vec![*size; *count as usize],
        StszSamples::Different { sizes } => sizes.clone(),
    };
    let durations = stbl.stts.entries.iter();
    let durations = durations.flat_map(|own| vec![own.sample_delta; own.sample_count as usize]);
    let offsets: Vec<u64> = match (&stbl.stco, &stbl.co64) {
        (Some(stco), None) => stco.entries.iter().map(|own| u64::from(*own)).collect(),
        (None, Some(co64)) => co64.entries.clone(),
        _ => panic!("not one table of offsets"),
    };
    let mut places = Vec::new();
    for (burst, offset) in offsets.iter().enumerate() {
        let rows = stbl.stsc.entries.iter();
        let row = rows.rev().find(|row| row.first_chunk as usize <= burst + 1).unwrap();
        let mut at = *offset;
        for _ in 0..row.samples_per_chunk {
            let size = sizes[places.len()];
            let entry = &stbl.stsd.codecs[row.sample_description_index as usize - 1];
            // The second one of pictures is turned; those of sound are alike.
            let turned = matches!(entry, mp4_atom::Codec::Vp09(own) if own.pasp.is_some());
            places.push((at, turned.into()));
            at += u64::from(size);
        }
    }
    assert_eq!(places.len(), sizes.len());
    let mut at = 0;
    let sync = stbl.stss.as_ref().map(|stss| &stss.entries);
    let all = sizes.iter().zip(durations).zip(places).zip(1..);
    all.map(|(((size, duration), (offset, entry)), number)| {
        let own = Seen {
            at,
            duration,
            size: *size,
            sync: sync.is_none_or(|list| list.contains(&number)),
            entry,
            offset,
        };
        at += u64::from(duration);
        own
    })
    .collect()
}

#[track_caller]
fn same(moov: &Moov, file: &[u8], number: usize, samples: &[Sample]) {
    let seen = seen(moov, number);
    assert_eq!(seen.len(), samples.len());
    let mut at = 0;
    for (seen, sample) in seen.iter().zip(samples) {
        let found = (seen.at, seen.duration, seen.size, seen.sync, seen.entry);
        let sound = moov.trak[number].mdia.minf.smhd.is_some();
        let entry = if sound { 0 } else { sample.entry };
        assert_eq!(found, (at, sample.duration, sample.size, sample.sync, entry));
        let own = &file[seen.offset as usize..][..seen.size as usize];
        assert!(own == bytes_of(sample), "{sample:?} is not at {}", seen.offset);
        at += u64::from(sample.duration);
    }
}

fn filled(track: Track, samples: &[Sample]) -> Tables {
    let mut tables = Tables::new(track);
    samples.iter().for_each(|sample| tables.push(sample));
    tables
}

fn at(source: u16, offset: u64) -> Content {
    Content::At(Place::new(source, offset).unwrap())
}

/// So many samples one behind another in a source, in pieces of 15 as fragments have them.
fn plain(source: u16, count: u64, duration: u32, size: u32) -> Vec<Sample> {
    let sample = |n| Sample {
        duration,
        size,
        sync: n % 60 == 0,
        entry: 0,
        content: at(source, 1000 + n * u64::from(size) + n / 15 * 200),
    };
    (0..count).map(sample).collect()
}

#[test]
fn two_tracks_are_interleaved_by_the_second() {
    let pictures = plain(0, 300, 3000, 700);
    let sound: Vec<Sample> =
        plain(1, 500, 960, 40).into_iter().map(|own| Sample { sync: true, ..own }).collect();
    let tracks = vec![filled(track(Codec::Vp9), &pictures), filled(track(Codec::Opus), &sound)];
    let created = WallTime(1_792_000_000_000_000);
    let movie = movie(tracks, &About { created }).unwrap();
    let file = whole(&movie);
    let kinds: Vec<_> = read::walk(&file).map(|found| found.kind).collect();
    assert_eq!(kinds, [*b"ftyp", *b"moov", *b"mdat"]);
    let moov = moov(&file);
    same(&moov, &file, 0, &pictures);
    same(&moov, &file, 1, &sound);
    let offsets = |number: usize| moov.trak[number].mdia.minf.stbl.stco.clone().unwrap().entries;
    let (own, other) = (offsets(0), offsets(1));
    assert_eq!((own.len(), other.len()), (10, 10));
    // Sound first, then the pictures of the same second.
    for second in 0..10 {
        assert!(other[second] < own[second] && other.get(second + 1).is_none_or(|next| own[second] < *next));
    }
    // Two fragments of pictures, and two or three of sound, for each second.
    assert!(movie.extents.len() <= 60, "{}", movie.extents.len());

    let created = 1_792_000_000 + 2_082_844_800u64;
    assert_eq!(
        (moov.mvhd.timescale, moov.mvhd.duration, moov.mvhd.creation_time),
        (90_000, 900_000, created)
    );
    let mdhd = &moov.trak[1].mdia.mdhd;
    assert_eq!((mdhd.timescale, mdhd.duration, mdhd.language.as_str()), (48_000, 480_000, "und"));
    assert_eq!(moov.mvhd.next_track_id, 3);
    assert!(moov.trak[1].mdia.minf.stbl.stss.is_none() && moov.trak[0].mdia.minf.stbl.stss.is_some());
    let entries = &moov.trak[0].mdia.minf.stbl.stsd.codecs;
    assert_eq!(entries, &[init::entry(&config(Codec::Vp9).entry, Rotation::None)], "the one that is used");
}

#[test]
fn another_parser_reads_every_sample() {
    for codec in [Codec::H264, Codec::Vp9, Codec::Av1, Codec::Opus] {
        let samples = plain(2, 200, 3000, 90);
        let mut own = track(codec);
        own.entries.truncate(1);
        own.shown = Ticks(600_000);
        let movie = movie(vec![filled(own, &samples)], &About::default()).unwrap();
        let file = whole(&movie);
        let mut reader = mp4::Mp4Reader::read_header(Cursor::new(&file), file.len() as u64).unwrap();
        assert_eq!(reader.sample_count(1).unwrap(), 200, "{codec:?}");
        for (number, sample) in (1..).zip(&samples) {
            let found = reader.read_sample(1, number).unwrap().unwrap();
            assert_eq!(&found.bytes[..], &bytes_of(sample)[..], "{codec:?} {number}");
            assert_eq!((found.duration, found.is_sync), (3000, sample.sync));
            assert_eq!(found.start_time, u64::from(number - 1) * 3000);
        }
    }
}

#[test]
fn edits_hide_what_was_not_asked_for_and_wait_for_what_begins_later() {
    let pictures = plain(0, 90, 3000, 100);
    let sound: Vec<Sample> = plain(1, 100, 960, 40);
    let video = Track { hidden: Ticks(45_000), shown: Ticks(180_000), ..track(Codec::H264) };
    let audio = Track { delay: 9000, shown: Ticks(92_160), ..track(Codec::Opus) };
    let both = vec![filled(video, &pictures), filled(audio, &sound)];
    let moov = moov(&movie(both, &About::default()).unwrap().head);
    let edits = |number: usize| {
        let list = &moov.trak[number].edts.as_ref().unwrap().elst.as_ref().unwrap().entries;
        list.iter().map(|own| (own.segment_duration, own.media_time)).collect::<Vec<_>>()
    };
    assert_eq!(edits(0), [(180_000, Some(45_000))]);
    assert_eq!(edits(1), [(9000, None), (172_800, Some(0))]);
    assert_eq!((moov.trak[0].tkhd.duration, moov.trak[1].tkhd.duration), (180_000, 181_800));
    assert_eq!((moov.mvhd.duration, moov.trak[0].mdia.mdhd.duration), (181_800, 270_000));
    // Media that begins before the clip does, and the burst of sound beside it.
    let whole = Track { shown: Ticks(270_000), ..track(Codec::H264) };
    let plain = movie(vec![filled(whole, &pictures)], &About::default()).unwrap();
    assert_eq!(self::moov(&plain.head).trak[0].edts, None);
}

#[test]
fn a_picture_is_turned_as_its_init_segment_says() {
    for rotation in [Rotation::None, Rotation::Right, Rotation::Half, Rotation::Left] {
        let mut tables = filled(track(Codec::Av1), &plain(0, 3, 3000, 10));
        tables.shape(rotation, 320, 180);
        let turned = moov(&movie(vec![tables], &About::default()).unwrap().head);
        let init = init::write_turned(&config(Codec::Av1), rotation, &origin()).unwrap();
        let own = moov(&init);
        let (found, expected) = (&turned.trak[0].tkhd, &own.trak[0].tkhd);
        assert_eq!(
            (&found.matrix, found.width, found.height),
            (&expected.matrix, expected.width, expected.height)
        );
        assert!(found.enabled && found.in_movie);
    }
}

#[test]
fn a_picture_that_is_shown_again_is_there_once_unless_it_is_far() {
    let key = Sample { duration: 45_000, size: 5000, sync: true, entry: 0, content: at(0, 0) };
    let again = Sample { content: Content::Again(Place::new(0, 0).unwrap()), ..key };
    let mut pictures = vec![key];
    pictures.extend([again; 120]);
    let own = filled(track(Codec::H264), &pictures);
    let still = movie(vec![own.clone()], &About::default()).unwrap();
    assert_eq!(still.len - still.head.len() as u64, 10_000, "the picture, and once more");
    same(&moov(&still.head), &whole(&still), 0, &pictures);
    // Beside sound of 100 kB a second it is within 1 MiB only for ten seconds.
    let sound = plain(1, 3000, 960, 2000);
    let both = movie(vec![own, filled(track(Codec::Opus), &sound)], &About::default()).unwrap();
    let again = both.len - both.head.len() as u64 - 6_000_000 - 5000;
    assert_eq!(again, 6 * 5000);
    let (read, file) = (moov(&both.head), whole(&both));
    same(&read, &file, 0, &pictures);
    same(&read, &file, 1, &sound);
}

#[test]
fn silence_takes_its_bytes_and_one_extent_for_each_second() {
    let silence = Sample { duration: 960, size: 3, sync: true, entry: 0, content: Content::Whole(SHORT) };
    let sound = vec![silence; 500];
    let movie = movie(vec![filled(track(Codec::Opus), &sound)], &About::default()).unwrap();
    assert_eq!((movie.extents.len(), movie.len - movie.head.len() as u64), (10, 1500));
    let read = moov(&movie.head);
    assert_eq!(read.trak[0].mdia.minf.stbl.stsz.samples, StszSamples::Identical { count: 500, size: 3 });
    same(&read, &whole(&movie), 0, &sound);
}

/// 6 GB of media, of which only the tables are made.
#[test]
fn more_than_4_gib_have_offsets_of_64_bits() {
    let pictures: Vec<Sample> = (0..600u64)
        .map(|n| Sample {
            duration: 1 << 26,
            size: 10 << 20,
            sync: n == 0,
            entry: 0,
            content: at(0, n * (11 << 20)),
        })
        .collect();
    let long = Track { delay: 1 << 33, hidden: Ticks(1 << 20), shown: Ticks(1 << 34), ..track(Codec::H264) };
    let movie = movie(vec![filled(long, &pictures)], &About::default()).unwrap();
    assert_eq!(movie.len, movie.head.len() as u64 + 600 * (10 << 20));
    let read = moov(&movie.head);
    let stbl = &read.trak[0].mdia.minf.stbl;
    assert!(stbl.stco.is_none());
    let offsets: Vec<u64> = seen(&read, 0).iter().map(|own| own.offset).collect();
    assert_eq!(offsets.last(), Some(&(movie.head.len() as u64 + 599 * (10 << 20))));
    let mdat = &movie.head[movie.head.len() - 16..];
    assert_eq!(
        (&mdat[..8], &mdat[8..]),
        (&b"\0\0\0\x01mdat"[..], &(600 * (10 << 20) + 16u64).to_be_bytes()[..])
    );
    let edits = &read.trak[0].edts.as_ref().unwrap().elst.as_ref().unwrap().entries;
    assert_eq!((edits[0].segment_duration, edits[0].media_time), (1 << 33, None));
    assert_eq!((edits[1].segment_duration, edits[1].media_time), (1 << 34, Some(1 << 20)));
    assert_eq!(read.mvhd.duration, (1 << 33) + (1 << 34));
}

#[test]
fn nothing_makes_no_movie() {
    assert_eq!(movie(vec![], &About::default()).unwrap_err(), Error::Empty);
    let empty = filled(track(Codec::Opus), &[]);
    assert_eq!(movie(vec![empty.clone()], &About::default()).unwrap_err(), Error::Empty);
    let one = filled(track(Codec::H264), &plain(0, 1, 1, 1));
    assert_eq!(moov(&movie(vec![empty, one], &About::default()).unwrap().head).trak.len(), 1);
    assert_eq!((Place::new(0, OFFSET_LIMIT), sample_entry(&Bytes::new())), (None, None));
    assert_eq!(sample_entry(&Bytes::from_static(b"\0\0\0\x10moov\0\0\0\x08trak")), None);
}

/// Samples of any kind: how long, how large, a key frame, which entry, and what: stored behind the last or elsewhere,
/// again, or a pattern.
fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let one = (1..200_000u32, 0..3000u32, any::<bool>(), 0..2u16, 0..8u8, 0..50_000u64);
    prop::collection::vec(one, 1..120).prop_map(|list| {
        let mut next = 0;
        let mut last = None;
        list.into_iter()
            .map(|(duration, size, sync, entry, kind, jump)| {
                let place = Place::new(entry, next).unwrap();
                next += u64::from(size) + if kind == 0 { jump } else { 0 };
                let own = Sample { duration, size, sync, entry, content: Content::At(place) };
                match (kind, last) {
                    (6, Some((place, size))) => Sample { size, content: Content::Again(place), ..own },
                    (7, _) => Sample { size: 3, content: Content::Whole(SHORT), ..own },
                    _ => {
                        last = Some((place, size));
                        own
                    }
                }
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever samples there are, another reader finds each with its bytes.
    #[test]
    fn tables_say_what_went_in(
        tracks in prop::collection::vec((samples(), any::<bool>(), 0..5i64), 1..4),
        hidden in 0..100_000i64,
    ) {
        let tables = tracks.iter().map(|(samples, video, delay)| {
            let own = track(if *video { Codec::Vp9 } else { Codec::Opus });
            filled(Track { delay: delay * 77_777, hidden: Ticks(hidden), shown: Ticks(hidden + 1), ..own }, samples)
        });
        let movie = movie(tables.collect(), &About::default()).unwrap();
        let file = whole(&movie);
        let mut cursor = Cursor::new(&file);
        let (_, moov) = (Any::decode(&mut cursor).unwrap(), Moov::decode(&mut cursor).unwrap());
        prop_assert_eq!(Mdat::decode(&mut cursor).unwrap().data.len() as u64 + cursor.position(),
            cursor.position() + movie.extents.first().map_or(0, |first| movie.len - first.at));
        for (number, (samples, ..)) in tracks.iter().enumerate() {
            same(&moov, &file, number, samples);
        }
    }
}
