//! The gaps of one track: where one begins and ends, why, and what is shown there. Pure.
//!
//! While a gap is open, what is told of it is sure: nothing of the track will be stored before [`Gaps::reached`] any
//! more. So whoever lists fills that far never has to take one back.

use super::track::Output;
use crate::catalog::{Cause, Gap, Shown};
use crate::id::TrackId;
use crate::media::Kind;
use crate::time::{Ticks, Timescale};

/// A shorter stretch without a picture is not worth a change to black and back. An open gap is told when it is as long.
pub(super) const SHORTEST_BLACK_MICROS: i64 = 1_000_000;
/// How far behind the present a frame may still be placed: packets are waited for up to 2 s, and a stream that begins
/// is placed after 0.4 s. What comes later is moved to the end of the gap.
const MARGIN_MICROS: i64 = 3_000_000;
/// The same where nobody sends: what comes then is placed by its arrival.
const OFF_MARGIN_MICROS: i64 = 500_000;
/// Rows of open gaps are written at multiples of this: those of all tracks at once, in one transaction.
const STEP_MICROS: i64 = 2_000_000;

/// Of one track.
#[derive(Debug)]
pub(super) struct Gaps {
    track: TrackId,
    kind: Kind,
    scale: Timescale,
    /// Length of the parts in which a fill is listed.
    part: Ticks,
    next: u32,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    start: Ticks,
    reached: Ticks,
    after: u32,
    cause: Cause,
    /// What it was told to show; it keeps that.
    told: Option<Shown>,
    /// Parts are counted from here.
    from: Ticks,
    /// The multiple of the step at which its row was written.
    step: i64,
}

impl Open {
    fn new(start: Ticks, after: u32, cause: Cause) -> Self {
        Self { start, reached: start, after, cause, told: None, from: start, step: i64::MIN }
    }
}

impl Gaps {
    /// None yet.
    pub(super) fn new(track: TrackId, kind: Kind, scale: Timescale, part_micros: i64) -> Self {
        let part = Ticks::from_micros(part_micros, scale).max(Ticks(1));
        Self { track, kind, scale, part, next: 0, open: None }
    }

    /// Those of a track that an earlier process began, by their rows.
    pub(super) fn restored(
        track: TrackId,
        kind: Kind,
        scale: Timescale,
        part_micros: i64,
        rows: &[Gap],
    ) -> Self {
        let open = rows.last().filter(|last| last.open).map(|last| Open {
            reached: last.start + last.duration,
            told: Some(last.shown),
            from: last.start.max(Ticks::at_or_behind(last.listed_micros, scale)),
            ..Open::new(last.start, last.after, last.cause)
        });
        let next = rows.last().map_or(0, |last| if last.open { last.number } else { last.number + 1 });
        Self { next, open, ..Self::new(track, kind, scale, part_micros) }
    }

    /// Nothing comes from `start` on, behind the segment `after`. A gap that is open goes on; when it turns out that
    /// nothing is sent, it becomes one of that cause from where it has been told.
    pub(super) fn begin(&mut self, start: Ticks, after: u32, cause: Cause, out: &mut Vec<Output>) {
        let Some(open) = &mut self.open else {
            self.open = Some(Open::new(start, after, cause));
            return;
        };
        if open.cause == cause || cause != Cause::Off {
            return;
        }
        let reached = open.reached;
        if open.told.is_some() {
            self.end(reached, out);
            self.open = Some(Open::new(reached, after, cause));
        } else {
            open.cause = cause;
        }
    }

    /// Time passes.
    pub(super) fn poll(&mut self, now: Ticks, out: &mut Vec<Output>) {
        let ticks = |micros: i64| Ticks::from_micros(micros, self.scale);
        let Some(open) = &mut self.open else { return };
        let margin = if open.cause == Cause::Off { OFF_MARGIN_MICROS } else { MARGIN_MICROS };
        let sure = now - ticks(margin);
        let step = sure.0.div_euclid(ticks(STEP_MICROS).0);
        // Whole parts: what is moved to the end of the gap follows the last one that is listed.
        let sure = sure - Ticks((sure - open.from).0.rem_euclid(self.part.0));
        let first = open.told.is_none() && now - open.start >= ticks(SHORTEST_BLACK_MICROS);
        let grows = sure > open.reached;
        open.reached = open.reached.max(sure);
        if first {
            // So long at least it stays: what is told is listed.
            open.reached = open.reached.max(open.start + ticks(SHORTEST_BLACK_MICROS));
            open.told = Some(shown(self.kind, open.cause));
        }
        let due = step > open.step;
        if first || (grows && due && open.told.is_some()) {
            open.step = step;
            self.tell(true, out);
        } else if grows && open.told.is_some() {
            out.push(Output::Sure { gap: self.next, reached: open.reached });
        }
    }

    /// The open gap shows from `from` on what it was told to show, and lasts as far as `reached` at least.
    pub(super) fn stays(&mut self, from: Ticks, reached: Ticks) {
        if let Some(open) = &mut self.open {
            (open.from, open.reached) = (open.from.max(from), open.reached.max(reached));
        }
    }

    /// A fill of the open gap is cut here.
    pub(super) fn count_from(&mut self, at: Ticks) {
        if let Some(open) = &mut self.open {
            open.from = open.from.max(at);
        }
    }

