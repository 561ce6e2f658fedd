//! Where time comes from. Pure code takes [`Moment`]s as arguments; only the shell reads a [`Clock`].

use crate::time::{Moment, WallTime};
use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The two clocks of the process.
pub trait Clock: Send + Sync {
    /// Monotonic: never steps.
    fn now(&self) -> Moment;
    /// The host's idea of UTC: may step.
    fn wall(&self) -> WallTime;
}

/// The operating system's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        moment(Instant::now())
    }

    fn wall(&self) -> WallTime {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        WallTime(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}

/// The [`Moment`] of an `Instant` that the operating system or a network stack stamped.
#[must_use]
pub fn moment(instant: Instant) -> Moment {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    let origin = *ORIGIN.get_or_init(|| Instant::now() - std::time::Duration::from_secs(1));
    Moment(i64::try_from(instant.saturating_duration_since(origin).as_micros()).unwrap_or(i64::MAX))
}
