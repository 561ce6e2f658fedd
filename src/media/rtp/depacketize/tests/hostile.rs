//! Whatever comes, nothing panics and nothing grows past its bounds.

use super::*;
use crate::media::codec::Inspector;
use proptest::prelude::*;

fn codec() -> impl Strategy<Value = Codec> {
    prop::sample::select(&[Codec::H264, Codec::Vp8, Codec::Vp9, Codec::Av1, Codec::Opus][..])
}

/// Bytes of which the first are often such as real packets begin with.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    let front = prop::sample::select(
        &[0x78u8, 0x7c, 0x67, 0x68, 0x65, 0x41, 0x10, 0x90, 0x0c, 0x8c, 0x2c, 0x0e, 0x18, 0x50, 0x20][..],
    );
    (prop::option::of(front), prop::collection::vec(any::<u8>(), 0..64))
        .prop_map(|(front, rest)| front.into_iter().chain(rest).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn failure_34_arbitrary_packets_do_no_harm(
        codec in codec(),
        packets in prop::collection::vec((payload(), 0u32..4, any::<bool>(), prop::bool::weighted(0.1)), 0..60)
    ) {
        let mut bench = Bench::new(codec);
        let mut inspector = Inspector::new(codec);
        let (mut sent, mut came) = (0, 0);
        for (payload, timestamp, marker, lost) in packets {
            if lost {
                bench.lose();
            }
            sent += payload.len();
            let _ = bench.push(timestamp, marker, &payload);
            for frame in bench.frames.drain(..) {
                prop_assert!(!frame.data.is_empty());
                came += frame.data.len();
                let _ = inspector.inspect(&frame);
            }
        }
        bench.depacketizer.finish(&mut bench.frames);
        came += bench.frames.iter().map(|frame| frame.data.len()).sum::<usize>();
        // A length or a size field beside each unit is all that is added.
        prop_assert!(came <= 5 * sent);
    }

    #[test]
    fn failure_34_arbitrary_frames_do_no_harm(codec in codec(), frames in prop::collection::vec(payload(), 1..8)) {
        let mut inspector = Inspector::new(codec);
        for data in frames {
            let frame = Frame { data: data.into(), ..Frame::default() };
            let _ = inspector.inspect(&frame);
        }
    }
}
