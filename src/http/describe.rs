//! `GET /api/v1/recordings/{id}` and `/info`: a recording as JSON.

use super::App;
use super::error::Problem;
use super::extract::{Bearer, Place};
use crate::auth::Action;
use crate::catalog::{Gap, Participant, Pause, Recording, Run, Status, Track, Turn};
use crate::media::Kind;
use crate::playback::room::{Room, scale};
use crate::playback::support;
use crate::recorder::integrity::Integrity;
use crate::time::WallTime;
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

pub(super) async fn get(
    State(app): State<App>,
    bearer: Bearer,
    Place(id): Place<String>,
) -> Result<Json<Value>, Problem> {
    let id = bearer.permitted_on(&app, Action::View, &id).await?;
    let room = Room::load(&app.catalog, id).await?;
    let mut body = row(&room.recording);
    put(&mut body, "duration_seconds", json!(room.duration_micros() / 1_000_000));
    put(&mut body, "duration_us", json!(room.duration_micros()));
    put(&mut body, "file_size_bytes", json!(room.bytes()));
    put(&mut body, "paused", json!(paused(&room)));
    // Told of those that run: whether the room is joined, or lost and looked for.
    put(
        &mut body,
        "attached",
        json!(app.recorder.progress(room.recording.id).map(|now| now.borrow().attached)),
    );
    put(&mut body, "pauses", pauses(&room));
    put(&mut body, "integrity", json!(integrity(&room)));
    put(&mut body, "participants", room.participants.iter().map(participant).collect());
    put(&mut body, "tracks", room.tracks.iter().map(|own| track(&room, own)).collect());
    Ok(Json(body))
}

pub(super) async fn info(
    State(app): State<App>,
    bearer: Bearer,
    Place(id): Place<String>,
) -> Result<Json<Value>, Problem> {
    let id = bearer.permitted_on(&app, Action::View, &id).await?;
    let room = Room::load(&app.catalog, id).await?;
    let stored = || room.tracks.iter().filter(|own| room.totals_of(own.id).is_some());
    let together = support::together(stored().map(|own| own.codec));
    let ready = stored().any(|own| support::of(own.codec).hls_js);
    let recording = &room.recording;
    let query = bearer.query();
    Ok(Json(json!({ "data": {
        "id": recording.id,
        "title": recording.title,
        "description": recording.description,
        "status": recording.status,
        "duration": seconds(room.duration_micros()),
        "created_at": recording.created_at.to_string(),
        "stopped_at": recording.stopped_at.map(text),
        "size_bytes": room.bytes(),
        "format": recording.format,
        "codecs": codecs(&room),
        "resolution": resolution(&room),
        "streaming_ready": ready,
        "streaming_url": ready.then(|| format!("{}/stream/playlist.m3u8{query}", base(recording))),
        "manifest_url": format!("{}/manifest.json{query}", base(recording)),
        "watch_url": format!("/watch/{}", recording.id),
        "playable_on": together.players(),
        "playback": together,
        "tracks": room.tracks.iter().map(|own| track(&room, own)).collect::<Vec<_>>(),
        // Nothing is measured yet, and nothing is made up.
        "analytics": null,
    }})))
}

/// The address of a recording.
pub(super) fn base(recording: &Recording) -> String {
    format!("/api/v1/recordings/{}", recording.id)
}

/// The columns of a recording.
pub(super) fn row(recording: &Recording) -> Value {
    json!({
        "id": recording.id,
        "room_id": recording.room_id,
        "title": recording.title,
        "description": recording.description,
        "started_by": recording.started_by,
        "started_at": recording.started_at.to_string(),
        "stopped_at": recording.stopped_at.map(text),
        "duration_seconds": recording.duration_micros.map(|micros| micros / 1_000_000),
        "duration_us": recording.duration_micros,
        "status": recording.status,
        "format": recording.format,
        "file_size_bytes": (recording.status != Status::Recording).then_some(recording.bytes),
        "mime_type": recording.mime_type,
        "resolution": recording.resolution,
        "codecs": recording.codecs,
        "ended_by": recording.ended_by,
        "error_message": recording.error,
        "metadata": recording.metadata,
        "created_at": recording.created_at.to_string(),
        "updated_at": recording.updated_at.to_string(),
        "deleted_at": recording.deleted_at.map(text),
        "legal_hold": recording.held,
    })
}

/// Somebody.
pub(super) fn participant(row: &Participant) -> Value {
    json!({
        "id": row.id,
        "peer_id": row.peer_id,
        "display_name": row.display_name,
        "user_id": row.user_id,
        "joined_at": row.joined_at.to_string(),
        "left_at": row.left_at.map(text),
    })
}

