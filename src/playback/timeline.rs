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
/// Where a participant begins everything is there: a player that finds a hole steps over it, and decodes again what it
/// held.
const LEAST_FIRST_SOUND_MICROS: i64 = 1_000;
/// hls.js drops sound before the first picture instead, and DASH begins with that.
const LEAST_FIRST_PICTURE_MICROS: i64 = 60_000;
/// What is shown on before a gap shows something else; less is left to the player.
const LEAST_BEFORE_MICROS: i64 = 20_000;
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
    /// It may become longer, by whole parts.
    pub open: bool,
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

    /// A decoder can begin with it.
    #[must_use]
    pub fn independent(&self) -> bool {
        match self {
            Self::Segment(segment) => segment.sync,
            Self::Fill(_) => true,
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
    /// Where fills are cut because the picture beside this sound changes, in order.
    pub cuts: &'a [Ticks],
    /// Length of a part: fills consist of them.
    pub part: Ticks,
    /// Where a view may end with a fill that grows.
    pub edge: bool,
    /// Also what has begun and is not listed yet: what an open gap shows, however short it is for sure.
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
    /// Its end is not known: only whole fills are sure to stay, and parts of one.
    open: bool,
    /// The picture changes here: however short what is before it.
    exact: bool,
}

impl List<'_, '_> {
    /// Before the first segment, cut where the recording was paused.
    fn lead(&mut self, to: Ticks) {
        let from = self.bounds.zero;
        let length = (to - from).to_micros(self.scale);
        let least =
            if self.kind == Kind::Audio { LEAST_FIRST_SOUND_MICROS } else { LEAST_FIRST_PICTURE_MICROS };
        if length < least {
            return;
        }
        let shown = self.fill_of(if length < BLACK_LEAD_MICROS { Shown::Still } else { Shown::Black });
        let pauses = self.bounds.pauses.iter().filter(|cut| **cut > from && **cut < to).chain([&to]);
        let stretch = |to: &Ticks| Stretch { to: *to, shown, open: false, exact: false };
        let stretches: Vec<Stretch> = pauses.map(stretch).collect();
        self.fill(None, from, least, &stretches);
    }

    /// Behind segment `after`, up to the next one or to the end; `None` while there is neither.
    fn gap(&mut self, after: u32, from: Ticks, to: Option<Ticks>) {
        let least = if self.kind == Kind::Audio { LEAST_SOUND_MICROS } else { LEAST_PICTURE_MICROS };
        if to.is_some_and(|to| (to - from).to_micros(self.scale) < least) {
            return;
        }
        let limit = to.unwrap_or(Ticks(i64::MAX));
        let mut stretches: Vec<Stretch> = Vec::new();
        for gap in self.bounds.gaps.iter().filter(|gap| gap.after == after) {
            let open = gap.open && to.is_none();
            let before = stretches.last().map_or(self.fill_of(Shown::Still), |before| before.shown);
            let changes = Ticks::at_or_behind(gap.listed_micros, self.scale).max(gap.start);
            let mut end = gap.start + gap.duration;
            if open && self.bounds.begun {
                end = end.max(changes + Ticks(1));
            }
            if before != gap.shown && changes > gap.start {
                // What was shown before goes on up to where the sound could be cut.
                let open = open && end < changes;
                stretches.push(Stretch {
                    to: changes.min(end).min(limit),
                    shown: before,
                    open,
                    exact: !open,
                });
            }
            stretches.push(Stretch { to: end.min(limit), shown: gap.shown, open, exact: false });
        }
        if let Some(to) = to {
            // What no row tells goes on like the last that one tells.
            let shown = stretches.last().map_or(self.fill_of(Shown::Still), |last| last.shown);
            stretches.push(Stretch { to, shown, open: false, exact: false });
        }
        self.fill(Some(after), from, least, &stretches);
    }

    fn fill_of(&self, picture: Shown) -> Shown {
        if self.kind == Kind::Audio { Shown::Silence } else { picture }
    }

    fn fill(&mut self, after: Option<u32>, from: Ticks, least: i64, stretches: &[Stretch]) {
        let (mut at, mut number) = (from, 0);
        for stretch in stretches {
            // A shorter stretch becomes the beginning of the next one.
            let least = if stretch.exact { LEAST_BEFORE_MICROS } else { least };
            let short = (stretch.to - at).to_micros(self.scale) < least;
            if short && !(stretch.open && (self.bounds.edge || self.bounds.begun)) {
                continue;
            }
            while at < stretch.to && number < MOST_FILLS {
                let whole = self.whole(after.is_some() && number < SHORT_FILLS);
                let cut = self.bounds.cuts.iter().find(|cut| **cut > at).copied().unwrap_or(at + whole);
                let whole = whole.min(cut - at);
                let mut duration = whole.min(stretch.to - at);
                let open = stretch.open && duration < whole;
                if open && !self.bounds.begun {
                    duration = Ticks(duration.0 - duration.0 % self.bounds.part.0.max(1));
                    if !self.bounds.edge || duration.0 == 0 {
                        return;
                    }
                }
                let fill = Fill { after, number, start: at, duration, shown: stretch.shown, open };
                self.items.push(Item::Fill(fill));
                at = at + duration;
                number += 1;
                if open {
                    return;
                }
            }
        }
    }

    /// How long a fill is: whole parts, so that those of fills behind each other have one measure.
    fn whole(&self, short: bool) -> Ticks {
        let whole = Ticks::from_micros(if short { SHORT_FILL_MICROS } else { FILL_MICROS }, self.scale);
        let part = self.bounds.part.0.clamp(1, whole.0.max(1));
        Ticks(whole.0 - whole.0 % part)
    }
}

#[cfg(test)]
#[path = "timeline_tests.rs"]
mod tests;
