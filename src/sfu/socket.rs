//! The WebSocket under protoo and bridge: one task that owns it, sorts what comes in and sends what goes out.
//!
//! The task never waits for the room's owner: responses go to whoever asked, notifications and requests into a
//! bounded queue. When that is full, what the next message of its kind replaces is dropped; anything else ends the
//! connection, because a room whose events are lost is not known any more.

use super::envelope::{self, Failure, Message};
use super::{Error, Reason, dial};
use crate::reach::Site;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::Utf8Bytes};
use tokio_tungstenite::tungstenite::{Error as SocketError, Message as Frame};
use url::Url;

/// Largest message taken, in bytes.
pub(super) const MAX_MESSAGE: usize = 1 << 20;
/// Notifications and requests that wait for the room's owner.
pub(super) const QUEUE: usize = 1024;
/// Between pings of ours.
const PING: Duration = Duration::from_secs(15);
/// Silence after which the connection is taken for dead.
const DEAD: Duration = Duration::from_secs(45);
/// The close code that says: do not come back.
pub(super) const NO_RETRY: u16 = 4000;

/// What goes out.
#[derive(Debug)]
pub(super) enum Command {
    /// Text, as it is.
    Text(String),
    /// A request, and who waits for the answer.
    Request { id: u64, text: String, reply: oneshot::Sender<Result<Value, Failure>> },
    /// Close it.
    Leave,
}

/// What comes in besides responses.
#[derive(Debug, PartialEq)]
pub(super) enum Incoming {
    Request { id: u64, method: String, data: Value },
    Notification { method: String, data: Value },
}

/// How a connection is opened and what may be dropped from it.
pub(super) struct Manner {
    /// The WebSocket subprotocol.
    pub(super) subprotocol: &'static str,
    /// The HTTP `Origin`, if one is sent.
    pub(super) origin: Option<String>,
    /// Notifications that the next one of their kind replaces, by method.
    pub(super) transient: fn(&str) -> bool,
}

/// Our end of the task.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) incoming: mpsc::Receiver<Incoming>,
    pub(super) end: Arc<OnceLock<Reason>>,
}

type Stream = WebSocketStream<reqwest::Upgraded>;

impl Socket {
    /// Connect and start the task.
    pub(super) async fn connect(site: &Site, url: &Url, manner: Manner) -> Result<Self, Error> {
        let config =
            WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
        let stream = dial::open(site, url, &manner, config).await?;
        let (commands, from_room) = mpsc::channel(64);
        let (to_room, incoming) = mpsc::channel(QUEUE);
        let end = Arc::new(OnceLock::new());
        let transient = manner.transient;
        let task = Task { stream, to_room, transient, pending: HashMap::new(), heard: Instant::now() };
        tokio::spawn(task.run(from_room, end.clone()));
        Ok(Self { commands, incoming, end })
    }

    /// Why it is over, once the queue of incoming messages has ended.
    pub(super) fn reason(&self) -> Option<Reason> {
        self.end.get().cloned()
    }
}

struct Task {
    stream: Stream,
    to_room: mpsc::Sender<Incoming>,
    transient: fn(&str) -> bool,
    pending: HashMap<u64, oneshot::Sender<Result<Value, Failure>>>,
    heard: Instant,
}

impl Task {
    /// Until it is over.
    async fn run(mut self, mut commands: mpsc::Receiver<Command>, end: Arc<OnceLock<Reason>>) {
        let mut ticks = interval_at(Instant::now() + PING, PING);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let reason = loop {
            let step = tokio::select! {
                command = commands.recv() => self.send(command).await,
                frame = self.stream.next() => self.take(frame),
                _ = ticks.tick() => self.tick().await,
            };
            if let Err(reason) = step {
                break reason;
            }
        };
        // The reason first: whoever finds the queues over asks for it.
        let _ = end.set(reason);
        let Self { mut stream, to_room, pending, .. } = self;
        drop((to_room, pending, commands));
        let left = CloseFrame { code: CloseCode::Normal, reason: Utf8Bytes::default() };
        // The other side may be gone or slow: saying goodbye is not waited for long.
        let _ = tokio::time::timeout(Duration::from_secs(1), stream.close(Some(left))).await;
    }

    async fn send(&mut self, command: Option<Command>) -> Result<(), Reason> {
        let text = match command {
            Some(Command::Text(text)) => text,
            Some(Command::Request { id, text, reply }) => {
                // Those who gave up waiting.
                self.pending.retain(|_, waiting| !waiting.is_closed());
                self.pending.insert(id, reply);
                text
            }
            // Dropping the room leaves it.
            Some(Command::Leave) | None => return Err(Reason::Left),
        };
        self.stream.send(Frame::text(text)).await.map_err(|e| Reason::Lost(e.to_string()))
    }

    async fn tick(&mut self) -> Result<(), Reason> {
        if self.heard.elapsed() > DEAD {
            return Err(Reason::Lost(format!("nothing heard for {} s", DEAD.as_secs())));
        }
        self.stream.send(Frame::Ping(Vec::new().into())).await.map_err(|e| Reason::Lost(e.to_string()))
    }

    fn take(&mut self, frame: Option<Result<Frame, SocketError>>) -> Result<(), Reason> {
        self.heard = Instant::now();
        match frame {
            Some(Ok(Frame::Text(text))) => self.message(&text),
            Some(Ok(Frame::Close(frame))) => Err(closed(frame)),
            // Pings are answered by the WebSocket itself.
            Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(Reason::Lost(error.to_string())),
            None => Err(Reason::Lost("the connection ended".to_owned())),
        }
    }

    fn message(&mut self, text: &str) -> Result<(), Reason> {
        let incoming = match envelope::parse(text) {
            Some(Message::Response { id, result }) => {
                match self.pending.remove(&id) {
                    // Whoever asked may have given up.
                    Some(reply) => drop(reply.send(result)),
                    None => tracing::debug!(id, "response to nothing asked"),
                }
                return Ok(());
            }
            Some(Message::Request { id, method, data }) => Incoming::Request { id, method, data },
            Some(Message::Notification { method, data }) => Incoming::Notification { method, data },
            None => {
                tracing::warn!(bytes = text.len(), "a message of the SFU in no envelope");
                return Ok(());
            }
        };
        match self.to_room.try_send(incoming) {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Full(Incoming::Notification { method, .. }))
                if (self.transient)(&method) =>
            {
                Ok(())
            }
            Err(mpsc::error::TrySendError::Full(_)) => {
                Err(Reason::Lost("the SFU says more than can be taken".to_owned()))
            }
            Err(mpsc::error::TrySendError::Closed(_)) => Err(Reason::Left),
        }
    }
}

fn closed(frame: Option<CloseFrame>) -> Reason {
    match frame {
        Some(frame) if u16::from(frame.code) == NO_RETRY => {
            Reason::Ended { code: NO_RETRY, reason: frame.reason.to_string() }
        }
        Some(frame) => {
            Reason::Lost(format!("closed by the SFU ({} {})", u16::from(frame.code), frame.reason))
        }
        None => Reason::Lost("closed by the SFU".to_owned()),
    }
}
