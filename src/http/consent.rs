//! `POST /api/v1/recordings/{id}/participants/{peer_id}/exclude` and `/include`: consent taken back, and given.

use super::App;
use super::audit::Noted;
use super::error::Problem;
use super::extract::{Bearer, Place};
use crate::auth::Action;
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

pub(super) async fn exclude(
    app: State<App>,
    bearer: Bearer,
    noted: Noted,
    place: Place<(String, String)>,
) -> Result<Json<Value>, Problem> {
    admit(app, bearer, noted, place, false).await
}

pub(super) async fn include(
    app: State<App>,
    bearer: Bearer,
    noted: Noted,
    place: Place<(String, String)>,
) -> Result<Json<Value>, Problem> {
    admit(app, bearer, noted, place, true).await
}

/// Whoever may stop a recording says whom it records.
async fn admit(
    State(app): State<App>,
    bearer: Bearer,
    noted: Noted,
    Place((id, peer_id)): Place<(String, String)>,
    admitted: bool,
) -> Result<Json<Value>, Problem> {
    let id = bearer.permitted_on(&app, Action::Stop, &id).await?;
    let row = app.catalog.recording(id).await?.filter(|row| row.deleted_at.is_none());
    row.ok_or_else(Problem::no_recording)?;
    noted.target(&peer_id);
    app.recorder.admit(id, &peer_id, admitted).await?;
    let message = if admitted { "is recorded" } else { "is not recorded any more" };
    Ok(Json(json!({
        "recording_id": id,
        "peer_id": peer_id,
        "recorded": admitted,
        "message": format!("the participant {message}"),
    })))
}