/// A track with where it plays. `offset_us` counts from the recording's start; `duration_us` reaches from the track's
/// first media to its last, gaps included.
pub(super) fn track(room: &Room, row: &Track) -> Value {
    let run = room.largest_run(row.id);
    let totals = room.totals_of(row.id);
    let start = row.start.map(|start| start.to_micros(scale(row)));
    let live = room.recording.status.is_running() && row.ended_at.is_none();
    let plays = support::of(row.codec);
    json!({
        "id": row.id,
        "participant_id": row.participant,
        "kind": row.kind,
        "source": row.source,
        "codec": row.codec,
        "codecs": run.map(|run| &run.codecs),
        "width": run.map(|run| run.displayed().0),
        "height": run.map(|run| run.displayed().1),
        "channels": run.map(|run| run.channels),
        "timescale": scale(row).0,
        "producer_id": row.producer_id,
        "layer": row.layer,
        "picture_id": row.picture,
        "started_at": row.started_at.map(text),
        "ended_at": row.ended_at.map(text),
        "offset_us": start,
        "duration_us": start.zip(room.end_micros(row)).map(|(start, end)| end - start),
        "segments": totals.map_or(0, |totals| totals.segments),
        "samples": totals.map_or(0, |totals| totals.samples),
        "bytes": totals.map_or(0, |totals| totals.bytes),
        "runs": room.runs_of(row.id).map(|own| run_of(row, own)).collect::<Vec<_>>(),
        "gaps": room.gaps_of(row.id).filter(|gap| gap.duration.0 > 0).map(|own| gap(room, row, own)).collect::<Vec<_>>(),
        "live": live,
        "state": if live { "live" } else { "ended" },
        "error": row.error,
        "integrity": verdict(row),
        "playable_on": plays.players(),
        "playback": plays,
    })
}

/// A stretch of a track with one set of codec parameters: another size or turn begins another one.
fn run_of(track: &Track, run: &Run) -> Value {
    json!({
        "number": run.number,
        "offset_us": run.first.to_micros(scale(track)),
        "at": run.wall.to_string(),
        "codecs": run.codecs,
        "width": run.displayed().0,
        "height": run.displayed().1,
        "rotation": run.rotation.degrees(),
        "channels": run.channels,
    })
}

/// Somebody spoke.
pub(super) fn turn(row: &Turn) -> Value {
    json!({
        "participant_id": row.participant,
        "offset_us": row.start_micros,
        "duration_us": row.end_micros.map(|end| end - row.start_micros),
    })
}

/// The recorder's verdict on a track; `None` before it has one.
fn verdict(row: &Track) -> Option<Integrity> {
    let found = row.integrity.as_object().filter(|found| !found.is_empty())?;
    serde_json::from_value(Value::Object(found.clone())).ok()
}

/// The same for all tracks of a recording.
pub(super) fn integrity(room: &Room) -> Option<Integrity> {
    let mut known = room.tracks.iter().filter_map(verdict).peekable();
    known.peek()?;
    Some(Integrity::of_all(known))
}

/// Where nothing came, why, and what is shown there. It is not part of what the track counts.
fn gap(room: &Room, track: &Track, row: &Gap) -> Value {
    json!({
        "cause": row.cause,
        "kind": if room.shows_lower_layer(track, row) { json!("layer") } else { json!(row.shown) },
        "offset_us": row.start.to_micros(scale(track)),
        "duration_us": row.duration.to_micros(scale(track)),
        "open": row.open,
    })
}

/// The recording stands still.
pub(super) fn paused(room: &Room) -> bool {
    room.recording.status.is_running() && room.pauses.last().is_some_and(|pause| pause.ended_at.is_none())
}

/// Where the recording stood still, and from when to when on the wall clock.
pub(super) fn pauses(room: &Room) -> Value {
    let pause = |row: &Pause| {
        json!({
            "offset_us": row.at_micros,
            "paused_at": row.began_at.to_string(),
            "resumed_at": row.ended_at.map(text),
        })
    };
    room.pauses.iter().map(pause).collect()
}

pub(super) fn put(body: &mut Value, member: &str, value: Value) {
    if let Value::Object(body) = body {
        body.insert(member.to_owned(), value);
    }
}

fn text(at: WallTime) -> String {
    at.to_string()
}

#[expect(clippy::cast_precision_loss, reason = "printed, not calculated with")]
fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

/// Distinct RFC 6381 strings.
fn codecs(room: &Room) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for run in &room.runs {
        if !names.contains(&run.codecs.as_str()) {
            names.push(&run.codecs);
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
