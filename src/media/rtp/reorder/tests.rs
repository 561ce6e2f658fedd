use super::*;
use bytes::Bytes;
use proptest::prelude::*;

const WINDOW: i64 = 2_000_000;

fn packet(sequence: u64, millis: i64) -> Packet {
    Packet {
        sequence,
        timestamp: sequence as u32,
        marker: false,
        arrival: Moment(millis * 1000),
        payload: Bytes::from_static(&[1]),
        ..Packet::default()
    }
}

fn reorder() -> Reorder {
    Reorder::new(Config { start_micros: 0, window_micros: WINDOW, max_packets: 512 })
}

/// Sequence numbers of packets, and losses as `-count`.
fn told(out: &[Output]) -> Vec<i64> {
    let number = |output: &Output| match output {
        Output::Packet(packet) => packet.sequence as i64,
        Output::Lost { count, .. } => -(*count as i64),
    };
    out.iter().map(number).collect()
}

#[test]
fn what_was_overtaken_by_the_first_packet_is_waited_for() {
    let config = Config { start_micros: 10_000, window_micros: WINDOW, max_packets: 512 };
    let (mut reorder, mut out) = (Reorder::new(config), Vec::new());
    for (sequence, millis) in [(12, 0), (10, 3), (14, 8)] {
        reorder.push(packet(sequence, millis), &mut out);
    }
    assert_eq!((told(&out), reorder.deadline()), (vec![], Some(Moment(10_000))));
    reorder.push(packet(15, 11), &mut out);
    assert_eq!(told(&out), [10]);
    reorder.push(packet(11, 12), &mut out);
    reorder.push(packet(13, 13), &mut out);
    assert_eq!(told(&out), [10, 11, 12, 13, 14, 15]);
    assert_eq!((reorder.deadline(), reorder.late()), (None, 0));

    let (mut reorder, mut out) = (Reorder::new(config), Vec::new());
    reorder.push(packet(7, 0), &mut out);
    reorder.poll(Moment(9_999), &mut out);
    assert!(out.is_empty());
    reorder.poll(Moment(10_000), &mut out);
    assert_eq!(told(&out), [7]);
}

#[test]
fn packets_in_order_pass_at_once() {
    let (mut reorder, mut out) = (reorder(), Vec::new());
    for sequence in 65_530..65_540 {
        reorder.push(packet(sequence, 0), &mut out);
        assert_eq!(told(&out).last(), Some(&(sequence as i64)));
        assert_eq!(reorder.deadline(), None);
    }
    assert_eq!(out.len(), 10);
}

#[test]
fn a_retransmission_within_the_window_takes_its_place() {
    let (mut reorder, mut out) = (reorder(), Vec::new());
    for sequence in [10, 12, 13] {
        reorder.push(packet(sequence, 0), &mut out);
    }
    assert_eq!(told(&out), [10]);
    reorder.poll(Moment(WINDOW - 1), &mut out);
    assert_eq!(told(&out), [10]);
    reorder.push(packet(11, 1999), &mut out);
    assert_eq!(told(&out), [10, 11, 12, 13]);
    assert_eq!(reorder.deadline(), None);
    assert_eq!(reorder.late(), 0);
}

#[test]
fn a_hole_is_lost_when_its_own_window_is_over() {
    let (mut reorder, mut out) = (reorder(), Vec::new());
    for (sequence, millis) in [(10, 0), (13, 100), (16, 600)] {
        reorder.push(packet(sequence, millis), &mut out);
    }
    assert_eq!(reorder.deadline(), Some(Moment(2_100_000)));
    // A packet in the middle of a hole splits it; both parts keep the time at which the hole was seen.
    reorder.push(packet(11, 700), &mut out);
    assert_eq!(reorder.deadline(), Some(Moment(2_100_000)));
    reorder.poll(Moment(2_100_000), &mut out);
    assert_eq!(told(&out), [10, 11, -1, 13]);
    assert_eq!(out[2], Output::Lost { first: 12, count: 1 });
    assert_eq!(reorder.deadline(), Some(Moment(2_600_000)));
    reorder.push(packet(12, 2200), &mut out);
    assert_eq!(reorder.late(), 1);
    reorder.poll(Moment(2_600_000), &mut out);
    assert_eq!(told(&out), [10, 11, -1, 13, -2, 16]);
    assert_eq!(reorder.deadline(), None);
}

