//! `POST /api/v1/audit/erase`: takes a person out of the audit.

use super::super::App;
use super::super::error::Problem;
use super::super::extract::{Bearer, Body};
use super::noted::Noted;
use crate::auth::Action;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Erase {
    user_id: String,
}

/// The row that this leaves does not name the person either.
pub(in crate::http) async fn erase(
    State(app): State<App>,
    bearer: Bearer,
    noted: Noted,
    Body(Erase { user_id }): Body<Erase>,
) -> Result<Json<Value>, Problem> {
    bearer.permitted(Action::Audit)?;
    if user_id.is_empty() {
        return Err(Problem::field("user_id", "must not be empty"));
    }
    let rows = app.audit.erase(&user_id).await?;
    noted.detail(json!({ "rows": rows }));
    Ok(Json(json!({ "rows": rows, "message": "the rows remain without the person, and verify" })))
}
