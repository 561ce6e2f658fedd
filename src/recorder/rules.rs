//! What of a room is recorded, and when a recording ends by itself.

use super::attach::SourceSpec;
use crate::media::Kind;
use crate::session::{Consumer, Source};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// Whom and what to record. An empty list leaves everything in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rules {
    /// Only these participants, by peer id or user id.
    pub participants: BTreeSet<String>,
    /// Never these, whatever else is said: nothing of them is received.
    pub exclude: BTreeSet<String>,
    /// Only sound, or only pictures.
    pub kinds: Vec<Kind>,
    /// Only these sources.
    pub sources: Vec<Source>,
}

impl Rules {
    /// Somebody whose media may be recorded, by the application's ids of the peer and, where it is known, of the user.
    #[must_use]
    pub fn admits_participant(&self, peer_id: &str, user_id: Option<&str>) -> bool {
        let named = |names: &BTreeSet<String>| {
            names.contains(peer_id) || user_id.is_some_and(|user_id| names.contains(user_id))
        };
        !named(&self.exclude) && (self.participants.is_empty() || named(&self.participants))
    }

    /// Lets a participant in, whatever was said before.
    pub(super) fn include(&mut self, peer_id: &str, user_id: Option<&str>) {
        self.exclude.remove(peer_id);
        if let Some(user_id) = user_id {
            self.exclude.remove(user_id);
        }
        if !self.admits_participant(peer_id, user_id) {
            self.participants.insert(peer_id.to_owned());
        }
    }

    /// It may be received of a participant with this user id.
    #[must_use]
    pub fn admits(&self, consumer: &Consumer, user_id: Option<&str>) -> bool {
        self.admits_participant(&consumer.peer_id, user_id)
            && (self.kinds.is_empty() || self.kinds.contains(&consumer.kind))
            && (self.sources.is_empty() || self.sources.contains(&consumer.source))
    }
}

/// When a recording ends without being stopped. `None`: never for this reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// So long after its start.
    #[serde(with = "seconds")]
    pub max_duration: Option<Duration>,
    /// After no packet of any participant came for so long.
    #[serde(with = "seconds")]
    pub idle: Option<Duration>,
    /// After nobody but the recorder was in the room for so long. A room lives while somebody is in it, the recorder
    /// too.
    #[serde(with = "seconds")]
    pub alone: Option<Duration>,
    /// After a lost room could not be joined again for so long; some minutes unless it is said.
    #[serde(with = "seconds")]
    pub reconnect: Option<Duration>,
}

/// A recorder leaves a room in which nobody else has been for so long.
const ALONE: Duration = Duration::from_secs(300);

impl Limits {
    /// Those of a recording that nobody set any for. A bridge's application may tell only of those who publish, and ends
    /// its room itself: the recorder does not keep it alive.
    #[must_use]
    pub fn usual(source: &SourceSpec) -> Self {
        let alone = (!matches!(source, SourceSpec::Bridge { .. })).then_some(ALONE);
        Self { alone, ..Self::default() }
    }
}

/// Durations as seconds.
mod seconds {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::time::Duration;

    #[allow(clippy::ref_option, reason = "serde gives it so")]
    pub(super) fn serialize<S: Serializer>(value: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        value.map(|value| value.as_secs_f64()).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        let value = Option::<f64>::deserialize(from)?;
        value.map(Duration::try_from_secs_f64).transpose().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::recording_tests::consumer;
    use serde_json::json;

    fn rules(value: serde_json::Value) -> Rules {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn whom_nobody_named_is_recorded_unless_excluded() {
        let (ann, bob) = (consumer("1", "ann", "audio/opus"), consumer("2", "bob", "video/VP8"));
        let admitted = |value| {
            let rules = rules(value);
            (rules.admits(&ann, Some("user 1")), rules.admits(&bob, None))
        };
        assert_eq!(admitted(json!({})), (true, true));
        assert_eq!(admitted(json!({ "participants": ["ann"] })), (true, false));
        assert_eq!(admitted(json!({ "participants": ["user 1"] })), (true, false));
        assert_eq!(admitted(json!({ "exclude": ["ann"] })), (false, true));
        assert_eq!(admitted(json!({ "exclude": ["user 1"] })), (false, true));
        assert_eq!(admitted(json!({ "participants": ["ann"], "exclude": ["ann"] })), (false, false));
        assert_eq!(admitted(json!({ "kinds": ["audio"] })), (true, false));
        assert_eq!(admitted(json!({ "sources": ["camera", "screen"] })), (false, true));
        assert_eq!(admitted(json!({ "kinds": ["audio"], "sources": ["camera"] })), (false, false));
    }

    #[test]
    fn nobody_is_alone_over_a_bridge_unless_it_is_asked_for() {
        let usual = |source: serde_json::Value| Limits::usual(&serde_json::from_value(source).unwrap());
        assert_eq!(usual(json!({ "mode": "protoo", "url": "ws://h/" })).alone, Some(ALONE));
        assert_eq!(usual(json!({ "mode": "http", "url": "http://h/" })).alone, Some(ALONE));
        for url in [json!(null), json!("ws://h/")] {
            assert_eq!(usual(json!({ "mode": "bridge", "url": url })), Limits::default());
        }
    }

    #[test]
    fn whoever_is_let_in_is_recorded_whatever_was_said() {
        for (said, then) in [
            (json!({}), json!({})),
            (json!({ "exclude": ["ann", "user 1", "bob"] }), json!({ "exclude": ["bob"] })),
            (json!({ "participants": ["bob"] }), json!({ "participants": ["ann", "bob"] })),
            (
                json!({ "participants": ["user 1"], "exclude": ["ann"] }),
                json!({ "participants": ["user 1"] }),
            ),
        ] {
            let mut rules = rules(said);
            rules.include("ann", Some("user 1"));
            assert!(rules.admits_participant("ann", Some("user 1")));
            assert_eq!(rules, self::rules(then));
        }
    }

    #[test]
    fn limits_are_kept_as_seconds() {
        let limits = Limits { max_duration: Some(Duration::from_millis(1500)), ..Limits::default() };
        let kept = serde_json::to_value(limits).unwrap();
        assert_eq!(kept, json!({ "max_duration": 1.5, "idle": null, "alone": null, "reconnect": null }));
        assert_eq!(serde_json::from_value::<Limits>(kept).unwrap(), limits);
        assert!(serde_json::from_value::<Limits>(json!({ "idle": -1.0 })).is_err());
        assert_eq!(serde_json::from_value::<Limits>(json!({})).unwrap(), Limits::default());
    }
}
