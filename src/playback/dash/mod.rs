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
use super::playlist::QUERY;
use super::presentation::{Choice, choose, measured};
use super::room::{Presented, Room};
use super::{Error, pieces, support};
use crate::catalog::{Catalog, Participant, Pause, Segment, Track};
use crate::id::{RecordingId, TrackId};
use crate::media::dash::mpd::{self, Live, Snapshot};
use crate::media::segment::Policy;
use crate::time::WallTime;
use periods::Facts;
use std::hash::{DefaultHasher, Hash, Hasher};

/// A description changes when a segment is closed, every two seconds or so.
const UPDATE_MICROS: i64 = 2_000_000;
/// What is listed ends up to one long segment behind the wall clock, or as long as it takes to be sure that nothing comes;
/// then a player has to ask, and to load.
const DELAY_MICROS: i64 = 10_000_000;
/// A browser that is told that its description is still right goes on with the clock in that, which is late by then. So late
/// it may be: it makes players stay that much further behind, and a short time of what they stay behind anyway.
const LATE_MICROS: i64 = 4_000_000;
/// Stands for the time that the clock shows until the description is handed out.
const NOW: &str = "{now}";

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

/// The text of a presentation, to be handed out to many.
#[derive(Clone, Debug)]
pub struct Description {
    text: String,
    /// Of what the text is, as a number.
    version: u64,
    /// Of a presentation that grows.
    clock: Option<Clock>,
}

/// The clock that a description tells: in a pause the timeline stands still, and so does it.
#[derive(Clone, Debug)]
pub struct Clock(Vec<Pause>);

/// A description as it is told to one who asks.
#[derive(Clone, Debug)]
pub struct Told {
    /// The document.
    pub text: String,
    /// Another one when more has changed than the time, and when that has by some seconds.
    pub version: u64,
}

impl Description {
    fn new(snapshot: &Snapshot, clock: Clock) -> Self {
        let text = mpd::render(snapshot);
        let version = hash(&text);
        Self { text, version, clock: snapshot.live.is_some().then_some(clock) }
    }

    /// The document. `query` ends every URI: empty, or `?token=...`. `now` is told to players whose clock is wrong.
    #[must_use]
    pub fn told(&self, query: &str, now: WallTime) -> Told {
        let now = self.clock.as_ref().map(|clock| clock.at(now));
        let version = hash(&(self.version, query, now.map(|now| now.0.div_euclid(LATE_MICROS))));
        // Arguments are encoded: nothing else in them means something in XML.
        let text = self.text.replace(QUERY, &query.replace('&', "&amp;"));
        let text = match now {
            Some(now) => text.replace(NOW, &now.to_string()),
            None => text,
        };
        Told { text, version }
    }

    /// Bytes that it holds.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.text.len()
    }
}

impl Clock {
    /// What it shows.
    #[must_use]
    pub fn at(&self, now: WallTime) -> WallTime {
        let paused = self.0.iter().map(|pause| pause.ended_at.unwrap_or(now).since(pause.began_at).max(0));
        now.plus(-paused.sum::<i64>())
    }
}

fn hash(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

/// The description of a presentation: [`manifest`].
///
/// # Errors
/// Those of [`manifest`].
pub async fn description(
    catalog: &Catalog,
    recording: RecordingId,
    choice: Choice,
) -> Result<Description, Error> {
    let (snapshot, clock) = manifest(catalog, recording, choice, QUERY).await?;
    Ok(Description::new(&snapshot, clock))
}

/// A presentation. `query` ends every URI: empty, or `?token=...`. With the clock that it tells while it grows: `now` stands
/// open.
///
/// # Errors
/// [`Error::NoRecording`], [`Error::NoParticipant`], [`Error::NothingYet`], [`Error::Nothing`].
pub async fn manifest(
    catalog: &Catalog,
    recording: RecordingId,
    choice: impl Into<Choice>,
    query: &str,
) -> Result<(Snapshot, Clock), Error> {
    loaded(catalog, recording, choice.into(), None, query).await
}

/// The same of a clip, always static: of a recording that runs it is of what is closed now. It begins with a segment,
/// because players leave out the pictures up to the next key frame where a period begins within one, and it ends exactly.
///
/// # Errors
/// Those of [`manifest`]; [`Error::Outside`].
pub async fn clip(
    catalog: &Catalog,
    recording: RecordingId,
    choice: impl Into<Choice>,
    clip: &Clip,
    query: &str,
) -> Result<Snapshot, Error> {
    loaded(catalog, recording, choice.into(), Some(clip), query).await.map(|(snapshot, _)| snapshot)
}

async fn loaded(
    catalog: &Catalog,
    recording: RecordingId,
    choice: Choice,
    clip: Option<&Clip>,
    query: &str,
) -> Result<(Snapshot, Clock), Error> {
    let room = Room::load(catalog, recording).await?;
    let (who, presented) = choose(&room, choice, plays)?;
    let (who, stored) = (who.id, Stored::load(catalog, &room, presented).await?);
    let room = Room::load(catalog, recording).await?;
    let snapshot = snapshot(&room, room.participant(who)?, &stored, clip, query)?;
    Ok((snapshot, Clock(room.pauses)))
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
        live: (!ended && clip.is_none()).then(|| Live {
            available_from: room.recording.started_at.plus(begin),
            published: room.recording.started_at.plus(reached),
            now: NOW.to_owned(),
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
