//! A participant at the other end of a WebSocket: protoo without media.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

const PATIENCE: Duration = Duration::from_secs(10);

pub struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next: u64,
    /// Came while something else was waited for.
    unread: VecDeque<Value>,
    pub closed: Option<u16>,
}

/// HTTP status of a refused connection.
pub async fn refusal(url: &str, headers: &[(&'static str, &str)]) -> u16 {
    match open(url, headers).await {
        Err(Error::Http(response)) => response.status().as_u16(),
        other => panic!("not refused: {:?}", other.map(drop)),
    }
}

async fn open(
    url: &str,
    headers: &[(&'static str, &str)],
) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>, Error> {
    let mut request = url.into_client_request()?;
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    connect_async(request).await.map(|(socket, _)| socket)
}

#[allow(dead_code, reason = "not every test needs all of it")]
impl Client {
    pub async fn connect(url: &str, peer: &str) -> Client {
        let headers = [("sec-websocket-protocol", "protoo"), ("origin", "http://127.0.0.1")];
        let socket = open(&format!("{url}&peerId={peer}"), &headers).await.unwrap();
        Client { socket, next: 1, unread: VecDeque::new(), closed: None }
    }

    /// A participant that consumes: capabilities, a transport, join. Gives the answer to `join`.
    pub async fn enter(url: &str, peer: &str) -> (Client, Value, Value) {
        let mut client = Client::connect(url, peer).await;
        let answer = client.request("getRouterRtpCapabilities", json!({})).await.unwrap();
        let ts = answer.get("routerRtpCapabilities").cloned();
        let create = match ts {
            None => json!({"forceTcp": false, "producing": false, "consuming": true}),
            Some(_) => json!({"forceTcp": false, "appData": {"direction": "consumer"}}),
        };
        let transport = client.request("createWebRtcTransport", create).await.unwrap();
        let join =
            json!({"displayName": peer, "device": {"name": "test"}, "rtpCapabilities": ts.unwrap_or(answer)});
        let joined = client.request("join", join).await.unwrap();
        (client, transport, joined)
    }

    pub async fn request(&mut self, method: &str, data: Value) -> Result<Value, String> {
        let id = self.next;
        self.next += 1;
        self.send(json!({"request": true, "id": id, "method": method, "data": data})).await;
        let answer = self.take(|m| m["response"] == true && m["id"] == id).await;
        match answer["ok"].as_bool() {
            Some(true) => Ok(answer["data"].clone()),
            _ => Err(answer["errorReason"].as_str().unwrap_or("no reason").to_owned()),
        }
    }

    pub async fn notify(&mut self, method: &str, data: Value) {
        self.send(json!({"notification": true, "method": method, "data": data})).await;
    }

    /// The next notification of a method.
    pub async fn notified(&mut self, method: &str) -> Value {
        self.take(|m| m["notification"] == true && m["method"] == method).await["data"].clone()
    }

    /// The next request of a method, answered.
    pub async fn asked(&mut self, method: &str) -> Value {
        let request = self.take(|m| m["request"] == true && m["method"] == method).await;
        self.send(json!({"response": true, "id": request["id"], "ok": true, "data": {}})).await;
        request["data"].clone()
    }

    /// The close code of the session's end.
    pub async fn ended(&mut self) -> u16 {
        while self.closed.is_none() {
            if let Some(message) = self.read().await {
                self.unread.push_back(message);
            }
        }
        self.closed.unwrap()
    }

    async fn take(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.unread.iter().position(&wanted) {
            return self.unread.remove(at).unwrap();
        }
        loop {
            match self.read().await {
                Some(message) if wanted(&message) => return message,
                Some(message) => self.unread.push_back(message),
                None if self.closed.is_some() => {
                    panic!("closed with {:?}; unread: {:?}", self.closed, self.unread)
                }
                None => {}
            }
        }
    }

    async fn read(&mut self) -> Option<Value> {
        let message = tokio::time::timeout(PATIENCE, self.socket.next()).await;
        match message.unwrap_or_else(|_| panic!("nothing came; unread: {:?}", self.unread)) {
            Some(Ok(Message::Text(text))) => Some(serde_json::from_str(&text).unwrap()),
            Some(Ok(Message::Close(frame))) => {
                self.closed = Some(frame.map_or(1005, |frame| frame.code.into()));
                None
            }
            Some(Ok(_)) => None,
            Some(Err(_)) | None => {
                self.closed.get_or_insert(1006);
                None
            }
        }
    }

    async fn send(&mut self, message: Value) {
        self.socket.send(Message::text(message.to_string())).await.unwrap();
    }
}
