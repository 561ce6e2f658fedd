//! Playback analytics in answers. `docs/analytics.md` has the definitions.

use super::integrity::Verdict;
use super::shares::Shares;
use super::stamp::Stamp;
use super::viewing::{Session, Stretch, seconds, share, stretches};
use super::words;
use crate::analytics::retention::{Curve, PARTS};
use crate::analytics::session::Source;
use crate::catalog::{ViewSums, ViewTotals, Viewing, ViewingSums};
use crate::id::RecordingId;
use crate::playback::room::Room;
use crate::playback::watchable::Media;
use crate::time::WallTime;
use serde::Serialize;
use utoipa::ToSchema;

/// Falls of the retention curve that are told.
const FALLS: usize = 10;
/// Sessions that are told one by one.
pub(in crate::http) const SESSIONS: usize = 100;

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
pub(super) struct Stalls {
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
    /// Of what sessions come to, of which these are the newest.
    pub(in crate::http) fn new(
        room: &Room,
        media: &Media,
        scope: Scope,
        (from, to): (Option<WallTime>, Option<WallTime>),
        totals: &ViewTotals,
        newest: &[Viewing],
        shares: Shares,
    ) -> Self {
        let sums = totals.sums();
        let sessions = i64::try_from(sums.sessions).unwrap_or(i64::MAX);
        let (completion_rate, completed_rate) = totals.rates;
        Self {
            recording_id: room.recording.id,
            scope,
            from: from.map(Stamp::from),
            to: to.map(Stamp::from),
            complete: true,
            total_sessions: sums.sessions,
            unique_viewers: totals.viewers,
            total_playtime: seconds(sums.played_ms),
            average_playtime: seconds(sums.played_ms / sessions.max(1)),
            completion_rate: share(completion_rate),
            completed_rate: share(completed_rate),
            last_accessed_at: totals.last_at.map(Stamp::from),
            duration_seconds: seconds(room.duration_micros() / 1000),
            media_seconds: seconds(media.stored.total()),
            seen: stretches(&totals.seen),
            rewatched_seconds: seconds(sums.rewatched_ms()),
            drop_off: totals
                .curve
                .falls(FALLS)
                .into_iter()
                .map(|fall| DropOff { at_seconds: seconds(fall.at_ms), lost: fall.lost })
                .collect(),
            retention: Retention::of(&totals.curve),
            peak: Peak::of(totals),
            startup: Startup {
                sessions: totals.startup.sessions,
                median_ms: totals.startup.median_ms,
                p95_ms: totals.startup.p95_ms,
            },
            stalls: Stalls::of(&sums),
            errors: sums.errors,
            sources: by_source(totals),
            shares,
            integrity: Verdict::of_all(room),
            sessions: newest.iter().take(SESSIONS).map(|row| Session::of(row, media)).collect(),
        }
    }

    /// There are more sessions than were counted.
    pub(in crate::http) fn of_the_newest(mut self) -> Self {
        self.complete = false;
        self
    }
}

fn by_source(totals: &ViewTotals) -> Vec<BySource> {
    let told = |(source, sums): (&Source, &ViewSums)| BySource {
        source: *source,
        estimated: *source == Source::Requests,
        sessions: sums.sessions,
        playtime: seconds(sums.played_ms),
    };
    totals.sources.iter().map(told).collect()
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
    fn of(totals: &ViewTotals) -> Self {
        let peak = totals.peak;
        let at = (peak.sessions > 0).then(|| WallTime(peak.at_ms.saturating_mul(1000)).into());
        Self { sessions: peak.sessions, at }
    }
}

impl Stalls {
    pub(super) fn of(sums: &ViewSums) -> Self {
        let should = sums.stalled_ms.saturating_add(sums.playing_ms);
        Self {
            count: sums.stalls,
            seconds: seconds(sums.stalled_ms),
            ratio: if should > 0 { seconds(sums.stalled_ms) / seconds(should) } else { 0.0 },
        }
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
