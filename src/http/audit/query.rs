//! `GET /api/v1/audit`

use super::super::App;
use super::super::describe::put;
use super::super::error::Problem;
use super::super::extract::{Arguments, Bearer};
use super::super::list::wall;
use crate::audit::{Action, Outcome, Phase};
use crate::auth::Action as Permit;
use crate::catalog::{AuditFilter, AuditGroup, AuditGrouping, AuditRow};
use crate::time::WallTime;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

const DEFAULT_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 1000;
/// Longest span that is counted row by row, in microseconds: 31 days.
const LONGEST_SPAN: i64 = 31 * 86_400_000_000;
const DAY: i64 = 86_400_000_000;

/// All text, so that a mistake is told by the name of its argument; empty ones are as if absent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::http) struct Query {
    actor: String,
    target: String,
    recording_id: String,
    room_id: String,
    action: String,
    result: String,
    phase: String,
    address: String,
    from: String,
    to: String,
    limit: String,
    cursor: String,
    total: String,
    group_by: String,
}

pub(in crate::http) async fn query(
    State(app): State<App>,
    bearer: Bearer,
    Arguments(arguments): Arguments<Query>,
) -> Result<Json<Value>, Problem> {
    bearer.permitted(Permit::Audit)?;
    let filter = filter(&arguments)?;
    let limit = limit(&arguments.limit)?;
    if let Some(name) = given(&arguments.group_by) {
        let by = grouping(name)?;
        bounded(&filter, by)?;
        let groups = app.catalog.audit_groups(&filter, by, limit).await?;
        let groups: Vec<_> = groups.iter().map(|found| group(found, by)).collect();
        return Ok(Json(json!({ "group_by": name, "groups": groups, "limit": limit })));
    }
    let cursor = given(&arguments.cursor)
        .map(|text| text.parse().map_err(|_| Problem::field("cursor", "was not given out by a query")))
        .transpose()?;
    let page = app.catalog.audit_page(&filter, cursor, limit).await?;
    let mut body = json!({
        "entries": page.rows.iter().map(row).collect::<Vec<_>>(),
        "limit": limit,
        "next": page.next.map(|cursor| cursor.to_string()),
    });
    if matches!(arguments.total.as_str(), "true" | "1") {
        let (total, exact) = app.catalog.audit_total(&filter).await?;
        let total = if exact { json!(total) } else { json!(format!("{total}+")) };
        put(&mut body, "total", total);
    }
    Ok(Json(body))
}

pub(super) fn filter(arguments: &Query) -> Result<AuditFilter, Problem> {
    let text = |text: &str| given(text).map(str::to_owned);
    let time = |name: &str, text: &str| given(text).map(|text| wall(name, text)).transpose();
    let name = |field: &str, text: &str, of: fn(&str) -> Option<&'static str>| {
        let wrong = || Problem::field(field, "is not one of the audit's names");
        given(text).map(|text| of(text).ok_or_else(wrong)).transpose()
    };
    Ok(AuditFilter {
        actor: text(&arguments.actor),
        target: text(&arguments.target),
        recording: text(&arguments.recording_id.to_ascii_lowercase()),
        room: text(&arguments.room_id),
        action: name("action", &arguments.action, |text| Action::from_name(text).map(Action::name))?,
        result: name("result", &arguments.result, |text| Outcome::from_name(text).map(Outcome::name))?,
        phase: name("phase", &arguments.phase, |text| Phase::from_name(text).map(Phase::name))?,
        address: text(&arguments.address),
        from: time("from", &arguments.from)?,
        to: time("to", &arguments.to)?,
    })
}

/// What no sums are kept of must be narrow enough to be counted.
fn bounded(filter: &AuditFilter, by: AuditGrouping) -> Result<(), Problem> {
    let spans =
        filter.from.is_some_and(|from| filter.to.unwrap_or(WallTime(i64::MAX)).since(from) <= LONGEST_SPAN);
    if by.is_summed(filter) || filter.is_narrow() || spans {
        return Ok(());
    }
    let detail = "needs an actor, a target, a recording, a room, an address, or a span of 31 days at most";
    Err(Problem::field("group_by", detail))
}

fn grouping(name: &str) -> Result<AuditGrouping, Problem> {
    Ok(match name {
        "action" => AuditGrouping::Action,
        "actor" => AuditGrouping::Actor,
        "result" => AuditGrouping::Result,
        "recording" => AuditGrouping::Recording,
        "room" => AuditGrouping::Room,
        "address" => AuditGrouping::Address,
        "day" => AuditGrouping::Day,
        _ => {
            let detail = "must be action, actor, result, recording, room, address or day";
            return Err(Problem::field("group_by", detail));
        }
    })
}

fn limit(text: &str) -> Result<u32, Problem> {
    let wrong = |_| Problem::field("limit", "must be a whole number from 0 on");
    let limit = given(text).map(|text| text.parse::<u32>().map_err(wrong)).transpose()?;
    Ok(limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT))
}

fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

fn group(group: &AuditGroup, by: AuditGrouping) -> Value {
    let day = |value: &String| {
        let day: i64 = value.parse().ok()?;
        Some(WallTime(day.saturating_mul(DAY)).to_string().chars().take(10).collect())
    };
    let value = match by {
        AuditGrouping::Day => group.value.as_ref().and_then(day),
        _ => group.value.clone(),
    };
    json!({ "value": value, "count": group.entries, "bytes": group.bytes })
}

/// A row as people read it. Salts are only in exports.
pub(super) fn row(row: &AuditRow) -> Value {
    let seals = [&row.who_seal, &row.place_seal, &row.target_seal];
    let there = [row.who.is_some(), row.address.is_some() || row.user_agent.is_some(), row.target.is_some()];
    let erased = seals.iter().zip(there).any(|(seal, there)| seal.is_some() && !there);
    json!({
        "chain": row.chain,
        "seq": row.seq,
        "at": row.at.to_string(),
        "action": row.action,
        "phase": row.phase,
        "result": row.result,
        "status": row.status,
        "actor": row.who,
        "role": row.role,
        "address": row.address,
        "user_agent": row.user_agent,
        "target": row.target,
        "erased": erased,
        "recording_id": row.recording_id,
        "room_id": row.room_id,
        "session_id": row.session_id,
        "share_id": row.share_id,
        "request_id": row.request_id,
        "route": row.route,
        "bytes": row.bytes,
        "duration_seconds": row.duration_micros.map(|micros| micros as f64 / 1e6),
        "detail": serde_json::from_str::<Value>(&row.detail).ok(),
        "hash": hex::encode(&row.hash),
    })
}
