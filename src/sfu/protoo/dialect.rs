//! The bodies of the messages in the two dialects that are in the field.
//!
//! mediasoup-demo's server was rewritten from JavaScript to TypeScript and its messages changed with it. Applications
//! descend from either, so a dialect is told by the fields that are there and never by a version. What comes in is
//! read with the names of both; only what we send depends on the [`Dialect`].

use super::super::{Event, PeerInfo};
use crate::media::Kind;
use crate::session::{Consumer, ConsumerType, RtpCapabilities, RtpParameters, Source};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Members of `join` that are ours to say.
pub(super) const OWN: [&str; 3] = ["displayName", "device", "rtpCapabilities"];
/// By this `device.flag`, recorders know each other, whatever names they have.
const FLAG: &str = "tureen";

/// Who wrote the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Dialect {
    /// The older JavaScript demo.
    #[default]
    JavaScript,
    /// Its rewrite.
    TypeScript,
}

/// The router's capabilities: bare, or under a name in the rewrite.
pub(super) fn router_capabilities(mut data: Value) -> Result<(Dialect, RtpCapabilities), serde_json::Error> {
    let (dialect, capabilities) = match data.get_mut("routerRtpCapabilities").map(Value::take) {
        Some(inner) => (Dialect::TypeScript, inner),
        None => (Dialect::JavaScript, data),
    };
    // An object of another kind would read as capabilities without codecs.
    if !capabilities.get("codecs").is_some_and(Value::is_array) {
        return Err(serde::de::Error::missing_field("codecs"));
    }
    Ok((dialect, serde_json::from_value(capabilities)?))
}

/// The body of `createWebRtcTransport`.
pub(super) fn create_transport(dialect: Dialect) -> Value {
    match dialect {
        Dialect::JavaScript => json!({ "forceTcp": false, "producing": false, "consuming": true }),
        Dialect::TypeScript => json!({ "forceTcp": false, "appData": { "direction": "consumer" } }),
    }
}

/// The answer to `restartIce`: bare, or under a name in the rewrite.
pub(super) fn ice_parameters(mut data: Value) -> Value {
    data.get_mut("iceParameters").map(Value::take).unwrap_or(data)
}

/// The body of `join`, equal in both, and what else this server understands.
pub(super) fn join(display_name: &str, capabilities: &RtpCapabilities, more: &Map<String, Value>) -> Value {
    let device = json!({ "flag": FLAG, "name": "Tureen", "version": env!("CARGO_PKG_VERSION") });
    let mut data = more.clone();
    let own = [json!(display_name), device, json!(capabilities)];
    data.extend(OWN.map(str::to_owned).into_iter().zip(own));
    Value::Object(data)
}

