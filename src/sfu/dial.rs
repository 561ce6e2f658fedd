//! Opens a WebSocket on the checked addresses of a host (RFC 6455 4.1). The HTTP client makes the connection, so that
//! addresses, certificates and the ban on redirects are those of every other connection.

use super::Error;
use super::socket::Manner;
use crate::reach::{self, Site};
use reqwest::header::{CONNECTION, HeaderMap, HeaderValue, ORIGIN, UPGRADE};
use reqwest::{Response, StatusCode, Upgraded};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use url::Url;

const KEY: &str = "sec-websocket-key";
const ACCEPT: &str = "sec-websocket-accept";
const PROTOCOL: &str = "sec-websocket-protocol";
const VERSION: &str = "sec-websocket-version";
/// What is read and what is kept of a refusal's body, in bytes and characters.
const MOST_READ: usize = 4096;
const MOST_TOLD: usize = 200;

/// A connection on which the other side has agreed to the subprotocol.
pub(super) async fn open(
    site: &Site,
    url: &Url,
    manner: &Manner,
    config: WebSocketConfig,
) -> Result<WebSocketStream<Upgraded>, Error> {
    let key = generate_key();
    let mut headers = HeaderMap::new();
    if let Some(origin) = &manner.origin {
        headers.insert(ORIGIN, value(origin).map_err(|error| Error::Url(format!("origin: {error}")))?);
    }
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(VERSION, HeaderValue::from_static("13"));
    headers.insert(KEY, value(&key).map_err(Error::Url)?);
    headers.insert(PROTOCOL, HeaderValue::from_static(manner.subprotocol));
    let client = site.client().map_err(|error| Error::Connect(error.to_string()))?;
    let asked = client.get(as_http(url)?).headers(headers).send().await;
    let answer = asked.map_err(|error| Error::Connect(reach::chain(&error)))?;
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(refusal(answer).await);
    }
    let said = |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    if said(ACCEPT) != Some(derive_accept_key(key.as_bytes()).as_str()) {
        return Err(Error::Connect("the answer is not a WebSocket's".to_owned()));
    }
    if said(PROTOCOL) != Some(manner.subprotocol) {
        return Err(Error::Connect(format!("the server does not speak {}", manner.subprotocol)));
    }
    let stream = answer.upgrade().await.map_err(|error| Error::Connect(reach::chain(&error)))?;
    Ok(WebSocketStream::from_raw_socket(stream, Role::Client, Some(config)).await)
}

fn value(text: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_str(text).map_err(|error| error.to_string())
}

/// The same address under the scheme of the request that opens it.
fn as_http(url: &Url) -> Result<Url, Error> {
    let rest = match url.scheme() {
        "ws" => url.as_str().strip_prefix("ws:").map(|rest| format!("http:{rest}")),
        "wss" => url.as_str().strip_prefix("wss:").map(|rest| format!("https:{rest}")),
        _ => None,
    };
    let rest = rest.ok_or_else(|| Error::Url(format!("{} is not ws or wss", url.scheme())))?;
    rest.parse().map_err(|error: url::ParseError| Error::Url(error.to_string()))
}

/// What a server said instead. A redirect is told with its target: it was not followed.
async fn refusal(mut answer: Response) -> Error {
    let status = answer.status();
    let target = answer.headers().get("location").and_then(|target| target.to_str().ok());
    if let (true, Some(target)) = (status.is_redirection(), target) {
        let target: String = target.chars().take(MOST_TOLD).collect();
        let reason = format!("redirects are not followed (to {target})");
        return Error::Refused { code: u32::from(status.as_u16()), reason };
    }
    let mut body = Vec::new();
    while let Ok(Some(piece)) = answer.chunk().await {
        let room = MOST_READ - body.len();
        body.extend_from_slice(piece.get(..room).unwrap_or(&piece));
        if body.len() >= MOST_READ {
            break;
        }
    }
    let said: String = String::from_utf8_lossy(&body).chars().take(MOST_TOLD).collect();
    let reason = if said.trim().is_empty() { status.canonical_reason().unwrap_or("").into() } else { said };
    Error::Refused { code: u32::from(status.as_u16()), reason }
}
