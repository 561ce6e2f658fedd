use super::*;
use crate::media::Codec;
use crate::media::fmp4::testing::{config, origin, samples};
use crate::media::fmp4::{init, read::scan};
use mp4_atom::{Any, Decode, Moof, TrunSamples};
use proptest::prelude::*;
use std::io::Cursor;

fn decoded(bytes: &[u8]) -> (Moof, Vec<u8>) {
    let mut cursor = Cursor::new(bytes);
    let Any::Moof(moof) = Any::decode(&mut cursor).unwrap() else { panic!("no moof first") };
    let Any::Mdat(mdat) = Any::decode(&mut cursor).unwrap() else { panic!("no mdat second") };
    assert_eq!(cursor.position(), bytes.len() as u64);
    (moof, mdat.data.to_vec())
}

#[test]
fn another_decoder_reads_every_field() {
    let samples = samples(1 << 33, &[(3000, true), (3001, false), (2999, false)]);
    let fragment = write(7, &samples).unwrap();
    let (moof, mdat) = decoded(&fragment.bytes);
    assert_eq!(moof.mfhd.sequence_number, 7);
    let [traf] = moof.traf.as_slice() else { panic!("not one traf") };
    assert_eq!(traf.tfhd, mp4_atom::Tfhd { track_id: 1, default_base_is_moof: true, ..Default::default() });
    assert_eq!(traf.tfdt.as_ref().unwrap().base_media_decode_time, 1 << 33);
    let [trun] = traf.trun.as_slice() else { panic!("not one trun") };
    assert_eq!(trun.data_offset, Some(head(3) as i32));
    let TrunSamples::Explicit(entries) = &trun.samples else { panic!("samples without fields") };
    let fields: Vec<_> = entries.iter().map(|e| (e.duration, e.size, e.flags, e.cts)).collect();
    assert_eq!(
        fields,
        [
            (Some(3000), Some(1), Some(0x0200_0000), None),
            (Some(3001), Some(2), Some(0x0101_0000), None),
            (Some(2999), Some(3), Some(0x0101_0000), None),
        ]
    );
    assert_eq!(mdat, [0, 1, 1, 2, 2, 2]);
    assert_eq!((fragment.start, fragment.duration, fragment.sync), (Ticks(1 << 33), Ticks(9000), true));
}

#[test]
fn a_second_reader_counts_the_same_samples() {
    let mut file = init::write(&config(Codec::Opus), &origin()).unwrap().to_vec();
    for number in 0..4 {
        file.extend_from_slice(
            &write(number + 1, &samples(i64::from(number) * 4800, &[(960, true); 5])).unwrap().bytes,
        );
    }
    let size = file.len() as u64;
    let reader = mp4::Mp4Reader::read_header(Cursor::new(file), size).unwrap();
    assert_eq!(reader.sample_count(1).unwrap(), 20);
    let times: Vec<_> =
        reader.moofs.iter().map(|m| m.trafs[0].tfdt.as_ref().unwrap().base_media_decode_time).collect();
    assert_eq!(times, [0, 4800, 9600, 14400]);
    assert_eq!(reader.moofs[3].trafs[0].trun.as_ref().unwrap().sample_durations, [960; 5]);
}

#[test]
fn entries_point_at_the_samples() {
    let samples = samples(0, &[(3000, true), (3000, false), (3000, false)]);
    let fragment = write(1, &samples).unwrap();
    for (entry, sample) in fragment.entries.iter().zip(&samples) {
        assert_eq!(&fragment.bytes[entry.offset as usize..entry.end() as usize], &sample.data[..]);
        assert_eq!((entry.sync(), entry.duration), (sample.sync, sample.duration));
    }
    let firsts: Vec<bool> = fragment.entries.iter().map(|e| e.flags.has(Flags::FRAGMENT)).collect();
    assert_eq!(firsts, [true, false, false]);
}

