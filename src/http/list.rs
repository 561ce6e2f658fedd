//! `GET /api/v1/recordings`

use super::App;
use super::describe::recording::Row;
use super::describe::words;
use super::error::Problem;
use super::extract::{Arguments, Bearer};
use super::openapi::problems::{BadRequest, Refused};
use crate::auth::Action;
use crate::catalog::{Filter, Status, Total, Viewer};
use crate::time::WallTime;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

const DEFAULT_LIMIT: u32 = 10;
const MAX_LIMIT: u32 = 100;
/// Longer patterns are refused by SQLite.
const MAX_SEARCH_BYTES: usize = 1024;

/// All text, so that a mistake is told by the name of its argument; empty ones are as if absent.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct List {
    #[param(required = false)]
    room_id: String,
    /// Who started it or took part.
    #[param(required = false)]
    user_id: String,
    /// Deleted ones are in no other list.
    #[param(required = false, value_type = words::RecordingStatus)]
    status: String,
    /// Started then or later: a time of RFC 3339, or a day, which begins in UTC.
    #[param(required = false, example = "2026-01-31T12:00:00Z")]
    from: String,
    /// Started before that.
    #[param(required = false, example = "2026-02-01")]
    to: String,
    /// In title, description or room.
    #[param(required = false)]
    q: String,
    /// 10 unless it is said; more than 100 counts as 100.
    #[param(required = false, value_type = u64, maximum = 4_294_967_295u32)]
    limit: String,
    #[param(required = false, value_type = u64, maximum = 4_294_967_295u32)]
    offset: String,
    /// `next` of the page before.
    #[param(required = false)]
    cursor: String,
}

/// A page of recordings.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Page {
    recordings: Vec<Row>,
    #[schema(value_type = words::Count)]
    total: Total,
    limit: u32,
    offset: u32,
    /// The `cursor` of the next page; null on the last.
    next: Option<String>,
}

/// Recordings, the newest first.
#[utoipa::path(
    get, path = "/", operation_id = "listRecordings", tag = "Recordings", params(List),
    responses((status = 200, body = Page, description = "A page."), Refused<BadRequest>),
)]
pub(super) async fn list(
    State(app): State<App>,
    bearer: Bearer,
    Arguments(arguments): Arguments<List>,
) -> Result<Json<Page>, Problem> {
    bearer.permitted(Action::List)?;
    let filter = Filter { viewer: app.access.viewer(&bearer.subject), ..filter(arguments)? };
    let page = app.catalog.list(&filter).await?;
    Ok(Json(Page {
        recordings: page.rows.iter().map(Row::from).collect(),
        total: page.total,
        limit: filter.limit,
        offset: filter.offset,
        next: page.next.map(|cursor| cursor.to_string()),
    }))
}

fn filter(arguments: List) -> Result<Filter, Problem> {
    let given = |text: String| Some(text).filter(|text| !text.is_empty());
    let number = |name: &str, text: String, default: u32| match given(text) {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| Problem::field(name, "must be a whole number from 0 on")),
    };
    let time = |name: &str, text: String| given(text).map(|text| wall(name, &text)).transpose();
    let status = given(arguments.status).map(|name| {
        Status::from_name(&name).ok_or_else(|| Problem::field("status", "is not the name of a status"))
    });
    let cursor = given(arguments.cursor)
        .map(|text| text.parse().map_err(|_| Problem::field("cursor", "was not given out by a list")));
    if arguments.q.len() > MAX_SEARCH_BYTES {
        return Err(Problem::field("q", format!("may have {MAX_SEARCH_BYTES} bytes at most")));
    }
    Ok(Filter {
        room_id: given(arguments.room_id),
        user_id: given(arguments.user_id),
        status: status.transpose()?,
        from: time("from", arguments.from)?,
        to: time("to", arguments.to)?,
        q: given(arguments.q),
        limit: number("limit", arguments.limit, DEFAULT_LIMIT)?.clamp(1, MAX_LIMIT),
        offset: number("offset", arguments.offset, 0)?,
        cursor: cursor.transpose()?,
        viewer: Viewer::All,
    })
}

/// RFC 3339, or a day, which begins in UTC.
pub(super) fn wall(name: &str, text: &str) -> Result<WallTime, Problem> {
    WallTime::read(text).ok_or_else(|| Problem::field(name, "must be a time such as 2026-01-31T12:00:00Z"))
}
