//! What holds for every format, shown with VP8, the plainest.

use super::*;

const FIRST: u8 = 0x10;
const NEXT: u8 = 0x00;

#[test]
fn opus_packets_are_frames() {
    let mut bench = Bench::new(Codec::Opus);
    let payload = Bytes::from_static(&[0xf8, 0xff, 0xfe]);
    bench.push_bytes(960, true, payload.clone()).unwrap();
    bench.push(960, false, &[]).unwrap();
    bench.lose();
    bench.push(2880, false, &[0x78]).unwrap();
    // Not copied.
    assert_eq!(bench.frames[0].data.as_ptr(), payload.as_ptr());
    assert_eq!(bench.take(), [(960, vec![0xf8, 0xff, 0xfe]), (2880, vec![0x78])]);
    assert_eq!(bench.dropped(), 0);
}

#[test]
fn a_frame_is_whole_at_its_marker_and_came_with_its_first_packet() {
    let mut bench = Bench::new(Codec::Vp8);
    bench.push(7, false, &[FIRST, 1]).unwrap();
    bench.push(7, false, &[NEXT, 2]).unwrap();
    assert!(bench.frames.is_empty());
    bench.push(7, true, &[NEXT, 3]).unwrap();
    assert_eq!(bench.frames[0].arrival, Moment(65_531));
    assert_eq!(bench.take(), [(7, vec![1, 2, 3])]);
}

#[test]
fn a_new_timestamp_ends_a_frame_without_marker() {
    let mut bench = Bench::new(Codec::Vp8);
    bench.push(7, false, &[FIRST, 1]).unwrap();
    bench.push(8, true, &[FIRST, 2]).unwrap();
    assert_eq!(bench.take(), [(7, vec![1]), (8, vec![2])]);
}

#[test]
fn padding_neither_breaks_the_sequence_nor_ends_a_frame() {
    let mut bench = Bench::new(Codec::Vp8);
    bench.push(7, false, &[FIRST, 1]).unwrap();
    bench.push(9, true, &[]).unwrap();
    bench.push(7, true, &[NEXT, 2]).unwrap();
    assert_eq!(bench.take(), [(7, vec![1, 2])]);
}

#[test]
fn a_hole_drops_the_frame_it_is_in_and_what_has_no_start() {
    let mut bench = Bench::new(Codec::Vp8);
    bench.push(1, false, &[FIRST, 1]).unwrap();
    bench.lose();
    bench.push(1, true, &[NEXT, 3]).unwrap();
    bench.push(2, true, &[FIRST, 4]).unwrap();
    assert_eq!(bench.take(), [(2, vec![4])]);
    assert_eq!(bench.dropped(), 1);
    // The end of one frame and the start of the next are lost: two frames are.
    bench.push(3, false, &[FIRST, 5]).unwrap();
    bench.lose();
    bench.push(4, false, &[NEXT, 6]).unwrap();
    bench.push(4, true, &[NEXT, 7]).unwrap();
    bench.push(5, true, &[FIRST, 8]).unwrap();
    assert_eq!(bench.take(), [(5, vec![8])]);
    assert_eq!(bench.dropped(), 3);
}

#[test]
fn loss_that_is_told_twice_counts_once() {
    let mut bench = Bench::new(Codec::Vp8);
    bench.push(1, false, &[FIRST, 1]).unwrap();
    bench.depacketizer.lost();
    bench.depacketizer.lost();
    bench.lose();
    bench.push(1, true, &[NEXT, 2]).unwrap();
    assert_eq!((bench.take(), bench.dropped()), (vec![], 1));
}

#[test]
fn loss_between_frames_costs_nothing_that_came() {
    let mut bench = Bench::new(Codec::Vp8);
    bench.push(1, true, &[FIRST, 1]).unwrap();
    bench.lose();
    bench.push(3, true, &[FIRST, 3]).unwrap();
    assert_eq!(bench.take(), [(1, vec![1]), (3, vec![3])]);
    assert_eq!(bench.dropped(), 0);
}

