//! Viewing sessions as lines of CSV.

use super::{Listed, Stretch};
use crate::csv::{line, text};
use std::fmt::Display;

const NAMES: [&str; 25] = [
    "recording_id",
    "session_id",
    "viewer",
    "viewer_kind",
    "started_at",
    "ended_at",
    "source",
    "estimated",
    "seen",
    "seen_seconds",
    "played_seconds",
    "completion",
    "startup_ms",
    "stalls",
    "stalled_seconds",
    "seeks",
    "pauses",
    "errors",
    "bitrate_kbps",
    "renditions",
    "position",
    "ended",
    "participant",
    "player",
    "device",
];

impl Listed {
    /// Names of the columns, as a line.
    pub(in crate::http) fn csv_header() -> String {
        line(&NAMES.map(str::to_owned))
    }

    /// Its cells, as a line.
    pub(in crate::http) fn csv(&self) -> String {
        let session = &self.session;
        let own = |own: &Option<String>| own.as_deref().map(text).unwrap_or_default();
        let cells: [String; NAMES.len()] = [
            self.recording_id.to_string(),
            own(&session.session_id),
            own(&session.viewer),
            session.viewer_kind.name().to_owned(),
            session.started_at.text().to_owned(),
            session.ended_at.text().to_owned(),
            session.source.name().to_owned(),
            session.estimated.to_string(),
            several(&session.seen, |Stretch { start, end }| format!("{start}-{end}")),
            session.seen_seconds.to_string(),
            session.played_seconds.to_string(),
            session.completion.to_string(),
            maybe(session.startup_ms),
            session.stalls.to_string(),
            session.stalled_seconds.to_string(),
            session.seeks.to_string(),
            session.pauses.to_string(),
            session.errors.to_string(),
            maybe(session.bitrate_kbps),
            several(&session.renditions, ToString::to_string),
            maybe(session.position),
            session.ended.to_string(),
            own(&session.participant),
            own(&session.player),
            text(&session.device),
        ];
        line(&cells)
    }
}

/// A number that may not be known.
fn maybe(number: Option<impl Display>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

/// Several numbers in one cell.
fn several<T>(all: &[T], one: impl Fn(&T) -> String) -> String {
    all.iter().map(one).collect::<Vec<_>>().join(" ")
}
