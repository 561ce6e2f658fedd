//! What is asked for when a recording starts, and what of it is kept for as long as it runs.

use super::attach::SourceSpec;
use super::rules::{Limits, Rules};
use crate::catalog::{self, NewRecording, NewTarget, PartTarget};
use crate::id::RecordingId;
use crate::media::segment::Policy;
use crate::session::Layers;
use crate::time::WallTime;
use serde::{Deserialize, Serialize};

/// What to record.
#[derive(Clone, Debug)]
pub struct StartRequest {
    /// The room, any string.
    pub room_id: String,
    /// Title.
    pub title: String,
    /// Description.
    pub description: Option<String>,
    /// The user who asked for it.
    pub started_by: String,
    /// Where to attach.
    pub source: SourceSpec,
    /// Which spatial layers become tracks.
    pub layers: Layers,
    /// Whom and what to record.
    pub rules: Rules,
    /// When it ends by itself.
    pub limits: Limits,
    /// Another recording of the room may run.
    pub parallel: bool,
    /// What the client calls this request, so that it may ask twice.
    pub idempotency_key: Option<String>,
    /// The application's own data.
    pub metadata: serde_json::Value,
    /// Who is told of its events.
    pub webhooks: Vec<NewTarget>,
}

impl StartRequest {
    /// What of it the catalogue keeps under `source`, so that a recording can be taken up again.
    fn kept(&self) -> Kept {
        let (source, layers, rules) = (self.source.clone(), self.layers, self.rules.clone());
        Kept { source, layers, rules, limits: self.limits, parallel: self.parallel }
    }

    /// It asks for what a row was made of. Whom to record may have changed since.
    pub(super) fn is_kept_as(&self, source: &serde_json::Value) -> bool {
        let kept = serde_json::from_value::<Kept>(source.clone());
        kept.is_ok_and(|kept| kept == Kept { rules: kept.rules.clone(), ..self.kept() })
    }

    /// What a row was made of. `None` if an older version made it.
    pub(super) fn of_row(row: &catalog::Recording) -> Option<Self> {
        let kept: Kept = serde_json::from_value(row.source.clone()).ok()?;
        Some(Self {
            room_id: row.room_id.clone(),
            title: row.title.clone(),
            description: row.description.clone(),
            started_by: row.started_by.clone(),
            source: kept.source,
            layers: kept.layers,
            rules: kept.rules,
            limits: kept.limits,
            parallel: kept.parallel,
            idempotency_key: None,
            metadata: row.metadata.clone(),
            // Their rows are there already.
            webhooks: Vec::new(),
        })
    }

    /// The row of a recording that begins.
    pub(super) fn row(&self, id: RecordingId, started_at: WallTime, policy: Policy) -> NewRecording {
        NewRecording {
            id,
            room_id: self.room_id.clone(),
            title: self.title.clone(),
            description: self.description.clone(),
            started_by: self.started_by.clone(),
            started_at,
            source: serde_json::json!(self.kept()),
            parallel: self.parallel,
            idempotency_key: self.idempotency_key.clone(),
            metadata: self.metadata.clone(),
            format: "cmaf".to_owned(),
            webhooks: self.webhooks.clone(),
            part: PartTarget(policy.fragment_micros),
        }
    }
}

/// The member `source` of a recording's row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Kept {
    #[serde(flatten)]
    source: SourceSpec,
    layers: Layers,
    #[serde(default)]
    rules: Rules,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    parallel: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::Duration;

    fn request() -> StartRequest {
        StartRequest {
            room_id: "r".to_owned(),
            title: "t".to_owned(),
            description: None,
            started_by: "u".to_owned(),
            source: SourceSpec::Protoo {
                url: "ws://h/".to_owned(),
                origin: None,
                display_name: None,
                join: serde_json::Map::from_iter([("hidden".to_owned(), json!(true))]),
            },
            layers: Layers::Max,
            rules: Rules { exclude: ["ann".to_owned()].into(), ..Rules::default() },
            limits: Limits { alone: Some(Duration::from_secs(9)), ..Limits::default() },
            parallel: true,
            idempotency_key: Some("k".to_owned()),
            metadata: json!({ "a": 1 }),
            webhooks: Vec::new(),
        }
    }

    #[test]
    fn what_was_asked_for_is_read_back_from_the_row() {
        let asked = request();
        let row = asked.row(RecordingId::new(), WallTime(1), Policy::default());
        assert_eq!((&row.source["mode"], &row.source["layers"]), (&json!("protoo"), &json!("max")));
        assert_eq!(row.source["rules"]["exclude"], json!(["ann"]));
        assert_eq!(row.source["join"], json!({"hidden": true}));
        let kept: Kept = serde_json::from_value(row.source.clone()).unwrap();
        assert_eq!(kept.source, asked.source);
        assert!(asked.is_kept_as(&row.source));
        let mut changed = row.source.clone();
        changed["rules"]["exclude"] = json!(["ann", "bob"]);
        assert!(asked.is_kept_as(&changed), "consent changes while it runs");
        changed["url"] = json!("ws://other/");
        assert!(!asked.is_kept_as(&changed));
        // As rows of the first versions are.
        let old = json!({ "mode": "protoo", "url": "ws://h/", "layers": "max" });
        let kept: Kept = serde_json::from_value(old).unwrap();
        assert_eq!((kept.rules, kept.limits), (Rules::default(), Limits::default()));
        let SourceSpec::Protoo { join, .. } = kept.source else { panic!() };
        assert!(join.is_empty());
    }
}
