//! A recording in answers: as a list has it, as a whole, and as players' pages ask for it.

use super::analytics::Short;
use super::integrity::Verdict;
use super::participant::Somebody;
use super::stamp::Stamp;
use super::track::{Playback, Told};
use super::words;
use crate::catalog::{EndedBy, Pause, Recording, Status};
use crate::id::RecordingId;
use crate::media::Kind;
use crate::playback::room::Room;
use crate::playback::support;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// The columns of a recording. While it runs a list has no `duration_seconds`, `duration_us` and `file_size_bytes`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RecordingRow)]
pub(in crate::http) struct Row {
    #[schema(value_type = Uuid)]
    id: RecordingId,
    /// The room, in mediasoup's or the application's words.
    room_id: String,
    title: String,
    description: Option<String>,
    /// The `user_id` of who asked for it.
    started_by: String,
    started_at: Stamp,
    stopped_at: Option<Stamp>,
    duration_seconds: Option<i64>,
    /// Without its pauses.
    duration_us: Option<i64>,
    #[schema(value_type = words::RecordingStatus)]
    status: Status,
    /// The form that was asked for. What is stored is always CMAF.
    format: String,
    file_size_bytes: Option<u64>,
    mime_type: Option<String>,
    /// Largest picture, `WIDTHxHEIGHT`, once it ended.
    resolution: Option<String>,
    /// RFC 6381 strings between commas, once it ended.
    codecs: Option<String>,
    /// By what it ended, once it did.
    #[schema(value_type = Option<words::EndedByName>)]
    ended_by: Option<EndedBy>,
    /// Why it failed.
    error_message: Option<String>,
    /// The application's own.
    #[schema(value_type = Option<Object>)]
    metadata: Value,
    created_at: Stamp,
    updated_at: Stamp,
    deleted_at: Option<Stamp>,
    /// Nothing of it may be deleted.
    legal_hold: bool,
}

impl From<&Recording> for Row {
    fn from(row: &Recording) -> Self {
        Self {
            id: row.id,
            room_id: row.room_id.clone(),
            title: row.title.clone(),
            description: row.description.clone(),
            started_by: row.started_by.clone(),
            started_at: row.started_at.into(),
            stopped_at: row.stopped_at.map(Stamp::from),
            duration_seconds: row.duration_micros.map(|micros| micros / 1_000_000),
            duration_us: row.duration_micros,
            status: row.status,
            format: row.format.clone(),
            file_size_bytes: (row.status != Status::Recording).then_some(row.bytes),
            mime_type: row.mime_type.clone(),
            resolution: row.resolution.clone(),
            codecs: row.codecs.clone(),
            ended_by: row.ended_by,
            error_message: row.error.clone(),
            metadata: row.metadata.clone(),
            created_at: row.created_at.into(),
            updated_at: row.updated_at.into(),
            deleted_at: row.deleted_at.map(Stamp::from),
            legal_hold: row.held,
        }
    }
}

/// A recording with everybody and every track in it, as far as it went.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Recording)]
pub(in crate::http) struct Whole {
    #[serde(flatten)]
    row: Row,
    /// It stands still.
    paused: bool,
    /// Whether the room is joined, or lost and looked for; null when it does not run.
    attached: Option<bool>,
    pauses: Vec<PauseTold>,
    /// Null before the first verdict.
    integrity: Option<Verdict>,
    participants: Vec<Somebody>,
    tracks: Vec<Told>,
}

impl Whole {
    pub(super) fn new(room: &Room, attached: Option<bool>) -> Self {
        let row = Row {
            duration_seconds: Some(room.duration_micros() / 1_000_000),
            duration_us: Some(room.duration_micros()),
            file_size_bytes: Some(room.bytes()),
            ..Row::from(&room.recording)
        };
        Self {
            row,
            paused: paused(room),
            attached,
            pauses: pauses(room),
            integrity: Verdict::of_all(room),
            participants: room.participants.iter().map(Somebody::from).collect(),
            tracks: room.tracks.iter().map(|own| Told::new(room, own)).collect(),
        }
    }
}

