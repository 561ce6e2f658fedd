//! `DELETE /api/v1/recordings/{id}/participants/{participant}`: one person is taken out of a recording for good.

use super::App;
use super::error::Problem;
use super::extract::{Bearer, Place};
use crate::auth::Action;
use crate::recorder::removal;
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

/// Of a hidden recording too: hiding it took nobody out of it.
pub(super) async fn erase(
    State(app): State<App>,
    bearer: Bearer,
    Place((id, who)): Place<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let id = bearer.permitted_on(&app, Action::Purge, &id).await?;
    let erased = removal::erase(&app.catalog, &app.store, id, &who).await;
    // Also of one that failed half way.
    app.forget(id);
    let erased = erased?;
    Ok(Json(json!({
        "recording_id": id,
        "participants": erased.participants,
        "tracks": erased.tracks,
        "message": "the participant has been erased",
    })))
}
