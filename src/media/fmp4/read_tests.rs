use super::*;
use crate::media::Codec;
use crate::media::Rotation;
use crate::media::fmp4::index::{Flags, Index};
use crate::media::fmp4::testing::{config, origin, samples};
use crate::media::fmp4::{fragment, init};
use mp4_atom::{Any, Decode};
use proptest::prelude::*;

/// A file of three fragments, and where its init segment and each fragment end.
fn file() -> (Vec<u8>, Vec<u64>) {
    let mut bytes = init::write(&config(Codec::H264), &origin()).unwrap().to_vec();
    let mut ends = vec![bytes.len() as u64];
    for number in 0..3 {
        let start = i64::from(number) * 9000;
        let samples = samples(start, &[(3000, number == 0), (3000, false), (3000, false)]);
        bytes.extend_from_slice(&fragment::write(number + 1, &samples).unwrap().bytes);
        ends.push(bytes.len() as u64);
    }
    (bytes, ends)
}

#[test]
fn a_whole_file_is_found_whole() {
    let (bytes, ends) = file();
    let scan = scan(&bytes);
    assert_eq!(scan.init, Some(0..ends[0]));
    assert_eq!(scan.valid, bytes.len() as u64);
    let ranges: Vec<_> = scan.fragments.iter().map(|f| f.range.clone()).collect();
    assert_eq!(ranges, [ends[0]..ends[1], ends[1]..ends[2], ends[2]..ends[3]]);
    let starts: Vec<_> = scan.fragments.iter().map(|f| (f.start.0, f.duration.0, f.sync, f.run)).collect();
    assert_eq!(starts, [(0, 9000, true, 1), (9000, 9000, false, 1), (18000, 9000, false, 1)]);
}

#[test]
fn a_file_torn_at_any_byte_keeps_its_whole_fragments() {
    let (bytes, ends) = file();
    for length in 0..=bytes.len() {
        let scan = scan(&bytes[..length]);
        let whole = ends.iter().filter(|end| **end <= length as u64).count();
        assert_eq!(scan.valid, if whole == 0 { 0 } else { ends[whole - 1] }, "{length} bytes");
        assert_eq!(scan.fragments.len(), whole.saturating_sub(1), "{length} bytes");
        assert_eq!(scan.init.is_some(), whole > 0);
    }
}

#[test]
fn zeros_and_garbage_end_a_file_without_hiding_what_was_good() {
    let (good, _) = file();
    for tail in [vec![0; 4096], vec![0xff; 4096], b"\0\0\0\x07mdat".to_vec(), b"\0\0\0\x01moof\xff".to_vec()]
    {
        let scan = scan(&[good.as_slice(), &tail].concat());
        assert_eq!((scan.valid, scan.fragments.len()), (good.len() as u64, 3));
    }
}

#[test]
fn boxes_between_fragments_are_stepped_over() {
    let (good, ends) = file();
    let (first, rest) = good.split_at(ends[1] as usize);
    let between = b"\0\0\0\x10free12345678";
    let scan = scan(&[first, between, rest].concat());
    assert_eq!(scan.fragments.len(), 3);
    assert_eq!(scan.fragments[1].range.start, ends[1] + 16);
    assert_eq!(scan.valid, good.len() as u64 + 16);
}

#[test]
fn a_file_may_go_on_with_another_init_segment() {
    let (good, ends) = file();
    let scan = scan(&[good.as_slice(), &good].concat());
    assert_eq!(scan.inits, [0..ends[0], ends[3]..ends[3] + ends[0]]);
    let runs: Vec<_> = scan.fragments.iter().map(|f| f.run).collect();
    assert_eq!(runs, [1, 1, 1, 2, 2, 2]);
}

#[test]
fn a_scan_can_go_on_from_an_offset() {
    let (bytes, ends) = file();
    let scan = scan_in(&mut Cursor::new(&bytes), ends[1]).unwrap();
    assert_eq!((scan.fragments.len(), scan.valid, scan.init), (2, bytes.len() as u64, None));
    let nothing = scan_in(&mut Cursor::new(&bytes), ends[3] + 10).unwrap();
    assert_eq!((nothing.fragments.len(), nothing.valid), (0, bytes.len() as u64));
}

