use super::*;
use crate::media::codec::obu;
use bytes::BytesMut;
use proptest::prelude::*;

const Z: u8 = 0x80;
const Y: u8 = 0x40;
const N: u8 = 0x08;

/// An OBU without size field: type 1 is a sequence header, 6 a frame.
fn bare(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind << 3], body].concat()
}

/// The same as it is stored.
fn sized(bare: &[u8]) -> Vec<u8> {
    let header = if bare[0] & 4 == 0 { 1 } else { 2 };
    let mut data = BytesMut::from(&bare[..header]);
    data[0] |= 2;
    obu::put_leb128(&mut data, bare.len() - header);
    [&data, &bare[header..]].concat()
}

fn with_length(element: &[u8]) -> Vec<u8> {
    let mut data = BytesMut::new();
    obu::put_leb128(&mut data, element.len());
    [&data, element].concat()
}

#[test]
fn elements_with_and_without_lengths_get_size_fields() {
    let (sequence, frame) = (bare(1, &[1, 2, 3]), bare(6, &[4, 5]));
    let expected = [sized(&sequence), sized(&frame)].concat();
    let mut bench = Bench::new(Codec::Av1);
    // W = 0: each has a length. W = 2: all but the last.
    let all = [vec![N], with_length(&sequence), with_length(&frame)].concat();
    bench.push(1, true, &all).unwrap();
    let but_last = [vec![N | 0x20], with_length(&sequence), frame.clone()].concat();
    bench.push(2, true, &but_last).unwrap();
    assert_eq!(bench.take(), [(1, expected.clone()), (2, expected)]);
    assert!(bench.push(3, true, &[0x20, 2, 0x30, 1]).is_err());
    assert!(bench.push(4, true, &[0x00, 9, 0x30, 1]).is_err());
    assert!(bench.push(5, true, &[0x00]).is_err());
    assert!(bench.push(6, true, &[0x10, 0x80 | 0x30, 1]).is_err());
}

#[test]
fn an_obu_is_joined_from_its_fragments() {
    let frame = bare(6, &(0..100).collect::<Vec<_>>());
    let mut bench = Bench::new(Codec::Av1);
    let first = [vec![Y | 0x20], with_length(&bare(1, &[1])), frame[..1].to_vec()].concat();
    bench.push(1, false, &first).unwrap();
    bench.push(1, false, &[&[Z | Y | 0x10], &frame[1..50]].concat()).unwrap();
    let last = [vec![Z | 0x20], with_length(&frame[50..]), bare(6, &[7])].concat();
    bench.push(1, true, &last).unwrap();
    let expected = [sized(&bare(1, &[1])), sized(&frame), sized(&bare(6, &[7]))].concat();
    assert_eq!(bench.take(), [(1, expected)]);
}

#[test]
fn fragments_are_not_joined_across_loss_or_out_of_turn() {
    let mut bench = Bench::new(Codec::Av1);
    bench.push(1, true, &[0x10, 0x30, 1]).unwrap();
    bench.push(2, false, &[Y | 0x10, 0x30, 1]).unwrap();
    bench.lose();
    bench.push(2, true, &[Z | 0x10, 2]).unwrap();
    assert_eq!(bench.push(3, true, &[Z | 0x10, 2]), Err(Error::NoStart));
    bench.push(4, false, &[Y | 0x10, 0x30, 1]).unwrap();
    assert_eq!(bench.push(4, true, &[0x10, 0x30, 2]), Err(Error::NoEnd));
    assert_eq!(bench.push(5, true, &[Y | 0x10, 0x30, 1]), Err(Error::NoEnd));
    bench.push(6, true, &[0x10, 0x30, 9]).unwrap();
    assert_eq!(bench.take(), [(1, vec![0x32, 1, 1]), (6, vec![0x32, 1, 9])]);
    assert_eq!(bench.dropped(), 4);
}

#[test]
fn size_fields_that_are_there_are_read_and_written_anew() {
    let mut bench = Bench::new(Codec::Av1);
    // The size is two bytes long where one is enough; a byte after the OBU is not part of it.
    bench.push(1, true, &[0x10, 0x32, 0x82, 0x00, 7, 8, 0xff]).unwrap();
    // An extension, and the size cut in two.
    bench.push(2, false, &[Y | 0x10, 0x36, 0x08, 0x82]).unwrap();
    bench.push(2, true, &[Z | 0x10, 0x00, 7, 8]).unwrap();
    assert_eq!(bench.take(), [(1, vec![0x32, 2, 7, 8]), (2, vec![0x36, 0x08, 2, 7, 8])]);
    assert_eq!(bench.push(3, true, &[0x10, 0x32, 3, 7, 8]), Err(Error::Truncated("an OBU")));
}

#[test]
fn temporal_delimiters_and_tile_lists_are_left_out() {
    let mut bench = Bench::new(Codec::Av1);
    let elements =
        [with_length(&[0x10]), with_length(&bare(8, &[1])), with_length(&[]), with_length(&bare(15, &[0]))];
    bench.push(1, false, &[vec![0], elements.concat()].concat()).unwrap();
    bench.push(1, true, &[0x10, 0x30, 1]).unwrap();
    assert_eq!(bench.take(), [(1, vec![0x7a, 1, 0, 0x32, 1, 1])]);
}

