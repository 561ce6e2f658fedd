//! The signalling of mediasoup-demo and its descendants: protoo over a WebSocket, in both dialects.

mod dialect;
#[cfg(test)]
mod tests;

#[cfg(test)]
use super::Reason;
#[cfg(test)]
use super::line::PATIENCE;
use super::line::{Line, read};
#[cfg(test)]
use super::socket::NO_RETRY;
use super::socket::{Incoming, Manner, Socket};
use super::{Answer, Error, Event, Offer, PeerInfo, Room, Source};
use crate::session::{DtlsParameters, IceParameters, RtpCapabilities, TransportParameters};
use dialect::Dialect;
use serde_json::{Map, Value, json};
#[cfg(test)]
use std::time::Duration;
use url::Url;

/// What may be added to `join`, in bytes of JSON.
const MOST_ADDED: usize = 4096;

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
    let manner = Manner { subprotocol: "protoo", origin: Some(origin), transient: dialect::transient };
    let line = Line::open(Socket::connect(&source.site, &url, manner)).await?;
    let (display_name, more) = (source.display_name.clone(), source.join.clone());
    Ok(Protoo { line, display_name, more, dialect: Dialect::default() })
}

/// Whether members may be added to our `join` request.
///
/// # Errors
/// In words: one of them is ours to say, or they are more than 4096 bytes of JSON.
pub fn check_join(more: &Map<String, Value>) -> Result<(), String> {
    if let Some(own) = dialect::OWN.iter().find(|own| more.contains_key(**own)) {
        return Err(format!("must not have {own}, which the recorder says itself"));
    }
    if json!(more).to_string().len() > MOST_ADDED {
        return Err(format!("must be at most {MOST_ADDED} bytes of JSON"));
    }
    Ok(())
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
    line: Line,
    display_name: String,
    /// Of `join`.
    more: Map<String, Value>,
    dialect: Dialect,
}

impl Protoo {
    /// What the older dialect asks for and the rewrite just says.
    fn ask_or_tell(&mut self, method: &str, data: &Value) -> Answer<()> {
        match self.dialect {
            Dialect::JavaScript => {
                let asked = self.line.request(method, data);
                Box::pin(async { asked.await.map(drop) })
            }
            Dialect::TypeScript => Box::pin(self.line.notify(method, data)),
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
                        self.line.refuse(id, 400, "consumer that cannot be read");
                        None
                    }
                }
            }
            Incoming::Request { id, method, .. } if method == "newDataConsumer" => {
                self.line.refuse(id, 403, "no data is recorded");
                None
            }
            Incoming::Request { id, .. } => {
                self.line.refuse(id, 404, "unknown method");
                None
            }
        }
    }
}

#[async_trait::async_trait]
impl Room for Protoo {
    async fn enter(&mut self) -> Result<RtpCapabilities, Error> {
        let method = "getRouterRtpCapabilities";
        let data = self.line.request(method, &json!({})).await?;
        let (dialect, capabilities) = dialect::router_capabilities(data)
            .map_err(|source| Error::Protocol { method: method.to_owned(), source })?;
        self.dialect = dialect;
        Ok(capabilities)
    }

    async fn create_transport(&mut self) -> Result<TransportParameters, Error> {
        let method = "createWebRtcTransport";
        let data = self.line.request(method, &dialect::create_transport(self.dialect)).await?;
        read(method, data)
    }

    async fn join(&mut self, capabilities: &RtpCapabilities) -> Result<Vec<PeerInfo>, Error> {
        let data = dialect::join(&self.display_name, capabilities, &self.more);
        let data = self.line.request("join", &data).await?;
        Ok(dialect::joined(&data))
    }

    async fn connect_transport(&mut self, id: &str, dtls: &DtlsParameters) -> Result<(), Error> {
        let data = json!({ "transportId": id, "dtlsParameters": dtls });
        self.line.request("connectWebRtcTransport", &data).await.map(drop)
    }

    async fn restart_ice(&mut self, id: &str) -> Result<Option<IceParameters>, Error> {
        let method = "restartIce";
        let data = self.line.request(method, &json!({ "transportId": id })).await?;
        read(method, dialect::ice_parameters(data)).map(Some)
    }

    async fn next(&mut self) -> Event {
        loop {
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
        self.line.accept(offer.0).await
    }

    async fn reject(&mut self, offer: Offer, reason: &str) {
        self.line.reject(offer.0, 403, reason).await;
    }

    async fn request_keyframe(&mut self, consumer_id: &str) -> Result<(), Error> {
        self.ask_or_tell("requestConsumerKeyFrame", &json!({ "consumerId": consumer_id })).await
    }

    /// A participant can only pause its consumers here.
    fn stop_consumer(&mut self, consumer_id: &str) -> Answer<()> {
        self.ask_or_tell("pauseConsumer", &json!({ "consumerId": consumer_id }))
    }

    async fn prefer_top_layers(&mut self, consumer_id: &str) -> Result<(), Error> {
        let top = json!({ "consumerId": consumer_id, "spatialLayer": TOP_LAYER, "temporalLayer": TOP_LAYER });
        self.ask_or_tell("setConsumerPreferredLayers", &top).await
    }

    async fn leave(&mut self) {
        self.line.leave().await;
    }
}
