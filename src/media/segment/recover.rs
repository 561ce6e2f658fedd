//! Segments found again after a crash: from the index, or from the media alone.

use super::{Policy, Segment};
use crate::media::Kind;
use crate::media::fmp4::fragment;
use crate::media::fmp4::index::{Entry, Flags};
use crate::media::fmp4::read::Scanned;
use crate::time::{Ticks, Timescale};

/// The segments that entries of one run describe, the last (which may have been open) included. `start` is the
/// tick of the first entry and `first` the number of the first segment.
#[must_use]
pub fn from_index(entries: &[Entry], start: Ticks, first: u32) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::new();
    let mut at = start;
    for part in entries.chunk_by(|_, next| !next.flags.has(Flags::FRAGMENT)) {
        let [head, ..] = part else { continue };
        let begin = head.offset.saturating_sub(fragment::head(part.len()));
        let end = part.last().map_or(begin, Entry::end);
        let duration = Ticks(part.iter().map(|entry| i64::from(entry.duration)).sum());
        if head.flags.has(Flags::SEGMENT) || segments.is_empty() {
            let number = first.saturating_add(segments.len() as u32);
            let none = Ticks(0);
            segments.push(Segment {
                number,
                start: at,
                duration: none,
                range: begin..end,
                samples: 0,
                sync: head.sync(),
            });
        }
        if let Some(open) = segments.last_mut() {
            extend(open, duration, end, part.len());
        }
        at = at + duration;
    }
    segments
}

/// The segments of one run whose index is lost. A fragment never spans two segments, so they are found again by
/// the rules of the segmenter at the bounds of fragments, with two differences: a key frame at the target is
/// recognised only where a fragment starts (it always does), and a segment that was closed early by a change of
/// parameters is joined with the next.
#[must_use]
pub fn from_fragments(
    fragments: &[Scanned],
    policy: Policy,
    scale: Timescale,
    kind: Kind,
    first: u32,
) -> Vec<Segment> {
    let lengths = policy.in_ticks(scale);
    let mut segments: Vec<Segment> = Vec::new();
    for fragment in fragments {
        let tolerance = fragment.samples.first().map_or(0, |sample| lengths.tolerance(sample.duration));
        let ends = segments.last().is_none_or(|open| {
            let due = open.duration.0 + tolerance >= lengths.target;
            let regular = match kind {
                Kind::Audio => due,
                Kind::Video => fragment.sync && (due || !open.sync),
            };
            regular || open.duration.0 + fragment.duration.0 > lengths.longest
        });
        if ends {
            segments.push(Segment {
                number: first.saturating_add(segments.len() as u32),
                start: fragment.start,
                duration: Ticks(0),
                range: fragment.range.clone(),
                samples: 0,
                sync: fragment.sync,
            });
        }
        if let Some(open) = segments.last_mut() {
            extend(open, fragment.duration, fragment.range.end, fragment.samples.len());
        }
    }
    segments
}

fn extend(open: &mut Segment, duration: Ticks, end: u64, samples: usize) {
    open.duration = open.duration + duration;
    open.range.end = end;
    open.samples = open.samples.saturating_add(samples as u32);
}
