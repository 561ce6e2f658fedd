//! `POST /api/v1/recordings/{id}/stop`

use super::App;
use super::error::Problem;
use super::extract::{Bearer, Place};
use crate::auth::Action;
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

pub(super) async fn stop(
    State(app): State<App>,
    bearer: Bearer,
    Place(id): Place<String>,
) -> Result<Json<Value>, Problem> {
    let id = bearer.permitted_on(&app, Action::Stop, &id).await?;
    app.catalog
        .recording(id)
        .await?
        .filter(|row| row.deleted_at.is_none())
        .ok_or_else(Problem::no_recording)?;
    // In a task of its own: a client who goes away does not leave the recording half closed.
    let recorder = app.recorder.clone();
    let stopped = tokio::spawn(async move { recorder.stop(id).await });
    let stopped = stopped.await.map_err(|error| Problem::internal(&error))??;
    let row = app.catalog.recording(id).await?.ok_or_else(Problem::no_recording)?;
    Ok(Json(json!({
        "recording_id": id,
        "status": row.status,
        "stopped_at": stopped.stopped_at.to_string(),
        "duration_seconds": stopped.duration_micros / 1_000_000,
        "duration_us": stopped.duration_micros,
        "file_path": format!("recordings/{id}"),
        "message": row.error.as_deref().unwrap_or("the recording has been stopped"),
    })))
}
