//! Units of time as types: integers inside, floats only in printed text.
//!
//! Three clocks meet in a recording: the media clock of a track ([`Ticks`] of a [`Timescale`]), the
//! process's monotonic clock ([`Moment`]) and the wall clock ([`WallTime`]). [`NtpTime`] is the wall
//! clock of a sender as RTCP carries it.

use std::fmt;
use std::ops::{Add, Sub};

/// Ticks per second of a media clock: 90000 for video, 48000 for Opus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timescale(pub u32);

impl Timescale {
    /// RTP's clock rate for every video payload format (RFC 6184, 7741, 9628 and the AV1 RTP specification).
    pub const VIDEO: Self = Self(90_000);
    /// RTP's clock rate for Opus (RFC 7587 4.1).
    pub const OPUS: Self = Self(48_000);
}

/// A point or a length on a media clock, in units of that track's [`Timescale`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticks(pub i64);

impl Ticks {
    /// Length in microseconds, rounded towards zero.
    #[must_use]
    pub fn to_micros(self, scale: Timescale) -> i64 {
        saturate(i128::from(self.0) * 1_000_000 / i128::from(scale.0.max(1)))
    }

    /// The nearest tick to a length in microseconds.
    #[must_use]
    pub fn from_micros(micros: i64, scale: Timescale) -> Self {
        let scaled = i128::from(micros) * i128::from(scale.0);
        let half = if scaled < 0 { -500_000 } else { 500_000 };
        Self(saturate((scaled + half) / 1_000_000))
    }

    /// The first tick that is not before a place in microseconds.
    #[must_use]
    pub fn at_or_behind(micros: i64, scale: Timescale) -> Self {
        let scaled = i128::from(micros) * i128::from(scale.0);
        Self(saturate(scaled.div_euclid(1_000_000) + i128::from(scaled.rem_euclid(1_000_000) > 0)))
    }
}

impl Add for Ticks {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Ticks {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

/// Microseconds on the process's monotonic clock, since an arbitrary origin. Never compared across processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub i64);

impl Moment {
    /// This moment moved by `micros`.
    #[must_use]
    pub fn plus(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// Microseconds from `earlier` to `self`; negative when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Microseconds since the Unix epoch, UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct WallTime(pub i64);

impl WallTime {
    /// This time moved by `micros`.
    #[must_use]
    pub fn plus(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// Microseconds from `earlier` to `self`.
    #[must_use]
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Reads RFC 3339, or a day, which begins in UTC.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let day = || text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
        let stamp = text.parse::<jiff::Timestamp>().ok().or_else(|| Some(day()?.timestamp()))?;
        Some(Self(stamp.as_microsecond()))
    }
}

/// RFC 3339 in UTC with milliseconds, as playlists and the API print it.
impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stamp = jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        write!(f, "{stamp:.3}")
    }
}

/// Seconds between the NTP era 0 (1900) and the Unix epoch (RFC 5905 6).
const NTP_UNIX_SECONDS: i64 = 2_208_988_800;

/// A 64-bit NTP timestamp: seconds since 1900 and a 32-bit fraction (RFC 5905 6, RFC 3550 6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NtpTime(pub u64);

impl NtpTime {
    /// The wall time it names, in NTP era 0.
    #[must_use]
    pub fn to_wall(self) -> WallTime {
        let seconds = i64::from((self.0 >> 32) as u32) - NTP_UNIX_SECONDS;
        let micros = ((self.0 & 0xffff_ffff) * 1_000_000) >> 32;
        WallTime(seconds * 1_000_000 + micros as i64)
    }

    /// The timestamp of a wall time, in NTP era 0 (wrapping in 2036 as RFC 5905 says).
    #[must_use]
    pub fn from_wall(wall: WallTime) -> Self {
        let seconds = wall.0.div_euclid(1_000_000) + NTP_UNIX_SECONDS;
        let micros = wall.0.rem_euclid(1_000_000) as u64;
        // Rounded up so that a conversion there and back gives the same microsecond.
        let fraction = (micros << 32).div_ceil(1_000_000);
        Self(((seconds as u64) << 32) + fraction)
    }
}

fn saturate(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_and_microseconds_convert_there_and_back() {
        assert_eq!(Ticks(90_000).to_micros(Timescale::VIDEO), 1_000_000);
        assert_eq!(Ticks::from_micros(20_000, Timescale::OPUS), Ticks(960));
        assert_eq!(Ticks::from_micros(-33_333, Timescale::VIDEO), Ticks(-3000));
    }

    #[test]
    fn ntp_and_wall_time_convert_there_and_back() {
        let wall = WallTime(1_792_000_000_123_456);
        assert_eq!(NtpTime::from_wall(wall).to_wall(), wall);
        assert_eq!(NtpTime(2_208_988_800 << 32).to_wall(), WallTime(0));
    }

    #[test]
    fn wall_time_prints_as_rfc_3339_with_milliseconds() {
        assert_eq!(WallTime(1_500).to_string(), "1970-01-01T00:00:00.001Z");
    }
}
