//! Sums of viewing sessions across recordings: of the sums by day where these know it, else of the sessions.

use super::row::Watcher;
use super::stale::DAY;
use super::totals::{SUMS, SUMS_OF_SESSIONS, ViewSums};
use crate::catalog::row::Row;
use crate::catalog::statement::{Statement, sql};
use crate::catalog::{Catalog, Error};
use crate::id::RecordingId;
use crate::time::WallTime;
use sqlx::Row as _;
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

/// Which sessions. Empty members do not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ViewFilter {
    /// Of recordings that this user started.
    pub owner: Option<String>,
    /// Of this recording.
    pub recording: Option<RecordingId>,
    /// Of recordings of this room.
    pub room: Option<String>,
    /// Of this user.
    pub viewer: Option<String>,
    /// Begun at or after.
    pub from: Option<WallTime>,
    /// Begun before.
    pub to: Option<WallTime>,
}

/// By what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewGrouping {
    /// All of them together.
    None,
    /// The day in UTC on which they began.
    Day,
    /// The recording.
    Recording,
    /// Its room.
    Room,
    /// The viewer.
    Viewer,
}

/// In which order groups come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewOrder {
    /// Of their values, the least first.
    Value,
    /// The most sessions first.
    Sessions,
    /// The most playtime first.
    Playtime,
    /// The longest stalls first.
    Stalled,
    /// The most errors first.
    Errors,
}

/// The last group of a page. While sessions are added it stays in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewCursor {
    metric: i64,
    tie: String,
}

impl fmt::Display for ViewCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.metric, self.tie)
    }
}

impl FromStr for ViewCursor {
    type Err = crate::catalog::NotACursor;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (metric, tie) = text.split_once('.').ok_or(crate::catalog::NotACursor)?;
        let metric = metric.parse().map_err(|_| crate::catalog::NotACursor)?;
        Ok(Self { metric, tie: tie.to_owned() })
    }
}

/// Sessions that have something in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewGroup {
    /// What: a day is its number since 1970, a viewer as [`ViewGroup::watcher`] reads it. `None` of all together.
    pub value: Option<String>,
    /// Their sums.
    pub sums: ViewSums,
    /// Different viewers. Who asked not to be tracked is one in each session.
    pub viewers: u64,
}

impl ViewGroup {
    /// Whose they are, of groups by viewer.
    #[must_use]
    pub fn watcher(&self) -> Option<Watcher> {
        self.value.as_deref().and_then(Watcher::read)
    }
}

/// Groups, and how to go on.
#[derive(Clone, Debug)]
pub struct ViewPage {
    /// The groups.
    pub groups: Vec<ViewGroup>,
    /// For the next page, when there is one.
    pub next: Option<ViewCursor>,
}

impl ViewFilter {
    /// Whether the sums by day know a grouping of it.
    #[must_use]
    pub fn is_summed(&self, by: ViewGrouping) -> bool {
        let whole = |at: Option<WallTime>| at.is_none_or(|at| at.0 % DAY == 0);
        self.viewer.is_none() && by != ViewGrouping::Viewer && whole(self.from) && whole(self.to)
    }

    /// Whether it is of all recordings.
    fn is_of_all(&self) -> bool {
        self.owner.is_none() && self.recording.is_none() && self.room.is_none()
    }

    /// Restricts rows `s`, sums by day or sessions.
    fn restrict(&self, query: &mut Statement) {
        if let Some(recording) = self.recording {
            query.push(" AND s.recording_id = ").push_bind(recording.to_string());
        }
        if let Some(owner) = &self.owner {
            query.push(" AND s.recording_id IN (SELECT o.id FROM recordings o WHERE o.started_by = ");
            query.push_bind(owner).push(")");
        }
        if let Some(room) = &self.room {
            query.push(" AND s.recording_id IN (SELECT o.id FROM recordings o WHERE o.room_id = ");
            query.push_bind(room).push(")");
        }
    }

    fn restrict_days(&self, query: &mut Statement) {
        for (condition, at) in [(" AND s.day >= ", self.from), (" AND s.day < ", self.to)] {
            if let Some(at) = at {
                query.push(condition).push_bind(at.0.div_euclid(DAY));
            }
        }
    }

