//! Webhooks in the API: what a start asks for, repeating events, and what could not be delivered.

use super::App;
use super::error::Problem;
use super::events::{kind, whole};
use super::extract::{Arguments, Bearer, Body};
use super::list::wall;
use crate::auth::Action;
use crate::catalog::{DeadFilter, Delivery, NewTarget, Replay};
use crate::id::{EventId, RecordingId};
use crate::reach::{self, Reach};
use crate::webhook::target;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

/// Events and deliveries that one request may name.
const MAX_NAMED: usize = 100;
/// Deliveries that one request may make.
const MAX_REPLAYED: u32 = 10_000;
const DEFAULT_LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 500;

/// A target as a start asks for it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Target {
    url: String,
    #[serde(default)]
    secret: Option<String>,
    #[serde(default)]
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

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Again {
    #[serde(default)]
    event_ids: Vec<EventId>,
    #[serde(default)]
    recording_id: Option<RecordingId>,
    #[serde(default)]
    from_sequence: Option<u64>,
    #[serde(default)]
    to_sequence: Option<u64>,
    #[serde(default)]
    from: Option<String>,
    #[serde(default)]
    to: Option<String>,
}

/// `POST /api/v1/events/replay`: tells the targets of events of these again.
pub(super) async fn replay(
    State(app): State<App>,
    bearer: Bearer,
    Body(asked): Body<Again>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    permitted(&app, &bearer, asked.recording_id).await?;
    if asked.event_ids.is_empty() && asked.recording_id.is_none() && asked.from.is_none() {
        return Err(Problem::field("event_ids", "is required, or recording_id, or from"));
    }
    if asked.event_ids.len() > MAX_NAMED {
        return Err(Problem::field("event_ids", format!("must be at most {MAX_NAMED}")));
    }
    let time = |name: &str, text: Option<String>| text.map(|text| wall(name, &text)).transpose();
    let which = Replay {
        events: asked.event_ids,
        recording: asked.recording_id,
        from_sequence: asked.from_sequence,
        to_sequence: asked.to_sequence,
        from: time("from", asked.from)?,
        to: time("to", asked.to)?,
    };
    let queued = app.catalog.replay(&which, MAX_REPLAYED).await?;
    Ok((
        StatusCode::ACCEPTED,
        Json(json!({ "queued": queued, "truncated": queued == u64::from(MAX_REPLAYED) })),
    ))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Dead {
    recording: String,
    after: String,
    limit: String,
}

/// `GET /api/v1/webhooks/dead`: what was given up.
pub(super) async fn dead(
    State(app): State<App>,
    bearer: Bearer,
    Arguments(asked): Arguments<Dead>,
) -> Result<Json<Value>, Problem> {
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
    Ok(Json(json!({ "dead": found.iter().map(row).collect::<Vec<_>>(), "next": next })))
}

/// Without the secret, and without the address's query, in which some keep others.
fn row(delivery: &Delivery) -> Value {
    json!({
        "id": delivery.id,
        "url": delivery.url.split('?').next(),
        "attempts": delivery.attempts,
        "queued_at": delivery.created_at.to_string(),
        "died_at": delivery.ended_at.map(|at| at.to_string()),
        "status": delivery.status,
        "error": delivery.error,
        "event": delivery.event,
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Redeliver {
    #[serde(default)]
    ids: Vec<i64>,
    #[serde(default)]
    recording_id: Option<RecordingId>,
    #[serde(default)]
    all: bool,
}

/// `POST /api/v1/webhooks/dead/redeliver`: tries them again.
pub(super) async fn redeliver(
    State(app): State<App>,
    bearer: Bearer,
    Body(asked): Body<Redeliver>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    permitted(&app, &bearer, asked.recording_id).await?;
    if asked.ids.is_empty() && asked.recording_id.is_none() && !asked.all {
        return Err(Problem::field("ids", "is required, or recording_id, or all"));
    }
    if asked.ids.len() > MAX_NAMED {
        return Err(Problem::field("ids", format!("must be at most {MAX_NAMED}")));
    }
    let filter = DeadFilter { ids: asked.ids, recording: asked.recording_id, after: None };
    let queued = app.catalog.redeliver(&filter).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "queued": queued }))))
}
