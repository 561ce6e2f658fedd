//! `POST` and `DELETE /api/v1/recordings/{id}/legal-hold`: nothing of a recording may be deleted, or it may again.

use super::App;
use super::error::Problem;
use super::extract::{Bearer, Place};
use super::openapi::params::OfRecording;
use super::openapi::problems::{NotFound, Refused};
use crate::auth::Action;
use crate::id::RecordingId;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

/// Whether it is held.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Hold {
    #[schema(value_type = Uuid)]
    recording_id: RecordingId,
    legal_hold: bool,
    #[schema(value_type = String)]
    message: &'static str,
}

/// Holds a recording: nothing of it may be deleted.
#[utoipa::path(
    post, path = "/{id}/legal-hold", operation_id = "holdRecording", tag = "Recordings", params(OfRecording),
    responses((status = 200, body = Hold, description = "It is held."), Refused<NotFound>),
)]
pub(super) async fn hold(
    app: State<App>,
    bearer: Bearer,
    place: Place<String>,
) -> Result<Json<Hold>, Problem> {
    set(app, bearer, place, true).await
}

/// Ends a hold.
#[utoipa::path(
    delete, path = "/{id}/legal-hold", operation_id = "releaseRecording", tag = "Recordings", params(OfRecording),
    responses((status = 200, body = Hold, description = "It may be deleted."), Refused<NotFound>),
)]
pub(super) async fn release(
    app: State<App>,
    bearer: Bearer,
    place: Place<String>,
) -> Result<Json<Hold>, Problem> {
    set(app, bearer, place, false).await
}

async fn set(
    State(app): State<App>,
    bearer: Bearer,
    Place(id): Place<String>,
    held: bool,
) -> Result<Json<Hold>, Problem> {
    let id = bearer.permitted_on(&app, Action::Hold, &id).await?;
    app.catalog.hold_recording(id, held).await?;
    let message =
        if held { "nothing of the recording may be deleted" } else { "the recording may be deleted" };
    Ok(Json(Hold { recording_id: id, legal_hold: held, message }))
}
