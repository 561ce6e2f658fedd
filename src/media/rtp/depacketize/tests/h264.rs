use super::*;
use proptest::prelude::*;

const SPS: &[u8] = &[0x67, 0x42, 0xc0, 0x1f, 0xd9];
const PPS: &[u8] = &[0x68, 0xcb, 0x8c, 0xb2];
const IDR: &[u8] = &[0x65, 0x88, 0x84, 1, 2, 3, 4, 5, 6];
const SLICE: &[u8] = &[0x41, 0x9a, 0x39, 7];

fn stap_a(units: &[&[u8]]) -> Vec<u8> {
    let mut payload = vec![0x78];
    for unit in units {
        payload.extend((unit.len() as u16).to_be_bytes());
        payload.extend(*unit);
    }
    payload
}

/// FU-A packets of at most `size` bytes of the unit.
fn fu_a(unit: &[u8], size: usize) -> Vec<Vec<u8>> {
    let count = unit[1..].chunks(size).count();
    let packet = |(index, body): (usize, &[u8])| {
        let start = if index == 0 { 0x80 } else { 0 };
        let end = if index + 1 == count { 0x40 } else { 0 };
        [&[unit[0] & 0xe0 | 28, start | end | unit[0] & 0x1f], body].concat()
    };
    unit[1..].chunks(size).enumerate().map(packet).collect()
}

#[test]
fn units_keep_their_bytes_and_their_order() {
    let mut bench = Bench::new(Codec::H264);
    let delimiter = &[0x09, 0xf0][..];
    let sei = &[0x06, 0x05, 0x01, 0x00, 0x80][..];
    bench.push(1, false, delimiter).unwrap();
    bench.push(1, false, &stap_a(&[SPS, PPS, sei])).unwrap();
    for payload in fu_a(IDR, 3) {
        bench.push(1, false, &payload).unwrap();
    }
    bench.push(1, true, SLICE).unwrap();
    bench.push(2, true, SLICE).unwrap();
    let first = sample(&[delimiter, SPS, PPS, sei, IDR, SLICE]);
    assert_eq!(bench.take(), [(1, first), (2, sample(&[SLICE]))]);
}

#[test]
fn a_dangling_byte_in_a_stap_a_is_an_error() {
    let mut bench = Bench::new(Codec::H264);
    let mut payload = stap_a(&[SPS, PPS]);
    payload.push(0);
    assert_eq!(bench.push(1, true, &payload), Err(Error::Truncated("a length in a STAP-A")));
    payload.push(9);
    assert_eq!(bench.push(2, true, &payload), Err(Error::Truncated("a unit in a STAP-A")));
    assert_eq!(bench.push(3, true, &[0x78]), Err(Error::Truncated("a STAP-A")));
    assert_eq!(bench.push(4, true, &[0x78, 0, 0]), Err(Error::Malformed("an empty NAL unit")));
    assert_eq!((bench.take(), bench.dropped()), (vec![], 4));
}

#[test]
fn fragments_are_not_joined_across_loss() {
    let mut bench = Bench::new(Codec::H264);
    bench.push(1, true, SLICE).unwrap();
    let fragments = fu_a(IDR, 2);
    bench.push(2, false, &fragments[0]).unwrap();
    bench.push(2, false, &fragments[1]).unwrap();
    bench.lose();
    bench.push(2, true, &fragments[3]).unwrap();
    let whole = fu_a(SLICE, 2);
    bench.push(3, false, &whole[0]).unwrap();
    bench.push(3, true, &whole[1]).unwrap();
    assert_eq!(bench.take(), [(1, sample(&[SLICE])), (3, sample(&[SLICE]))]);
    assert_eq!(bench.dropped(), 1);
}

#[test]
fn fragments_out_of_turn_cost_their_frame() {
    let mut bench = Bench::new(Codec::H264);
    bench.push(1, true, SLICE).unwrap();
    let fragments = fu_a(IDR, 2);
    assert_eq!(bench.push(2, true, &fragments[1]), Err(Error::NoStart));
    bench.push(3, false, &fragments[0]).unwrap();
    assert_eq!(bench.push(3, true, SLICE), Err(Error::NoEnd));
    bench.push(4, false, &fragments[0]).unwrap();
    assert_eq!(bench.push(4, true, &fragments[0]), Err(Error::NoEnd));
    bench.push(5, false, &fragments[0]).unwrap();
    assert_eq!(bench.push(6, true, SLICE), Err(Error::NoEnd));
    assert_eq!(bench.push(7, true, &fragments[0]), Err(Error::NoEnd));
    bench.push(8, true, SLICE).unwrap();
    assert_eq!(bench.take(), [1, 6, 8].map(|timestamp| (timestamp, sample(&[SLICE]))));
    assert_eq!(bench.dropped(), 5);
}

