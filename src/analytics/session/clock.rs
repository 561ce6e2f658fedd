//! The sender's clock. It is never believed for what time it is, only for how much time passed, and only as far as the
//! server's own clock allows.

use serde::{Deserialize, Serialize};

/// How much more may have passed for a sender than between the first arrival of its session and this one: events are
/// held back in batches. What is more did not pass.
pub const HELD_BACK_MS: i64 = 120_000;

/// Counts the time of a session from its first event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Clock {
    /// The first arrival of the session.
    pub(super) first_at: i64,
    told: Option<i64>,
    /// Milliseconds since the first event.
    pub(super) elapsed: i64,
    /// The server's time at which the first event happened: by the event that was the least on its way.
    pub(super) origin: i64,
}

impl Clock {
    pub(super) fn new(first_at: i64) -> Self {
        Self { first_at, told: None, elapsed: 0, origin: first_at }
    }

    /// The next event in the sender's order: its time by the sender's clock, and its arrival. Gives the milliseconds
    /// since the first one. A clock that went back did not go at all.
    pub(super) fn tick(&mut self, told: i64, at: i64) -> i64 {
        let passed = self.told.map_or(0, |before| told.saturating_sub(before).max(0));
        let most = at.saturating_sub(self.first_at).saturating_add(HELD_BACK_MS);
        self.elapsed = self.elapsed.saturating_add(passed).min(most.max(self.elapsed));
        self.told = Some(told);
        self.origin = self.origin.min(at.saturating_sub(self.elapsed));
        self.elapsed
    }

    /// When something happened that the sender timed `told` and told out of order: not after the last event.
    pub(super) fn back(&self, told: i64) -> i64 {
        let since = self.told.map_or(0, |before| told.saturating_sub(before).min(0));
        self.elapsed.saturating_add(since).max(0)
    }
}

/// Media milliseconds that pass in `millis` at a rate in thousandths.
pub(super) fn at_rate(millis: i64, rate: i64) -> i64 {
    saturate(i128::from(millis) * i128::from(rate) / 1000)
}

/// Milliseconds in which so much media passes.
pub(super) fn of_rate(media: i64, rate: i64) -> i64 {
    saturate(i128::from(media) * 1000 / i128::from(rate.max(1)))
}

fn saturate(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_differences_count() {
        for skew in [0, -5_000_000_000_000, 1 << 50] {
            let mut clock = Clock::new(1_000_000);
            assert_eq!(clock.tick(skew, 1_000_000), 0);
            assert_eq!(clock.tick(skew + 4000, 1_004_300), 4000);
            assert_eq!(clock.tick(skew + 9000, 1_009_050), 9000);
            assert_eq!(clock.origin, 1_000_000);
        }
    }

    #[test]
    fn a_clock_that_goes_back_stands_still_and_goes_on() {
        let mut clock = Clock::new(0);
        let told = [10_000, 12_000, 3000, 5000];
        let elapsed: Vec<i64> = told.into_iter().map(|told| clock.tick(told, 60_000)).collect();
        assert_eq!(elapsed, [0, 2000, 2000, 4000]);
        assert_eq!(clock.back(4000), 3000);
        assert_eq!(clock.back(9000), 4000);
    }

    #[test]
    fn a_clock_does_not_outrun_the_server() {
        let mut clock = Clock::new(0);
        clock.tick(0, 0);
        assert_eq!(clock.tick(10_000_000, 1000), HELD_BACK_MS + 1000);
        assert_eq!(clock.tick(20_000_000, 2000), HELD_BACK_MS + 2000);
        assert_eq!(clock.origin, -HELD_BACK_MS);
    }

    #[test]
    fn the_least_delayed_event_tells_when_it_began() {
        let mut clock = Clock::new(700);
        clock.tick(0, 700);
        clock.tick(1000, 1100);
        assert_eq!(clock.origin, 100);
    }
}
