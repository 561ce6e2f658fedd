//! Loss and order: what the network does to packets, and what is stored in the end.

use super::{Call, Line, Network, Sender};
use crate::recorder::integrity::Grade;
use crate::time::Timescale;

const SECOND: i64 = 1_000_000;

fn both(seed: u64, network: Network) -> Vec<Line> {
    Call::new(seed, network, vec![Sender::camera(), Sender::microphone()]).run(120 * SECOND)
}

/// Every frame from the first on is stored once, in order.
fn whole(line: Line) {
    let last = line.captured.len() as u64 - 1;
    let (stored, samples) = line.stored();
    let numbers: Vec<u64> = samples.into_iter().map(|(number, _)| number).collect();
    // The last packet is followed by none that could show its loss.
    assert!((last - 1..=last).contains(numbers.last().unwrap()));
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "a frame is missing or comes twice");
    assert_eq!((numbers[0], stored.runs.len(), stored.gaps.len()), (0, 1, 0));
}

#[test]
fn random_loss_is_repaired_and_not_asked_for_twice_over() {
    for (seed, loss) in [(1, 10), (2, 10), (3, 50), (4, 50)] {
        for line in both(seed, Network { loss, ..Network::default() }) {
            assert!(line.taken > 40, "{} packets of {}", line.taken, line.forwarded);
            let statistics = line.statistics();
            assert!(statistics.nacked < 2 * line.taken, "{statistics:?}, {} were lost", line.taken);
            assert!(line.repairs_asked < 2 * line.taken, "{} requests", line.repairs_asked);
            let verdict = line.track.integrity();
            assert_eq!((verdict.grade, verdict.packets_lost), (Grade::Intact, 0), "{verdict:?}");
            assert!(verdict.packets_recovered >= line.taken - 1, "{verdict:?}");
            whole(line);
        }
    }
}

#[test]
fn failure_19_reordering_duplicates_and_late_retransmissions_lose_nothing() {
    let disorder = Network { duplicates: 50, reordered: (50, 120_000), jitter: 10_000, ..Network::default() };
    for line in both(19, disorder.clone()) {
        whole(line);
    }
    // As late as they can be: from the loss on, the SFU keeps pictures for 2 s and sound for 1 s.
    for (slow_repair, sender) in [(1_800_000, Sender::camera()), (800_000, Sender::microphone())] {
        let late = Network { loss: 20, slow_repair, ..disorder.clone() };
        let line = Call::new(20, late, vec![sender]).run(120 * SECOND).pop().unwrap();
        assert!(line.taken > 50);
        whole(line);
    }
}

#[test]
fn failure_3_after_loss_key_frames_are_asked_for_until_one_comes_and_the_damage_is_bounded() {
    // Retransmission comes too late for everything.
    let network = Network { loss: 10, slow_repair: 5 * SECOND, ..Network::default() };
    let deaf = Sender { deaf: 2, ..Sender::camera() };
    let line = Call::new(3, network, vec![deaf]).run(60 * SECOND).pop().unwrap();
    assert!(line.requests > 2);
    let verdict = line.track.integrity();
    assert!(verdict.packets_lost > 0 && verdict.packets_lost == line.track.counts().lost);
    // Losses that are close to each other make one span.
    assert!(verdict.damaged_spans > 0 && verdict.damaged_spans <= verdict.packets_lost, "{verdict:?}");
    assert!((100_000..5 * SECOND).contains(&verdict.longest_freeze_us), "{verdict:?}");
    assert_eq!(verdict.grade, Grade::Poor);
    let (stored, samples) = line.stored();
    let steps: Vec<i64> = samples.windows(2).map(|pair| pair[1].0 as i64 - pair[0].0 as i64).collect();
    assert!(steps.iter().all(|step| *step > 0), "a frame that refers to a lost one is not stored");
    // Behind every hole a decoder starts anew.
    let key_of = |index: usize| stored.entries[index].sync();
    for (index, step) in steps.iter().enumerate().filter(|(_, step)| **step > 1) {
        assert!(key_of(index + 1), "{step} frames are missing before frame {}", samples[index + 1].0);
    }
    // The window of 2 s, two requests that nobody heard, and the way of the third.
    let longest = samples.windows(2).map(|pair| pair[1].1 - pair[0].1).max().unwrap();
    assert!(longest < 5 * SECOND, "{longest} µs");
}

#[test]
fn failure_4_though_the_first_two_requests_are_ignored_pictures_start_at_the_first_key_frame() {
    let mut camera = Sender { deaf: 2, ..Sender::camera() };
    // The key frame that begins the stream is sent before anybody records.
    camera.begin = -200_000;
    let lines = Call::new(4, Network::default(), vec![camera, Sender::microphone()]).run(30 * SECOND);
    let mut lines = lines.into_iter();
    let (camera, microphone) = (lines.next().unwrap(), lines.next().unwrap());
    let captured = [camera.captured.clone(), microphone.captured.clone()];
    let ([pictures, sounds], _) = ([camera.stored(), microphone.stored()], ());
    let error = |samples: &[(u64, i64)], which: usize| samples[0].1 - captured[which][&samples[0].0];
    assert!(pictures.0.entries[0].sync());
    assert!((error(&pictures.1, 0) - error(&sounds.1, 1)).abs() <= 20_000);
}

#[test]
fn failure_5_a_stream_that_is_silent_for_3_s_at_first_is_not_frozen() {
    for silent in [1, 3] {
        let camera =
            Sender { pauses: std::iter::once(200_000..silent * SECOND).collect(), ..Sender::camera() };
        let line = Call::new(5, Network::default(), vec![camera]).run(20 * SECOND).pop().unwrap();
        let last = line.captured.len() as u64 - 1;
        let (_, samples) = line.stored();
        assert_eq!(samples.last().unwrap().0, last);
        assert!(samples.len() as u64 > last - 30, "{} of {last}", samples.len());
    }
}

#[test]
fn failure_21_a_drop_of_100_to_500_ms_neither_ends_nor_corrupts() {
    for length in [100_000, 300_000, 500_000] {
        let network = Network { outage: 10 * SECOND..10 * SECOND + length, ..Network::default() };
        for line in both(21, network) {
            assert!(line.taken > 0);
            whole(line);
        }
    }
}

#[test]
fn an_outage_longer_than_what_the_sfu_keeps_is_a_bounded_gap() {
    let outage = 10 * SECOND..14 * SECOND;
    let network = Network { outage: outage.clone(), ..Network::default() };
    for line in both(22, network) {
        let lost = line.track.counts().lost;
        assert!(lost > 0);
        let scale = line.sender.codec.timescale();
        let picture = scale == Timescale::VIDEO;
        let (stored, samples) = line.stored();
        let hole = samples.windows(2).map(|pair| pair[1].1 - pair[0].1).max().unwrap();
        // What the SFU still has when the path is back is asked for and comes.
        assert!(hole <= 4 * SECOND + if picture { 2_500_000 } else { 100_000 }, "{hole} µs");
        assert!(stored.gaps.len() <= 1);
        assert_eq!(samples.last().unwrap().0 / 100, if picture { 29 } else { 59 });
    }
}
