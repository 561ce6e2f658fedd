//! What a served view of a track consists of: its segments, and fills where it has none.
//!
//! Fills lie on a grid of two seconds from where the gap begins, and are listed in front of the segment that ends
//! the gap. While a recording runs, a gap that is still open is filled too, as far as the participant's other tracks
//! have come less seven seconds: no segment of this track can begin before that any more. So a playlist only ever
//! grows, as RFC 8216 6.2.1 wants of an EVENT playlist.

use crate::catalog::Segment;
use crate::media::Kind;
use crate::time::{Ticks, Timescale};

/// Length of a whole fill.
const FILL_MICROS: i64 = 2_000_000;
/// A segment may still begin this far behind the newest media of the same participant: the longest segment (3.5 s), the
/// longest wait for lost packets (2 s), and time to write it.
const OPEN_MICROS: i64 = 7_000_000;
/// Shorter gaps are left to the player, which steps over them.
const LEAST_SOUND_MICROS: i64 = 60_000;
const LEAST_PICTURE_MICROS: i64 = 200_000;
/// Before the first picture players wait for it anyway.
const LEAST_FIRST_PICTURE_MICROS: i64 = 500_000;
/// A gap of more fills than this is left open at its end: a day of them.
const MOST_FILLS: i64 = 43_200;

/// A gap made playable, or a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// The number of the segment before the gap; `None` before the first.
    pub after: Option<u32>,
    /// From 0 within the gap.
    pub number: u32,
    /// First tick on the recording's timeline.
    pub start: Ticks,
    /// Its length, above zero.
    pub duration: Ticks,
}

/// A piece of a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// Stored media.
    Segment(&'a Segment),
    /// Nothing was stored.
    Fill(Fill),
}

impl Item<'_> {
    /// First tick on the recording's timeline.
    #[must_use]
    pub fn start(&self) -> Ticks {
        match self {
            Self::Segment(segment) => segment.start,
            Self::Fill(fill) => fill.start,
        }
    }

    /// The tick behind the last.
    #[must_use]
    pub fn end(&self) -> Ticks {
        match self {
            Self::Segment(segment) => segment.start + segment.duration,
            Self::Fill(fill) => fill.start + fill.duration,
        }
    }
}

/// What bounds a view.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The participant's first media.
    pub zero: Ticks,
    /// Where the furthest of the tracks ends that are presented together.
    pub furthest: Ticks,
    /// Nothing will be added.
    pub ended: bool,
}

/// Segments and fills in order. Without a segment there is nothing to fill, and no view.
#[must_use]
pub fn items<'a>(segments: &'a [Segment], kind: Kind, scale: Timescale, bounds: Bounds) -> Vec<Item<'a>> {
    let mut items = Vec::with_capacity(segments.len());
    let mut end = bounds.zero;
    let mut after = None;
    for segment in segments {
        fill(&mut items, Gap { after, from: end, to: segment.start, open: false }, kind, scale);
        items.push(Item::Segment(segment));
        end = end.max(segment.start + segment.duration);
        after = Some(segment.number);
    }
    if after.is_some() {
        let open = !bounds.ended;
        let margin = if open { Ticks::from_micros(OPEN_MICROS, scale) } else { Ticks(0) };
        fill(&mut items, Gap { after, from: end, to: bounds.furthest - margin, open }, kind, scale);
    }
    items
}

struct Gap {
    after: Option<u32>,
    from: Ticks,
    to: Ticks,
    open: bool,
}

