//! `GET /api/v1/events` (Server-Sent Events) and `GET /api/v1/recordings/{id}/events`

use super::App;
use super::access::Access;
use super::describe::stamp::Stamp;
use super::describe::words;
use super::error::Problem;
use super::extract::{Arguments, Bearer, Place};
use super::openapi::params::{Heard, OfRecording};
use super::openapi::problems::{BadRequest, NotFound, Refused, TooManyListeners};
use super::sse::{Line, ServerSentEvent};
use crate::auth::{Action, Subject};
use crate::catalog::{self, Catalog, EventFilter, EventKind, Status, Viewer};
use crate::id::EventId;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::response::sse::Event;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

const LAST_EVENT_ID: &str = "last-event-id";
/// Of a list.
const DEFAULT_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 1000;
/// Read from the log in one step.
const STEP: u32 = 64;

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct Listen {
    /// Of this one.
    #[param(required = false, inline, value_type = words::MaybeId)]
    recording: String,
    /// Names of types, between commas.
    #[param(required = false, example = "track.started,track.stopped")]
    types: String,
    /// As the header `Last-Event-ID`, for browsers' first connection.
    #[param(required = false)]
    last_event_id: String,
}

/// An event as [`catalog::Event`] is sent.
#[derive(ToSchema)]
#[schema(as = Event)]
#[expect(dead_code, reason = "told, not made: the row sends itself")]
pub(super) struct Happened {
    /// The same wherever and however often it is told.
    id: Uuid,
    #[schema(value_type = words::EventType)]
    r#type: String,
    timestamp: Stamp,
    recording_id: Uuid,
    /// Its place in the recording, from 1, without holes.
    sequence: u64,
    /// More of it, by its type.
    #[schema(value_type = Object)]
    data: Value,
}

/// Events of all recordings as they are written (Server-Sent Events).
///
/// In the order of the log, without an end. Each has the `id`, the `event` (its type) and as `data` an `Event` as JSON.
#[utoipa::path(
    get, path = "/", operation_id = "listenToEvents", tag = "Events",
    params(Listen, Heard),
    responses(
        (status = 200, body = ServerSentEvent, content_type = "text/event-stream", description = "Events without an end."),
        Refused<(BadRequest, NotFound, TooManyListeners)>,
    ),
)]
pub(super) async fn listen(
    State(app): State<App>,
    bearer: Bearer,
    headers: HeaderMap,
    Arguments(asked): Arguments<Listen>,
) -> Result<Response, Problem> {
    let recording = match asked.recording.as_str() {
        "" => None,
        id => Some(id.parse().map_err(|_| Problem::field("recording", "must be the id of a recording"))?),
    };
    let viewer = match recording {
        None => {
            bearer.permitted(Action::List)?;
            app.access.viewer(&bearer.subject)
        }
        // Asked about again before anything is told.
        Some(id) => {
            app.access.permit(&bearer.subject, Action::View, id).await?;
            Viewer::All
        }
    };
    let kinds = kinds("types", &asked.types)?;
    let last = headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // Browsers cannot set the header on their first connection.
    let last = if last.is_empty() { &asked.last_event_id } else { last };
    let after = match last {
        "" => app.catalog.newest_event().await?,
        "0" => 0,
        id => {
            let wrong = |_| Problem::field("last_event_id", "must be the id of an event, or 0 for all");
            app.catalog.position_of(id.parse::<EventId>().map_err(wrong)?).await?
        }
    };
    let (line, answer) = app.listeners.answer(bearer.subject.expires_at)?;
    let teller = Teller {
        access: app.access.clone(),
        subject: bearer.subject.clone(),
        filter: EventFilter { recording, kinds, viewer },
        catalog: app.catalog.clone(),
        line,
        closing: app.closing.clone(),
    };
    tokio::spawn(teller.run(after));
    Ok(answer)
}

/// Tells one listener.
struct Teller {
    access: Access,
    subject: Subject,
    catalog: Catalog,
    filter: EventFilter,
    line: Line,
    closing: CancellationToken,
}

