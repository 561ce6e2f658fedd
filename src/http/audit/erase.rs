//! `POST /api/v1/audit/erase`: takes a person out of the audit.

use super::super::App;
use super::super::error::Problem;
use super::super::extract::{Bearer, Body};
use super::super::openapi::problems::{OfBody, Refused};
use super::noted::Noted;
use crate::auth::Action;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

/// Whom.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EraseFromAudit)]
pub(in crate::http) struct Erase {
    #[schema(min_length = 1)]
    user_id: String,
}

/// They are in it no more.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ErasedFromAudit)]
pub(in crate::http) struct Erased {
    /// In how many rows they were.
    rows: u64,
    #[schema(value_type = String)]
    message: &'static str,
}

/// Takes a person out of the audit.
///
/// The row that this leaves does not name the person either.
#[utoipa::path(
    post, path = "/erase", operation_id = "eraseFromAudit", tag = "Audit", request_body = Erase,
    responses((status = 200, body = Erased, description = "Their rows verify without them."), Refused<OfBody>),
)]
pub(in crate::http) async fn erase(
    State(app): State<App>,
    bearer: Bearer,
    noted: Noted,
    Body(Erase { user_id }): Body<Erase>,
) -> Result<Json<Erased>, Problem> {
    bearer.permitted(Action::Audit)?;
    if user_id.is_empty() {
        return Err(Problem::field("user_id", "must not be empty"));
    }
    let rows = app.audit.erase(&user_id).await?;
    noted.detail(json!({ "rows": rows }));
    Ok(Json(Erased { rows, message: "the rows remain without the person, and verify" }))
}
