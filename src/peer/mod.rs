//! The receive-only WebRTC peer. Only this module knows the WebRTC stack.
//!
//! It stands where a browser would: it takes a transport's parameters and consumers from the signalling, and gives
//! RTP packets and sender reports with their time of arrival. Towards the SFU it is ICE controlling and DTLS client;
//! it sends receiver reports, transport-wide congestion feedback, requests for lost packets and for key frames, and
//! STUN consent checks.
//!
//! The path of a packet: the stack's driver (`driver`) decrypts it, its interceptor chain (`engine`) counts it for
//! feedback, and our own last interceptor (`tap`) takes it off the chain: undoes RTX, drops duplicates and asks for
//! losses ([`loss`](crate::media::rtp::loss)), and pushes it into one bounded queue (`queue`) that the recorder reads. Nothing of it waits: when
//! the reader is too slow, packets are dropped and the drop is told.

mod driver;
mod engine;
mod queue;
mod streams;
mod tap;
#[cfg(test)]
mod tests;

pub use crate::media::rtp::loss::Statistics;

use crate::media::rtp::packet::{Packet, SenderReport};
use crate::reach::Reach;
use crate::session::offer::Section;
use crate::session::{Consumer, DtlsParameters, IceParameters, RtpCapabilities, TransportParameters, offer};
use driver::Driver;
use queue::Queue;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use streams::Streams;
use tokio::sync::mpsc;

/// How to receive.
#[derive(Clone, Debug)]
pub struct Config {
    /// Local addresses to bind, port 0 for any. Empty: loopback if the SFU is on it, else every interface.
    pub bind: Vec<SocketAddr>,
    /// `SO_RCVBUF` in bytes; the operating system may give less.
    pub receive_buffer: usize,
    /// Events that wait for the reader. About 300 a second come from one picture of 2.5 Mb/s.
    pub queue: usize,
    /// Where the SFU may be. Candidates elsewhere are passed over, so that nobody makes us send to a third party.
    pub reach: Reach,
}

impl Default for Config {
    fn default() -> Self {
        Self { bind: Vec::new(), receive_buffer: 4 << 20, queue: 8192, reach: Reach::anywhere() }
    }
}

/// What a peer tells.
#[derive(Debug, PartialEq)]
pub enum Event {
    /// ICE and DTLS are up. Comes again if a lost path returns.
    Connected,
    /// The path is lost, with the stack's word for it. It may come back by itself.
    Disconnected(String),
    /// A packet, in order of arrival.
    Packet {
        /// mediasoup's consumer id.
        consumer: Arc<str>,
        /// RTX undone, no duplicate.
        packet: Packet,
    },
    /// A sender report.
    SenderReport {
        /// mediasoup's consumer id.
        consumer: Arc<str>,
        /// Both clocks of the sender at one instant.
        report: SenderReport,
    },
    /// The reader was too slow: so many packets and reports were dropped before this.
    Overflow {
        /// How many.
        dropped: u64,
    },
}

/// Why a peer could not do something.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The SFU offers no UDP candidate with an address that can be found.
    #[error("the SFU offers no usable UDP address")]
    NoCandidate,
    /// A consumer cannot be received.
    #[error(transparent)]
    Consumer(#[from] offer::Error),
    /// A consumer's SSRC is another's.
    #[error("SSRC {0} is in use")]
    Ssrc(u32),
    /// There is no such consumer.
    #[error("no consumer {0}")]
    Unknown(String),
    /// The stack refuses.
    #[error("WebRTC stack, {during}: {reason}")]
    Stack {
        /// What was being done.
        during: &'static str,
        /// The stack's words.
        reason: String,
    },
}

/// A receive-only peer on one transport of the SFU.
pub struct Peer {
    driver: Driver,
    remote: TransportParameters,
    sections: Vec<Section>,
    version: u64,
    streams: Arc<Streams>,
}

impl Peer {
    /// Bind and be ready for consumers. The handshake starts with the first of them, but the SFU may be told
    /// [`Peer::dtls_parameters`] at once.
    ///
    /// `router` is what the router can do: payload types must be known before they are offered. The events end when
    /// the peer is dropped or closed.
    ///
    /// # Errors
    ///
    /// [`Error::NoCandidate`], or [`Error::Stack`] if no address can be bound.
    pub async fn open(
        config: Config,
        router: &RtpCapabilities,
        mut remote: TransportParameters,
    ) -> Result<(Self, mpsc::Receiver<Event>), Error> {
        resolve(&mut remote).await;
        confine(&mut remote, &config.reach);
        let bind = if config.bind.is_empty() { default_bind(&remote) } else { config.bind };
        if bind.is_empty() {
            return Err(Error::NoCandidate);
        }
        let (events, receiver) = mpsc::channel(config.queue.max(1));
        let queue = Arc::new(Queue::new(events));
        let streams = Arc::new(Streams::default());
        let driver = Driver::open(bind, config.receive_buffer, router, streams.clone(), queue).await?;
        Ok((Self { driver, remote, sections: Vec::new(), version: 0, streams }, receiver))
    }

    /// Our role and fingerprint, for the SFU's transport to be connected with. Known from the start.
    #[must_use]
    pub fn dtls_parameters(&self) -> DtlsParameters {
        self.driver.dtls_parameters()
    }

