//! `GET /api/v1/analytics`: viewing sessions across recordings.

use super::super::App;
use super::super::describe::across::{Across, Group, Names, Watched, recording};
use super::super::describe::integrity::grade;
use super::super::describe::words;
use super::super::error::Problem;
use super::super::extract::{Arguments, Bearer};
use super::super::list::wall;
use super::super::openapi::problems::{BadRequest, Refused};
use crate::auth::{Action, Kind, Role};
use crate::catalog::{Catalog, ViewFilter, ViewGroup, ViewGrouping, ViewOrder};
use crate::time::WallTime;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

const DEFAULT_LIMIT: u32 = 10;
const MAX_LIMIT: u32 = 100;
/// Of groups by day: a year and a day.
const DEFAULT_DAYS: u32 = 31;
const MAX_DAYS: u32 = 366;
/// Longest span that is counted session by session, in microseconds: 31 days.
const LONGEST_SPAN: i64 = 31 * 86_400_000_000;

/// What may be grouped by.
pub(in crate::http) const GROUPINGS: [(&str, ViewGrouping); 4] = [
    ("day", ViewGrouping::Day),
    ("recording", ViewGrouping::Recording),
    ("room", ViewGrouping::Room),
    ("viewer", ViewGrouping::Viewer),
];

/// In which order groups may come.
pub(in crate::http) const ORDERS: [(&str, ViewOrder); 5] = [
    ("value", ViewOrder::Value),
    ("sessions", ViewOrder::Sessions),
    ("playtime", ViewOrder::Playtime),
    ("stalled", ViewOrder::Stalled),
    ("errors", ViewOrder::Errors),
];

/// All text, so that a mistake is told by the name of its argument; empty ones are as if absent.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Which {
    /// All sessions together unless it is said.
    #[param(required = false, value_type = words::AnalyticsGroupBy)]
    group_by: String,
    /// `value` for days, else `sessions`, unless it is said. `value` is the least first, all others the most first.
    #[param(required = false, inline, value_type = words::AnalyticsOrder)]
    order: String,
    /// Sessions that began then or later: a time of RFC 3339, or a day, which begins in UTC.
    #[param(required = false, example = "2026-01-01")]
    from: String,
    /// Sessions that began before that.
    #[param(required = false, example = "2026-02-01")]
    to: String,
    #[param(required = false, inline, value_type = words::MaybeId)]
    recording_id: String,
    #[param(required = false)]
    room_id: String,
    /// Who watched, by `user_id`.
    #[param(required = false)]
    viewer: String,
    /// Of days 31 unless it is said, and 366 at most; of others 10, and 100 at most.
    #[param(required = false, value_type = u64, maximum = 4_294_967_295u32)]
    limit: String,
    /// `next` of the page before.
    #[param(required = false)]
    cursor: String,
}

/// Who watched across recordings, how much, and whether playback was good.
///
/// All together, or by day, recording, room or viewer. Administrators see all recordings, everybody else those that they
/// started. What is not of whole days, and groups by viewer, need a recording, a viewer, or a span of 31 days at most.
#[utoipa::path(
    get, path = "/", operation_id = "getAnalytics", tag = "Analytics", params(Which),
    responses((status = 200, body = Across, description = "Groups, in their order."), Refused<BadRequest>),
)]
pub(in crate::http) async fn across(
    State(app): State<App>,
    bearer: Bearer,
    Arguments(which): Arguments<Which>,
) -> Result<Json<Across>, Problem> {
    bearer.permitted(Action::List)?;
    let subject = &bearer.subject;
    let everything = subject.kind == Kind::User && subject.role == Role::Admin;
    let owner = (!everything).then(|| subject.user_id.to_string());
    let filter = ViewFilter { owner, ..filter(&which)? };
    let grouping = named("group_by", &which.group_by, &GROUPINGS)?;
    let by = grouping.map_or(ViewGrouping::None, |(_, by)| by);
    let by_default = if by == ViewGrouping::Day { ViewOrder::Value } else { ViewOrder::Sessions };
    let order = named("order", &which.order, &ORDERS)?.map_or(by_default, |(_, order)| order);
    bounded(&filter, by)?;
    let limit = limit(&which.limit, by)?;
    let cursor = given(&which.cursor)
        .map(|text| text.parse().map_err(|_| Problem::field("cursor", "was not given out by this")))
        .transpose()?;
    let page = app.catalog.view_groups(&filter, by, order, cursor.as_ref(), limit).await?;
    let names = match by {
        ViewGrouping::Day => Names::Day,
        ViewGrouping::Viewer => Names::Viewer,
        _ => Names::Itself,
    };
    let mut groups = Vec::with_capacity(page.groups.len());
    for group in &page.groups {
        let told = Group::of(group, names);
        let of = if by == ViewGrouping::Recording { watched(&app.catalog, group).await? } else { None };
        groups.push(told.with(of));
    }
    Ok(Json(Across {
        group_by: grouping.map(|(name, _)| name),
        from: filter.from.map(Into::into),
        to: filter.to.map(Into::into),
        groups,
        limit,
        next: page.next.map(|cursor| cursor.to_string()),
    }))
}

