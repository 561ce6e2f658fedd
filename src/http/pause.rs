//! `POST /api/v1/recordings/{id}/pause` and `/resume`: the whole recording stands still, and goes on.

use super::App;
use super::error::Problem;
use super::extract::{Bearer, Place};
use crate::auth::Action;
use crate::id::RecordingId;
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

pub(super) async fn pause(
    State(app): State<App>,
    bearer: Bearer,
    Place(id): Place<String>,
) -> Result<Json<Value>, Problem> {
    let id = permitted(&app, &bearer, &id).await?;
    let pause = app.recorder.pause(id).await?;
    Ok(Json(json!({
        "recording_id": id,
        "status": "recording",
        "paused": true,
        "paused_at": pause.began_at.to_string(),
        "duration_seconds": pause.at_micros / 1_000_000,
        "duration_us": pause.at_micros,
        "message": "the recording is paused",
    })))
}

pub(super) async fn resume(
    State(app): State<App>,
    bearer: Bearer,
    Place(id): Place<String>,
) -> Result<Json<Value>, Problem> {
    let id = permitted(&app, &bearer, &id).await?;
    let (at, micros) = app.recorder.resume(id).await?;
    Ok(Json(json!({
        "recording_id": id,
        "status": "recording",
        "paused": false,
        "resumed_at": at.to_string(),
        "paused_us": micros,
        "message": "the recording goes on",
    })))
}

/// Whoever may stop a recording may also let it stand still.
async fn permitted(app: &App, bearer: &Bearer, id: &str) -> Result<RecordingId, Problem> {
    let id = bearer.permitted_on(app, Action::Stop, id).await?;
    let row = app.catalog.recording(id).await?.filter(|row| row.deleted_at.is_none());
    row.map(|row| row.id).ok_or_else(Problem::no_recording)
}
