//! Playback analytics in answers. `docs/analytics.md` has the definitions.

use super::integrity::Verdict;
use super::shares::Shares;
use super::stamp::Stamp;
use super::viewing::{Session, Stretch, seconds, share, stretches};
use super::words;
use crate::analytics::ranges::Ranges;
use crate::analytics::retention::{Curve, PARTS, completion, completion_permille, peak};
use crate::analytics::session::Source;
use crate::catalog::{Viewing, ViewingSums, Watcher};
use crate::id::RecordingId;
use crate::playback::room::Room;
use crate::playback::watchable::Media;
use crate::time::WallTime;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Falls of the retention curve that are told.
const FALLS: usize = 10;
/// Sessions that are told one by one.
const SESSIONS: usize = 100;

/// Whose sessions are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = AnalyticsScope)]
pub(in crate::http) enum Scope {
    /// Everybody's.
    All,
    /// Those of whoever asks.
    Own,
}

/// Who watched a recording, how much, where they stopped, and whether playback was good.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RecordingAnalytics)]
pub(in crate::http) struct Analytics {
    #[schema(value_type = Uuid)]
    recording_id: RecordingId,
    scope: Scope,
    /// Sessions that began then or later.
    from: Option<Stamp>,
    /// Sessions that began before that.
    to: Option<Stamp>,
    /// False: there are more sessions than are counted; these are the newest.
    complete: bool,
    total_sessions: u64,
    unique_viewers: u64,
    /// Media that was watched in all, in seconds.
    total_playtime: f64,
    /// The same for each session.
    average_playtime: f64,
    /// The mean share of the media that a viewer saw, 0 to 1.
    completion_rate: f64,
    /// The share of the viewers who saw nine tenths of it.
    completed_rate: f64,
    /// The last event of a session.
    last_accessed_at: Option<Stamp>,
    /// Length of the recording.
    duration_seconds: f64,
    /// What of it is media: of all tracks together, without fills.
    media_seconds: f64,
    /// What anybody saw.
    seen: Vec<Stretch>,
    /// Media that was watched again.
    rewatched_seconds: f64,
    retention: Retention,
    /// The largest falls of the curve, the largest first.
    drop_off: Vec<DropOff>,
    peak: Peak,
    startup: Startup,
    stalls: Stalls,
    /// Errors that players told.
    errors: u64,
    /// By what told it.
    sources: Vec<BySource>,
    #[serde(flatten)]
    shares: Shares,
    /// How true the recording is to what was sent; null before the first verdict.
    integrity: Option<Verdict>,
    /// The newest sessions, up to 100.
    sessions: Vec<Session>,
}

/// How many viewers saw each of 200 equal parts.
#[derive(Debug, Serialize, ToSchema)]
struct Retention {
    /// Length of a part.
    part_seconds: f64,
    viewers: u32,
    /// How many saw it, in order.
    #[schema(min_items = 200, max_items = 200)]
    seen: Vec<u32>,
    /// The same as a share of the viewers, 0 to 1 in thousandths.
    #[schema(min_items = 200, max_items = 200)]
    share: Vec<f64>,
}

/// Where viewers left.
#[derive(Debug, Serialize, ToSchema)]
struct DropOff {
    /// Where the part begins that they did not see.
    at_seconds: f64,
    /// How many fewer saw it than the one before.
    lost: u32,
}

/// The most sessions at one moment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PeakConcurrency)]
struct Peak {
    sessions: u32,
    /// The first such moment.
    at: Option<Stamp>,
}

/// From the wish to play to the first picture.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StartupTime)]
struct Startup {
    /// Sessions of which it is known.
    sessions: u64,
    median_ms: Option<i64>,
    /// At most so long in 95 of 100 sessions.
    p95_ms: Option<i64>,
}

/// How often media stopped because more had not come.
#[derive(Debug, Serialize, ToSchema)]
struct Stalls {
    count: u64,
    seconds: f64,
    /// The share of the time in which media should have been shown and was not, 0 to 1.
    ratio: f64,
}

/// Sessions by what told them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AnalyticsBySource)]
struct BySource {
    #[schema(value_type = words::ViewSource)]
    source: Source,
    /// The numbers are an estimate.
    estimated: bool,
    sessions: u64,
    playtime: f64,
}

/// In short, for who started it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AnalyticsSummary)]
pub(in crate::http) struct Short {
    total_sessions: u64,
    unique_viewers: u64,
    /// Seconds.
    total_playtime: f64,
    last_accessed_at: Option<Stamp>,
}

impl From<ViewingSums> for Short {
    fn from(sums: ViewingSums) -> Self {
        Self {
            total_sessions: sums.sessions,
            unique_viewers: sums.viewers,
            total_playtime: seconds(sums.played_ms),
            last_accessed_at: sums.last_at.map(Stamp::from),
        }
    }
}

