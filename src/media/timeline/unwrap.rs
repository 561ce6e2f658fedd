//! 32-bit RTP timestamps to 64-bit ones that do not wrap.

use crate::time::{Moment, Ticks, Timescale};

/// Timestamps repeat after this many ticks: 13 hours of video, a day of sound.
const PERIOD: i64 = 1 << 32;

/// Keeps count of the wraps of one stream's timestamps. The first timestamp is given out as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unwrap {
    last: Option<i64>,
    arrival: Option<Moment>,
}

impl Unwrap {
    /// A stream of which nothing came yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of `timestamp` that is nearest to the last one: right while less than half a period (6.6 hours
    /// of video) passes between two calls. May go back, as timestamps may.
    pub fn push(&mut self, timestamp: u32) -> i64 {
        let value = nearest(timestamp, self.last.unwrap_or(i64::from(timestamp)));
        *self = Self { last: Some(value), arrival: None };
        value
    }

    /// As [`Self::push`], but nearest to where the media clock must be by the time that passed between arrivals,
    /// so that a stream which was silent for longer than half a period keeps its place.
    pub fn push_at(&mut self, timestamp: u32, arrival: Moment, scale: Timescale) -> i64 {
        let value = self.peek_at(timestamp, arrival, scale);
        *self = Self { last: Some(value), arrival: Some(arrival) };
        value
    }

    /// What [`Self::push_at`] would give, without taking note of it.
    #[must_use]
    pub fn peek_at(&self, timestamp: u32, arrival: Moment, scale: Timescale) -> i64 {
        let elapsed = self.arrival.map_or(0, |before| Ticks::from_micros(arrival.since(before), scale).0);
        let last = self.last.unwrap_or(i64::from(timestamp));
        nearest(timestamp, last.saturating_add(elapsed))
    }
}

/// The number that is `timestamp` modulo 2^32 and nearest to `expected`.
fn nearest(timestamp: u32, expected: i64) -> i64 {
    let ahead = i64::from(timestamp.wrapping_sub(expected as u32));
    let value = expected.saturating_add(ahead);
    if ahead > PERIOD / 2 { value.saturating_sub(PERIOD) } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_wrap_goes_on_upwards_and_a_step_back_goes_back() {
        let mut unwrap = Unwrap::new();
        assert_eq!(unwrap.push(0xffff_fff0), 0xffff_fff0);
        assert_eq!(unwrap.push(0x10), 0x1_0000_0010);
        assert_eq!(unwrap.push(0xffff_fff8), 0xffff_fff8);
        assert_eq!(unwrap.push(0x20), 0x1_0000_0020);
    }

    #[test]
    fn a_silence_longer_than_half_a_period_is_counted_by_arrival() {
        let mut unwrap = Unwrap::new();
        let hours = |n: i64| Moment(n * 3_600_000_000);
        assert_eq!(unwrap.push_at(0, hours(0), Timescale::VIDEO), 0);
        // Eight hours are 2_592_000_000 ticks: more than half a period.
        assert_eq!(unwrap.push_at(2_592_000_000, hours(8), Timescale::VIDEO), 2_592_000_000);
        // Thirty more hours are two whole wraps and a bit.
        let ticks: i64 = 2_592_000_000 + 30 * 3600 * 90_000;
        assert_eq!(unwrap.push_at(ticks as u32, hours(38), Timescale::VIDEO), ticks);
    }

    proptest! {
        #[test]
        fn values_keep_their_low_bits_and_stay_near(first: u32, steps in prop::collection::vec(any::<i32>(), 1..50)) {
            let mut unwrap = Unwrap::new();
            let mut expected = unwrap.push(first);
            for step in steps.iter().filter(|step| **step != i32::MIN) {
                expected += i64::from(*step);
                prop_assert_eq!(unwrap.push(expected as u32), expected);
            }
        }

        #[test]
        fn any_gap_with_a_sloppy_clock_is_placed(start: u32, hours in 0i64..200, drift in -60_000_000i64..60_000_000) {
            let mut unwrap = Unwrap::new();
            let first = unwrap.push_at(start, Moment(0), Timescale::VIDEO);
            let expected = first + hours * 3600 * 90_000;
            let arrival = Moment(hours * 3_600_000_000 + drift);
            prop_assert_eq!(unwrap.push_at(expected as u32, arrival, Timescale::VIDEO), expected);
        }
    }
}
