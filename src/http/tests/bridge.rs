//! Applications that attach rooms, over WebSockets.

use super::*;
use crate::session::Layers;
use axum::extract::ConnectInfo;
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use std::net::{IpAddr, SocketAddr};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tower::util::MapRequestLayer;

const SOON: Duration = Duration::from_secs(10);

/// A server to which everybody comes from this address.
async fn server(app: &TestApp, from: IpAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let socket = SocketAddr::new(from, 1);
    let router = app.router.clone().layer(MapRequestLayer::new(move |mut request: Request<Body>| {
        request.extensions_mut().insert(ConnectInfo(socket));
        request
    }));
    tokio::spawn(crate::http::serve(listener, router, std::future::pending()));
    address
}

/// A WebSocket, and what is answered to its hello.
async fn attach(
    server: SocketAddr,
    claims: &Claims,
    forwarded: Option<&str>,
    room: &str,
) -> (WebSocketStream<TcpStream>, Value) {
    let mut request = format!("ws://{server}/api/v1/bridge").into_client_request().unwrap();
    let headers = request.headers_mut();
    let token = mint(SECRET, claims).unwrap();
    headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
    headers.insert("sec-websocket-protocol", "tureen-bridge.v1".parse().unwrap());
    if let Some(forwarded) = forwarded {
        headers.insert("x-forwarded-for", forwarded.parse().unwrap());
    }
    let stream = TcpStream::connect(server).await.unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
    let hello = json!({"request": true, "id": 1, "method": "hello", "data": {"version": 1, "roomId": room}});
    socket.send(Message::text(hello.to_string())).await.unwrap();
    let Message::Text(answer) = next(&mut socket).await else { panic!("no answer") };
    let answer = serde_json::from_str(&answer).unwrap();
    (socket, answer)
}

async fn next(socket: &mut WebSocketStream<TcpStream>) -> Message {
    tokio::time::timeout(SOON, socket.next()).await.expect("it says something in time").unwrap().unwrap()
}

/// The code with which it is closed.
async fn closed(socket: &mut WebSocketStream<TcpStream>) -> u16 {
    match next(socket).await {
        Message::Close(Some(frame)) => frame.code.into(),
        other => panic!("{other:?}"),
    }
}

fn of(user: &str, role: Role) -> Claims {
    Claims::new(user, "", role, SystemClock.wall(), 600)
}

#[tokio::test]
async fn applications_come_from_where_trusted_proxies_say_and_else_from_nowhere() {
    let app = TestApp::new().await;
    for (n, (socket, forwarded, from)) in [
        ("127.0.0.1", None, Some("127.0.0.1")),
        ("::ffff:127.0.0.1", None, Some("127.0.0.1")),
        // A proxy on this machine that is not listed: its address is not its clients'.
        ("127.0.0.1", Some("203.0.113.9"), None),
        ("127.0.0.1", Some("127.0.0.1, 203.0.113.9"), None),
        ("10.0.0.1", Some("127.0.0.1, 203.0.113.9"), Some("203.0.113.9")),
        ("10.0.0.1", Some("unknown"), None),
    ]
    .into_iter()
    .enumerate()
    {
        let server = server(&app, socket.parse().unwrap()).await;
        let room = format!("r{n}");
        let (_socket, answer) = attach(server, &of("ada", Role::Teacher), forwarded, &room).await;
        assert_eq!(answer["ok"], true, "{answer}");
        let entered = app.lobby.enter(&room, "tureen-x", Layers::Max, SOON).await.unwrap();
        let expected: Option<IpAddr> = from.map(|from| from.parse().unwrap());
        assert_eq!(entered.1, expected, "{socket} {forwarded:?}");
    }
}

#[tokio::test]
async fn a_teacher_does_not_take_over_anothers_room_and_a_service_does() {
    let app = TestApp::new().await;
    let server = server(&app, [127, 0, 0, 1].into()).await;
    let (mut ada, _) = attach(server, &of("ada", Role::Teacher), None, "r").await;
    let (mut bob, answer) = attach(server, &of("bob", Role::Teacher), None, "r").await;
    assert_eq!((&answer["ok"], &answer["errorCode"]), (&json!(false), &json!(409)), "{answer}");
    assert_eq!(closed(&mut bob).await, 4409);
    for role in [Role::Service, Role::Admin] {
        let (newest, answer) = attach(server, &of("other", role), None, "r").await;
        assert_eq!(answer["ok"], true, "{answer}");
        assert_eq!(closed(&mut ada).await, 4000);
        ada = newest;
    }
}

#[tokio::test]
async fn a_websocket_ends_with_its_token_and_the_session_does_not() {
    let app = TestApp::new().await;
    let server = server(&app, [127, 0, 0, 1].into()).await;
    let brief = Claims::new("ada", "", Role::Teacher, SystemClock.wall(), 2);
    let (mut socket, answer) = attach(server, &brief, None, "r").await;
    assert_eq!(answer["ok"], true, "{answer}");
    assert_eq!(closed(&mut socket).await, 3000);
    assert!(app.lobby.is_attached("r"), "it is waited for, with another token");
}