#[test]
fn other_packet_types_are_refused() {
    let mut bench = Bench::new(Codec::H264);
    bench.push(0, true, SLICE).unwrap();
    for kind in [0, 25, 26, 27, 29, 30, 31] {
        assert_eq!(bench.push(u32::from(kind), true, &[0x60 | kind, 1, 2]), Err(Error::Unsupported(kind)));
        // Nor inside of others.
        assert_eq!(bench.push(100, true, &stap_a(&[&[0x60 | kind, 1]])), Err(Error::Unsupported(kind)));
        assert_eq!(bench.push(200, true, &[0x7c, 0x80 | kind, 1]), Err(Error::Unsupported(kind)));
    }
    assert_eq!(bench.take().len(), 1);
}

#[test]
fn parameter_sets_in_packets_of_their_own_join_the_picture_that_follows() {
    let mut bench = Bench::new(Codec::H264);
    bench.push(1, true, SLICE).unwrap();
    // With the timestamp of the picture before, with a marker, and with an earlier timestamp.
    bench.push(1, false, SPS).unwrap();
    bench.push(1, true, PPS).unwrap();
    bench.push(4, false, SPS).unwrap();
    bench.push(5, true, IDR).unwrap();
    assert_eq!(bench.frames[1].arrival, Moment(65_535));
    assert_eq!(bench.take(), [(1, sample(&[SLICE])), (5, sample(&[SPS, PPS, SPS, IDR]))]);
    assert_eq!(bench.dropped(), 0);
}

#[test]
fn after_loss_a_picture_is_taken_where_its_start_is_seen() {
    let mut bench = Bench::new(Codec::H264);
    bench.push(1, true, SLICE).unwrap();
    bench.lose();
    // first_mb_in_slice is not 0.
    bench.push(2, true, &[0x41, 0x4a, 0x39, 7]).unwrap();
    bench.push(3, true, SLICE).unwrap();
    bench.lose();
    bench.push(5, true, SLICE).unwrap();
    bench.lose();
    bench.push(6, false, &fu_a(SLICE, 2)[1]).unwrap();
    // A change of timestamp with no hole before it.
    bench.push(7, true, &[0x41, 0x4a, 0x39, 7]).unwrap();
    let expected = [1, 3, 5].map(|timestamp| (timestamp, sample(&[SLICE]))).to_vec();
    assert_eq!(bench.take(), [expected, vec![(7, sample(&[&[0x41, 0x4a, 0x39, 7]]))]].concat());
    assert_eq!(bench.dropped(), 2);
}

#[test]
fn after_loss_a_key_frame_is_taken_only_with_its_parameter_sets() {
    let mut bench = Bench::new(Codec::H264);
    bench.push(1, true, SLICE).unwrap();
    bench.lose();
    assert_eq!(bench.push(2, true, IDR), Err(Error::FrontLost));
    bench.lose();
    bench.push(3, false, &stap_a(&[SPS, PPS])).unwrap();
    bench.push(3, true, IDR).unwrap();
    bench.push(4, true, IDR).unwrap();
    assert_eq!(bench.take()[1..], [(3, sample(&[SPS, PPS, IDR])), (4, sample(&[IDR]))]);
}

/// Packets of pictures, by turns as single units, aggregates and fragments.
fn packetize(pictures: &[Vec<Vec<u8>>], size: usize) -> Vec<(u32, bool, Vec<u8>)> {
    let mut packets = Vec::new();
    for (index, units) in pictures.iter().enumerate() {
        let (mut small, mut payloads) = (Vec::new(), Vec::new());
        for unit in units {
            if unit.len() > size {
                payloads.extend((!small.is_empty()).then(|| stap_a(&std::mem::take(&mut small))));
                payloads.extend(fu_a(unit, size));
            } else if unit.len() % 2 == 0 {
                small.push(unit.as_slice());
            } else {
                payloads.extend((!small.is_empty()).then(|| stap_a(&std::mem::take(&mut small))));
                payloads.push(unit.clone());
            }
        }
        payloads.extend((!small.is_empty()).then(|| stap_a(&small)));
        let last = payloads.len() - 1;
        let packet = |(number, payload)| (index as u32 * 3000, number == last, payload);
        packets.extend(payloads.into_iter().enumerate().map(packet));
    }
    packets
}