/// Those who were there before us, from the answer to `join`.
pub(super) fn joined(data: &Value) -> Vec<PeerInfo> {
    data.get("peers").and_then(Value::as_array).into_iter().flatten().filter_map(peer).collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewConsumer {
    peer_id: String,
    producer_id: String,
    #[serde(alias = "consumerId")]
    id: String,
    kind: Kind,
    rtp_parameters: RtpParameters,
    #[serde(default, rename = "type")]
    kind_of: Option<String>,
    #[serde(default)]
    app_data: Value,
    #[serde(default)]
    producer_paused: bool,
}

/// The body of `newConsumer`.
pub(super) fn new_consumer(data: Value) -> Result<Consumer, serde_json::Error> {
    let new: NewConsumer = serde_json::from_value(data)?;
    Ok(Consumer {
        source: Source::from_app_data(&new.app_data, new.kind),
        kind_of: ConsumerType::from_name(new.kind_of.as_deref().unwrap_or_default()),
        id: new.id,
        producer_id: new.producer_id,
        peer_id: new.peer_id,
        kind: new.kind,
        rtp_parameters: new.rtp_parameters,
        paused: new.producer_paused,
        layer: None,
    })
}

/// The event that a notification tells, if any that concerns us. What cannot be read is as if never said.
pub(super) fn event(method: &str, data: &Value) -> Option<Event> {
    match method {
        "newPeer" => peer(data.get("peer").unwrap_or(data)).map(Event::PeerJoined),
        "peerClosed" => text(data, "peerId").map(Event::PeerLeft),
        "peerDisplayNameChanged" => peer(data).map(Event::PeerRenamed),
        "consumerClosed" => text(data, "consumerId").map(Event::ConsumerClosed),
        "consumerPaused" => text(data, "consumerId").map(Event::ConsumerPaused),
        "consumerResumed" => text(data, "consumerId").map(Event::ConsumerResumed),
        "consumerLayersChanged" => layers(data),
        "consumerScore" => score(data),
        // In the older dialect silence is a null peer, in the rewrite a missing one.
        "activeSpeaker" => Some(Event::ActiveSpeaker(text(data, "peerId"))),
        _ => None,
    }
}

/// What may be dropped when too much comes at once: the next one replaces it.
pub(super) fn transient(method: &str) -> bool {
    matches!(method, "consumerScore" | "producerScore" | "activeSpeaker" | "speakingPeers" | "downlinkBwe")
}

fn layers(data: &Value) -> Option<Event> {
    let inner = data.get("layers").unwrap_or(data);
    Some(Event::ConsumerLayers {
        consumer: text(data, "consumerId")?,
        spatial: small(inner, "spatialLayer"),
        temporal: small(inner, "temporalLayer"),
    })
}

fn score(data: &Value) -> Option<Event> {
    let inner = data.get("score").filter(|score| score.is_object()).unwrap_or(data);
    Some(Event::Score {
        consumer: text(data, "consumerId")?,
        score: small(inner, "score")?,
        producer_score: small(inner, "producerScore").unwrap_or_default(),
    })
}

/// Another recorder is nobody: two that took each other for company would never leave.
fn peer(data: &Value) -> Option<PeerInfo> {
    let peer = PeerInfo {
        id: text(data, "peerId").or_else(|| text(data, "id"))?,
        display_name: text(data, "displayName").unwrap_or_default(),
        user_id: None,
    };
    let flag = data.get("device").and_then(|device| text(device, "flag"));
    (flag.as_deref() != Some(FLAG) && !peer.is_recorder()).then_some(peer)
}

fn text(data: &Value, name: &str) -> Option<String> {
    data.get(name)?.as_str().map(str::to_owned)
}

fn small(data: &Value, name: &str) -> Option<u8> {
    data.get(name)?.as_u64().and_then(|number| u8::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_tell_the_dialect() {
        let capabilities = json!({"codecs": [], "headerExtensions": []});
        assert_eq!(router_capabilities(capabilities.clone()).unwrap().0, Dialect::JavaScript);
        let wrapped = json!({ "routerRtpCapabilities": capabilities });
        assert_eq!(router_capabilities(wrapped).unwrap().0, Dialect::TypeScript);
        for wrong in [json!({}), json!(null), json!("x"), json!({"routerRtpCapabilities": 1})] {
            assert!(router_capabilities(wrong).is_err());
        }
    }

    #[test]
    fn new_ice_credentials_are_bare_or_wrapped() {
        let ice = json!({"usernameFragment": "u", "password": "p", "iceLite": true});
        assert_eq!(ice_parameters(ice.clone()), ice);
        assert_eq!(ice_parameters(json!({ "iceParameters": ice })), ice);
        assert_eq!(ice_parameters(Value::Null), Value::Null);
    }

    #[test]
    fn a_new_peer_is_bare_or_wrapped() {
        let expected =
            Some(Event::PeerJoined(PeerInfo { id: "a".into(), display_name: "Ann".into(), user_id: None }));
        assert_eq!(event("newPeer", &json!({"id":"a","displayName":"Ann","device":{}})), expected);
        assert_eq!(event("newPeer", &json!({"peer":{"peerId":"a","displayName":"Ann"}})), expected);
        assert_eq!(event("newPeer", &json!({"displayName":"Ann"})), None);
    }

    #[test]
    fn those_who_are_there_have_either_name_of_their_id() {
        let data = json!({"peers":[{"id":"a","displayName":"Ann"},{"peerId":"b"},{"x":1},7]});
        let ids: Vec<_> = joined(&data).into_iter().map(|peer| peer.id).collect();
        assert_eq!(ids, ["a", "b"]);
        assert!(joined(&json!({})).is_empty());
    }

    #[test]
    fn recorders_are_nobody_by_their_device_or_their_name() {
        let name = crate::sfu::recorder_name(crate::id::RecordingId::new());
        let device = json!({"flag":"tureen","name":"Tureen"});
        let data = json!({"peers":[{"id":"recorder","device":device},{"peerId":name},{"id":"tureen-fan","device":{}}]});
        let ids: Vec<_> = joined(&data).into_iter().map(|peer| peer.id).collect();
        assert_eq!(ids, ["tureen-fan"]);
        assert_eq!(event("newPeer", &json!({"id":"recorder","device":device})), None);
        assert_eq!(event("newPeer", &json!({"peer":{"peerId":name,"device":{}}})), None);
    }

    #[test]
    fn what_is_added_to_join_takes_the_place_of_nothing_of_ours() {
        let capabilities: RtpCapabilities =
            serde_json::from_value(json!({"codecs": [], "headerExtensions": []})).unwrap();
        let more = json!({"hidden": true, "device": {"flag": "x"}, "displayName": "x"});
        let data = join("Recorder", &capabilities, more.as_object().unwrap());
        assert_eq!((&data["hidden"], &data["displayName"]), (&json!(true), &json!("Recorder")));
        assert_eq!((&data["device"]["flag"], &data["rtpCapabilities"]), (&json!(FLAG), &json!(capabilities)));
        assert_eq!(join("Recorder", &capabilities, &Map::new()).as_object().unwrap().len(), OWN.len());
    }

    #[test]
    fn layers_and_scores_are_flat_or_nested() {
        let top = |spatial, temporal| Event::ConsumerLayers { consumer: "c".into(), spatial, temporal };
        let read = |data| event("consumerLayersChanged", &data).unwrap();
        assert_eq!(read(json!({"consumerId":"c","spatialLayer":2,"temporalLayer":1})), top(Some(2), Some(1)));
        assert_eq!(
            read(json!({"consumerId":"c","layers":{"spatialLayer":2,"temporalLayer":1}})),
            top(Some(2), Some(1))
        );
        assert_eq!(read(json!({"consumerId":"c","spatialLayer":null,"temporalLayer":null})), top(None, None));
        assert_eq!(read(json!({"consumerId":"c"})), top(None, None));
        let expected = Some(Event::Score { consumer: "c".into(), score: 9, producer_score: 10 });
        let nested = json!({"consumerId":"c","score":{"score":9,"producerScore":10,"producerScores":[10]}});
        assert_eq!(event("consumerScore", &nested), expected);
        assert_eq!(event("consumerScore", &json!({"consumerId":"c","score":9,"producerScore":10})), expected);
        assert_eq!(event("consumerScore", &json!({"consumerId":"c","score":900})), None);
    }

    #[test]
    fn silence_is_null_or_missing() {
        for silence in [json!({"peerId":null}), json!({}), Value::Null] {
            assert_eq!(event("activeSpeaker", &silence), Some(Event::ActiveSpeaker(None)));
        }
        assert_eq!(
            event("activeSpeaker", &json!({"peerId":"a","volume":-40})),
            Some(Event::ActiveSpeaker(Some("a".into())))
        );
    }

    #[test]
    fn a_consumer_reads_in_both_dialects() {
        let parameters = json!({"mid":"0","codecs":[],"encodings":[{"ssrc":1}],"rtcp":{"cname":"x"}});
        let older = json!({"peerId":"a","producerId":"p","id":"c","kind":"video","rtpParameters":parameters,
            "type":"simulcast","appData":{"share":true,"peerId":"a"},"producerPaused":true});
        let rewrite = json!({"peerId":"a","transportId":"t","consumerId":"c","producerId":"p","kind":"video",
            "rtpParameters":parameters,"type":"simulcast","producerPaused":true,"consumerScore":{},
            "appData":{"peerId":"a","source":"screensharing"}});
        let one = new_consumer(older).unwrap();
        assert_eq!(one, new_consumer(rewrite).unwrap());
        assert_eq!((one.id.as_str(), one.source, one.paused), ("c", Source::Screen, true));
        assert_eq!(one.kind_of, ConsumerType::Simulcast);
        assert!(new_consumer(json!({"id":"c"})).is_err());
    }
}
