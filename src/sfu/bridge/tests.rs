//! Against a small server that says what a test gives it.

#![allow(clippy::result_large_err, reason = "the signature of the WebSocket library's callback")]

use super::super::Reason;
use super::*;
use crate::reach::{Reach, Site};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

type Server = WebSocketStream<TcpStream>;

async fn here() -> Site {
    Reach::anywhere().resolve(&"ws://127.0.0.1/".parse().unwrap()).await.unwrap()
}

async fn hear(server: &mut Server) -> Value {
    loop {
        match server.next().await.unwrap().unwrap() {
            Frame::Text(text) => return serde_json::from_str(&text).unwrap(),
            Frame::Ping(_) | Frame::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn say(server: &mut Server, message: Value) {
    server.send(Frame::text(message.to_string())).await.unwrap();
}

/// The next request must be of this method; gives its data.
async fn answer(server: &mut Server, method: &str, answer: Value) -> Value {
    let request = hear(server).await;
    assert_eq!(request["method"], method, "{request}");
    let mut response = json!({"response": true, "id": request["id"]});
    response.as_object_mut().unwrap().extend(answer.as_object().unwrap().clone());
    say(server, response).await;
    request["data"].clone()
}

fn good(data: Value) -> Value {
    json!({"ok": true, "data": data})
}

fn router() -> Value {
    json!({"version": 1, "routerRtpCapabilities": {"codecs": [{"kind": "audio", "mimeType": "audio/opus",
        "preferredPayloadType": 100, "clockRate": 48000, "channels": 2}], "headerExtensions": []}})
}

/// A bridge whose application is played by `script`, and what the script comes to.
async fn bridge<F, T>(layers: Layers, script: F) -> (Bridge, tokio::task::JoinHandle<T::Output>)
where
    F: FnOnce(Server) -> T + Send + 'static,
    T: Future + Send + 'static,
    T::Output: Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let source = Source {
        url: format!("ws://{}/bridge", listener.local_addr().unwrap()).parse().unwrap(),
        site: here().await,
        origin: None,
        room_id: "r 1".into(),
        peer_id: "rec".into(),
        display_name: "Recorder".into(),
        join: serde_json::Map::new(),
    };
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let check = |request: &Request, mut response: Response| {
            let offered = request.headers().get("sec-websocket-protocol").unwrap().clone();
            assert_eq!(offered, HeaderValue::from_static("tureen-bridge.v1"));
            assert!(request.headers().get("origin").is_none());
            response.headers_mut().insert("sec-websocket-protocol", offered);
            Ok(response)
        };
        script(accept_hdr_async(stream, check).await.unwrap()).await
    });
    (connect(&source, layers).await.unwrap(), server)
}

#[tokio::test]
async fn a_bridge_is_attached_and_offers_a_layer() {
    let (mut room, server) = bridge(Layers::All, |mut server| async move {
        let attach = answer(&mut server, "attach", good(router())).await;
        assert_eq!((&attach["version"], &attach["roomId"]), (&json!(1), &json!("r 1")));
        assert_eq!((&attach["layers"], &attach["recorder"]["id"]), (&json!("all"), &json!("rec")));
        let transport = json!({"transportId": "t1", "iceParameters": {"usernameFragment": "u", "password": "p"},
            "iceCandidates": [], "dtlsParameters": {"fingerprints": []}});
        answer(&mut server, "createTransport", good(transport)).await;
        let peers = json!({"peers": [{"peerId": "ann", "displayName": "Ann", "userId": "7"}, {"x": 1}]});
        let observe = answer(&mut server, "observe", good(peers)).await;
        assert_eq!(observe["transportId"], "t1");
        say(&mut server, json!({"request": true, "id": 1, "method": "newConsumer", "data": {}})).await;
        assert_eq!(hear(&mut server).await["errorCode"], 400);
        let consumer = json!({"consumerId": "c", "producerId": "p", "peerId": "ann", "kind": "video",
            "rtpParameters": {}, "spatialLayer": 1});
        say(&mut server, json!({"request": true, "id": 2, "method": "newConsumer", "data": consumer})).await;
        let accepted = hear(&mut server).await;
        assert_eq!((&accepted["id"], &accepted["ok"]), (&json!(2), &json!(true)));
    })
    .await;
    assert_eq!(room.enter().await.unwrap().codecs.len(), 1);
    assert_eq!(room.create_transport().await.unwrap().id, "t1");
    let peers = room.join(&RtpCapabilities::default()).await.unwrap();
    assert_eq!(peers, [PeerInfo { id: "ann".into(), display_name: "Ann".into(), user_id: Some("7".into()) }]);
    let Event::ConsumerOffered { token, consumer } = room.next().await else { panic!("no offer") };
    assert_eq!(consumer.layer, Some(1));
    room.accept(token).await.unwrap();
    server.await.unwrap();
}

