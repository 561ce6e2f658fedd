//! `GET /api/v1/recordings/{id}/manifest.json`: everybody in a recording, and where each one's media lies.

use super::App;
use super::describe;
use super::error::Problem;
use super::extract::{Bearer, Place};
use crate::auth::Action;
use crate::catalog::Participant;
use crate::playback::room::Room;
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

pub(super) async fn manifest(
    State(app): State<App>,
    bearer: Bearer,
    Place(id): Place<String>,
) -> Result<Response, Problem> {
    let id = bearer.permitted_on(&app, Action::View, &id).await?;
    let room = Room::load(&app.catalog, id).await?;
    let recording = &room.recording;
    let turns = app.catalog.turns(recording.id).await?;
    let body = json!({
        "recording": {
            "id": recording.id,
            "title": recording.title,
            "room_id": recording.room_id,
            "status": recording.status,
            "started_at": recording.started_at.to_string(),
            "stopped_at": recording.stopped_at.map(|at| at.to_string()),
            "duration_us": room.duration_micros(),
            "paused": describe::paused(&room),
            "pauses": describe::pauses(&room),
            "integrity": describe::integrity(&room),
        },
        "speaker_turns": turns.iter().map(describe::turn).collect::<Vec<_>>(),
        "participants": room.participants.iter().map(|who| person(&room, who, &bearer)).collect::<Vec<_>>(),
    });
    Ok(([(header::CACHE_CONTROL, "no-cache")], Json(body)).into_response())
}

/// `offset_us` is where the zero of this participant's playlists lies on the recording's timeline; it and the playlist
/// are null until there is media.
fn person(room: &Room, who: &Participant, bearer: &Bearer) -> Value {
    let base = describe::base(&room.recording);
    let zero = room.zero_micros(who.id);
    let presented = room.presented(who.id, |track| crate::playback::support::of(track.codec).hls_js);
    let playable = presented.video.or(presented.audio).is_some();
    let query = bearer.with(&[("participant", &who.id.to_string())]);
    let mut body = describe::participant(who);
    describe::put(&mut body, "offset_us", json!(zero));
    let at = zero.map(|zero| room.wall(zero).to_string());
    describe::put(&mut body, "zero_at", json!(at));
    describe::put(&mut body, "state", json!(if room.ended(who.id) { "ended" } else { "live" }));
    let playlist = playable.then(|| format!("{base}/stream/playlist.m3u8{query}"));
    describe::put(&mut body, "playlist", json!(playlist));
    let seen = room.presented(who.id, |track| crate::playback::support::of(track.codec).dash);
    let described = seen.video.or(seen.audio).map(|_| format!("{base}/stream/manifest.mpd{query}"));
    describe::put(&mut body, "dash", json!(described));
    let query = bearer.query();
    let tracks = room.tracks_of(who.id).map(|track| {
        let mut body = describe::track(room, track);
        let listed = room.totals_of(track.id).is_some();
        let playlist = listed.then(|| format!("{base}/stream/{}/playlist.m3u8{query}", track.id));
        describe::put(&mut body, "playlist", json!(playlist));
        body
    });
    let tracks = tracks.collect();
    describe::put(&mut body, "tracks", tracks);
    body
}
