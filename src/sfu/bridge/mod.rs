//! Our own signalling: what an application speaks beside its own, so that a recorder can take part in a room without
//! being one of its peers. `docs/design/bridge-protocol.md` is its text.
//!
//! Either side may open the connection: [`connect`] goes to an application that serves it, [`Lobby`] keeps the
//! applications that have come to us, which is the usual way.
//!
//! The envelope is protoo's. Unlike protoo's demo it has one version, which the WebSocket's subprotocol names, and it
//! can give each spatial layer of a simulcast a consumer of its own.

mod book;
mod hello;
mod lobby;
#[cfg(test)]
mod lobby_tests;
mod message;
mod session;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use lobby::{Arrival, Lobby, Visitor};
pub use session::{Heard, Said, Wire};

use super::line::{Line, read};
use super::socket::{Incoming, Manner, Socket};
use super::{Answer, Error, Event, Offer, PeerInfo, Room, Source};
use crate::session::{DtlsParameters, IceParameters, Layers, RtpCapabilities, TransportParameters};
use book::{Book, Known};
use serde_json::{Value, json};
use std::collections::VecDeque;
use url::Url;

/// The subprotocol: a change that an older side cannot live with gives it another number.
pub const SUBPROTOCOL: &str = "tureen-bridge.v1";
/// Said besides in `attach` and `hello`, for people who read logs.
const VERSION: u32 = 1;
/// The application cannot give each layer a consumer.
const UNPROCESSABLE: u32 = 422;
/// The application does not know what it is asked for.
const NOT_FOUND: u32 = 404;
/// More than any producer has: mediasoup takes the highest there is.
const TOP_LAYER: u8 = 7;

/// Connect to an application's bridge.
///
/// # Errors
///
/// As of [`protoo`](super::protoo::connect).
pub async fn connect(source: &Source, layers: Layers) -> Result<Bridge, Error> {
    let url = address(source)?;
    let manner =
        Manner { subprotocol: SUBPROTOCOL, origin: source.origin.clone(), transient: message::transient };
    let line = Line::open(Socket::connect(&source.site, &url, manner)).await?;
    Ok(Bridge::new(line, &source.room_id, &source.peer_id, layers))
}

fn address(source: &Source) -> Result<Url, Error> {
    let url = source.url.clone();
    match url.scheme() {
        "ws" | "wss" => Ok(url),
        other => Err(Error::Url(format!("{other} is not ws or wss"))),
    }
}

/// A room behind a bridge.
pub struct Bridge {
    line: Line,
    room_id: String,
    recorder_id: String,
    layers: Layers,
    /// Where consumers are to be made.
    transport_id: String,
    /// What we know of the room, to be compared with what it is after a pause in the connection.
    book: Book,
    /// Events that such a comparison gave, not told yet.
    queued: VecDeque<Event>,
}

impl Bridge {
    fn new(line: Line, room_id: &str, recorder_id: &str, layers: Layers) -> Self {
        Self {
            line,
            room_id: room_id.to_owned(),
            recorder_id: recorder_id.to_owned(),
            layers,
            transport_id: String::new(),
            book: Book::default(),
            queued: VecDeque::new(),
        }
    }

    /// What a message means to the room's owner. Requests that are not for it are answered here.
    fn interpret(&mut self, incoming: Incoming) -> Option<Event> {
        match incoming {
            Incoming::Notification { method, data } if method == "state" => {
                self.queued = self.book.compare(&data).into();
                None
            }
            Incoming::Notification { method, data } => {
                let event = message::event(&method, &data)?;
                self.book.heard(&event);
                Some(event)
            }
            Incoming::Request { id, method, data } if method == "newConsumer" => self.offered(id, data),
            Incoming::Request { id, .. } => {
                self.line.refuse(id, 404, "unknown method");
                None
            }
        }
    }

    /// An offer, which after a pause in the connection may be one that we know.
    fn offered(&mut self, id: u64, data: Value) -> Option<Event> {
        let consumer = match message::new_consumer(data) {
            Ok(consumer) => consumer,
            Err(error) => {
                tracing::warn!(%error, "a consumer is offered that cannot be read");
                self.line.refuse(id, 400, "consumer that cannot be read");
                return None;
            }
        };
        match self.book.offered(id, &consumer) {
            Known::No => return Some(Event::ConsumerOffered { token: Offer(id), consumer }),
            Known::Waiting => {}
            Known::Taken => self.line.consent(id),
            Known::TooMany => self.line.refuse(id, 503, "too many consumers"),
        }
        None
    }
}

