//! The items of a track's view with what a playlist says of each: which init segment, from when to when, and whether
//! the encoding or the timeline breaks before it.
//!
//! Players want as many discontinuities in the sound as in the picture (RFC 8216 6.2.4), and what has been listed may
//! not change (6.2.1). The sound's segments around a change may be listed before the picture's are closed. So each row
//! that makes a discontinuity says how far the sound had been listed when it was written, and the sound is marked
//! behind that.

use super::room::{Room, scale};
use super::timeline::{self, Bounds, Item};
use crate::catalog::{Segment, Shown, Track};
use crate::id::TrackId;
use crate::media::Kind;
use crate::time::Ticks;

/// Half of what segments aim at.
const HALF_SEGMENT_MICROS: i64 = 1_000_000;

/// Which init segment an item needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Map {
    /// That of a run.
    Run(u32),
    /// The black picture's.
    Black,
}

/// Why a discontinuity is before an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Break {
    /// The whole recording was paused: every track has it.
    Pause,
    /// Another init segment. The sound has it behind what was listed of it then, in microseconds of the timeline.
    Change { listed: i64 },
    /// In the sound, because the picture has one.
    Picture,
}

/// An item of a view.
#[derive(Clone, Debug)]
pub(super) struct Piece<'a> {
    pub(super) item: Item<'a>,
    pub(super) map: Map,
    /// First and last microsecond on the recording's timeline.
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) broken: Option<Break>,
}

impl Piece<'_> {
    /// About its middle: that of a segment does not move while it grows.
    fn middle(&self) -> i64 {
        match self.item {
            Item::Segment(_) => self.start + HALF_SEGMENT_MICROS,
            Item::Fill(_) => i64::midpoint(self.start, self.end),
        }
    }
}

/// A track's view.
pub(super) fn pieces<'a>(room: &Room, track: &Track, segments: &'a [Segment]) -> Vec<Piece<'a>> {
    view(room, track, segments, false)
}

/// With what has begun and is not listed yet: it changes something all the same.
fn view<'a>(room: &Room, track: &Track, segments: &'a [Segment], begun: bool) -> Vec<Piece<'a>> {
    let scale = scale(track);
    let micros = |ticks: Ticks| ticks.to_micros(scale);
    let pauses: Vec<Ticks> =
        room.pauses.iter().map(|pause| Ticks::from_micros(pause.at_micros, scale)).collect();
    let gaps: Vec<_> = room.gaps_of(track.id).cloned().collect();
    let bounds = Bounds {
        zero: room.zero(track),
        furthest: Ticks::from_micros(room.furthest_micros(track), scale),
        ended: room.ended(track.participant),
        gaps: &gaps,
        pauses: &pauses,
        begun,
    };
    let mut own = segments.first().map_or(0, |segment| stretch(room, track.id, segment.run));
    let mut pauses = room.pauses.iter().map(|pause| pause.at_micros).peekable();
    let mut list: Vec<Piece<'a>> = Vec::with_capacity(segments.len());
    for item in timeline::items(segments, track.kind, scale, &bounds) {
        let (start, end) = (micros(item.start()), micros(item.end()));
        let (map, listed) = match &item {
            Item::Segment(segment) => {
                own = stretch(room, track.id, segment.run);
                let run = room.runs_of(track.id).find(|run| run.number == segment.run);
                (Map::Run(own), run.map_or(0, |run| run.listed_micros))
            }
            Item::Fill(fill) => {
                let rows = gaps.iter().rev().filter(|gap| Some(gap.after) == fill.after);
                let row = rows.into_iter().find(|gap| gap.start < item.end());
                let map = if fill.shown == Shown::Black { Map::Black } else { Map::Run(own) };
                (map, row.map_or(0, |gap| gap.listed_micros))
            }
        };
        // A frame may reach a little over the pause that ended its run.
        let mut paused = false;
        while pauses.next_if(|at| i64::midpoint(start, end) >= *at).is_some() {
            paused = true;
        }
        let broken = match list.last() {
            Some(_) if paused => Some(Break::Pause),
            Some(before) if before.map != map => Some(Break::Change { listed }),
            _ => None,
        };
        list.push(Piece { item, map, start, end, broken });
    }
    list
}

/// Marks the sound wherever the picture changes: the same number of times, each at the nearest bound that was not
/// listed before. A run that has begun counts before its first segment is closed, and a gap before its first fill.
pub(super) fn mark(sound: &mut [Piece<'_>], room: &Room, picture: &Track, mut segments: Vec<Segment>) {
    let begun = room.runs_of(picture.id).last().filter(|_| !room.ended(picture.participant));
    if let Some(run) = begun
        && segments.last().is_none_or(|last| last.run != run.number)
    {
        segments.push(Segment {
            track: picture.id,
            run: run.number,
            number: segments.last().map_or(0, |last| last.number + 1),
            start: run.first,
            duration: Ticks(1),
            range: 0..0,
            samples: 1,
            sync: true,
            wall: run.wall,
        });
    }
    let mut from = 1;
    for piece in view(room, picture, &segments, true) {
        let Some(Break::Change { listed }) = piece.broken else { continue };
        let tail = sound.iter_mut().enumerate().skip(from);
        let mut free = tail
            .filter(|(_, own)| own.broken.is_none() && own.middle() >= piece.start && own.start >= listed);
        let Some((index, own)) = free.next() else { return };
        own.broken = Some(Break::Picture);
        from = index + 1;
    }
}

/// The picture whose discontinuities the sound of its participant repeats: the one that is presented, or will be as
/// soon as its first segment is closed.
pub(super) fn picture_of<'a>(
    room: &'a Room,
    track: &Track,
    plays: impl Fn(&Track) -> bool,
) -> Option<&'a Track> {
    let ended = room.ended(track.participant);
    let begun = |own: &Track| room.totals_of(own.id).is_some() || (!ended && own.start.is_some());
    room.tracks_of(track.participant)
        .filter(|own| own.kind == Kind::Video && plays(own) && begun(own))
        .min_by_key(|own| (own.source != "camera", own.start, own.id))
}

/// Runs that follow each other with equal parameters differ only in when they were: the first one's init segment
/// serves them all, and players need no discontinuity. (H264 keeps its parameter sets in band besides.)
pub(super) fn stretch(room: &Room, track: TrackId, run: u32) -> u32 {
    let mut first = 0;
    let mut before = None;
    for row in room.runs_of(track).take_while(|row| row.number <= run) {
        let parameters = (&row.codecs, row.width, row.height, row.channels, row.rotation);
        if before != Some(parameters) {
            first = row.number;
        }
        before = Some(parameters);
    }
    first
}
