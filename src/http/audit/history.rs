//! `GET /api/v1/recordings/{id}/history`: what was done with a recording, for its owner.

use super::super::App;
use super::super::describe::audit::Deed;
use super::super::error::Problem;
use super::super::extract::{Arguments, Bearer, Place};
use super::super::openapi::params::OfRecording;
use super::super::openapi::problems::{BadRequest, NotFound, Refused};
use crate::auth::Action;
use crate::catalog::AuditFilter;
use crate::id::RecordingId;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

const DEFAULT_LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 200;

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Asked {
    /// 50 unless it is said; more than 200 counts as 200.
    #[param(required = false, value_type = u64, maximum = 4_294_967_295u32)]
    limit: String,
    /// `next` of the page before.
    #[param(required = false)]
    cursor: String,
}

/// A page, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct History {
    #[schema(value_type = Uuid)]
    recording_id: RecordingId,
    entries: Vec<Deed>,
    limit: u32,
    /// The `cursor` of the next page; null on the last.
    next: Option<String>,
}

/// What was done with a recording, by whom and when, but not from where.
///
/// An owner need not know where others are.
#[utoipa::path(
    get, path = "/{id}/history", operation_id = "getHistory", tag = "Audit", params(OfRecording, Asked),
    responses((status = 200, body = History, description = "A page."), Refused<(BadRequest, NotFound)>),
)]
pub(in crate::http) async fn history(
    State(app): State<App>,
    bearer: Bearer,
    Place(id): Place<String>,
    Arguments(arguments): Arguments<Asked>,
) -> Result<Json<History>, Problem> {
    let id = bearer.permitted_on(&app, Action::History, &id).await?;
    let number = |_| Problem::field("limit", "must be a whole number from 0 on");
    let limit = match arguments.limit.as_str() {
        "" => DEFAULT_LIMIT,
        text => text.parse::<u32>().map_err(number)?.clamp(1, MAX_LIMIT),
    };
    let cursor = match arguments.cursor.as_str() {
        "" => None,
        text => Some(text.parse().map_err(|_| Problem::field("cursor", "was not given out by a history"))?),
    };
    let filter = AuditFilter { recording: Some(id.to_string()), ..AuditFilter::default() };
    let page = app.catalog.audit_page(&filter, cursor, limit).await?;
    Ok(Json(History {
        recording_id: id,
        entries: page.rows.iter().map(Deed::from).collect(),
        limit,
        next: page.next.map(|cursor| cursor.to_string()),
    }))
}
