//! Playback analytics across recordings in answers. `docs/analytics.md` has the definitions.

use super::analytics::Stalls;
use super::stamp::Stamp;
use super::viewing::{ViewerKind, seconds, share};
use super::words;
use crate::catalog::{ViewGroup, Watcher};
use crate::id::RecordingId;
use crate::recorder::integrity::Grade;
use crate::time::WallTime;
use serde::Serialize;
use utoipa::ToSchema;

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// Viewing sessions across recordings.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AnalyticsAcross)]
pub(in crate::http) struct Across {
    /// Null: all together.
    #[schema(value_type = Option<words::AnalyticsGroupBy>)]
    pub(in crate::http) group_by: Option<&'static str>,
    /// Sessions that began then or later.
    pub(in crate::http) from: Option<Stamp>,
    /// Sessions that began before that.
    pub(in crate::http) to: Option<Stamp>,
    pub(in crate::http) groups: Vec<Group>,
    pub(in crate::http) limit: u32,
    /// The `cursor` of the next page; null on the last.
    pub(in crate::http) next: Option<String>,
}

/// Sessions that have something in common.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AnalyticsGroup)]
pub(in crate::http) struct Group {
    /// The day, recording, room or user; null of all together, and of viewers who are no users.
    value: Option<String>,
    /// Of groups by viewer: what is known of who watched.
    #[serde(skip_serializing_if = "Option::is_none")]
    viewer_kind: Option<ViewerKind>,
    sessions: u64,
    /// Different viewers. Who asked not to be tracked is one in each session.
    unique_viewers: u64,
    /// Media that was watched in all, in seconds.
    total_playtime: f64,
    /// Media that was watched again, in seconds.
    rewatched_seconds: f64,
    stalls: Stalls,
    seeks: u64,
    pauses: u64,
    /// Errors that players told.
    errors: u64,
    /// The share of the sessions that reached the end, 0 to 1.
    ended_rate: f64,
    /// Of groups by recording: more of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    recording: Option<Watched>,
}

/// A recording that was watched.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AnalyticsRecording)]
pub(in crate::http) struct Watched {
    pub(in crate::http) title: String,
    pub(in crate::http) room_id: String,
    pub(in crate::http) started_at: Stamp,
    /// The mean share of the media that a viewer saw, 0 to 1, over all its sessions, whatever the span; null while it runs,
    /// and before it was counted.
    pub(in crate::http) completion_rate: Option<f64>,
    /// The share of the viewers who saw nine tenths of it.
    pub(in crate::http) completed_rate: Option<f64>,
    /// How true it is to what was sent; null before the first verdict.
    #[schema(value_type = Option<words::IntegrityGrade>)]
    pub(in crate::http) integrity: Option<Grade>,
}

impl Watched {
    /// With the rates in thousandths.
    pub(in crate::http) fn with_rates(mut self, rates: Option<(i64, i64)>) -> Self {
        self.completion_rate = rates.map(|(completion, _)| share(completion));
        self.completed_rate = rates.map(|(_, completed)| share(completed));
        self
    }
}

/// What the value of a group names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Names {
    /// A day by its number.
    Day,
    /// Who watched.
    Viewer,
    /// What it says.
    Itself,
}

impl Group {
    pub(in crate::http) fn of(group: &ViewGroup, names: Names) -> Self {
        let (value, viewer_kind) = match names {
            Names::Day => (group.value.as_deref().and_then(day), None),
            Names::Viewer => {
                let watcher = group.watcher();
                let user = match &watcher {
                    Some(Watcher::User(id)) => Some(id.clone()),
                    _ => None,
                };
                (user, watcher.as_ref().map(ViewerKind::of))
            }
            Names::Itself => (group.value.clone(), None),
        };
        let sums = &group.sums;
        let ended = sums.ended.saturating_mul(1000) / sums.sessions.max(1);
        Self {
            value,
            viewer_kind,
            sessions: sums.sessions,
            unique_viewers: group.viewers,
            total_playtime: seconds(sums.played_ms),
            rewatched_seconds: seconds(sums.rewatched_ms()),
            stalls: Stalls::of(sums),
            seeks: sums.seeks,
            pauses: sums.pauses,
            errors: sums.errors,
            ended_rate: share(i64::try_from(ended).unwrap_or(0)),
            recording: None,
        }
    }

    pub(in crate::http) fn with(mut self, recording: Option<Watched>) -> Self {
        self.recording = recording;
        self
    }
}

/// The recording that a group is of.
pub(in crate::http) fn recording(group: &ViewGroup) -> Option<RecordingId> {
    group.value.as_deref()?.parse().ok()
}

fn day(number: &str) -> Option<String> {
    let day: i64 = number.parse().ok()?;
    Some(WallTime(day.saturating_mul(DAY)).to_string().chars().take(10).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::ViewSums;

    fn group(value: Option<&str>, sums: ViewSums) -> ViewGroup {
        ViewGroup { value: value.map(str::to_owned), sums, viewers: 1 }
    }

    #[test]
    fn groups_say_what_they_are_of() {
        let sums = ViewSums { sessions: 3, seen_ms: 1000, played_ms: 2500, ended: 2, ..ViewSums::default() };
        let of_day = Group::of(&group(Some("20416"), sums), Names::Day);
        assert_eq!(of_day.value.as_deref(), Some("2025-11-24"));
        assert!((of_day.rewatched_seconds - 1.5).abs() < 1e-9 && (of_day.ended_rate - 0.666).abs() < 1e-9);
        let ada = Group::of(&group(Some("u:ada"), sums), Names::Viewer);
        assert_eq!((ada.value.as_deref(), ada.viewer_kind), (Some("ada"), Some(ViewerKind::User)));
        // Nobody is told a hash.
        let guest = Group::of(&group(Some("g:0f"), sums), Names::Viewer);
        assert_eq!((guest.value, guest.viewer_kind), (None, Some(ViewerKind::Guest)));
        let none = Group::of(&group(None, ViewSums::default()), Names::Itself);
        assert!(none.value.is_none() && none.ended_rate.abs() < 1e-9);
    }
}
