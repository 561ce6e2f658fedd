//! The routes of an SFU service and what is said on them. Every request has a time limit and every answer a size limit.

use super::super::line::PATIENCE;
use super::super::{Error, Source};
use super::shape::{self, Snapshot};
use crate::reach;
use reqwest::{Client, Method, Response};
use serde::de::Error as _;
use serde_json::{Map, Value, json};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::timeout;
use url::Url;
use uuid::Uuid;

/// Largest answer taken, in bytes.
const MOST_BYTES: usize = 1 << 20;
/// What is told of a refusal, in characters.
const MOST_TOLD: usize = 200;
/// Each word of a farewell is waited for so long.
const FAREWELL: Duration = Duration::from_secs(1);
/// Attempts to resume a consumer, and the pause between them.
const RESUMES: u32 = 3;
const RESUME_PAUSE: Duration = Duration::from_millis(500);

/// Under what a participant's transports and consumers lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// `/rooms/{room}/transports`, the participant being named in the body.
    Room,
    /// `/rooms/{room}/peers/{peer}/transports`.
    Peer,
}

/// One participant at one service.
pub(super) struct Service {
    client: Client,
    base: Url,
    room: String,
    /// Our name in all rooms that this recording visits.
    name: String,
    /// And in this visit.
    pub(super) peer: String,
    scope: OnceLock<Scope>,
    no_resume: AtomicBool,
}

impl Service {
    pub(super) fn new(source: &Source) -> Result<Self, Error> {
        let client = source.site.client().map_err(|error| Error::Connect(error.to_string()))?;
        let mut base = source.url.clone();
        base.set_query(None);
        base.set_fragment(None);
        // Of this visit alone: a farewell of the last one, still on its way, must not be taken for ours.
        let visit = Uuid::new_v4().simple().to_string();
        let peer = format!("{}-{}", source.peer_id, visit.get(..8).unwrap_or(&visit));
        Ok(Self {
            client,
            base,
            room: source.room_id.clone(),
            name: source.peer_id.clone(),
            peer,
            scope: OnceLock::new(),
            no_resume: AtomicBool::new(false),
        })
    }

    /// Takes part, as somebody who only watches.
    pub(super) async fn join(&self, name: &str) -> Result<Value, Error> {
        let body = json!({
            "peerId": self.peer,
            "userId": self.peer,
            "email": "recorder@tureen.invalid",
            "fullName": name,
            // The least that the service's users can be.
            "role": "student",
            "isProducer": false,
            "roomName": self.room,
        });
        self.post(&["rooms", &self.room, "peers"], &body).await
    }