    /// Receive a consumer. When it returns the receiver is armed: the SFU may resume it.
    ///
    /// # Errors
    ///
    /// As [`Peer::add_many`].
    pub async fn add(&mut self, consumer: &Consumer) -> Result<(), Error> {
        self.add_many(&[consumer]).await
    }

    /// Receive several consumers by one negotiation, all or none.
    ///
    /// # Errors
    ///
    /// [`Error::Consumer`] or [`Error::Ssrc`] if one cannot be received, [`Error::Stack`] if the negotiation fails.
    pub async fn add_many(&mut self, consumers: &[&Consumer]) -> Result<(), Error> {
        let sections =
            consumers.iter().map(|consumer| Section::new(consumer)).collect::<Result<Vec<_>, _>>()?;
        for (index, consumer) in consumers.iter().enumerate() {
            if let Err(ssrc) = self.streams.add(consumer) {
                self.forget(consumers.get(..index).unwrap_or_default());
                return Err(Error::Ssrc(ssrc));
            }
        }
        let known = self.sections.len();
        self.sections.extend(sections);
        self.version += 1;
        let sdp = offer::offer(&self.remote, &self.sections, self.version);
        let negotiated = self.driver.negotiate(sdp).await;
        if negotiated.is_err() {
            self.forget(consumers);
            self.sections.truncate(known);
        }
        negotiated
    }

    /// Receive a consumer no more. Its section closes with the next negotiation; until then its packets are ignored.
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`] if it is not being received.
    pub async fn remove(&mut self, consumer_id: &str) -> Result<(), Error> {
        if !self.streams.remove(consumer_id) {
            return Err(Error::Unknown(consumer_id.to_owned()));
        }
        for section in self.sections.iter_mut().filter(|section| section.consumer == consumer_id) {
            section.open = false;
        }
        Ok(())
    }

    /// Look for another path to the SFU with the credentials that it now has (RFC 8445 9). Our sockets are bound anew, to
    /// the addresses that this machine has by now; DTLS and SRTP go on as they are. [`Event::Connected`] tells when a
    /// path is found.
    ///
    /// # Errors
    ///
    /// [`Error::Stack`] if the negotiation fails; the path before is given up all the same.
    pub async fn restart_ice(&mut self, ice: IceParameters) -> Result<(), Error> {
        self.remote.ice_parameters = ice;
        if self.sections.is_empty() {
            return Ok(());
        }
        self.version += 1;
        self.driver.negotiate(offer::offer(&self.remote, &self.sections, self.version)).await
    }

    /// Ask the senders of these consumers for key frames (RFC 4585 6.3.1), within 100 ms. Unknown ones are passed
    /// over. Before the handshake is done nothing is sent.
    pub async fn request_keyframes(&self, consumers: &[&str]) {
        self.streams.want_keyframes(consumers);
    }

    /// What became of the packets of each consumer, by mediasoup's consumer id.
    #[must_use]
    pub fn statistics(&self) -> HashMap<Arc<str>, Statistics> {
        self.streams.statistics()
    }

    /// Close the connection and wait until it is.
    pub async fn close(self) {
        self.driver.close().await;
    }

    fn forget(&self, consumers: &[&Consumer]) {
        for consumer in consumers {
            self.streams.remove(&consumer.id);
        }
    }
}

/// Put addresses in the place of host names. A name that does not resolve stays and is not offered.
async fn resolve(remote: &mut TransportParameters) {
    for candidate in &mut remote.ice_candidates {
        if candidate.address.parse::<IpAddr>().is_ok() {
            continue;
        }
        let host = (candidate.address.clone(), candidate.port);
        match tokio::net::lookup_host((host.0.as_str(), host.1)).await.map(|mut found| found.next()) {
            Ok(Some(address)) => candidate.address = address.ip().to_string(),
            Ok(None) => tracing::warn!(host = host.0, "an ICE candidate's name has no address"),
            Err(error) => tracing::warn!(host = host.0, %error, "an ICE candidate's name does not resolve"),
        }
    }
}

/// Leave out the candidates at which the SFU may not be.
fn confine(remote: &mut TransportParameters, reach: &Reach) {
    remote.ice_candidates.retain(|candidate| {
        // A name that did not resolve is told already, and not offered.
        let Ok(ip) = candidate.address.parse() else { return true };
        let allowed = reach.allows_media(ip);
        if !allowed {
            tracing::warn!(address = %ip, "an ICE candidate is passed over: SFU_ALLOW does not list it");
        }
        allowed
    });
}

/// Loopback for an SFU on loopback, else all interfaces of its address family.
fn default_bind(remote: &TransportParameters) -> Vec<SocketAddr> {
    let mut bind = Vec::new();
    for candidate in offer::usable(&remote.ice_candidates) {
        let address: IpAddr = match candidate.address.parse() {
            Ok(IpAddr::V4(ip)) if ip.is_loopback() => Ipv4Addr::LOCALHOST.into(),
            Ok(IpAddr::V6(ip)) if ip.is_loopback() => Ipv6Addr::LOCALHOST.into(),
            Ok(IpAddr::V4(_)) => Ipv4Addr::UNSPECIFIED.into(),
            Ok(IpAddr::V6(_)) => Ipv6Addr::UNSPECIFIED.into(),
            Err(_) => continue,
        };
        let address = SocketAddr::new(address, 0);
        if !bind.contains(&address) {
            bind.push(address);
        }
    }
    bind
}
