use super::*;

#[test]
fn descriptors_of_every_length_are_taken_off() {
    let descriptors: [&[u8]; 9] = [
        &[0x10],
        &[0x90, 0x00],
        &[0x90, 0x80, 0x7f],
        &[0x90, 0x80, 0x80, 0x01],
        &[0x90, 0x40, 0x09],
        &[0x90, 0x20, 0x60],
        &[0x90, 0x10, 0x1f],
        &[0x90, 0x30, 0x7f],
        &[0xb0, 0xf0, 0xff, 0xff, 0x09, 0x7f],
    ];
    let mut bench = Bench::new(Codec::Vp8);
    for (timestamp, descriptor) in descriptors.iter().enumerate() {
        bench.push(timestamp as u32, true, &[descriptor, &[0x31, 7][..]].concat()).unwrap();
        assert_eq!(bench.take(), [(timestamp as u32, vec![0x31, 7])]);
        assert!(bench.push(timestamp as u32, true, descriptor).is_err());
        for end in 1..descriptor.len() {
            assert!(bench.push(timestamp as u32, true, &descriptor[..end]).is_err());
        }
    }
    assert_eq!(bench.take(), []);
}

#[test]
fn each_packet_is_read_by_its_own_flags_alone() {
    let mut bench = Bench::new(Codec::Vp8);
    // Everything is set in the first packet, nothing in the second.
    bench.push(1, false, &[0x90, 0xf0, 0x80, 1, 2, 0x3f, 0xaa]).unwrap();
    bench.push(1, true, &[0x00, 0x90, 0x80, 0xbb]).unwrap();
    assert_eq!(bench.take(), [(1, vec![0xaa, 0x90, 0x80, 0xbb])]);
}

#[test]
fn a_frame_starts_with_partition_0_only() {
    let mut bench = Bench::new(Codec::Vp8);
    // The starts of partitions 1 and 2, after packets that never came.
    bench.push(1, false, &[0x11, 1]).unwrap();
    bench.push(1, true, &[0x12, 1]).unwrap();
    bench.push(2, false, &[0x10, 2]).unwrap();
    bench.push(2, false, &[0x11, 3]).unwrap();
    bench.push(2, true, &[0x12, 4]).unwrap();
    // Non-reference (N) says nothing of starts.
    bench.push(3, true, &[0x30, 5]).unwrap();
    assert_eq!(bench.take(), [(2, vec![2, 3, 4]), (3, vec![5])]);
    bench.push(4, false, &[0x10, 6]).unwrap();
    assert_eq!(bench.push(4, true, &[0x10, 7]), Err(Error::NoEnd));
    assert_eq!((bench.take(), bench.dropped()), (vec![], 2));
}

#[test]
fn a_frame_of_one_packet_is_not_copied() {
    let mut bench = Bench::new(Codec::Vp8);
    let payload = Bytes::from_static(&[0x10, 1, 2, 3]);
    bench.push_bytes(1, true, payload.clone()).unwrap();
    assert_eq!(bench.frames[0].data.as_ptr(), payload[1..].as_ptr());
}