#[async_trait::async_trait]
impl Room for Bridge {
    async fn enter(&mut self) -> Result<RtpCapabilities, Error> {
        let data = json!({
            "version": VERSION,
            "roomId": self.room_id,
            "layers": self.layers.name(),
            "recorder": {
                "id": self.recorder_id,
                "name": "tureen",
                "version": env!("CARGO_PKG_VERSION"),
            },
        });
        let answer = match self.line.request("attach", &data).await {
            Err(Error::Refused { code: UNPROCESSABLE, .. }) if self.layers == Layers::All => {
                return Err(Error::Layers);
            }
            answer => answer?,
        };
        message::attached(answer).map_err(|source| Error::Protocol { method: "attach".to_owned(), source })
    }

    async fn create_transport(&mut self) -> Result<TransportParameters, Error> {
        let method = "createTransport";
        let transport: TransportParameters = read(method, self.line.request(method, &json!({})).await?)?;
        self.transport_id.clone_from(&transport.id);
        Ok(transport)
    }

    async fn join(&mut self, capabilities: &RtpCapabilities) -> Result<Vec<PeerInfo>, Error> {
        let data = json!({ "transportId": self.transport_id, "rtpCapabilities": capabilities });
        let answer = self.line.request("observe", &data).await?;
        let peers = message::present(&answer);
        peers.iter().for_each(|peer| self.book.heard(&Event::PeerJoined(peer.clone())));
        Ok(peers)
    }

    async fn connect_transport(&mut self, id: &str, dtls: &DtlsParameters) -> Result<(), Error> {
        let data = json!({ "transportId": id, "dtlsParameters": dtls });
        self.line.request("connectTransport", &data).await.map(drop)
    }

    async fn restart_ice(&mut self, id: &str) -> Result<Option<IceParameters>, Error> {
        let method = "restartIce";
        let mut data = self.line.request(method, &json!({ "transportId": id })).await?;
        read(method, data.get_mut("iceParameters").map(Value::take).unwrap_or_default()).map(Some)
    }

    async fn next(&mut self) -> Event {
        loop {
            if let Some(event) = self.queued.pop_front() {
                return event;
            }
            let incoming = match self.line.hear().await {
                Ok(incoming) => incoming,
                Err(reason) => return Event::Closed(reason),
            };
            if let Some(event) = self.interpret(incoming) {
                return event;
            }
        }
    }

    async fn accept(&mut self, offer: Offer) -> Result<(), Error> {
        self.book.answered(offer.0, true);
        self.line.accept(offer.0).await
    }

    async fn reject(&mut self, offer: Offer, reason: &str) {
        self.book.answered(offer.0, false);
        self.line.reject(offer.0, 403, reason).await;
    }

    async fn request_keyframe(&mut self, consumer_id: &str) -> Result<(), Error> {
        self.line.request("requestKeyFrame", &json!({ "consumerId": consumer_id })).await.map(drop)
    }

    fn stop_consumer(&mut self, consumer_id: &str) -> Answer<()> {
        self.book.heard(&Event::ConsumerClosed(consumer_id.to_owned()));
        let asked = self.line.request("closeConsumer", &json!({ "consumerId": consumer_id }));
        Box::pin(async { asked.await.map(drop) })
    }

    fn offer_again(&mut self, peer_id: &str) -> Answer<bool> {
        let asked = self.line.request("offerAgain", &json!({ "peerId": peer_id }));
        Box::pin(async {
            match asked.await {
                Ok(_) => Ok(true),
                Err(Error::Refused { code: NOT_FOUND, .. }) => Ok(false),
                Err(error) => Err(error),
            }
        })
    }

    async fn prefer_top_layers(&mut self, consumer_id: &str) -> Result<(), Error> {
        let top = json!({ "consumerId": consumer_id, "spatialLayer": TOP_LAYER, "temporalLayer": TOP_LAYER });
        self.line.request("setPreferredLayers", &top).await.map(drop)
    }

    async fn leave(&mut self) {
        self.line.leave().await;
    }
}