#[test]
fn an_arrival_after_the_deadline_ends_the_wait_without_a_poll() {
    let (mut reorder, mut out) = (reorder(), Vec::new());
    for (sequence, millis) in [(1, 0), (3, 0), (4, 2000)] {
        reorder.push(packet(sequence, millis), &mut out);
    }
    assert_eq!(told(&out), [1, -1, 3, 4]);
}

#[test]
fn duplicates_are_dropped_and_counted() {
    let (mut reorder, mut out) = (reorder(), Vec::new());
    for sequence in [1, 1, 3, 3, 2, 2, 3] {
        reorder.push(packet(sequence, 0), &mut out);
    }
    assert_eq!(told(&out), [1, 2, 3]);
    assert_eq!(reorder.late(), 4);
}

#[test]
fn no_more_than_the_bound_is_held() {
    let mut reorder = Reorder::new(Config { start_micros: 0, window_micros: WINDOW, max_packets: 3 });
    let mut out = Vec::new();
    for sequence in [1, 3, 5, 7] {
        reorder.push(packet(sequence, 0), &mut out);
    }
    assert_eq!(told(&out), [1]);
    reorder.push(packet(9, 0), &mut out);
    assert_eq!(told(&out), [1, -1, 3]);
}

#[test]
fn a_great_jump_is_a_new_start() {
    let (mut reorder, mut out) = (reorder(), Vec::new());
    for sequence in [5000, 5002, 9000, 9001, 100, 101] {
        reorder.push(packet(sequence, 0), &mut out);
    }
    let told = told(&out);
    assert_eq!(told, [5000, -1, 5002, 0, 9000, 9001, 0, 100, 101]);
    assert_eq!(out[3], Output::Lost { first: 5003, count: 0 });
    assert_eq!((reorder.late(), reorder.deadline()), (0, None));
}

#[test]
fn finish_gives_out_what_is_held() {
    let (mut reorder, mut out) = (reorder(), Vec::new());
    for sequence in [1, 4, 5, 8] {
        reorder.push(packet(sequence, 0), &mut out);
    }
    reorder.finish(&mut out);
    assert_eq!(told(&out), [1, -2, 4, 5, -2, 8]);
}

proptest! {
    /// Each packet is moved by at most `REACH` places and may come twice.
    #[test]
    fn any_order_within_the_window_comes_out_once_and_in_order(
        moves in prop::collection::vec((0u64..40, any::<bool>()), 1..300), base in 0u64..1 << 40
    ) {
        let mut sent: Vec<(u64, u64)> = vec![(0, base)];
        for (index, (shift, twice)) in moves.iter().enumerate() {
            let sequence = base + 1 + index as u64;
            sent.push((index as u64 + shift + 1, sequence));
            if *twice {
                sent.push((index as u64 + shift * 2 + 1, sequence));
            }
        }
        sent.sort_by_key(|(place, _)| *place);
        let (mut reorder, mut out) = (reorder(), Vec::new());
        for (place, sequence) in &sent {
            reorder.push(packet(*sequence, *place as i64), &mut out);
        }
        let expected: Vec<i64> = (0..=moves.len()).map(|n| (base + n as u64) as i64).collect();
        prop_assert_eq!(told(&out), expected);
        prop_assert_eq!(reorder.late() as usize, sent.len() - moves.len() - 1);
        prop_assert_eq!(reorder.deadline(), None);
    }

    /// Whatever comes, the output accounts for every sequence number exactly once and the bounds hold.
    #[test]
    fn output_is_contiguous_and_bounded(
        steps in prop::collection::vec((0u64..60, 0i64..400, any::<bool>()), 1..300)
    ) {
        let mut reorder = Reorder::new(Config { start_micros: 0, window_micros: WINDOW, max_packets: 16 });
        let (mut out, mut now) = (Vec::new(), 0);
        for (sequence, wait, poll) in &steps {
            now += wait;
            if *poll {
                reorder.poll(Moment(now * 1000), &mut out);
            }
            reorder.push(packet(1000 + sequence, now), &mut out);
            prop_assert!(reorder.held.len() <= 16 && reorder.holes.len() <= reorder.held.len());
            prop_assert!(reorder.deadline().is_none_or(|due| due.0 > now * 1000));
            prop_assert_eq!(reorder.deadline().is_none(), reorder.held.is_empty());
        }
        reorder.finish(&mut out);
        let mut next = None;
        for output in &out {
            let (first, count) = match output {
                Output::Packet(packet) => (packet.sequence, 1),
                Output::Lost { first, count } => (*first, *count),
            };
            prop_assert!(count > 0 && next.is_none_or(|next| next == first));
            next = Some(first + count);
        }
    }
}
