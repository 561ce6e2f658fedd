//! Webhooks in the API: what a start asks for, repeating events, and what could not be delivered.

use super::App;
use super::describe::stamp::Stamp;
use super::describe::words;
use super::error::Problem;
use super::events::{Happened, kind, sequence, whole};
use super::extract::{Arguments, Bearer, Body};
use super::list::wall;
use super::openapi::problems::{BadRequest, NotFound, OfBody, Refused};
use crate::auth::Action;
use crate::catalog::{DeadFilter, Delivery, Event, NewTarget, Replay};
use crate::id::{EventId, RecordingId};
use crate::reach::{self, Reach};
use crate::webhook::target;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Events and deliveries that one request may name.
const MAX_NAMED: usize = 100;
/// Deliveries that one request may make.
const MAX_REPLAYED: u32 = 10_000;
const DEFAULT_LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 500;

/// Somebody who is told what happens in a recording.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Webhook)]
pub(super) struct Target {
    /// An `http:` or `https:` address.
    url: String,
    /// Signs what is told, by Standard Webhooks; the configuration's unless it is said.
    #[serde(default)]
    secret: Option<String>,
    /// Of these; all unless it is said.
    #[serde(default)]
    #[schema(value_type = Vec<words::EventType>)]
    events: Vec<String>,
}

/// Checks what a start asks for.
pub(super) fn targets(asked: Vec<Target>) -> Result<Vec<NewTarget>, Problem> {
    if asked.len() > target::MAX_TARGETS {
        return Err(Problem::field("webhooks", format!("must be at most {}", target::MAX_TARGETS)));
    }
    asked.into_iter().enumerate().map(|(index, one)| checked(index, one)).collect()
}

/// Refuses what may not be connected to, before anything is recorded. A name that has no address now may have one later.
pub(super) async fn reachable(reach: &Reach, targets: &[NewTarget]) -> Result<(), Problem> {
    for (index, one) in targets.iter().enumerate() {
        let Ok(url) = target::address(&one.url) else { continue };
        if let Err(error @ reach::Error::Forbidden { .. }) = reach.resolve(&url).await {
            return Err(Problem::from(error).with("field", format!("webhooks[{index}].url")));
        }
    }
    Ok(())
}

fn checked(index: usize, asked: Target) -> Result<NewTarget, Problem> {
    let field = |name: &str| format!("webhooks[{index}].{name}");
    let url = target::address(&asked.url).map_err(|error| Problem::field(&field("url"), error))?;
    if let Some(secret) = &asked.secret {
        target::signer(secret).map_err(|error| Problem::field(&field("secret"), error))?;
    }
    let kinds = asked.events.iter().map(|name| kind(&field("events"), name)).collect::<Result<_, _>>()?;
    Ok(NewTarget { url: url.into(), secret: asked.secret, kinds })
}

/// What is told of one recording is its owner's; that of all is the administrators'.
async fn permitted(app: &App, bearer: &Bearer, recording: Option<RecordingId>) -> Result<(), Problem> {
    match (bearer.permitted(Action::Webhooks), recording) {
        // Of one that was removed, too, as long as somebody is to be told of it.
        (Ok(()), _) => Ok(()),
        (Err(_), Some(id)) => app.access.permit(&bearer.subject, Action::Tell, id).await.map(drop),
        (Err(refused), None) => Err(refused),
    }
}

/// Which events: those that fit all that is said. One of `event_ids`, `recording_id` and `from` must be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Replay)]
pub(super) struct Again {
    #[serde(default)]
    #[schema(value_type = Vec<Uuid>, max_items = 100)]
    event_ids: Vec<EventId>,
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    recording_id: Option<RecordingId>,
    #[serde(default)]
    #[schema(minimum = 0)]
    from_sequence: Option<i64>,
    #[serde(default)]
    #[schema(minimum = 0)]
    to_sequence: Option<i64>,
    /// Written then or later: a time of RFC 3339, or a day, which begins in UTC.
    #[serde(default)]
    from: Option<String>,
    /// Written before that.
    #[serde(default)]
    to: Option<String>,
}

/// What was queued.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Replayed {
    /// Deliveries.
    queued: u64,
    /// There are more than one request may make.
    truncated: bool,
}

