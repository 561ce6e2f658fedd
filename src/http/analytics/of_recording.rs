//! `GET /api/v1/recordings/{id}/analytics`: who watched it, how much, and where they stopped.

use super::super::App;
use super::super::describe::analytics::{Analytics, SESSIONS, Scope};
use super::super::error::Problem;
use super::super::extract::{Arguments, Bearer, Place, recording_id};
use super::super::list::wall;
use super::super::openapi::params::OfRecording;
use super::super::openapi::problems::{BadRequest, NotFound, Refused};
use super::who::Client;
use crate::auth::{Action, Held, held};
use crate::catalog::{ViewTotals, Viewing, ViewingFilter, ViewingShares, Whole};
use crate::clock::{Clock, SystemClock};
use crate::playback::room::Room;
use crate::playback::watchable::Media;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

/// Sessions that are counted for one answer, where nothing is kept of them together: of a span, of whoever asks, and while
/// the recording runs.
const MOST_SESSIONS: u32 = 100_000;
/// Sessions that are told one by one.
const NEWEST: u32 = SESSIONS as u32;

/// Of which time. Text, so that a mistake is told by the name of its argument.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Span {
    /// Sessions that began then or later: a time of RFC 3339, or a day, which begins in UTC.
    #[param(required = false, example = "2026-01-31T12:00:00Z")]
    from: String,
    /// Sessions that began before that.
    #[param(required = false, example = "2026-02-01")]
    to: String,
}

/// Who watched a recording, how much, where they stopped, and whether playback was good.
///
/// Of all viewers for who started it and administrators; for everybody else of their own sessions. What each number means
/// is in `docs/analytics.md`.
#[utoipa::path(
    get, path = "/{id}/analytics", operation_id = "getRecordingAnalytics", tag = "Analytics",
    params(OfRecording, Span),
    responses((status = 200, body = Analytics, description = "As far as it is known."), Refused<(BadRequest, NotFound)>),
)]
pub(in crate::http) async fn of_recording(
    State(app): State<App>,
    bearer: Bearer,
    Place(id): Place<String>,
    Arguments(span): Arguments<Span>,
    client: Client,
) -> Result<Json<Analytics>, Problem> {
    let id = recording_id(&id)?;
    let facts = app.access.permit(&bearer.subject, Action::View, id).await?;
    let time = |name: &str, text: &str| {
        Some(text).filter(|text| !text.is_empty()).map(|text| wall(name, text)).transpose()
    };
    let (from, to) = (time("from", &span.from)?, time("to", &span.to)?);
    let now = SystemClock.wall();
    let room = Room::load(&app.catalog, id).await?;
    let media = Media::of(&room.recording, &room.tracks, &room.totals, &room.gaps);
    app.views.settle(id, &media).await?;
    let (scope, watchers) = match held(&bearer.subject, &facts, now) {
        Held::All => (Scope::All, None),
        _ => (Scope::Own, Some(app.views.who(&bearer, &client, now).await?.all())),
    };
    let whole = Whole { media: &media.stored, length_ms: room.duration_micros() / 1000 };
    let kept = media.ended && watchers.is_none() && from.is_none() && to.is_none();
    let filter = ViewingFilter { recording: Some(id), watchers, from, to };
    let told = |totals: &ViewTotals, newest: &[Viewing], shares: ViewingShares| {
        Analytics::new(&room, &media, scope, (from, to), totals, newest, shares.into())
    };
    if kept {
        let totals = app.catalog.view_totals(id, whole).await?;
        let newest = app.catalog.viewings(&filter, NEWEST).await?;
        return Ok(Json(told(&totals, &newest, app.catalog.viewing_shares(id).await?)));
    }
    let mut rows = app.catalog.viewings(&filter, MOST_SESSIONS + 1).await?;
    let complete = rows.len() <= MOST_SESSIONS as usize;
    rows.truncate(MOST_SESSIONS as usize);
    let told = told(&ViewTotals::of(&rows, whole), &rows, ViewingShares::of(&rows));
    Ok(Json(if complete { told } else { told.of_the_newest() }))
}
