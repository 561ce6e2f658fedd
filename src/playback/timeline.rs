//! What a served view of a track consists of: its segments, and fills where it has none.
//!
//! Where nothing came the recorder wrote rows ([`Gap`]), and fills follow each other from where the first of them begins,
//! in front of the segment that ends it. A gap that is still open is filled as far as its row says that nothing will
//! come any more. So a playlist only ever grows, as RFC 8216 6.2.1 wants of an EVENT playlist. The time before the first
//! segment, and what ends before its participant does, has no row.

use crate::catalog::{Gap, Segment, Shown};
use crate::media::Kind;
use crate::time::{Ticks, Timescale};

/// Length of a fill: the first ones of a gap are short, so that a player at the live edge sees a camera go off soon.
const SHORT_FILL_MICROS: i64 = 2_000_000;
const SHORT_FILLS: u32 = 4;
/// The others are as long as the target duration allows, so that playlists stay small.
const FILL_MICROS: i64 = 4_000_000;
/// Shorter gaps are left to the player, which steps over them.
const LEAST_SOUND_MICROS: i64 = 60_000;
const LEAST_PICTURE_MICROS: i64 = 200_000;
/// hls.js drops sound before the first picture instead.
const LEAST_FIRST_PICTURE_MICROS: i64 = 60_000;
/// Before the first picture: nobody waits that long for a key frame, so the camera was off.
const BLACK_LEAD_MICROS: i64 = 1_000_000;
/// A gap of more fills than this is left open at its end: two days of them.
const MOST_FILLS: u32 = 43_200;

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
    /// What is shown.
    pub shown: Shown,
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
pub struct Bounds<'a> {
    /// The participant's first media.
    pub zero: Ticks,
    /// Where the furthest of the tracks ends that are presented together.
    pub furthest: Ticks,
    /// Nothing will be added.
    pub ended: bool,
    /// The track's gaps in order.
    pub gaps: &'a [Gap],
    /// Where the recording was paused.
    pub pauses: &'a [Ticks],
    /// Also what has begun and is not listed yet: the last fill of an open gap as far as it is sure.
    pub begun: bool,
}

/// Segments and fills in order. Without a segment there is nothing to fill, and no view.
#[must_use]
pub fn items<'a>(
    segments: &'a [Segment],
    kind: Kind,
    scale: Timescale,
    bounds: &Bounds<'_>,
) -> Vec<Item<'a>> {
    let mut list = List { items: Vec::with_capacity(segments.len()), kind, scale, bounds };
    let mut end = bounds.zero;
    let mut after = None;
    for segment in segments {
        match after {
            None => list.lead(segment.start),
            Some(after) => list.gap(after, end, Some(segment.start)),
        }
        list.items.push(Item::Segment(segment));
        end = end.max(segment.start + segment.duration);
        after = Some(segment.number);
    }
    if let Some(after) = after {
        list.gap(after, end, bounds.ended.then_some(bounds.furthest));
    }
    list.items
}

struct List<'a, 'b> {
    items: Vec<Item<'a>>,
    kind: Kind,
    scale: Timescale,
    bounds: &'b Bounds<'b>,
}

/// A stretch with one kind of fill.
#[derive(Clone, Copy)]
struct Stretch {
    to: Ticks,
    shown: Shown,
    /// Its end is not known: only whole fills are sure to stay.
    open: bool,
}

impl List<'_, '_> {
    /// Before the first segment, cut where the recording was paused.
    fn lead(&mut self, to: Ticks) {
        let from = self.bounds.zero;
        let length = (to - from).to_micros(self.scale);
        let least = if self.kind == Kind::Audio { LEAST_SOUND_MICROS } else { LEAST_FIRST_PICTURE_MICROS };
        if length < least {
            return;
        }
        let shown = self.fill_of(if length < BLACK_LEAD_MICROS { Shown::Still } else { Shown::Black });
        let cuts = self.bounds.pauses.iter().filter(|cut| **cut > from && **cut < to).chain([&to]);
        let parts: Vec<Stretch> = cuts.map(|cut| Stretch { to: *cut, shown, open: false }).collect();
        self.fill(None, from, least, &parts);
    }

    /// Behind segment `after`, up to the next one or to the end; `None` while there is neither.
    fn gap(&mut self, after: u32, from: Ticks, to: Option<Ticks>) {
        let least = if self.kind == Kind::Audio { LEAST_SOUND_MICROS } else { LEAST_PICTURE_MICROS };
        if to.is_some_and(|to| (to - from).to_micros(self.scale) < least) {
            return;
        }
        let limit = to.unwrap_or(Ticks(i64::MAX));
        let rows = self.bounds.gaps.iter().filter(|gap| gap.after == after);
        let mut parts: Vec<Stretch> = rows
            .map(|gap| Stretch {
                to: (gap.start + gap.duration).min(limit),
                shown: gap.shown,
                open: gap.open && to.is_none(),
            })
            .collect();
        if let Some(to) = to {
            // What no row tells goes on like the last that one tells.
            let shown = parts.last().map_or(self.fill_of(Shown::Still), |part| part.shown);
            parts.push(Stretch { to, shown, open: false });
        }
        self.fill(Some(after), from, least, &parts);
    }

    fn fill_of(&self, picture: Shown) -> Shown {
        if self.kind == Kind::Audio { Shown::Silence } else { picture }
    }

    fn fill(&mut self, after: Option<u32>, from: Ticks, least: i64, parts: &[Stretch]) {
        let (mut at, mut number) = (from, 0);
        for part in parts {
            // A shorter part becomes the beginning of the next one.
            if (part.to - at).to_micros(self.scale) < least {
                continue;
            }
            while at < part.to && number < MOST_FILLS {
                let short = after.is_some() && number < SHORT_FILLS;
                let whole = if short { SHORT_FILL_MICROS } else { FILL_MICROS };
                let whole = Ticks::from_micros(whole, self.scale);
                let duration = whole.min(part.to - at);
                if part.open && duration < whole && !self.bounds.begun {
                    break;
                }
                let fill = Fill { after, number, start: at, duration, shown: part.shown };
                self.items.push(Item::Fill(fill));
                at = at + duration;
                number += 1;
            }
        }
    }
}

#[cfg(test)]
#[path = "timeline_tests.rs"]
mod tests;
