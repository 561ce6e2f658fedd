use super::*;
use crate::media::Codec;
use crate::media::fmp4::fragment;
use crate::media::fmp4::testing::{config, origin, samples};
use proptest::prelude::*;

#[test]
fn a_file_as_text() {
    let mut file = init::write(&config(Codec::H264), &origin()).unwrap().to_vec();
    let shapes = [(3000, true), (3000, false)];
    file.extend_from_slice(&fragment::write(1, &samples(450_000, &shapes)).unwrap().bytes);
    file.extend_from_slice(&[0, 0, 0, 99]);
    insta::assert_snapshot!(text(&file), @r#"
    ftyp @0 size=32 major=iso6 compatible=iso6,cmfc,dash,mp41
    moov @32 size=873
      mvhd @40 size=120 timescale=90000 duration=0
      trak @160 size=490
        tkhd @168 size=104 track=1 width=320 height=180
        mdia @272 size=378
          mdhd @280 size=44 timescale=90000 duration=0 language=und
          hdlr @324 size=45 handler=vide name="Tureen video"
          minf @369 size=281
            dinf @377 size=36
              dref @385 size=28
            stbl @413 size=217
              stsd @421 size=141 entry=avc3 codec=avc3.42c01f
              stts @562 size=16
              stsc @578 size=16
              stsz @594 size=20
              stco @614 size=16
            vmhd @630 size=20
      mvex @650 size=40
        trex @658 size=32 track=1 entry=1 duration=0 bytes=0 flags=0x00000000
      uuid @690 size=215 origin {"version":1,"recording":"00000000-0000-0000-0000-000000000001","track":"00000000-0000-0000-0000-000000000002","run":3,"first":450000,"wall":1792000000123456,"participant":"peer \"1\"\n😀"}
    moof @905 size=112
      mfhd @913 size=16 sequence=1
      traf @929 size=88
        tfhd @937 size=16 track=1 flags=0x020000
        tfdt @953 size=20 time=450000
        trun @973 size=44 samples=2 data_offset=120 duration=6000 bytes=3 sync=1
    mdat @1017 size=11
    torn @1028 size=4
    "#);
}

#[test]
fn every_codec_shows_its_string() {
    for codec in [Codec::Vp8, Codec::Vp9, Codec::Av1, Codec::H264] {
        let config = config(codec);
        let shown = text(&init::write(&config, &origin()).unwrap());
        assert!(shown.contains(&format!(" codec={}\n", config.string)), "{shown}");
    }
    let opus = text(&init::write(&config(Codec::Opus), &origin()).unwrap());
    assert!(opus.contains("entry=Opus codec=opus channels=2\n"), "{opus}");
}

#[test]
fn strange_boxes_are_told_not_hidden() {
    assert_eq!(text(b"\0\0\0\x08\xff\x1b[m"), "\\xff\\x1b[m @0 size=8\n");
    assert_eq!(text(b"\0\0\0\x09tfdt?"), "tfdt @0 size=9 (malformed)\n");
    assert_eq!(text(b"\0\0\0\x0cmoov\0\0\0\x01"), "moov @0 size=12\n  torn @8 size=4\n");
    let uuid = [b"\0\0\0\x1buuid".as_slice(), &init::ORIGIN, b"\x1b[m"].concat();
    assert_eq!(text(&uuid), "uuid @0 size=27 origin \u{fffd}[m\n");
}

proptest! {
    #[test]
    fn any_bytes_have_a_text(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let text = text(&bytes);
        prop_assert_eq!(text.is_empty(), bytes.is_empty());
    }
}
