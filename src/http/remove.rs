//! `DELETE /api/v1/recordings/{id}`

use super::App;
use super::audit::Noted;
use super::describe::stamp::Stamp;
use super::describe::words;
use super::error::Problem;
use super::extract::{Arguments, Bearer, Place};
use super::openapi::params::OfRecording;
use super::openapi::problems::{BadRequest, LegalHold, NotFound, Refused, StillRecording, StoredElsewhere};
use crate::auth::Action;
use crate::catalog::Status;
use crate::clock::{Clock, SystemClock};
use crate::id::RecordingId;
use crate::recorder::removal;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
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
        Refused<(BadRequest, NotFound, StillRecording, LegalHold, StoredElsewhere)>,
    ),
)]
pub(super) async fn delete(
    State(app): State<App>,
    bearer: Bearer,
    noted: Noted,
    Place(id): Place<String>,
    Arguments(Delete { permanent }): Arguments<Delete>,
) -> Result<Json<Deleted>, Problem> {
    noted.detail(json!({ "permanent": permanent }));
    let action = if permanent { Action::Purge } else { Action::Delete };
    let id = bearer.permitted_on(&app, action, &id).await?;
    let row = app.catalog.recording(id).await?;
    let row = row.filter(|row| permanent || row.deleted_at.is_none()).ok_or_else(Problem::no_recording)?;
    let at = row.deleted_at.unwrap_or_else(|| SystemClock.wall());
    if permanent {
        removal::purge(&app.catalog, &app.store, id, at).await?;
    } else {
        app.catalog.delete_recording(id, at).await?;
    }
    app.forget(id);
    Ok(Json(Deleted {
        recording_id: id,
        status: Status::Deleted,
        deleted_at: at.into(),
        message: if permanent { "the recording has been removed" } else { "the recording has been hidden" },
    }))
}
