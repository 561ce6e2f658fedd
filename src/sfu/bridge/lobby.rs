//! The applications that have come to us, by the room that each has attached.

use super::hello::{self, Hello, Refusal};
use super::session::{Heard, Order, Said, Session, Wire};
use super::{Bridge, Line, VERSION};
use crate::id::RecordingId;
use crate::session::Layers;
use crate::sfu::Error;
use crate::sfu::envelope::{self, Message};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, mpsc, oneshot, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Rooms attached at one time.
const MOST_ROOMS: usize = 1000;
/// WebSockets at one time: some may be on their way out.
const MOST_SOCKETS: usize = 1200;
/// Until an application must have said hello.
const HELLO: Duration = Duration::from_secs(10);
/// How long a dropped WebSocket is waited for. Applications keep their transport for as long.
const GRACE: Duration = Duration::from_secs(60);
/// Rooms that came and whose coming nobody has heard yet.
const ARRIVALS: usize = 1024;

/// Who opens a WebSocket.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// Whose token they have.
    pub user_id: String,
    /// They may take over rooms that others have attached.
    pub takes_over: bool,
    /// Where they come from, if that is known.
    pub from: Option<IpAddr>,
}

/// A room that was attached.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// Its name.
    pub room_id: String,
    /// Whose token the application has.
    pub user_id: String,
    /// It wants to be recorded at once.
    pub record: bool,
    /// The last recording that took part in it, by the application's word.
    pub recorded: Option<RecordingId>,
    /// A title for its recording.
    pub title: Option<String>,
    /// The application's own data.
    pub metadata: Map<String, Value>,
    /// The layers that a recording is to have.
    pub layers: Layers,
    /// Cancelled when the room is not attached any more, or anew.
    pub gone: CancellationToken,
}

/// Everybody who is here.
#[derive(Clone, Debug)]
pub struct Lobby(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    rooms: Mutex<HashMap<String, Entry>>,
    /// Counts the comings.
    came: watch::Sender<u64>,
    arrivals: broadcast::Sender<Arrival>,
    sockets: Arc<Semaphore>,
    grace: Duration,
}

#[derive(Debug)]
struct Entry {
    session: String,
    user_id: String,
    /// Where the newest WebSocket comes from.
    from: Option<IpAddr>,
    /// That WebSocket.
    line: mpsc::WeakSender<Said>,
    /// The session ends when this is dropped.
    orders: mpsc::Sender<Order>,
}

impl Entry {
    /// Somebody else's, who is there.
    fn is_kept_from(&self, visitor: &Visitor) -> bool {
        let reached = || self.line.upgrade().is_some_and(|line| !line.is_closed());
        self.user_id != visitor.user_id && !visitor.takes_over && reached()
    }
}

impl Default for Lobby {
    fn default() -> Self {
        Self::with_grace(GRACE)
    }
}

impl Lobby {
    /// An empty one, in which a dropped WebSocket is waited for so long.
    #[must_use]
    pub fn with_grace(grace: Duration) -> Self {
        Self(Arc::new(Shared {
            rooms: Mutex::default(),
            came: watch::channel(0).0,
            arrivals: broadcast::channel(ARRIVALS).0,
            sockets: Arc::new(Semaphore::new(MOST_SOCKETS)),
            grace,
        }))
    }