#[test]
fn after_loss_a_unit_is_taken_where_its_start_is_seen() {
    let mut bench = Bench::new(Codec::Av1);
    bench.push(1, true, &[0x10, 0x30, 1]).unwrap();
    let not_starts: [&[u8]; 4] =
        [&[Z | 0x10, 1], &[0x10, 0x20, 1], &[0x10, 0x34, 0x08, 1], &[0x00, 2, 0x20, 1]];
    for (timestamp, payload) in not_starts.iter().enumerate() {
        bench.lose();
        bench.push(10 + timestamp as u32, true, payload).unwrap();
    }
    let starts: [&[u8]; 3] = [&[N | 0x10, 0x08, 1], &[0x10, 0x30, 1], &[0x00, 2, 0x18, 1]];
    for (timestamp, payload) in starts.iter().enumerate() {
        bench.lose();
        bench.push(20 + timestamp as u32, true, payload).unwrap();
    }
    let timestamps: Vec<_> = bench.take().iter().map(|(timestamp, _)| *timestamp).collect();
    assert_eq!((timestamps, bench.dropped()), (vec![1, 20, 21, 22], 4));
}

/// Cuts the elements of one temporal unit into payloads of at most `size` bytes, by either way of counting.
fn packetize(obus: &[Vec<u8>], size: usize, counted: bool) -> Vec<Vec<u8>> {
    let mut packets: Vec<(u8, Vec<Vec<u8>>)> = vec![(0, Vec::new())];
    let mut room = size;
    for obu in obus {
        let mut rest = obu.as_slice();
        while !rest.is_empty() {
            let (flags, elements) = packets.last_mut().unwrap();
            let (piece, after) = rest.split_at(rest.len().min(room));
            elements.push(piece.to_vec());
            (rest, room) = (after, room - piece.len());
            if room == 0 || elements.len() == 3 {
                let goes_on = !rest.is_empty();
                *flags |= if goes_on { Y } else { 0 };
                packets.push((if goes_on { Z } else { 0 }, Vec::new()));
                room = size;
            }
        }
    }
    let write = |(flags, elements): (u8, Vec<Vec<u8>>)| {
        let count = if counted { elements.len() } else { 0 };
        let mut payload = vec![flags | (count as u8) << 4];
        for (index, element) in elements.iter().enumerate() {
            payload.extend(if index + 1 == count { element.clone() } else { with_length(element) });
        }
        payload
    };
    packets.into_iter().filter(|(_, elements)| !elements.is_empty()).map(write).collect()
}

fn units() -> impl Strategy<Value = Vec<Vec<Vec<u8>>>> {
    let kind = prop::sample::select(&[1u8, 3, 4, 5, 6, 15][..]);
    let obu = (kind, prop::option::of(0u8..32), prop::collection::vec(any::<u8>(), 0..300));
    let obu = obu.prop_map(|(kind, extension, body)| match extension {
        Some(extension) => [vec![kind << 3 | 4, extension << 3], body].concat(),
        None => [vec![kind << 3], body].concat(),
    });
    let unit = prop::collection::vec(obu, 1..6).prop_map(|mut unit| {
        unit[0] = bare(6, &unit[0][1..]);
        unit
    });
    prop::collection::vec(unit, 1..8)
}

/// A count of 8 bits overflowed here, and from the 256th on a last element was taken to have no length.
#[test]
fn failure_34_more_elements_than_a_byte_counts() {
    let mut bench = Bench::new(Codec::Av1);
    let header = obu::FRAME << 3;
    let elements = [[1, header].as_slice(); 300].concat();
    assert_eq!(bench.push(1, true, &[&[0x00], elements.as_slice()].concat()), Ok(()));
    assert_eq!(bench.take(), [(1, [header | 0x02, 0].repeat(300))]);
}

proptest! {
    #[test]
    fn what_is_packetized_comes_back(units in units(), size in 1usize..120, counted: bool) {
        let mut bench = Bench::new(Codec::Av1);
        for (timestamp, unit) in units.iter().enumerate() {
            let payloads = packetize(unit, size, counted);
            for (index, payload) in payloads.iter().enumerate() {
                let marker = index + 1 == payloads.len();
                prop_assert_eq!(bench.push(timestamp as u32, marker, payload), Ok(()));
            }
            let expected: Vec<u8> = unit.iter().flat_map(|obu| sized(obu)).collect();
            prop_assert_eq!(bench.take(), vec![(timestamp as u32, expected)]);
        }
    }

    #[test]
    fn loss_makes_no_new_units(
        units in units(), size in 1usize..120, lost in prop::collection::vec(prop::bool::weighted(0.15), 600)
    ) {
        let mut bench = Bench::new(Codec::Av1);
        let mut lost = lost.into_iter().cycle();
        for (timestamp, unit) in units.iter().enumerate() {
            let payloads = packetize(unit, size, true);
            let mut touched = false;
            for (index, payload) in payloads.iter().enumerate() {
                if lost.next().unwrap() {
                    touched = true;
                    bench.lose();
                } else {
                    let _ = bench.push(timestamp as u32, index + 1 == payloads.len(), payload);
                }
            }
            let expected: Vec<u8> = unit.iter().flat_map(|obu| sized(obu)).collect();
            for (at, data) in bench.take() {
                prop_assert_eq!(at, timestamp as u32);
                // The format does not mark a unit's first packet: an OBU that could start one may be taken for it.
                prop_assert!(expected == data || touched && expected.ends_with(&data));
            }
        }
    }
}
