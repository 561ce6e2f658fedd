//! An application's session: one room, over one WebSocket after another, and the recording that takes part in it.
//!
//! Between two WebSockets everything stays as it is: the recording hears nothing and goes on receiving media. What it
//! asked and was not answered is asked again under the same number; the application answers each number once.

use super::super::Reason;
use super::super::envelope::{self, Failure, Message};
use super::super::socket::{Command, Incoming, NO_RETRY, QUEUE, Socket};
use super::message;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

/// Numbers that a recording may use for its requests, so that no two of a session share one.
const NUMBERS: u64 = 1 << 24;

/// What comes from a WebSocket.
#[derive(Debug)]
pub enum Heard {
    /// A message.
    Text(String),
    /// It is closed, with this code.
    Closed(u16, String),
}

/// What goes to a WebSocket.
#[derive(Debug)]
pub enum Said {
    /// A message.
    Text(String),
    /// The end, with its code and reason.
    Close(u16, String),
}

/// One WebSocket, as far as the protocol is concerned. Dropping it closes it.
#[derive(Debug)]
pub struct Wire {
    /// From the application. Its end is the WebSocket's.
    pub incoming: mpsc::Receiver<Heard>,
    /// To the application.
    pub outgoing: mpsc::Sender<Said>,
}

type Entered = Result<(Socket, u64), &'static str>;

/// What a session is told to do.
#[derive(Debug)]
pub(super) enum Order {
    /// Go on over this WebSocket.
    Wire(Wire),
    /// Let a recording take part; the first number of its requests.
    Enter(oneshot::Sender<Entered>),
}

/// The recording that takes part.
struct Seat {
    commands: mpsc::Receiver<Command>,
    to_room: mpsc::Sender<Incoming>,
    end: Arc<OnceLock<Reason>>,
    /// Requests without an answer, in their order.
    pending: BTreeMap<u64, (String, oneshot::Sender<Result<Value, Failure>>)>,
}

pub(super) struct Session {
    room_id: String,
    grace: Duration,
    wire: Option<Wire>,
    /// When there was none for too long.
    deadline: Instant,
    seat: Option<Seat>,
    /// Recordings that have taken part.
    count: u64,
    /// A recording left while no WebSocket was there.
    owes_detach: bool,
}

impl Session {
    pub(super) fn new(room_id: &str, grace: Duration) -> Self {
        Self {
            room_id: room_id.to_owned(),
            grace,
            wire: None,
            deadline: Instant::now() + grace,
            seat: None,
            count: 0,
            owes_detach: false,
        }
    }

    /// Until the application leaves, stays away, or another takes its place.
    pub(super) async fn run(mut self, mut orders: mpsc::Receiver<Order>) -> Reason {
        let reason = loop {
            let step = tokio::select! {
                order = orders.recv() => match order {
                    Some(Order::Wire(wire)) => { self.resume(wire); Ok(()) }
                    Some(Order::Enter(reply)) => { self.enter(reply); Ok(()) }
                    None => Err(self.replaced()),
                },
                heard = hear(&mut self.wire) => self.take(heard),
                command = ask(&mut self.seat) => { self.command(command); Ok(()) }
                () = sleep_until(self.deadline), if self.wire.is_none() => {
                    let seconds = self.grace.as_secs();
                    Err(Reason::Lost(format!("the application's WebSocket did not come back within {seconds} s")))
                }
            };
            if let Err(reason) = step {
                break reason;
            }
        };
        // The reason first: whoever finds the queues over asks for it.
        if let Some(seat) = &self.seat {
            let _ = seat.end.set(reason.clone());
        }
        reason
    }

    fn replaced(&mut self) -> Reason {
        let said = "another application has attached this room";
        if let Some(wire) = self.wire.take() {
            let _ = wire.outgoing.try_send(Said::Close(NO_RETRY, said.to_owned()));
        }
        Reason::Lost(said.to_owned())
    }

    fn resume(&mut self, wire: Wire) {
        self.wire = Some(wire);
        if std::mem::take(&mut self.owes_detach) {
            self.detach();
        }
        let Some(seat) = &mut self.seat else { return };
        // Those who gave up waiting.
        seat.pending.retain(|_, (_, reply)| !reply.is_closed());
        let again: Vec<String> = seat.pending.values().map(|(text, _)| text.clone()).collect();
        tracing::info!(room.id = %self.room_id, requests = again.len(), "the bridge's WebSocket is back");
        again.into_iter().for_each(|text| self.say(text));
    }