#[test]
fn what_no_fragment_can_hold_is_refused() {
    assert!(matches!(write(1, &[]), Err(Error::Empty)));
    assert!(matches!(write(1, &samples(-1, &[(1, true)])), Err(Error::NegativeTime(-1))));
    let mut torn = samples(0, &[(3000, true), (3000, false)]);
    torn[1].at = Ticks(3001);
    assert!(matches!(write(1, &torn), Err(Error::NotContiguous { expected: 3000, found: 3001 })));
    assert!(matches!(write(1, &samples(i64::MAX - 1, &[(2, true)])), Err(Error::TimeOutOfRange)));
}

fn times(bytes: &[u8]) -> Vec<i64> {
    scan(bytes).fragments.iter().map(|fragment| fragment.start.0).collect()
}

#[test]
fn a_shift_moves_every_fragment_and_nothing_else() {
    let mut bytes = Vec::new();
    for number in 0..3 {
        bytes.extend_from_slice(
            &write(number, &samples(90_000 + i64::from(number) * 3000, &[(3000, true)])).unwrap().bytes,
        );
    }
    let original = bytes.clone();
    shift(&mut bytes, Ticks(-90_000)).unwrap();
    assert_eq!(times(&bytes), [0, 3000, 6000]);
    shift(&mut bytes, Ticks(90_000)).unwrap();
    assert_eq!(bytes, original);
}

#[test]
fn a_shift_that_fails_changes_nothing() {
    let mut bytes = [
        write(1, &samples(6000, &[(3000, true)])).unwrap().bytes,
        write(2, &samples(3000, &[(3000, true)])).unwrap().bytes,
    ]
    .concat();
    let original = bytes.clone();
    assert!(matches!(shift(&mut bytes, Ticks(-3001)), Err(Error::NegativeTime(-1))));
    assert!(matches!(shift(&mut bytes, Ticks(i64::MAX)), Err(Error::TimeOutOfRange)));
    assert_eq!(bytes, original);
    let length = bytes.len();
    for cut in [1, 4, 8, 10, 100] {
        let torn = &mut bytes[..length - cut];
        let before = torn.to_vec();
        assert!(matches!(shift(torn, Ticks(1)), Err(Error::Broken(_))), "cut by {cut}");
        assert_eq!(torn, before);
    }
}

#[test]
fn a_shift_minds_the_32_bits_of_another_writer() {
    let mut tfdt = b"\0\0\0\x10tfdt\0\0\0\0\xff\xff\xff\xfe".to_vec();
    let mut traf = [b"\0\0\0\x18traf".as_slice(), &tfdt].concat();
    let mut bytes = [b"\0\0\0\x20moof".as_slice(), &traf].concat();
    shift(&mut bytes, Ticks(1)).unwrap();
    tfdt[15] = 0xff;
    traf = [b"\0\0\0\x18traf".as_slice(), &tfdt].concat();
    assert!(bytes.ends_with(&traf));
    assert!(matches!(shift(&mut bytes, Ticks(1)), Err(Error::TimeOutOfRange)));
}

proptest! {
    #[test]
    fn any_samples_are_found_again(
        start in 0..1_i64 << 50,
        shapes in proptest::collection::vec((1..200_000_u32, any::<bool>()), 1..60),
    ) {
        let samples = samples(start, &shapes);
        let fragment = write(1, &samples).unwrap();
        let found = scan(&fragment.bytes);
        prop_assert_eq!(found.valid, fragment.bytes.len() as u64);
        let [only] = found.fragments.as_slice() else { panic!("not one fragment") };
        prop_assert_eq!((only.start, only.duration, only.sync), (fragment.start, fragment.duration, fragment.sync));
        for (sample, found) in samples.iter().zip(&only.samples) {
            let bytes = &fragment.bytes[found.offset as usize..][..found.size as usize];
            prop_assert_eq!(bytes, &sample.data[..]);
            prop_assert_eq!((found.duration, found.sync), (sample.duration, sample.sync));
        }
        prop_assert_eq!(only.samples.len(), samples.len());
    }

    #[test]
    fn a_shift_survives_any_bytes(mut bytes in proptest::collection::vec(any::<u8>(), 0..300), by in any::<i64>()) {
        let before = bytes.clone();
        if shift(&mut bytes, Ticks(by)).is_err() {
            prop_assert_eq!(bytes, before);
        }
    }
}
