//! Clips: parts of playlists and descriptions.
//!
//! A clip is made of whole segments, because players take nothing less: those that overlap it, from the last one on that a
//! decoder can begin with. A sound takes what overlaps the segments of its picture, so that both are there throughout, and
//! has its discontinuities where these have theirs. It begins with its picture, to the packet: of its first segment the rest
//! is listed ([`Source::rest`]), because shaka leaves out what lies behind the shorter of two lists before it lines them up.
//! Decode times are those of the whole.

use super::Error;
use super::fetch::{Fetched, Source};
use super::file::select::{self, Moment};
use super::ladder::Step;
use super::pieces::Piece;
use super::playlist::QUERY;
use super::room::{Room, scale};
use super::webm;
use crate::catalog::Track;
use crate::id::{ParticipantId, RecordingId, TrackId};
use crate::media::fmp4::fragment;
use crate::media::hls::media::{Begin, Entry, Mark};
use crate::time::Ticks;
use std::collections::HashMap;
use std::ops::Range;

/// What sound is cut into.
const PACKET_MICROS: i64 = 20_000;

/// Which part a request asks for. Times count as those of a download do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Clip {
    /// From when on.
    pub start: Moment,
    /// Until when; to the end without it.
    pub end: Option<Moment>,
    /// In place of `end`: how long, in microseconds.
    pub duration: Option<i64>,
}

/// A part of the recording's timeline, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: i64,
    pub(super) to: i64,
}

impl Clip {
    /// Where it begins, and how long it is at most: in microseconds, counted from `zero` on the recording's timeline.
    ///
    /// # Errors
    /// [`Error::Outside`] for an end that is not behind the start.
    pub(super) fn place(&self, room: &Room, zero: i64) -> Result<(i64, Option<i64>), Error> {
        let place = |moment| match moment {
            Moment::Media(micros) => micros,
            Moment::Wall(at) => select::timeline(room, at).saturating_sub(zero).max(0),
        };
        let start = place(self.start);
        let until = self.end.map(|end| place(end).saturating_sub(start));
        let duration = self.duration.or(until);
        if duration.is_some_and(|duration| duration <= 0) {
            return Err(select::outside(room, zero, start));
        }
        Ok((start, duration))
    }

    /// Where it lies in what there is of a participant.
    ///
    /// # Errors
    /// Those of [`Self::place`].
    pub(super) fn span(&self, room: &Room, who: ParticipantId) -> Result<Span, Error> {
        let zero = room.zero_micros(who).unwrap_or(0);
        let (start, duration) = self.place(room, zero)?;
        let from = zero.saturating_add(start);
        Ok(Span { from, to: duration.map_or(i64::MAX, |length| from.saturating_add(length)) })
    }

    /// Nothing of a participant lies in it.
    pub(super) fn outside(&self, room: &Room, who: ParticipantId) -> Error {
        let zero = room.zero_micros(who).unwrap_or(0);
        let start = self.place(room, zero).map_or(0, |(start, _)| start);
        select::outside(room, zero, start)
    }

    /// Whether something of these tracks, which are presented together, lies in it: while more may come, of each of them.
    ///
    /// # Errors
    /// [`Error::Outside`].
    pub(super) fn holds(&self, room: &Room, who: ParticipantId, tracks: &[&Track]) -> Result<(), Error> {
        let ends = tracks.iter();
        let end = if room.ended(who) {
            ends.map(|track| room.furthest_micros(track)).max()
        } else {
            ends.map(|track| room.known_micros(track)).min()
        };
        let Span { from, .. } = self.span(room, who)?;
        if end.is_some_and(|end| from < end) { Ok(()) } else { Err(self.outside(room, who)) }
    }

