//! `GET /api/v1/recordings/{id}/history`: what was done with a recording, for its owner.

use super::super::App;
use super::super::error::Problem;
use super::super::extract::{Arguments, Bearer, Place};
use super::query;
use crate::auth::Action;
use crate::catalog::AuditFilter;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

const DEFAULT_LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 200;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::http) struct History {
    limit: String,
    cursor: String,
}

/// Who and when and what, but not from where: an owner need not know where others are.
pub(in crate::http) async fn history(
    State(app): State<App>,
    bearer: Bearer,
    Place(id): Place<String>,
    Arguments(arguments): Arguments<History>,
) -> Result<Json<Value>, Problem> {
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
    let entries: Vec<_> = page.rows.iter().map(|row| without_place(query::row(row))).collect();
    Ok(Json(json!({
        "recording_id": id,
        "entries": entries,
        "limit": limit,
        "next": page.next.map(|cursor| cursor.to_string()),
    })))
}

fn without_place(mut row: Value) -> Value {
    if let Some(members) = row.as_object_mut() {
        for name in ["address", "user_agent", "request_id"] {
            members.remove(name);
        }
    }
    row
}
