//! `GET /api/v1/recordings/{id}/analytics/sessions` and `GET /api/v1/analytics/sessions`: viewing sessions one by one, in
//! pages or as a file.

use super::super::App;
use super::super::audit::Noted;
use super::super::describe::viewing::Listed;
use super::super::describe::words;
use super::super::error::Problem;
use super::super::export::{Format, pages};
use super::super::extract::{Arguments, Bearer, Place, recording_id};
use super::super::list::wall;
use super::super::openapi::params::OfRecording;
use super::super::openapi::problems::{BadRequest, NotFound, Refused};
use super::views::Views;
use super::who::Client;
use crate::analytics::session::Source;
use crate::auth::{Action, Held, held, permit};
use crate::catalog::{Catalog, ViewingCursor, ViewingFilter, ViewingSelection, Watcher};
use crate::clock::{Clock, SystemClock};
use crate::playback;
use crate::time::WallTime;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

const DEFAULT_LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 200;
/// Sessions of an export that are read at one time.
const READ: u32 = 500;
/// As `viewer`: whoever asks.
const ME: &str = "me";

/// Which sessions, and in which form. All text, so that a mistake is told by the name of its argument; empty ones are as
/// if absent.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Which {
    /// Sessions that began then or later: a time of RFC 3339, or a day, which begins in UTC.
    #[param(required = false, example = "2026-01-31T12:00:00Z")]
    from: String,
    /// Sessions that began before that.
    #[param(required = false, example = "2026-02-01")]
    to: String,
    /// By this user; `me`: by whoever asks.
    #[param(required = false)]
    viewer: String,
    /// Told by this.
    #[param(required = false, value_type = words::ViewSource)]
    source: String,
    /// Of a page: 50 unless it is said; more than 200 counts as 200.
    #[param(required = false, value_type = u64, maximum = 4_294_967_295u32)]
    limit: String,
    /// `next` of the page before.
    #[param(required = false)]
    cursor: String,
    /// `json` is a page, `jsonl` and `csv` are files with all of them. Without it the header `Accept` says.
    #[param(required = false, pattern = "^(json|jsonl|csv)?$")]
    format: String,
}

/// Of which recordings. Text, as [`Which`] is.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Where {
    /// Of recordings of this room.
    #[param(required = false)]
    room_id: String,
}

/// A page, the session that began last first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ViewingSessions)]
pub(in crate::http) struct Page {
    sessions: Vec<Listed>,
    limit: u32,
    /// The `cursor` of the next page; null on the last.
    next: Option<String>,
}

/// Viewing sessions of a recording, those that began last first.
///
/// All of them for who started it and administrators; for everybody else their own.
#[utoipa::path(
    get, path = "/{id}/analytics/sessions", operation_id = "listViewingSessionsOfRecording", tag = "Analytics",
    params(OfRecording, Which),
    responses(
        (status = 200, description = "A page, or a file with all of them.",
            content((Page = "application/json"), (String = "application/x-ndjson"), (String = "text/csv"))),
        Refused<(BadRequest, NotFound)>,
    ),
)]
pub(in crate::http) async fn of_recording(
    State(app): State<App>,
    bearer: Bearer,
    Place(id): Place<String>,
    Arguments(which): Arguments<Which>,
    client: Client,
    noted: Noted,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = recording_id(&id)?;
    let facts = app.access.permit(&bearer.subject, Action::View, id).await?;
    let asked = Asked::read(&which, &headers)?;
    let now = SystemClock.wall();
    let watchers = match (held(&bearer.subject, &facts, now), &asked.viewer) {
        (Held::All, None) => None,
        (Held::All, Some(Named::User(user))) => Some(vec![Watcher::User(user.clone())]),
        (_, named) => {
            let mut own = app.views.who(&bearer, &client, now).await?.all();
            // Of others there is nothing to be seen.
            if let Some(Named::User(user)) = named {
                own.retain(|watcher| *watcher == Watcher::User(user.clone()));
            }
            Some(own)
        }
    };
    let (from, to) = (asked.from, asked.to);
    let of = ViewingFilter { recording: Some(id), watchers, from, to };
    let selection = ViewingSelection { of, source: asked.source, ..ViewingSelection::default() };
    answer(app, asked, selection, &noted, &format!("sessions-{id}")).await
}

