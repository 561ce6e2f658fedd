//! How long fragments and segments are.

use crate::time::{Ticks, Timescale};

/// Lengths in microseconds, fixed when a recording starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// No fragment of two or more samples is longer.
    pub fragment_micros: i64,
    /// A segment closes at the first chance from here on.
    pub target_micros: i64,
    /// No segment is longer.
    pub longest_micros: i64,
}

impl Default for Policy {
    fn default() -> Self {
        Self { fragment_micros: 500_000, target_micros: 2_000_000, longest_micros: 3_500_000 }
    }
}

impl Policy {
    /// `EXT-X-TARGETDURATION`: the longest segment in whole seconds, rounded as RFC 8216 4.3.3.1 rounds `EXTINF`.
    #[must_use]
    pub fn target_duration(&self) -> u32 {
        u32::try_from((self.longest_micros.max(0) + 500_000) / 1_000_000).unwrap_or(u32::MAX).max(1)
    }

    pub(super) fn in_ticks(&self, scale: Timescale) -> Lengths {
        Lengths {
            fragment: Ticks::from_micros(self.fragment_micros, scale).0,
            target: Ticks::from_micros(self.target_micros, scale).0,
            longest: Ticks::from_micros(self.longest_micros, scale).0,
        }
    }
}

/// The same in ticks of a track.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lengths {
    pub(super) fragment: i64,
    pub(super) target: i64,
    pub(super) longest: i64,
}

impl Lengths {
    /// How far before the target a sample of this duration still counts as at the target.
    pub(super) fn tolerance(&self, duration: u32) -> i64 {
        (i64::from(duration) / 2).min(self.target / 20)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_promises_four_seconds() {
        assert_eq!(Policy::default().target_duration(), 4);
        assert_eq!(Policy { longest_micros: 3_499_999, ..Policy::default() }.target_duration(), 3);
    }
}
