//! `POST /api/v1/recordings/{id}/restore`

use super::App;
use super::error::Problem;
use super::extract::{Bearer, Place};
use crate::auth::Action;
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

/// Of who started it and administrators: a hidden recording is as if it were not there for all others.
pub(super) async fn restore(
    State(app): State<App>,
    bearer: Bearer,
    Place(id): Place<String>,
) -> Result<Json<Value>, Problem> {
    let id = bearer.permitted_on(&app, Action::Purge, &id).await?;
    let status = app.catalog.restore_recording(id).await?;
    app.forget(id);
    Ok(Json(json!({
        "recording_id": id,
        "status": status,
        "message": "the recording has been restored",
    })))
}
