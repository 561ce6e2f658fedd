//! What recordings do without being asked leaves a record too. What is asked of the API is recorded there.

use super::auto::Cause;
use crate::audit::{Action, Appender, Entry};
use crate::catalog::EndedBy;
use crate::clock::{Clock, SystemClock};
use crate::id::RecordingId;
use serde_json::json;

/// A recording has begun by itself.
pub(super) fn began(audit: Option<&Appender>, id: RecordingId, room: &str, cause: Cause) {
    append(audit, Action::Start, id, room, json!({ "by": cause.name() }));
}

/// A recording has ended by itself, or with the service.
pub(super) fn ended(audit: Option<&Appender>, id: RecordingId, room: &str, by: EndedBy) {
    append(audit, Action::Stop, id, room, json!({ "ended_by": by }));
}

/// It has happened whether or not it can be recorded now, so nobody waits for the row.
fn append(audit: Option<&Appender>, action: Action, id: RecordingId, room: &str, detail: serde_json::Value) {
    let Some(appender) = audit else { return };
    appender.append_later(Entry {
        recording: Some(id),
        room: Some(room.to_owned()),
        detail: Some(detail),
        ..Entry::system(SystemClock.wall(), action)
    });
}