/// What else is told of a recording. `None`: it was removed meanwhile.
async fn watched(catalog: &Catalog, group: &ViewGroup) -> Result<Option<Watched>, Problem> {
    let Some(id) = recording(group) else { return Ok(None) };
    let Some(row) = catalog.recording(id).await? else { return Ok(None) };
    let watched = Watched {
        title: row.title,
        room_id: row.room_id,
        started_at: row.started_at.into(),
        completion_rate: None,
        completed_rate: None,
        integrity: grade(&catalog.tracks(id).await?),
    };
    Ok(Some(watched.with_rates(catalog.view_rates(id).await?)))
}

fn filter(which: &Which) -> Result<ViewFilter, Problem> {
    let text = |text: &str| given(text).map(str::to_owned);
    let time = |name: &str, text: &str| given(text).map(|text| wall(name, text)).transpose();
    let wrong = |_| Problem::field("recording_id", "must be the identifier of a recording");
    Ok(ViewFilter {
        owner: None,
        recording: given(&which.recording_id).map(|id| id.parse().map_err(wrong)).transpose()?,
        room: text(&which.room_id),
        viewer: text(&which.viewer),
        from: time("from", &which.from)?,
        to: time("to", &which.to)?,
    })
}

/// What no sums are kept of must be narrow enough to be counted.
fn bounded(filter: &ViewFilter, by: ViewGrouping) -> Result<(), Problem> {
    let spans =
        filter.from.is_some_and(|from| filter.to.unwrap_or(WallTime(i64::MAX)).since(from) <= LONGEST_SPAN);
    if filter.is_summed(by) || filter.recording.is_some() || filter.viewer.is_some() || spans {
        return Ok(());
    }
    let detail = "needs a recording, a viewer, or a span of 31 days at most";
    if by == ViewGrouping::Viewer {
        return Err(Problem::field("group_by", detail));
    }
    Err(Problem::field("from", format!("is not of whole days in UTC, as `to` must be too: it {detail}")))
}

type Named<T> = (&'static str, T);

fn named<T: Copy>(field: &str, text: &str, all: &[Named<T>]) -> Result<Option<Named<T>>, Problem> {
    let Some(text) = given(text) else { return Ok(None) };
    match all.iter().find(|(name, _)| *name == text) {
        Some(found) => Ok(Some(*found)),
        None => {
            let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
            Err(Problem::field(field, format!("must be one of {}", names.join(", "))))
        }
    }
}

fn limit(text: &str, by: ViewGrouping) -> Result<u32, Problem> {
    let wrong = |_| Problem::field("limit", "must be a whole number from 0 on");
    let limit = given(text).map(|text| text.parse::<u32>().map_err(wrong)).transpose()?;
    let days = by == ViewGrouping::Day;
    let (default, most) = if days { (DEFAULT_DAYS, MAX_DAYS) } else { (DEFAULT_LIMIT, MAX_LIMIT) };
    Ok(limit.unwrap_or(default).clamp(1, most))
}

fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}
