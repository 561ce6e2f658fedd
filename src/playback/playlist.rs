//! The media playlist of a track.
//!
//! While its participant is being recorded here it is a low-latency one: behind the closed segments come the parts of
//! the open one, which are its fragments. The open segment is laid out like a closed one, so that whatever breaks before
//! it is told before its first part.

mod edge;

use super::Error;
use super::clip::Clip;
use super::ladder::{self, Layer, Step};
use super::marks;
use super::pieces::{self, Break, Map};
use super::presentation::{plays, shown};
use super::room::{Presented, Room, Subject, scale};
use super::timeline::Item;
use crate::catalog::{Catalog, Segment, Track};
use crate::id::{RecordingId, TrackId};
use crate::live;
use crate::media::Kind;
use crate::media::hls::media;
use crate::media::segment::Policy;
use edge::{grows, list_parts, next_fill, next_part, open_segment};
use std::collections::BTreeSet;

/// Stands for what ends every URI, such as a token, until the playlist is handed out.
pub(super) const QUERY: &str = "{query}";

/// What a media playlist says, owned; see [`media::Snapshot`].
#[derive(Clone, Debug)]
pub struct Playlist {
    target_duration: u32,
    ended: bool,
    independent: bool,
    entries: Vec<media::Entry>,
    marks: Vec<media::Mark>,
    edge: Option<Edge>,
    beside: Vec<TrackId>,
    /// It is of a clip.
    begin: Option<media::Begin>,
}

/// The end of a low-latency playlist.
#[derive(Clone, Debug)]
struct Edge {
    part_target_micros: i64,
    open: Option<media::Entry>,
    hint: String,
}

/// How far a playlist reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Nothing will be added.
    pub ended: bool,
    /// It tells its parts, so that players may wait for the next.
    pub live: bool,
    /// Whole segments, fills too. The media sequence number of the open one.
    pub whole: usize,
    /// Listed parts of the open segment.
    pub parts: usize,
    /// Of the last part that is listed: the media sequence number of its segment, and its place in that.
    pub last_part: Option<(usize, usize)>,
}

/// A playlist's text, to be handed out to many.
#[derive(Clone, Debug)]
pub struct Text {
    /// How far it reaches.
    pub reached: Reached,
    /// The other tracks that are presented together with it and are live too.
    pub beside: Vec<TrackId>,
    whole: String,
    /// For those who have what a delta update leaves out.
    delta: Option<String>,
}

impl Text {
    /// All of it, or a delta update if that is asked for and possible. `query` ends every URI: empty, or `?token=...`.
    #[must_use]
    pub fn with(&self, query: &str, delta: bool) -> String {
        let text = self.delta.as_ref().filter(|_| delta).unwrap_or(&self.whole);
        text.replace(QUERY, query)
    }

    /// Bytes that it holds.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.whole.len() + self.delta.as_ref().map_or(0, String::len)
    }
}

impl Playlist {
    fn of_clip(
        target_duration: u32,
        independent: bool,
        entries: Vec<media::Entry>,
        begin: media::Begin,
    ) -> Self {
        let (marks, edge, beside) = (Vec::new(), None, Vec::new());
        let begin = Some(begin);
        Self { target_duration, ended: true, independent, entries, marks, edge, beside, begin }
    }

    /// The text.
    #[must_use]
    pub fn render(&self) -> Text {
        let skippable = media::skippable(&self.entries, self.target_duration);
        Text {
            reached: self.reached(),
            beside: self.beside.clone(),
            whole: self.text(0),
            delta: (self.edge.is_some() && skippable > 0).then(|| self.text(skippable)),
        }
    }

    fn reached(&self) -> Reached {
        let open = self.edge.as_ref().and_then(|edge| edge.open.as_ref());
        let listed = self.entries.iter().chain(open).enumerate();
        let last_part =
            listed.filter_map(|(number, own)| Some((number, own.parts.len().checked_sub(1)?))).last();
        Reached {
            ended: self.ended,
            live: self.edge.is_some(),
            whole: self.entries.len(),
            parts: open.map_or(0, |open| open.parts.len()),
            last_part,
        }
    }

    fn text(&self, skipped: usize) -> String {
        let live = self.edge.as_ref().map(|edge| media::Live {
            part_target_micros: edge.part_target_micros,
            open: edge.open.as_ref(),
            hint: &edge.hint,
            skipped,
        });
        let snapshot = media::Snapshot {
            target_duration: self.target_duration,
            ended: self.ended,
            independent: self.independent,
            segments: &self.entries,
            marks: &self.marks,
            live,
        };
        match self.begin {
            Some(begin) => media::render_part(&snapshot, begin),
            None => media::render(&snapshot),
        }
    }
}

/// Where the playlist of a track is, seen from that of another one of its presentation.
#[must_use]
pub fn beside(track: TrackId, query: &str) -> String {
    format!("../{track}/playlist.m3u8{query}")
}