/// Where a recording stood still, and from when to when on the wall clock.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Pause)]
pub(in crate::http) struct PauseTold {
    offset_us: i64,
    paused_at: Stamp,
    resumed_at: Option<Stamp>,
}

impl From<&Pause> for PauseTold {
    fn from(row: &Pause) -> Self {
        Self {
            offset_us: row.at_micros,
            paused_at: row.began_at.into(),
            resumed_at: row.ended_at.map(Stamp::from),
        }
    }
}

pub(in crate::http) fn pauses(room: &Room) -> Vec<PauseTold> {
    room.pauses.iter().map(PauseTold::from).collect()
}

/// The recording stands still.
pub(in crate::http) fn paused(room: &Room) -> bool {
    room.recording.status.is_running() && room.pauses.last().is_some_and(|pause| pause.ended_at.is_none())
}

/// What the pages of the earlier service's clients ask for.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Info {
    data: InfoData,
}

/// Whether, where and how a recording plays.
#[derive(Debug, Serialize, ToSchema)]
struct InfoData {
    #[schema(value_type = Uuid)]
    id: RecordingId,
    title: String,
    description: Option<String>,
    #[schema(value_type = words::RecordingStatus)]
    status: Status,
    /// Seconds.
    duration: f64,
    created_at: Stamp,
    stopped_at: Option<Stamp>,
    size_bytes: u64,
    format: String,
    /// Distinct RFC 6381 strings.
    codecs: Vec<String>,
    /// Largest picture, `WIDTHxHEIGHT`.
    resolution: Option<String>,
    /// There is something that plays by HLS.
    streaming_ready: bool,
    /// Null before that.
    streaming_url: Option<String>,
    manifest_url: String,
    watch_url: String,
    /// Names of players.
    #[schema(value_type = Vec<String>)]
    playable_on: Vec<&'static str>,
    playback: Playback,
    tracks: Vec<Told>,
    /// Who watched it, in short; null but for who started it and administrators.
    analytics: Option<Short>,
}

impl Info {
    /// `query` carries the bearer's token on, if it came in the query.
    pub(super) fn new(room: &Room, query: &str, analytics: Option<Short>) -> Self {
        let stored = || room.tracks.iter().filter(|own| room.totals_of(own.id).is_some());
        let together = support::together(stored().map(|own| own.codec));
        let ready = stored().any(|own| support::of(own.codec).hls_js);
        let recording = &room.recording;
        let base = base(recording);
        Self {
            data: InfoData {
                id: recording.id,
                title: recording.title.clone(),
                description: recording.description.clone(),
                status: recording.status,
                duration: seconds(room.duration_micros()),
                created_at: recording.created_at.into(),
                stopped_at: recording.stopped_at.map(Stamp::from),
                size_bytes: room.bytes(),
                format: recording.format.clone(),
                codecs: codecs(room),
                resolution: resolution(room),
                streaming_ready: ready,
                streaming_url: ready.then(|| format!("{base}/stream/playlist.m3u8{query}")),
                manifest_url: format!("{base}/manifest.json{query}"),
                watch_url: format!("/watch/{}", recording.id),
                playable_on: together.players(),
                playback: together.into(),
                tracks: room.tracks.iter().map(|own| Told::new(room, own)).collect(),
                analytics,
            },
        }
    }
}

/// The address of a recording.
pub(in crate::http) fn base(recording: &Recording) -> String {
    format!("/api/v1/recordings/{}", recording.id)
}

#[expect(clippy::cast_precision_loss, reason = "printed, not calculated with")]
fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

fn codecs(room: &Room) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for run in &room.runs {
        if !names.contains(&run.codecs) {
            names.push(run.codecs.clone());
        }
    }
    names
}

fn resolution(room: &Room) -> Option<String> {
    let videos = room.tracks.iter().filter(|own| own.kind == Kind::Video);
    let run = videos.filter_map(|own| room.largest_run(own.id)).max_by_key(|run| run.width * run.height)?;
    let (width, height) = run.displayed();
    Some(format!("{width}x{height}"))
}
