//! One participant as a multivariant playlist.

use super::bandwidth::{self, Bandwidth};
use super::room::{Presented, Room, scale};
use super::{Error, support};
use crate::catalog::{Catalog, Participant, Run, Segment, Track};
use crate::id::ParticipantId;
use crate::media::hls::multivariant;
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