/// The media playlist of a track: `EVENT` while its participant is being recorded, then `VOD`.
///
/// Segments are read first, then the edge, then all other rows: whatever changes at one of them has been told by then.
///
/// # Errors
/// [`Error::NoRecording`], [`Error::NoTrack`], [`Error::NothingYet`], [`Error::Nothing`].
pub async fn of(
    catalog: &Catalog,
    edge: Option<&live::Edge>,
    recording: RecordingId,
    track: TrackId,
) -> Result<Playlist, Error> {
    listed(catalog, edge, recording, track, None).await
}

/// The media playlist of a clip of a track, always `VOD`: of a recording that runs it is of what is closed now.
///
/// # Errors
/// Those of [`of`]; [`Error::Outside`].
pub async fn clip(
    catalog: &Catalog,
    recording: RecordingId,
    track: TrackId,
    clip: &Clip,
) -> Result<Playlist, Error> {
    listed(catalog, None, recording, track, Some(clip)).await
}

async fn listed(
    catalog: &Catalog,
    edge: Option<&live::Edge>,
    recording: RecordingId,
    track: TrackId,
    clip: Option<&Clip>,
) -> Result<Playlist, Error> {
    let mut segments = catalog.segments(track).await?;
    let (parts, sure) = (edge.map(|edge| edge.parts(track)), edge.and_then(|edge| edge.sure(track)));
    let room = &Room::load(catalog, recording).await?;
    let track = room.track(track)?;
    if segments.is_empty() {
        let ended = room.ended(track.participant) || track.ended_at.is_some();
        return Err(if ended { Error::Nothing } else { Error::NothingYet });
    }
    let picture = match track.kind {
        Kind::Video => Some(track),
        Kind::Audio => sounds_with(room, track),
    };
    if let Some(picture) = picture.filter(|picture| picture.picture.is_some()) {
        let layers = stored_layers(catalog, room, picture).await?;
        return layered(room, track, &segments, &layers, clip);
    }
    let ended = room.ended(track.participant);
    let parts = parts.filter(|_| !ended);
    let open = parts.as_deref().and_then(|parts| open_segment(room, track, &segments, parts));
    let (target_duration, independent) =
        (target_seconds(&segments, track), segments.iter().all(|own| own.sync));
    segments.extend(open.clone());
    let mut list = match parts {
        Some(_) => pieces::at_edge(room, track, &segments, sure),
        None => pieces::pieces(room, track, &segments),
    };
    if let (Kind::Audio, Some(picture)) = (track.kind, picture) {
        pieces::mark(&mut list, room, picture, catalog.segments(picture.id).await?);
    }
    let list: Vec<Step<'_>> = list.into_iter().map(|piece| Step { track, piece }).collect();
    let mut entries = entries(room, track, &list, target_duration);
    let mut marks = marks::put(room, track, &list, &mut entries);
    if let Some(clip) = clip {
        let stored;
        let mut pictures = Vec::new();
        if let (Kind::Audio, Some(picture)) = (track.kind, picture) {
            stored = catalog.segments(picture.id).await?;
            pictures.push(shown(room, picture, &stored));
        }
        let begin = clip.cut(room, track, &list, &pictures, (&mut entries, &mut marks))?;
        return Ok(Playlist::of_clip(target_duration, independent, entries, begin));
    }
    let edge = parts.map(|parts| {
        let part_target_micros = room.recording.part.0;
        let number = open.as_ref().map(|open| open.number);
        list_parts(&mut entries, &list, &parts, number, part_target_micros, target_duration);
        let grows = open.is_some() || list.last().is_some_and(|last| grows(&last.piece.item));
        let hint = match next_fill(room, track, &list) {
            Some(hint) if open.is_none() => hint,
            _ => next_part(&segments, open.is_some(), &parts),
        };
        Edge {
            part_target_micros,
            open: grows.then(|| entries.pop()).flatten(),
            hint: format!("{hint}.m4s{QUERY}"),
        }
    });
    let beside = if edge.is_some() { presented_with(room, track) } else { Vec::new() };
    Ok(Playlist { target_duration, ended, independent, entries, marks, edge, beside, begin: None })
}

/// The other tracks of the presentations that a track is of.
fn presented_with(room: &Room, track: &Track) -> Vec<TrackId> {
    let all = room.presentations(track.participant, plays).into_iter();
    let own = all.filter(|presented| presented.tracks().any(|own| own.id == track.id));
    let others = own.flat_map(Presented::tracks).map(|own| own.id).filter(|other| *other != track.id);
    others.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The stem of a fill's name.
fn fill_name(after: Option<u32>, number: u32) -> String {
    after.map_or_else(|| format!("lead-{number}"), |after| format!("fill-{after}-{number}"))
}

/// The picture beside a sound: the sound is presented, and the picture is or soon will be.
fn sounds_with<'a>(room: &'a Room, track: &Track) -> Option<&'a Track> {
    let own = room.presented(track.participant, Some(Subject::of(track)), plays);
    let presented = own.audio.is_some_and(|own| own.id == track.id);
    pieces::picture_of(room, track, plays).filter(|_| presented)
}