/// Viewing sessions of all recordings, those that began last first.
///
/// All of them for administrators; for everybody else those of recordings that they started, and with `viewer=me` their
/// own, of recordings that they may view.
#[utoipa::path(
    get, path = "/sessions", operation_id = "listViewingSessions", tag = "Analytics", params(Which, Where),
    responses(
        (status = 200, description = "A page, or a file with all of them.",
            content((Page = "application/json"), (String = "application/x-ndjson"), (String = "text/csv"))),
        Refused<BadRequest>,
    ),
)]
pub(in crate::http) async fn of_all(
    State(app): State<App>,
    bearer: Bearer,
    Arguments(which): Arguments<Which>,
    Arguments(place): Arguments<Where>,
    client: Client,
    noted: Noted,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    bearer.permitted(Action::List)?;
    let asked = Asked::read(&which, &headers)?;
    let (subject, now) = (&bearer.subject, SystemClock.wall());
    let mut selection = ViewingSelection {
        source: asked.source,
        room_id: given(&place.room_id).map(str::to_owned),
        ..ViewingSelection::default()
    };
    if permit(subject, Action::Audit, None, now).is_err() {
        match &asked.viewer {
            Some(Named::Me) => selection.viewer = app.access.viewer(subject),
            _ => selection.owner = Some(subject.user_id.to_string()),
        }
    }
    let watchers = match &asked.viewer {
        None => None,
        Some(Named::Me) => Some(app.views.who(&bearer, &client, now).await?.all()),
        Some(Named::User(user)) => Some(vec![Watcher::User(user.clone())]),
    };
    selection.of = ViewingFilter { recording: None, watchers, from: asked.from, to: asked.to };
    answer(app, asked, selection, &noted, "sessions").await
}

/// Whose sessions are asked for.
#[derive(Debug)]
enum Named {
    /// Those of whoever asks.
    Me,
    /// Those of this user.
    User(String),
}

/// [`Which`], read.
#[derive(Debug)]
struct Asked {
    from: Option<WallTime>,
    to: Option<WallTime>,
    viewer: Option<Named>,
    source: Option<Source>,
    limit: u32,
    cursor: Option<ViewingCursor>,
    format: Format,
}

impl Asked {
    fn read(which: &Which, headers: &HeaderMap) -> Result<Self, Problem> {
        let time = |name: &str, text: &str| given(text).map(|text| wall(name, text)).transpose();
        let source = |name| {
            let wrong = || Problem::field("source", "must be beacon, reports, progress or requests");
            Source::from_name(name).ok_or_else(wrong)
        };
        let cursor =
            |text: &str| text.parse().map_err(|_| Problem::field("cursor", "was not given out by a list"));
        Ok(Self {
            from: time("from", &which.from)?,
            to: time("to", &which.to)?,
            viewer: given(&which.viewer).map(|name| match name {
                ME => Named::Me,
                user => Named::User(user.to_owned()),
            }),
            source: given(&which.source).map(source).transpose()?,
            limit: limit(&which.limit)?,
            cursor: given(&which.cursor).map(cursor).transpose()?,
            format: Format::asked(&which.format, headers)?,
        })
    }
}

/// How many on a page.
pub(super) fn limit(text: &str) -> Result<u32, Problem> {
    let wrong = |_| Problem::field("limit", "must be a whole number from 0 on");
    let limit = given(text).map(|text| text.parse::<u32>().map_err(wrong)).transpose()?;
    Ok(limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT))
}

pub(super) fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// A page, or all of them.
async fn answer(
    app: App,
    asked: Asked,
    selection: ViewingSelection,
    noted: &Noted,
    name: &str,
) -> Result<Response, Problem> {
    if let Some(Named::User(user)) = &asked.viewer {
        noted.target(user);
    }
    let Asked { limit, cursor, format, .. } = asked;
    if format == Format::Json {
        let page = app.catalog.viewing_page(&selection, cursor, limit).await?;
        let rows = app.views.settled(page.rows).await?;
        let sessions = rows.iter().map(|(row, media)| Listed::of(row, media)).collect();
        let next = page.next.map(|cursor| cursor.to_string());
        return Ok(Json(Page { sessions, limit, next }).into_response());
    }
    noted.detail(json!({ "export": format.extension() }));
    let sessions = all(app.catalog, app.views, selection);
    Ok(match format {
        Format::Csv => {
            let header = stream::iter([Ok(Listed::csv_header())]);
            format.file(header.chain(sessions.map_ok(|session| session.csv())), name)
        }
        _ => format.file(sessions.map_ok(|session| json_line(&session)), name),
    })
}

/// All that match, page by page.
fn all(
    catalog: Catalog,
    views: Views,
    selection: ViewingSelection,
) -> impl Stream<Item = Result<Listed, playback::Error>> + Send + 'static {
    let selection = Arc::new(selection);
    pages(move |cursor| {
        let (catalog, views, selection) = (catalog.clone(), views.clone(), Arc::clone(&selection));
        async move {
            let page = catalog.viewing_page(&selection, cursor, READ).await?;
            let rows = views.settled(page.rows).await?;
            Ok((rows.iter().map(|(row, media)| Listed::of(row, media)).collect(), page.next))
        }
    })
}

fn json_line(session: &Listed) -> String {
    let mut line = serde_json::to_string(session).unwrap_or_default();
    line.push('\n');
    line
}
