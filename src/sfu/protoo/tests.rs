//! Against a small server of each dialect, on golden messages.

#![allow(clippy::result_large_err, reason = "the signature of the WebSocket library's callback")]

use super::*;
use crate::media::Kind;
use crate::reach::Reach;
use crate::session::{self, DtlsRole};
use futures_util::{SinkExt, StreamExt};
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

/// One connection as the server sees it.
struct Server {
    socket: WebSocketStream<TcpStream>,
    /// Path and query, origin, subprotocol.
    asked: (String, String, String),
}

impl Server {
    async fn listen() -> (TcpListener, Source) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let source = source(listener.local_addr().unwrap()).await;
        (listener, source)
    }

    async fn accept(listener: TcpListener) -> Self {
        let (stream, _) = listener.accept().await.unwrap();
        let mut asked = Default::default();
        let check = |request: &Request, mut response: Response| {
            let header = |name| {
                request.headers().get(name).map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default()
            };
            asked = (request.uri().to_string(), header("origin"), header("sec-websocket-protocol"));
            response.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static("protoo"));
            Ok(response)
        };
        let socket = accept_hdr_async(stream, check).await.unwrap();
        Self { socket, asked }
    }

    async fn send(&mut self, message: Value) {
        self.socket.send(Frame::text(message.to_string())).await.unwrap();
    }

    async fn hear(&mut self) -> Value {
        loop {
            match self.socket.next().await.unwrap().unwrap() {
                Frame::Text(text) => return serde_json::from_str(&text).unwrap(),
                Frame::Ping(_) | Frame::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The next request must be of this method; answer it.
    async fn answer(&mut self, method: &str, data: Value) -> Value {
        let request = self.hear().await;
        assert_eq!((request["request"].as_bool(), request["method"].as_str()), (Some(true), Some(method)));
        self.send(json!({"response": true, "id": request["id"], "ok": true, "data": data})).await;
        request["data"].clone()
    }

    async fn notify(&mut self, method: &str, data: Value) {
        self.send(json!({"notification": true, "method": method, "data": data})).await;
    }

    async fn close(&mut self, code: u16, reason: &'static str) {
        let frame = CloseFrame { code: code.into(), reason: reason.into() };
        self.socket.close(Some(frame)).await.unwrap();
    }
}

async fn source(address: SocketAddr) -> Source {
    let url: Url = format!("ws://{address}/").parse().unwrap();
    Source {
        site: Reach::anywhere().resolve(&url).await.unwrap(),
        url,
        origin: None,
        display_name: "Recorder".into(),
        room_id: "r 1".into(),
        peer_id: "rec".into(),
        join: json!({"hidden": true}).as_object().unwrap().clone(),
    }
}

/// A room whose server is played by `script`.
async fn room<F, T>(script: F) -> (Protoo, JoinHandle<T::Output>)
where
    F: FnOnce(Server) -> T + Send + 'static,
    T: Future + Send + 'static,
    T::Output: Send,
{
    let (listener, source) = Server::listen().await;
    let server = tokio::spawn(async move { script(Server::accept(listener).await).await });
    (connect(&source).await.unwrap(), server)
}

fn router() -> Value {
    json!({"codecs": [{"kind":"audio","mimeType":"audio/opus","preferredPayloadType":100,"clockRate":48000,
        "channels":2,"parameters":{},"rtcpFeedback":[]}], "headerExtensions": []})
}

fn transport(id: &str) -> Value {
    json!({id: "t1", "iceParameters": {"usernameFragment":"u","password":"p","iceLite":true},
        "iceCandidates": [{"foundation":"udpcandidate","priority":1,"ip":"127.0.0.1","protocol":"udp","port":4000,
            "type":"host"}],
        "dtlsParameters": {"role":"auto","fingerprints":[{"algorithm":"sha-256","value":"AA"}]}})
}

fn ours() -> DtlsParameters {
    let fingerprint = session::DtlsFingerprint { algorithm: "sha-256".into(), value: "BB".into() };
    DtlsParameters { role: Some(DtlsRole::Client), fingerprints: vec![fingerprint] }
}

/// From the handshake to a consumer that is accepted, in one dialect.
async fn attends(rewrite: bool) {
    let (mut room, server) = room(move |mut server| async move {
        let (version, id, peer) =
            if rewrite { ("mediasoupVersion", "transportId", "peerId") } else { ("mediasoup-version", "id", "id") };
        server.notify(version, json!({"version": "3.99.0"})).await;
        let capabilities = if rewrite { json!({"routerRtpCapabilities": router()}) } else { router() };
        assert_eq!(server.answer("getRouterRtpCapabilities", capabilities).await, json!({}));
        let created = server.answer("createWebRtcTransport", transport(id)).await;
        let expected = if rewrite {
            json!({"forceTcp": false, "appData": {"direction": "consumer"}})
        } else {
            json!({"forceTcp": false, "producing": false, "consuming": true})
        };
        assert_eq!(created, expected);
        // While joining, the consumer is offered before the answer comes.
        let joining = server.hear().await;
        let consumer = if rewrite { "consumerId" } else { "id" };
        let offered = json!({"peerId":"a","transportId":"t1","producerId":"p1",consumer:"c1","kind":"audio",
            "rtpParameters":{"mid":"0","codecs":[],"encodings":[{"ssrc":7}],"rtcp":{"cname":"x"}},"type":"simple",
            "appData":{},"producerPaused":false});
        server.send(json!({"request":true,"id":77,"method":"newConsumer","data":offered})).await;
        server.send(json!({"request":true,"id":78,"method":"newDataConsumer","data":{}})).await;
        server.send(json!({"request":true,"id":79,"method":"danceForMe","data":{}})).await;
        let peers = json!({"peers": [{peer: "a", "displayName": "Ann", "device": {}}]});
        server.send(json!({"response":true,"id":joining["id"],"ok":true,"data":peers})).await;
        let connected = server.answer("connectWebRtcTransport", json!({})).await;
        let fingerprints = json!([{"algorithm":"sha-256","value":"BB"}]);
        assert_eq!(connected, json!({"transportId":"t1","dtlsParameters":{"role":"client","fingerprints":fingerprints}}));
        // The older dialect asks, the rewrite tells.
        let mut told = Vec::new();
        while told.len() < 5 {
            let message = server.hear().await;
            if let (Some(true), Some(method)) = (message["request"].as_bool(), message["method"].as_str()) {
                assert!(!rewrite, "{method}");
                server.send(json!({"response":true,"id":message["id"],"ok":true})).await;
            }
            told.push(message);
        }
        server.close(NO_RETRY, "room closed").await;
        (joining["data"].clone(), told)
    })
    .await;

    let capabilities = room.enter().await.unwrap();
    assert_eq!(capabilities.codecs.len(), 1);
    let transport = room.create_transport().await.unwrap();
    assert_eq!((transport.id.as_str(), transport.ice_candidates.len()), ("t1", 1));
    let peers = room.join(&capabilities).await.unwrap();
    assert_eq!(peers, [PeerInfo { id: "a".into(), display_name: "Ann".into(), user_id: None }]);
    room.connect_transport("t1", &ours()).await.unwrap();
    let Event::ConsumerOffered { token, consumer } = room.next().await else { panic!() };
    assert_eq!((consumer.id.as_str(), consumer.kind, consumer.ssrc()), ("c1", Kind::Audio, Some(7)));
    room.accept(token).await.unwrap();
    room.request_keyframe("c1").await.unwrap();
    room.prefer_top_layers("c1").await.unwrap();
    let ended = Reason::Ended { code: 4000, reason: "room closed".into() };
    assert_eq!(room.next().await, Event::Closed(ended.clone()));
    assert_eq!(room.next().await, Event::Closed(ended));
    assert!(matches!(room.enter().await, Err(Error::Refused { code: 4000, .. })));

    let (joined, told) = server.await.unwrap();
    assert_eq!((&joined["displayName"], &joined["hidden"]), (&json!("Recorder"), &json!(true)));
    assert_eq!(joined["rtpCapabilities"], router());
    assert!(joined["device"]["name"].is_string());
    let response = |id: u64| told.iter().find(|m| m["response"] == true && m["id"] == id).unwrap().clone();
    assert_eq!(response(77)["ok"], true);
    assert_eq!(response(78)["errorCode"], 403);
    assert_eq!(response(79)["errorCode"], 404);
    let method = |name: &str| told.iter().find(|m| m["method"] == name).unwrap()["data"].clone();
    assert_eq!(method("requestConsumerKeyFrame"), json!({"consumerId": "c1"}));
    assert_eq!(method("setConsumerPreferredLayers")["consumerId"], "c1");
}

#[tokio::test]
async fn attends_a_room_of_the_older_dialect() {
    attends(false).await;
}

#[tokio::test]
async fn attends_a_room_of_the_rewrite() {
    attends(true).await;
}

#[tokio::test]
async fn the_url_is_completed_and_the_origin_derived() {
    let (mut room, server) = room(|mut server| async move {
        server.close(1000, "").await;
        server.asked
    })
    .await;
    assert!(matches!(room.next().await, Event::Closed(Reason::Lost(_))));
    let (uri, origin, protocol) = server.await.unwrap();
    assert_eq!(uri, "/?roomId=r+1&peerId=rec");
    assert_eq!((origin.as_str(), protocol.as_str()), ("https://127.0.0.1", "protoo"));

    let (listener, mut source) = Server::listen().await;
    source.url.set_query(Some("roomId=theirs&peerId=me&x=1"));
    source.origin = Some("https://app.example.org".into());
    let server = tokio::spawn(async move { Server::accept(listener).await.asked });
    let _room = connect(&source).await.unwrap();
    let (uri, origin, _) = server.await.unwrap();
    assert_eq!((uri.as_str(), origin.as_str()), ("/?roomId=theirs&peerId=me&x=1", "https://app.example.org"));
}

#[tokio::test]
async fn a_useless_address_is_told_from_a_dead_and_from_a_forbidding_one() {
    let (listener, source) = Server::listen().await;
    let http = Source { url: "https://127.0.0.1/".parse().unwrap(), ..source.clone() };
    assert!(matches!(connect(&http).await, Err(Error::Url(_))));
    let nameless = Source { peer_id: String::new(), ..source.clone() };
    assert!(matches!(connect(&nameless).await, Err(Error::Url(_))));
    let odd = Source { origin: Some("a\nb".into()), ..source.clone() };
    assert!(matches!(connect(&odd).await, Err(Error::Url(_))));

    let forbidding = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let refuse = |_: &Request, _: Response| -> Result<Response, ErrorResponse> {
            let mut response = ErrorResponse::new(Some("no such room".to_owned()));
            *response.status_mut() = StatusCode::NOT_FOUND;
            Err(response)
        };
        assert!(accept_hdr_async(stream, refuse).await.is_err());
    });
    let Err(Error::Refused { code, reason }) = connect(&source).await else { panic!() };
    assert_eq!((code, reason.as_str()), (404, "no such room"));
    forbidding.await.unwrap();
    assert!(matches!(connect(&source).await, Err(Error::Connect(_))), "the listener is gone");
}