#[tokio::test]
async fn ice_is_restarted_and_whom_it_refused_is_offered_again_where_the_application_can() {
    let (mut room, server) = bridge(Layers::Max, |mut server| async move {
        let ice = json!({"iceParameters": {"usernameFragment": "u2", "password": "p2"}});
        assert_eq!(answer(&mut server, "restartIce", good(ice)).await, json!({"transportId": "t1"}));
        answer(&mut server, "restartIce", good(json!({"usernameFragment": "u2"}))).await;
        let gone = json!({"errorCode": 404, "errorReason": "no such transport"});
        answer(&mut server, "restartIce", gone.clone()).await;
        assert_eq!(answer(&mut server, "offerAgain", good(json!({}))).await, json!({"peerId": "ann"}));
        answer(&mut server, "offerAgain", gone).await;
        answer(&mut server, "offerAgain", json!({"errorCode": 409, "errorReason": "attach first"})).await;
    })
    .await;
    let ice = room.restart_ice("t1").await.unwrap().unwrap();
    assert_eq!((ice.username_fragment.as_str(), ice.password.as_str()), ("u2", "p2"));
    assert!(matches!(room.restart_ice("t1").await, Err(Error::Protocol { .. })));
    assert!(matches!(room.restart_ice("t1").await, Err(Error::Refused { code: 404, .. })));
    assert!(room.offer_again("ann").await.unwrap());
    assert!(!room.offer_again("ann").await.unwrap(), "an application that does not know it");
    assert!(matches!(room.offer_again("ann").await, Err(Error::Refused { code: 409, .. })));
    server.await.unwrap();
}

#[tokio::test]
async fn an_application_that_has_no_layers_says_so() {
    let refusal = json!({"errorCode": 422, "errorReason": "layers_unsupported"});
    let (mut room, _server) = bridge(Layers::All, |mut server| async move {
        answer(&mut server, "attach", refusal).await;
    })
    .await;
    assert!(matches!(room.enter().await, Err(Error::Layers)));
}

#[tokio::test]
async fn nonsense_is_an_error_and_no_panic() {
    for nonsense in
        [json!({"ok": true}), good(json!([])), good(json!({"routerRtpCapabilities": 7})), json!({})]
    {
        let said = nonsense.clone();
        let (mut room, _server) = bridge(Layers::Max, |mut server| async move {
            for junk in ["{", "[]", "null", "{\"request\": true}", "\u{0}"] {
                server.send(Frame::text(junk)).await.unwrap();
            }
            server.send(Frame::binary(vec![0xff; 64])).await.unwrap();
            answer(&mut server, "attach", said).await;
            server.close(None).await.unwrap();
        })
        .await;
        let error = room.enter().await.unwrap_err();
        assert!(matches!(error, Error::Protocol { .. } | Error::Refused { .. }), "{nonsense}: {error}");
        assert!(matches!(room.next().await, Event::Closed(Reason::Lost(_))));
    }
}

#[tokio::test]
async fn a_server_of_something_else_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let site = here().await;
    let source = |url: String| Source {
        url: url.parse().unwrap(),
        site: site.clone(),
        origin: None,
        room_id: "r".into(),
        peer_id: "rec".into(),
        display_name: "Recorder".into(),
        join: serde_json::Map::new(),
    };
    let http = source(format!("http://{}/", listener.local_addr().unwrap()));
    assert!(matches!(connect(&http, Layers::Max).await, Err(Error::Url(_))));
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    // A WebSocket that does not choose our protocol.
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        tokio_tungstenite::accept_async(stream).await.map(drop)
    });
    assert!(matches!(connect(&source(url), Layers::Max).await, Err(Error::Connect(_))));
    drop(server.await);
}