    fn restrict_sessions(&self, query: &mut Statement) {
        self.restrict(query);
        if let Some(viewer) = &self.viewer {
            query.push(" AND s.viewer = ").push_bind(Watcher::User(viewer.clone()).text());
        }
        for (condition, at) in [(" AND s.first_at >= ", self.from), (" AND s.first_at < ", self.to)] {
            if let Some(at) = at {
                query.push(condition).push_bind(at.0);
            }
        }
    }
}

const KEY: &str = "CASE WHEN s.viewer = 'n' THEN 'n:' || CAST(s.id AS TEXT) ELSE s.viewer END";

impl ViewGrouping {
    /// Its column of sums by day.
    fn of_days(self) -> &'static str {
        match self {
            Self::Day => "CAST(s.day AS TEXT)",
            Self::Room => "r.room_id",
            Self::Recording => "s.recording_id",
            Self::None | Self::Viewer => "CAST(NULL AS TEXT)",
        }
    }

    /// Its column of sessions.
    fn of_sessions(self) -> &'static str {
        match self {
            Self::Day => "CAST(s.first_at / 86400000000 AS TEXT)",
            Self::Room => "r.room_id",
            Self::Recording => "s.recording_id",
            Self::Viewer => "s.viewer",
            Self::None => "CAST(NULL AS TEXT)",
        }
    }

    fn join(self, query: &mut Statement) {
        if self == Self::Room {
            query.push(" JOIN recordings r ON r.id = s.recording_id");
        }
        query.push(" WHERE 1 = 1");
    }
}

impl Catalog {
    /// Sums of the sessions that match, in groups.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn view_groups(
        &self,
        filter: &ViewFilter,
        by: ViewGrouping,
        order: ViewOrder,
        cursor: Option<&ViewCursor>,
        limit: u32,
    ) -> Result<ViewPage, Error> {
        let mut query = sql("SELECT g.*, ");
        let metric = match order {
            ViewOrder::Value => "CAST(0 AS BIGINT)",
            ViewOrder::Sessions => "g.sessions",
            ViewOrder::Playtime => "g.played_ms",
            ViewOrder::Stalled => "g.stalled_ms",
            ViewOrder::Errors => "g.errors",
        };
        query.push(metric).push(" AS metric FROM (");
        if filter.is_summed(by) {
            summed(&mut query, filter, by);
        } else {
            counted(&mut query, filter, by);
        }
        query.push(") g WHERE 1 = 1");
        if let Some(cursor) = cursor {
            query.push(" AND (").push(metric).push(" < ").push_bind(cursor.metric);
            query.push(" OR (").push(metric).push(" = ").push_bind(cursor.metric);
            query.push(" AND g.tie > ").push_bind(&cursor.tie).push("))");
        }
        query.push(" ORDER BY metric DESC, g.tie LIMIT ").push_bind(i64::from(limit) + 1);
        let found = query.fetch_all(&self.reader).await?;
        let more = found.len() > limit as usize;
        let rows = found.get(..found.len().min(limit as usize)).unwrap_or_default();
        let next = match rows.last().filter(|_| more) {
            Some(row) => Some(ViewCursor { metric: row.try_get("metric")?, tie: row.try_get("tie")? }),
            None => None,
        };
        let mut groups = rows.iter().map(group).collect::<Result<Vec<_>, _>>()?;
        self.count_viewers(filter, by, &mut groups).await?;
        Ok(ViewPage { groups, next })
    }

    async fn count_viewers(
        &self,
        filter: &ViewFilter,
        by: ViewGrouping,
        groups: &mut [ViewGroup],
    ) -> Result<(), Error> {
        if by == ViewGrouping::Viewer {
            for group in groups {
                let untracked = group.watcher() == Some(Watcher::Untracked);
                group.viewers = if untracked { group.sums.sessions } else { 1 };
            }
            return Ok(());
        }
        let values: Vec<String> = groups.iter().filter_map(|group| group.value.clone()).collect();
        if groups.is_empty() || (by != ViewGrouping::None && values.is_empty()) {
            return Ok(());
        }
        let of_all = filter.is_of_all() && filter.is_summed(by);
        let query = match by {
            ViewGrouping::Day if of_all => {
                let mut query =
                    sql("SELECT CAST(s.day AS TEXT) AS value, s.viewers FROM view_day_counts s WHERE s.day");
                query.push_in(values.iter().filter_map(|day| day.parse::<i64>().ok()));
                query
            }
            ViewGrouping::None if of_all => {
                let mut query = sql("SELECT CAST(NULL AS TEXT) AS value, COUNT(DISTINCT s.viewer) AS viewers
                     FROM view_day_viewers s WHERE 1 = 1");
                filter.restrict_days(&mut query);
                query
            }
            _ => {
                let mut query = sql("SELECT ");
                query
                    .push(by.of_sessions())
                    .push(" AS value, COUNT(DISTINCT ")
                    .push(KEY)
                    .push(") AS viewers");
                query.push(" FROM view_sessions s");
                by.join(&mut query);
                within(&mut query, by, &values);
                filter.restrict_sessions(&mut query);
                if by != ViewGrouping::None {
                    query.push(" GROUP BY ").push(by.of_sessions());
                }
                query
            }
        };
        let mut viewers: HashMap<Option<String>, u64> = HashMap::new();
        for row in query.fetch_all(&self.reader).await? {
            viewers.insert(row.try_get("value")?, row.try_get::<i64, _>("viewers")?.unsigned_abs());
        }
        for group in groups {
            group.viewers = viewers.get(&group.value).copied().unwrap_or_default();
        }
        Ok(())
    }
}

