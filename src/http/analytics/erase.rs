//! `POST /api/v1/analytics/erase`: takes a viewer out of playback analytics.

use super::super::App;
use super::super::audit::Noted;
use super::super::describe::person::Person;
use super::super::error::Problem;
use super::super::extract::{Bearer, Body};
use super::super::openapi::problems::{OfBody, Refused};
use crate::auth::Action;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

/// They are in it no more.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ErasedViewer)]
pub(in crate::http) struct Erased {
    /// How many sessions they watched.
    sessions: u64,
    #[schema(value_type = String)]
    message: &'static str,
}

/// Takes a viewer out of playback analytics.
///
/// Their sessions stay and count, of somebody whom nobody knows.
#[utoipa::path(
    post, path = "/erase", operation_id = "eraseViewer", tag = "Analytics", request_body = Person,
    responses((status = 200, body = Erased, description = "Nothing tells of them any more."), Refused<OfBody>),
)]
pub(in crate::http) async fn erase(
    State(app): State<App>,
    bearer: Bearer,
    noted: Noted,
    Body(person): Body<Person>,
) -> Result<Json<Erased>, Problem> {
    bearer.permitted(Action::Audit)?;
    let user_id = person.user_id()?;
    let sessions = app.catalog.erase_watcher(&user_id).await?;
    noted.detail(json!({ "view_sessions": sessions }));
    Ok(Json(Erased { sessions, message: "the sessions remain without the person" }))
}