    /// Leaves what it takes of a track's view. `pictures` are the views that are shown beside a sound.
    ///
    /// # Errors
    /// [`Error::Outside`].
    pub(super) fn cut(
        &self,
        room: &Room,
        track: &Track,
        steps: &[Step<'_>],
        pictures: &[Vec<Step<'_>>],
        (entries, marks): (&mut Vec<Entry>, &mut Vec<Mark>),
    ) -> Result<Begin, Error> {
        let span = self.span(room, track.participant)?;
        let beside =
            pictures.iter().filter_map(|view| Shown::of(view, span.of(pieces(view)))).reduce(Shown::and);
        let range = beside.map_or(span, |beside| beside.span.without_bounds()).of(pieces(steps));
        let own = Shown::of(steps, range.clone()).zip(steps.get(range.start));
        let (own, first) = own.ok_or_else(|| self.outside(room, track.participant))?;
        // What changed in front of the clip, or behind its picture, is no discontinuity in its sound either.
        let Shown { before, last, .. } = beside.unwrap_or(Shown { last: usize::MAX, ..own });
        let mut number = own.before;
        let inside = entries.get_mut(range.clone()).unwrap_or_default();
        for (entry, step) in inside.iter_mut().zip(steps.get(range.clone()).unwrap_or_default()).skip(1) {
            number += usize::from(step.piece.broken.is_some());
            entry.discontinuity &= number > before && number <= last;
        }
        let mut begins = first.piece.start;
        if let Some(entry) = inside.first_mut() {
            if let Some((from, uri)) = beside.and_then(|beside| rest(room, first, beside.span.from)) {
                (begins, entry.uri) = (from, uri);
            }
            // The short gap before it is not there any more.
            entry.duration_micros = (first.piece.end - begins).max(1);
            (entry.wall, entry.dated) = (room.wall(begins), true);
        }
        let told = told(entries, marks, &range);
        marks.clear();
        entries.truncate(range.end);
        entries.drain(..range.start);
        entries.iter_mut().for_each(|entry| entry.marks.clear());
        if let Some(entry) = entries.first_mut() {
            entry.marks = told;
        }
        Ok(Begin {
            segments: range.start,
            discontinuities: before,
            start_micros: span.from.saturating_sub(begins).max(0),
        })
    }
}

fn pieces<'a, 'b>(steps: &'a [Step<'b>]) -> impl Iterator<Item = &'a Piece<'b>> {
    steps.iter().map(|step| &step.piece)
}

fn breaks(steps: &[Step<'_>]) -> usize {
    pieces(steps).filter(|piece| piece.broken.is_some()).count()
}

impl Span {
    /// Which of a view's pieces overlap it, from the last one on that a decoder can begin with.
    pub(super) fn of<'a, 'b: 'a>(self, pieces: impl Iterator<Item = &'a Piece<'b>>) -> Range<usize> {
        self.within(pieces.map(|piece| (piece.start, piece.end, piece.item.independent())))
    }

    /// The same of `(start, end, a decoder can begin with it)`. The short gap in front of a piece belongs to it.
    fn within(self, pieces: impl Iterator<Item = (i64, i64, bool)>) -> Range<usize> {
        let (mut key, mut reached) = (0, i64::MAX);
        let mut found: Option<Range<usize>> = None;
        for (index, (start, end, independent)) in pieces.enumerate() {
            if start.min(reached) >= self.to {
                break;
            }
            if found.is_none() && independent {
                key = index;
            }
            if found.is_some() || end > self.from {
                found = Some(found.map_or(key, |range| range.start)..index + 1);
            }
            reached = end;
        }
        found.unwrap_or_default()
    }

    /// Leaves what of a view overlaps it; how many discontinuities are in front of that, or there.
    pub(super) fn leave(self, steps: &mut Vec<Step<'_>>) -> usize {
        let range = self.of(pieces(steps));
        let before = breaks(steps.get(..=range.start).unwrap_or_default());
        steps.truncate(range.end);
        steps.drain(..range.start);
        before
    }

    /// Without what reaches over its bounds by less than a packet of sound.
    pub(super) fn without_bounds(self) -> Self {
        let from = self.from.saturating_add(PACKET_MICROS);
        Self { from, to: self.to.saturating_sub(PACKET_MICROS).max(from.saturating_add(1)) }
    }
}

/// What a clip shows of a view.
#[derive(Clone, Copy, Debug)]
struct Shown {
    span: Span,
    /// How many discontinuities are in front of its first piece, or there.
    before: usize,
    /// In front of its last piece, or there.
    last: usize,
}

impl Shown {
    fn of(steps: &[Step<'_>], range: Range<usize>) -> Option<Self> {
        let (first, last) = (steps.get(range.start)?, steps.get(range.clone())?.last()?);
        let span = Span { from: first.piece.start, to: last.piece.end };
        let breaks = |upto: usize| self::breaks(steps.get(..upto).unwrap_or_default());
        Some(Self { span, before: breaks(range.start + 1), last: breaks(range.end) })
    }

    /// Of both.
    fn and(self, other: Self) -> Self {
        let span = Span { from: self.span.from.min(other.span.from), to: self.span.to.max(other.span.to) };
        Self { span, before: self.before.min(other.before), last: self.last.max(other.last) }
    }
}

/// Where the rest of a step of sound begins that has a place in it, and what it is called; `None` if that is all of it.
fn rest(room: &Room, Step { track, piece }: &Step<'_>, place: i64) -> Option<(i64, String)> {
    let (scale, start) = (scale(track), piece.item.start());
    let packet = Ticks::from_micros(PACKET_MICROS, scale).0.max(1);
    let front = (Ticks::from_micros(place, scale) - start).0 / packet * packet;
    let (from, zero) = (start + Ticks(front), room.zero(track));
    let name = format!("at-{}-{}.m4s{QUERY}", (start - zero).0, (from - zero).0);
    (front > 0).then(|| (from.to_micros(scale), name))
}

impl Source {
    /// Of the sound that begins at a tick ([`Source::at`]) what is heard from another one on.
    ///
    /// # Errors
    /// Those of [`Source::at`]; [`Error::NothingAt`] also where no decoder can begin.
    pub async fn rest(
        &self,
        recording: RecordingId,
        track: TrackId,
        time: u64,
        from: u64,
    ) -> Result<Fetched, Error> {
        let whole = self.at(recording, track, time).await?;
        let begin = i64::try_from(from).map_err(|_| Error::NothingAt(from))?;
        let mut samples = webm::samples(&whole.bytes);
        samples.retain(|sample| sample.at.0 + i64::from(sample.duration) > begin);
        if samples.first().is_none_or(|first| first.at.0 > begin || !first.sync) {
            return Err(Error::NothingAt(from));
        }
        let mut bytes = Vec::new();
        for run in samples.chunk_by(|a, b| a.at + Ticks(a.duration.into()) == b.at) {
            let fragment = fragment::write(1, run).map_err(|source| Error::Damaged { track, source })?;
            bytes.extend_from_slice(&fragment.bytes);
        }
        Ok(Fetched { bytes: bytes.into(), tag: format!("{}-{from}", whole.tag), ..whole })
    }
}

/// What lasts while the entries of `range` do, as it was told last. All of it is known when a clip is made, and what was
/// told in front of it would be missed.
fn told(entries: &[Entry], behind: &[Mark], range: &Range<usize>) -> Vec<Mark> {
    let inside = entries.get(range.clone()).unwrap_or_default();
    let Some((first, last)) = inside.first().zip(inside.last()) else { return Vec::new() };
    let (from, to) = (first.wall, last.wall.plus(last.duration_micros));
    let mut newest: Vec<&Mark> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for mark in entries.iter().flat_map(|entry| &entry.marks).chain(behind) {
        let place = *places.entry(&mark.id).or_insert(newest.len());
        match newest.get_mut(place) {
            Some(known) => *known = mark,
            None => newest.push(mark),
        }
    }
    let lasts = |mark: &&Mark| mark.start < to && mark.end.is_none_or(|end| end > from);
    newest.into_iter().filter(lasts).cloned().collect()
}

#[cfg(test)]
#[path = "clip_tests.rs"]
mod tests;
