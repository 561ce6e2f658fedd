//! A track in answers: what it is, where it plays, and where nothing came.

use super::integrity::Verdict;
use super::stamp::Stamp;
use super::words;
use crate::catalog::{Cause, Gap, Run, Shown, Track};
use crate::id::{ParticipantId, TrackId};
use crate::media::{Codec, Kind};
use crate::playback::room::{Room, scale};
use crate::playback::support::{self, Support};
use serde::Serialize;
use utoipa::ToSchema;

/// A track with where it plays. What a run tells (`codecs`, `width`, `height`, `channels`) is that of the largest one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Track)]
pub(in crate::http) struct Told {
    #[schema(value_type = Uuid)]
    pub(in crate::http) id: TrackId,
    #[schema(value_type = Uuid)]
    participant_id: ParticipantId,
    #[schema(value_type = words::MediaKind)]
    kind: Kind,
    #[schema(value_type = words::SourceName)]
    source: String,
    #[schema(value_type = words::CodecName)]
    codec: Codec,
    /// By RFC 6381.
    codecs: Option<String>,
    /// Pixels as shown; 0 for sound.
    width: Option<u32>,
    height: Option<u32>,
    /// 0 for pictures.
    channels: Option<u8>,
    /// Ticks per second of its media.
    timescale: u32,
    /// mediasoup's identifier.
    producer_id: String,
    /// From 0, the smallest, in a recording with `layers: all`.
    layer: Option<u8>,
    /// Tracks with equal ones are layers of one picture.
    #[schema(value_type = Option<Uuid>)]
    picture_id: Option<TrackId>,
    started_at: Option<Stamp>,
    ended_at: Option<Stamp>,
    /// From the recording's start to its first media.
    offset_us: Option<i64>,
    /// From its first media to its last, gaps included.
    duration_us: Option<i64>,
    /// Closed ones.
    segments: u64,
    samples: u64,
    bytes: u64,
    runs: Vec<RunTold>,
    gaps: Vec<GapTold>,
    /// Media may still come.
    live: bool,
    state: State,
    /// Why it was refused or broke.
    error: Option<String>,
    /// Null before the first verdict.
    integrity: Option<Verdict>,
    /// Names of players.
    #[schema(value_type = Vec<String>)]
    playable_on: Vec<&'static str>,
    playback: Playback,
}

/// Whether media may still come.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::http) enum State {
    Live,
    Ended,
}

impl State {
    pub(in crate::http) fn live(live: bool) -> Self {
        if live { Self::Live } else { Self::Ended }
    }
}

impl Told {
    pub(in crate::http) fn new(room: &Room, row: &Track) -> Self {
        let run = room.largest_run(row.id);
        let totals = room.totals_of(row.id);
        let start = row.start.map(|start| start.to_micros(scale(row)));
        let live = room.recording.status.is_running() && row.ended_at.is_none();
        let plays = support::of(row.codec);
        Self {
            id: row.id,
            participant_id: row.participant,
            kind: row.kind,
            source: row.source.clone(),
            codec: row.codec,
            codecs: run.map(|run| run.codecs.clone()),
            width: run.map(|run| run.displayed().0),
            height: run.map(|run| run.displayed().1),
            channels: run.map(|run| run.channels),
            timescale: scale(row).0,
            producer_id: row.producer_id.clone(),
            layer: row.layer,
            picture_id: row.picture,
            started_at: row.started_at.map(Stamp::from),
            ended_at: row.ended_at.map(Stamp::from),
            offset_us: start,
            duration_us: start.zip(room.end_micros(row)).map(|(start, end)| end - start),
            segments: totals.map_or(0, |totals| totals.segments),
            samples: totals.map_or(0, |totals| totals.samples),
            bytes: totals.map_or(0, |totals| totals.bytes),
            runs: room.runs_of(row.id).map(|own| RunTold::new(row, own)).collect(),
            gaps: room
                .gaps_of(row.id)
                .filter(|gap| gap.duration.0 > 0)
                .map(|own| GapTold::new(room, row, own))
                .collect(),
            live,
            state: State::live(live),
            error: row.error.clone(),
            integrity: Verdict::of(row),
            playable_on: plays.players(),
            playback: plays.into(),
        }
    }
}

/// A stretch of a track with one set of codec parameters: another size or turn begins another one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Run)]
struct RunTold {
    number: u32,
    offset_us: i64,
    at: Stamp,
    codecs: String,
    /// Pixels as shown; 0 for sound.
    width: u32,
    height: u32,
    /// Degrees by which its pictures are turned clockwise to be shown.
    rotation: u16,
    channels: u8,
}

impl RunTold {
    fn new(track: &Track, run: &Run) -> Self {
        Self {
            number: run.number,
            offset_us: run.first.to_micros(scale(track)),
            at: run.wall.into(),
            codecs: run.codecs.clone(),
            width: run.displayed().0,
            height: run.displayed().1,
            rotation: run.rotation.degrees(),
            channels: run.channels,
        }
    }
}

/// Where nothing came, why, and what is shown there. It is not part of what the track counts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Gap)]
struct GapTold {
    #[schema(value_type = words::GapCause)]
    cause: Cause,
    #[schema(value_type = words::GapShown)]
    kind: GapKind,
    offset_us: i64,
    duration_us: i64,
    /// It goes on: its duration is how far that is sure.
    open: bool,
}

/// What is shown where nothing came.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum GapKind {
    Made(Shown),
    Layer(&'static str),
}

impl GapTold {
    fn new(room: &Room, track: &Track, row: &Gap) -> Self {
        let layer = room.shows_lower_layer(track, row);
        Self {
            cause: row.cause,
            kind: if layer { GapKind::Layer(words::LAYER) } else { GapKind::Made(row.shown) },
            offset_us: row.start.to_micros(scale(track)),
            duration_us: row.duration.to_micros(scale(track)),
            open: row.open,
        }
    }
}

/// Where it plays.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Playback {
    /// In hls.js, in Chromium and Firefox.
    hls_js: bool,
    /// In a browser's own HLS player on Apple's systems.
    native_hls: bool,
    /// In shaka and dash.js.
    dash: bool,
    /// For people.
    #[schema(value_type = String)]
    note: &'static str,
}

impl From<Support> for Playback {
    fn from(Support { hls_js, native_hls, dash, note }: Support) -> Self {
        Self { hls_js, native_hls, dash, note }
    }
}
