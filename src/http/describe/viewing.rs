//! One viewing session in answers. `docs/analytics.md` has the definitions.

mod csv;

use super::shares::SessionRendition;
use super::stamp::Stamp;
use super::words;
use crate::analytics::ranges::Ranges;
use crate::analytics::retention::completion_permille;
use crate::analytics::session::Source;
use crate::catalog::{Viewing, Watcher};
use crate::id::RecordingId;
use crate::playback::watchable::Media;
use serde::Serialize;
use utoipa::ToSchema;

/// A stretch of the recording's timeline, in seconds.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WatchedStretch)]
pub(super) struct Stretch {
    start: f64,
    end: f64,
}

/// One viewing session.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ViewingSession)]
pub(in crate::http) struct Session {
    /// The client's own id of it; null when it has none, or was erased.
    session_id: Option<String>,
    /// The user; null of everybody else.
    viewer: Option<String>,
    viewer_kind: ViewerKind,
    started_at: Stamp,
    ended_at: Stamp,
    #[schema(value_type = words::ViewSource)]
    source: Source,
    estimated: bool,
    seen: Vec<Stretch>,
    seen_seconds: f64,
    played_seconds: f64,
    /// The share of the media that was seen, 0 to 1.
    completion: f64,
    startup_ms: Option<i64>,
    stalls: u32,
    stalled_seconds: f64,
    seeks: u32,
    pauses: u32,
    errors: u32,
    bitrate_kbps: Option<i64>,
    /// What was shown, as far as that is known; the longest first.
    renditions: Vec<SessionRendition>,
    /// The last playhead.
    position: Option<f64>,
    /// The end was reached.
    ended: bool,
    participant: Option<String>,
    player: Option<String>,
    /// `phone`, `tablet`, `computer`, `tv` or `other`.
    device: String,
}

/// What is known of who watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum ViewerKind {
    /// A user of the application.
    User,
    /// Somebody with a link.
    Guest,
    /// Somebody who asked not to be tracked.
    Untracked,
    /// Somebody who was erased.
    Erased,
}

impl ViewerKind {
    pub(super) fn of(watcher: &Watcher) -> Self {
        match watcher {
            Watcher::User(_) => Self::User,
            Watcher::Guest(_) => Self::Guest,
            Watcher::Untracked => Self::Untracked,
            Watcher::Erased(_) => Self::Erased,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Guest => "guest",
            Self::Untracked => "untracked",
            Self::Erased => "erased",
        }
    }
}

/// One viewing session, with what was watched.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ListedViewingSession)]
pub(in crate::http) struct Listed {
    #[schema(value_type = Uuid)]
    recording_id: RecordingId,
    #[serde(flatten)]
    session: Session,
}

impl Listed {
    pub(in crate::http) fn of(row: &Viewing, media: &Media) -> Self {
        Self { recording_id: row.recording, session: Session::of(row, media) }
    }
}

impl Session {
    pub(super) fn of(row: &Viewing, media: &Media) -> Self {
        let numbers = &row.numbers;
        let named = !row.client.starts_with('@') && !matches!(row.watcher, Watcher::Erased(_));
        let viewer = match &row.watcher {
            Watcher::User(id) => Some(id.clone()),
            _ => None,
        };
        Self {
            session_id: named.then(|| row.client.clone()),
            viewer,
            viewer_kind: ViewerKind::of(&row.watcher),
            started_at: numbers.first_at.into(),
            ended_at: numbers.last_at.into(),
            source: numbers.source,
            estimated: numbers.estimated(),
            seen: stretches(&numbers.seen),
            seen_seconds: seconds(numbers.seen.total()),
            played_seconds: seconds(numbers.played_ms),
            completion: share(completion_permille(&numbers.seen, &media.stored)),
            startup_ms: numbers.startup_ms,
            stalls: numbers.stalls,
            stalled_seconds: seconds(numbers.stalled_ms),
            seeks: numbers.seeks,
            pauses: numbers.pauses,
            errors: numbers.errors,
            bitrate_kbps: numbers.kbps,
            renditions: SessionRendition::all(&numbers.renditions),
            position: numbers.position_ms.map(seconds),
            ended: numbers.ended,
            participant: numbers.participant.clone(),
            player: numbers.player.clone(),
            device: row.device.clone(),
        }
    }
}

pub(super) fn stretches(ranges: &Ranges) -> Vec<Stretch> {
    ranges.iter().map(|one| Stretch { start: seconds(one.start), end: seconds(one.end) }).collect()
}

/// Of thousandths, as a part of one.
pub(in crate::http) fn share(permille: i64) -> f64 {
    seconds(permille)
}

/// Of thousandths.
#[expect(clippy::cast_precision_loss, reason = "printed, not calculated with")]
pub(in crate::http) fn seconds(thousandths: i64) -> f64 {
    thousandths as f64 / 1000.0
}
