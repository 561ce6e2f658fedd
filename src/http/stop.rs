//! `POST /api/v1/recordings/{id}/stop`

use super::App;
use super::describe::stamp::Stamp;
use super::describe::words;
use super::error::Problem;
use super::extract::{Bearer, Place};
use super::openapi::params::OfRecording;
use super::openapi::problems::{NotFound, NotRunning, Refused};
use crate::auth::Action;
use crate::catalog::Status;
use crate::id::RecordingId;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

/// It has been stopped, and everything is stored.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Stopped {
    #[schema(value_type = Uuid)]
    recording_id: RecordingId,
    #[schema(value_type = words::RecordingStatus)]
    status: Status,
    stopped_at: Stamp,
    duration_seconds: i64,
    duration_us: i64,
    /// In the folder of recordings.
    file_path: String,
    message: String,
}

/// Stops a recording, and answers when everything is stored.
#[utoipa::path(
    post, path = "/{id}/stop", operation_id = "stopRecording", tag = "Recordings", params(OfRecording),
    responses((status = 200, body = Stopped, description = "It has ended."), Refused<(NotFound, NotRunning)>),
)]
pub(super) async fn stop(
    State(app): State<App>,
    bearer: Bearer,
    Place(id): Place<String>,
) -> Result<Json<Stopped>, Problem> {
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
    let message = row.error.as_deref().unwrap_or("the recording has been stopped");
    Ok(Json(Stopped {
        recording_id: id,
        status: row.status,
        stopped_at: stopped.stopped_at.into(),
        duration_seconds: stopped.duration_micros / 1_000_000,
        duration_us: stopped.duration_micros,
        file_path: format!("recordings/{id}"),
        message: message.to_owned(),
    }))
}
