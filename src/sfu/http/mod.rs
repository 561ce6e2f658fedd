//! SFU services with a REST API and without signalling of their own: `docs/design/http-driver.md` says what is assumed
//! of them. Rooms are looked at once a second, so that what happens in them is known about a second late.

mod service;
mod shape;
#[cfg(test)]
mod tests;
mod watch;

use super::{Answer, Error, Event, Offer, PeerInfo, Reason, Room, Source};
use crate::session::{DtlsParameters, RtpCapabilities, TransportParameters};
use serde_json::{Value, json};
use service::{Service, protocol};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use watch::{Pace, Watch};

/// Events that wait for the room's owner. When there are more, the room is looked at later.
const QUEUE: usize = 256;

/// Visits of ours that a killed process has left behind, and that are ended at once.
const MOST_BEFORE: usize = 4;

/// Choose a room of an SFU service. Nothing is asked before [`Room::enter`].
///
/// # Errors
///
/// [`Error::Url`] if the address is none of HTTP.
pub fn connect(source: &Source) -> Result<Http, Error> {
    if !matches!(source.url.scheme(), "http" | "https") {
        return Err(Error::Url(format!("{} is not http or https", source.url.scheme())));
    }
    if source.room_id.is_empty() {
        return Err(Error::Url("no room".to_owned()));
    }
    let service = Arc::new(Service::new(source)?);
    let stop = CancellationToken::new();
    Ok(Http {
        presence: Presence { service: service.clone(), transport: None, entered: false },
        service,
        display_name: source.display_name.clone(),
        watching: None,
        events: None,
        end: Arc::default(),
        pace: Pace::default(),
        offers: HashMap::new(),
        _left_when_dropped: stop.clone().drop_guard(),
        stop,
    })
}

/// A room behind a REST API.
pub struct Http {
    service: Arc<Service>,
    display_name: String,
    presence: Presence,
    watching: Option<JoinHandle<()>>,
    events: Option<mpsc::Receiver<Event>>,
    end: Arc<OnceLock<Reason>>,
    /// Consumers that are offered and not answered yet.
    offers: HashMap<u64, String>,
    pace: Pace,
    stop: CancellationToken,
    _left_when_dropped: DropGuard,
}

/// That we are in the room without watching it yet. Leaves it when it is dropped like that.
struct Presence {
    service: Arc<Service>,
    transport: Option<String>,
    entered: bool,
}

impl Drop for Presence {
    fn drop(&mut self) {
        if self.entered
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let (service, transport) = (self.service.clone(), self.transport.take());
            runtime.spawn(async move { service.leave(transport.as_deref()).await });
        }
    }
}

#[async_trait::async_trait]
impl Room for Http {
    async fn enter(&mut self) -> Result<RtpCapabilities, Error> {
        // Before the answer: one that is lost or not understood leaves us in the room too.
        self.presence.entered = true;
        let answer = self.service.join(&self.display_name).await?;
        shape::capabilities(answer).map_err(|source| protocol("POST peers", source))
    }

    async fn create_transport(&mut self) -> Result<TransportParameters, Error> {
        let answer = self.service.create_transport().await?;
        let transport: TransportParameters =
            serde_json::from_value(answer).map_err(|source| protocol("POST transports", source))?;
        self.presence.transport = Some(transport.id.clone());
        Ok(transport)
    }

    async fn join(&mut self, capabilities: &RtpCapabilities) -> Result<Vec<PeerInfo>, Error> {
        let told = self.service.room().await?;
        let first = self.service.read_room(&told)?;
        for before in first.before.iter().take(MOST_BEFORE) {
            self.service.put_out(before).await;
        }
        let peers = first.peers.clone();
        let (events, receiver) = mpsc::channel(QUEUE);
        let transport = self.presence.transport.clone().ok_or(Error::Closed)?;
        let capabilities = json!(capabilities);
        let (service, stop) = (self.service.clone(), self.stop.clone());
        let watch = Watch::new(service, transport, capabilities, events, stop, self.pace, &peers);
        self.watching = Some(tokio::spawn(watch.run(first, self.end.clone())));
        self.events = Some(receiver);
        // From here on the task leaves.
        self.presence.entered = false;
        Ok(peers)
    }

    async fn connect_transport(&mut self, id: &str, dtls: &DtlsParameters) -> Result<(), Error> {
        let dtls: Value = json!(dtls);
        self.service.connect_transport(id, &dtls).await
    }

    async fn next(&mut self) -> Event {
        let heard = match &mut self.events {
            Some(events) => events.recv().await,
            None => None,
        };
        let Some(event) = heard else {
            let unknown = || Reason::Lost("the room is not being watched".to_owned());
            return Event::Closed(self.end.get().cloned().unwrap_or_else(unknown));
        };
        if let Event::ConsumerOffered { token: Offer(number), consumer } = &event {
            self.offers.insert(*number, consumer.id.clone());
        }
        event
    }

    async fn accept(&mut self, offer: Offer) -> Result<(), Error> {
        let consumer = self.offers.remove(&offer.0).ok_or(Error::Closed)?;
        let service = self.service.clone();
        // The media of the others does not wait for it.
        tokio::spawn(async move { service.resume(&consumer).await });
        Ok(())
    }

    async fn reject(&mut self, offer: Offer, reason: &str) {
        let Some(consumer) = self.offers.remove(&offer.0) else { return };
        tracing::debug!(consumer.id = consumer, reason, "a consumer is not wanted");
        let service = self.service.clone();
        tokio::spawn(async move { service.close_consumer(&consumer).await });
    }

    /// The service has no route for it; the receiver asks the SFU by RTCP.
    async fn request_keyframe(&mut self, _: &str) -> Result<(), Error> {
        Ok(())
    }

    fn stop_consumer(&mut self, consumer_id: &str) -> Answer<()> {
        let (service, consumer) = (self.service.clone(), consumer_id.to_owned());
        Box::pin(async move {
            service.close_consumer(&consumer).await;
            Ok(())
        })
    }

    /// The service has no route for it; mediasoup sends the highest unless it is told otherwise.
    async fn prefer_top_layers(&mut self, _: &str) -> Result<(), Error> {
        Ok(())
    }

    async fn leave(&mut self) {
        self.stop.cancel();
        if let Some(watching) = self.watching.take() {
            let _ = watching.await;
        }
    }
}
