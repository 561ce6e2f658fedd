use super::*;

const I: u8 = 0x80;
const P: u8 = 0x40;
const L: u8 = 0x20;
const F: u8 = 0x10;
const B: u8 = 0x08;
const E: u8 = 0x04;
const V: u8 = 0x02;

#[test]
fn descriptors_of_every_kind_are_taken_off() {
    let descriptors: &[&[u8]] = &[
        &[B | E],
        &[I | B | E, 0x7f],
        &[I | B | E, 0x80, 0x01],
        // Non-flexible layers bring TL0PICIDX.
        &[L | B | E, 0x20, 0x55],
        &[L | F | B | E, 0x20],
        // Flexible with one, two and three differences.
        &[I | P | F | B | E, 0x01, 0x02],
        &[I | P | F | B | E, 0x01, 0x03, 0x02],
        &[I | P | L | F | B | E, 0x81, 0x01, 0x00, 0x03, 0x05, 0x06],
        // Without F, P brings no differences.
        &[I | P | B | E, 0x01],
        // Structure: two layers with sizes; a group of two pictures with one and two references.
        &[V | B | E, 0x30, 1, 64, 0, 180, 2, 128, 1, 104],
        &[I | L | V | B | E, 0x81, 0x23, 0, 9, 0x18, 2, 128, 1, 104, 2, 0x04, 1, 0x08, 1, 2],
        &[V | B | E, 0x00],
    ];
    for descriptor in descriptors {
        let mut bench = Bench::new(Codec::Vp9);
        bench.push(1, true, &[descriptor, &[0x82, 7][..]].concat()).unwrap();
        assert_eq!(bench.take(), [(1, vec![0x82, 7])], "{descriptor:x?}");
        for end in 1..=descriptor.len() {
            assert!(bench.push(2, true, &descriptor[..end]).is_err(), "{:x?}", &descriptor[..end]);
        }
        assert_eq!(bench.take(), []);
    }
}

#[test]
fn a_fourth_difference_is_an_error() {
    let mut bench = Bench::new(Codec::Vp9);
    bench.push(1, true, &[B | E, 1]).unwrap();
    assert!(bench.push(2, true, &[P | F | B | E, 3, 3, 3, 2, 9]).is_err());
}

#[test]
fn flexible_mode_goes_on_past_the_third_packet() {
    let mut bench = Bench::new(Codec::Vp9);
    for timestamp in 0..20 {
        let picture = 0x80 | (timestamp >> 8) as u8;
        bench.push(timestamp, false, &[I | P | F | B, picture, timestamp as u8, 0x02, 1]).unwrap();
        bench.push(timestamp, true, &[I | P | F | E, picture, timestamp as u8, 0x02, 2]).unwrap();
    }
    assert_eq!(bench.take(), (0..20).map(|timestamp| (timestamp, vec![1, 2])).collect::<Vec<_>>());
}

#[test]
fn layer_frames_of_one_picture_become_a_superframe() {
    let mut bench = Bench::new(Codec::Vp9);
    bench.push(1, false, &[L | F | B, 0x00, 1, 2]).unwrap();
    bench.push(1, false, &[L | F | E, 0x00, 3]).unwrap();
    bench.push(1, false, &[L | F | B | E, 0x03, 4, 5]).unwrap();
    bench.push(1, true, &[L | F | B | E, 0x05, 6]).unwrap();
    let index = [0xc2, 3, 2, 1, 0xc2];
    assert_eq!(bench.take(), [(1, [&[1, 2, 3, 4, 5, 6], &index[..]].concat())]);
    // Sizes of two bytes; the picture ends with the timestamp.
    let long = vec![7; 300];
    bench.push(2, false, &[&[L | F | B | E, 0x00], &long[..]].concat()).unwrap();
    bench.push(2, false, &[L | F | B | E, 0x03, 8]).unwrap();
    bench.push(3, true, &[L | F | B | E, 0x00, 9]).unwrap();
    let superframe = [&long[..], &[8, 0xc9, 0x2c, 0x01, 1, 0, 0xc9]].concat();
    assert_eq!(bench.take(), [(2, superframe), (3, vec![9])]);
}

#[test]
fn after_loss_a_picture_starts_with_its_lowest_layer() {
    let mut bench = Bench::new(Codec::Vp9);
    bench.push(1, true, &[L | F | B | E, 0x00, 1]).unwrap();
    bench.lose();
    bench.push(2, true, &[L | F | B | E, 0x03, 2]).unwrap();
    bench.lose();
    bench.push(3, true, &[L | F | B | E, 0x00, 3]).unwrap();
    assert_eq!(bench.take(), [(1, vec![1]), (3, vec![3])]);
    assert_eq!(bench.dropped(), 1);
}

#[test]
fn layer_frames_out_of_turn_cost_their_picture() {
    let mut bench = Bench::new(Codec::Vp9);
    bench.push(1, true, &[B | E, 1]).unwrap();
    assert_eq!(bench.push(2, true, &[E, 2]), Err(Error::NoStart));
    bench.push(3, false, &[B, 2]).unwrap();
    assert_eq!(bench.push(3, true, &[B, 2]), Err(Error::NoEnd));
    assert_eq!(bench.push(4, true, &[B, 2]), Err(Error::NoEnd));
    for _ in 0..8 {
        bench.push(5, false, &[B | E, 2]).unwrap();
    }
    assert!(matches!(bench.push(5, true, &[B | E, 2]), Err(Error::Malformed(_))));
    bench.push(6, true, &[B | E, 3]).unwrap();
    assert_eq!((bench.take(), bench.dropped()), (vec![(1, vec![1]), (6, vec![3])], 4));
}

#[test]
fn a_picture_of_one_packet_is_not_copied() {
    let mut bench = Bench::new(Codec::Vp9);
    let payload = Bytes::from_static(&[B | E, 1, 2, 3]);
    bench.push_bytes(1, true, payload.clone()).unwrap();
    assert_eq!(bench.frames[0].data.as_ptr(), payload[1..].as_ptr());
}