#[test]
fn after_an_error_the_next_frame_is_taken() {
    let mut bench = Bench::new(Codec::Vp8);
    bench.push(1, true, &[FIRST, 1]).unwrap();
    assert_eq!(bench.push(2, false, &[NEXT, 2]), Err(Error::NoStart));
    bench.push(2, true, &[FIRST, 2]).unwrap();
    bench.push(3, true, &[FIRST, 3]).unwrap();
    assert_eq!(bench.take(), [(1, vec![1]), (3, vec![3])]);
    assert_eq!(bench.dropped(), 1);
}

#[test]
fn a_frame_may_not_grow_without_bound() {
    let mut bench = Bench::new(Codec::Vp8);
    bench.push(1, false, &[FIRST, 1]).unwrap();
    for _ in 1..MAX_FRAME_PACKETS {
        bench.push(1, false, &[NEXT, 1]).unwrap();
    }
    assert!(matches!(bench.push(1, false, &[NEXT, 1]), Err(Error::TooLarge { packets: 4097, .. })));
    assert_eq!(bench.push(1, true, &[NEXT, 1]), Ok(()));
    let large = Bytes::from([&[FIRST][..], &vec![1; 60_000]].concat());
    bench.push_bytes(2, false, large.clone()).unwrap();
    let rest = large.slice(1..);
    let refused = (0..200).map(|_| bench.push_bytes(2, false, Bytes::from([&[NEXT], &rest[..]].concat())));
    let errors: Vec<_> = refused.filter_map(Result::err).collect();
    assert!(matches!(errors[..], [Error::TooLarge { bytes: 8_389_000.., packets: 140 }]), "{errors:?}");
    bench.push(3, true, &[FIRST, 9]).unwrap();
    assert_eq!((bench.take(), bench.dropped()), (vec![(3, vec![9])], 2));
}

#[test]
fn an_open_frame_at_the_end_is_whole_only_where_no_markers_are_sent() {
    let mut unmarked = Bench::new(Codec::Vp8);
    unmarked.push(1, false, &[FIRST, 1]).unwrap();
    unmarked.push(2, false, &[FIRST, 2]).unwrap();
    unmarked.depacketizer.finish(&mut unmarked.frames);
    assert_eq!((unmarked.take(), unmarked.dropped()), (vec![(1, vec![1]), (2, vec![2])], 0));
    let mut marked = Bench::new(Codec::Vp8);
    marked.push(1, true, &[FIRST, 1]).unwrap();
    marked.push(2, false, &[FIRST, 2]).unwrap();
    marked.depacketizer.finish(&mut marked.frames);
    assert_eq!((marked.take(), marked.dropped()), (vec![(1, vec![1])], 1));
}

/// 3GPP TS 26.114 7.4.5: on the last packet of a picture, and not on every picture.
#[test]
fn failure_17_a_picture_is_turned_as_its_last_packet_says_or_as_the_one_before() {
    let mut depacketizer = Depacketizer::new(Codec::Vp8);
    let mut frames = Vec::new();
    let packets = [
        (1, false, None),
        (1, true, Some(Rotation::Right)),
        (2, true, None),
        (3, false, None),
        // No marker: what the next packet says is not of this picture.
        (4, false, Some(Rotation::Half)),
        (4, true, Some(Rotation::Left)),
        (5, true, None),
    ];
    for (sequence, (timestamp, marker, rotation)) in packets.into_iter().enumerate() {
        let begins = sequence == 0 || packets[sequence - 1].0 != timestamp;
        let payload = Bytes::copy_from_slice(&[if begins { 0x10 } else { 0 }, 7, 7, 7]);
        let packet =
            Packet { sequence: sequence as u64, timestamp, marker, payload, rotation, ..Packet::default() };
        depacketizer.push(&packet, &mut frames).unwrap();
    }
    let turns: Vec<_> = frames.iter().map(|frame| (frame.timestamp, frame.rotation.degrees())).collect();
    assert_eq!(turns, [(1, 90), (2, 90), (3, 90), (4, 270), (5, 270)]);
}
