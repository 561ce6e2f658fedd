//! What a participant may ask for.

use super::{Answer, Dialect, Event, Refusal, dialect};
use crate::room::peer::{Peer, PeerTransport, Published};
use crate::room::{Joined, Owner, Room};
use anyhow::Context;
use mediasoup::prelude::*;
use mediasoup::producer::ProducerScore;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::Arc;

/// `join`: the answer, and what there is to consume once it is sent.
pub(super) fn join(room: &Room, peer: &Arc<Peer>, data: Value) -> Result<(Value, Joined), Refusal> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Join {
        display_name: Option<String>,
        #[serde(default)]
        device: Value,
        rtp_capabilities: Option<RtpCapabilities>,
        /// As in many an application, and not in the demo: others are not told of this participant.
        #[serde(default)]
        hidden: bool,
    }
    let data: Join = parse(data)?;
    if peer.joined() {
        return Err(Refusal::new(500, "Peer already joined"));
    }
    let joined = room.join(peer, |state| {
        state.display_name = data.display_name.unwrap_or_default();
        state.device = data.device;
        state.hidden = data.hidden;
        state.capabilities = data.rtp_capabilities;
    });
    let dialect = room.shared.dialect;
    let peers: Vec<Value> = joined.others.iter().map(|other| dialect::peer(&other.info(), dialect)).collect();
    Ok((json!({"peers": peers}), joined))
}

/// Every other request.
pub(super) async fn request(room: &Arc<Room>, peer: &Arc<Peer>, method: &str, data: Value) -> Answer {
    let old = room.shared.dialect == Dialect::Old;
    match method {
        "getRouterRtpCapabilities" => {
            let capabilities = json!(room.router.rtp_capabilities());
            Ok(if old { capabilities } else { json!({"routerRtpCapabilities": capabilities}) })
        }
        "createWebRtcTransport" => create_transport(room, peer, data).await,
        "connectWebRtcTransport" => {
            let Connect { transport_id, dtls_parameters } = parse(data)?;
            let transport = transport(peer, transport_id)?;
            let remote = WebRtcTransportRemoteParameters { dtls_parameters };
            transport.connect(remote).await.context("connecting the transport")?;
            Ok(json!({}))
        }
        "restartIce" => {
            let ByTransport { transport_id } = parse(data)?;
            let ice = transport(peer, transport_id)?.restart_ice().await.context("restarting ICE")?;
            Ok(if old { json!(ice) } else { json!({"iceParameters": ice}) })
        }
        "produce" => produce(room, peer, data).await,
        "changeDisplayName" => change_name(room, peer, data),
        "getTransportStats" => {
            let ByTransport { transport_id } = parse(data)?;
            let stats = transport(peer, transport_id)?.get_stats().await.context("asking for statistics")?;
            Ok(if old { json!(stats) } else { json!({"stats": stats}) })
        }
        "getProducerStats" => {
            let ByProducer { producer_id } = parse(data)?;
            let stats = producer(peer, producer_id)?.get_stats().await.context("asking for statistics")?;
            Ok(if old { json!(stats) } else { json!({"stats": stats}) })
        }
        "getConsumerStats" => {
            let ByConsumer { consumer_id } = parse(data)?;
            let stats = consumer(peer, consumer_id)?.get_stats().await.context("asking for statistics")?;
            Ok(if old { json!(stats) } else { json!({"stats": stats}) })
        }
        // The TypeScript dialect sends what steers producers and consumers as notifications.
        _ if old => steer(room, peer, method, data).await.map(|()| json!({})),
        _ => Err(unknown(method)),
    }
}

/// A notification: only the TypeScript dialect has any.
pub(super) async fn notification(room: &Room, peer: &Peer, method: &str, data: Value) -> Result<(), Refusal> {
    match room.shared.dialect {
        Dialect::Old => Err(unknown(method)),
        Dialect::Ts => steer(room, peer, method, data).await,
    }
}

fn unknown(method: &str) -> Refusal {
    Refusal::new(500, format!("unknown request.method \"{method}\""))
}

async fn create_transport(room: &Room, peer: &Peer, data: Value) -> Answer {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    #[derive(Default)]
    struct Create {
        force_tcp: bool,
        consuming: bool,
        app_data: Value,
    }
    let data: Create = parse(data)?;
    if data.force_tcp {
        return Err(Refusal::new(500, "this server has UDP only"));
    }
    let consuming = match room.shared.dialect {
        Dialect::Old => data.consuming,
        Dialect::Ts => match data.app_data["direction"].as_str() {
            Some("consumer") => true,
            Some("producer") => false,
            _ => return Err(Refusal::new(500, "appData.direction must be \"producer\" or \"consumer\"")),
        },
    };
    let name = if room.shared.dialect == Dialect::Old { "id" } else { "transportId" };
    new_transport(room, peer, consuming, name).await
}

