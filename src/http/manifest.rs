//! `GET /api/v1/recordings/{id}/manifest.json`: everybody in a recording, and where each one's media lies.

use super::App;
use super::describe::integrity::Verdict;
use super::describe::participant::{Somebody, SpeakerTurn};
use super::describe::recording::{PauseTold, base, paused, pauses};
use super::describe::stamp::Stamp;
use super::describe::track::{self, State as Now};
use super::describe::words;
use super::error::Problem;
use super::extract::{Bearer, Place};
use super::openapi::params::{Known, OfRecording};
use super::openapi::problems::{NotFound, Refused};
use super::range;
use crate::auth::Action;
use crate::catalog::{Participant, Status, Track};
use crate::id::{RecordingId, TrackId};
use crate::playback::room::{Room, Subject};
use crate::playback::support;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

/// Everybody in a recording, on one clock.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Manifest {
    recording: ManifestRecording,
    speaker_turns: Vec<SpeakerTurn>,
    participants: Vec<ManifestParticipant>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ManifestRecording {
    #[schema(value_type = Uuid)]
    id: RecordingId,
    title: String,
    room_id: String,
    #[schema(value_type = words::RecordingStatus)]
    status: Status,
    started_at: Stamp,
    stopped_at: Option<Stamp>,
    /// Without its pauses.
    duration_us: i64,
    /// It stands still.
    paused: bool,
    pauses: Vec<PauseTold>,
    /// Null before the first verdict.
    integrity: Option<Verdict>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ManifestParticipant {
    #[serde(flatten)]
    somebody: Somebody,
    /// Where the zero of this participant's playlists lies on the recording's timeline; null until there is media.
    offset_us: Option<i64>,
    zero_at: Option<Stamp>,
    state: Now,
    /// The multivariant playlist; null until there is something that plays.
    playlist: Option<String>,
    /// The DASH manifest; null until there is something that plays.
    dash: Option<String>,
    /// Those that there are. Together they have each picture and each sound once at most.
    presentations: Vec<ManifestPresentation>,
    tracks: Vec<ManifestTrack>,
}

/// A picture with the sound that belongs to it, or one of both.
#[derive(Debug, Serialize, ToSchema)]
struct ManifestPresentation {
    /// `camera`: camera and microphone. `screen`: a shared screen and its own sound.
    #[schema(value_type = words::PresentationSource)]
    source: &'static str,
    /// The multivariant playlist; null if nothing of it plays by HLS.
    playlist: Option<String>,
    /// The DASH manifest; null if nothing of it plays by DASH.
    dash: Option<String>,
    /// What one of both has, all layers of the picture.
    #[schema(value_type = Vec<Uuid>)]
    tracks: Vec<TrackId>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ManifestTrack {
    #[serde(flatten)]
    track: track::Told,
    /// Its media playlist; null until a segment is closed.
    playlist: Option<String>,
}

/// Everybody in a recording, and where each one's media lies.
///
/// Ask again while `status` is `recording`, with `If-None-Match`. A token that came in the query is carried on in all addresses.
#[utoipa::path(
    get, path = "/{id}/manifest.json", operation_id = "getManifest", tag = "Recordings",
    params(OfRecording, Known),
    responses(
        (status = 200, body = Manifest, description = "As far as it went."),
        (status = 304, description = "It is as it was."),
        Refused<NotFound>,
    ),
)]
pub(super) async fn manifest(
    State(app): State<App>,
    bearer: Bearer,
    Place(id): Place<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = bearer.permitted_on(&app, Action::View, &id).await?;
    let room = Room::load(&app.catalog, id).await?;
    let recording = &room.recording;
    let turns = app.catalog.turns(recording.id).await?;
    let body = Manifest {
        recording: ManifestRecording {
            id: recording.id,
            title: recording.title.clone(),
            room_id: recording.room_id.clone(),
            status: recording.status,
            started_at: recording.started_at.into(),
            stopped_at: recording.stopped_at.map(Stamp::from),
            duration_us: room.duration_micros(),
            paused: paused(&room),
            pauses: pauses(&room),
            integrity: Verdict::of_all(&room),
        },
        speaker_turns: turns.iter().map(SpeakerTurn::from).collect(),
        participants: room.participants.iter().map(|who| person(&room, who, &bearer)).collect(),
    };
    let text = serde_json::to_string(&body).map_err(|error| Problem::internal(&error))?;
    Ok(range::document(text, "application/json", &headers))
}

fn person(room: &Room, who: &Participant, bearer: &Bearer) -> ManifestParticipant {
    let base = base(&room.recording);
    let zero = room.zero_micros(who.id);
    let links = Links::new(room, who, None, bearer);
    let presentations = Subject::ALL.into_iter().map(|subject| {
        let Links { playlist, dash, tracks } = Links::new(room, who, Some(subject), bearer);
        ManifestPresentation { source: subject.name(), playlist, dash, tracks }
    });
    let own = bearer.query();
    let tracks = room.tracks_of(who.id).map(|track| {
        let listed = room.totals_of(track.id).is_some();
        ManifestTrack {
            track: track::Told::new(room, track),
            playlist: listed.then(|| format!("{base}/stream/{}/playlist.m3u8{own}", track.id)),
        }
    });
    ManifestParticipant {
        somebody: who.into(),
        offset_us: zero,
        zero_at: zero.map(|zero| room.wall(zero).into()),
        state: Now::live(!room.ended(who.id)),
        playlist: links.playlist,
        dash: links.dash,
        presentations: presentations.filter(|own| !own.tracks.is_empty()).collect(),
        tracks: tracks.collect(),
    }
}

/// Where a presentation is, and what it shows.
struct Links {
    playlist: Option<String>,
    dash: Option<String>,
    tracks: Vec<TrackId>,
}

impl Links {
    fn new(room: &Room, who: &Participant, subject: Option<Subject>, bearer: &Bearer) -> Self {
        let base = base(&room.recording);
        let id = who.id.to_string();
        let arguments = [Some(("participant", id.as_str())), subject.map(|own| ("source", own.name()))];
        let query = bearer.with(&arguments.into_iter().flatten().collect::<Vec<_>>());
        let shown = |plays: fn(&Track) -> bool| -> Vec<TrackId> {
            let presented = room.presented(who.id, subject, plays).tracks();
            presented.flat_map(|track| room.layers(track)).map(|track| track.id).collect()
        };
        let hls = shown(|track| support::of(track.codec).hls_js);
        let mut tracks = shown(|track| support::of(track.codec).dash);
        let (playable, described) = (!hls.is_empty(), !tracks.is_empty());
        tracks.extend(hls);
        tracks.sort_unstable();
        tracks.dedup();
        Self {
            playlist: playable.then(|| format!("{base}/stream/playlist.m3u8{query}")),
            dash: described.then(|| format!("{base}/stream/manifest.mpd{query}")),
            tracks,
        }
    }
}