    fn enter(&mut self, reply: oneshot::Sender<Entered>) {
        // One that has left may not have been heard yet.
        while let Some(seat) = &mut self.seat {
            match seat.commands.try_recv() {
                Ok(command) => self.command(Some(command)),
                Err(mpsc::error::TryRecvError::Disconnected) => self.command(None),
                Err(mpsc::error::TryRecvError::Empty) => {
                    let _ = reply.send(Err("another recording takes part in this room"));
                    return;
                }
            }
        }
        let (commands, asked) = mpsc::channel(64);
        let (to_room, incoming) = mpsc::channel(QUEUE);
        let end = Arc::new(OnceLock::new());
        self.seat = Some(Seat { commands: asked, to_room, end: end.clone(), pending: BTreeMap::new() });
        let first = self.count * NUMBERS + 1;
        self.count += 1;
        // Whoever asked may have gone: then the seat's queues are over, which is heard like a leave.
        let _ = reply.send(Ok((Socket { commands, incoming, end }, first)));
    }

    fn command(&mut self, command: Option<Command>) {
        let Some(seat) = &mut self.seat else { return };
        match command {
            Some(Command::Text(text)) => self.say(text),
            Some(Command::Request { id, text, reply }) => {
                seat.pending.retain(|_, (_, reply)| !reply.is_closed());
                seat.pending.insert(id, (text.clone(), reply));
                self.say(text);
            }
            Some(Command::Leave) | None => {
                let _ = seat.end.set(Reason::Left);
                self.seat = None;
                self.detach();
            }
        }
    }

    fn detach(&mut self) {
        if self.wire.is_some() {
            self.say(envelope::notification("detach", &json!({})));
        }
        self.owes_detach = self.wire.is_none();
    }

    /// Nothing is waited for: an application that does not read is as good as gone, until it comes again.
    fn say(&mut self, text: String) {
        let stuck = |wire: &Wire| wire.outgoing.try_send(Said::Text(text)).is_err();
        if self.wire.as_ref().is_some_and(stuck) {
            self.lose("it does not read");
        }
    }

    fn lose(&mut self, reason: &str) {
        tracing::warn!(room.id = %self.room_id, reason, "the bridge's WebSocket is lost");
        self.wire = None;
        self.deadline = Instant::now() + self.grace;
    }

    fn take(&mut self, heard: Option<Heard>) -> Result<(), Reason> {
        match heard {
            Some(Heard::Text(text)) => self.message(&text),
            Some(Heard::Closed(NO_RETRY, reason)) => Err(Reason::Ended { code: NO_RETRY, reason }),
            Some(Heard::Closed(code, reason)) => {
                self.lose(&format!("closed ({code} {reason})"));
                Ok(())
            }
            None => {
                self.lose("the connection ended");
                Ok(())
            }
        }
    }

    fn message(&mut self, text: &str) -> Result<(), Reason> {
        let incoming = match envelope::parse(text) {
            Some(Message::Response { id, result }) => {
                if let Some((_, reply)) = self.seat.as_mut().and_then(|seat| seat.pending.remove(&id)) {
                    // Whoever asked may have given up.
                    let _ = reply.send(result);
                }
                return Ok(());
            }
            Some(Message::Request { id, method, .. }) if method == "hello" => {
                self.say(envelope::rejected(id, 409, "hello was said already"));
                return Ok(());
            }
            Some(Message::Request { id, method, data }) => Incoming::Request { id, method, data },
            Some(Message::Notification { method, data }) => Incoming::Notification { method, data },
            None => {
                tracing::warn!(room.id = %self.room_id, bytes = text.len(), "a message in no envelope");
                let told =
                    json!({"errorCode": 400, "errorReason": "a message that is none of this protocol"});
                self.say(envelope::notification("error", &told));
                return Ok(());
            }
        };
        self.pass(incoming)
    }

    /// To the recording.
    fn pass(&mut self, incoming: Incoming) -> Result<(), Reason> {
        let Some(seat) = &self.seat else {
            if let Incoming::Request { id, .. } = incoming {
                self.say(envelope::rejected(id, 409, "nothing is being recorded"));
            }
            return Ok(());
        };
        match seat.to_room.try_send(incoming) {
            // It has left, which its commands will tell.
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Full(Incoming::Notification { method, .. }))
                if message::transient(&method) =>
            {
                Ok(())
            }
            Err(mpsc::error::TrySendError::Full(_)) => {
                let said = "the application says more than can be taken";
                if let Some(wire) = self.wire.take() {
                    let _ = wire.outgoing.try_send(Said::Close(1008, said.to_owned()));
                }
                Err(Reason::Lost(said.to_owned()))
            }
        }
    }
}

async fn hear(wire: &mut Option<Wire>) -> Option<Heard> {
    match wire {
        Some(wire) => wire.incoming.recv().await,
        None => std::future::pending().await,
    }
}

async fn ask(seat: &mut Option<Seat>) -> Option<Command> {
    match seat {
        Some(seat) => seat.commands.recv().await,
        None => std::future::pending().await,
    }
}
