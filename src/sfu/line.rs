//! Requests and answers over a [`Socket`], as both signalling protocols use them.

use super::envelope;
use super::socket::{Command, Incoming, Socket};
use super::{Error, Reason};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// How long a connection or an answer is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// A connection on which requests are numbered.
pub(super) struct Line {
    socket: Socket,
    next_id: u64,
    pub(super) patience: Duration,
}

impl Line {
    /// The opened connection, waited for no longer than [`PATIENCE`].
    pub(super) async fn open(connecting: impl Future<Output = Result<Socket, Error>>) -> Result<Self, Error> {
        let opened = timeout(PATIENCE, connecting).await;
        let socket = opened.map_err(|_| Error::Timeout { method: "connect".to_owned() })??;
        Ok(Self { socket, next_id: 1, patience: PATIENCE })
    }

    /// A connection that is open already, on which numbers below `next_id` may have been used.
    pub(super) fn over(socket: Socket, next_id: u64) -> Self {
        Self { socket, next_id, patience: PATIENCE }
    }

    /// Ask, and wait for the answer's data. The line is free meanwhile.
    pub(super) fn request(
        &mut self,
        method: &str,
        data: &Value,
    ) -> impl Future<Output = Result<Value, Error>> + Send + use<> {
        let id = self.next_id;
        self.next_id += 1;
        let (reply, answer) = oneshot::channel();
        let command = Command::Request { id, text: envelope::request(id, method, data), reply };
        let (commands, end) = (self.socket.commands.clone(), self.socket.end.clone());
        let (patience, method) = (self.patience, method.to_owned());
        async move {
            let asked = async {
                commands.send(command).await.map_err(|_| ())?;
                answer.await.map_err(|_| ())
            };
            match timeout(patience, asked).await {
                Ok(Ok(Ok(data))) => Ok(data),
                Ok(Ok(Err(failure))) => Err(Error::Refused { code: failure.code, reason: failure.reason }),
                Ok(Err(())) => Err(ended(&end)),
                Err(_) => Err(Error::Timeout { method }),
            }
        }
    }

    /// Say something that has no answer.
    pub(super) fn notify(
        &mut self,
        method: &str,
        data: &Value,
    ) -> impl Future<Output = Result<(), Error>> + Send + use<> {
        self.text(envelope::notification(method, data))
    }

    /// Consent to a request of the other side.
    pub(super) async fn accept(&mut self, id: u64) -> Result<(), Error> {
        self.text(envelope::accepted(id)).await
    }

    /// Refuse a request of the other side. Whether it arrives makes no difference: unanswered is as good.
    pub(super) async fn reject(&mut self, id: u64, code: u32, reason: &str) {
        let _ = self.text(envelope::rejected(id, code, reason)).await;
    }

    fn text(&self, text: String) -> impl Future<Output = Result<(), Error>> + Send + use<> {
        let (commands, end) = (self.socket.commands.clone(), self.socket.end.clone());
        async move { commands.send(Command::Text(text)).await.map_err(|_| ended(&end)) }
    }

    /// The same without waiting, so that a reader stays cancel-safe. A full queue means that the connection is stuck.
    pub(super) fn refuse(&self, id: u64, code: u32, reason: &str) {
        if self.socket.commands.try_send(Command::Text(envelope::rejected(id, code, reason))).is_err() {
            tracing::debug!(id, "a refusal could not be sent");
        }
    }

    /// Consent in the same way.
    pub(super) fn consent(&self, id: u64) {
        if self.socket.commands.try_send(Command::Text(envelope::accepted(id))).is_err() {
            tracing::debug!(id, "a consent could not be sent");
        }
    }

    /// What the other side says by itself. Cancel-safe; an error is the end, and is repeated.
    pub(super) async fn hear(&mut self) -> Result<Incoming, Reason> {
        let heard = self.socket.incoming.recv().await;
        heard.ok_or_else(|| {
            let unknown = || Reason::Lost("the connection's task ended".to_owned());
            self.socket.reason().unwrap_or_else(unknown)
        })
    }

    /// End it. Closed already is as good.
    pub(super) async fn leave(&mut self) {
        let _ = self.socket.commands.send(Command::Leave).await;
    }
}

/// The connection ended instead of an answer: a server that wants no retry has refused us.
fn ended(end: &OnceLock<Reason>) -> Error {
    match end.get() {
        Some(Reason::Ended { code, reason }) => {
            Error::Refused { code: u32::from(*code), reason: reason.clone() }
        }
        _ => Error::Closed,
    }
}

/// An answer as a type.
pub(super) fn read<T: DeserializeOwned>(method: &str, data: Value) -> Result<T, Error> {
    serde_json::from_value(data).map_err(|source| Error::Protocol { method: method.to_owned(), source })
}