/// `moof` with one `traf`, of the given boxes.
fn moof(boxes: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    fn put(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        [&(body.len() as u32 + 8).to_be_bytes(), kind.as_slice(), body].concat()
    }
    let inner: Vec<u8> = boxes.iter().flat_map(|(kind, body)| put(kind, body)).collect();
    put(b"moof", &put(b"traf", &inner))
}

#[test]
fn defaults_and_sizes_of_64_bits_of_another_writer_are_understood() {
    // Default duration 10, size 2, flags not sync; the first sample's own flags; tfdt of 32 bits.
    let tfhd = [0, 2, 0, 0x38, 0, 0, 0, 1, 0, 0, 0, 10, 0, 0, 0, 2, 0, 1, 0, 0];
    let tfdt = [0, 0, 0, 0, 0, 0, 0, 99];
    let trun = |offset: u8| [0, 0, 0, 5, 0, 0, 0, 3, 0, 0, 0, offset, 2, 0, 0, 0];
    let length = moof(&[(b"tfhd", &tfhd), (b"tfdt", &tfdt), (b"trun", &trun(0))]).len() as u8;
    let mut bytes = moof(&[(b"tfhd", &tfhd), (b"tfdt", &tfdt), (b"trun", &trun(length + 16))]);
    bytes.extend_from_slice(b"\0\0\0\x01mdat\0\0\0\0\0\0\0\x16aabbcc");
    let scan = scan(&bytes);
    assert_eq!(scan.valid, bytes.len() as u64);
    let [only] = scan.fragments.as_slice() else { panic!("not one fragment") };
    assert_eq!((only.start, only.duration), (Ticks(99), Ticks(30)));
    let found: Vec<_> = only.samples.iter().map(|s| (&bytes[s.offset as usize..][..2], s.sync)).collect();
    assert_eq!(found, [(&b"aa"[..], true), (&b"bb"[..], false), (&b"cc"[..], false)]);
}

#[test]
fn a_media_box_without_a_size_reaches_to_the_end() {
    let (bytes, ends) = file();
    let mut open = bytes.clone();
    let mdat = ends[2] as usize + fragment::head(3) as usize - 8;
    open[mdat..mdat + 4].fill(0);
    let scan = scan(&open);
    assert_eq!((scan.fragments.len(), scan.valid), (3, bytes.len() as u64));
    // Torn, it does not hold its samples.
    assert_eq!(super::scan(&open[..open.len() - 1]).fragments.len(), 2);
}

#[test]
fn declared_counts_allocate_nothing() {
    let tfdt = [0; 8];
    for count in [u32::MAX, MOST_SAMPLES + 1] {
        let [a, b, c, d] = count.to_be_bytes();
        let mut bytes = moof(&[(b"tfhd", &[0; 8]), (b"tfdt", &tfdt), (b"trun", &[0, 0, 0, 0, a, b, c, d])]);
        bytes.extend_from_slice(b"\0\0\0\x08mdat");
        assert_eq!(scan(&bytes).fragments, []);
    }
}

#[test]
fn samples_outside_their_media_box_are_not_believed() {
    let (bytes, ends) = file();
    let size_of_last_sample = ends[2] as usize + 88 + 2 * 12 + 4;
    let mut wrong = bytes.clone();
    wrong[size_of_last_sample + 3] += 1;
    let scan = scan(&wrong);
    assert_eq!((scan.fragments.len(), scan.valid), (2, ends[2]));
}

#[test]
fn a_walk_says_where_it_broke() {
    let mut boxes = walk(b"\0\0\0\x08free\0\0\0\x09skip");
    assert_eq!(boxes.next().map(|b| b.kind), Some(*b"free"));
    assert_eq!((boxes.next(), boxes.broken()), (None, Some(8)));
    assert_eq!(boxes.next(), None);
    let mut whole = walk(b"\0\0\0\x08free");
    whole.next();
    assert_eq!((whole.next(), whole.broken()), (None, None));
}

#[test]
fn the_index_is_rebuilt_from_the_media() {
    let (bytes, ends) = file();
    let index = Index::rebuild(&scan(&bytes));
    assert_eq!(index.entries.len(), 9);
    assert_eq!(index.duration(), Ticks(27_000));
    assert_eq!(index.entries[0].flags, Flags::SYNC.with(Flags::FRAGMENT));
    assert_eq!(index.entries[4].flags, Flags::default());
    assert_eq!(index.entries[8].end(), ends[3]);
    assert_eq!(Index::parse(&crate::media::fmp4::index::encode(&index.entries)), index);
}

