//! `POST /api/v1/recordings/{id}/progress`: players tell what they do.

use super::super::App;
use super::super::error::Problem;
use super::super::extract::{Bearer, Place, Raw};
use super::super::openapi::params::OfRecording;
use super::super::openapi::problems::{NotFound, OfBody, Refused};
use super::who::{Client, session_of_day};
use crate::analytics::event::{BadBody, BadEvent, Batch, Event};
use crate::auth::Action;
use crate::catalog::Watcher;
use crate::clock::{Clock, SystemClock};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// What became of events.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Progress)]
pub(in crate::http) struct Told {
    /// The last playhead of this session that was taken, in seconds; null before there is one.
    position: Option<f64>,
    /// Events that are kept.
    taken: u32,
    /// Events that had come before.
    known: u32,
    /// Events that cannot be, or are too many.
    refused: u32,
    /// Members that were clamped or left out.
    clamped: u32,
    /// Members that nobody knows.
    unknown: u32,
}

/// Tells what a player does: one event, or several in `events`.
///
/// A form with the same members is taken as well. What begins with `{` is read as JSON, whatever its content type says, as
/// `navigator.sendBeacon` sends text. Events with a number (`seq` and `t`) may be sent again and count once. All members
/// and what is refused are in `docs/analytics.md`.
#[utoipa::path(
    post, path = "/{id}/progress", operation_id = "tellProgress", tag = "Analytics", params(OfRecording),
    request_body(content = Object, examples(
        ("one" = (summary = "One event", value = json!({
            "session_id": "0f8f2f1c", "seq": 0, "t": 0, "event": "play", "position": 0
        }))),
        ("several" = (summary = "Several", value = json!({
            "session_id": "0f8f2f1c", "player": "hls.js", "player_version": "1.7.4", "events": [
                {"seq": 1, "t": 412.5, "event": "playing", "position": 0},
                {"seq": 2, "t": 10412.5, "event": "progress", "position": 10}
            ]
        }))),
    )),
    responses(
        (status = 200, body = Told, description = "What was taken is kept."),
        Refused<(OfBody, NotFound)>,
    ),
)]
pub(in crate::http) async fn progress(
    State(app): State<App>,
    bearer: Bearer,
    Place(id): Place<String>,
    client: Client,
    Raw(body): Raw,
) -> Result<Json<Told>, Problem> {
    let id = bearer.permitted_on(&app, Action::View, &id).await?;
    let now = SystemClock.wall();
    let read = Batch::read(&body, now.0.div_euclid(1000));
    let batch = read.inspect_err(|_| app.views.count([0, 0, 0, 0, 0, 1])).map_err(bad)?;
    let Batch { session_id, mut events, refused, clamped, unknown } = batch;
    let who = app.views.who(&bearer, &client, now).await?;
    let session = match session_id {
        Some(session) => session,
        None if who.watcher == Watcher::Untracked => {
            let detail = "is required of who asks not to be tracked: nothing else tells their sessions apart";
            return Err(Problem::field("session_id", detail));
        }
        None => {
            // Two pages would count from 0 both: without a session a number means nothing.
            events.iter_mut().for_each(|beacon| (beacon.seq, beacon.t_ms) = (None, None));
            session_of_day(now)
        }
    };
    let events: Vec<Event> = events.into_iter().map(Event::Beacon).collect();
    let appended = app.views.append(id, who, &session, client.device(), &events).await?;
    let (taken, known) = (appended.taken, appended.known);
    let refused = refused.saturating_add(appended.refused);
    app.views.count([taken, known, refused, clamped, unknown, 0]);
    let position = appended.position_ms.map(seconds);
    Ok(Json(Told { position, taken, known, refused, clamped, unknown }))
}

#[expect(clippy::cast_precision_loss, reason = "printed, not calculated with")]
fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}

fn bad(error: BadBody) -> Problem {
    let field = match &error {
        BadBody::TooLong => {
            return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", error.to_string());
        }
        BadBody::Syntax => {
            return Problem::new(StatusCode::BAD_REQUEST, "bad-request", error.to_string());
        }
        BadBody::Event(BadEvent::NoPosition | BadEvent::Position) => "position",
        BadBody::Event(BadEvent::Sequence) => "seq",
        BadBody::Event(BadEvent::Clock) => "t",
        BadBody::Event(BadEvent::Shape) => "events",
        BadBody::Event(BadEvent::SessionId) => "session_id",
    };
    Problem::field(field, error)
}
