//! One participant as playlists: the multivariant playlist, and the media playlist of each track.

use super::bandwidth::{self, Bandwidth};
use super::room::{Presented, Room, scale};
use super::timeline::{self, Bounds, Item};
use super::{Error, support};
use crate::catalog::{Catalog, Participant, Run, Segment, Track};
use crate::id::{ParticipantId, TrackId};
use crate::media::Kind;
use crate::media::hls::{media, multivariant};
use crate::media::segment::Policy;
use crate::time::{Ticks, WallTime};

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
    let (participant, presented) = choose(room, participant)?;
    let mut snapshot = multivariant::Snapshot { independent: true, ..multivariant::Snapshot::default() };
    if let Some(track) = presented.video {
        let segments = catalog.segments(track.id).await?;
        snapshot.independent &= segments.iter().all(|segment| segment.sync);
        snapshot.video = Some(variant(room, track, &segments, query));
    }
    if let Some(track) = presented.audio {
        let segments = catalog.segments(track.id).await?;
        snapshot.audio = Some(rendition(room, participant, track, &segments, query));
    }
    Ok(snapshot)
}

fn plays(track: &Track) -> bool {
    support::of(track.codec).hls_js
}

fn choose(room: &Room, participant: Option<ParticipantId>) -> Result<(&Participant, Presented<'_>), Error> {
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

fn measured(segments: &[Segment], track: &Track) -> Bandwidth {
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
/// # Errors
/// [`Error::NoTrack`], [`Error::NothingYet`], [`Error::Nothing`].
pub async fn media(catalog: &Catalog, room: &Room, track: TrackId, query: &str) -> Result<Playlist, Error> {
    let track = room.track(track)?;
    let segments = catalog.segments(track.id).await?;
    if segments.is_empty() {
        let ended = room.ended(track.participant) || track.ended_at.is_some();
        return Err(if ended { Error::Nothing } else { Error::NothingYet });
    }
    let target_duration = target_seconds(&segments, track);
    let mut list = entries(room, track, &segments, target_duration, query);
    if track.kind == Kind::Audio {
        let presented = room.presented(track.participant, plays);
        if let (Some(video), true) = (presented.video, presented.audio.is_some_and(|own| own.id == track.id))
        {
            let changes = changes(room, video, &catalog.segments(video.id).await?);
            mark(&mut list, &changes);
        }
    }
    Ok(Playlist {
        target_duration,
        ended: room.ended(track.participant),
        independent: segments.iter().all(|segment| segment.sync),
        entries: list.into_iter().map(|(_, entry)| entry).collect(),
    })
}

/// Segments and fills of a track's view.
#[must_use]
pub fn items<'a>(room: &Room, track: &Track, segments: &'a [Segment]) -> Vec<Item<'a>> {
    let presented = room.presented(track.participant, plays);
    let both = || [presented.video, presented.audio].into_iter().flatten();
    // A track beside those two, such as a second screen, only has to reach its own end.
    let furthest = if both().any(|own| own.id == track.id) {
        both().filter_map(|own| room.end_micros(own)).max()
    } else {
        room.end_micros(track)
    };
    let bounds = Bounds {
        zero: room.zero(track),
        furthest: Ticks::from_micros(furthest.unwrap_or(0), scale(track)),
        ended: room.ended(track.participant),
    };
    timeline::items(segments, track.kind, scale(track), bounds)
}

/// The recorder's promise, unless a segment broke it.
fn target_seconds(segments: &[Segment], track: &Track) -> u32 {
    let longest = segments.iter().map(|segment| segment.duration.to_micros(scale(track))).max().unwrap_or(0);
    let rounded = u32::try_from((longest + 500_000) / 1_000_000).unwrap_or(u32::MAX);
    Policy::default().target_duration().max(rounded)
}

/// Each entry with its first tick in microseconds since the recording's start.
///
/// An entry reaches from the end of the one before it to its own end, so that the sum of the durations stays equal to
/// the media's own clock over the short gaps that are not filled. A date then belongs to that start.
fn entries(
    room: &Room,
    track: &Track,
    segments: &[Segment],
    target_duration: u32,
    query: &str,
) -> Vec<(i64, media::Entry)> {
    let scale = scale(track);
    let longest = i64::from(target_duration) * 1_000_000 + 499_999;
    let mut map = segments.first().map_or(0, |segment| stretch(room, track.id, segment.run));
    let mut reached = room.zero(track).to_micros(scale);
    // Which wall time a tick has is what the nearest segment says.
    let mut epoch = segments.first().map(|segment| wall_of_zero(segment, track)).unwrap_or_default();
    let mut list = Vec::with_capacity(segments.len());
    for item in items(room, track, segments) {
        let uri = match item {
            Item::Segment(segment) => {
                map = stretch(room, track.id, segment.run);
                epoch = wall_of_zero(segment, track);
                format!("{}.m4s{query}", segment.number)
            }
            Item::Fill(fill) => match fill.after {
                Some(after) => format!("fill-{after}-{}.m4s{query}", fill.number),
                None => format!("lead-{}.m4s{query}", fill.number),
            },
        };
        let end = item.end().to_micros(scale);
        let duration_micros = (end - reached).clamp(1, longest);
        let start = end - duration_micros;
        let entry = media::Entry {
            uri,
            map: format!("init-{map}.mp4{query}"),
            duration_micros,
            wall: epoch.plus(start),
            discontinuity: false,
        };
        list.push((start, entry));
        reached = end;
    }
    list
}

/// Wall time of the recording's tick zero, as this segment has it.
fn wall_of_zero(segment: &Segment, track: &Track) -> WallTime {
    segment.wall.plus(-segment.start.to_micros(scale(track)))
}

/// Runs that follow each other with equal parameters differ only in when they were: the first one's init segment
/// serves them all, and players need no discontinuity. (H264 keeps its parameter sets in band besides.)
fn stretch(room: &Room, track: TrackId, run: u32) -> u32 {
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

/// Where a track's parameters change, in microseconds since the recording's start.
fn changes(room: &Room, track: &Track, segments: &[Segment]) -> Vec<i64> {
    let mut map = None;
    let mut found = Vec::new();
    for segment in segments {
        let own = stretch(room, track.id, segment.run);
        if map.is_some_and(|before| before != own) {
            found.push(segment.start.to_micros(scale(track)));
        }
        map = Some(own);
    }
    found
}

/// Marks the same number of discontinuities as the picture has, each at the nearest bound of the sound (RFC 8216
/// 6.2.4 wants them to match).
fn mark(list: &mut [(i64, media::Entry)], changes: &[i64]) {
    let mut from = 1;
    for change in changes {
        let tail = list.iter_mut().enumerate().skip(from);
        let mut near = tail.filter(|(_, (start, entry))| start + entry.duration_micros / 2 >= *change);
        let Some((index, (_, entry))) = near.next() else { return };
        entry.discontinuity = true;
        from = index + 1;
    }
}
