//! Date ranges in a track's playlist: gaps, pauses of the whole recording, and the participant's shared screens.
//!
//! A playlist of a running recording may only grow (RFC 8216 6.2.1), so each is told in front of an entry that is not
//! listed before it is known, and again when its end is.

use super::ladder::Step;
use super::pieces::Break;
use super::room::{Room, scale};
use super::timeline::Item;
use crate::catalog::{Gap, Track};
use crate::media::Kind;
use crate::media::hls::media::{Entry, Mark};

/// A screen is known this long after it began or ended: its first segment is stored, and its gap told.
const KNOWN_AFTER_MICROS: i64 = 8_000_000;

/// Puts the marks in front of their entries; those that no entry is behind are returned.
pub(super) fn put(room: &Room, track: &Track, steps: &[Step<'_>], entries: &mut [Entry]) -> Vec<Mark> {
    gaps(room, steps, entries);
    pauses(room, steps, entries);
    screens(room, track, steps, entries)
}

/// A gap is told in front of its first fill, and its end in front of what comes behind its last.
fn gaps(room: &Room, steps: &[Step<'_>], entries: &mut [Entry]) {
    let mut open: Option<(String, &Gap, i64)> = None;
    for (Step { track, piece }, entry) in steps.iter().zip(entries) {
        let own = match piece.item {
            Item::Fill(fill) => {
                let rows = || room.gaps_of(track.id).filter(|gap| Some(gap.after) == fill.after);
                rows().filter(|gap| gap.start <= fill.start).last().or_else(|| rows().next())
            }
            Item::Segment(_) => None,
        };
        if open.as_ref().map(|(_, gap, _)| gap.number) == own.map(|gap| gap.number) {
            continue;
        }
        let told = |(id, gap, start): &(String, &Gap, i64), end: Option<i64>| Mark {
            id: id.clone(),
            class: "tureen.gap",
            start: room.wall(*start),
            end: end.map(|end| room.wall(end)),
            attribute: Some(("X-CAUSE", gap.cause.name().to_owned())),
        };
        if let Some(before) = open.take() {
            entry.marks.push(told(&before, Some(piece.start)));
        }
        open = own.map(|gap| (format!("gap-{}-{}", track.id, gap.number), gap, piece.start));
        if let Some(now) = &open {
            entry.marks.push(told(now, None));
        }
    }
}

/// A pause is told in front of what comes behind it.
fn pauses(room: &Room, steps: &[Step<'_>], entries: &mut [Entry]) {
    let mut pauses = room.pauses.iter().peekable();
    for (Step { piece, .. }, entry) in steps.iter().zip(entries) {
        if piece.broken != Some(Break::Pause) {
            continue;
        }
        while let Some(pause) =
            pauses.next_if(|pause| pause.at_micros <= i64::midpoint(piece.start, piece.end))
        {
            entry.marks.push(Mark {
                id: format!("pause-{}", pause.number),
                class: "tureen.pause",
                start: pause.began_at,
                end: pause.ended_at,
                attribute: None,
            });
        }
    }
}

/// A shared screen of the same participant is told a while after it began, and again a while after it ended.
fn screens(room: &Room, track: &Track, steps: &[Step<'_>], entries: &mut [Entry]) -> Vec<Mark> {
    let ended = room.ended(track.participant);
    let mut left = Vec::new();
    let others =
        room.tracks_of(track.participant).filter(|own| own.source == "screen" && own.kind == Kind::Video);
    for screen in others.filter(|own| own.id != track.id && track.source != "screen") {
        let micros = |ticks: crate::time::Ticks| ticks.to_micros(scale(screen));
        for (number, (from, to)) in shares(room, screen).into_iter().enumerate() {
            let begun = Mark {
                id: format!("screen-{}-{number}", screen.id),
                class: "tureen.screen",
                start: room.wall(micros(from)),
                end: None,
                attribute: Some(("X-TRACK", screen.id.to_string())),
            };
            let told = to.map(|to| (micros(to), Mark { end: Some(room.wall(micros(to))), ..begun.clone() }));
            for (at, mark) in std::iter::once((micros(from), begun)).chain(told) {
                let place = steps.iter().position(|step| step.piece.start >= at + KNOWN_AFTER_MICROS);
                match place.and_then(|place| entries.get_mut(place)) {
                    Some(entry) => entry.marks.push(mark),
                    None if ended => left.push(mark),
                    None => {}
                }
            }
        }
    }
    left
}

/// When a screen was shown: from where to where, in its ticks.
fn shares(room: &Room, screen: &Track) -> Vec<(crate::time::Ticks, Option<crate::time::Ticks>)> {
    let Some(mut from) = screen.start else { return Vec::new() };
    let mut list = Vec::new();
    let off = |gap: &&Gap| gap.cause == crate::catalog::Cause::Off;
    for gap in room.gaps_of(screen.id).filter(off) {
        list.push((from, Some(gap.start)));
        if gap.open {
            return list;
        }
        from = gap.start + gap.duration;
    }
    let end = room.totals_of(screen.id).map(|totals| totals.end);
    let over = room.ended(screen.participant) || screen.ended_at.is_some();
    // A gap that reached to the end left nothing behind it.
    if !over || end.is_some_and(|end| end > from) {
        list.push((from, end.filter(|_| over)));
    }
    list
}
