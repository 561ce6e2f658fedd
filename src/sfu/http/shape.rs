//! What a service says of a room, read leniently: the shape prescribes the routes, and services differ in what they
//! tell on them. Lists may be arrays or objects by id, members have the names that are in use, and what cannot be
//! understood is left out.

use super::super::PeerInfo;
use crate::media::Kind;
use crate::session::{Consumer, ConsumerType, RtpCapabilities, RtpParameters, Source};
use serde::Deserialize;
use serde::de::Error as _;
use serde_json::{Value, json};

/// Participants and producers that are taken note of.
const MOST: usize = 1000;

/// A room at one moment.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Snapshot {
    /// Those who are there, without us and other recorders.
    pub(super) peers: Vec<PeerInfo>,
    /// What they publish.
    pub(super) producers: Vec<Producer>,
    /// We are among those who are there.
    pub(super) us: bool,
    /// And so are earlier visits of ours.
    pub(super) before: Vec<String>,
}

/// Something that can be consumed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Producer {
    pub(super) id: String,
    pub(super) peer_id: String,
    kind: Option<Kind>,
    /// As far as it is told.
    pub(super) paused: bool,
    /// What tells a camera from a screen.
    app_data: Value,
}

/// The answer to joining: what the router can do.
pub(super) fn capabilities(mut data: Value) -> Result<RtpCapabilities, serde_json::Error> {
    let names = ["rtpCapabilities", "routerRtpCapabilities"];
    let found = names.iter().find(|name| data.get(**name).is_some_and(Value::is_object));
    let inner = found.and_then(|name| data.get_mut(*name)).map(Value::take).unwrap_or_default();
    // An object of another kind would read as capabilities without codecs.
    if !inner.get("codecs").is_some_and(Value::is_array) {
        return Err(serde_json::Error::missing_field("rtpCapabilities.codecs"));
    }
    serde_json::from_value(inner)
}

/// The answer to `GET /rooms/{room}`; `me` is our id in the room, of which `name` is the part that stays.
pub(super) fn room(data: &Value, name: &str, me: &str) -> Result<Snapshot, serde_json::Error> {
    let data = data.get("room").filter(|room| room.is_object()).unwrap_or(data);
    let peers = ["peers", "participants", "members"].iter().find_map(|name| data.get(*name));
    let own = data.get("producers");
    if !peers.is_some_and(is_list) && !own.is_some_and(is_list) {
        return Err(serde_json::Error::missing_field("peers"));
    }
    let mut seen = Snapshot::default();
    for (key, peer) in peers.map(entries).unwrap_or_default() {
        let Some(id) = text(peer, &["peerId", "id", "userId"]).or_else(|| key.map(str::to_owned)) else {
            continue;
        };
        if id == me {
            seen.us = true;
            continue;
        }
        if id.strip_prefix(name).is_some_and(|rest| rest.starts_with('-')) {
            seen.before.push(id);
            continue;
        }
        for name in ["producers", "producerIds"] {
            let published = peer.get(name).map(entries).unwrap_or_default();
            seen.producers.extend(published.into_iter().filter_map(|entry| producer(entry, Some(&id))));
        }
        let display_name = text(peer, &["displayName", "fullName", "name", "userName"]).unwrap_or_default();
        let user_id = text(peer, &["userId", "user_id"]);
        seen.peers.push(PeerInfo { id, display_name, user_id });
    }
    for entry in own.map(entries).unwrap_or_default() {
        let found = producer(entry, None).filter(|found| found.peer_id != me);
        seen.producers.extend(found.filter(|found| seen.producers.iter().all(|known| known.id != found.id)));
    }
    // Two recorders that took each other for company would never leave. None of them publishes anything.
    let publishes = |id: &str| seen.producers.iter().any(|producer| producer.peer_id == id);
    seen.peers.retain(|peer| !peer.is_recorder() || publishes(&peer.id));
    Ok(seen)
}

fn is_list(value: &Value) -> bool {
    value.is_array() || value.is_object()
}

