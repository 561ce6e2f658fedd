//! What happens to packets between the SFU and the recorder.

use std::ops::Range;

/// SplitMix64: small, and the same everywhere.
pub(in crate::recorder) struct Random(pub(in crate::recorder) u64);

impl Random {
    pub(in crate::recorder) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// True in so many of 1000 cases.
    pub(in crate::recorder) fn permille(&mut self, part: u64) -> bool {
        self.next() % 1000 < part
    }

    /// From zero up to, not including, `limit`.
    pub(in crate::recorder) fn below(&mut self, limit: i64) -> i64 {
        if limit <= 0 { 0 } else { (self.next() >> 1) as i64 % limit }
    }
}

/// A path. Times in microseconds, shares in parts of a thousand.
#[derive(Clone, Debug)]
pub(in crate::recorder) struct Network {
    /// One way.
    pub(in crate::recorder) delay: i64,
    /// Added at random.
    pub(in crate::recorder) jitter: i64,
    pub(in crate::recorder) loss: u64,
    pub(in crate::recorder) duplicates: u64,
    /// Packets held back, and for how long at most.
    pub(in crate::recorder) reordered: (u64, i64),
    /// Nothing passes.
    pub(in crate::recorder) outage: Range<i64>,
    /// Retransmissions are held back for as long.
    pub(in crate::recorder) slow_repair: i64,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            delay: 20_000,
            jitter: 3_000,
            loss: 0,
            duplicates: 0,
            reordered: (0, 0),
            outage: 0..0,
            slow_repair: 0,
        }
    }
}

impl Network {
    /// When a packet that is sent now arrives: not at all, once or twice.
    pub(super) fn arrivals(&self, now: i64, repair: bool, random: &mut Random) -> Vec<i64> {
        // What is held back on purpose is not lost besides.
        let safe = repair && self.slow_repair > 0;
        if self.outage.contains(&now) || (random.permille(self.loss) && !safe) {
            return Vec::new();
        }
        let (share, hold) = self.reordered;
        let held = if random.permille(share) { random.below(hold) } else { 0 };
        let slow = if repair { self.slow_repair } else { 0 };
        let at = now + self.delay + random.below(self.jitter) + held + slow;
        let again = random.permille(self.duplicates).then(|| at + random.below(50_000));
        std::iter::once(at).chain(again).collect()
    }
}
