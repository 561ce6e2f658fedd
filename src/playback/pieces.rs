//! The items of a track's view with what a playlist says of each: which init segment, from when to when, and whether
//! the encoding or the timeline breaks before it.
//!
//! Players want the discontinuities of sound and picture at the same places (RFC 8216 6.2.4), and what has been listed may
//! not change (6.2.1). So the recorder cuts the sound where the picture changes, and the row that makes a discontinuity
//! says where (`recorder::recording::bounds`).

use super::room::{Room, Subject, scale};
use super::timeline::{self, Bounds, Item};
use crate::catalog::{Gap, Segment, Shown, Track};
use crate::id::TrackId;
use crate::live::Sure;
use crate::media::Kind;
use crate::time::Ticks;

/// Ticks of sound and picture are that near to one place.
const NEAR_MICROS: i64 = 1_000;

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
    /// Another init segment. There the sound was cut, in microseconds of the timeline; 0 if it was not.
    Change { cut: i64 },
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

/// A track's view.
pub(super) fn pieces<'a>(room: &Room, track: &Track, segments: &'a [Segment]) -> Vec<Piece<'a>> {
    view(room, track, segments, gaps_of(room, track, None), End::Whole)
}

/// The view of a track that is being recorded here: it may end with a fill that grows, and an open gap reaches as far as it
/// is sure.
pub(super) fn at_edge<'a>(
    room: &Room,
    track: &Track,
    segments: &'a [Segment],
    sure: Option<Sure>,
) -> Vec<Piece<'a>> {
    view(room, track, segments, gaps_of(room, track, sure), End::Edge)
}

/// The gaps of a track.
fn gaps_of(room: &Room, track: &Track, sure: Option<Sure>) -> Vec<Gap> {
    let mut gaps: Vec<Gap> = room.gaps_of(track.id).cloned().collect();
    if let (Some(last), Some(sure)) = (gaps.last_mut().filter(|last| last.open), sure)
        && last.number == sure.gap
    {
        last.duration = last.duration.max(sure.reached - last.start);
    }
    gaps
}

/// How a view ends while more may come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// With what is whole.
    Whole,
    /// Perhaps with a part of a fill.
    Edge,
    /// With what has begun and is not listed yet: it changes something all the same.
    Begun,
}

/// Where the fills of a sound are cut because a picture of the same participant changes.
fn cuts(room: &Room, track: &Track) -> Vec<Ticks> {
    let pictures = || room.tracks_of(track.participant).filter(|own| own.kind == Kind::Video);
    let runs = pictures().flat_map(|own| room.runs_of(own.id)).map(|run| run.listed_micros);
    let gaps = pictures().flat_map(|own| room.gaps_of(own.id)).map(|gap| gap.listed_micros);
    let places = runs.chain(gaps).filter(|micros| *micros > 0);
    let mut cuts: Vec<Ticks> = places.map(|micros| Ticks::at_or_behind(micros, scale(track))).collect();
    cuts.sort_unstable();
    cuts.dedup();
    cuts
}

fn view<'a>(room: &Room, track: &Track, segments: &'a [Segment], gaps: Vec<Gap>, end: End) -> Vec<Piece<'a>> {
    let scale = scale(track);
    let micros = |ticks: Ticks| ticks.to_micros(scale);
    let pauses: Vec<Ticks> =
        room.pauses.iter().map(|pause| Ticks::from_micros(pause.at_micros, scale)).collect();
    let cuts = if track.kind == Kind::Audio { cuts(room, track) } else { Vec::new() };
    let bounds = Bounds {
        zero: room.zero(track),
        furthest: Ticks::from_micros(room.furthest_micros(track), scale),
        ended: room.ended(track.participant),
        gaps: &gaps,
        pauses: &pauses,
        cuts: &cuts,
        part: Ticks::from_micros(room.recording.part.0, scale),
        edge: end == End::Edge,
        begun: end == End::Begun,
    };
    let mut own = segments.first().map_or(0, |segment| stretch(room, track.id, segment.run));
    let mut pauses = room.pauses.iter().map(|pause| pause.at_micros).peekable();
    let mut list: Vec<Piece<'a>> = Vec::with_capacity(segments.len());
    for item in timeline::items(segments, track.kind, scale, &bounds) {
        let (start, end) = (micros(item.start()), micros(item.end()));
        let (map, cut) = match &item {
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
            Some(before) if before.map != map => Some(Break::Change { cut }),
            _ => None,
        };
        list.push(Piece { item, map, start, end, broken });
    }
    list
}

/// Marks the sound wherever the picture changes: the same number of times, each where the sound was cut for it, or at the
/// next bound if it was not. A run that has begun counts before its first segment is closed, and a gap before its first
/// fill.
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
    for piece in view(room, picture, &segments, gaps_of(room, picture, None), End::Begun) {
        let Some(Break::Change { cut }) = piece.broken else { continue };
        let place = if cut > 0 { cut.max(piece.start - NEAR_MICROS) } else { piece.start };
        let tail = sound.iter_mut().enumerate().skip(from);
        let mut free = tail.filter(|(_, own)| own.broken.is_none() && own.start >= place);
        let Some((index, own)) = free.next() else { return };
        own.broken = Some(Break::Picture);
        from = index + 1;
    }
}

/// The picture whose discontinuities a sound repeats: the one that is presented beside it, or will be as soon as its first
/// segment is closed. Beside a microphone that is the screen where there is no camera.
pub(super) fn picture_of<'a>(
    room: &'a Room,
    track: &Track,
    plays: impl Fn(&Track) -> bool,
) -> Option<&'a Track> {
    let ended = room.ended(track.participant);
    let begun = |own: &Track| room.totals_of(own.id).is_some() || (!ended && own.start.is_some());
    let screen = |own: &Track| Subject::of(own) == Subject::Screen;
    room.tracks_of(track.participant)
        .filter(|own| own.kind == Kind::Video && plays(own) && begun(own))
        .filter(|own| screen(own) || !screen(track))
        .min_by_key(|own| (screen(own), own.start, own.id))
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
