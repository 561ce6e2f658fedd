//! Where a participant's sound is cut because the picture changes.
//!
//! Players want the discontinuities of both at the same places, and a playlist may not put one in front of what it has
//! listed. So the sound is cut when the picture's change becomes known: at the change itself, if that part of the sound is
//! not given out yet, else behind what is. A gap is told a second after it began. So the picture goes on with what it
//! showed up to where the sound is cut, and only from there shows what the gap is to show.

use super::{Action, Recording};
use crate::catalog::{Gap, Shown};
use crate::media::{Kind, Rotation};
use crate::recorder::gap::SHORTEST_BLACK_MICROS;
use crate::recorder::output::{Begin, Run};
use crate::time::Ticks;

/// Before a participant's first picture it is black from this length on ([`crate::playback::timeline`]).
const BLACK_LEAD_MICROS: i64 = 1_000_000;
/// In the row of what the sound was not cut for.
const NOT_CUT: i64 = 0;
/// A sample of sound lasts no longer: cuts that are further apart are different ones.
const SOUND_MICROS: i64 = 120_000;
/// What the sound was cut for is shown for so long at least: playback fills nothing shorter.
const LEAST_SHOWN_MICROS: i64 = 205_000;

/// What a track's view shows, as far as it matters for what comes next.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Parameters of its last run, and how it is turned.
    parameters: Option<(String, u32, u32, u8, Rotation)>,
    /// The run that was told of last, by its number, and where the sound was cut for it.
    begin: Option<(u32, i64)>,
    /// The black picture was the last thing.
    black: bool,
    /// The gap that was told last, by its number, and from where on it is shown.
    gap: Option<(u32, i64)>,
    /// Where the participant's sound was cut last, for whichever picture.
    cut: Option<i64>,
}

impl Seen {
    /// By the gaps of a track that an earlier process began. Of its last run nothing is known.
    pub(super) fn restored(gaps: &[Gap]) -> Self {
        let last = gaps.last();
        Self {
            black: last.is_some_and(|last| last.shown == Shown::Black),
            gap: last.map(|last| (last.number, last.listed_micros)),
            ..Self::default()
        }
    }
}

impl Recording {
    /// A run will begin. If players see a change there, the sound is cut.
    pub(super) fn bound_begin(&mut self, index: usize, begin: &Begin, out: &mut Vec<Action>) {
        let Some(source) = self.sources.get_mut(index) else { return };
        let first = begin.first.to_micros(source.codec.timescale());
        source.first_micros.get_or_insert(first);
        let config = &begin.config;
        let parameters =
            (config.string.clone(), config.width, config.height, config.channels, begin.rotation);
        let black = std::mem::take(&mut source.seen.black);
        let differs = source.seen.parameters.as_ref() != Some(&parameters);
        source.seen.parameters = Some(parameters);
        let video = source.codec.kind() == Kind::Video;
        let changes = match begin.number {
            0 => self.zero_of(index).is_some_and(|zero| first - zero >= BLACK_LEAD_MICROS),
            _ => black || differs,
        };
        let cut = if video && changes { self.free(index, first) } else { NOT_CUT };
        if cut != NOT_CUT {
            self.cut_sound(index, cut, out);
        }
        if let Some(source) = self.sources.get_mut(index) {
            source.seen.begin = Some((begin.number, cut));
        }
    }

    /// A run begins: its row says where the sound was cut for it.
    pub(super) fn bound_run(&mut self, index: usize, run: &mut Run) {
        let begun = self.sources.get(index).and_then(|source| source.seen.begin);
        run.listed_micros = begun.filter(|(number, _)| *number == run.number).map_or(NOT_CUT, |(_, cut)| cut);
    }

    /// A gap is told, for the first time or again. If it is to show something else than what was shown before it, the
    /// sound is cut.
    pub(super) fn bound_gap(&mut self, index: usize, gap: &mut Gap, out: &mut Vec<Action>) {
        let stood_at = self.stood_at;
        let Some(source) = self.sources.get_mut(index) else { return };
        let scale = source.codec.timescale();
        if let Some((_, from)) = source.seen.gap.filter(|(number, _)| *number == gap.number) {
            gap.listed_micros = from;
            return;
        }
        let start = gap.start.to_micros(scale);
        let (black, was_black) = (gap.shown == Shown::Black, source.seen.black);
        gap.listed_micros = NOT_CUT;
        // A pause is a discontinuity of all tracks by itself.
        let paused = stood_at.is_some_and(|at| (at - start).abs() <= 1_000);
        if source.codec.kind() == Kind::Video && black != was_black && !paused {
            let from = self.free(index, start);
            let end = (gap.start + gap.duration).to_micros(scale);
            if !gap.open && end - from < SHORTEST_BLACK_MICROS {
                // It is over already, and what is left of it is not worth a change.
                gap.shown = if was_black { Shown::Black } else { Shown::Still };
            } else {
                gap.listed_micros = from;
                self.cut_sound(index, from, out);
                if gap.open && from > start {
                    let least = Ticks::from_micros(from + LEAST_SHOWN_MICROS, scale);
                    gap.duration = gap.duration.max(least - gap.start);
                }
            }
        }
        let Some(source) = self.sources.get_mut(index) else { return };
        source.seen.black = gap.shown == Shown::Black;
        source.seen.gap = Some((gap.number, gap.listed_micros));
        if gap.open {
            let from = Ticks::at_or_behind(gap.listed_micros, scale).max(gap.start);
            source.track.stays(from, gap.start + gap.duration);
        }
    }

    /// The participant's first media.
    fn zero_of(&self, index: usize) -> Option<i64> {
        let participant = self.sources.get(index)?.participant;
        let own = self.sources.iter().filter(|source| source.participant == participant);
        own.filter_map(|source| source.first_micros).min()
    }

    /// The first place at or behind this where the participant's sound can still be cut, and was not yet.
    fn free(&self, index: usize, at: i64) -> i64 {
        let Some(own) = self.sources.get(index) else { return at };
        let others = self.sources.iter().filter(|source| source.participant == own.participant);
        let free = others.filter_map(|source| {
            let given = source.track.given_micros().filter(|_| source.codec.kind() == Kind::Audio);
            given.max(source.seen.cut.map(|cut| cut + SOUND_MICROS).filter(|_| source.id == own.id))
        });
        free.max().unwrap_or(at).max(at)
    }

    fn cut_sound(&mut self, index: usize, at: i64, out: &mut Vec<Action>) {
        let Some(participant) = self.sources.get_mut(index).map(|own| {
            own.seen.cut = Some(at);
            own.participant
        }) else {
            return;
        };
        for index in 0..self.sources.len() {
            let sounds = self.sources.get(index).is_some_and(|source| {
                source.participant == participant && source.codec.kind() == Kind::Audio
            });
            if sounds {
                self.with_track(index, out, |track, outputs| track.cut(at, outputs));
            }
        }
    }
}
