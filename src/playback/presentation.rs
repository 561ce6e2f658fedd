//! One participant as a multivariant playlist.

use super::bandwidth::{self, Bandwidth};
use super::ladder::Step;
use super::room::{Presented, Room, Subject, scale};
use super::{Error, pieces, playlist, support};
use crate::catalog::{Catalog, Participant, Run, Segment, Track};
use crate::id::ParticipantId;
use crate::media::hls::multivariant;
use crate::media::segment::Policy;
use crate::storage::Store;

/// Which presentation is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Choice {
    /// Whose; without one that of the first with a picture, else with sound.
    pub participant: Option<ParticipantId>,
    /// Of what; without it what stands for the participant, see [`Room::presented`].
    pub subject: Option<Subject>,
}

impl From<Option<ParticipantId>> for Choice {
    fn from(participant: Option<ParticipantId>) -> Self {
        Self { participant, subject: None }
    }
}

/// The multivariant playlist of a presentation. `query` ends every URI: empty, or `?token=...`.
///
/// # Errors
/// [`Error::NoParticipant`], [`Error::NothingYet`], [`Error::Nothing`], [`Error::NotPlayable`].
pub async fn multivariant(
    catalog: &Catalog,
    store: &Store,
    room: &Room,
    choice: impl Into<Choice>,
    query: &str,
) -> Result<multivariant::Snapshot, Error> {
    let part = room.recording.part.0;
    let (participant, presented) = choose(room, choice, plays)?;
    let mut snapshot = multivariant::Snapshot { independent: true, ..multivariant::Snapshot::default() };
    if let Some(picture) = presented.video {
        let stored = playlist::stored_layers(catalog, room, picture).await?;
        let all: Vec<(&Track, &[Segment])> =
            stored.iter().map(|(track, own)| (*track, own.as_slice())).collect();
        let views = match picture.picture {
            Some(_) => playlist::layers_as_shown(room, &stored),
            None => stored.iter().map(|(track, own)| shown(room, track, own)).collect(),
        };
        for ((track, segments), steps) in all.iter().zip(views).rev().filter(|((_, own), _)| !own.is_empty())
        {
            snapshot.independent &= segments.iter().all(|segment| segment.sync);
            let bandwidth = rated(&bandwidth::listed(store, part, &steps, &all).await?);
            snapshot.video.push(variant(room, track, segments, bandwidth, query));
        }
    }
    if let Some(track) = presented.audio {
        let segments = catalog.segments(track.id).await?;
        let steps = shown(room, track, &segments);
        let bandwidth = rated(&bandwidth::listed(store, part, &steps, &[(track, &segments)]).await?);
        snapshot.audio = Some(rendition(room, participant, track, bandwidth, query));
    }
    Ok(snapshot)
}

/// A track as its own playlist shows it.
pub(super) fn shown<'a>(room: &Room, track: &'a Track, segments: &'a [Segment]) -> Vec<Step<'a>> {
    if segments.is_empty() {
        return Vec::new();
    }
    pieces::pieces(room, track, segments).into_iter().map(|piece| Step { track, piece }).collect()
}

fn rated(sizes: &[(u64, i64)]) -> Bandwidth {
    bandwidth::measure(sizes, Policy::default().target_duration())
}

pub(super) fn plays(track: &Track) -> bool {
    support::of(track.codec).hls_js
}

/// The participant, or the first who can be presented, with a picture if anybody has one.
pub(super) fn choose(
    room: &Room,
    choice: impl Into<Choice>,
    plays: fn(&Track) -> bool,
) -> Result<(&Participant, Presented<'_>), Error> {
    let Choice { participant, subject } = choice.into();
    let candidates: Vec<&Participant> = match participant {
        Some(id) => vec![room.participant(id)?],
        None => room.participants.iter().collect(),
    };
    let all = || candidates.iter().map(|who| (*who, room.presented(who.id, subject, plays)));
    let found = all()
        .find(|(_, presented)| presented.video.is_some())
        .or_else(|| all().find(|(_, presented)| presented.audio.is_some()));
    found.ok_or_else(|| nothing(room, &candidates, subject))
}

/// Why nobody of the candidates can be presented.
fn nothing(room: &Room, candidates: &[&Participant], subject: Option<Subject>) -> Error {
    let mut stored = candidates
        .iter()
        .flat_map(|who| room.tracks_of(who.id))
        .filter(|track| subject.is_none_or(|subject| Subject::of(track) == subject))
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
    rated(&bandwidth::stored(segments, scale(track)))
}

fn variant(
    room: &Room,
    track: &Track,
    segments: &[Segment],
    measured: Bandwidth,
    query: &str,
) -> multivariant::Variant {
    let run = room.largest_run(track.id);
    let (width, height) = run.map_or((0, 0), Run::displayed);
    multivariant::Variant {
        uri: format!("{}/playlist.m3u8{query}", track.id),
        // One string, of the largest picture: Media Source takes one encoding of each kind.
        codecs: run.map(|run| run.codecs.clone()).into_iter().collect(),
        width,
        height,
        frame_rate: bandwidth::frame_rate(segments, scale(track)),
        bandwidth: measured.peak,
        average_bandwidth: measured.average,
    }
}

fn rendition(
    room: &Room,
    participant: &Participant,
    track: &Track,
    measured: Bandwidth,
    query: &str,
) -> multivariant::Rendition {
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
