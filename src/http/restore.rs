//! `POST /api/v1/recordings/{id}/restore`

use super::App;
use super::error::Problem;
use super::extract::{Bearer, Place, recording_id};
use crate::auth::{Action, permit};
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

/// Whoever may hide a recording may show it again.
pub(super) async fn restore(
    State(app): State<App>,
    bearer: Bearer,
    Place(id): Place<String>,
) -> Result<Json<Value>, Problem> {
    permit(&bearer.claims, Action::Delete)?;
    let id = recording_id(&id)?;
    let status = app.catalog.restore_recording(id).await?;
    app.forget(id);
    Ok(Json(json!({
        "recording_id": id,
        "status": status,
        "message": "the recording has been restored",
    })))
}
