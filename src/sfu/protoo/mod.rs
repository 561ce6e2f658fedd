//! The signalling of mediasoup-demo and its descendants: protoo over a WebSocket, in both dialects.

mod dialect;
mod envelope;
mod socket;
#[cfg(test)]
mod tests;

use super::{Error, Event, Offer, PeerInfo, Reason, Room, Source};
use crate::session::{DtlsParameters, RtpCapabilities, TransportParameters};
use dialect::Dialect;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
#[cfg(test)]
use socket::NO_RETRY;
use socket::{Command, Incoming, Socket};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;
use url::Url;

/// How long a connection or an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// More than any producer has: mediasoup takes the highest there is.
const TOP_LAYER: u8 = 7;

/// Connect to a room's signalling.
///
/// # Errors
///
/// [`Error::Url`] if the address is not of a WebSocket, [`Error::Connect`] if nobody answers there,
/// [`Error::Refused`] with the HTTP status if the server does not let us in, [`Error::Timeout`].
pub async fn connect(source: &Source) -> Result<Protoo, Error> {
    let url = address(source)?;
    let origin = match &source.origin {
        Some(origin) => origin.clone(),
        None => format!("https://{}", url.host_str().unwrap_or_default()),
    };
    let connecting = timeout(PATIENCE, Socket::connect(&url, &origin)).await;
    let socket = connecting.map_err(|_| Error::Timeout { method: "connect".to_owned() })??;
    Ok(Protoo {
        socket,
        display_name: source.display_name.clone(),
        dialect: Dialect::default(),
        next_id: 1,
        patience: PATIENCE,
    })
}

/// The URL with `roomId` and `peerId`, where it does not say them itself.
fn address(source: &Source) -> Result<Url, Error> {
    let mut url = source.url.clone();
    if !matches!(url.scheme(), "ws" | "wss") {
        return Err(Error::Url(format!("{} is not ws or wss", url.scheme())));
    }
    for (name, value) in [("roomId", &source.room_id), ("peerId", &source.peer_id)] {
        if !url.query_pairs().any(|(key, value)| key == name && !value.is_empty()) {
            if value.is_empty() {
                return Err(Error::Url(format!("no {name}")));
            }
            url.query_pairs_mut().append_pair(name, value);
        }
    }
    Ok(url)
}

/// A room behind protoo.
pub struct Protoo {
    socket: Socket,
    display_name: String,
    dialect: Dialect,
    next_id: u64,
    patience: Duration,
}

impl Protoo {
    async fn request(&mut self, method: &str, data: Value) -> Result<Value, Error> {
        let id = self.next_id;
        self.next_id += 1;
        let (reply, answer) = oneshot::channel();
        let command = Command::Request { id, text: envelope::request(id, method, &data), reply };
        let asked = async {
            self.socket.commands.send(command).await.map_err(|_| ())?;
            answer.await.map_err(|_| ())
        };
        match timeout(self.patience, asked).await {
            Ok(Ok(Ok(data))) => Ok(data),
            Ok(Ok(Err(failure))) => Err(Error::Refused { code: failure.code, reason: failure.reason }),
            Ok(Err(())) => Err(self.over()),
            Err(_) => Err(Error::Timeout { method: method.to_owned() }),
        }
    }

    /// The connection ended instead of an answer: a server that wants no retry has refused us.
    fn over(&self) -> Error {
        match self.socket.reason() {
            Some(Reason::Ended { code, reason }) => Error::Refused { code: u32::from(code), reason },
            _ => Error::Closed,
        }
    }

    async fn notify(&mut self, method: &str, data: &Value) -> Result<(), Error> {
        self.text(envelope::notification(method, data)).await
    }

    async fn text(&mut self, text: String) -> Result<(), Error> {
        self.socket.commands.send(Command::Text(text)).await.map_err(|_| self.over())
    }

    /// What the older dialect asks for and the rewrite just says.
    async fn ask_or_tell(&mut self, method: &str, data: Value) -> Result<(), Error> {
        match self.dialect {
            Dialect::JavaScript => self.request(method, data).await.map(drop),
            Dialect::TypeScript => self.notify(method, &data).await,
        }
    }