    /// A transport to receive on. Tries what services of this shape differ in.
    pub(super) async fn create_transport(&self) -> Result<Value, Error> {
        let mut refused = Error::Closed;
        for scope in [Scope::Room, Scope::Peer] {
            for direction in ["recv", "consumer"] {
                let body = json!({ "peerId": self.peer, "direction": direction });
                match self.post(&self.within(scope, &["transports"]), &body).await {
                    Ok(transport) => {
                        let _ = self.scope.set(scope);
                        return Ok(transport);
                    }
                    Err(Error::Refused { code: 404 | 405, reason }) => {
                        refused = Error::Refused { code: 404, reason };
                        break;
                    }
                    Err(Error::Refused { code: code @ (400 | 422), reason }) => {
                        refused = Error::Refused { code, reason };
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Err(refused)
    }

    pub(super) async fn connect_transport(&self, id: &str, dtls: &Value) -> Result<(), Error> {
        let body = json!({ "peerId": self.peer, "dtlsParameters": dtls });
        self.post(&self.own(&["transports", id, "connect"]), &body).await.map(drop)
    }

    /// A consumer, paused where the service heeds that.
    pub(super) async fn consume(
        &self,
        producer: &str,
        transport: &str,
        capabilities: &Value,
    ) -> Result<Value, Error> {
        let body = json!({
            "peerId": self.peer,
            "producerId": producer,
            "transportId": transport,
            "rtpCapabilities": capabilities,
            "paused": true,
        });
        self.post(&self.own(&["consumers"]), &body).await
    }

    /// We are ready for its packets. Services whose consumers are never paused have no such route.
    pub(super) async fn resume(&self, consumer: &str) {
        for attempt in 1..=RESUMES {
            if self.no_resume.load(Ordering::Relaxed) {
                return;
            }
            let body = json!({ "peerId": self.peer });
            match self.post(&self.own(&["consumers", consumer, "resume"]), &body).await {
                Ok(_) => return,
                Err(Error::Refused { code: 404 | 405 | 501, .. }) => {
                    tracing::debug!("the SFU service has no route to resume consumers");
                    self.no_resume.store(true, Ordering::Relaxed);
                    return;
                }
                Err(error) => tracing::warn!(consumer.id = consumer, %error, attempt, "not resumed"),
            }
            tokio::time::sleep(RESUME_PAUSE).await;
        }
    }

    /// We do not want it any more. Whether that is heard makes no difference: closed already is as good.
    pub(super) async fn close_consumer(&self, consumer: &str) {
        let body = json!({ "peerId": self.peer });
        let _ = timeout(FAREWELL, self.post(&self.own(&["consumers", consumer, "close"]), &body)).await;
    }

    /// What the room is like now.
    pub(super) async fn room(&self) -> Result<Value, Error> {
        self.call(Method::GET, &["rooms", &self.room], None).await
    }

    /// The answer to that.
    pub(super) fn read_room(&self, told: &Value) -> Result<Snapshot, Error> {
        shape::room(told, &self.name, &self.peer).map_err(|source| protocol("GET room", source))
    }

    /// Ends another visit of ours.
    pub(super) async fn put_out(&self, peer: &str) {
        let path = ["rooms", &self.room, "peers", peer, "leave"];
        let _ = timeout(FAREWELL, self.post(&path, &json!({ "peerId": peer }))).await;
    }

    /// Leaves, in so far as anybody listens.
    pub(super) async fn leave(&self, transport: Option<&str>) {
        let body = json!({ "peerId": self.peer });
        if let Some(id) = transport {
            let _ = timeout(FAREWELL, self.post(&self.own(&["transports", id, "close"]), &body)).await;
        }
        self.put_out(&self.peer).await;
    }

    fn own<'a>(&'a self, rest: &[&'a str]) -> Vec<&'a str> {
        self.within(self.scope.get().copied().unwrap_or(Scope::Room), rest)
    }

    fn within<'a>(&'a self, scope: Scope, rest: &[&'a str]) -> Vec<&'a str> {
        let mut path = vec!["rooms", self.room.as_str()];
        if scope == Scope::Peer {
            path.extend(["peers", self.peer.as_str()]);
        }
        path.extend(rest);
        path
    }

    async fn post(&self, path: &[&str], body: &Value) -> Result<Value, Error> {
        self.call(Method::POST, path, Some(body)).await
    }

    async fn call(&self, method: Method, path: &[&str], body: Option<&Value>) -> Result<Value, Error> {
        let what = format!("{method} {}", path.last().copied().unwrap_or_default());
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| Error::Url("it has no path".to_owned()))?
            .pop_if_empty()
            .extend(path);
        let mut request = self.client.request(method, url);
        if let Some(body) = body {
            request = request.json(body);
        }
        let asked = async {
            let answer = request.send().await.map_err(|error| Error::Connect(reach::chain(&error)))?;
            read(&what, answer).await
        };
        timeout(PATIENCE, asked).await.map_err(|_| Error::Timeout { method: what.clone() })?
    }
}

async fn read(what: &str, mut answer: Response) -> Result<Value, Error> {
    let status = answer.status();
    let mut bytes = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(|error| Error::Connect(reach::chain(&error)))? {
        if bytes.len() + piece.len() > MOST_BYTES {
            return Err(protocol(what, serde_json::Error::custom("the answer is too long")));
        }
        bytes.extend_from_slice(&piece);
    }
    if !status.is_success() {
        let said = said(&bytes).filter(|said| !said.is_empty());
        let reason = said.unwrap_or_else(|| status.canonical_reason().unwrap_or_default().to_owned());
        return Err(Error::Refused { code: u32::from(status.as_u16()), reason });
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&bytes).map(unwrapped).map_err(|source| protocol(what, source))
}

/// `{"success": true, "data": {...}}` and the like.
fn unwrapped(mut value: Value) -> Value {
    let about = ["success", "status", "message", "data", "ok", "code"];
    let only_wraps = |object: &Map<String, Value>| object.keys().all(|key| about.contains(&key.as_str()));
    match value.get("data") {
        Some(Value::Object(_)) if value.as_object().is_some_and(only_wraps) => {
            value.get_mut("data").map(Value::take).unwrap_or_default()
        }
        _ => value,
    }
}

/// What a refusal says for people.
fn said(bytes: &[u8]) -> Option<String> {
    let text = match serde_json::from_slice::<Value>(bytes) {
        Ok(value) => ["error", "message", "detail", "reason"]
            .iter()
            .find_map(|name| value.get(name)?.as_str().map(str::to_owned))?,
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    };
    Some(text.trim().chars().take(MOST_TOLD).collect())
}

pub(super) fn protocol(what: &str, source: serde_json::Error) -> Error {
    Error::Protocol { method: what.to_owned(), source }
}
