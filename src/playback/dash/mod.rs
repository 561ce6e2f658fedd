//! One participant as a DASH presentation: the segments and fills that the HLS playlists list, told as periods.
//!
//! A period has one init segment for each track, so a new one begins where the picture changes its own: another size,
//! a black picture, another layer. It also begins where the recording was paused. Pictures are cut there anyway. Sound is
//! not: a segment of sound that lies over such a bound is listed on both sides of it, and players take from it what
//! belongs to each, so that there is never a hole.

pub mod at;
mod periods;

use super::clip::{Clip, Span};
use super::ladder::{self, Layer, Step};
use super::presentation::{choose, measured};
use super::room::{Presented, Room};
use super::{Error, pieces, support};
use crate::catalog::{Catalog, Participant, Segment, Track};
use crate::id::{ParticipantId, RecordingId, TrackId};
use crate::media::dash::mpd::{Live, Snapshot};
use crate::media::segment::Policy;
use crate::time::WallTime;
use periods::Facts;

/// A description changes when a segment is closed, every two seconds or so.
const UPDATE_MICROS: i64 = 2_000_000;
/// What is listed ends up to one long segment behind the wall clock, or as long as it takes to be sure that nothing comes;
/// then a player has to ask, and to load.
const DELAY_MICROS: i64 = 10_000_000;

/// A track's part of the presentation.
struct View<'a> {
    track: &'a Track,
    steps: Vec<Step<'a>>,
    facts: Facts,
}

/// Segments of the tracks that are presented, read before all other rows: whatever changes at one of them has been told
/// by then.
struct Stored {
    layers: Vec<(TrackId, Vec<Segment>)>,
    audio: Option<(TrackId, Vec<Segment>)>,
}

/// The presentation of a participant; without one of the first with a picture, else with sound. `query` ends every URI:
/// empty, or `?token=...`. `now` is told to players whose clock is wrong.
///
/// # Errors
/// [`Error::NoRecording`], [`Error::NoParticipant`], [`Error::NothingYet`], [`Error::Nothing`].
pub async fn manifest(
    catalog: &Catalog,
    recording: RecordingId,
    participant: Option<ParticipantId>,
    query: &str,
    now: WallTime,
) -> Result<Snapshot, Error> {
    loaded(catalog, recording, participant, None, query, now).await
}

/// The same of a clip, always static: of a recording that runs it is of what is closed now. It begins with a segment,
/// because players leave out the pictures up to the next key frame where a period begins within one, and it ends exactly.
///
/// # Errors
/// Those of [`manifest`]; [`Error::Outside`].
pub async fn clip(
    catalog: &Catalog,
    recording: RecordingId,
    participant: Option<ParticipantId>,
    clip: &Clip,
    query: &str,
) -> Result<Snapshot, Error> {
    // Nobody is told the time by what does not grow.
    loaded(catalog, recording, participant, Some(clip), query, WallTime::default()).await
}

async fn loaded(
    catalog: &Catalog,
    recording: RecordingId,
    participant: Option<ParticipantId>,
    clip: Option<&Clip>,
    query: &str,
    now: WallTime,
) -> Result<Snapshot, Error> {
    let room = Room::load(catalog, recording).await?;
    let (who, presented) = choose(&room, participant, plays)?;
    let (who, stored) = (who.id, Stored::load(catalog, &room, presented).await?);
    let room = Room::load(catalog, recording).await?;
    snapshot(&room, room.participant(who)?, &stored, clip, query, now)
}

pub(super) fn plays(track: &Track) -> bool {
    support::of(track.codec).dash
}

impl Stored {
    async fn load(catalog: &Catalog, room: &Room, presented: Presented<'_>) -> Result<Self, Error> {
        let mut stored = Self { layers: Vec::new(), audio: None };
        for layer in presented.video.map(|track| room.layers(track)).unwrap_or_default() {
            stored.layers.push((layer.id, catalog.segments(layer.id).await?));
        }
        if let Some(track) = presented.audio {
            stored.audio = Some((track.id, catalog.segments(track.id).await?));
        }
        Ok(stored)
    }
}