/// The layers of a picture with their segments, smallest first.
pub(super) async fn stored_layers<'a>(
    catalog: &Catalog,
    room: &'a Room,
    picture: &'a Track,
) -> Result<Vec<(&'a Track, Vec<Segment>)>, Error> {
    let mut layers = Vec::new();
    for layer in room.layers(picture) {
        let mut segments = catalog.segments(layer.id).await?;
        // Of a run that began since the room was read nothing else is known.
        let newest = room.runs_of(layer.id).last().map(|run| run.number);
        segments.retain(|segment| Some(segment.run) <= newest);
        layers.push((layer, segments));
    }
    Ok(layers)
}

/// The layers of a picture as each is shown, smallest first.
pub(super) fn layers_as_shown<'a>(
    room: &Room,
    stored: &'a [(&'a Track, Vec<Segment>)],
) -> Vec<Vec<Step<'a>>> {
    let layers: Vec<Layer<'a>> = stored
        .iter()
        .map(|(layer, segments)| Layer {
            track: layer,
            pieces: if segments.is_empty() { Vec::new() } else { pieces::pieces(room, layer, segments) },
            known: room.known_micros(layer),
        })
        .collect();
    match stored.first() {
        Some((layer, _)) => ladder::views(&layers, room.ended(layer.participant)),
        None => Vec::new(),
    }
}

/// The playlist of a layer, or of the sound beside the layers. It lists no parts: which layer stands in for one that
/// stops is known only when a segment is whole.
fn layered(
    room: &Room,
    track: &Track,
    segments: &[Segment],
    stored: &[(&Track, Vec<Segment>)],
    clip: Option<&Clip>,
) -> Result<Playlist, Error> {
    let ended = room.ended(track.participant);
    let mut views = layers_as_shown(room, stored);
    let all = stored.iter().flat_map(|(layer, segments)| segments.iter().map(move |own| (*layer, own)));
    let (target_duration, independent) =
        all.fold((target_seconds(segments, track), true), |(target, independent), (layer, own)| {
            (target.max(target_seconds(std::slice::from_ref(own), layer)), independent && own.sync)
        });
    let own = stored.iter().position(|(layer, _)| layer.id == track.id);
    let list = match own {
        Some(own) if own < views.len() => std::mem::take(&mut views).swap_remove(own),
        _ => ladder::sound(track, pieces::pieces(room, track, segments), &views, ended),
    };
    let mut entries = entries(room, track, &list, target_duration);
    let mut marks = marks::put(room, track, &list, &mut entries);
    if let Some(clip) = clip {
        let begin = clip.cut(room, track, &list, &views, (&mut entries, &mut marks))?;
        return Ok(Playlist::of_clip(target_duration, independent, entries, begin));
    }
    let (edge, beside) = (None, Vec::new());
    Ok(Playlist { target_duration, ended, independent, entries, marks, edge, beside, begin: None })
}

/// The recorder's promise, unless a segment broke it.
pub(super) fn target_seconds(segments: &[Segment], track: &Track) -> u32 {
    let longest = segments.iter().map(|segment| segment.duration.to_micros(scale(track))).max().unwrap_or(0);
    let rounded = u32::try_from((longest + 500_000) / 1_000_000).unwrap_or(u32::MAX);
    Policy::default().target_duration().max(rounded)
}

/// An entry reaches from the end of the one before it to its own end, so that the sum of the durations stays equal to
/// the media's own clock over the short gaps that are not filled. A date then belongs to that start. Fills behind fills
/// need no date of their own: there may be thousands.
pub(super) fn entries(
    room: &Room,
    track: &Track,
    steps: &[Step<'_>],
    target_duration: u32,
) -> Vec<media::Entry> {
    let longest = i64::from(target_duration) * 1_000_000 + 499_999;
    let mut reached = room.zero(track).to_micros(scale(track));
    let mut filled = false;
    let mut list = Vec::with_capacity(steps.len());
    for Step { track: of, piece } in steps {
        // What stands in for this track lies beside it.
        let folder = if of.id == track.id { String::new() } else { format!("../{}/", of.id) };
        let uri = match piece.item {
            Item::Segment(segment) => format!("{folder}{}.m4s{QUERY}", segment.number),
            Item::Fill(fill) => format!("{folder}{}.m4s{QUERY}", fill_name(fill.after, fill.number)),
        };
        let duration_micros = (piece.end - reached).clamp(1, longest);
        let start = piece.end - duration_micros;
        let fill = matches!(piece.item, Item::Fill(_));
        list.push(media::Entry {
            uri,
            map: match piece.map {
                Map::Run(run) => format!("{folder}init-{run}.mp4{QUERY}"),
                Map::Black => format!("{folder}black.mp4{QUERY}"),
            },
            duration_micros,
            // Behind a pause the short gap before the entry belongs to what is behind it.
            wall: match piece.broken {
                Some(Break::Pause) => room.wall(piece.start).plus(start - piece.start),
                _ => room.wall(start),
            },
            dated: !(fill && filled) || piece.broken.is_some(),
            discontinuity: piece.broken.is_some(),
            parts: Vec::new(),
            marks: Vec::new(),
        });
        filled = fill;
        reached = piece.end;
    }
    list
}

#[cfg(test)]
#[path = "playlist_tests.rs"]
mod tests;
