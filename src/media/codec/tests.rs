//! Headers that real encoders wrote: x264, libvpx, libaom and SVT-AV1.

use super::*;
use crate::time::Moment;
use mp4_atom::Encode;
use proptest::prelude::*;

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digit).collect()
}

/// Fields of so many bits each, padded with zeros.
fn pack(fields: &[(u64, usize)]) -> Vec<u8> {
    let text: String =
        fields.iter().map(|(value, width)| format!("{value:0width$b}", width = *width)).collect();
    let byte =
        |bits: &[u8]| bits.iter().enumerate().fold(0, |byte, (at, bit)| byte | (bit - b'0') << (7 - at));
    text.as_bytes().chunks(8).map(byte).collect()
}

/// ue(v).
fn ue(value: u64) -> (u64, usize) {
    (value + 1, 2 * (value + 1).ilog2() as usize + 1)
}

fn frame(data: impl Into<bytes::Bytes>) -> Frame {
    Frame { data: data.into(), ..Frame::default() }
}

fn inspect(codec: Codec, data: Vec<u8>) -> Result<Inspection, Error> {
    Inspector::new(codec).inspect(&frame(data))
}

fn key(codec: Codec, data: Vec<u8>) -> Config {
    let inspection = inspect(codec, data).unwrap();
    assert!(inspection.sync);
    let config = inspection.config.unwrap();
    assert_eq!(config.codec, codec);
    // The sample entry can be written and read again.
    let mut entry = Vec::new();
    config.entry.encode(&mut entry).unwrap();
    assert_eq!(<mp4_atom::Codec as mp4_atom::Decode>::decode(&mut entry.as_slice()).unwrap(), config.entry);
    config
}

fn size(config: &Config) -> (u32, u32) {
    let visual = config.entry.visual().unwrap();
    assert_eq!((u32::from(visual.width), u32::from(visual.height)), (config.width, config.height));
    (config.width, config.height)
}

/// A sample of NAL units.
fn units(units: &[&str]) -> Vec<u8> {
    let unit = |unit: &&str| [&(unit.len() as u32 / 2).to_be_bytes()[..], &bytes(unit)].concat();
    units.iter().flat_map(unit).collect()
}

mod h264 {
    use super::*;

    const SPS: &str = "6742c01fd901419f9e1000000300100000030320f1832480";
    const PPS: &str = "68cb8cb2";
    const IDR: &str = "6588841fc98a00024d727272";
    const SLICE: &str = "419a39e13130600382cec991305a";
    const B_SLICE: &str = "019e836a5f3a1451c76970abbfc6";
    const MAIN: [&str; 2] = ["674d400dd901519e226c3840000003004000000f03c50a92", "68ebc3cb20"];
    const HIGH_10: [&str; 2] = ["676e000da6cb202a33c44d8088000003000800000301e078a15240", "68ebc3cb22c0"];

    fn avc1(config: &Config) -> &mp4_atom::Avc1 {
        let mp4_atom::Codec::Avc1(entry) = &config.entry else { panic!("{:?}", config.entry) };
        entry
    }

    fn avcc(config: &Config) -> Vec<u8> {
        let mut written = Vec::new();
        avc1(config).avcc.encode(&mut written).unwrap();
        written.split_off(8)
    }

    #[test]
    fn a_key_frame_with_its_sets_declares_them() {
        let config = key(Codec::H264, units(&["09f0", SPS, PPS, "060501ff80", IDR]));
        assert_eq!((size(&config), config.string.as_str()), ((320, 180), "avc1.42C01F"));
        assert_eq!(avcc(&config), bytes(&format!("0142c01fffe10018{SPS}010004{PPS}")));
        assert_eq!(avc1(&config).pasp, None);
    }

    #[test]
    fn avcc_is_that_of_another_muxer() {
        let config = key(Codec::H264, units(&[HIGH_10[0], HIGH_10[1], IDR]));
        assert_eq!((size(&config), config.string.as_str()), ((322, 182), "avc1.6E000D"));
        let expected = "016e000dffe1001b676e000da6cb202a33c44d8088000003000800000301e078a15240\
            01000668ebc3cb22c0fdfafa00";
        assert_eq!(avcc(&config), bytes(expected));
        let config = key(Codec::H264, units(&[MAIN[0], MAIN[1], IDR]));
        let expected = "014d400dffe10018674d400dd901519e226c3840000003004000000f03c50a9201000568ebc3cb20";
        assert_eq!(avcc(&config), bytes(expected));
        assert_eq!(avc1(&config).pasp, Some(mp4_atom::Pasp { h_spacing: 4, v_spacing: 3 }));
    }

