//! `POST /api/v1/recordings/{id}/pause` and `/resume`: the whole recording stands still, and goes on.

use super::App;
use super::describe::stamp::Stamp;
use super::describe::words;
use super::error::Problem;
use super::extract::{Bearer, Place};
use super::openapi::params::OfRecording;
use super::openapi::problems::{AlreadyPaused, NotFound, NotPaused, NotRunning, Refused};
use crate::auth::Action;
use crate::catalog::Status;
use crate::id::RecordingId;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

/// It stands still.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Paused {
    #[schema(value_type = Uuid)]
    recording_id: RecordingId,
    #[schema(value_type = words::RecordingStatus)]
    status: Status,
    paused: bool,
    paused_at: Stamp,
    /// So far.
    duration_seconds: i64,
    duration_us: i64,
    #[schema(value_type = String)]
    message: &'static str,
}

/// It goes on.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Resumed {
    #[schema(value_type = Uuid)]
    recording_id: RecordingId,
    #[schema(value_type = words::RecordingStatus)]
    status: Status,
    paused: bool,
    resumed_at: Stamp,
    /// How long it stood still.
    paused_us: i64,
    #[schema(value_type = String)]
    message: &'static str,
}

/// Lets a recording stand still, and answers when that is stored.
///
/// Nothing that is sent meanwhile is stored; the timeline collapses.
#[utoipa::path(
    post, path = "/{id}/pause", operation_id = "pauseRecording", tag = "Recordings", params(OfRecording),
    responses(
        (status = 200, body = Paused, description = "It stands still."),
        Refused<(NotFound, NotRunning, AlreadyPaused)>,
    ),
)]
pub(super) async fn pause(
    State(app): State<App>,
    bearer: Bearer,
    Place(id): Place<String>,
) -> Result<Json<Paused>, Problem> {
    let id = permitted(&app, &bearer, &id).await?;
    let pause = app.recorder.pause(id).await?;
    Ok(Json(Paused {
        recording_id: id,
        status: Status::Recording,
        paused: true,
        paused_at: pause.began_at.into(),
        duration_seconds: pause.at_micros / 1_000_000,
        duration_us: pause.at_micros,
        message: "the recording is paused",
    }))
}

/// Lets a paused recording go on, and answers when that is stored.
#[utoipa::path(
    post, path = "/{id}/resume", operation_id = "resumeRecording", tag = "Recordings", params(OfRecording),
    responses(
        (status = 200, body = Resumed, description = "It goes on."),
        Refused<(NotFound, NotRunning, NotPaused)>,
    ),
)]
pub(super) async fn resume(
    State(app): State<App>,
    bearer: Bearer,
    Place(id): Place<String>,
) -> Result<Json<Resumed>, Problem> {
    let id = permitted(&app, &bearer, &id).await?;
    let (at, micros) = app.recorder.resume(id).await?;
    Ok(Json(Resumed {
        recording_id: id,
        status: Status::Recording,
        paused: false,
        resumed_at: at.into(),
        paused_us: micros,
        message: "the recording goes on",
    }))
}

/// Whoever may stop a recording may also let it stand still.
async fn permitted(app: &App, bearer: &Bearer, id: &str) -> Result<RecordingId, Problem> {
    let id = bearer.permitted_on(app, Action::Stop, id).await?;
    let row = app.catalog.recording(id).await?.filter(|row| row.deleted_at.is_none());
    row.map(|row| row.id).ok_or_else(Problem::no_recording)
}
