//! A bad network between the SFU and who consumes: a UDP relay in place of the address that the SFU announces.
//!
//! A test gives a [`Relay`] to [`crate::Options`] and keeps a clone to steer it. Every consuming transport gets a link
//! of its own: the address in its ICE candidate becomes the relay's. What the network does ([`Network`]) is drawn
//! from a seed; outages and [`Rule`]s for one SSRC are commanded. RTP headers are not encrypted (RFC 3711 3.1), so
//! the relay counts by SSRC what it dropped.

mod link;
mod pipe;
mod random;

pub use pipe::{Burst, Path, Rate};

use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Both directions.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Network {
    /// From the SFU to who consumes.
    pub down: Path,
    /// Back.
    pub up: Path,
}

impl Network {
    /// The same both ways.
    #[must_use]
    pub fn both(path: Path) -> Network {
        Network { down: path, up: path }
    }
}

/// What is done to the packets of one SSRC on the way down, beside what the network does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rule {
    /// The next so many are dropped.
    pub drop: u64,
    /// They take so much longer.
    pub delay: Duration,
}

/// What became of the packets of one SSRC on the way down.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Passage {
    /// Packets that the SFU sent.
    pub sent: u64,
    /// Wall time of the first of them, microseconds since 1970.
    pub first_at: Option<u64>,
    /// Sequence numbers of those that were dropped, whatever for.
    pub dropped: Vec<u16>,
    /// Packets that were delivered twice.
    pub duplicated: u64,
    /// Packets that were held back.
    pub reordered: u64,
}

/// A handle of the relay. Clones steer the same.
#[derive(Debug, Clone)]
pub struct Relay {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    seed: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    network: Network,
    dark: bool,
    /// How often the address that the SFU sees has changed.
    rebound: u64,
    /// How often those of the consumers went out of use.
    abandoned: u64,
    no_reports: bool,
    rules: HashMap<u32, Rule>,
    passages: HashMap<u32, Passage>,
    links: u64,
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Relay {
    /// A perfect network until told otherwise.
    #[must_use]
    pub fn new(seed: u64) -> Relay {
        Relay { inner: Arc::new(Inner { seed, state: Mutex::default() }) }
    }

    /// From now on the network is so. What is under way arrives as it would have.
    pub fn set(&self, network: Network) {
        self.inner.state().network = network;
    }

    /// Whether nothing passes, either way, whatever it is.
    pub fn dark(&self, dark: bool) {
        self.inner.state().dark = dark;
    }

    /// Nothing passes for so long.
    pub async fn outage(&self, length: Duration) {
        self.dark(true);
        tokio::time::sleep(length).await;
        self.dark(false);
    }

    /// The SFU sees whoever consumes at another address from now on, as when a NAT has forgotten them. What is sent to
    /// the address before is lost.
    pub fn rebind(&self) {
        self.inner.state().rebound += 1;
    }

    /// Nothing passes any more from or to the addresses that consumers have now, as when the interface behind them is
    /// gone. From another address of theirs it does, and the SFU sees that at another one too.
    pub fn abandon_addresses(&self) {
        let mut state = self.inner.state();
        state.rebound += 1;
        state.abandoned += 1;
    }

    /// Whether the SFU's sender reports are dropped.
    pub fn drop_reports(&self, drop: bool) {
        self.inner.state().no_reports = drop;
    }

    /// What is done to one SSRC from now on; [`Rule::default`] is nothing.
    pub fn rule(&self, ssrc: u32, rule: Rule) {
        self.inner.state().rules.insert(ssrc, rule);
    }

    /// What became of the packets of an SSRC.
    #[must_use]
    pub fn passage(&self, ssrc: u32) -> Passage {
        self.inner.state().passages.get(&ssrc).cloned().unwrap_or_default()
    }

    /// The same of every SSRC.
    #[must_use]
    pub fn passages(&self) -> HashMap<u32, Passage> {
        self.inner.state().passages.clone()
    }

    /// Puts the relay before each of a transport's candidates.
    pub(crate) async fn stand_before(&self, candidates: &mut Value) -> std::io::Result<()> {
        for candidate in candidates.as_array_mut().into_iter().flatten() {
            let address = candidate["address"].as_str().or(candidate["ip"].as_str());
            let ip = address.and_then(|address| address.parse::<IpAddr>().ok());
            let port = candidate["port"].as_u64().and_then(|port| u16::try_from(port).ok());
            let (Some(ip), Some(port)) = (ip, port) else { continue };
            candidate["port"] = json!(self.open(SocketAddr::new(ip, port)).await?.port());
        }
        Ok(())
    }

    /// Opens a link to the SFU; the address to which the other side sends.
    async fn open(&self, sfu: SocketAddr) -> std::io::Result<SocketAddr> {
        let number = {
            let mut state = self.inner.state();
            state.links += 1;
            state.links
        };
        link::open(&self.inner, number, sfu).await
    }
}