    #[test]
    fn sets_are_remembered_and_a_change_of_them_is_a_new_config() {
        let mut inspector = Inspector::new(Codec::H264);
        let mut config = |parts: &[&str]| inspector.inspect(&frame(units(parts))).unwrap().config;
        // They come with a picture that is no key frame.
        assert_eq!(config(&[SPS, PPS, SLICE]), None);
        let first = config(&[IDR]).unwrap();
        assert_eq!(config(&[SPS, PPS, IDR]), Some(first.clone()));
        assert_eq!(config(&[SLICE]), None);
        let second = config(&[MAIN[0], MAIN[1], IDR]).unwrap();
        assert_eq!((size(&second), size(&first)), ((322, 182), (320, 180)));
        assert_eq!(config(&[IDR]), Some(second));
    }

    #[test]
    fn a_slice_names_its_sets() {
        // 640 by 360, cropped from 368, as SPS 1; and what refers to it.
        let sps =
            [(66, 8), (0xc0, 8), (31, 8), ue(1), ue(0), ue(2), ue(1), (0, 1), ue(39), ue(22), (0b111, 3)];
        let sps = [&sps[..], &[ue(0), ue(0), ue(0), ue(4), (0b01, 2)]].concat();
        let pps = [ue(1), ue(1), (0, 2), ue(0), ue(0), ue(0), (0, 3), ue(0), ue(0), ue(0), (0b1001, 4)];
        let idr = [ue(0), ue(7), ue(1), (1, 1)];
        let unit = |header: u8, fields: &[(u64, usize)]| -> String {
            let packed = [vec![header], pack(fields)].concat();
            packed.iter().map(|byte| format!("{byte:02x}")).collect()
        };
        let (sps, pps, idr) = (unit(0x67, &sps), unit(0x68, &pps), unit(0x65, &idr));
        let mut inspector = Inspector::new(Codec::H264);
        let mut config = |parts: &[&str]| inspector.inspect(&frame(units(parts))).unwrap().config.unwrap();
        let both = config(&[SPS, PPS, &sps, &pps, &idr]);
        assert_eq!(size(&both), (640, 360));
        assert_eq!(avc1(&both).avcc.sequence_parameter_sets, [bytes(&sps)]);
        assert_eq!(avc1(&both).avcc.picture_parameter_sets, [bytes(&pps)]);
        assert_eq!(size(&config(&[IDR])), (320, 180));
        assert_eq!(config(&[&idr]), both);
    }

    #[test]
    fn a_key_frame_before_its_sets_is_an_error() {
        let mut inspector = Inspector::new(Codec::H264);
        let mut error = |parts: &[&str]| inspector.inspect(&frame(units(parts))).unwrap_err();
        assert!(matches!(error(&[IDR]), Error::ParametersMissing));
        assert!(matches!(error(&[SPS, IDR]), Error::ParametersMissing));
        // A new SPS makes the old PPS void.
        assert!(matches!(error(&[MAIN[0], IDR]), Error::ParametersMissing));
        assert!(inspector.inspect(&frame(units(&[MAIN[1], IDR]))).unwrap().sync);
    }

    #[test]
    fn b_slices_are_refused_and_no_profile_is() {
        let mut inspector = Inspector::new(Codec::H264);
        let sps = "6764001facd941419f9e1000000300100000030320f1831960";
        assert!(inspector.inspect(&frame(units(&[sps, "68ebecb22c", IDR]))).unwrap().sync);
        assert!(!inspector.inspect(&frame(units(&["419a216c44ff001ef358"]))).unwrap().sync);
        assert!(matches!(inspector.inspect(&frame(units(&[B_SLICE]))), Err(Error::Reordered)));
        assert!(matches!(inspector.inspect(&frame(units(&["419e626a53df3a0982bc"]))), Err(Error::Reordered)));
    }