    /// Media comes at `at`, or the track ends there.
    pub(super) fn end(&mut self, at: Ticks, out: &mut Vec<Output>) {
        let Some(open) = &mut self.open else { return };
        open.reached = open.reached.max(at);
        let length = open.reached - open.start;
        if open.told.is_none() {
            let short = length.to_micros(self.scale) < SHORTEST_BLACK_MICROS;
            let cause = if short { Cause::Loss } else { open.cause };
            open.told = (length > Ticks(0)).then(|| shown(self.kind, cause));
        }
        if open.told.is_some() {
            self.tell(false, out);
            self.next += 1;
        }
        self.open = None;
    }

    /// The track ends: a gap that nobody was told of was none.
    pub(super) fn forget_untold(&mut self) {
        self.open.take_if(|open| open.told.is_none());
    }

    /// No frame may be placed before this while a gap is open.
    pub(super) fn reached(&self) -> Option<Ticks> {
        self.open.as_ref().map(|open| open.reached)
    }

    fn tell(&self, goes_on: bool, out: &mut Vec<Output>) {
        let Some(open) = &self.open else { return };
        let Some(shown) = open.told else { return };
        out.push(Output::Gap(Gap {
            track: self.track,
            number: self.next,
            after: open.after,
            cause: open.cause,
            shown,
            start: open.start,
            duration: open.reached - open.start,
            open: goes_on,
            listed_micros: 0,
        }));
    }
}

fn shown(kind: Kind, cause: Cause) -> Shown {
    match (kind, cause) {
        (Kind::Audio, _) => Shown::Silence,
        (Kind::Video, Cause::Off) => Shown::Black,
        (Kind::Video, Cause::Loss | Cause::Pause) => Shown::Still,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 90_000;

    fn gaps() -> Gaps {
        Gaps::new(TrackId(uuid::Uuid::nil()), Kind::Video, Timescale::VIDEO, 500_000)
    }

    /// `(number, cause, shown, start, length, open)` of rows, in tenths of seconds.
    fn told(out: &[Output]) -> Vec<(u32, Cause, Shown, i64, i64, bool)> {
        out.iter()
            .filter_map(|output| {
                let Output::Gap(gap) = output else { return None };
                let tenths = |ticks: Ticks| ticks.0 / (SECOND / 10);
                Some((gap.number, gap.cause, gap.shown, tenths(gap.start), tenths(gap.duration), gap.open))
            })
            .collect()
    }

    #[test]
    fn an_open_gap_is_told_as_far_as_it_is_sure() {
        let (mut gaps, mut out) = (gaps(), Vec::new());
        gaps.begin(Ticks(10 * SECOND), 4, Cause::Off, &mut out);
        for tenth in 100..200 {
            gaps.poll(Ticks(tenth * SECOND / 10), &mut out);
        }
        let lengths: Vec<_> = told(&out).iter().map(|told| told.4).collect();
        assert_eq!(lengths, [10, 20, 40, 60, 80]);
        assert_eq!(gaps.reached(), Some(Ticks(19 * SECOND)));
        out.clear();
        gaps.end(Ticks(20 * SECOND), &mut out);
        gaps.begin(Ticks(30 * SECOND), 5, Cause::Loss, &mut out);
        gaps.end(Ticks(30 * SECOND), &mut out);
        gaps.begin(Ticks(40 * SECOND), 5, Cause::Off, &mut out);
        gaps.end(Ticks(40 * SECOND + SECOND / 2), &mut out);
        assert_eq!(
            told(&out),
            [(0, Cause::Off, Shown::Black, 100, 100, false), (1, Cause::Off, Shown::Still, 400, 5, false)],
            "a gap of no length is none, and a short one is not black"
        );
    }

    #[test]
    fn who_goes_away_during_a_loss_is_black_from_there_on() {
        let (mut gaps, mut out) = (gaps(), Vec::new());
        gaps.begin(Ticks(0), 0, Cause::Loss, &mut out);
        gaps.poll(Ticks(8 * SECOND), &mut out);
        gaps.begin(Ticks(0), 0, Cause::Off, &mut out);
        gaps.poll(Ticks(10 * SECOND), &mut out);
        gaps.begin(Ticks(0), 0, Cause::Loss, &mut out);
        gaps.end(Ticks(12 * SECOND), &mut out);
        assert_eq!(
            told(&out),
            [
                (0, Cause::Loss, Shown::Still, 0, 50, true),
                (0, Cause::Loss, Shown::Still, 0, 50, false),
                (1, Cause::Off, Shown::Black, 50, 45, true),
                (1, Cause::Off, Shown::Black, 50, 70, false),
            ]
        );
        // Before it was told it is simply a gap of the other cause.
        out.clear();
        gaps.begin(Ticks(0), 0, Cause::Loss, &mut out);
        gaps.begin(Ticks(0), 0, Cause::Off, &mut out);
        gaps.end(Ticks(2 * SECOND), &mut out);
        assert_eq!(told(&out), [(2, Cause::Off, Shown::Black, 0, 20, false)]);
    }

    #[test]
    fn media_never_comes_before_what_was_told() {
        let (mut gaps, mut out) = (gaps(), Vec::new());
        gaps.begin(Ticks(0), 0, Cause::Off, &mut out);
        gaps.poll(Ticks(20 * SECOND), &mut out);
        gaps.end(Ticks(9 * SECOND), &mut out);
        assert_eq!(told(&out).last(), Some(&(0, Cause::Off, Shown::Black, 0, 195, false)));
    }
}
