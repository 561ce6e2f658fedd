//! `GET /api/v1/audit`

use super::super::App;
use super::super::describe::audit::Entry;
use super::super::describe::words;
use super::super::error::Problem;
use super::super::extract::{Arguments, Bearer};
use super::super::list::wall;
use super::super::openapi::problems::{BadRequest, Refused};
use crate::audit::{Action, Outcome, Phase};
use crate::auth::Action as Permit;
use crate::catalog::{AuditFilter, AuditGroup, AuditGrouping, Total};
use crate::time::WallTime;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

const DEFAULT_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 1000;
/// Longest span that is counted row by row, in microseconds: 31 days.
const LONGEST_SPAN: i64 = 31 * 86_400_000_000;
const DAY: i64 = 86_400_000_000;

/// Which rows. All text, so that a mistake is told by the name of its argument; empty ones are as if absent.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Which {
    /// Who did it, by `user_id`.
    #[param(required = false)]
    actor: String,
    /// Whom it concerned.
    #[param(required = false)]
    target: String,
    #[param(required = false)]
    recording_id: String,
    #[param(required = false)]
    room_id: String,
    #[param(required = false, value_type = words::AuditAction)]
    action: String,
    #[param(required = false, value_type = words::AuditResult)]
    result: String,
    #[param(required = false, value_type = words::AuditPhase)]
    phase: String,
    /// From which address, exactly.
    #[param(required = false)]
    address: String,
    /// Then or later: a time of RFC 3339, or a day, which begins in UTC.
    #[param(required = false, example = "2026-01-31T12:00:00Z")]
    from: String,
    /// Before that.
    #[param(required = false, example = "2026-02-01")]
    to: String,
}

/// How much of them, and in which form. Text, as [`Which`] is.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct How {
    /// 100 unless it is said; more than 1000 counts as 1000.
    #[param(required = false, value_type = u64, maximum = 4_294_967_295u32)]
    limit: String,
    /// `next` of the page before.
    #[param(required = false)]
    cursor: String,
    /// `true`: tell how many there are.
    #[param(required = false)]
    total: String,
    /// Count them by this. Needs an actor, a target, a recording, a room, an address, or a span of 31 days at most, where
    /// no sums are kept.
    #[param(required = false, value_type = words::AuditGroupBy)]
    group_by: String,
}

/// Rows, or counts of them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = AuditAnswer)]
pub(in crate::http) enum Told {
    Page(Page),
    Groups(Groups),
}

/// A page, the newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditPage)]
pub(in crate::http) struct Page {
    entries: Vec<Entry>,
    limit: u32,
    /// The `cursor` of the next page; null on the last.
    next: Option<String>,
    /// If it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<words::Count>)]
    total: Option<Total>,
}

/// The largest groups, and of days all in their order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditGroups)]
pub(in crate::http) struct Groups {
    #[schema(value_type = words::AuditGroupBy)]
    group_by: &'static str,
    groups: Vec<Group>,
    limit: u32,
}

/// One of them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditGroup)]
struct Group {
    /// Null of rows that have none.
    value: Option<String>,
    count: u64,
    bytes: u64,
}

impl Group {
    fn new(group: &AuditGroup, by: AuditGrouping) -> Self {
        let day = |value: &String| {
            let day: i64 = value.parse().ok()?;
            Some(WallTime(day.saturating_mul(DAY)).to_string().chars().take(10).collect())
        };
        let value = match by {
            AuditGrouping::Day => group.value.as_ref().and_then(day),
            _ => group.value.clone(),
        };
        Self { value, count: group.entries, bytes: group.bytes }
    }
}

/// Who did what: pages, and counts by something.
#[utoipa::path(
    get, path = "/", operation_id = "queryAudit", tag = "Audit", params(Which, How),
    responses((status = 200, body = Told, description = "With `group_by` the groups, else a page."), Refused<BadRequest>),
)]
pub(in crate::http) async fn query(
    State(app): State<App>,
    bearer: Bearer,
    Arguments(which): Arguments<Which>,
    Arguments(how): Arguments<How>,
) -> Result<Json<Told>, Problem> {
    bearer.permitted(Permit::Audit)?;
    let filter = filter(&which)?;
    let limit = limit(&how.limit)?;
    if let Some(name) = given(&how.group_by) {
        let (name, by) = grouping(name)?;
        bounded(&filter, by)?;
        let groups = app.catalog.audit_groups(&filter, by, limit).await?;
        let groups = groups.iter().map(|found| Group::new(found, by)).collect();
        return Ok(Json(Told::Groups(Groups { group_by: name, groups, limit })));
    }
    let cursor = given(&how.cursor)
        .map(|text| text.parse().map_err(|_| Problem::field("cursor", "was not given out by a query")))
        .transpose()?;
    let page = app.catalog.audit_page(&filter, cursor, limit).await?;
    let counted = matches!(how.total.as_str(), "true" | "1");
    let total = if counted { Some(app.catalog.audit_total(&filter).await?) } else { None };
    Ok(Json(Told::Page(Page {
        entries: page.rows.iter().map(Entry::from).collect(),
        limit,
        next: page.next.map(|cursor| cursor.to_string()),
        total,
    })))
}

pub(super) fn filter(which: &Which) -> Result<AuditFilter, Problem> {
    let text = |text: &str| given(text).map(str::to_owned);
    let time = |name: &str, text: &str| given(text).map(|text| wall(name, text)).transpose();
    let name = |field: &str, text: &str, of: fn(&str) -> Option<&'static str>| {
        let wrong = || Problem::field(field, "is not one of the audit's names");
        given(text).map(|text| of(text).ok_or_else(wrong)).transpose()
    };
    Ok(AuditFilter {
        actor: text(&which.actor),
        target: text(&which.target),
        recording: text(&which.recording_id.to_ascii_lowercase()),
        room: text(&which.room_id),
        action: name("action", &which.action, |text| Action::from_name(text).map(Action::name))?,
        result: name("result", &which.result, |text| Outcome::from_name(text).map(Outcome::name))?,
        phase: name("phase", &which.phase, |text| Phase::from_name(text).map(Phase::name))?,
        address: text(&which.address),
        from: time("from", &which.from)?,
        to: time("to", &which.to)?,
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

/// What may be grouped by.
pub(in crate::http) const GROUPINGS: [(&str, AuditGrouping); 7] = [
    ("action", AuditGrouping::Action),
    ("actor", AuditGrouping::Actor),
    ("result", AuditGrouping::Result),
    ("recording", AuditGrouping::Recording),
    ("room", AuditGrouping::Room),
    ("address", AuditGrouping::Address),
    ("day", AuditGrouping::Day),
];

fn grouping(name: &str) -> Result<(&'static str, AuditGrouping), Problem> {
    let detail = "must be action, actor, result, recording, room, address or day";
    let found = GROUPINGS.into_iter().find(|(own, _)| *own == name);
    found.ok_or_else(|| Problem::field("group_by", detail))
}

fn limit(text: &str) -> Result<u32, Problem> {
    let wrong = |_| Problem::field("limit", "must be a whole number from 0 on");
    let limit = given(text).map(|text| text.parse::<u32>().map_err(wrong)).transpose()?;
    Ok(limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT))
}

fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}
