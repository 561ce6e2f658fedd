//! What the sessions of a recording come to: of their rows, or of what is kept of them (migration 0017).

use super::freshen::Whole;
use super::row::{Viewing, Watcher, source};
use crate::analytics::ranges::Ranges;
use crate::analytics::retention::{Curve, PARTS, Peak, completion, completion_permille, peak, rates};
use crate::analytics::session::Source;
use crate::catalog::row::{Row, corrupt, integer, wall_option};
use crate::catalog::statement::sql;
use crate::catalog::{Catalog, Error};
use crate::id::RecordingId;
use crate::time::WallTime;
use sqlx::Row as _;
use std::collections::BTreeMap;

/// Sums over sessions, in milliseconds where they are times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ViewSums {
    /// How many sessions.
    pub sessions: u64,
    /// Media that each watched at least once.
    pub seen_ms: i64,
    /// Media that they watched in all.
    pub played_ms: i64,
    /// For how long something was shown.
    pub playing_ms: i64,
    /// Sessions of which the start-up time is known.
    pub startups: u64,
    /// How often media stopped.
    pub stalls: u64,
    /// For how long in all.
    pub stalled_ms: i64,
    /// How often the playhead was moved.
    pub seeks: u64,
    /// How often it stood still.
    pub pauses: u64,
    /// Errors that were told.
    pub errors: u64,
    /// Sessions that reached the end.
    pub ended: u64,
}

impl ViewSums {
    /// With these too.
    #[must_use]
    pub fn plus(self, other: &Self) -> Self {
        Self {
            sessions: self.sessions.saturating_add(other.sessions),
            seen_ms: self.seen_ms.saturating_add(other.seen_ms),
            played_ms: self.played_ms.saturating_add(other.played_ms),
            playing_ms: self.playing_ms.saturating_add(other.playing_ms),
            startups: self.startups.saturating_add(other.startups),
            stalls: self.stalls.saturating_add(other.stalls),
            stalled_ms: self.stalled_ms.saturating_add(other.stalled_ms),
            seeks: self.seeks.saturating_add(other.seeks),
            pauses: self.pauses.saturating_add(other.pauses),
            errors: self.errors.saturating_add(other.errors),
            ended: self.ended.saturating_add(other.ended),
        }
    }

    /// Media that was watched again.
    #[must_use]
    pub fn rewatched_ms(&self) -> i64 {
        self.played_ms.saturating_sub(self.seen_ms)
    }

    fn of(viewing: &Viewing) -> Self {
        let numbers = &viewing.numbers;
        Self {
            sessions: 1,
            seen_ms: numbers.seen.total(),
            played_ms: numbers.played_ms,
            playing_ms: numbers.playing_ms,
            startups: u64::from(numbers.startup_ms.is_some()),
            stalls: numbers.stalls.into(),
            stalled_ms: numbers.stalled_ms,
            seeks: numbers.seeks.into(),
            pauses: numbers.pauses.into(),
            errors: numbers.errors.into(),
            ended: numbers.ended.into(),
        }
    }

    /// Of a row that has columns of these names.
    pub(super) fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            sessions: integer(row, "sessions")?,
            seen_ms: row.try_get("seen_ms")?,
            played_ms: row.try_get("played_ms")?,
            playing_ms: row.try_get("playing_ms")?,
            startups: integer(row, "startups")?,
            stalls: integer(row, "stalls")?,
            stalled_ms: row.try_get("stalled_ms")?,
            seeks: integer(row, "seeks")?,
            pauses: integer(row, "pauses")?,
            errors: integer(row, "errors")?,
            ended: integer(row, "ended")?,
        })
    }
}

/// Start-up times of the sessions of which they are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ViewStartup {
    /// How many.
    pub sessions: u64,
    /// The least that half of them do not exceed.
    pub median_ms: Option<i64>,
    /// The least that 95 of 100 do not exceed.
    pub p95_ms: Option<i64>,
}

