//! `POST` and `DELETE /api/v1/recordings/{id}/legal-hold`: nothing of a recording may be deleted, or it may again.

use super::App;
use super::error::Problem;
use super::extract::{Bearer, Place};
use crate::auth::Action;
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

pub(super) async fn hold(
    app: State<App>,
    bearer: Bearer,
    place: Place<String>,
) -> Result<Json<Value>, Problem> {
    set(app, bearer, place, true).await
}

pub(super) async fn release(
    app: State<App>,
    bearer: Bearer,
    place: Place<String>,
) -> Result<Json<Value>, Problem> {
    set(app, bearer, place, false).await
}

async fn set(
    State(app): State<App>,
    bearer: Bearer,
    Place(id): Place<String>,
    held: bool,
) -> Result<Json<Value>, Problem> {
    let id = bearer.permitted_on(&app, Action::Hold, &id).await?;
    app.catalog.hold_recording(id, held).await?;
    let message =
        if held { "nothing of the recording may be deleted" } else { "the recording may be deleted" };
    Ok(Json(json!({ "recording_id": id, "legal_hold": held, "message": message })))
}
