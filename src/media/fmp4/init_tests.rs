use super::*;
use crate::media::fmp4::testing::{config, origin as example};
use mp4_atom::{Any, Decode, Moov};
use std::io::Cursor;

const CODECS: [Codec; 5] = [Codec::H264, Codec::Vp8, Codec::Vp9, Codec::Av1, Codec::Opus];

fn moov(bytes: &[u8]) -> Moov {
    let mut cursor = Cursor::new(bytes);
    let Any::Ftyp(ftyp) = Any::decode(&mut cursor).unwrap() else { panic!("no ftyp first") };
    assert_eq!(ftyp.major_brand, b"iso6".into());
    let Any::Moov(moov) = Any::decode(&mut cursor).unwrap() else { panic!("no moov second") };
    assert_eq!(cursor.position(), bytes.len() as u64, "something lies behind moov");
    moov
}

#[test]
fn every_codec_reads_back_as_it_was_meant() {
    for codec in CODECS {
        let config = config(codec);
        let moov = moov(&write(&config, &example()).unwrap());
        let [track] = moov.trak.as_slice() else { panic!("{codec:?}: not one track") };
        assert_eq!(track.tkhd.track_id, 1);
        assert_eq!(track.mdia.mdhd.timescale, codec.timescale().0);
        let video = codec.kind() == Kind::Video;
        assert_eq!(track.mdia.hdlr.handler, if video { b"vide".into() } else { b"soun".into() });
        assert_eq!((track.mdia.minf.vmhd.is_some(), track.mdia.minf.smhd.is_some()), (video, !video));
        assert_eq!(u32::from(track.tkhd.width.integer()), config.width);
        assert_eq!(track.mdia.minf.stbl.stsd.codecs, [entry(&config.entry, Rotation::None)]);
        let trex = &moov.mvex.as_ref().unwrap().trex;
        assert_eq!((trex.len(), trex[0].track_id, trex[0].default_sample_description_index), (1, 1, 1));
        assert_eq!(moov.mvhd.creation_time, 1_792_000_000 + 2_082_844_800);
    }
}

/// Where a corner of the coded picture comes to lie, by the matrix as 6.2.2 applies it.
fn corner(matrix: &Matrix, x: i64, y: i64) -> (i64, i64) {
    let Matrix { a, b, c, d, x: right, y: down, .. } = *matrix;
    let at = |p: i32, q: i32, moved: i32| (i64::from(p) * x + i64::from(q) * y + i64::from(moved)) >> 16;
    (at(a, c, right), at(b, d, down))
}

#[test]
fn failure_17_the_matrix_turns_clockwise_and_keeps_the_picture_in_place() {
    let config = config(Codec::Vp8);
    for (rotation, top_left, bottom_right) in [
        (Rotation::None, (0, 0), (320, 180)),
        (Rotation::Right, (180, 0), (0, 320)),
        (Rotation::Half, (320, 180), (0, 0)),
        (Rotation::Left, (0, 320), (180, 0)),
    ] {
        let bytes = write_turned(&config, rotation, &example()).unwrap();
        let tkhd = &moov(&bytes).trak[0].tkhd;
        assert_eq!(corner(&tkhd.matrix, 0, 0), top_left, "{rotation:?}");
        assert_eq!(corner(&tkhd.matrix, 320, 180), bottom_right, "{rotation:?}");
        // 8.3.2.3: the size is that before the turn.
        assert_eq!((tkhd.width.integer(), tkhd.height.integer()), (320, 180));
        let quarter = matches!(rotation, Rotation::Right | Rotation::Left);
        let mp4_atom::Codec::Vp08(entry) = &moov(&bytes).trak[0].mdia.minf.stbl.stsd.codecs[0] else {
            panic!()
        };
        let shape = entry.pasp.as_ref().map(|pasp| (pasp.h_spacing, pasp.v_spacing));
        assert_eq!(shape, quarter.then_some((321, 320)), "{rotation:?}");
        let shown = crate::media::fmp4::describe::text(&bytes);
        let turned = format!("height=180 rotation={}\n", rotation.degrees());
        assert_eq!(shown.contains(&turned), rotation != Rotation::None, "{shown}");
    }
}

#[test]
fn another_reader_accepts_it() {
    for codec in CODECS {
        let bytes = write(&config(codec), &example()).unwrap();
        let size = bytes.len() as u64;
        let file = mp4::Mp4Reader::read_header(Cursor::new(bytes), size).unwrap();
        assert!(file.moov.mvex.is_some());
        assert_eq!(file.tracks()[&1].timescale(), codec.timescale().0);
    }
}

#[test]
fn the_origin_reads_back() {
    let bytes = write(&config(Codec::Vp9), &example()).unwrap();
    assert_eq!(origin(&bytes).unwrap(), Some(example()));
    // Of a whole file too.
    let mut file = bytes.to_vec();
    file.extend_from_slice(b"\0\0\0\x09mdat?torn");
    assert_eq!(origin(&file).unwrap(), Some(example()));
}

#[test]
fn a_file_of_another_writer_has_no_origin() {
    assert_eq!(origin(b"").unwrap(), None);
    assert_eq!(origin(b"\0\0\0\x08moov").unwrap(), None);
    let other = b"\0\0\0\x20moov\0\0\0\x18uuid0123456789abcdef";
    assert_eq!(origin(other).unwrap(), None);
}

fn with_origin(json: &[u8]) -> Vec<u8> {
    let (mut uuid, mut moov) = (Vec::new(), Vec::new());
    put(&mut uuid, b"uuid", &[ORIGIN.as_slice(), json].concat());
    put(&mut moov, b"moov", &uuid);
    moov
}

#[test]
fn later_versions_and_damage_are_told_apart() {
    assert!(matches!(origin(&with_origin(b"{\"version\":2}")), Err(Error::OriginVersion(2))));
    assert!(matches!(origin(&with_origin(b"{\"version\":1}")), Err(Error::Origin(_))));
    assert!(matches!(origin(&with_origin(b"{\"ver")), Err(Error::Origin(_))));
}

#[test]
fn a_field_more_is_no_obstacle() {
    let json = store(&example()).unwrap();
    let more = String::from_utf8(json).unwrap().replacen('{', "{\"colour\":\"blue\",", 1);
    assert_eq!(origin(&with_origin(more.as_bytes())).unwrap(), Some(example()));
}

#[test]
fn a_boundless_name_is_refused() {
    let long = Origin { participant: "x".repeat(LONGEST_PARTICIPANT + 1), ..example() };
    let refused = write(&config(Codec::Opus), &long);
    assert!(matches!(refused, Err(Error::ParticipantTooLong { length: 4097, limit: 4096 })));
}
