//! `POST /api/v1/audit/erase`: takes a person out of the audit.

use super::super::App;
use super::super::describe::person::Person;
use super::super::error::Problem;
use super::super::extract::{Bearer, Body};
use super::super::openapi::problems::{OfBody, Refused};
use super::noted::Noted;
use crate::auth::Action;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

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
    post, path = "/erase", operation_id = "eraseFromAudit", tag = "Audit", request_body = Person,
    responses((status = 200, body = Erased, description = "Their rows verify without them."), Refused<OfBody>),
)]
pub(in crate::http) async fn erase(
    State(app): State<App>,
    bearer: Bearer,
    noted: Noted,
    Body(person): Body<Person>,
) -> Result<Json<Erased>, Problem> {
    bearer.permitted(Action::Audit)?;
    let user_id = person.user_id()?;
    let rows = app.audit.erase(&user_id).await?;
    noted.detail(json!({ "rows": rows }));
    Ok(Json(Erased { rows, message: "the rows remain without the person, and verify" }))
}
