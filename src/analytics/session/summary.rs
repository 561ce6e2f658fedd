//! The numbers of one viewing session.

use super::super::ranges::Ranges;
use super::watched::{Rendition, Watched};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Different codes of errors that are kept of a session.
const MOST_CODES: usize = 16;

/// Whose word a summary takes, best first. Of a session that has several only the best one decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Beacons with numbers and a clock: exact.
    Beacon,
    /// CMCD reports, placed by the requests: exact in time, within a segment in place.
    Reports,
    /// Positions of older clients by their arrival: within a heartbeat.
    Progress,
    /// Requests: an estimate.
    Requests,
}

impl Source {
    /// All of them, the best first.
    pub const ALL: [Self; 4] = [Self::Beacon, Self::Reports, Self::Progress, Self::Requests];

    /// As it is stored and told.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Beacon => "beacon",
            Self::Reports => "reports",
            Self::Progress => "progress",
            Self::Requests => "requests",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.name() == name)
    }
}

/// Errors of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Errors {
    pub(super) count: u32,
    pub(super) codes: BTreeSet<String>,
}

impl Errors {
    pub(super) fn add(&mut self, code: Option<&str>) {
        self.count = self.count.saturating_add(1);
        if let Some(code) = code.filter(|_| self.codes.len() < MOST_CODES) {
            self.codes.insert(code.to_owned());
        }
    }

    pub(super) fn at_least(&mut self, count: u32) {
        self.count = self.count.max(count);
    }
}

/// What one source came to. Members as in [`Summary`].
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) started_ms: i64,
    pub(super) ended_ms: i64,
    pub(super) watched: Watched,
    pub(super) startup_ms: Option<i64>,
    pub(super) stalls: u32,
    pub(super) stalled_ms: i64,
    pub(super) seeks: u32,
    pub(super) pauses: u32,
    pub(super) ended: bool,
    pub(super) errors: Errors,
    pub(super) live: Option<bool>,
    pub(super) position_ms: Option<i64>,
    pub(super) jumps: u32,
    pub(super) silences: u32,
    pub(super) unsure_ms: i64,
    pub(super) participant: Option<String>,
    pub(super) player: Option<String>,
}

/// The numbers of one viewing session. `docs/analytics.md` defines them. All are milliseconds unless they say otherwise;
/// moments are milliseconds since 1970 by this server's clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Whose word this is.
    pub source: Source,
    /// It is an estimate: of [`Source::Requests`].
    pub estimated: bool,
    /// The first event.
    pub started_ms: i64,
    /// The last event.
    pub ended_ms: i64,
    /// What of the media was watched at least once.
    pub seen: Ranges,
    /// Media that was watched in all, never less than is in `seen`.
    pub played_ms: i64,
    /// For how long media (or a fill) was shown, by the viewer's clock: at double rate half of what was played.
    pub playing_ms: i64,
    /// From the wish to play to the first picture. `None`: not known.
    pub startup_ms: Option<i64>,
    /// How often media stopped because more had not come.
    pub stalls: u32,
    /// For how long in all.
    pub stalled_ms: i64,
    /// How often the playhead was moved, after something had been shown.
    pub seeks: u32,
    /// How often it was told to stand still.
    pub pauses: u32,
    /// Errors that were told.
    pub errors: u32,
    /// Their codes, up to 16 different ones.
    pub error_codes: BTreeSet<String>,
    /// Encoded bitrate summed over `bits_ms`: bits.
    pub bits: i64,
    /// Of `playing_ms`, for how long a bitrate was known.
    pub bits_ms: i64,
    /// `playing_ms` by what it was watched in.
    pub renditions: BTreeMap<Rendition, i64>,
    /// The recording was running. `None`: not known.
    pub live: Option<bool>,
    /// The last playhead that was told, on the recording's timeline.
    pub position_ms: Option<i64>,
    /// The end was reached.
    pub ended: bool,
    /// Bytes of segments that were sent.
    pub bytes: u64,
    /// Requests for segments.
    pub requests: u32,
    /// How often the playhead was elsewhere than clock and rate allow, and no seek was told: nothing in between counts.
    pub jumps: u32,
    /// How often nothing was heard for too long: nothing in between counts.
    pub silences: u32,
    /// Of an estimate: what was loaded, may have been watched, and is not counted.
    pub unsure_ms: i64,
    /// Whom of the recording it showed, as its client said.
    pub participant: Option<String>,
    /// The player, as it said.
    pub player: Option<String>,
}

impl Summary {
    pub(super) fn new(source: Source, outcome: Outcome, media: &Ranges, sent: (u64, u32)) -> Self {
        let (seen, played_ms) = outcome.watched.of(media);
        Self {
            source,
            estimated: source == Source::Requests,
            started_ms: outcome.started_ms,
            ended_ms: outcome.ended_ms,
            seen,
            played_ms,
            playing_ms: outcome.watched.playing_ms,
            startup_ms: outcome.startup_ms,
            stalls: outcome.stalls,
            stalled_ms: outcome.stalled_ms,
            seeks: outcome.seeks,
            pauses: outcome.pauses,
            errors: outcome.errors.count,
            error_codes: outcome.errors.codes,
            bits: outcome.watched.bits,
            bits_ms: outcome.watched.bits_ms,
            renditions: outcome.watched.renditions,
            live: outcome.live,
            position_ms: outcome.position_ms,
            ended: outcome.ended,
            bytes: sent.0,
            requests: sent.1,
            jumps: outcome.jumps,
            silences: outcome.silences,
            unsure_ms: outcome.unsure_ms,
            participant: outcome.participant,
            player: outcome.player,
        }
    }

    /// Media that was watched again.
    #[must_use]
    pub fn rewatched_ms(&self) -> i64 {
        self.played_ms.saturating_sub(self.seen.total())
    }

    /// The mean encoded bitrate in kbit/s, weighed by time. `None`: none was known.
    #[must_use]
    pub fn mean_kbps(&self) -> Option<i64> {
        (self.bits_ms > 0).then(|| self.bits / self.bits_ms)
    }

    /// The share of the time in which media should have been shown and was not, in thousandths.
    #[must_use]
    pub fn stalled_permille(&self) -> i64 {
        let should = self.playing_ms.saturating_add(self.stalled_ms);
        if should > 0 { self.stalled_ms.saturating_mul(1000) / should } else { 0 }
    }
}