    #[test]
    fn broken_frames_are_errors() {
        for broken in [vec![0, 0, 0], vec![0, 0, 0, 9, 0x41], units(&["65"]), units(&["67"]), units(&["68"])]
        {
            assert!(inspect(Codec::H264, broken.clone()).is_err(), "{broken:x?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]

        /// Real sets with bytes changed: the parsers underneath see more of them than of noise.
        #[test]
        fn damaged_sets_do_no_harm(
            which in 0usize..3, at in 1usize..30, with in prop::collection::vec(any::<u8>(), 1..4), cut in 0usize..30
        ) {
            let [sps, pps] = [[SPS, PPS], MAIN, HIGH_10][which];
            let mut sps = bytes(sps);
            for (place, byte) in sps.iter_mut().skip(at).zip(&with) {
                *place = *byte;
            }
            sps.truncate(cut.max(1));
            let hex: String = sps.iter().map(|byte| format!("{byte:02x}")).collect();
            if let Ok(inspection) = inspect(Codec::H264, units(&[&hex, pps, IDR])) {
                size(&inspection.config.unwrap());
            }
        }
    }
}

mod vp8 {
    use super::*;

    #[test]
    fn a_key_frame_declares_its_size() {
        let config = key(Codec::Vp8, bytes("305e009d012a4001b4000007088585889984"));
        assert_eq!((size(&config), config.string.as_str()), ((320, 180), "vp08.00.11.08"));
        // The two bits of scaling are not part of the size; the version is the profile.
        let config = key(Codec::Vp8, bytes("365e009d012a00c5d042000708"));
        assert_eq!((size(&config), config.string.as_str()), ((1280, 720), "vp08.03.31.08"));
        let mp4_atom::Codec::Vp08(entry) = &config.entry else { panic!() };
        assert_eq!((entry.vpcc.profile, entry.vpcc.level, entry.vpcc.bit_depth), (3, 31, 8));
    }

    #[test]
    fn other_frames_declare_nothing_and_broken_ones_are_errors() {
        assert_eq!(inspect(Codec::Vp8, bytes("f10b000d11b8")).unwrap(), Inspection::delta());
        for broken in
            ["", "30", "305e00", "305e009d012b4001b400", "305e009d012a4001b4", "305e009d012a00000000"]
        {
            assert!(inspect(Codec::Vp8, bytes(broken)).is_err(), "{broken}");
        }
    }
}

mod vp9 {
    use super::*;

    const KEY: &str = "824983420013f00b360638241c18420007";
    const DELTA: &str = "86004092f0a12500006076529f07";

    fn vpcc(config: &Config) -> Vec<u8> {
        let mp4_atom::Codec::Vp09(entry) = &config.entry else { panic!() };
        let mut written = Vec::new();
        entry.vpcc.encode(&mut written).unwrap();
        written.split_off(8)
    }

    #[test]
    fn a_key_frame_declares_size_profile_and_colour() {
        let config = key(Codec::Vp9, bytes(KEY));
        assert_eq!((size(&config), config.string.as_str()), ((320, 180), "vp09.00.11.08"));
        assert_eq!(vpcc(&config), bytes("01000000000b820202020000"));
        // Profile 1 with 4:4:4, and profile 2 with ten bits.
        let config = key(Codec::Vp9, bytes("a2498342000282016ac0c7048383094001"));
        assert_eq!((size(&config), config.string.as_str()), ((322, 182), "vp09.01.11.08"));
        assert_eq!(vpcc(&config), bytes("01000000010b860202020000"));
        let config = key(Codec::Vp9, bytes("92498342000a0805ab031c120e0c2c0005"));
        assert_eq!((size(&config), config.string.as_str()), ((322, 182), "vp09.02.11.10"));
        assert_eq!(vpcc(&config), bytes("01000000020ba20202020000"));
    }

    #[test]
    fn a_colour_space_is_named() {
        // BT.709 in the three bits after the sync code.
        let config = key(Codec::Vp9, bytes("824983424014100b560638241c184a000b"));
        assert_eq!(size(&config), (322, 182));
        assert_eq!(vpcc(&config), bytes("01000000000b820101010000"));
    }

    #[test]
    fn other_frames_declare_nothing_and_broken_ones_are_errors() {
        assert_eq!(inspect(Codec::Vp9, bytes(DELTA)).unwrap(), Inspection::delta());
        // show_existing_frame.
        assert_eq!(inspect(Codec::Vp9, vec![0x88]).unwrap(), Inspection::delta());
        for broken in ["", "00", "8249", "82498343", "82498342001410", "b8"] {
            assert!(inspect(Codec::Vp9, bytes(broken)).is_err(), "{broken}");
        }
    }

    #[test]
    fn the_size_of_a_picture_of_layers_is_the_largest() {
        let base = bytes(KEY);
        // frame_marker 2, profile 0, inter frame, shown; reset 0, refresh all, three references; not found
        // three times; 640 by 360.
        let front = [(0b10, 2), (0, 2), (0, 1), (1, 1), (1, 1), (0, 1), (0, 2), (0xff, 8), (0, 12)];
        let upper = pack(&[&front[..], &[(0, 3), (639, 16), (359, 16)]].concat());
        let marker = 0xc1;
        let index = [marker, base.len() as u8, upper.len() as u8, marker];
        let config = key(Codec::Vp9, [&base[..], &upper, &index].concat());
        assert_eq!((size(&config), config.string.as_str()), ((640, 360), "vp09.00.21.08"));
        // An upper layer that takes a reference's size changes nothing.
        let found = pack(&[&front[..], &[(0b001, 3), (639, 16), (359, 16)]].concat());
        let config = key(Codec::Vp9, [&base[..], &found, &index].concat());
        assert_eq!(size(&config), (320, 180));
        // Sizes that run over the end.
        let index = [marker, 200, 200, marker];
        assert!(inspect(Codec::Vp9, [&base[..], &upper, &index].concat()).is_err());
    }

    #[test]
    fn whole_superframes_of_the_depacketizer_are_read() {
        use crate::media::rtp::{depacketize::Depacketizer, packet::Packet};
        let mut frames = Vec::new();
        let mut depacketizer = Depacketizer::new(Codec::Vp9);
        let layers = [([0x2c, 0x00, 0], KEY), ([0x2c, 0x03, 0], DELTA)];
        for (sequence, (descriptor, layer)) in layers.into_iter().enumerate() {
            let packet = Packet {
                sequence: sequence as u64,
                timestamp: 1,
                marker: sequence == 1,
                arrival: Moment(0),
                payload: [&descriptor[..], &bytes(layer)].concat().into(),
                ..Packet::default()
            };
            depacketizer.push(&packet, &mut frames).unwrap();
        }
        assert_eq!(size(&key(Codec::Vp9, frames[0].data.to_vec())), (320, 180));
    }
}

mod av1 {
    use super::*;

    const SEQUENCE: &str = "0a0b000000043cfeccdaf90040";
    const KEY: &str = "320410008040";
    const DELTA: &str = "320430038080";

    fn av1c(config: &Config) -> Vec<u8> {
        let mp4_atom::Codec::Av01(entry) = &config.entry else { panic!() };
        let mut written = Vec::new();
        entry.av1c.encode(&mut written).unwrap();
        written.split_off(8)
    }

    #[test]
    fn a_key_frame_with_a_sequence_header_declares_it() {
        let config = key(Codec::Av1, bytes(&format!("{SEQUENCE}{KEY}")));
        assert_eq!((size(&config), config.string.as_str()), ((320, 180), "av01.0.00M.08"));
        assert_eq!(av1c(&config), bytes(&format!("81000c00{SEQUENCE}")));
    }

    #[test]
    fn av1c_is_that_of_another_muxer() {
        let cases = [
            ("0a0b000000043d06d4daf94040", "av01.0.00M.10", "81004c00"),
            ("0a0a000000043d06d4daf92a", "av01.0.00M.08", "81001c00"),
            ("0a0b000000043d06d4fbf90040", "av01.0.00M.08", "81000c00"),
        ];
        for (sequence, string, front) in cases {
            let config = key(Codec::Av1, bytes(&format!("{sequence}{KEY}")));
            assert_eq!((size(&config), config.string.as_str()), ((322, 182), string));
            assert_eq!(av1c(&config), bytes(&format!("{front}{sequence}")));
        }
    }

    #[test]
    fn a_sequence_header_with_everything_in_it_is_read() {
        // Value and width of each field: profile 2; timing and decoder model; two operating points; size and frame
        // ids; tools; twelve bits, colours, chroma position.
        let text = "2:3 0:1 0:1 \
            1:1 1:32 30:32 1:1 2:3 1:1 9:5 1:32 4:5 4:5 \
            1:1 1:5 257:12 13:5 1:1 1:1 1023:10 1023:10 1:1 1:1 9:4 256:12 4:5 0:1 0:1 \
            10:4 10:4 1919:11 1079:11 1:1 3:4 2:3 \
            0:3 0:4 1:1 0:2 0:1 1:1 0:1 1:1 6:3 0:3 \
            1:1 1:1 0:1 1:1 9:8 16:8 9:8 0:1 1:1 1:1 2:2 0:1 0:1 1:1";
        let field = |text: &str| {
            let (value, width) = text.split_once(':').unwrap();
            (value.parse().unwrap(), width.parse().unwrap())
        };
        let body = pack(&text.split_whitespace().map(field).collect::<Vec<_>>());
        let sequence = [&[0x0a, body.len() as u8], &body[..]].concat();
        let config = key(Codec::Av1, [&sequence[..], &bytes(KEY)].concat());
        assert_eq!((size(&config), config.string.as_str()), ((1920, 1080), "av01.2.13H.12"));
        assert_eq!(av1c(&config)[..4], bytes("814dee00"));
        assert_eq!(av1c(&config)[4..], sequence);
    }

    #[test]
    fn only_shown_key_frames_with_a_sequence_header_are_starts() {
        let mut inspector = Inspector::new(Codec::Av1);
        let mut sync = |hex: &str| inspector.inspect(&frame(bytes(hex))).unwrap().sync;
        assert!(!sync(KEY));
        assert!(!sync(&format!("{SEQUENCE}{DELTA}")));
        // A key frame that is not shown; an existing frame that is.
        assert!(!sync(&format!("{SEQUENCE}320400008040")));
        assert!(!sync(&format!("{SEQUENCE}1a0180")));
        // The first of two frames decides; metadata does not.
        assert!(!sync(&format!("{SEQUENCE}{DELTA}{KEY}")));
        assert!(sync(&format!("2a0101{SEQUENCE}1a0410008040220100")));
        assert!(!sync(DELTA));
    }

    #[test]
    fn broken_units_are_errors() {
        for broken in
            ["32", "3205100080", "30100080", "0a02000032021000", "3200", "b20410008040", "0a01ff32021000"]
        {
            assert!(inspect(Codec::Av1, bytes(broken)).is_err(), "{broken}");
        }
    }
}

mod opus {
    use super::*;

    fn duration(packet: &[u8]) -> Option<u32> {
        inspect(Codec::Opus, packet.to_vec()).ok()?.duration
    }

    #[test]
    fn a_packet_tells_its_length() {
        // Silence of 20 ms as a browser sends it, and every configuration (RFC 6716 table 2).
        assert_eq!(duration(&[0xf8, 0xff, 0xfe]), Some(960));
        let lengths: Vec<_> = (0..32).map(|configuration| duration(&[configuration << 3]).unwrap()).collect();
        let silk = [480, 960, 1920, 2880].repeat(3);
        let celt = [120, 240, 480, 960].repeat(4);
        assert_eq!(lengths, [silk, vec![480, 960, 480, 960], celt].concat());
        // Codes 1, 2 and 3.
        assert_eq!(duration(&[0xf9, 1, 2]), Some(1920));
        assert_eq!(duration(&[0xfa, 1, 2, 3]), Some(1920));
        assert_eq!(duration(&[0xfb, 0x83, 1, 2, 3]), Some(2880));
        assert_eq!(duration(&[0xfb, 0x06]), Some(5760));
    }

    #[test]
    fn packets_that_break_the_rules_are_errors() {
        for broken in [&[][..], &[0xf9, 1], &[0xfb], &[0xfb, 0x00], &[0xfb, 0x07], &[0x1b, 0x03]] {
            assert_eq!(duration(broken), None, "{broken:x?}");
        }
    }

    #[test]
    fn the_first_packet_declares_two_channels() {
        let mut inspector = Inspector::new(Codec::Opus);
        let first = inspector.inspect(&frame(&[0xf8, 0xff, 0xfe][..])).unwrap();
        let config = first.config.unwrap();
        assert_eq!((config.channels, config.string.as_str(), first.sync), (2, "opus", true));
        let mp4_atom::Codec::Opus(entry) = &config.entry else { panic!() };
        assert_eq!((entry.dops.pre_skip, entry.dops.output_channel_count), (0, 2));
        // A mono packet after it declares nothing new.
        let second = inspector.inspect(&frame(&[0x78, 1][..])).unwrap();
        assert_eq!((second.config, second.sync, second.duration), (None, true, Some(960)));
    }
}
