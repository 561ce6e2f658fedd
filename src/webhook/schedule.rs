//! When to try again, and when to give up. Pure.

use crate::time::WallTime;
use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(300);
/// How far a target may put us off by Retry-After.
const LONGEST_ASKED: Duration = Duration::from_secs(6 * 3600);
/// A delivery that grew old while it waited behind another, or while this process did not run, gets this many attempts
/// all the same.
const LEAST_ATTEMPTS: u32 = 5;
/// Waiting times are spread over this part of themselves, so that a target that comes back is not met by all at once.
const SPREAD: f64 = 0.2;

/// How long to wait after `attempts` failures: 1 s, 2 s, 4 s and so on up to 5 min, a fifth more or less by `chance`
/// (0 to 1), or as long as the target asked for.
#[must_use]
pub fn pause(attempts: u32, chance: f64, asked: Option<Duration>) -> Duration {
    let doubled = FIRST.saturating_mul(1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX));
    let spread = 1.0 + SPREAD * (2.0 * chance.clamp(0.0, 1.0) - 1.0);
    let own = doubled.min(LONGEST).mul_f64(spread);
    own.max(asked.unwrap_or_default().min(LONGEST_ASKED))
}

/// When a delivery that exists since `created` and has now failed `attempts` times is tried again: `None` when it is
/// given up.
#[must_use]
pub fn next(
    created: WallTime,
    now: WallTime,
    attempts: u32,
    retry_for: Duration,
    pause: Duration,
) -> Option<WallTime> {
    let micros = |length: Duration| i64::try_from(length.as_micros()).unwrap_or(i64::MAX);
    let old = now.since(created) >= micros(retry_for);
    (!old || attempts < LEAST_ATTEMPTS).then(|| now.plus(micros(pause)))
}

/// The value of a Retry-After header (RFC 9110 10.2.3): seconds, or a date.
#[must_use]
pub fn retry_after(value: &str, now: WallTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?;
    let micros = date.timestamp().as_microsecond().saturating_sub(now.0);
    Some(Duration::from_micros(u64::try_from(micros).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    /// Waiting times in seconds until it is given up, on a clock that only these waits move.
    fn simulated(chance: f64, asked: Option<Duration>) -> Vec<f64> {
        let created = WallTime(1_800_000_000_000_000);
        let (mut now, mut waits) = (created, Vec::new());
        loop {
            let attempts = u32::try_from(waits.len()).unwrap() + 1;
            let wait = pause(attempts, chance, asked);
            let Some(next) = next(created, now, attempts, DAY, wait) else { return waits };
            waits.push(next.since(now) as f64 / 1e6);
            now = next;
        }
    }

    #[test]
    fn waits_double_up_to_five_minutes_and_end_after_a_day() {
        let waits = simulated(0.5, None);
        assert_eq!(waits[..11], [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 300.0, 300.0]);
        let total: f64 = waits.iter().sum();
        assert!((86_400.0..86_700.0).contains(&total), "{total}");
        assert!(waits.iter().skip(9).all(|wait| *wait == 300.0));
    }

    #[test]
    fn waits_are_spread_by_a_fifth_both_ways() {
        assert_eq!(simulated(0.0, None)[..3], [0.8, 1.6, 3.2]);
        assert_eq!(simulated(1.0, None)[..3], [1.2, 2.4, 4.8]);
        assert!(simulated(1.0, None).iter().all(|wait| *wait <= 360.0));
    }

    #[test]
    fn a_target_may_put_us_off_but_not_for_ever_and_not_hurry_us() {
        assert_eq!(
            simulated(0.5, Some(Duration::from_secs(30)))[..7],
            [30.0, 30.0, 30.0, 30.0, 30.0, 32.0, 64.0]
        );
        assert_eq!(simulated(0.5, Some(Duration::MAX))[0], 21_600.0);
        assert_eq!(pause(4, 0.5, Some(Duration::ZERO)), Duration::from_secs(8));
        assert!(pause(u32::MAX, 1.0, None) <= Duration::from_secs(360));
    }

    #[test]
    fn what_grew_old_while_it_waited_is_tried_some_times_all_the_same() {
        let created = WallTime(0);
        let late = WallTime(10 * 86_400_000_000);
        let goes_on = |attempts| next(created, late, attempts, DAY, Duration::from_secs(1)).is_some();
        assert_eq!([1, 2, 3, 4, 5, 6].map(goes_on), [true, true, true, true, false, false]);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = WallTime(1_445_412_480_000_000);
        assert_eq!(retry_after(" 120 ", now), Some(Duration::from_secs(120)));
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:29:00 GMT", now), Some(Duration::from_secs(60)));
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:27:00 GMT", now), Some(Duration::ZERO));
        for nonsense in ["", "soon", "-1", "1.5", "99999999999999999999999"] {
            assert_eq!(retry_after(nonsense, now), None, "{nonsense}");
        }
    }
}