/// What is in a list, with its key where it has one.
fn entries(list: &Value) -> Vec<(Option<&str>, &Value)> {
    match list {
        Value::Array(entries) => entries.iter().take(MOST).map(|entry| (None, entry)).collect(),
        Value::Object(entries) => {
            entries.iter().take(MOST).map(|(key, entry)| (Some(key.as_str()), entry)).collect()
        }
        _ => Vec::new(),
    }
}

/// An id alone, or an object.
fn producer((key, entry): (Option<&str>, &Value), owner: Option<&str>) -> Option<Producer> {
    let id = match entry {
        Value::String(id) => id.clone(),
        _ => text(entry, &["producerId", "id"]).or_else(|| key.map(str::to_owned))?,
    };
    let peer_id = owner
        .map(str::to_owned)
        .or_else(|| text(entry, &["peerId", "userId", "ownerId"]))
        .unwrap_or_default();
    let kind = entry.get("kind").and_then(|kind| serde_json::from_value(kind.clone()).ok());
    let paused = ["paused", "producerPaused"].iter().any(|name| entry.get(*name) == Some(&Value::Bool(true)));
    Some(Producer { id, peer_id, kind, paused, app_data: app_data(entry) })
}

/// `appData`, else what is beside it.
fn app_data(entry: &Value) -> Value {
    match entry.get("appData").filter(|data| data.as_object().is_some_and(|data| !data.is_empty())) {
        Some(data) => data.clone(),
        None => json!({ "source": entry.get("source").or_else(|| entry.get("mediaType")) }),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewConsumer {
    #[serde(alias = "consumerId")]
    id: String,
    #[serde(default)]
    kind: Option<Kind>,
    rtp_parameters: RtpParameters,
    #[serde(default, rename = "type")]
    kind_of: Option<String>,
    #[serde(default)]
    producer_paused: Option<bool>,
}

/// The answer to consuming a producer.
pub(super) fn consumer(data: Value, of: &Producer) -> Result<Consumer, serde_json::Error> {
    let told = match app_data(&data) {
        Value::Object(data) if data.values().all(Value::is_null) => of.app_data.clone(),
        data => data,
    };
    let new: NewConsumer = serde_json::from_value(data)?;
    let kind = new.kind.or(of.kind).ok_or_else(|| serde_json::Error::missing_field("kind"))?;
    Ok(Consumer {
        id: new.id,
        producer_id: of.id.clone(),
        peer_id: of.peer_id.clone(),
        kind,
        source: Source::from_app_data(&told, kind),
        rtp_parameters: new.rtp_parameters,
        paused: new.producer_paused.unwrap_or(of.paused),
        kind_of: ConsumerType::from_name(new.kind_of.as_deref().unwrap_or_default()),
        layer: None,
    })
}

fn text(value: &Value, names: &[&str]) -> Option<String> {
    let found = names.iter().find_map(|name| value.get(*name)?.as_str())?;
    Some(found).filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ids(snapshot: &Snapshot) -> Vec<(&str, &str, bool)> {
        snapshot.producers.iter().map(|p| (p.id.as_str(), p.peer_id.as_str(), p.paused)).collect()
    }

    #[test]
    fn a_room_is_read_in_the_forms_that_are_in_use() {
        let expected = [("p1", "ann", false), ("p2", "ann", true)];
        for data in [
            json!({"peers": [{"peerId":"ann","fullName":"Ann","producers":[{"id":"p1","kind":"audio"},
                {"id":"p2","kind":"video","paused":true}]}, {"peerId":"rec-1","producers":[]},{"peerId":"rec-0"}]}),
            json!({"room": {"peers": {"ann": {"displayName":"Ann","producers":{"p1":{"kind":"audio"},
                "p2":{"paused":true}}}, "rec-0": {}, "rec-1": {}}}}),
            json!({"participants": [{"id":"ann","name":"Ann"},{"id":"rec-1"},{"id":"rec-0"}], "producers": [
                {"producerId":"p1","peerId":"ann"},{"producerId":"p2","userId":"ann","producerPaused":true}]}),
        ] {
            let seen = room(&data, "rec", "rec-1").unwrap();
            assert_eq!(ids(&seen), expected, "{data}");
            assert_eq!(
                seen.peers,
                [PeerInfo { id: "ann".into(), display_name: "Ann".into(), ..PeerInfo::default() }],
                "{data}"
            );
            assert_eq!((seen.us, seen.before.as_slice()), (true, &["rec-0".to_owned()][..]), "{data}");
        }
        let bare = room(&json!({"peers": [{"id": "ann", "producers": ["p1"]}]}), "rec", "rec-1").unwrap();
        assert_eq!((ids(&bare), bare.us), (vec![("p1", "ann", false)], false));
    }

    #[test]
    fn other_recorders_are_nobody_unless_they_publish() {
        let [silent, loud] = [(); 2].map(|()| crate::sfu::recorder_name(crate::id::RecordingId::new()));
        let data = json!({"peers": [{"peerId": "ann"}, {"peerId": format!("{silent}-1f2e3d4c")},
            {"peerId": loud, "producers": ["p1"]}]});
        let seen = room(&data, "rec", "rec-1").unwrap();
        let ids: Vec<&str> = seen.peers.iter().map(|peer| peer.id.as_str()).collect();
        assert_eq!(ids, ["ann", loud.as_str()]);
    }

    #[test]
    fn what_tells_of_nobody_is_no_room() {
        for data in [json!(null), json!([]), json!({}), json!({"peers": 3}), json!({"peerCount": 2})] {
            assert!(room(&data, "rec", "rec-1").is_err(), "{data}");
        }
        assert_eq!(room(&json!({"peers": []}), "rec", "rec-1").unwrap(), Snapshot::default());
    }

    #[test]
    fn a_consumer_takes_from_the_producer_what_the_answer_does_not_say() {
        let of = Producer {
            id: "p".into(),
            peer_id: "ann".into(),
            kind: Some(Kind::Video),
            paused: true,
            app_data: json!({"source": "screen"}),
        };
        let parameters = json!({"mid":"0","codecs":[],"encodings":[{"ssrc":1}]});
        let short = consumer(json!({"id":"c","rtpParameters":parameters}), &of).unwrap();
        assert_eq!((short.kind, short.source, short.paused), (Kind::Video, Source::Screen, true));
        let long = json!({"consumerId":"c","kind":"audio","rtpParameters":parameters,"type":"simulcast",
            "producerPaused":false,"appData":{"source":"microphone"}});
        let long = consumer(long, &of).unwrap();
        assert_eq!((long.kind, long.source, long.paused), (Kind::Audio, Source::Microphone, false));
        assert_eq!(long.kind_of, ConsumerType::Simulcast);
        let unknown = Producer { kind: None, ..of };
        assert!(consumer(json!({"id":"c","rtpParameters":parameters}), &unknown).is_err());
        assert!(consumer(json!({"id":"c"}), &unknown).is_err());
    }

    #[test]
    fn capabilities_must_have_codecs() {
        for name in ["rtpCapabilities", "routerRtpCapabilities"] {
            assert!(capabilities(json!({name: {"codecs": []}})).is_ok());
        }
        for wrong in [json!({}), json!({"rtpCapabilities": []}), json!({"rtpCapabilities": {"codecs": 1}})] {
            assert!(capabilities(wrong).is_err());
        }
    }

    #[test]
    fn more_than_anybody_needs_is_not_taken_note_of() {
        let crowd: Vec<Value> = (0..5000).map(|n| json!({"peerId": n.to_string()})).collect();
        assert_eq!(room(&json!({ "peers": crowd }), "rec", "rec-1").unwrap().peers.len(), MOST);
    }

    proptest! {
        #[test]
        fn failure_34_any_room_is_read_or_refused(peers in "\\PC*", producers in "\\PC*") {
            for text in [format!("{{\"peers\":{peers}}}"), format!("{{\"peers\":[],\"producers\":{producers}}}")] {
                if let Ok(value) = serde_json::from_str(&text) {
                    let _ = room(&value, "rec", "rec-1");
                }
            }
        }
    }
}
