//! An SFU service as some applications have one beside them: rooms, participants, transports and consumers by REST
//! (`docs/design/http-driver.md`). Who takes part here hears nothing; it looks.

use crate::protoo::Refusal;
use crate::protoo::methods::{new_transport, parse, transport};
use crate::room::{Room, peer::Peer};
use crate::sfu::Rooms;
use anyhow::Context;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use mediasoup::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;

/// How consumers begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resuming {
    /// Paused, until `POST /rooms/{room}/consumers/{consumer}/resume`.
    ByRoute,
    /// Running: there is no such route.
    Never,
}

/// `GET` and `POST /rooms...`
pub(crate) fn routes() -> Router<Arc<Rooms>> {
    Router::new()
        .route("/health", get(|| async { Json(json!({"status": "ok"})) }))
        .route("/rooms", get(list))
        .route("/rooms/{room}", get(show))
        .route("/rooms/{room}/peers", post(join))
        .route("/rooms/{room}/peers/{peer}/leave", post(leave))
        .route("/rooms/{room}/transports", post(create))
        .route("/rooms/{room}/transports/{transport}/connect", post(connect))
        .route("/rooms/{room}/transports/{transport}/close", post(close_transport))
        .route("/rooms/{room}/consumers", post(consume))
        .route("/rooms/{room}/consumers/{consumer}/resume", post(resume))
        .route("/rooms/{room}/consumers/{consumer}/close", post(close_consumer))
}

/// `{"error": ...}` under the refusal's status.
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(json!({"error": self.reason}))).into_response()
    }
}

type Answer = Result<Json<Value>, Refusal>;

async fn list(State(rooms): State<Arc<Rooms>>) -> Answer {
    Ok(Json(json!({"rooms": rooms.ids().await})))
}

