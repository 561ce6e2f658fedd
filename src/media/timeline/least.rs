//! The least of many numbers over a sliding window of time: of delays, the one that is nearest to the path's own.

use crate::time::Moment;
use std::collections::VecDeque;

/// Numbers this close in time are kept as one, so that a window holds few of them.
const GRAIN_MICROS: i64 = 250_000;

/// A sliding minimum.
#[derive(Clone, Debug)]
pub struct Least {
    window_micros: i64,
    /// Rising in time and in value: the first is the least, the others take its place when it leaves the window.
    kept: VecDeque<(Moment, i64)>,
}

impl Least {
    /// Over so many microseconds.
    #[must_use]
    pub fn new(window_micros: i64) -> Self {
        Self { window_micros, kept: VecDeque::new() }
    }

    /// Takes a number.
    pub fn push(&mut self, at: Moment, value: i64) {
        while self.kept.front().is_some_and(|(seen, _)| at.since(*seen) > self.window_micros) {
            self.kept.pop_front();
        }
        while self.kept.back().is_some_and(|(_, kept)| *kept >= value) {
            self.kept.pop_back();
        }
        if self.kept.back().is_none_or(|(seen, _)| at.since(*seen) >= GRAIN_MICROS) {
            self.kept.push_back((at, value));
        }
    }

    /// The least of those taken within the window before the last.
    #[must_use]
    pub fn get(&self) -> Option<i64> {
        self.kept.front().map(|(_, value)| *value)
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.kept.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_leaves_the_window_does_not_count() {
        let mut least = Least::new(10_000_000);
        assert_eq!(least.get(), None);
        least.push(Moment(0), 5);
        least.push(Moment(5_000_000), 9);
        assert_eq!(least.get(), Some(5));
        least.push(Moment(10_000_001), 20);
        assert_eq!(least.get(), Some(9));
        least.push(Moment(11_000_000), 1);
        assert_eq!(least.get(), Some(1));
    }

    proptest! {
        #[test]
        fn it_is_the_least_and_stays_small(values in prop::collection::vec((0i64..40_000, -1000i64..1000), 1..400)) {
            let window = 2_000_000;
            let mut least = Least::new(window);
            let mut seen = Vec::new();
            let mut now = 0;
            for (step, value) in values {
                now += step;
                seen.push((now, value));
                least.push(Moment(now), value);
                let inside = seen.iter().filter(|(at, _)| now - at <= window);
                let exact = inside.clone().map(|(_, value)| *value).min().unwrap();
                // A number that was merged into an older one leaves with it, at most a grain early.
                let safe = inside.filter(|(at, _)| now - at <= window - GRAIN_MICROS);
                let bound = safe.map(|(_, value)| *value).min().unwrap_or(i64::MAX);
                prop_assert!((exact..=bound.max(exact)).contains(&least.get().unwrap()));
                prop_assert!(least.kept.len() <= 2 + (window / GRAIN_MICROS) as usize);
            }
        }
    }
}