fn snapshot(
    room: &Room,
    who: &Participant,
    stored: &Stored,
    clip: Option<&Clip>,
    query: &str,
    now: WallTime,
) -> Result<Snapshot, Error> {
    let ended = room.ended(who.id);
    let (mut pictures, mut sound) = views(room, stored, ended)?;
    let Span { from: begin, to } = match clip {
        Some(clip) => cut(&mut pictures, sound.as_mut(), clip.span(room, who.id)?)
            .ok_or_else(|| clip.outside(room, who.id))?,
        None => Span { from: room.zero_micros(who.id).unwrap_or(0), to: i64::MAX },
    };
    let all = || pictures.iter().chain(&sound);
    let reached = all().filter_map(|view| view.steps.last()).map(|step| step.piece.end).max();
    let reached = reached.ok_or(if ended { Error::Nothing } else { Error::NothingYet })?.min(to);
    let longest = all().flat_map(|view| &view.steps).map(|step| step.piece.end - step.piece.start).max();
    let promised = i64::from(Policy::default().target_duration()) * 1_000_000;
    let name = Some(&who.display_name).filter(|name| !name.is_empty()).unwrap_or(&who.peer_id);
    Ok(Snapshot {
        title: room.recording.title.clone(),
        // In a pause the timeline stands still, and the clock that is told does too.
        live: (!ended && clip.is_none()).then(|| Live {
            available_from: room.recording.started_at.plus(begin),
            published: room.recording.started_at.plus(reached),
            now: now.plus(-paused_micros(room, now)),
            update_micros: UPDATE_MICROS,
            delay_micros: DELAY_MICROS,
        }),
        duration_micros: reached - begin,
        longest_micros: longest.unwrap_or(0).max(promised),
        periods: periods::periods(room, &pictures, sound.as_ref(), begin, name, query),
    })
}

/// Leaves what a clip takes of all views; from where to where it goes. `None` if it takes nothing.
fn cut(pictures: &mut Vec<View<'_>>, sound: Option<&mut View<'_>>, clip: Span) -> Option<Span> {
    if pictures.is_empty() {
        let view = sound?;
        clip.leave(&mut view.steps);
        return Some(Span { from: view.steps.first()?.piece.start, to: clip.to });
    }
    for view in pictures.iter_mut() {
        clip.leave(&mut view.steps);
    }
    pictures.retain(|view| !view.steps.is_empty());
    let from = pictures.iter().filter_map(|view| view.steps.first()).map(|step| step.piece.start).min()?;
    let end = pictures.iter().filter_map(|view| view.steps.last()).map(|step| step.piece.end).max()?;
    let shown = Span { from, to: end.min(clip.to) };
    if let Some(view) = sound {
        shown.without_bounds().leave(&mut view.steps);
    }
    Some(shown)
}

/// How long the recording has stood still up to now, in microseconds.
fn paused_micros(room: &Room, now: WallTime) -> i64 {
    room.pauses.iter().map(|pause| pause.ended_at.unwrap_or(now).since(pause.began_at).max(0)).sum()
}

/// The views of the layers, highest first, and of the sound.
fn views<'a>(
    room: &'a Room,
    stored: &'a Stored,
    ended: bool,
) -> Result<(Vec<View<'a>>, Option<View<'a>>), Error> {
    let mut layers = Vec::new();
    for (id, segments) in &stored.layers {
        let track = room.track(*id)?;
        let pieces = if segments.is_empty() { Vec::new() } else { pieces::pieces(room, track, segments) };
        layers.push((Layer { track, pieces, known: room.known_micros(track) }, segments));
    }
    let only: Vec<Layer<'_>> = layers.iter().map(|(layer, _)| layer.clone()).collect();
    // Layers change places only where they are tracks; a picture that is one track has the view of its own.
    let steps = if stored.layers.len() > 1 {
        ladder::views(&only, ended)
    } else {
        only.iter().map(|layer| steps(layer.track, layer.pieces.clone())).collect()
    };
    let sound = match &stored.audio {
        Some((id, segments)) => {
            let track = room.track(*id)?;
            let own = pieces::pieces(room, track, segments);
            let steps = if steps.len() > 1 {
                ladder::sound(track, own, &steps, ended)
            } else {
                self::steps(track, own)
            };
            Some(View { track, steps, facts: Facts::of(room, track, &measured(segments, track)) })
        }
        None => None,
    };
    let pictures = layers.iter().zip(steps).filter(|((_, segments), _)| !segments.is_empty());
    let pictures = pictures.map(|((layer, segments), steps)| {
        let facts = Facts::of(room, layer.track, &measured(segments, layer.track));
        View { track: layer.track, steps, facts }
    });
    Ok((pictures.rev().collect(), sound))
}

fn steps<'a>(track: &'a Track, pieces: Vec<pieces::Piece<'a>>) -> Vec<Step<'a>> {
    pieces.into_iter().map(|piece| Step { track, piece }).collect()
}

#[cfg(test)]
mod tests;
