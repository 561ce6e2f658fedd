//! The bodies of the bridge's messages. What comes in is read leniently: unknown members are ignored, and what a
//! message cannot do without makes it as if never said.

use super::super::{Event, PeerInfo};
use crate::media::Kind;
use crate::session::{Consumer, ConsumerType, RtpCapabilities, RtpParameters, Source};
use serde::Deserialize;
use serde_json::{Value, json};

/// The highest spatial layer that a consumer may be for: mediasoup's own limit is lower.
const MOST_LAYERS: u8 = 8;

/// The answer to `attach`.
pub(super) fn attached(mut data: Value) -> Result<RtpCapabilities, serde_json::Error> {
    let capabilities = data.get_mut("routerRtpCapabilities").map(Value::take).unwrap_or_default();
    // An object of another kind would read as capabilities without codecs.
    if !capabilities.get("codecs").is_some_and(Value::is_array) {
        return Err(serde::de::Error::missing_field("routerRtpCapabilities.codecs"));
    }
    serde_json::from_value(capabilities)
}

/// Who is there, from the answer to `observe`.
pub(super) fn present(data: &Value) -> Vec<PeerInfo> {
    data.get("peers").and_then(Value::as_array).into_iter().flatten().filter_map(peer).collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewConsumer {
    consumer_id: String,
    producer_id: String,
    peer_id: String,
    kind: Kind,
    #[serde(default)]
    source: Option<String>,
    rtp_parameters: RtpParameters,
    #[serde(default, rename = "type")]
    kind_of: Option<String>,
    #[serde(default)]
    producer_paused: bool,
    #[serde(default)]
    spatial_layer: Option<u8>,
}

/// The body of `newConsumer`.
pub(super) fn new_consumer(data: Value) -> Result<Consumer, serde_json::Error> {
    let new: NewConsumer = serde_json::from_value(data)?;
    if new.spatial_layer.is_some_and(|layer| layer >= MOST_LAYERS) {
        return Err(serde::de::Error::custom("spatialLayer is out of range"));
    }
    Ok(Consumer {
        id: new.consumer_id,
        producer_id: new.producer_id,
        peer_id: new.peer_id,
        kind: new.kind,
        source: Source::from_app_data(&json!({ "source": new.source }), new.kind),
        rtp_parameters: new.rtp_parameters,
        paused: new.producer_paused,
        kind_of: ConsumerType::from_name(new.kind_of.as_deref().unwrap_or_default()),
        layer: new.spatial_layer.filter(|_| new.kind == Kind::Video),
    })
}

/// The event that a notification tells, if any that concerns us.
pub(super) fn event(method: &str, data: &Value) -> Option<Event> {
    match method {
        "peerJoined" => peer(data).map(Event::PeerJoined),
        "peerUpdated" => peer(data).map(Event::PeerRenamed),
        "peerLeft" => text(data, "peerId").map(Event::PeerLeft),
        "consumerClosed" => text(data, "consumerId").map(Event::ConsumerClosed),
        "consumerPaused" => text(data, "consumerId").map(Event::ConsumerPaused),
        "consumerResumed" => text(data, "consumerId").map(Event::ConsumerResumed),
        "consumerLayers" => Some(Event::ConsumerLayers {
            consumer: text(data, "consumerId")?,
            spatial: small(data, "spatialLayer"),
            temporal: small(data, "temporalLayer"),
        }),
        "consumerScore" => Some(Event::Score {
            consumer: text(data, "consumerId")?,
            score: small(data, "score")?,
            producer_score: small(data, "producerScore").unwrap_or_default(),
        }),
        "activeSpeaker" => Some(Event::ActiveSpeaker(text(data, "peerId"))),
        _ => None,
    }
}

/// What may be dropped when too much comes at once: the next one replaces it.
pub(super) fn transient(method: &str) -> bool {
    matches!(method, "consumerScore" | "activeSpeaker")
}

pub(super) fn peer(data: &Value) -> Option<PeerInfo> {
    Some(PeerInfo {
        id: text(data, "peerId")?,
        display_name: text(data, "displayName").unwrap_or_default(),
        user_id: text(data, "userId"),
    })
}

pub(super) fn text(data: &Value, name: &str) -> Option<String> {
    data.get(name)?.as_str().map(str::to_owned)
}

pub(super) fn small(data: &Value, name: &str) -> Option<u8> {
    data.get(name)?.as_u64().and_then(|number| u8::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn offered() -> Value {
        json!({"consumerId": "c", "producerId": "p", "peerId": "ann", "kind": "video", "source": "screen",
            "type": "simulcast", "rtpParameters": {"codecs": [], "encodings": []}, "producerPaused": true,
            "spatialLayer": 2, "aWordOfLaterVersions": {}})
    }

    #[test]
    fn a_consumer_of_a_layer_is_read() {
        let consumer = new_consumer(offered()).unwrap();
        assert_eq!((consumer.id.as_str(), consumer.producer_id.as_str()), ("c", "p"));
        assert_eq!((consumer.layer, consumer.source, consumer.paused), (Some(2), Source::Screen, true));
        assert_eq!(consumer.kind_of, ConsumerType::Simulcast);
        let mut plain = offered();
        for name in ["spatialLayer", "source", "type", "producerPaused"] {
            plain.as_object_mut().unwrap().remove(name);
        }
        let consumer = new_consumer(plain).unwrap();
        assert_eq!((consumer.layer, consumer.source, consumer.paused), (None, Source::Camera, false));
    }

    #[test]
    fn a_consumer_without_what_it_needs_is_refused() {
        for name in ["consumerId", "producerId", "peerId", "kind", "rtpParameters"] {
            let mut less = offered();
            less.as_object_mut().unwrap().remove(name);
            assert!(new_consumer(less).is_err(), "{name}");
        }
        for (name, wrong) in [
            ("spatialLayer", json!(8)),
            ("spatialLayer", json!(-1)),
            ("kind", json!("smell")),
            ("peerId", json!(7)),
        ] {
            let mut other = offered();
            other[name] = wrong;
            assert!(new_consumer(other).is_err(), "{name}");
        }
    }

    #[test]
    fn capabilities_must_have_codecs() {
        assert!(attached(json!({"routerRtpCapabilities": {"codecs": []}})).is_ok());
        for wrong in [json!({}), json!(null), json!({"routerRtpCapabilities": {}}), json!({"codecs": []})] {
            assert!(attached(wrong).is_err());
        }
    }

    #[test]
    fn notifications_are_events() {
        let layers = json!({"consumerId": "c", "spatialLayer": 1, "temporalLayer": 0});
        let told = Event::ConsumerLayers { consumer: "c".into(), spatial: Some(1), temporal: Some(0) };
        assert_eq!(event("consumerLayers", &layers), Some(told));
        let none = Event::ConsumerLayers { consumer: "c".into(), spatial: None, temporal: None };
        assert_eq!(event("consumerLayers", &json!({"consumerId": "c"})), Some(none));
        let ann = PeerInfo { id: "a".into(), display_name: "Ann".into(), user_id: None };
        assert_eq!(
            event("peerJoined", &json!({"peerId": "a", "displayName": "Ann"})),
            Some(Event::PeerJoined(ann))
        );
        assert_eq!(event("activeSpeaker", &json!({"peerId": null})), Some(Event::ActiveSpeaker(None)));
        for (method, data) in
            [("peerLeft", json!({})), ("consumerClosed", json!({"consumerId": 7})), ("dance", json!({}))]
        {
            assert_eq!(event(method, &data), None, "{method}");
        }
    }

    /// The schema that applications are written by names what is understood here, and nothing else.
    #[test]
    fn the_schema_names_the_same_notifications() {
        let schema: Value =
            serde_json::from_str(include_str!("../../../docs/design/bridge-protocol.schema.json")).unwrap();
        let said = |list: &Value| -> Vec<String> {
            let parts = list["anyOf"].as_array().unwrap().iter().filter_map(|part| part["$ref"].as_str());
            let parts = parts.filter_map(|part| part.strip_prefix("#/$defs/notifications/"));
            let methods = parts.map(|part| &schema["$defs"]["notifications"][part]["properties"]["method"]);
            let named = methods.flat_map(|method| match method.get("enum") {
                Some(several) => several.as_array().unwrap().clone(),
                None => vec![method["const"].clone()],
            });
            named.map(|name| name.as_str().unwrap().to_owned()).collect()
        };
        let whole = json!({"peerId": "p", "consumerId": "c", "score": 1});
        let mut methods = said(&schema["$defs"]["application"]);
        methods.retain(|method| method != "state");
        assert_eq!(methods.len(), 9, "{methods:?}");
        for method in &methods {
            assert!(event(method, &whole).is_some(), "{method} is understood");
        }
        assert_eq!(said(&schema["$defs"]["recorder"]), ["detach", "error"]);
    }

    proptest! {
        #[test]
        fn any_body_is_read_or_refused(method in "(peer|consumer|active|new)[A-Za-z]{0,12}", text in "\\PC{0,80}") {
            let data = serde_json::from_str(&text).unwrap_or(Value::String(text));
            let _ = (event(&method, &data), new_consumer(data.clone()), attached(data.clone()), present(&data));
        }
    }
}