#[test]
fn what_is_added_to_join_is_bounded_and_says_nothing_of_ours() {
    let check = |more: Value| check_join(more.as_object().unwrap());
    assert_eq!(check(json!({})), Ok(()));
    assert_eq!(check(json!({"hidden": true, "role": {"name": "recorder"}})), Ok(()));
    for own in dialect::OWN {
        assert!(check(json!({"hidden": true, own: "x"})).unwrap_err().contains(own));
    }
    assert!(check(json!({"x": "y".repeat(MOST_ADDED)})).unwrap_err().contains("4096"));
}

/// TLS must come up without a provider installed by anyone: here until the other side is found to speak none.
#[tokio::test]
async fn an_encrypted_address_of_a_server_without_encryption_is_an_error() {
    let (listener, mut source) = Server::listen().await;
    source.url.set_scheme("wss").unwrap();
    let server = tokio::spawn(async move { drop(listener.accept().await.unwrap()) });
    assert!(matches!(connect(&source).await, Err(Error::Connect(_))));
    server.await.unwrap();
}

#[tokio::test]
async fn refusals_and_closed_doors_are_told_apart() {
    let (mut room, server) = room(|mut server| async move {
        let request = server.hear().await;
        let failure = json!({"response":true,"id":request["id"],"errorCode":403,"errorReason":"locked"});
        server.send(failure).await;
        let _ = server.hear().await;
        server.close(NO_RETRY, "kicked").await;
    })
    .await;
    let Err(Error::Refused { code, reason }) = room.enter().await else { panic!() };
    assert_eq!((code, reason.as_str()), (403, "locked"));
    let Err(Error::Refused { code, reason }) = room.enter().await else { panic!() };
    assert_eq!((code, reason.as_str()), (4000, "kicked"));
    server.await.unwrap();
}