proptest! {
    #[test]
    fn failure_34_any_bytes_are_scanned(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(scan(&bytes).valid <= bytes.len() as u64);
    }

    #[test]
    fn failure_34_a_damaged_file_is_scanned(at in any::<proptest::sample::Index>(), value in any::<u8>()) {
        let (mut bytes, _) = file();
        let at = at.index(bytes.len());
        bytes[at] = value;
        let scan = scan(&bytes);
        prop_assert!(scan.valid <= bytes.len() as u64);
        for sample in scan.fragments.iter().flat_map(|f| &f.samples) {
            prop_assert!(sample.offset + u64::from(sample.size) <= scan.valid);
        }
        let _ = crate::media::fmp4::describe::text(&bytes);
        let _ = init::origin(&bytes);
    }
}

/// Runs of samples: for each its codec, its turn, its first tick after the run before, and its fragments.
type Runs = Vec<(Codec, Rotation, i64, Vec<Vec<(u32, bool)>>)>;

fn runs() -> impl Strategy<Value = Runs> {
    let codec = prop::sample::select(vec![Codec::H264, Codec::Vp8, Codec::Vp9, Codec::Av1, Codec::Opus]);
    let turn = prop::sample::select(vec![Rotation::None, Rotation::Right, Rotation::Half, Rotation::Left]);
    let fragment = prop::collection::vec((1..400_000_u32, any::<bool>()), 1..20);
    prop::collection::vec((codec, turn, 0..1_i64 << 40, prop::collection::vec(fragment, 1..6)), 1..5)
}

proptest! {
    /// Parameters, times, flags and bytes, whatever is written.
    #[test]
    fn mux_then_read_is_identity(runs in runs()) {
        let (mut file, mut written, mut at) = (Vec::new(), Vec::new(), 0);
        for (number, (codec, rotation, pause, fragments)) in runs.iter().enumerate() {
            at += pause;
            let origin = init::Origin { run: number as u32, first: Ticks(at), ..origin() };
            file.extend_from_slice(&init::write_turned(&config(*codec), *rotation, &origin).unwrap());
            for (place, shapes) in fragments.iter().enumerate() {
                let samples = samples(at, shapes);
                at += shapes.iter().map(|(duration, _)| i64::from(*duration)).sum::<i64>();
                file.extend_from_slice(&fragment::write(place as u32 + 1, &samples).unwrap().bytes);
                written.extend(samples.into_iter().map(|sample| (number + 1, sample)));
            }
        }
        let scan = scan(&file);
        prop_assert_eq!(scan.valid, file.len() as u64);

        let mut read = Vec::new();
        for fragment in &scan.fragments {
            let mut at = fragment.start;
            for found in &fragment.samples {
                let data = file[found.offset as usize..][..found.size as usize].to_vec().into();
                let sample = crate::media::Sample { at, duration: found.duration, sync: found.sync, data };
                at = at + Ticks(found.duration.into());
                read.push((fragment.run, sample));
            }
            prop_assert_eq!(at, fragment.start + fragment.duration);
        }
        prop_assert_eq!(read, written);

        let mut first = 0;
        for ((codec, rotation, pause, fragments), range) in runs.iter().zip(&scan.inits) {
            first += pause;
            let bytes = &file[range.start as usize..range.end as usize];
            prop_assert_eq!(init::origin(bytes).unwrap().unwrap().first, Ticks(first));
            first += fragments.iter().flatten().map(|(duration, _)| i64::from(*duration)).sum::<i64>();
            let shown = crate::media::fmp4::describe::text(bytes);
            let turned = format!(" rotation={}\n", rotation.degrees());
            prop_assert_eq!(shown.contains(&turned), *rotation != Rotation::None);
            let mut cursor = Cursor::new(bytes);
            let (Any::Ftyp(_), Any::Moov(moov)) =
                (Any::decode(&mut cursor).unwrap(), Any::decode(&mut cursor).unwrap()) else { panic!("{shown}") };
            let track = &moov.trak[0];
            prop_assert_eq!(track.mdia.mdhd.timescale, codec.timescale().0);
            prop_assert_eq!(&track.mdia.minf.stbl.stsd.codecs, &[init::entry(&config(*codec).entry, *rotation)]);
        }
    }
}