    /// Room for one more WebSocket, as long as the permit is kept.
    #[must_use]
    pub fn admit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0.sockets).try_acquire_owned().ok()
    }

    /// Rooms that are attached from now on.
    #[must_use]
    pub fn arrivals(&self) -> broadcast::Receiver<Arrival> {
        self.0.arrivals.subscribe()
    }

    /// Whether an application has attached this room.
    #[must_use]
    pub fn is_attached(&self, room_id: &str) -> bool {
        self.rooms().contains_key(room_id)
    }

    /// Waits until an application has attached this room.
    pub async fn wait_for(&self, room_id: &str) {
        let mut came = self.0.came.subscribe();
        while !self.is_attached(room_id) {
            if came.changed().await.is_err() {
                return;
            }
        }
    }

    /// Takes part in a room, which is waited for no longer than `patience`; where its application has come from.
    ///
    /// # Errors
    /// [`Error::NotAttached`]; [`Error::Refused`] when another recording is in it.
    pub async fn enter(
        &self,
        room_id: &str,
        recorder_id: &str,
        layers: Layers,
        patience: Duration,
    ) -> Result<(Bridge, Option<IpAddr>), Error> {
        let gone = |_| Error::NotAttached;
        timeout(patience, self.wait_for(room_id)).await.map_err(|_| Error::NotAttached)?;
        let found = self.rooms().get(room_id).map(|entry| (entry.orders.clone(), entry.from));
        let (orders, from) = found.ok_or(Error::NotAttached)?;
        let (reply, answer) = oneshot::channel();
        let order = Order::Enter(reply);
        orders.send(order).await.map_err(|_| Error::NotAttached)?;
        let (socket, next_id) = answer
            .await
            .map_err(gone)?
            .map_err(|reason| Error::Refused { code: 409, reason: reason.to_owned() })?;
        Ok((Bridge::new(Line::over(socket, next_id), room_id, recorder_id, layers), from))
    }

    /// Hears an application's first message and lets it in, or tells it why not. Returns soon: the session goes on by
    /// itself.
    pub async fn receive(&self, visitor: &Visitor, mut wire: Wire) {
        let first = timeout(HELLO, wire.incoming.recv()).await;
        let (id, hello) = match first {
            Ok(Some(Heard::Text(text))) => match envelope::parse(&text) {
                Some(Message::Request { id, method, data }) if method == "hello" => {
                    (Some(id), hello::read(data))
                }
                Some(Message::Request { id, .. }) => (Some(id), Err(Refusal::NoHello)),
                _ => (None, Err(Refusal::NoHello)),
            },
            Ok(_) => return,
            Err(_) => (None, Err(Refusal::NoHello)),
        };
        match hello.and_then(|hello| self.let_in(visitor, hello, wire.outgoing.downgrade())) {
            Ok((orders, data)) => {
                let answer = envelope::answered(id.unwrap_or_default(), &data);
                // A full queue or a session that has just ended: the application comes again.
                let _ = wire.outgoing.try_send(Said::Text(answer));
                let _ = orders.send(Order::Wire(wire)).await;
            }
            Err(refusal) => {
                tracing::warn!(user.id = visitor.user_id, %refusal, "an application is not let in");
                let (code, reason) = (refusal.code(), refusal.to_string());
                if let Some(id) = id {
                    let answer = envelope::rejected(id, u32::from(code), &reason);
                    let _ = wire.outgoing.try_send(Said::Text(answer));
                }
                let _ = wire.outgoing.try_send(Said::Close(4000 + code, reason));
            }
        }
    }

    /// The session of an application, new or its own from before, and the answer to its hello.
    fn let_in(
        &self,
        visitor: &Visitor,
        hello: Hello,
        line: mpsc::WeakSender<Said>,
    ) -> Result<(mpsc::Sender<Order>, Value), Refusal> {
        let mut rooms = self.rooms();
        let known = rooms.get_mut(&hello.room_id).filter(|entry| {
            hello.session.as_ref() == Some(&entry.session)
                && entry.user_id == visitor.user_id
                && !entry.orders.is_closed()
        });
        if let Some(entry) = known {
            (entry.from, entry.line) = (visitor.from, line);
            let data = json!({"version": VERSION, "session": entry.session, "resumed": true});
            return Ok((entry.orders.clone(), data));
        }
        if rooms.get(&hello.room_id).is_some_and(|entry| entry.is_kept_from(visitor)) {
            return Err(Refusal::Taken);
        }
        if rooms.len() >= MOST_ROOMS && !rooms.contains_key(&hello.room_id) {
            return Err(Refusal::TooMany);
        }
        let session = Uuid::new_v4().to_string();
        let data = json!({"version": VERSION, "session": session, "resumed": false});
        let (orders, taken) = mpsc::channel(8);
        let gone = CancellationToken::new();
        let gone_with_session = gone.clone().drop_guard();
        let (user_id, from) = (visitor.user_id.clone(), visitor.from);
        let entry = Entry { session: session.clone(), user_id, from, line, orders: orders.clone() };
        // Whoever had the room before is dropped: the newest knows best.
        rooms.insert(hello.room_id.clone(), entry);
        drop(rooms);
        tracing::info!(room.id = %hello.room_id, user.id = visitor.user_id, "a room is attached");
        let running = Session::new(&hello.room_id, self.0.grace);
        let lobby = self.clone();
        let room_id = hello.room_id.clone();
        tokio::spawn(async move {
            let _gone = gone_with_session;
            let reason = running.run(taken).await;
            lobby.forget(&room_id, &session);
            tracing::info!(room.id = %room_id, %reason, "a room is not attached any more");
        });
        self.announce(&visitor.user_id, hello, gone);
        Ok((orders, data))
    }

    fn announce(&self, user_id: &str, hello: Hello, gone: CancellationToken) {
        self.0.came.send_modify(|count| *count += 1);
        // Nobody may be listening.
        let _ = self.0.arrivals.send(Arrival {
            room_id: hello.room_id,
            user_id: user_id.to_owned(),
            record: hello.record,
            recorded: hello.recorded,
            title: hello.title,
            metadata: hello.metadata,
            layers: hello.layers,
            gone,
        });
    }

    fn forget(&self, room_id: &str, session: &str) {
        let mut rooms = self.rooms();
        if rooms.get(room_id).is_some_and(|entry| entry.session == session) {
            rooms.remove(room_id);
        }
    }

    fn rooms(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.0.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