    /// What a message from the SFU means to the room's owner. Requests that are not for it are answered here.
    fn interpret(&mut self, incoming: Incoming) -> Option<Event> {
        match incoming {
            Incoming::Notification { method, data } => dialect::event(&method, &data),
            Incoming::Request { id, method, data } if method == "newConsumer" => {
                match dialect::new_consumer(data) {
                    Ok(consumer) => Some(Event::ConsumerOffered { token: Offer(id), consumer }),
                    Err(error) => {
                        tracing::warn!(%error, "a consumer is offered that cannot be read");
                        self.refuse(id, 400, "consumer that cannot be read");
                        None
                    }
                }
            }
            Incoming::Request { id, method, .. } if method == "newDataConsumer" => {
                self.refuse(id, 403, "no data is recorded");
                None
            }
            Incoming::Request { id, .. } => {
                self.refuse(id, 404, "unknown method");
                None
            }
        }
    }

    /// Without waiting, so that [`Room::next`] stays cancel-safe. A full queue means that the connection is stuck.
    fn refuse(&self, id: u64, code: u32, reason: &str) {
        if self.socket.commands.try_send(Command::Text(envelope::rejected(id, code, reason))).is_err() {
            tracing::debug!(id, "a refusal could not be sent");
        }
    }
}

fn read<T: DeserializeOwned>(method: &str, data: Value) -> Result<T, Error> {
    serde_json::from_value(data).map_err(|source| Error::Protocol { method: method.to_owned(), source })
}

#[async_trait::async_trait]
impl Room for Protoo {
    async fn enter(&mut self) -> Result<RtpCapabilities, Error> {
        let method = "getRouterRtpCapabilities";
        let data = self.request(method, json!({})).await?;
        let (dialect, capabilities) = dialect::router_capabilities(data)
            .map_err(|source| Error::Protocol { method: method.to_owned(), source })?;
        self.dialect = dialect;
        Ok(capabilities)
    }

    async fn create_transport(&mut self) -> Result<TransportParameters, Error> {
        let method = "createWebRtcTransport";
        let data = self.request(method, dialect::create_transport(self.dialect)).await?;
        read(method, data)
    }

    async fn join(&mut self, capabilities: &RtpCapabilities) -> Result<Vec<PeerInfo>, Error> {
        let data = self.request("join", dialect::join(&self.display_name, capabilities)).await?;
        Ok(dialect::joined(&data))
    }

    async fn connect_transport(&mut self, id: &str, dtls: &DtlsParameters) -> Result<(), Error> {
        let data = json!({ "transportId": id, "dtlsParameters": dtls });
        self.request("connectWebRtcTransport", data).await.map(drop)
    }

    async fn next(&mut self) -> Event {
        loop {
            let Some(incoming) = self.socket.incoming.recv().await else {
                let unknown = || Reason::Lost("the connection's task ended".to_owned());
                return Event::Closed(self.socket.reason().unwrap_or_else(unknown));
            };
            if let Some(event) = self.interpret(incoming) {
                return event;
            }
        }
    }

    async fn accept(&mut self, offer: Offer) -> Result<(), Error> {
        self.text(envelope::accepted(offer.0)).await
    }

    async fn reject(&mut self, offer: Offer, reason: &str) {
        // Whether it arrives makes no difference: unanswered, the consumer stays paused.
        let _ = self.text(envelope::rejected(offer.0, 403, reason)).await;
    }

    async fn request_keyframe(&mut self, consumer_id: &str) -> Result<(), Error> {
        self.ask_or_tell("requestConsumerKeyFrame", json!({ "consumerId": consumer_id })).await
    }

    async fn prefer_top_layers(&mut self, consumer_id: &str) -> Result<(), Error> {
        let top = json!({ "consumerId": consumer_id, "spatialLayer": TOP_LAYER, "temporalLayer": TOP_LAYER });
        self.ask_or_tell("setConsumerPreferredLayers", top).await
    }

    async fn leave(&mut self) {
        // Closed already is as good.
        let _ = self.socket.commands.send(Command::Leave).await;
    }
}