#[tokio::test]
async fn an_sfu_that_dies_is_a_lost_connection_and_requests_end() {
    let (mut room, server) = room(|mut server| async move {
        let _ = server.hear().await;
    })
    .await;
    assert!(matches!(room.enter().await, Err(Error::Closed)));
    server.await.unwrap();
    assert!(matches!(room.next().await, Event::Closed(Reason::Lost(_))));
    assert!(matches!(room.request_keyframe("c").await, Err(Error::Closed)));
}

#[tokio::test]
async fn an_answer_that_never_comes_is_waited_for_so_long() {
    let (mut room, server) = room(|mut server| async move {
        let first = server.hear().await;
        let second = server.hear().await;
        // The late answer belongs to nobody any more; the next one finds its asker.
        for request in [first, second] {
            server.send(json!({"response":true,"id":request["id"],"ok":true,"data":router()})).await;
        }
        server
    })
    .await;
    room.line.patience = Duration::from_millis(20);
    let Err(Error::Timeout { method }) = room.enter().await else { panic!() };
    assert_eq!(method, "getRouterRtpCapabilities");
    room.line.patience = PATIENCE;
    assert!(room.enter().await.is_ok());
    drop(server.await.unwrap());
}

#[tokio::test]
async fn answers_of_another_shape_are_errors() {
    let (mut room, server) = room(|mut server| async move {
        for method in ["getRouterRtpCapabilities", "createWebRtcTransport"] {
            server.answer(method, json!({"iceCandidates": 7, "codecs": "none"})).await;
        }
        server
    })
    .await;
    assert!(matches!(room.enter().await, Err(Error::Protocol { .. })));
    assert!(matches!(room.create_transport().await, Err(Error::Protocol { .. })));
    drop(server.await.unwrap());
}