impl Analytics {
    /// Of these sessions, the newest first.
    pub(in crate::http) fn new(
        room: &Room,
        media: &Media,
        scope: Scope,
        (from, to): (Option<WallTime>, Option<WallTime>),
        rows: &[Viewing],
        complete: bool,
        shares: Shares,
    ) -> Self {
        let viewers = by_viewer(rows);
        let played_ms = sum(rows, |row| row.numbers.played_ms);
        let seen_ms = sum(rows, |row| row.numbers.seen.total());
        let rates = completion(viewers.values().map(|seen| completion_permille(seen, &media.stored)));
        let (completion_rate, completed_rate) = rates.unwrap_or_default();
        let all = viewers.values().fold(Ranges::default(), |all, seen| all.union(seen));
        let curve = Curve::of(viewers.values(), room.duration_micros() / 1000, PARTS);
        Self {
            recording_id: room.recording.id,
            scope,
            from: from.map(Stamp::from),
            to: to.map(Stamp::from),
            complete,
            total_sessions: rows.len() as u64,
            unique_viewers: viewers.len() as u64,
            total_playtime: seconds(played_ms),
            average_playtime: seconds(played_ms / count(rows.len()).max(1)),
            completion_rate: share(completion_rate),
            completed_rate: share(completed_rate),
            last_accessed_at: rows.iter().map(|row| row.numbers.last_at).max().map(Stamp::from),
            duration_seconds: seconds(room.duration_micros() / 1000),
            media_seconds: seconds(media.stored.total()),
            seen: stretches(&all),
            rewatched_seconds: seconds(played_ms.saturating_sub(seen_ms)),
            drop_off: curve
                .falls(FALLS)
                .into_iter()
                .map(|fall| DropOff { at_seconds: seconds(fall.at_ms), lost: fall.lost })
                .collect(),
            retention: Retention::of(&curve),
            peak: Peak::of(rows),
            startup: Startup::of(rows),
            stalls: Stalls::of(rows),
            errors: rows.iter().map(|row| u64::from(row.numbers.errors)).sum(),
            sources: by_source(rows),
            shares,
            integrity: Verdict::of_all(room),
            sessions: rows.iter().take(SESSIONS).map(|row| Session::of(row, media)).collect(),
        }
    }
}

/// What each viewer saw. Of who asked not to be tracked each session is a viewer: nobody knows better.
fn by_viewer(rows: &[Viewing]) -> BTreeMap<(&Watcher, Option<i64>), Ranges> {
    let mut viewers: BTreeMap<_, Ranges> = BTreeMap::new();
    for row in rows {
        let alone = (row.watcher == Watcher::Untracked).then_some(row.id);
        let seen = viewers.entry((&row.watcher, alone)).or_default();
        *seen = seen.union(&row.numbers.seen);
    }
    viewers
}

fn by_source(rows: &[Viewing]) -> Vec<BySource> {
    let mut sources: BTreeMap<Source, (u64, i64)> = BTreeMap::new();
    for row in rows {
        let (sessions, played_ms) = sources.entry(row.numbers.source).or_default();
        *sessions += 1;
        *played_ms = played_ms.saturating_add(row.numbers.played_ms);
    }
    let told = |(source, (sessions, played_ms)): (Source, (u64, i64))| BySource {
        source,
        estimated: source == Source::Requests,
        sessions,
        playtime: seconds(played_ms),
    };
    sources.into_iter().map(told).collect()
}

impl Retention {
    fn of(curve: &Curve) -> Self {
        Self {
            part_seconds: seconds(curve.length_ms) / seconds(count(PARTS) * 1000),
            viewers: curve.viewers,
            seen: curve.seen.clone(),
            share: curve.permille().map(|permille| share(i64::from(permille))).collect(),
        }
    }
}

impl Peak {
    fn of(rows: &[Viewing]) -> Self {
        let millis = |at: WallTime| at.0.div_euclid(1000);
        let spans = rows.iter().map(|row| (millis(row.numbers.first_at), millis(row.numbers.last_at)));
        let peak = peak(spans);
        let at = (peak.sessions > 0).then(|| WallTime(peak.at_ms.saturating_mul(1000)).into());
        Self { sessions: peak.sessions, at }
    }
}

impl Startup {
    fn of(rows: &[Viewing]) -> Self {
        let mut times: Vec<i64> = rows.iter().filter_map(|row| row.numbers.startup_ms).collect();
        times.sort_unstable();
        // The least that so many of a hundred do not exceed.
        let at = |percent: usize| times.get((times.len() * percent).div_ceil(100).saturating_sub(1)).copied();
        Self { sessions: times.len() as u64, median_ms: at(50), p95_ms: at(95) }
    }
}

impl Stalls {
    fn of(rows: &[Viewing]) -> Self {
        let stalled = sum(rows, |row| row.numbers.stalled_ms);
        let should = stalled.saturating_add(sum(rows, |row| row.numbers.playing_ms));
        Self {
            count: rows.iter().map(|row| u64::from(row.numbers.stalls)).sum(),
            seconds: seconds(stalled),
            ratio: if should > 0 { seconds(stalled) / seconds(should) } else { 0.0 },
        }
    }
}

fn sum(rows: &[Viewing], of: impl Fn(&Viewing) -> i64) -> i64 {
    rows.iter().map(of).fold(0, i64::saturating_add)
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
