//! The first message of an application that comes to us.

use super::VERSION;
use crate::id::RecordingId;
use crate::session::Layers;
use crate::sfu::event::RECORDER;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Longest name of a room, in bytes: as the API's.
const MAX_ROOM: usize = 512;
/// Longest title.
const MAX_TITLE: usize = 1024;
/// Largest metadata, as JSON.
const MAX_METADATA: usize = 64 << 10;

/// Why an application is not let in.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// It speaks another version.
    #[error("this recorder speaks version {VERSION} of the bridge's protocol")]
    Version,
    /// It did not say hello.
    #[error("the first message must be a request 'hello'")]
    NoHello,
    /// It said it wrongly.
    #[error("hello: {0}")]
    Unreadable(String),
    /// Somebody else has attached the room, and is there.
    #[error("an application of another user has attached this room")]
    Taken,
    /// Many others are here.
    #[error("too many rooms are attached")]
    TooMany,
}

impl Refusal {
    /// The code of the answer. The WebSocket is closed with 4000 more.
    pub(super) fn code(&self) -> u16 {
        match self {
            Self::Version => 426,
            Self::NoHello | Self::Unreadable(_) => 400,
            Self::Taken => 409,
            Self::TooMany => 503,
        }
    }
}

/// What an application says of the room that it attaches.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Hello {
    pub(super) room_id: String,
    /// The session that it had before its WebSocket dropped.
    pub(super) session: Option<String>,
    pub(super) metadata: Map<String, Value>,
    pub(super) title: Option<String>,
    /// A recording is to start by itself.
    pub(super) record: bool,
    /// The last recording that took part in this room, by the application's word.
    pub(super) recorded: Option<RecordingId>,
    pub(super) layers: Layers,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    version: u32,
    room_id: String,
    #[serde(default)]
    session: Option<String>,
    #[serde(default)]
    metadata: Option<Map<String, Value>>,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    record: bool,
    #[serde(default)]
    recorded: Option<String>,
    #[serde(default)]
    layers: Option<String>,
}

/// Reads the body of `hello`.
pub(super) fn read(data: Value) -> Result<Hello, Refusal> {
    // Another version may have another body.
    if data.get("version").and_then(Value::as_u64).is_some_and(|version| version != u64::from(VERSION)) {
        return Err(Refusal::Version);
    }
    let unreadable = |what: &str| Refusal::Unreadable(what.to_owned());
    let raw: Raw = serde_json::from_value(data).map_err(|error| Refusal::Unreadable(error.to_string()))?;
    if raw.version != VERSION {
        return Err(Refusal::Version);
    }
    if raw.room_id.trim().is_empty() || raw.room_id.len() > MAX_ROOM {
        return Err(unreadable("roomId must have 1 to 512 bytes"));
    }
    let metadata = raw.metadata.unwrap_or_default();
    if serde_json::to_string(&metadata).map_or(usize::MAX, |text| text.len()) > MAX_METADATA {
        return Err(unreadable("metadata must be at most 64 KiB"));
    }
    let title = raw.title.filter(|title| !title.trim().is_empty());
    if title.as_ref().is_some_and(|title| title.len() > MAX_TITLE) {
        return Err(unreadable("title must be at most 1024 bytes"));
    }
    let layers = match raw.layers.as_deref() {
        None => Layers::Max,
        Some(name) => Layers::from_name(name).ok_or_else(|| unreadable("layers must be max or all"))?,
    };
    let recording = |name: &str| name.strip_prefix(RECORDER).and_then(|id| id.parse().ok());
    let recorded = match raw.recorded.as_deref() {
        None => None,
        Some(name) => Some(
            recording(name).ok_or_else(|| unreadable("recorded must be the id of an attach's recorder"))?,
        ),
    };
    let Raw { room_id, session, record, .. } = raw;
    Ok(Hello { room_id, session, metadata, title, record, recorded, layers })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_hello_is_read_and_another_version_is_told_apart_from_nonsense() {
        let hello = read(json!({"version": 1, "roomId": "r", "record": true, "layers": "all", "later": 1}));
        let hello = hello.unwrap();
        assert_eq!((hello.room_id.as_str(), hello.record, hello.layers), ("r", true, Layers::All));
        let id = RecordingId::new();
        let hello = read(json!({"version": 1, "roomId": "r", "recorded": format!("tureen-{id}")}));
        assert_eq!(hello.unwrap().recorded, Some(id));
        assert_eq!(read(json!({"version": 2, "room": 7})), Err(Refusal::Version));
        for wrong in [
            json!(null),
            json!({"version": 1}),
            json!({"version": "1", "roomId": "r"}),
            json!({"version": 1, "roomId": " "}),
            json!({"version": 1, "roomId": "r".repeat(600)}),
            json!({"version": 1, "roomId": "r", "layers": "some"}),
            json!({"version": 1, "roomId": "r", "recorded": "rec-1"}),
            json!({"version": 1, "roomId": "r", "recorded": true}),
            json!({"version": 1, "roomId": "r", "metadata": [1]}),
            json!({"version": 1, "roomId": "r", "metadata": {"x": "y".repeat(70_000)}}),
            json!({"version": 1, "roomId": "r", "title": "t".repeat(2000)}),
        ] {
            assert!(matches!(read(wrong.clone()), Err(Refusal::Unreadable(_))), "{wrong}");
        }
    }
}
