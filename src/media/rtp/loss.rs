//! Loss and repair of one RTP stream, pure: extended sequence numbers, duplicates, and what to ask for again.
//!
//! mediasoup keeps packets for about 2 s of video and 1 s of audio, and gives a lost packet again as often as it is
//! asked. So a missing packet is asked for after a short time in which it may just be late, then again and again
//! with growing pauses, until it comes or is too old to be had.

use crate::media::Kind;
use crate::time::Moment;
use std::collections::BTreeMap;
use std::ops::Range;

/// Packets remembered against duplicates.
const WINDOW: u64 = 8192;
/// A larger jump is a restart of the stream, not loss: asking for so much would only add to the trouble.
const MAX_GAP: u64 = 1000;
/// Packets asked for at one time, over all.
const MAX_MISSING: usize = 2 * MAX_GAP as usize;
/// How long a packet may be late before it is asked for, in microseconds.
const REORDER: i64 = 10_000;
/// Pause after the first request, in microseconds. Each next is a third longer.
const RETRY: i64 = 60_000;
/// The longest pause between requests, in microseconds.
const MAX_RETRY: i64 = 250_000;
/// Room for packets before the first, so that extended numbers never fall below zero.
const ORIGIN: u64 = 1 << 16;

/// What became of the packets of one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Packets delivered, the recovered ones among them.
    pub received: u64,
    /// Delivered packets that were sent again.
    pub recovered: u64,
    /// Packets dropped because they had been delivered.
    pub duplicates: u64,
    /// Packets asked for, each counted once.
    pub nacked: u64,
    /// Packets given up.
    pub lost: u64,
}

struct Missing {
    since: Moment,
    next: Moment,
    pause: i64,
    asked: bool,
}

/// A packet to deliver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Its number, extended to 64 bits.
    pub sequence: u64,
    /// It was sent again.
    pub recovered: bool,
}

/// One stream: `push` what arrives, ask for what is `due`.
pub struct Stream {
    nack: bool,
    give_up: i64,
    top: Option<u64>,
    /// The lowest number, below which nothing is known to be missing.
    first: u64,
    /// Bitmap over the sequence number modulo [`WINDOW`].
    seen: Vec<u64>,
    missing: BTreeMap<u64, Missing>,
    /// The last number from before the window: a second one after it makes a restart.
    stray: Option<u16>,
    next: Option<Moment>,
    statistics: Statistics,
}

impl Stream {
    /// `nack`: the sender answers requests. Without, losses are only counted.
    #[must_use]
    pub fn new(kind: Kind, nack: bool) -> Self {
        let give_up = match (nack, kind) {
            (true, Kind::Video) => 2_000_000,
            (true, Kind::Audio) => 1_000_000,
            (false, _) => 500_000,
        };
        Self {
            nack,
            give_up,
            top: None,
            first: 0,
            seen: vec![0; (WINDOW / 64) as usize],
            missing: BTreeMap::new(),
            stray: None,
            next: None,
            statistics: Statistics::default(),
        }
    }

