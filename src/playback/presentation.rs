//! One participant as playlists: the multivariant playlist, and the media playlist of each track.

use super::bandwidth::{self, Bandwidth};
use super::ladder::{self, Layer, Step};
use super::pieces::{self, Break, Map};
use super::room::{Presented, Room, scale};
use super::timeline::Item;
use super::{Error, support};
use crate::catalog::{Catalog, Participant, Run, Segment, Track};
use crate::id::{ParticipantId, RecordingId, TrackId};
use crate::media::Kind;
use crate::media::hls::{media, multivariant};
use crate::media::segment::Policy;

/// The multivariant playlist of a participant; without one of the first with a picture, else with sound. `query` ends
/// every URI: empty, or `?token=...`.
///
/// # Errors
/// [`Error::NoParticipant`], [`Error::NothingYet`], [`Error::Nothing`], [`Error::NotPlayable`].
pub async fn multivariant(
    catalog: &Catalog,
    room: &Room,
    participant: Option<ParticipantId>,
    query: &str,
) -> Result<multivariant::Snapshot, Error> {
    let (participant, presented) = choose(room, participant, plays)?;
    let mut snapshot = multivariant::Snapshot { independent: true, ..multivariant::Snapshot::default() };
    let layers = presented.video.map(|track| room.layers(track)).unwrap_or_default();
    for track in layers.into_iter().rev().filter(|track| room.totals_of(track.id).is_some()) {
        let segments = catalog.segments(track.id).await?;
        snapshot.independent &= segments.iter().all(|segment| segment.sync);
        snapshot.video.push(variant(room, track, &segments, query));
    }
    if let Some(track) = presented.audio {
        let segments = catalog.segments(track.id).await?;
        snapshot.audio = Some(rendition(room, participant, track, &segments, query));
    }
    Ok(snapshot)
}

pub(super) fn plays(track: &Track) -> bool {
    support::of(track.codec).hls_js
}

/// The participant, or the first who can be presented, with a picture if anybody has one.
pub(super) fn choose(
    room: &Room,
    participant: Option<ParticipantId>,
    plays: fn(&Track) -> bool,
) -> Result<(&Participant, Presented<'_>), Error> {
    let candidates: Vec<&Participant> = match participant {
        Some(id) => vec![room.participant(id)?],
        None => room.participants.iter().collect(),
    };
    let all = || candidates.iter().map(|who| (*who, room.presented(who.id, plays)));
    let found = all()
        .find(|(_, presented)| presented.video.is_some())
        .or_else(|| all().find(|(_, presented)| presented.audio.is_some()));
    found.ok_or_else(|| nothing(room, &candidates))
}

/// Why nobody of the candidates can be presented.
fn nothing(room: &Room, candidates: &[&Participant]) -> Error {
    let mut stored = candidates
        .iter()
        .flat_map(|who| room.tracks_of(who.id))
        .filter(|track| room.totals_of(track.id).is_some())
        .peekable();
    if stored.peek().is_some() {
        let codecs: Vec<_> = stored.map(|track| track.codec).collect();
        let note = support::together(codecs.iter().copied()).note;
        let mut names: Vec<_> = codecs.into_iter().map(|codec| codec.name()).collect();
        names.dedup();
        return Error::NotPlayable { codecs: names.join(", "), note };
    }
    if candidates.iter().all(|who| room.ended(who.id)) && !room.recording.status.is_running() {
        Error::Nothing
    } else {
        Error::NothingYet
    }
}

pub(super) fn measured(segments: &[Segment], track: &Track) -> Bandwidth {
    bandwidth::measure(segments, scale(track), Policy::default().target_duration())
}

fn variant(room: &Room, track: &Track, segments: &[Segment], query: &str) -> multivariant::Variant {
    let measured = measured(segments, track);
    let run = room.largest_run(track.id);
    let (width, height) = run.map_or((0, 0), Run::displayed);
    multivariant::Variant {
        uri: format!("{}/playlist.m3u8{query}", track.id),
        // One string, of the largest picture: Media Source takes one encoding of each kind.
        codecs: run.map(|run| run.codecs.clone()).into_iter().collect(),
        width,
        height,
        frame_rate: room.totals_of(track.id).and_then(|totals| {
            let micros = totals.media.to_micros(scale(track));
            (micros > 0).then(|| totals.samples as f64 * 1e6 / micros as f64)
        }),
        bandwidth: measured.peak,
        average_bandwidth: measured.average,
    }
}

fn rendition(
    room: &Room,
    participant: &Participant,
    track: &Track,
    segments: &[Segment],
    query: &str,
) -> multivariant::Rendition {
    let measured = measured(segments, track);
    let run = room.largest_run(track.id);
    let name = Some(&participant.display_name).filter(|name| !name.is_empty());
    multivariant::Rendition {
        uri: format!("{}/playlist.m3u8{query}", track.id),
        name: name.unwrap_or(&participant.peer_id).clone(),
        codec: run.map(|run| run.codecs.clone()).unwrap_or_default(),
        channels: run.map_or(0, |run| run.channels),
        bandwidth: measured.peak,
        average_bandwidth: measured.average,
    }
}

/// What a media playlist says, owned; see [`media::Snapshot`].
#[derive(Clone, Debug)]
pub struct Playlist {
    target_duration: u32,
    ended: bool,
    independent: bool,
    entries: Vec<media::Entry>,
}

impl Playlist {
    /// The text.
    #[must_use]
    pub fn render(&self) -> String {
        media::render(&media::Snapshot {
            target_duration: self.target_duration,
            ended: self.ended,
            independent: self.independent,
            segments: &self.entries,
        })
    }
}