/// A unit of one of the types, with no zeros, so that it needs no emulation prevention.
fn unit(kinds: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
    let kind = prop::sample::select(kinds);
    (kind, prop::collection::vec(1u8.., 1..200)).prop_map(|(kind, mut body)| {
        body[0] = body[0] & 0x7f | 0x40;
        [vec![0x60 | kind], body].concat()
    })
}

fn pictures() -> impl Strategy<Value = Vec<Vec<Vec<u8>>>> {
    let front = prop::collection::vec(unit(&[6]), 0..3);
    let slices = prop::collection::vec(unit(&[1, 5]), 1..4);
    let picture = (front, slices).prop_map(|(front, mut slices)| {
        // Only the first slice begins with macroblock 0.
        slices[0][1] |= 0x80;
        [front, slices].concat()
    });
    prop::collection::vec(picture, 1..12)
}

proptest! {
    #[test]
    fn what_is_packetized_comes_back(pictures in pictures(), size in 3usize..64, markers: bool) {
        let mut bench = Bench::new(Codec::H264);
        // So that the first picture's start is known.
        bench.push(u32::MAX, true, SLICE).unwrap();
        for (timestamp, marker, payload) in packetize(&pictures, size) {
            prop_assert_eq!(bench.push(timestamp, marker && markers, &payload), Ok(()));
        }
        bench.push(u32::MAX, true, SLICE).unwrap();
        let samples: Vec<_> = bench.take().into_iter().map(|(_, data)| data).collect();
        let units = |units: &Vec<Vec<u8>>| sample(&units.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let expected: Vec<_> = pictures.iter().map(units).collect();
        prop_assert_eq!(&samples[1..samples.len() - 1], expected);
    }

    /// With loss, what comes out is still only what was sent, whole, and in order.
    #[test]
    fn loss_makes_no_new_pictures(
        pictures in pictures(), size in 3usize..64, lost in prop::collection::vec(prop::bool::weighted(0.15), 400)
    ) {
        let mut bench = Bench::new(Codec::H264);
        let packets = packetize(&pictures, size);
        let mut touched = std::collections::BTreeSet::new();
        for ((timestamp, marker, payload), lost) in packets.iter().zip(lost) {
            if lost {
                touched.insert(*timestamp);
                bench.lose();
            } else {
                let _ = bench.push(*timestamp, *marker, payload);
            }
        }
        for (timestamp, data) in bench.take() {
            let units = &pictures[timestamp as usize / 3000];
            let whole = sample(&units.iter().map(Vec::as_slice).collect::<Vec<_>>());
            if touched.contains(&timestamp) {
                // Only units before its first slice may be missing, if the packets before it were lost.
                let slice = units.iter().position(|unit| unit[0] & 0x1f != 6).unwrap();
                let from_slice = sample(&units[slice..].iter().map(Vec::as_slice).collect::<Vec<_>>());
                prop_assert!(whole.ends_with(&data) && data.ends_with(&from_slice));
            } else {
                prop_assert_eq!(data, whole);
            }
        }
    }

    /// Another project's depacketizer finds the same pictures in the same packets.
    #[test]
    fn retina_agrees(pictures in pictures(), size in 3usize..64) {
        let mut bench = Bench::new(Codec::H264);
        let mut other = retina::codec::Depacketizer::new("video", "h264", 90_000, None, Some(PARAMETERS)).unwrap();
        other.set_frame_format(retina::codec::FrameFormat::MP4);
        let mut buffer = retina::testutil::DepacketizeBuf::new(1 << 20);
        let mut theirs = Vec::new();
        bench.push(u32::MAX, true, SLICE).unwrap();
        bench.take();
        for (timestamp, mark, payload) in packetize(&pictures, size) {
            bench.push(timestamp, mark, &payload).unwrap();
            let meta = retina::rtp::PacketMeta {
                ctx: retina::PacketContext::dummy(),
                stream_id: 0,
                timestamp: retina::Timestamp::new(timestamp.into(), 90_000.try_into().unwrap(), 0).unwrap(),
                sequence_number: bench.sequence as u16,
                ssrc: 1,
                mark,
                loss: 0,
            };
            buffer.push(&mut other, meta, &payload).unwrap();
            while let Some(item) = other.pull() {
                let retina::codec::CodecItem::VideoFrame(frame) = item.unwrap() else { panic!() };
                theirs.push((frame.timestamp().timestamp() as u32, frame.into_data()));
            }
        }
        prop_assert_eq!(bench.take(), theirs);
    }
}

/// retina reads parameter sets; these are real ones and no others are sent.
const PARAMETERS: &str = "packetization-mode=1;sprop-parameter-sets=Z0LAHtkDxWhAAAADAEAAAAwDxYuS,aMuMsg==";
