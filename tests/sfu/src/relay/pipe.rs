//! What one direction of a network does to packets, pure: a packet and the time in, the times of its arrivals out.

use super::random::Random;
use std::time::Duration;

/// How one direction of a network is. By default it is perfect. Shares are from 0 to 1.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Path {
    /// Share of packets lost, each by itself.
    pub loss: f64,
    /// Losses in a row.
    pub burst: Option<Burst>,
    /// Share of packets held back while others pass.
    pub reorder: f64,
    /// How long they are held back.
    pub reorder_by: Duration,
    /// Share of packets that arrive twice.
    pub duplicate: f64,
    /// Every packet takes so long.
    pub delay: Duration,
    /// And up to so much longer, in order.
    pub jitter: Duration,
    /// The link's speed.
    pub rate: Option<Rate>,
}

/// Loss after Gilbert: a good state that loses nothing and a bad one that loses everything.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Burst {
    /// Share of packets with which a bad time begins.
    pub begins: f64,
    /// Share of packets in a bad time with which it ends; 1 / `ends` is its mean length in packets.
    pub ends: f64,
}

/// A link that takes its time and has a queue before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Its speed.
    pub bits_per_second: u64,
    /// A packet that would wait longer is dropped.
    pub queue: Duration,
}

/// What a packet meets beside its payload: headers of UDP and IPv4.
const OVERHEAD: usize = 28;

/// One direction. Times are microseconds on any clock that does not go back.
#[derive(Debug)]
pub(super) struct Pipe {
    random: Random,
    bad: bool,
    /// When the link will have sent what is in its queue.
    free_at: u64,
    /// Arrival of the latest packet in order.
    latest: u64,
}

/// What became of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fate {
    /// When it arrives, each time; never: lost.
    pub(super) arrivals: Vec<u64>,
    /// It was held back.
    pub(super) reordered: bool,
}

impl Pipe {
    pub(super) fn new(seed: u64) -> Pipe {
        Pipe { random: Random::new(seed), bad: false, free_at: 0, latest: 0 }
    }

    /// Sends a packet of so many bytes.
    pub(super) fn push(&mut self, path: &Path, bytes: usize, now: u64) -> Fate {
        // Always as many numbers, so that one impairment does not shift another's.
        let [loss, burst, reorder, twice, jitter] = std::array::from_fn(|_| self.random.share());
        if let Some(Burst { begins, ends }) = path.burst {
            self.bad = if self.bad { burst >= ends } else { burst < begins };
        }
        let lost = Fate { arrivals: Vec::new(), reordered: false };
        if (path.burst.is_some() && self.bad) || loss < path.loss {
            return lost;
        }
        let mut at = now;
        if let Some(Rate { bits_per_second, queue }) = path.rate {
            let begins = self.free_at.max(now);
            if begins - now > micros(queue) {
                return lost;
            }
            let bits = 8 * (bytes + OVERHEAD) as u64;
            self.free_at = begins + bits * 1_000_000 / bits_per_second.max(1);
            at = self.free_at;
        }
        at += micros(path.delay) + (micros(path.jitter) as f64 * jitter) as u64;
        let reordered = reorder < path.reorder;
        if reordered {
            at += micros(path.reorder_by);
        } else {
            at = at.max(self.latest);
            self.latest = at;
        }
        let copies = if twice < path.duplicate { 2 } else { 1 };
        Fate { arrivals: vec![at; copies], reordered }
    }
}

pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fates of packets that are sent each millisecond.
    fn fates(path: Path, seed: u64, count: u64) -> Vec<Fate> {
        let mut pipe = Pipe::new(seed);
        (0..count).map(|n| pipe.push(&path, 1000, n * 1000)).collect()
    }

    fn lost(fates: &[Fate]) -> Vec<usize> {
        (0..fates.len()).filter(|n| fates[*n].arrivals.is_empty()).collect()
    }

    fn millis(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn a_perfect_path_changes_nothing() {
        let all = fates(Path::default(), 1, 1000);
        assert!(all.iter().enumerate().all(|(n, fate)| fate.arrivals == [n as u64 * 1000]));
    }

    #[test]
    fn loss_is_the_same_for_a_seed_and_as_much_as_asked() {
        let path = Path { loss: 0.05, ..Path::default() };
        let first = lost(&fates(path, 42, 10_000));
        assert_eq!(first, lost(&fates(path, 42, 10_000)));
        assert_ne!(first, lost(&fates(path, 43, 10_000)));
        assert!((430..570).contains(&first.len()), "{}", first.len());
        // Another impairment does not move it.
        let more = Path { duplicate: 0.5, jitter: millis(3), ..path };
        assert_eq!(first, lost(&fates(more, 42, 10_000)));
    }

    #[test]
    fn bursts_lose_packets_in_a_row() {
        let path = Path { burst: Some(Burst { begins: 0.01, ends: 0.25 }), ..Path::default() };
        let lost = lost(&fates(path, 5, 20_000));
        let runs = lost.windows(2).filter(|pair| pair[1] != pair[0] + 1).count() + 1;
        let (length, share) = (lost.len() as f64 / runs as f64, lost.len() as f64 / 20_000.0);
        assert!((3.0..5.0).contains(&length), "a mean length of 4: {length}");
        assert!((0.03..0.05).contains(&share), "1 in 26 times 4: {share}");
    }

    #[test]
    fn held_packets_are_overtaken_and_jitter_keeps_order() {
        let path = Path { reorder: 0.1, reorder_by: millis(20), delay: millis(20), ..Path::default() };
        let all = fates(path, 9, 2000);
        let held = all.iter().filter(|fate| fate.reordered).count();
        assert!((150..250).contains(&held), "{held}");
        for (n, fate) in all.iter().enumerate() {
            let late = if fate.reordered { 40_000 } else { 20_000 };
            assert_eq!(fate.arrivals, [n as u64 * 1000 + late]);
        }
        let jittered = fates(Path { jitter: millis(30), ..Path::default() }, 9, 2000);
        assert!(jittered.is_sorted_by_key(|fate| fate.arrivals[0]));
        assert!(jittered.iter().enumerate().any(|(n, fate)| fate.arrivals[0] > n as u64 * 1000 + 20_000));
    }

    #[test]
    fn duplicates_arrive_twice() {
        let all = fates(Path { duplicate: 0.05, ..Path::default() }, 3, 10_000);
        let twice = all.iter().filter(|fate| fate.arrivals.len() == 2).count();
        assert!((430..570).contains(&twice), "{twice}");
    }

    #[test]
    fn a_slow_link_delays_first_and_drops_then() {
        // 1028 bytes a millisecond are 8.2 Mb/s, twice what goes through.
        let path =
            Path { rate: Some(Rate { bits_per_second: 4_112_000, queue: millis(100) }), ..Path::default() };
        let all = fates(path, 1, 1000);
        let delays: Vec<u64> = all
            .iter()
            .enumerate()
            .filter_map(|(n, fate)| Some(fate.arrivals.first()? - n as u64 * 1000))
            .collect();
        assert_eq!(delays[..3], [2000, 3000, 4000]);
        assert!(delays.iter().all(|delay| *delay <= 103_000), "{:?}", delays.iter().max());
        let lost = lost(&all);
        assert!((100..=103).contains(&lost[0]), "none before the queue is full: {}", lost[0]);
        assert!((430..=460).contains(&lost.len()), "every other one then: {}", lost.len());
    }
}