/// Sessions of the groups of a page alone.
fn within(query: &mut Statement, by: ViewGrouping, values: &[String]) {
    match by {
        ViewGrouping::Recording => {
            query.push(" AND s.recording_id").push_in(values);
        }
        ViewGrouping::Room => {
            query.push(" AND r.room_id").push_in(values);
        }
        ViewGrouping::Day => {
            let days = || values.iter().filter_map(|day| day.parse::<i64>().ok());
            let first = days().min().unwrap_or_default();
            let last = days().max().unwrap_or_default();
            query.push(" AND s.first_at >= ").push_bind(first.saturating_mul(DAY));
            query.push(" AND s.first_at < ").push_bind(last.saturating_add(1).saturating_mul(DAY));
        }
        ViewGrouping::None | ViewGrouping::Viewer => {}
    }
}

fn summed(query: &mut Statement, filter: &ViewFilter, by: ViewGrouping) {
    let of_all = filter.is_of_all() && matches!(by, ViewGrouping::None | ViewGrouping::Day);
    head(query, by, by.of_days(), by.of_days());
    query.push(SUMS).push(if of_all { " FROM view_totals s" } else { " FROM view_days s" });
    by.join(query);
    filter.restrict(query);
    filter.restrict_days(query);
    tail(query, by, by.of_days());
}

fn counted(query: &mut Statement, filter: &ViewFilter, by: ViewGrouping) {
    // A viewer's hash is nobody's business: the place of a group is that of its first session.
    let tie = if by == ViewGrouping::Viewer { "CAST(MIN(s.id) AS TEXT)" } else { by.of_sessions() };
    head(query, by, by.of_sessions(), tie);
    query.push(SUMS_OF_SESSIONS).push(" FROM view_sessions s");
    by.join(query);
    query.push(" AND s.next_number > 0");
    filter.restrict_sessions(query);
    tail(query, by, by.of_sessions());
}

fn head(query: &mut Statement, by: ViewGrouping, value: &'static str, tie: &'static str) {
    query.push("SELECT ").push(value).push(" AS value, ");
    query.push(if by == ViewGrouping::None { "''" } else { tie }).push(" AS tie, ");
}

fn tail(query: &mut Statement, by: ViewGrouping, value: &'static str) {
    if by != ViewGrouping::None {
        query.push(" GROUP BY ").push(value);
    }
}

fn group(row: &Row) -> Result<ViewGroup, Error> {
    Ok(ViewGroup { value: row.try_get("value")?, sums: ViewSums::read(row)?, viewers: 0 })
}
