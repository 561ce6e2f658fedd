//! `DELETE /api/v1/recordings/{id}`

use super::App;
use super::describe::stamp::Stamp;
use super::describe::words;
use super::error::Problem;
use super::extract::{Arguments, Bearer, Place};
use super::openapi::params::OfRecording;
use super::openapi::problems::{BadRequest, NotFound, Refused, StillRecording};
use crate::auth::Action;
use crate::catalog::Status;
use crate::clock::{Clock, SystemClock};
use crate::id::RecordingId;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Delete {
    /// Its bytes and rows too, also of one that is hidden already.
    #[serde(default)]
    permanent: bool,
}

/// It is not shown any more.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Deleted {
    #[schema(value_type = Uuid)]
    recording_id: RecordingId,
    #[schema(value_type = words::RecordingStatus)]
    status: Status,
    deleted_at: Stamp,
    #[schema(value_type = String)]
    message: &'static str,
}

/// Hides a recording, or removes it for good.
#[utoipa::path(
    delete, path = "/{id}", operation_id = "deleteRecording", tag = "Recordings", params(OfRecording, Delete),
    responses(
        (status = 200, body = Deleted, description = "It has been hidden, or removed."),
        Refused<(BadRequest, NotFound, StillRecording)>,
    ),
)]
pub(super) async fn delete(
    State(app): State<App>,
    bearer: Bearer,
    Place(id): Place<String>,
    Arguments(Delete { permanent }): Arguments<Delete>,
) -> Result<Json<Deleted>, Problem> {
    let action = if permanent { Action::Purge } else { Action::Delete };
    let id = bearer.permitted_on(&app, action, &id).await?;
    let row = app.catalog.recording(id).await?;
    let row = row.filter(|row| permanent || row.deleted_at.is_none()).ok_or_else(Problem::no_recording)?;
    if row.status.is_running() {
        let detail = "the recording is still running: stop it first";
        return Err(Problem::new(StatusCode::CONFLICT, "still-recording", detail));
    }
    let at = row.deleted_at.unwrap_or_else(|| SystemClock.wall());
    // Invariant S11: hidden, then the files, then the rows. Whatever is cut off here can be asked for again.
    app.catalog.delete_recording(id, at).await?;
    app.rows.forget(id);
    if permanent {
        app.store.remove_recording(id).await?;
        app.catalog.purge_recording(id).await?;
    }
    Ok(Json(Deleted {
        recording_id: id,
        status: Status::Deleted,
        deleted_at: at.into(),
        message: if permanent { "the recording has been removed" } else { "the recording has been hidden" },
    }))
}
