//! The application's side of tureen's own protocol (`docs/design/bridge-protocol.md`): a recorder that takes part
//! without being a peer of the room, and that may have a consumer for each spatial layer.

use crate::protoo::methods::{by_consumer, new_transport, parse, transport};
use crate::protoo::{Answer, Event, NewConsumer, Outbox, Refusal, session};
use crate::room::{Joined, Room, peer::Info, peer::Peer};
use crate::sfu::Rooms;
use anyhow::Context;
use axum::extract::{ConnectInfo, Query, State, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mediasoup::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;

const SUBPROTOCOL: &str = "tureen-bridge.v1";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Address {
    room_id: String,
}

/// `GET /bridge?roomId=`
pub(crate) async fn upgrade(
    State(rooms): State<Arc<Rooms>>,
    Query(address): Query<Address>,
    ConnectInfo(remote): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    socket: WebSocketUpgrade,
) -> Response {
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|v| v.to_str().ok());
    if !offered.flat_map(|v| v.split(',')).any(|v| v.trim() == SUBPROTOCOL) {
        return (StatusCode::BAD_REQUEST, format!("speak {SUBPROTOCOL}\n")).into_response();
    }
    let room = match rooms.for_peer(&address.room_id).await {
        Ok(Some(room)) => room,
        Ok(None) => return (StatusCode::NOT_FOUND, "no such room\n").into_response(),
        Err(error) => return (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}\n")).into_response(),
    };
    let Ok(permit) = Arc::clone(&rooms.sessions).try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many sessions\n").into_response();
    };
    socket.protocols([SUBPROTOCOL]).on_upgrade(async move |socket| {
        let id = format!("recorder-{}", uuid::Uuid::new_v4());
        let recorder = |outbox: Outbox| Peer::recorder(&id, remote, outbox);
        session(room, recorder, socket, false).await;
        drop(permit);
    })
}

/// `observe`: from here on consumers are offered.
pub(crate) fn observe(room: &Room, peer: &Arc<Peer>, data: Value) -> Result<(Value, Joined), Refusal> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Observe {
        transport_id: TransportId,
        rtp_capabilities: RtpCapabilities,
    }
    let data: Observe = parse(data)?;
    drop(transport(peer, data.transport_id)?);
    if peer.joined() {
        return Err(Refusal::new(409, "observing already"));
    }
    let joined = room.join(peer, |state| state.capabilities = Some(data.rtp_capabilities));
    let peers: Vec<Value> = joined.others.iter().map(|other| person(&other.info())).collect();
    Ok((json!({"peers": peers}), joined))
}

/// Every other request.
pub(crate) async fn request(room: &Arc<Room>, peer: &Arc<Peer>, method: &str, data: Value) -> Answer {
    match method {
        "attach" => attach(room, peer, data),
        "createTransport" => new_transport(room, peer, true, "transportId").await,
        "connectTransport" => {
            #[derive(Deserialize)]
            #[serde(rename_all = "camelCase")]
            struct Connect {
                transport_id: TransportId,
                dtls_parameters: DtlsParameters,
            }
            let Connect { transport_id, dtls_parameters } = parse(data)?;
            let remote = WebRtcTransportRemoteParameters { dtls_parameters };
            transport(peer, transport_id)?.connect(remote).await.context("connecting the transport")?;
            Ok(json!({}))
        }
        "restartIce" => {
            #[derive(Deserialize)]
            #[serde(rename_all = "camelCase")]
            struct Restart {
                transport_id: TransportId,
            }
            let transport = transport(peer, parse::<Restart>(data)?.transport_id)?;
            Ok(json!({"iceParameters": transport.restart_ice().await.context("restarting ICE")?}))
        }
        "requestKeyFrame" => {
            by_consumer(peer, data)?.request_key_frame().await.context("asking for a key frame")?;
            Ok(json!({}))
        }
        "closeConsumer" => {
            let id = by_consumer(peer, data)?.id();
            let closed = peer.state.lock().unwrap().consumers.remove(&id);
            drop(closed); // mediasoup closes what has no owner
            Ok(json!({}))
        }
        "setPreferredLayers" => {
            let layers: ConsumerLayers = parse(data.clone())?;
            by_consumer(peer, data)?.set_preferred_layers(layers).await.context("choosing layers")?;
            Ok(json!({}))
        }
        other => Err(Refusal::new(404, format!("unknown method {other:?}"))),
    }
}

fn attach(room: &Room, peer: &Peer, data: Value) -> Answer {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Attach {
        version: u32,
        #[serde(default)]
        layers: Option<String>,
    }
    let data: Attach = parse(data)?;
    if data.version != 1 {
        return Err(Refusal::new(426, "this application speaks version 1"));
    }
    peer.state.lock().unwrap().all_layers = match data.layers.as_deref() {
        None | Some("max") => false,
        Some("all") => true,
        Some(other) => return Err(Refusal::new(400, format!("layers: {other:?} is neither max nor all"))),
    };
    Ok(json!({"version": 1, "routerRtpCapabilities": room.router.rtp_capabilities()}))
}

/// What happens in the room, as a recorder is told of it.
pub(crate) fn render(event: &Event) -> Vec<(&'static str, Value)> {
    let said = match event {
        Event::NewPeer(info) => ("peerJoined", person(info)),
        Event::PeerClosed { peer_id } => ("peerLeft", json!({"peerId": peer_id})),
        Event::NameChanged { peer_id, name, .. } => {
            ("peerUpdated", json!({"peerId": peer_id, "displayName": name}))
        }
        Event::ConsumerClosed { id } => ("consumerClosed", json!({"consumerId": id})),
        Event::ConsumerPaused { id } => ("consumerPaused", json!({"consumerId": id})),
        Event::ConsumerResumed { id } => ("consumerResumed", json!({"consumerId": id})),
        Event::ConsumerScore { id, score } => (
            "consumerScore",
            json!({"consumerId": id, "score": score.score, "producerScore": score.producer_score}),
        ),
        Event::LayersChanged { id, layers } => (
            "consumerLayers",
            json!({"consumerId": id, "spatialLayer": layers.map(|l| l.spatial_layer),
                "temporalLayer": layers.and_then(|l| l.temporal_layer)}),
        ),
        Event::Speaking { volumes } => {
            ("activeSpeaker", json!({"peerId": volumes.first().map(|(peer_id, _)| peer_id)}))
        }
        Event::Hello | Event::ProducerScore { .. } => return Vec::new(),
    };
    vec![said]
}

/// The offer of a consumer; `layer` is the one it is for.
pub(crate) fn offer(offer: &NewConsumer, layer: Option<u8>) -> (&'static str, Value) {
    let consumer = &offer.consumer;
    let mut data = json!({"consumerId": consumer.id(), "producerId": consumer.producer_id(),
        "peerId": offer.peer_id, "kind": consumer.kind(), "source": offer.app_data.get("source"),
        "type": consumer.r#type(), "rtpParameters": consumer.rtp_parameters(),
        "producerPaused": consumer.producer_paused()});
    if let Some(layer) = layer {
        data["spatialLayer"] = json!(layer);
    }
    ("newConsumer", data)
}

fn person(info: &Info) -> Value {
    json!({"peerId": info.id, "displayName": info.display_name})
}