/// What is wrong with an answer or an offer does not depend on the dialect, and never ends the room by itself.
async fn survives_nonsense(rewrite: bool) {
    let (mut room, server) = room(move |mut server| async move {
        let capabilities = if rewrite { json!({"routerRtpCapabilities": router()}) } else { router() };
        for wrong in [json!(null), json!([1]), json!({"codecs": {}}), json!({"routerRtpCapabilities": []})] {
            server.answer("getRouterRtpCapabilities", wrong).await;
        }
        server.answer("getRouterRtpCapabilities", capabilities).await;
        let id = if rewrite { "transportId" } else { "id" };
        for wrong in [
            json!({}),
            json!({id: 7}),
            json!({id: "t", "iceParameters": {}, "iceCandidates": [], "dtlsParameters": {}}),
            json!({id: "t", "iceParameters": {"usernameFragment":"u","password":"p"}, "iceCandidates": {}}),
        ] {
            server.answer("createWebRtcTransport", wrong).await;
        }
        server.answer("createWebRtcTransport", transport(id)).await;
        server.answer("join", json!({"peers": "everybody"})).await;
        let consumer = if rewrite { "consumerId" } else { "id" };
        let parameters = json!({"mid":"0","codecs":[],"encodings":[{"ssrc":7}]});
        let offers = [
            json!(null),
            json!({consumer: "c"}),
            json!({consumer: "c", "peerId":"a","producerId":"p","kind":"smell","rtpParameters": parameters}),
            json!({consumer: "c", "peerId":"a","producerId":"p","kind":"audio","rtpParameters": "none"}),
            json!({consumer: "c", "peerId":"a","producerId":"p","kind":"audio","rtpParameters": parameters}),
        ];
        for (id, offer) in (100..).zip(offers) {
            server.send(json!({"request":true,"id":id,"method":"newConsumer","data":offer})).await;
        }
        let mut refused = Vec::new();
        while refused.len() < 4 {
            let message = server.hear().await;
            assert_eq!(message["errorCode"], 400, "{message}");
            refused.push(message["id"].as_u64().unwrap());
        }
        let consented = server.hear().await;
        (refused, consented)
    })
    .await;
    for _ in 0..4 {
        assert!(matches!(room.enter().await, Err(Error::Protocol { .. })));
    }
    let capabilities = room.enter().await.unwrap();
    for _ in 0..4 {
        assert!(matches!(room.create_transport().await, Err(Error::Protocol { .. })));
    }
    assert_eq!(room.create_transport().await.unwrap().id, "t1");
    assert!(room.join(&capabilities).await.unwrap().is_empty());
    let Event::ConsumerOffered { token, .. } = room.next().await else { panic!() };
    room.accept(token).await.unwrap();
    let (refused, consented) = server.await.unwrap();
    assert_eq!(refused, [100, 101, 102, 103]);
    assert_eq!((consented["id"].as_u64(), consented["ok"].as_bool()), (Some(104), Some(true)));
}

