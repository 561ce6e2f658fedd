//! How many bits in a second a track has, measured from its segments.

use crate::catalog::Segment;
use crate::time::Timescale;

/// Bits in a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bandwidth {
    /// The most over any stretch of neighbouring segments of about a target duration.
    pub peak: u64,
    /// Over all of it.
    pub average: u64,
}

/// Measures as RFC 8216 4.3.4.2 says: a stretch counts for the peak when it lasts between 0.5 and 1.5 target durations,
/// so that the short last segment of a recording does not count alone. With less media than that, the peak is the
/// average.
#[must_use]
pub fn measure(segments: &[Segment], scale: Timescale, target_seconds: u32) -> Bandwidth {
    let target = i64::from(target_seconds) * 1_000_000;
    let stretch = (target / 2)..=(target * 3 / 2);
    let sizes: Vec<(u64, i64)> = segments
        .iter()
        .map(|segment| (segment.range.end - segment.range.start, segment.duration.to_micros(scale)))
        .collect();
    let average = rate(&sizes);
    let mut peak = average;
    for first in 0..sizes.len() {
        let (mut bytes, mut micros) = (0u64, 0i64);
        for (size, length) in sizes.iter().skip(first) {
            bytes = bytes.saturating_add(*size);
            micros = micros.saturating_add(*length);
            if micros > *stretch.end() {
                break;
            }
            if stretch.contains(&micros) {
                peak = peak.max(rate(&[(bytes, micros)]));
            }
        }
    }
    Bandwidth { peak, average }
}

fn rate(sizes: &[(u64, i64)]) -> u64 {
    let bits: u128 = sizes.iter().map(|(bytes, _)| u128::from(*bytes) * 8).sum();
    let micros: i64 = sizes.iter().map(|(_, micros)| *micros).sum();
    let micros = u128::try_from(micros.max(1)).unwrap_or(1);
    u64::try_from(bits * 1_000_000 / micros).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::TrackId;
    use crate::time::{Ticks, WallTime};

    fn segment(number: u32, millis: i64, bytes: u64) -> Segment {
        Segment {
            track: TrackId(uuid::Uuid::nil()),
            run: 0,
            number,
            start: Ticks(0),
            duration: Ticks(millis * 90),
            range: 0..bytes,
            samples: 1,
            sync: true,
            wall: WallTime(0),
        }
    }

    fn of(segments: &[Segment]) -> Bandwidth {
        measure(segments, Timescale::VIDEO, 4)
    }

    #[test]
    fn a_heavy_segment_makes_the_peak() {
        let all = [segment(0, 2000, 250_000), segment(1, 2000, 1_000_000), segment(2, 2000, 250_000)];
        assert_eq!(of(&all), Bandwidth { peak: 4_000_000, average: 2_000_000 });
    }

    #[test]
    fn a_short_last_segment_does_not_count_alone() {
        let all = [segment(0, 2000, 250_000), segment(1, 100, 100_000)];
        assert_eq!(of(&all).peak, (350_000 * 8 * 10) / 21);
    }

    #[test]
    fn little_media_has_its_average_as_peak() {
        assert_eq!(of(&[segment(0, 500, 62_500)]), Bandwidth { peak: 1_000_000, average: 1_000_000 });
        assert_eq!(of(&[]), Bandwidth::default());
    }
}
