//! How many bits in a second a track has, measured from what its playlist lists.

use super::fill::{self, SILENCE, SILENCE_TICKS, STILL_MICROS};
use super::ladder::Step;
use super::room::scale;
use super::timeline::{Fill, Item};
use super::trick::{self, Head};
use super::{Error, black};
use crate::catalog::{Segment, Shown, Track};
use crate::id::TrackId;
use crate::media::fmp4::fragment;
use crate::storage::Store;
use crate::time::{Ticks, Timescale};
use std::collections::HashMap;

/// Shorter segments say little of how many pictures there are in a second.
const LEAST_RATED_MICROS: i64 = 500_000;

/// Bits in a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bandwidth {
    /// The most over any stretch of neighbouring segments of about a target duration.
    pub peak: u64,
    /// Over all of it.
    pub average: u64,
}

/// Bytes and microseconds of stored segments.
#[must_use]
pub fn stored(segments: &[Segment], scale: Timescale) -> Vec<(u64, i64)> {
    segments.iter().map(|own| (own.range.end - own.range.start, own.duration.to_micros(scale))).collect()
}

/// Bytes and microseconds of what a view lists: fills are served too. `segments` are those of the tracks that it is of,
/// `part_micros` is the length of the parts that fills are made of.
pub(super) async fn listed(
    store: &Store,
    part_micros: i64,
    steps: &[Step<'_>],
    segments: &[(&Track, &[Segment])],
) -> Result<Vec<(u64, i64)>, Error> {
    let mut keys: HashMap<TrackId, (&[Segment], HashMap<u32, Head>)> = HashMap::new();
    for (track, segments) in segments {
        let still = |step: &Step<'_>| {
            let shown = matches!(step.piece.item, Item::Fill(Fill { shown: Shown::Still, .. }));
            shown && step.track.id == track.id
        };
        if steps.iter().any(still) {
            keys.insert(track.id, (*segments, trick::heads(store, track, segments).await?));
        }
    }
    let part = |track: &Track| Ticks::from_micros(part_micros, scale(track));
    let size = |step: &Step<'_>| match step.piece.item {
        Item::Segment(segment) => segment.range.end - segment.range.start,
        Item::Fill(fill) => {
            let key = || {
                let (segments, heads) = keys.get(&step.track.id)?;
                trick::still(&fill, segments, heads)
            };
            let (step_ticks, each) = match fill.shown {
                Shown::Silence => (SILENCE_TICKS, SILENCE.len() as u64),
                Shown::Black => {
                    (still_ticks(), black::picture(step.track.codec).map_or(0, |own| own.len() as u64))
                }
                Shown::Still => (still_ticks(), key().unwrap_or(0)),
            };
            let fragments = fill::parts(fill.duration, part(step.track)).map(|(_, length)| {
                let samples = fill::parts(length, Ticks(step_ticks)).count();
                fragment::head(samples) + samples as u64 * each
            });
            fragments.sum()
        }
    };
    Ok(steps.iter().map(|step| (size(step), step.piece.end - step.piece.start)).collect())
}

fn still_ticks() -> i64 {
    Ticks::from_micros(STILL_MICROS, Timescale::VIDEO).0
}

/// Pictures in a second, at most over any segment of half a second and more (RFC 8216 4.3.4.2 asks for the maximum).
#[must_use]
pub fn frame_rate(segments: &[Segment], scale: Timescale) -> Option<f64> {
    let rates = segments.iter().filter_map(|segment| {
        let micros = segment.duration.to_micros(scale);
        (micros >= LEAST_RATED_MICROS).then(|| f64::from(segment.samples) * 1e6 / micros as f64)
    });
    rates.max_by(f64::total_cmp)
}

/// Measures as RFC 8216 4.3.4.2 says: a stretch counts for the peak when it lasts between 0.5 and 1.5 target durations,
/// so that the short last segment of a recording does not count alone. With less media than that, the peak is the
/// average.
#[must_use]
pub fn measure(sizes: &[(u64, i64)], target_seconds: u32) -> Bandwidth {
    let target = i64::from(target_seconds) * 1_000_000;
    let stretch = (target / 2)..=(target * 3 / 2);
    let average = rate(sizes);
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
        measure(&stored(segments, Timescale::VIDEO), 4)
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
