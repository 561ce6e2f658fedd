//! `POST /api/v1/recordings/{id}/restore`

use super::App;
use super::describe::words;
use super::error::Problem;
use super::extract::{Bearer, Place};
use super::openapi::params::OfRecording;
use super::openapi::problems::{NotDeleted, NotFound, Refused};
use crate::auth::Action;
use crate::catalog::Status;
use crate::id::RecordingId;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

/// It is shown again.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Restored {
    #[schema(value_type = Uuid)]
    recording_id: RecordingId,
    #[schema(value_type = words::RecordingStatus)]
    status: Status,
    #[schema(value_type = String)]
    message: &'static str,
}

/// Shows a hidden recording again.
///
/// Of who started it and administrators: a hidden recording is as if it were not there for all others.
#[utoipa::path(
    post, path = "/{id}/restore", operation_id = "restoreRecording", tag = "Recordings", params(OfRecording),
    responses((status = 200, body = Restored, description = "It is shown."), Refused<(NotFound, NotDeleted)>),
)]
pub(super) async fn restore(
    State(app): State<App>,
    bearer: Bearer,
    Place(id): Place<String>,
) -> Result<Json<Restored>, Problem> {
    let id = bearer.permitted_on(&app, Action::Purge, &id).await?;
    let status = app.catalog.restore_recording(id).await?;
    app.forget(id);
    Ok(Json(Restored { recording_id: id, status, message: "the recording has been restored" }))
}