    /// What became of the packets so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.statistics
    }

    /// When [`Stream::due`] wants to be called.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        self.next
    }

    /// A packet came, `rtx` if by a stream of retransmissions. `None` for what was delivered before or is too old to
    /// tell.
    pub fn push(&mut self, sequence: u16, rtx: bool, now: Moment) -> Option<Taken> {
        let extended = self.extend(sequence, rtx)?;
        match self.top {
            None => (self.top, self.first) = (Some(extended), extended),
            Some(top) if extended > top => self.advance(top, extended, now),
            // What comes before the first shows what is missing between them.
            Some(_) if extended < self.first => {
                self.skip(extended + 1..self.first, now);
                self.first = extended;
            }
            Some(_) => {}
        }
        if self.test_and_set(extended) {
            self.statistics.duplicates += 1;
            return None;
        }
        // Without RTX a retransmission looks like the packet itself; it came because it was asked for.
        let recovered = self.missing.remove(&extended).is_some_and(|missing| missing.asked) || rtx;
        self.statistics.received += 1;
        self.statistics.recovered += u64::from(recovered);
        Some(Taken { sequence: extended, recovered })
    }

    /// The packets to ask for now, as they are numbered on the wire. Gives up what is too old.
    pub fn due(&mut self, now: Moment) -> Vec<u16> {
        if self.next.is_none_or(|next| next > now) {
            return Vec::new();
        }
        let give_up = self.give_up;
        let before = self.missing.len();
        self.missing.retain(|_, missing| now.since(missing.since) < give_up);
        self.statistics.lost += (before - self.missing.len()) as u64;
        let mut ask = Vec::new();
        for (extended, missing) in self.missing.iter_mut().filter(|(_, missing)| missing.next <= now) {
            if !self.nack {
                missing.next = missing.since.plus(give_up);
                continue;
            }
            self.statistics.nacked += u64::from(!missing.asked);
            missing.asked = true;
            missing.next = now.plus(missing.pause).min(missing.since.plus(give_up));
            missing.pause = (missing.pause * 4 / 3).min(MAX_RETRY);
            ask.push(*extended as u16);
        }
        self.next = self.missing.values().map(|missing| missing.next).min();
        ask
    }

    /// The number in 64 bits, nearest to the highest so far (RFC 3550 A.1).
    fn extend(&mut self, sequence: u16, rtx: bool) -> Option<u64> {
        let Some(top) = self.top else {
            return Some(ORIGIN + u64::from(sequence));
        };
        let step = sequence.wrapping_sub(top as u16).cast_signed();
        let extended = top.saturating_add_signed(i64::from(step));
        if extended > top || top - extended < WINDOW {
            self.stray = None;
            return Some(extended);
        }
        // Two in a row from before the window are a stream that starts anew; it goes on counting upwards.
        let restarted = !rtx && self.stray == Some(sequence.wrapping_sub(1));
        self.stray = Some(sequence);
        if restarted {
            self.stray = None;
            return Some(extended + ORIGIN);
        }
        self.statistics.duplicates += 1;
        None
    }

    /// The highest number grows: forget what falls out of the window and note what was skipped.
    fn advance(&mut self, top: u64, extended: u64, now: Moment) {
        self.top = Some(extended);
        for skipped in top + 1..=extended.min(top + WINDOW) {
            self.clear(skipped);
        }
        self.skip(top + 1..extended, now);
    }

    /// These numbers are missing.
    fn skip(&mut self, gap: Range<u64>, now: Moment) {
        let length = gap.end - gap.start;
        if length == 0 {
            return;
        }
        if length > MAX_GAP || self.missing.len() + length as usize > MAX_MISSING {
            self.statistics.lost += length;
            return;
        }
        let next = now.plus(REORDER);
        for skipped in gap {
            self.missing.insert(skipped, Missing { since: now, next, pause: RETRY, asked: false });
        }
        self.next = Some(self.next.map_or(next, |earlier| earlier.min(next)));
    }

    /// Mark a number as seen; whether it was before.
    fn test_and_set(&mut self, extended: u64) -> bool {
        let bit = 1 << (extended % 64);
        let Some(word) = self.seen.get_mut((extended % WINDOW / 64) as usize) else { return false };
        let was = *word & bit != 0;
        *word |= bit;
        was
    }

    fn clear(&mut self, extended: u64) {
        if let Some(word) = self.seen.get_mut((extended % WINDOW / 64) as usize) {
            *word &= !(1 << (extended % 64));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeSet, HashMap};

    fn at(millis: i64) -> Moment {
        Moment(millis * 1000)
    }

    fn video() -> Stream {
        Stream::new(Kind::Video, true)
    }

    fn take(stream: &mut Stream, sequence: u16, now: Moment) -> Option<u64> {
        stream.push(sequence, false, now).map(|taken| taken.sequence)
    }

    #[test]
    fn numbers_grow_across_the_wrap() {
        let mut stream = video();
        let first = take(&mut stream, 65_534, at(0)).unwrap();
        let rest: Vec<_> = [65_535, 0, 1].map(|s| take(&mut stream, s, at(1)).unwrap() - first).into();
        assert_eq!(rest, [1, 2, 3]);
        assert_eq!(take(&mut stream, 65_533, at(2)).map(|s| first - s), Some(1), "the first may come late");
    }

    #[test]
    fn a_late_packet_within_the_tolerance_is_not_asked_for() {
        let mut stream = video();
        stream.push(1, false, at(0));
        stream.push(3, false, at(1));
        assert_eq!(stream.deadline(), Some(at(11)));
        stream.push(2, false, at(9));
        assert!(stream.due(at(11)).is_empty());
        assert_eq!(stream.deadline(), None);
        assert_eq!(stream.statistics().nacked, 0);
    }

    #[test]
    fn what_is_missing_before_the_first_shows_when_something_older_comes() {
        let mut stream = video();
        stream.push(5, false, at(0));
        stream.push(3, false, at(4));
        assert_eq!(stream.due(at(14)), [4]);
        stream.push(2, false, at(15));
        assert!(stream.due(at(25)).is_empty());
    }

    #[test]
    fn a_lost_packet_is_asked_for_with_growing_pauses_and_given_up_in_time() {
        let mut stream = video();
        stream.push(1, false, at(0));
        stream.push(3, false, at(0));
        let mut asked = Vec::new();
        while let Some(deadline) = stream.deadline() {
            let list = stream.due(deadline);
            asked.extend(list.iter().map(|sequence| (*sequence, deadline.0 / 1000)));
        }
        assert_eq!(asked[..4], [(2, 10), (2, 70), (2, 150), (2, 256)]);
        assert!(asked.len() > 8 && asked.last().unwrap().1 < 2000, "{asked:?}");
        assert_eq!(
            stream.statistics(),
            Statistics { received: 2, nacked: 1, lost: 1, ..Statistics::default() }
        );
    }

    #[test]
    fn what_was_recovered_is_not_asked_for_and_comes_once() {
        let mut stream = video();
        stream.push(1, false, at(0));
        stream.push(4, false, at(0));
        assert_eq!(stream.due(at(10)), [2, 3]);
        assert!(stream.push(2, true, at(30)).is_some());
        assert!(stream.push(2, true, at(31)).is_none());
        assert_eq!(stream.due(at(70)), [3]);
        let expected = Statistics { received: 3, recovered: 1, duplicates: 1, nacked: 2, lost: 0 };
        assert_eq!(stream.statistics(), expected);
    }

    #[test]
    fn what_was_asked_for_counts_as_recovered_though_it_came_without_rtx() {
        let mut stream = Stream::new(Kind::Audio, true);
        stream.push(1, false, at(0));
        stream.push(4, false, at(0));
        assert_eq!(stream.push(2, false, at(5)).map(|taken| taken.recovered), Some(false));
        assert_eq!(stream.due(at(10)), [3]);
        assert_eq!(stream.push(3, false, at(30)).map(|taken| taken.recovered), Some(true));
        assert_eq!(stream.statistics().recovered, 1);
    }

    #[test]
    fn audio_is_given_up_sooner_and_without_nack_nothing_is_asked() {
        let give_up = |mut stream: Stream| {
            stream.push(1, false, at(0));
            stream.push(3, false, at(0));
            let mut asked = 0;
            let mut last = at(0);
            while let Some(deadline) = stream.deadline() {
                last = deadline;
                asked += stream.due(deadline).len();
            }
            assert_eq!(stream.statistics().lost, 1);
            (last, asked > 0)
        };
        assert_eq!(give_up(Stream::new(Kind::Audio, true)), (at(1000), true));
        assert_eq!(give_up(Stream::new(Kind::Audio, false)), (at(500), false));
    }

    #[test]
    fn a_jump_is_a_restart_and_nothing_is_asked_for() {
        let mut stream = video();
        let first = take(&mut stream, 10, at(0)).unwrap();
        let jumped = take(&mut stream, 20_000, at(1)).unwrap();
        assert_eq!(jumped - first, 19_990);
        assert_eq!(stream.deadline(), None);
        assert_eq!(stream.statistics().lost, 19_989);
    }

    #[test]
    fn a_stream_that_starts_anew_below_goes_on_upwards() {
        let mut stream = video();
        let first = take(&mut stream, 30_000, at(0)).unwrap();
        assert_eq!(take(&mut stream, 5, at(1)), None, "one may be a straggler");
        let anew = take(&mut stream, 6, at(2)).unwrap();
        assert!(anew > first);
        assert_eq!(take(&mut stream, 7, at(3)), Some(anew + 1));
    }

    proptest! {
        /// Whatever the network does: each packet is delivered at most once and with its own number, only what is
        /// missing is asked for, and what is answered arrives.
        #[test]
        fn a_lossy_network_is_repaired(
            start in any::<u16>(),
            fates in proptest::collection::vec((0u8..10, 0i64..40), 1..400),
        ) {
            let mut stream = video();
            // Arrival time, number, whether a retransmission.
            let mut wire: BTreeSet<(i64, u64, bool)> = BTreeSet::new();
            let mut lost = BTreeSet::new();
            for (index, (fate, delay)) in fates.iter().enumerate() {
                let (number, sent) = (index as u64, index as i64 * 5);
                match fate {
                    0 if index > 0 => { lost.insert(number); }
                    1 => { wire.insert((sent + delay, number, false)); wire.insert((sent + delay + 7, number, false)); }
                    2 => { wire.insert((sent + delay, number, false)); }
                    _ => { wire.insert((sent, number, false)); }
                }
            }
            let sequence = |number: u64| start.wrapping_add(number as u16);
            let mut delivered: HashMap<u64, u64> = HashMap::new();
            let mut asked = BTreeSet::new();
            let end = wire.last().map_or(0, |last| last.0) + 3000;
            for millis in 0..end {
                while let Some(next) = wire.first().copied().filter(|next| next.0 <= millis) {
                    wire.remove(&next);
                    if let Some(taken) = stream.push(sequence(next.1), next.2, at(millis)) {
                        prop_assert!(delivered.insert(next.1, taken.sequence).is_none(), "delivered twice");
                        prop_assert_eq!(taken.sequence as u16, sequence(next.1));
                        prop_assert!(taken.recovered || !next.2);
                    }
                }
                for wanted in stream.due(at(millis)) {
                    let number = u64::from(wanted.wrapping_sub(start));
                    prop_assert!(!delivered.contains_key(&number), "asked for what is there");
                    if lost.contains(&number) && asked.insert(number) {
                        wire.insert((millis + 30, number, true));
                    }
                }
            }
            let newest = delivered.keys().max().copied().unwrap_or(0);
            for number in (0..=newest).filter(|n| !delivered.contains_key(n)) {
                let earlier = delivered.keys().any(|seen| *seen < number);
                prop_assert!(!earlier, "{number} is missing");
            }
            let base = delivered.iter().map(|(number, extended)| extended - number).collect::<BTreeSet<_>>();
            prop_assert!(base.len() <= 1, "numbers keep their distances");
        }
    }
}
