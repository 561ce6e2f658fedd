//! Attach drivers: how to enter a room and hear what happens in it.
//!
//! mediasoup is a library and prescribes no signalling, so each application has its own. What all have in common is
//! the [`Room`]: learn the router's capabilities, make a receive transport, join, connect the transport, and answer
//! the consumers that the SFU then offers. [`protoo`] speaks the signalling of mediasoup-demo and its descendants,
//! [`bridge`] our own protocol, which an application serves beside its own signalling, and [`http`] asks a service that
//! has no signalling but routes.
//!
//! Order of calls: [`Room::enter`], [`Room::create_transport`], [`Room::join`], then [`Room::connect_transport`],
//! then [`Room::next`] until [`Event::Closed`]. Consumers may be offered as soon as `join` is called; each comes
//! paused and is resumed by [`Room::accept`], so the receiver is armed before the first packet.

pub mod bridge;
mod dial;
mod envelope;
mod event;
pub mod http;
mod line;
pub mod protoo;
mod socket;

pub use event::{Event, Offer, PeerInfo, Reason, recorder_name};

use crate::reach::Site;
use crate::session::{DtlsParameters, IceParameters, RtpCapabilities, TransportParameters};
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};
use url::Url;

/// Where a room is and who we are in it.
#[derive(Clone, Debug)]
pub struct Source {
    /// Address of the signalling: `wss://host:4443/`, with or without `roomId` and `peerId`.
    pub url: Url,
    /// Its host, as it was resolved and checked.
    pub site: Site,
    /// HTTP `Origin` to send. By default `https://` and the URL's host: some servers refuse others.
    pub origin: Option<String>,
    /// The room, where the URL does not say it.
    pub room_id: String,
    /// Our name in the room, where the URL does not say it. Unique in the room.
    pub peer_id: String,
    /// Our name as people see it.
    pub display_name: String,
    /// What else protoo's `join` is to say, for servers that know more than others: [`protoo::check_join`].
    pub join: Map<String, Value>,
}

/// Why something in a room failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is of no use.
    #[error("unusable URL: {0}")]
    Url(String),
    /// Nobody answers there, or not as a signalling server.
    #[error("cannot connect to the SFU's signalling: {0}")]
    Connect(String),
    /// The SFU answers and refuses: `code` is an HTTP status, a WebSocket close code or the application's own.
    #[error("the SFU refused: {code} {reason}")]
    Refused {
        /// Code of the refusal.
        code: u32,
        /// Its text.
        reason: String,
    },
    /// No answer in time.
    #[error("the SFU did not answer {method} in time")]
    Timeout {
        /// The request, or `connect`.
        method: String,
    },
    /// The SFU says what we cannot read.
    #[error("unexpected answer of the SFU to {method}: {source}")]
    Protocol {
        /// The request or notification.
        method: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// Layers cannot be had one by one here.
    #[error("the SFU's signalling cannot give each layer a consumer")]
    Layers,
    /// No application has come to us with this room.
    #[error("no application has attached this room")]
    NotAttached,
    /// The connection is over; [`Room::next`] gives the reason.
    #[error("the connection to the room is over")]
    Closed,
}

/// What the SFU says to a request, whenever it says it. It holds nothing of the room, which goes on meanwhile; nothing is
/// asked before it is polled.
pub type Answer<T> = BoxFuture<'static, Result<T, Error>>;

/// A room of an SFU, as a consuming participant sees it. Dropping it leaves the room.
#[async_trait::async_trait]
pub trait Room: Send {
    /// What the router can do. First call.
    async fn enter(&mut self) -> Result<RtpCapabilities, Error>;

    /// A transport to receive on. Before [`Room::join`], because the SFU makes consumers on it while joining.
    async fn create_transport(&mut self) -> Result<TransportParameters, Error>;

    /// Become a participant with our [`capabilities`](crate::session::capabilities). Gives those who are there.
    async fn join(&mut self, capabilities: &RtpCapabilities) -> Result<Vec<PeerInfo>, Error>;

    /// Tell the SFU our DTLS fingerprint, from when on it answers our handshake.
    async fn connect_transport(&mut self, id: &str, dtls: &DtlsParameters) -> Result<(), Error>;

    /// Give our transport new ICE credentials (RFC 8445 9): its media path is lost and another one is to be found. `None`
    /// where the signalling has no such thing.
    async fn restart_ice(&mut self, _id: &str) -> Result<Option<IceParameters>, Error> {
        Ok(None)
    }

    /// The next event. Cancel-safe: nothing is lost when the future is dropped. After [`Event::Closed`] it stays so.
    async fn next(&mut self) -> Event;

    /// The receiver is armed: the SFU may send.
    async fn accept(&mut self, offer: Offer) -> Result<(), Error>;

    /// We do not want it.
    async fn reject(&mut self, offer: Offer, reason: &str);

    /// Ask for a key frame.
    async fn request_keyframe(&mut self, consumer_id: &str) -> Result<(), Error>;

    /// We want no more of it, although its producer goes on.
    fn stop_consumer(&mut self, consumer_id: &str) -> Answer<()>;

    /// We want again what a participant sends and what we have refused or stopped: it is to be offered anew. `false` where
    /// the signalling has no such thing, and only those who join are offered it.
    fn offer_again(&mut self, _peer_id: &str) -> Answer<bool> {
        Box::pin(std::future::ready(Ok(false)))
    }

    /// Ask for the highest spatial and temporal layers.
    async fn prefer_top_layers(&mut self, consumer_id: &str) -> Result<(), Error>;

    /// Leave the room. [`Room::next`] then gives [`Reason::Left`].
    async fn leave(&mut self);
}
