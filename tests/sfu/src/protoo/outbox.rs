//! The sending half of a session: notifications, responses, and requests that wait for an answer.

use super::{Answer, Refusal};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// How long an answer may take, about protoo-server's own limit.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// What goes to the WebSocket.
pub(crate) enum Outgoing {
    /// A message.
    Text(String),
    /// Close code 4000, protoo's 'do not come back'.
    Close,
    /// The connection breaks, without a word.
    Cut,
}

/// Everything that is said to a peer goes through here, in order.
pub(crate) struct Outbox {
    to_socket: mpsc::UnboundedSender<Outgoing>,
    waiting: Mutex<HashMap<u32, oneshot::Sender<Answer>>>,
    next: AtomicU32,
}

impl Outbox {
    pub(crate) fn new() -> (Outbox, mpsc::UnboundedReceiver<Outgoing>) {
        let (to_socket, outgoing) = mpsc::unbounded_channel();
        (Outbox { to_socket, waiting: Mutex::default(), next: AtomicU32::new(1_000_001) }, outgoing)
    }

    pub(crate) fn notify(&self, method: &str, data: Value) {
        self.send(&json!({"notification": true, "method": method, "data": data}));
    }

    /// The envelope of a refusal has no `ok`, as protoo-server writes it.
    pub(crate) fn respond(&self, id: u64, answer: Answer) {
        self.send(&match answer {
            Ok(data) => json!({"response": true, "id": id, "ok": true, "data": data}),
            Err(Refusal { code, reason }) => {
                json!({"response": true, "id": id, "errorCode": code, "errorReason": reason})
            }
        });
    }

    pub(crate) async fn request(&self, method: &str, data: Value) -> Result<Value> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        self.waiting.lock().unwrap().insert(id, answer);
        self.send(&json!({"request": true, "id": id, "method": method, "data": data}));
        let answer = tokio::time::timeout(ANSWER_LIMIT, answered).await;
        self.waiting.lock().unwrap().remove(&id);
        let answer = answer.with_context(|| format!("no answer to {method}"))?;
        Ok(answer.with_context(|| format!("the session ended before {method} was answered"))??)
    }

    /// Takes the answer to a request of ours.
    pub(crate) fn answered(&self, id: u64, answer: Answer) {
        let waiting = u32::try_from(id).ok().and_then(|id| self.waiting.lock().unwrap().remove(&id));
        match waiting {
            Some(waiting) => drop(waiting.send(answer)),
            None => tracing::warn!(id, "an answer to no request"),
        }
    }

    /// Ends the session.
    pub(crate) fn close(&self) {
        let _ = self.to_socket.send(Outgoing::Close);
    }

    /// Breaks the connection.
    pub(crate) fn cut(&self) {
        let _ = self.to_socket.send(Outgoing::Cut);
    }

    /// Fails every request that still waits: the peer is gone.
    pub(crate) fn abandon(&self) {
        self.waiting.lock().unwrap().clear();
    }

    fn send(&self, message: &Value) {
        // A closed channel is a peer that has gone, which its session notices by itself.
        let _ = self.to_socket.send(Outgoing::Text(message.to_string()));
    }
}