/// Tells webhooks' targets of events again.
#[utoipa::path(
    post, path = "/replay", operation_id = "replayEvents", tag = "Events",
    request_body(content = Again, example = json!({
        "recording_id": "01977c5e-8f5c-7d3a-b6a4-0f2d8c1e9a77", "from_sequence": 3
    })),
    responses(
        (status = 202, body = Replayed, description = "They will be told."),
        Refused<(OfBody, NotFound)>,
    ),
)]
pub(super) async fn replay(
    State(app): State<App>,
    bearer: Bearer,
    Body(asked): Body<Again>,
) -> Result<(StatusCode, Json<Replayed>), Problem> {
    permitted(&app, &bearer, asked.recording_id).await?;
    if asked.event_ids.is_empty() && asked.recording_id.is_none() && asked.from.is_none() {
        return Err(Problem::field("event_ids", "is required, or recording_id, or from"));
    }
    if asked.event_ids.len() > MAX_NAMED {
        return Err(Problem::field("event_ids", format!("must be at most {MAX_NAMED}")));
    }
    let time = |name: &str, text: Option<String>| text.map(|text| wall(name, &text)).transpose();
    let place = |name: &str, number: Option<i64>| number.map(|number| sequence(name, number)).transpose();
    let which = Replay {
        events: asked.event_ids,
        recording: asked.recording_id,
        from_sequence: place("from_sequence", asked.from_sequence)?,
        to_sequence: place("to_sequence", asked.to_sequence)?,
        from: time("from", asked.from)?,
        to: time("to", asked.to)?,
    };
    let queued = app.catalog.replay(&which, MAX_REPLAYED).await?;
    let truncated = queued == u64::from(MAX_REPLAYED);
    Ok((StatusCode::ACCEPTED, Json(Replayed { queued, truncated })))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct Dead {
    /// Of this one.
    #[param(required = false, inline, value_type = words::MaybeId)]
    recording: String,
    /// `next` of the page before.
    #[param(required = false, value_type = i64)]
    after: String,
    /// 50 unless it is said; more than 500 counts as 500.
    #[param(required = false, value_type = u64, maximum = 4_294_967_295u32)]
    limit: String,
}

/// A page of deliveries that were given up.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeadPage {
    dead: Vec<DeadDelivery>,
    /// The `after` of the next page; null on the last.
    next: Option<i64>,
}

/// A delivery that was given up, without its secret, and without the address's query, in which some keep others.
#[derive(Debug, Serialize, ToSchema)]
struct DeadDelivery {
    id: i64,
    url: String,
    attempts: u32,
    queued_at: Stamp,
    died_at: Option<Stamp>,
    /// The HTTP status of the last attempt.
    status: Option<u16>,
    /// Why the last attempt failed.
    error: Option<String>,
    #[schema(value_type = Happened)]
    event: Event,
}

impl From<Delivery> for DeadDelivery {
    fn from(row: Delivery) -> Self {
        Self {
            id: row.id,
            url: row.url.split('?').next().unwrap_or_default().to_owned(),
            attempts: row.attempts,
            queued_at: row.created_at.into(),
            died_at: row.ended_at.map(Stamp::from),
            status: row.status,
            error: row.error,
            event: row.event,
        }
    }
}

/// Deliveries of webhooks that were given up.
#[utoipa::path(
    get, path = "/dead", operation_id = "listDeadDeliveries", tag = "Events", params(Dead),
    responses((status = 200, body = DeadPage, description = "A page."), Refused<(BadRequest, NotFound)>),
)]
pub(super) async fn dead(
    State(app): State<App>,
    bearer: Bearer,
    Arguments(asked): Arguments<Dead>,
) -> Result<Json<DeadPage>, Problem> {
    let recording = match asked.recording.as_str() {
        "" => None,
        id => Some(id.parse().map_err(|_| Problem::field("recording", "must be the id of a recording"))?),
    };
    permitted(&app, &bearer, recording).await?;
    let filter = DeadFilter { ids: Vec::new(), recording, after: whole("after", &asked.after)? };
    let limit = whole("limit", &asked.limit)?.map_or(DEFAULT_LIMIT, |limit: u32| limit.clamp(1, MAX_LIMIT));
    let mut found = app.catalog.dead_deliveries(&filter, limit.saturating_add(1)).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| more).map(|last| last.id);
    Ok(Json(DeadPage { dead: found.into_iter().map(DeadDelivery::from).collect(), next }))
}

/// Which deliveries: one of these must be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Redeliver {
    #[serde(default)]
    #[schema(max_items = 100)]
    ids: Vec<i64>,
    /// Those of this one.
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    recording_id: Option<RecordingId>,
    #[serde(default)]
    all: bool,
}

/// What was queued.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Redelivered {
    /// Deliveries.
    queued: u64,
}

/// Tries deliveries that were given up again.
#[utoipa::path(
    post, path = "/dead/redeliver", operation_id = "redeliver", tag = "Events",
    request_body(content = Redeliver, example = json!({"all": true})),
    responses(
        (status = 202, body = Redelivered, description = "They will be tried."),
        Refused<(OfBody, NotFound)>,
    ),
)]
pub(super) async fn redeliver(
    State(app): State<App>,
    bearer: Bearer,
    Body(asked): Body<Redeliver>,
) -> Result<(StatusCode, Json<Redelivered>), Problem> {
    permitted(&app, &bearer, asked.recording_id).await?;
    if asked.ids.is_empty() && asked.recording_id.is_none() && !asked.all {
        return Err(Problem::field("ids", "is required, or recording_id, or all"));
    }
    if asked.ids.len() > MAX_NAMED {
        return Err(Problem::field("ids", format!("must be at most {MAX_NAMED}")));
    }
    let filter = DeadFilter { ids: asked.ids, recording: asked.recording_id, after: None };
    let queued = app.catalog.redeliver(&filter).await?;
    Ok((StatusCode::ACCEPTED, Json(Redelivered { queued })))
}
