//! The WebSocket of one participant: from the HTTP request to the last message.

use super::{Answer, Dialect, Event, Outbox, Refusal, methods, outbox::Outgoing};
use crate::bridge;
use crate::room::{Room, peer::Peer};
use crate::sfu::Rooms;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use axum::extract::{ConnectInfo, Query, State, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::SplitStream;
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Address {
    room_id: Option<String>,
    peer_id: Option<String>,
}

/// `GET /?roomId=&peerId=`: checks the request as protoo-server and the demo do, and begins the session.
pub(crate) async fn upgrade(
    State(rooms): State<Arc<Rooms>>,
    Query(address): Query<Address>,
    ConnectInfo(remote): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    socket: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let socket = match socket {
        Ok(socket) => socket,
        Err(_) if !headers.contains_key(header::UPGRADE) => {
            return "A room of tureen-sfu. Speak protoo to it by WebSocket: ?roomId=&peerId=\n"
                .into_response();
        }
        Err(rejection) => return rejection.into_response(),
    };
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|v| v.to_str().ok());
    if !offered.flat_map(|v| v.split(',')).any(|v| v.trim() == "protoo") {
        return (StatusCode::FORBIDDEN, "invalid/missing Sec-WebSocket-Protocol\n").into_response();
    }
    if rooms.options.dialect == Dialect::Ts && !same_origin(&headers) {
        return (StatusCode::FORBIDDEN, "invalid/missing Origin\n").into_response();
    }
    let (Some(room_id), Some(peer_id)) = (address.room_id, address.peer_id) else {
        return (StatusCode::BAD_REQUEST, "Connection request without roomId and/or peerId\n")
            .into_response();
    };
    let room = match rooms.for_peer(&room_id).await {
        Ok(Some(room)) => room,
        Ok(None) => return (StatusCode::NOT_FOUND, format!("no room {room_id:?}\n")).into_response(),
        Err(error) => return (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}\n")).into_response(),
    };
    let Ok(permit) = Arc::clone(&rooms.sessions).try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many sessions\n").into_response();
    };
    socket.protocols(["protoo"]).on_upgrade(async move |socket| {
        let limited = room.shared.dialect == Dialect::Ts;
        session(room, |outbox| Peer::new(&peer_id, remote, Some(outbox)), socket, limited).await;
        drop(permit);
    })
}

/// The page that opens the socket must come from this host, as the TypeScript server asks.
fn same_origin(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|v| v.to_str().ok()).map(host_name);
    let origin = headers.get(header::ORIGIN).and_then(|v| v.to_str().ok());
    let origin = origin.and_then(|v| v.split_once("://")).map(|(_, rest)| host_name(rest));
    host.is_some() && host == origin
}

fn host_name(authority: &str) -> &str {
    authority.rsplit_once(':').map_or(authority, |(host, _)| host)
}

/// Serves one WebSocket to its end. `limited`: whoever does not join in time is put out.
pub(crate) async fn session(
    room: Arc<Room>,
    peer: impl FnOnce(Outbox) -> Peer,
    socket: WebSocket,
    mut limited: bool,
) {
    let (mut sink, stream) = socket.split();
    let (outbox, mut outgoing) = Outbox::new();
    let peer = Arc::new(peer(outbox));
    tracing::info!(room = room.id(), peer = peer.id, "connected");
    room.enter(Arc::clone(&peer));
    room.tell(&peer, &Event::Hello);
    let mut reader = tokio::spawn(read(Arc::clone(&room), Arc::clone(&peer), stream));
    let joining = tokio::time::sleep(room.shared.join_limit);
    tokio::pin!(joining);
    loop {
        tokio::select! {
            message = next(&mut outgoing) => match message {
                Outgoing::Cut => break,
                Outgoing::Text(text) => if sink.send(Message::Text(text.into())).await.is_err() { break },
                Outgoing::Close => {
                    let frame = CloseFrame { code: 4000, reason: "closed by protoo-server".into() };
                    let _ = sink.send(Message::Close(Some(frame))).await;
                    let _ = tokio::time::timeout(Duration::from_secs(2), &mut reader).await;
                    break;
                }
            },
            _ = &mut reader => break,
            () = &mut joining, if limited => {
                limited = false;
                if !peer.joined() {
                    tracing::info!(peer = peer.id, "did not join in time");
                    room.leave(&peer);
                }
            }
        }
    }
    reader.abort();
    if let Some(outbox) = &peer.outbox {
        outbox.abandon();
    }
    room.leave(&peer);
    tracing::info!(room = room.id(), peer = peer.id, "disconnected");
}

/// The peer owns the sender, so the channel does not end before the session does.
async fn next(outgoing: &mut mpsc::UnboundedReceiver<Outgoing>) -> Outgoing {
    outgoing.recv().await.unwrap_or(Outgoing::Close)
}

async fn read(room: Arc<Room>, peer: Arc<Peer>, mut stream: SplitStream<WebSocket>) {
    while let Some(Ok(message)) = stream.next().await {
        match message {
            Message::Text(text) => match serde_json::from_str(&text) {
                Ok(message) => dispatch(&room, &peer, message).await,
                Err(error) => tracing::warn!(peer = peer.id, %error, "not JSON"),
            },
            Message::Close(_) => break,
            _ => {}
        }
    }
}

/// One message of protoo. Requests are granted one after another.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Incoming {
    request: bool,
    response: bool,
    notification: bool,
    id: u64,
    method: String,
    data: Value,
    ok: bool,
    error_code: u16,
    error_reason: String,
}

impl Default for Incoming {
    fn default() -> Incoming {
        Incoming {
            request: false,
            response: false,
            notification: false,
            id: 0,
            method: String::new(),
            data: Value::Null,
            ok: false,
            error_code: 0,
            error_reason: String::new(),
        }
    }
}

async fn dispatch(room: &Arc<Room>, peer: &Arc<Peer>, message: Value) {
    let Some(outbox) = &peer.outbox else { return };
    let message: Incoming = match serde_json::from_value(message) {
        Ok(message) => message,
        Err(error) => return tracing::warn!(peer = peer.id, %error, "not protoo"),
    };
    if message.response {
        let answer: Answer = match message.ok {
            true => Ok(message.data),
            false => Err(Refusal::new(message.error_code, message.error_reason)),
        };
        outbox.answered(message.id, answer);
    } else if message.request && message.method == if peer.recorder { "observe" } else { "join" } {
        let joined = if peer.recorder {
            bridge::observe(room, peer, message.data)
        } else {
            methods::join(room, peer, message.data)
        };
        let (answer, joined) = match joined {
            Ok((answer, joined)) => (Ok(answer), Some(joined)),
            Err(refusal) => (Err(refusal), None),
        };
        outbox.respond(message.id, answer);
        if let Some(joined) = joined {
            tracing::info!(room = room.id(), peer = peer.id, "joined");
            if peer.seen() {
                room.tell_others(&peer.id, &Event::NewPeer(peer.info()));
            }
            for (from, published) in joined.published {
                room.consume(Arc::clone(peer), from, published);
            }
        }
    } else if message.request {
        let answer = if peer.recorder {
            bridge::request(room, peer, &message.method, message.data).await
        } else {
            methods::request(room, peer, &message.method, message.data).await
        };
        if let Err(refusal) = &answer {
            tracing::warn!(peer = peer.id, method = message.method, %refusal, "request refused");
        }
        outbox.respond(message.id, answer);
    } else if message.notification
        && let Err(refusal) = methods::notification(room, peer, &message.method, message.data).await
    {
        tracing::warn!(peer = peer.id, method = message.method, %refusal, "notification ignored");
    }
}