#[tokio::test]
async fn failure_34_nonsense_in_the_older_dialect_is_refused_and_the_room_goes_on() {
    survives_nonsense(false).await;
}

#[tokio::test]
async fn failure_34_nonsense_in_the_rewrite_is_refused_and_the_room_goes_on() {
    survives_nonsense(true).await;
}

#[tokio::test]
async fn nothing_is_lost_when_next_is_dropped_and_noise_is_passed_over() {
    let (mut room, server) = room(|mut server| async move {
        server.socket.send(Frame::text("{not protoo")).await.unwrap();
        server.socket.send(Frame::binary(vec![1, 2, 3])).await.unwrap();
        server.notify("newPeer", json!({"nobody": true})).await;
        server.send(json!({"request":true,"id":5,"method":"newConsumer","data":{"id":"c"}})).await;
        for index in 0..50 {
            server.notify("peerClosed", json!({"peerId": index.to_string()})).await;
        }
        let refused = server.hear().await;
        assert_eq!((refused["id"].as_u64(), refused["errorCode"].as_u64()), (Some(5), Some(400)));
        server
    })
    .await;
    let mut seen = Vec::new();
    while seen.len() < 50 {
        // Polled once and dropped, over and over.
        tokio::select! {
            biased;
            event = room.next() => seen.push(event),
            () = tokio::task::yield_now() => {}
        }
    }
    let expected: Vec<_> = (0..50).map(|index: u32| Event::PeerLeft(index.to_string())).collect();
    assert_eq!(seen, expected);
    drop(server.await.unwrap());
}

#[tokio::test]
async fn a_flood_drops_what_is_replaced_and_else_ends_the_room() {
    let (mut room, server) = room(|mut server| async move {
        for _ in 0..3000 {
            server
                .notify("consumerScore", json!({"consumerId":"c","score":{"score":1,"producerScore":1}}))
                .await;
        }
        server.answer("getRouterRtpCapabilities", router()).await;
        for index in 0..3000 {
            let text = json!({"notification":true,"method":"peerClosed","data":{"peerId":index}}).to_string();
            if server.socket.send(Frame::text(text)).await.is_err() {
                break;
            }
        }
        // Until the other side has closed.
        while let Some(Ok(_)) = server.socket.next().await {}
    })
    .await;
    assert!(room.enter().await.is_ok(), "responses pass a full queue");
    server.await.unwrap();
    let reason = loop {
        if let Event::Closed(reason) = room.next().await {
            break reason;
        }
    };
    assert!(matches!(reason, Reason::Lost(_)), "{reason:?}");
}

#[tokio::test]
async fn a_message_beyond_the_limit_ends_the_room() {
    let (mut room, server) = room(|mut server| async move {
        let long = "x".repeat(2 << 20);
        let _ = server.socket.send(Frame::text(long)).await;
        while let Some(Ok(_)) = server.socket.next().await {}
    })
    .await;
    assert!(matches!(room.next().await, Event::Closed(Reason::Lost(_))));
    server.await.unwrap();
}

#[tokio::test]
async fn leaving_closes_the_connection() {
    let (mut room, server) = room(|mut server| async move { server.socket.next().await }).await;
    room.leave().await;
    assert_eq!(room.next().await, Event::Closed(Reason::Left));
    assert!(matches!(server.await.unwrap(), Some(Ok(Frame::Close(Some(_))))));
}

#[tokio::test]
async fn pings_are_answered() {
    let (_room, server) = room(|mut server| async move {
        server.socket.send(Frame::Ping(vec![1].into())).await.unwrap();
        server.socket.next().await
    })
    .await;
    assert!(matches!(server.await.unwrap(), Some(Ok(Frame::Pong(_)))));
}