async fn show(State(rooms): State<Arc<Rooms>>, Path(id): Path<String>) -> Answer {
    let room = rooms.known(&id).await.ok_or_else(|| Refusal::new(404, "Room not found"))?;
    Ok(Json(json!({"id": id, "peers": room.published_by_peer()})))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Join {
    peer_id: String,
    #[serde(default)]
    full_name: String,
}

async fn join(
    State(rooms): State<Arc<Rooms>>,
    Path(id): Path<String>,
    ConnectInfo(remote): ConnectInfo<SocketAddr>,
    Json(body): Json<Value>,
) -> Answer {
    let Join { peer_id, full_name } = parse(body)?;
    let room = rooms.for_peer(&id).await?.ok_or_else(|| Refusal::new(404, "Room not found"))?;
    let peers = room.published_by_peer();
    let peer = Arc::new(Peer::new(&peer_id, remote, None));
    room.enter(Arc::clone(&peer));
    room.join(&peer, |state| state.display_name = full_name);
    room.tell_others(&peer_id, &crate::protoo::Event::NewPeer(peer.info()));
    let capabilities = room.router.rtp_capabilities();
    Ok(Json(json!({"roomId": id, "peerId": peer_id, "rtpCapabilities": capabilities, "peers": peers})))
}

async fn leave(State(rooms): State<Arc<Rooms>>, Path((id, peer)): Path<(String, String)>) -> Answer {
    let room = rooms.known(&id).await.ok_or_else(|| Refusal::new(404, "Room not found"))?;
    if !room.kick(&peer) {
        return Err(Refusal::new(404, "Peer not found"));
    }
    Ok(Json(json!({"success": true})))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    peer_id: String,
    direction: Option<String>,
    dtls_parameters: Option<DtlsParameters>,
    producer_id: Option<ProducerId>,
    rtp_capabilities: Option<RtpCapabilities>,
}

/// The room, and who asks.
async fn asked(rooms: &Rooms, id: &str, body: Value) -> Result<(Arc<Room>, Arc<Peer>, Body), Refusal> {
    let body: Body = parse(body)?;
    let room = rooms.known(id).await.ok_or_else(|| Refusal::new(404, "Room not found"))?;
    let peer = room.peer(&body.peer_id).ok_or_else(|| Refusal::new(404, "Peer not found"))?;
    Ok((room, peer, body))
}

async fn create(State(rooms): State<Arc<Rooms>>, Path(id): Path<String>, Json(body): Json<Value>) -> Answer {
    let (room, peer, body) = asked(&rooms, &id, body).await?;
    let consuming = match body.direction.as_deref() {
        Some("recv") => true,
        Some("send") => false,
        _ => return Err(Refusal::new(400, "direction must be send or recv")),
    };
    new_transport(&room, &peer, consuming, "transportId").await.map(Json)
}

async fn connect(
    State(rooms): State<Arc<Rooms>>,
    Path((id, transport_id)): Path<(String, TransportId)>,
    Json(body): Json<Value>,
) -> Answer {
    let (_, peer, body) = asked(&rooms, &id, body).await?;
    let dtls_parameters =
        body.dtls_parameters.ok_or_else(|| Refusal::new(400, "dtlsParameters are missing"))?;
    let remote = WebRtcTransportRemoteParameters { dtls_parameters };
    transport(&peer, transport_id)?.connect(remote).await.context("connecting the transport")?;
    Ok(Json(json!({"success": true})))
}

async fn close_transport(
    State(rooms): State<Arc<Rooms>>,
    Path((id, transport)): Path<(String, TransportId)>,
    Json(body): Json<Value>,
) -> Answer {
    let (_, peer, _) = asked(&rooms, &id, body).await?;
    let closed = peer.state.lock().unwrap().transports.remove(&transport);
    closed.map(|_| Json(json!({"success": true}))).ok_or_else(|| Refusal::new(404, "Transport not found"))
}

async fn consume(State(rooms): State<Arc<Rooms>>, Path(id): Path<String>, Json(body): Json<Value>) -> Answer {
    let paused = rooms.options.resuming == Resuming::ByRoute;
    let (room, peer, body) = asked(&rooms, &id, body).await?;
    let (Some(producer), Some(capabilities)) = (body.producer_id, body.rtp_capabilities) else {
        return Err(Refusal::new(400, "producerId and rtpCapabilities are needed"));
    };
    if !room.router.can_consume(&producer, &capabilities) {
        return Err(Refusal::new(400, "Cannot consume this producer"));
    }
    let receiving = {
        let state = peer.state.lock().unwrap();
        state.transports.values().find(|t| t.consuming).map(|t| t.transport.clone())
    };
    let receiving = receiving.ok_or_else(|| Refusal::new(400, "No transport to receive on"))?;
    let mut options = ConsumerOptions::new(producer, capabilities);
    options.paused = paused;
    options.enable_rtx = Some(true);
    let consumer = receiving.consume(options).await.context("consuming")?;
    let answer = json!({"id": consumer.id(), "producerId": producer, "kind": consumer.kind(),
        "rtpParameters": consumer.rtp_parameters()});
    peer.state.lock().unwrap().consumers.insert(consumer.id(), consumer);
    Ok(Json(answer))
}

async fn resume(
    State(rooms): State<Arc<Rooms>>,
    Path((id, consumer)): Path<(String, ConsumerId)>,
    Json(body): Json<Value>,
) -> Answer {
    if rooms.options.resuming == Resuming::Never {
        return Err(Refusal::new(404, "no such route"));
    }
    let (_, peer, _) = asked(&rooms, &id, body).await?;
    let found = peer.state.lock().unwrap().consumers.get(&consumer).cloned();
    found.ok_or_else(|| Refusal::new(404, "Consumer not found"))?.resume().await.context("resuming")?;
    Ok(Json(json!({"success": true})))
}

async fn close_consumer(
    State(rooms): State<Arc<Rooms>>,
    Path((id, consumer)): Path<(String, ConsumerId)>,
    Json(body): Json<Value>,
) -> Answer {
    let (_, peer, _) = asked(&rooms, &id, body).await?;
    let closed = peer.state.lock().unwrap().consumers.remove(&consumer);
    closed.map(|_| Json(json!({"success": true}))).ok_or_else(|| Refusal::new(404, "Consumer not found"))
}