/// A transport of the peer, described for it with its id under `name`.
pub(crate) async fn new_transport(room: &Room, peer: &Peer, consuming: bool, name: &str) -> Answer {
    let mut options = WebRtcTransportOptions::new_with_server(room.shared.webrtc_server.clone());
    options.enable_tcp = false;
    options.initial_available_outgoing_bitrate = 1_000_000;
    options.ice_consent_timeout = room.shared.consent_timeout;
    let transport = room.router.create_webrtc_transport(options).await.context("creating a transport")?;
    let id = transport.id();
    let mut candidates = json!(transport.ice_candidates());
    if let Some(relay) = room.shared.relay.as_ref().filter(|_| consuming) {
        relay.stand_before(&mut candidates).await.context("opening a link of the relay")?;
    }
    let mut answer = json!({"iceParameters": transport.ice_parameters(), "iceCandidates": candidates,
        "dtlsParameters": transport.dtls_parameters(), "sctpParameters": transport.sctp_parameters()});
    answer[name] = json!(id);
    peer.state.lock().unwrap().transports.insert(id, PeerTransport { transport, consuming });
    Ok(answer)
}

async fn produce(room: &Arc<Room>, peer: &Arc<Peer>, data: Value) -> Answer {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Produce {
        transport_id: TransportId,
        kind: MediaKind,
        rtp_parameters: RtpParameters,
        #[serde(default)]
        app_data: Value,
    }
    let data: Produce = parse(data)?;
    if !peer.joined() {
        return Err(Refusal::new(500, "Peer not yet joined"));
    }
    let transport = transport(peer, data.transport_id)?;
    let mut options = ProducerOptions::new(data.kind, data.rtp_parameters);
    options.app_data = AppData::new(Owner(peer.id.clone()));
    let producer = transport.produce(options).await.context("creating a producer")?;
    let id = producer.id();
    let (notices, to) = (room.notices.clone(), Arc::downgrade(peer));
    let scored = move |score: &[ProducerScore]| {
        drop(notices.send((Some(to.clone()), Event::ProducerScore { id, score: score.to_vec() })));
    };
    scored(&producer.score());
    producer.on_score(scored).detach();
    tracing::info!(room = room.id(), peer = peer.id, kind = ?data.kind, "publishes");
    room.published(peer, producer, data.app_data).await;
    Ok(if room.shared.dialect == Dialect::Old { json!({"id": id}) } else { json!({"producerId": id}) })
}

fn change_name(room: &Room, peer: &Peer, data: Value) -> Answer {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Change {
        display_name: String,
    }
    let Change { display_name: name } = parse(data)?;
    room.rename(&peer.id, &name);
    Ok(json!({}))
}

/// What acts on one producer or consumer and has nothing to answer.
async fn steer(room: &Room, peer: &Peer, method: &str, data: Value) -> Result<(), Refusal> {
    match method {
        "closeProducer" => room.unpublish(peer, parse::<ByProducer>(data)?.producer_id)?,
        "pauseProducer" => by_producer(peer, data)?.pause().await.context("pausing")?,
        "resumeProducer" => by_producer(peer, data)?.resume().await.context("resuming")?,
        "pauseConsumer" => by_consumer(peer, data)?.pause().await.context("pausing")?,
        "resumeConsumer" => by_consumer(peer, data)?.resume().await.context("resuming")?,
        "requestConsumerKeyFrame" => {
            by_consumer(peer, data)?.request_key_frame().await.context("asking for a key frame")?;
        }
        "setConsumerPreferredLayers" => {
            let layers: ConsumerLayers = parse(data.clone())?;
            let consumer = by_consumer(peer, data)?;
            consumer.set_preferred_layers(layers).await.context("choosing layers")?;
        }
        "setConsumerPriority" => {
            let priority = data["priority"].as_u64().and_then(|p| u8::try_from(p).ok());
            let priority = priority.context("priority must be 1 to 255")?;
            by_consumer(peer, data)?.set_priority(priority).await.context("setting the priority")?;
        }
        other => return Err(unknown(other)),
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Connect {
    transport_id: TransportId,
    dtls_parameters: DtlsParameters,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ByTransport {
    transport_id: TransportId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ByProducer {
    producer_id: ProducerId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ByConsumer {
    consumer_id: ConsumerId,
}

pub(crate) fn parse<T: DeserializeOwned>(data: Value) -> Result<T, Refusal> {
    serde_json::from_value(data).map_err(|error| Refusal::new(400, error.to_string()))
}

pub(crate) fn transport(peer: &Peer, id: TransportId) -> Result<WebRtcTransport, Refusal> {
    let found = peer.state.lock().unwrap().transports.get(&id).map(|t| t.transport.clone());
    found.ok_or_else(|| Refusal::new(500, format!("transport with id \"{id}\" not found")))
}

fn producer(peer: &Peer, id: ProducerId) -> Result<Producer, Refusal> {
    let found =
        peer.state.lock().unwrap().producers.get(&id).map(|Published { producer, .. }| producer.clone());
    found.ok_or_else(|| Refusal::new(500, format!("producer with id \"{id}\" not found")))
}

fn consumer(peer: &Peer, id: ConsumerId) -> Result<Consumer, Refusal> {
    let found = peer.state.lock().unwrap().consumers.get(&id).cloned();
    found.ok_or_else(|| Refusal::new(500, format!("consumer with id \"{id}\" not found")))
}

fn by_producer(peer: &Peer, data: Value) -> Result<Producer, Refusal> {
    producer(peer, parse::<ByProducer>(data)?.producer_id)
}

pub(crate) fn by_consumer(peer: &Peer, data: Value) -> Result<Consumer, Refusal> {
    consumer(peer, parse::<ByConsumer>(data)?.consumer_id)
}
