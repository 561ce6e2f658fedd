//! Servers that answer as protoo's do and mean harm, or are broken.

use anyhow::Result;
use axum::Router;
use axum::extract::ws::{Message, WebSocket};
use axum::extract::{State, WebSocketUpgrade};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malice {
    /// It agrees to no subprotocol.
    Stranger,
    /// It sends whoever comes to this machine's metadata service, as it were.
    Redirects,
    /// It answers in no envelope.
    Garbage,
    /// Its answers are of another shape.
    WrongShape,
    /// Its answers have no end.
    Oversized,
    /// Its media is at addresses of others.
    ForeignCandidates,
}

/// A running server.
pub struct Hostile {
    /// Where it listens.
    pub url: String,
    server: JoinHandle<()>,
}

impl Hostile {
    /// Listens on a free port of 127.0.0.1.
    pub async fn start(malice: Malice) -> Result<Hostile> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("ws://{}/?roomId=hostile", listener.local_addr()?);
        let routes = Router::new().route("/", get(upgrade)).with_state(malice);
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, routes).await {
                tracing::error!(%error, "the hostile server ended");
            }
        });
        Ok(Hostile { url, server })
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn upgrade(State(malice): State<Malice>, socket: WebSocketUpgrade) -> Response {
    match malice {
        Malice::Redirects => Redirect::temporary("http://169.254.169.254/latest/meta-data/").into_response(),
        Malice::Stranger => socket.on_upgrade(async |_| {}),
        _ => socket.protocols(["protoo"]).on_upgrade(move |socket| misbehave(malice, socket)),
    }
}

async fn misbehave(malice: Malice, mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        let Message::Text(text) = message else { continue };
        let asked: Value = serde_json::from_str(&text).unwrap_or_default();
        let answer =
            |data: Value| json!({"response": true, "id": asked["id"], "ok": true, "data": data}).to_string();
        let said = match (malice, asked["method"].as_str()) {
            (Malice::Garbage, _) => "{\"response\":true,\"id\":".to_owned(),
            (Malice::WrongShape, _) => answer(json!({"codecs": 7})),
            (Malice::Oversized, _) => answer(json!("x".repeat(3 << 20))),
            (_, Some("getRouterRtpCapabilities")) => answer(capabilities()),
            (_, Some("createWebRtcTransport")) => answer(transport()),
            _ => answer(json!({"peers": []})),
        };
        if socket.send(Message::Text(said.into())).await.is_err() {
            return;
        }
    }
}

fn capabilities() -> Value {
    json!({"codecs": [{"kind": "audio", "mimeType": "audio/opus", "preferredPayloadType": 100, "clockRate": 48000,
        "channels": 2, "parameters": {}, "rtcpFeedback": []}], "headerExtensions": []})
}

fn transport() -> Value {
    let at = |ip: &str| json!({"foundation": "x", "priority": 1, "ip": ip, "protocol": "udp", "port": 53, "type": "host"});
    json!({"id": "t", "iceParameters": {"usernameFragment": "u", "password": "p", "iceLite": true},
        "iceCandidates": [at("169.254.169.254"), at("10.0.0.1"), at("::ffff:192.168.0.1"), at("224.0.0.1")],
        "dtlsParameters": {"role": "auto", "fingerprints": [{"algorithm": "sha-256", "value": "AA"}]}})
}