fn fill(items: &mut Vec<Item<'_>>, gap: Gap, kind: Kind, scale: Timescale) {
    let least = match (kind, gap.after) {
        (Kind::Audio, _) => LEAST_SOUND_MICROS,
        (Kind::Video, None) => LEAST_FIRST_PICTURE_MICROS,
        (Kind::Video, Some(_)) => LEAST_PICTURE_MICROS,
    };
    if (gap.to - gap.from).to_micros(scale) < least {
        return;
    }
    let whole = Ticks::from_micros(FILL_MICROS, scale);
    for number in 0..MOST_FILLS {
        let start = Ticks(gap.from.0 + number * whole.0);
        let duration = whole.min(gap.to - start);
        // The end of an open gap is not known: only whole fills are sure to stay.
        if duration <= Ticks(0) || (gap.open && duration < whole) {
            return;
        }
        items.push(Item::Fill(Fill { after: gap.after, number: number as u32, start, duration }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::TrackId;
    use crate::time::WallTime;
    use proptest::prelude::*;

    const SCALE: Timescale = Timescale::OPUS;

    fn segment(number: u32, start_ms: i64, millis: i64) -> Segment {
        Segment {
            track: TrackId(uuid::Uuid::nil()),
            run: 0,
            number,
            start: Ticks(start_ms * 48),
            duration: Ticks(millis * 48),
            range: 0..1,
            samples: 1,
            sync: true,
            wall: WallTime(0),
        }
    }

    fn bounds(zero_ms: i64, furthest_ms: i64, ended: bool) -> Bounds {
        Bounds { zero: Ticks(zero_ms * 48), furthest: Ticks(furthest_ms * 48), ended }
    }

    /// `(start, length, is a fill)` in milliseconds.
    fn view(segments: &[Segment], kind: Kind, bounds: Bounds) -> Vec<(i64, i64, bool)> {
        items(segments, kind, SCALE, bounds)
            .iter()
            .map(|item| {
                let length = item.end() - item.start();
                (item.start().0 / 48, length.0 / 48, matches!(item, Item::Fill(_)))
            })
            .collect()
    }

    #[test]
    fn a_track_without_gaps_is_its_segments() {
        let all = [segment(0, 1000, 2000), segment(1, 3000, 2000)];
        assert_eq!(
            view(&all, Kind::Audio, bounds(1000, 5000, true)),
            [(1000, 2000, false), (3000, 2000, false)]
        );
    }

    #[test]
    fn gaps_before_between_and_behind_are_filled() {
        let all = [segment(0, 1000, 2000), segment(1, 8000, 1000)];
        assert_eq!(
            view(&all, Kind::Audio, bounds(0, 9500, true)),
            [
                (0, 1000, true),
                (1000, 2000, false),
                (3000, 2000, true),
                (5000, 2000, true),
                (7000, 1000, true),
                (8000, 1000, false),
                (9000, 500, true)
            ]
        );
    }

    #[test]
    fn short_gaps_are_left_to_the_player() {
        let all = [segment(0, 400, 2000), segment(1, 2550, 2000)];
        assert_eq!(view(&all, Kind::Video, bounds(0, 4600, true)).len(), 2);
        assert_eq!(view(&all, Kind::Audio, bounds(0, 4600, true)).len(), 4);
    }

    #[test]
    fn without_a_segment_there_is_no_view() {
        assert!(view(&[], Kind::Audio, bounds(0, 60_000, true)).is_empty());
    }

    proptest! {
        /// What was listed while the recording ran stays at its place, whatever comes later.
        #[test]
        fn a_view_only_grows(
            lengths in prop::collection::vec((0i64..30_000, 1000i64..3500), 1..8),
            other in 0i64..100_000,
        ) {
            let mut segments = Vec::new();
            let mut at = 0;
            for (number, (gap, length)) in lengths.into_iter().enumerate() {
                at += gap;
                segments.push(segment(number as u32, at, length));
                at += length;
            }
            let whole = items(&segments, Kind::Audio, SCALE, bounds(0, at.max(other), true));
            for known in 1..=segments.len() {
                let (listed, later) = segments.split_at(known);
                // Others have come as far as they can while the next segment of this track is still open.
                let next = later.first().map_or(at + other, |segment| segment.start.0 / 48 + 3500);
                let running = items(listed, Kind::Audio, SCALE, bounds(0, next, false));
                let same = running.iter().zip(&whole).take_while(|(a, b)| a == b).count();
                prop_assert!(same == running.len() || later.is_empty());
            }
            let ends: Vec<_> = whole.windows(2).map(|pair| pair[1].start().0 - pair[0].end().0).collect();
            prop_assert!(ends.iter().all(|hole| (0..LEAST_SOUND_MICROS).contains(&(hole * 1000 / 48))));
        }
    }
}
