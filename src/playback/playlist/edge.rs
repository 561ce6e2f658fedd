//! What a playlist lists behind its last whole segment while its recording runs: parts, and what comes next.

use super::{QUERY, fill_name};
use crate::catalog::{Segment, Track};
use crate::live;
use crate::media::hls::media;
use crate::playback::fill;
use crate::playback::ladder::Step;
use crate::playback::room::{Room, scale};
use crate::playback::timeline::Item;
use crate::time::Ticks;

/// Parts are listed this many target durations from the end (RFC 8216bis 4.4.4.9).
const LISTED: i64 = 3;
/// Half a microsecond is lost at each end of a part.
const ROUNDING_MICROS: i64 = 1;

/// The segment behind the last closed one, as far as its fragments are stored.
pub(super) fn open_segment(
    room: &Room,
    track: &Track,
    segments: &[Segment],
    parts: &[live::Part],
) -> Option<Segment> {
    let number = segments.last().map(|last| last.number.saturating_add(1))?;
    let mut own = parts.iter().filter(|part| part.segment == number);
    let first = own.clone().next().filter(|part| part.number == 0)?;
    let run = room.runs_of(track.id).find(|run| run.number == first.run)?;
    let micros = (first.start - run.first).to_micros(scale(track));
    let (end, bytes) = own.next_back().map_or((first.start + first.duration, first.range.end), |last| {
        (last.start + last.duration, last.range.end)
    });
    Some(Segment {
        track: track.id,
        run: first.run,
        number,
        start: first.start,
        duration: end - first.start,
        range: first.range.start..bytes,
        samples: 0,
        sync: first.sync,
        wall: run.wall.plus(micros),
    })
}

pub(super) fn grows(item: &Item<'_>) -> bool {
    matches!(item, Item::Fill(fill) if fill.open)
}

/// The part of a segment that comes next.
pub(super) fn next_part(segments: &[Segment], open: bool, parts: &[live::Part]) -> String {
    let next = segments.last().map_or(0, |last| last.number + u32::from(!open));
    let told = parts.iter().filter(|part| part.segment == next).count();
    // It is closed, but its row was not there yet.
    let closed = parts.last().is_some_and(|last| last.segment > next);
    if closed { format!("{}.0", next.saturating_add(1)) } else { format!("{next}.{told}") }
}

/// The part of a fill that comes next, while a gap is open.
pub(super) fn next_fill(room: &Room, track: &Track, steps: &[Step<'_>]) -> Option<String> {
    let gap = room.gaps_of(track.id).last().filter(|gap| gap.open)?;
    let part = Ticks::from_micros(room.recording.part.0, scale(track));
    let (number, part) = match steps.last()?.piece.item {
        Item::Fill(fill) if fill.open => (fill.number, fill::parts(fill.duration, part).count()),
        Item::Fill(fill) if fill.after == Some(gap.after) => (fill.number + 1, 0),
        _ => (0, 0),
    };
    Some(format!("{}.{part}", fill_name(Some(gap.after), number)))
}

/// Gives the segments at the end their parts. A part that is too long, because a single picture lasted so long, is not
/// listed, nor is what follows it in its segment; and once that is whole it has none, because parts are all of a segment
/// (RFC 8216bis 3.1).
pub(super) fn list_parts(
    entries: &mut [media::Entry],
    steps: &[Step<'_>],
    parts: &[live::Part],
    open: Option<u32>,
    target_micros: i64,
    target_duration: u32,
) {
    let mut behind = 0;
    for (entry, Step { track, piece }) in entries.iter_mut().zip(steps).rev() {
        if behind > i64::from(target_duration) * LISTED * 1_000_000 {
            return;
        }
        behind += entry.duration_micros;
        let micros = |ticks: Ticks| ticks.to_micros(scale(track));
        let length = |start: Ticks, duration: Ticks| micros(start + duration) - micros(start);
        let segment = match piece.item {
            Item::Segment(segment) => segment,
            Item::Fill(fill) => {
                let part = Ticks::from_micros(target_micros, scale(track));
                let name = fill_name(fill.after, fill.number);
                let own = fill::parts(fill.duration, part).enumerate();
                entry.parts = own
                    .map(|(number, (at, duration))| media::Part {
                        uri: format!("{name}.{number}.m4s{QUERY}"),
                        duration_micros: length(fill.start + at, duration).min(target_micros),
                        independent: true,
                    })
                    .collect();
                continue;
            }
        };
        let own = parts.iter().filter(|part| part.segment == segment.number);
        let first = parts.iter().find(|part| part.segment == segment.number);
        if first.is_none_or(|first| first.number > 0 || first.start != segment.start) {
            continue;
        }
        let own: Vec<(&live::Part, i64)> =
            own.map(|part| (part, length(part.start, part.duration))).collect();
        let fits = own.iter().take_while(|(_, micros)| *micros <= target_micros + ROUNDING_MICROS).count();
        if fits < own.len() && open != Some(segment.number) {
            continue;
        }
        entry.parts = own
            .into_iter()
            .take(fits)
            .map(|(part, micros)| media::Part {
                uri: format!("{}.{}.m4s{QUERY}", part.segment, part.number),
                duration_micros: micros.min(target_micros),
                independent: part.sync,
            })
            .collect();
    }
}