/// The media playlist of a track: `EVENT` while its participant is being recorded, then `VOD`.
///
/// Segments are read before all other rows: whatever changes at one of them has been told by then.
///
/// # Errors
/// [`Error::NoRecording`], [`Error::NoTrack`], [`Error::NothingYet`], [`Error::Nothing`].
pub async fn media(
    catalog: &Catalog,
    recording: RecordingId,
    track: TrackId,
    query: &str,
) -> Result<Playlist, Error> {
    let segments = catalog.segments(track).await?;
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
    let list = match picture.filter(|picture| picture.picture.is_some()) {
        Some(picture) => {
            let layers = stored_layers(catalog, room, picture).await?;
            return Ok(layered(room, track, &segments, &layers, query));
        }
        None => {
            let mut list = pieces::pieces(room, track, &segments);
            if let (Kind::Audio, Some(picture)) = (track.kind, picture) {
                pieces::mark(&mut list, room, picture, catalog.segments(picture.id).await?);
            }
            list.into_iter().map(|piece| Step { track, piece }).collect::<Vec<_>>()
        }
    };
    let target_duration = target_seconds(&segments, track);
    Ok(Playlist {
        target_duration,
        ended: room.ended(track.participant),
        independent: segments.iter().all(|segment| segment.sync),
        entries: entries(room, track, &list, target_duration, query),
    })
}

/// The picture beside a sound: it is the participant's sound, and the picture is presented or soon will be.
fn sounds_with<'a>(room: &'a Room, track: &Track) -> Option<&'a Track> {
    let presented = room.presented(track.participant, plays).audio.is_some_and(|own| own.id == track.id);
    pieces::picture_of(room, track, plays).filter(|_| presented)
}

/// The layers of a picture with their segments, smallest first.
async fn stored_layers<'a>(
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

/// The playlist of a layer, or of the sound beside the layers.
fn layered(
    room: &Room,
    track: &Track,
    segments: &[Segment],
    stored: &[(&Track, Vec<Segment>)],
    query: &str,
) -> Playlist {
    let ended = room.ended(track.participant);
    let layers: Vec<Layer<'_>> = stored
        .iter()
        .map(|(layer, segments)| Layer {
            track: layer,
            pieces: if segments.is_empty() { Vec::new() } else { pieces::pieces(room, layer, segments) },
            known: room.known_micros(layer),
        })
        .collect();
    let mut views = ladder::views(&layers, ended);
    let all = stored.iter().flat_map(|(layer, segments)| segments.iter().map(move |own| (*layer, own)));
    let (target_duration, independent) =
        all.fold((target_seconds(segments, track), true), |(target, independent), (layer, own)| {
            (target.max(target_seconds(std::slice::from_ref(own), layer)), independent && own.sync)
        });
    let own = layers.iter().position(|layer| layer.track.id == track.id);
    let list = match own {
        Some(own) if own < views.len() => views.swap_remove(own),
        _ => ladder::sound(track, pieces::pieces(room, track, segments), &views, ended),
    };
    let entries = entries(room, track, &list, target_duration, query);
    Playlist { target_duration, ended, independent, entries }
}

/// The recorder's promise, unless a segment broke it.
fn target_seconds(segments: &[Segment], track: &Track) -> u32 {
    let longest = segments.iter().map(|segment| segment.duration.to_micros(scale(track))).max().unwrap_or(0);
    let rounded = u32::try_from((longest + 500_000) / 1_000_000).unwrap_or(u32::MAX);
    Policy::default().target_duration().max(rounded)
}

/// An entry reaches from the end of the one before it to its own end, so that the sum of the durations stays equal to
/// the media's own clock over the short gaps that are not filled. A date then belongs to that start. Fills behind fills
/// need no date of their own: there may be thousands.
fn entries(
    room: &Room,
    track: &Track,
    steps: &[Step<'_>],
    target_duration: u32,
    query: &str,
) -> Vec<media::Entry> {
    let longest = i64::from(target_duration) * 1_000_000 + 499_999;
    let mut reached = room.zero(track).to_micros(scale(track));
    let mut filled = false;
    let mut list = Vec::with_capacity(steps.len());
    for Step { track: of, piece } in steps {
        // What stands in for this track lies beside it.
        let folder = if of.id == track.id { String::new() } else { format!("../{}/", of.id) };
        let uri = match piece.item {
            Item::Segment(segment) => format!("{folder}{}.m4s{query}", segment.number),
            Item::Fill(fill) => match fill.after {
                Some(after) => format!("{folder}fill-{after}-{}.m4s{query}", fill.number),
                None => format!("{folder}lead-{}.m4s{query}", fill.number),
            },
        };
        let duration_micros = (piece.end - reached).clamp(1, longest);
        let start = piece.end - duration_micros;
        let fill = matches!(piece.item, Item::Fill(_));
        list.push(media::Entry {
            uri,
            map: match piece.map {
                Map::Run(run) => format!("{folder}init-{run}.mp4{query}"),
                Map::Black => format!("{folder}black.mp4{query}"),
            },
            duration_micros,
            // Behind a pause the short gap before the entry belongs to neither side of it.
            wall: room.wall(if piece.broken == Some(Break::Pause) { piece.start } else { start }),
            dated: !(fill && filled) || piece.broken.is_some(),
            discontinuity: piece.broken.is_some(),
        });
        filled = fill;
        reached = piece.end;
    }
    list
}