/// What the sessions of a recording come to (`docs/analytics.md`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewTotals {
    /// Sums by what told of them.
    pub sources: BTreeMap<Source, ViewSums>,
    /// Different viewers.
    pub viewers: u64,
    /// The mean share of the media that they saw, and the share of them who completed it, in thousandths.
    pub rates: (i64, i64),
    /// How many saw each part.
    pub curve: Curve,
    /// What any of them saw.
    pub seen: Ranges,
    /// The most sessions at one moment.
    pub peak: Peak,
    /// Start-up times.
    pub startup: ViewStartup,
    /// The last event.
    pub last_at: Option<WallTime>,
}

impl ViewTotals {
    /// Of these sessions of one recording.
    #[must_use]
    pub fn of(rows: &[Viewing], whole: Whole<'_>) -> Self {
        let viewers = by_viewer(rows);
        let mut sources: BTreeMap<Source, ViewSums> = BTreeMap::new();
        for row in rows {
            let sums = sources.entry(row.numbers.source).or_default();
            *sums = sums.plus(&ViewSums::of(row));
        }
        let permilles = viewers.values().map(|seen| completion_permille(seen, whole.media));
        let millis = |at: WallTime| at.0.div_euclid(1000);
        let spans = rows.iter().map(|row| (millis(row.numbers.first_at), millis(row.numbers.last_at)));
        Self {
            sources,
            viewers: viewers.len() as u64,
            rates: completion(permilles).unwrap_or_default(),
            curve: Curve::of(viewers.values(), whole.length_ms, PARTS),
            seen: viewers.values().fold(Ranges::default(), |all, seen| all.union(seen)),
            peak: peak(spans),
            startup: startup(rows),
            last_at: rows.iter().map(|row| row.numbers.last_at).max(),
        }
    }