impl Teller {
    /// Until the listener is gone or too slow, its token is void, it may not view any more, or the service ends and all of
    /// the log was told.
    async fn run(self, mut after: i64) {
        let mut written = self.catalog.events_written();
        if !self.line.begin().await {
            return;
        }
        loop {
            written.mark_unchanged();
            let closing = self.closing.is_cancelled();
            let found = match self.catalog.events_after(after, &self.filter, STEP).await {
                Ok(found) => found,
                Err(error) => {
                    // The listener asks again, with more luck.
                    tracing::error!(%error, "events cannot be read");
                    return;
                }
            };
            if !self.permitted().await {
                return;
            }
            let more = found.len() == STEP as usize;
            for event in found {
                after = event.position;
                let Ok(event) = as_sse(&event) else { continue };
                if !self.line.tell(event).await {
                    return;
                }
            }
            if more {
                continue;
            }
            if closing {
                return;
            }
            tokio::select! {
                changed = written.changed() => if changed.is_err() { return },
                () = self.closing.cancelled() => {}
                () = self.line.over() => return,
            }
        }
    }

    /// The listener may still view the one recording that is told of.
    async fn permitted(&self) -> bool {
        let Some(id) = self.filter.recording else { return true };
        self.access.permit(&self.subject, Action::View, id).await.is_ok()
    }
}

fn as_sse(event: &catalog::Event) -> Result<Event, axum::Error> {
    Event::default().id(event.id.to_string()).event(event.kind.name()).json_data(event)
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct List {
    /// A `sequence`: those behind it.
    #[param(required = false, value_type = u64)]
    after: String,
    /// 100 unless it is said; more than 1000 counts as 1000.
    #[param(required = false, value_type = u64, maximum = 4_294_967_295u32)]
    limit: String,
    /// Names of types, between commas.
    #[param(required = false, example = "track.started,track.stopped")]
    types: String,
}

/// A page of a recording's log.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Log {
    #[schema(value_type = Vec<Happened>)]
    events: Vec<catalog::Event>,
    /// The `after` of the next page; null on the last.
    next: Option<u64>,
}

/// What happened in a recording, in order.
#[utoipa::path(
    get, path = "/{id}/events", operation_id = "listEvents", tag = "Events", params(OfRecording, List),
    responses((status = 200, body = Log, description = "A page."), Refused<(BadRequest, NotFound)>),
)]
pub(super) async fn list(
    State(app): State<App>,
    bearer: Bearer,
    Place(id): Place<String>,
    Arguments(asked): Arguments<List>,
) -> Result<Json<Log>, Problem> {
    let id = bearer.permitted_on(&app, Action::View, &id).await?;
    let row = app.catalog.recording(id).await?;
    row.filter(|row| row.status != Status::Deleted).ok_or_else(Problem::no_recording)?;
    let after = sequence("after", whole("after", &asked.after)?.unwrap_or(0))?;
    let limit = whole("limit", &asked.limit)?.map_or(DEFAULT_LIMIT, |limit: u32| limit.clamp(1, MAX_LIMIT));
    let kinds = kinds("types", &asked.types)?;
    let mut events = app.catalog.events(id, after, &kinds, limit.saturating_add(1)).await?;
    let more = events.len() > limit as usize;
    events.truncate(limit as usize);
    let next = events.last().filter(|_| more).map(|last| last.sequence);
    Ok(Json(Log { events, next }))
}

/// A whole number; an empty one is as if absent.
pub(super) fn whole<T: std::str::FromStr>(name: &str, text: &str) -> Result<Option<T>, Problem> {
    let wrong = |_| Problem::field(name, "must be a whole number from 0 on");
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(wrong) }
}

/// A place in a recording's log. In the tables they are signed.
pub(super) fn sequence(name: &str, number: i64) -> Result<u64, Problem> {
    number.try_into().map_err(|_| Problem::field(name, "must be a whole number from 0 on"))
}

/// Names between commas.
fn kinds(field: &str, names: &str) -> Result<Vec<EventKind>, Problem> {
    names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(|name| kind(field, name)).collect()
}

/// The kind of event of a name.
pub(super) fn kind(field: &str, name: &str) -> Result<EventKind, Problem> {
    EventKind::from_name(name).ok_or_else(|| {
        let names: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.name()).collect();
        Problem::field(field, format!("knows {}", names.join(", ")))
    })
}
