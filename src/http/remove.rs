//! `DELETE /api/v1/recordings/{id}`

use super::App;
use super::audit::Noted;
use super::error::Problem;
use super::extract::{Arguments, Bearer, Place};
use crate::auth::Action;
use crate::clock::{Clock, SystemClock};
use crate::recorder::removal;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug, Deserialize)]
pub(super) struct Delete {
    #[serde(default)]
    permanent: bool,
}

pub(super) async fn delete(
    State(app): State<App>,
    bearer: Bearer,
    noted: Noted,
    Place(id): Place<String>,
    Arguments(Delete { permanent }): Arguments<Delete>,
) -> Result<Json<Value>, Problem> {
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
    Ok(Json(json!({
        "recording_id": id,
        "status": "deleted",
        "deleted_at": at.to_string(),
        "message": if permanent { "the recording has been removed" } else { "the recording has been hidden" },
    })))
}