    /// Over all sources.
    #[must_use]
    pub fn sums(&self) -> ViewSums {
        self.sources.values().fold(ViewSums::default(), ViewSums::plus)
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

fn startup(rows: &[Viewing]) -> ViewStartup {
    let mut times: Vec<i64> = rows.iter().filter_map(|row| row.numbers.startup_ms).collect();
    times.sort_unstable();
    let count = times.len() as u64;
    let at = |percent| times.get(usize::try_from(place(count, percent)?).ok()?).copied();
    ViewStartup { sessions: count, median_ms: at(50), p95_ms: at(95) }
}

/// Where among so many in order the least one is that so many of a hundred do not exceed.
fn place(count: u64, percent: u64) -> Option<u64> {
    count.saturating_mul(percent).div_ceil(100).checked_sub(1)
}

impl Catalog {
    /// What all sessions of a recording that has ended come to, of what is kept of them. What changed since it was asked
    /// for is made again first ([`Catalog::freshen_views`]).
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn view_totals(&self, id: RecordingId, whole: Whole<'_>) -> Result<ViewTotals, Error> {
        let kept = self.fresh(id, whole).await?;
        let sources = self.view_sources(id).await?;
        let startups = sources.values().map(|sums| sums.startups).fold(0, u64::saturating_add);
        let (peak, last_at) = self.view_peak(id).await?;
        Ok(ViewTotals {
            sources,
            viewers: kept.viewers.unsigned_abs(),
            rates: rates(kept.viewers, kept.permille, kept.completed),
            curve: kept.curve,
            seen: kept.seen,
            peak,
            startup: ViewStartup {
                sessions: startups,
                median_ms: self.view_startup(id, place(startups, 50)).await?,
                p95_ms: self.view_startup(id, place(startups, 95)).await?,
            },
            last_at,
        })
    }

    async fn view_sources(&self, id: RecordingId) -> Result<BTreeMap<Source, ViewSums>, Error> {
        let mut query = sql("SELECT s.source, ");
        query.push(SUMS).push(" FROM view_days s WHERE s.recording_id = ").push_bind(id.to_string());
        query.push(" GROUP BY s.source");
        let rows = query.fetch_all(&self.reader).await?;
        rows.iter().map(|row| Ok((source(row)?, ViewSums::read(row)?))).collect()
    }

    async fn view_startup(&self, id: RecordingId, place: Option<u64>) -> Result<Option<i64>, Error> {
        let Some(place) = place else { return Ok(None) };
        let row =
            sql("SELECT startup_ms FROM view_sessions WHERE recording_id = $1 AND startup_ms IS NOT NULL
             ORDER BY startup_ms LIMIT 1 OFFSET $2")
            .bind(id.to_string())
            .bind(i64::try_from(place).unwrap_or(i64::MAX))
            .fetch_optional(&self.reader)
            .await?;
        Ok(row.map(|row| row.try_get("startup_ms")).transpose()?)
    }

    async fn view_peak(&self, id: RecordingId) -> Result<(Peak, Option<WallTime>), Error> {
        let row = sql("SELECT sessions, at_ms FROM view_peaks WHERE recording_id = $1 AND sessions > 0
             ORDER BY sessions DESC, at_ms LIMIT 1")
        .bind(id.to_string())
        .fetch_optional(&self.reader)
        .await?;
        let peak = match row {
            Some(row) => Peak { sessions: integer(&row, "sessions")?, at_ms: row.try_get("at_ms")? },
            None => Peak::default(),
        };
        let last = sql("SELECT MAX(last_at) AS last_at FROM view_peaks WHERE recording_id = $1")
            .bind(id.to_string())
            .fetch_one(&self.reader)
            .await?;
        Ok((peak, wall_option(&last, "last_at")?))
    }
}

/// Columns of [`ViewSums::read`], of rows of sums `s`.
pub(super) const SUMS: &str = "CAST(COALESCE(SUM(s.sessions), 0) AS BIGINT) AS sessions, CAST(COALESCE(SUM(s.seen_ms), 0) AS BIGINT) AS seen_ms,
    CAST(COALESCE(SUM(s.played_ms), 0) AS BIGINT) AS played_ms, CAST(COALESCE(SUM(s.playing_ms), 0) AS BIGINT) AS playing_ms,
    CAST(COALESCE(SUM(s.startups), 0) AS BIGINT) AS startups, CAST(COALESCE(SUM(s.stalls), 0) AS BIGINT) AS stalls,
    CAST(COALESCE(SUM(s.stalled_ms), 0) AS BIGINT) AS stalled_ms, CAST(COALESCE(SUM(s.seeks), 0) AS BIGINT) AS seeks,
    CAST(COALESCE(SUM(s.pauses), 0) AS BIGINT) AS pauses, CAST(COALESCE(SUM(s.errors), 0) AS BIGINT) AS errors,
    CAST(COALESCE(SUM(s.ended), 0) AS BIGINT) AS ended";

/// The same of sessions `s`.
pub(super) const SUMS_OF_SESSIONS: &str = "COUNT(*) AS sessions,
    CAST(COALESCE(SUM(s.seen_ms), 0) AS BIGINT) AS seen_ms, CAST(COALESCE(SUM(s.played_ms), 0) AS BIGINT) AS played_ms,
    CAST(COALESCE(SUM(s.playing_ms), 0) AS BIGINT) AS playing_ms,
    CAST(COALESCE(SUM(CASE WHEN s.startup_ms IS NULL THEN 0 ELSE 1 END), 0) AS BIGINT) AS startups,
    CAST(COALESCE(SUM(s.stalls), 0) AS BIGINT) AS stalls, CAST(COALESCE(SUM(s.stalled_ms), 0) AS BIGINT) AS stalled_ms,
    CAST(COALESCE(SUM(s.seeks), 0) AS BIGINT) AS seeks, CAST(COALESCE(SUM(s.pauses), 0) AS BIGINT) AS pauses,
    CAST(COALESCE(SUM(s.errors), 0) AS BIGINT) AS errors,
    CAST(COALESCE(SUM(CASE WHEN s.ended THEN 1 ELSE 0 END), 0) AS BIGINT) AS ended";

/// A curve as the column has it: four bytes for each part, the least first.
pub(super) fn encode_curve(seen: &[u32]) -> Vec<u8> {
    seen.iter().flat_map(|count| count.to_le_bytes()).collect()
}

pub(super) fn decode_curve(bytes: &[u8]) -> Result<Vec<u32>, Error> {
    let (parts, rest) = bytes.as_chunks::<4>();
    if parts.len() != PARTS || !rest.is_empty() {
        return Err(corrupt("curve", bytes.len()));
    }
    Ok(parts.iter().map(|part| u32::from_le_bytes(*part)).collect())
}
