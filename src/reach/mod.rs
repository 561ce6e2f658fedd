//! Where this service connects to on a user's behalf: a guard against server-side request forgery.
//!
//! Who may start a recording chooses the address of the SFU. Public addresses are taken as they are; loopback, private
//! and other special ones only when the operator has listed them, because behind them are databases, metadata services
//! and the like that trust this machine. A name is resolved once, its addresses are checked, and the connection goes to
//! those: a name that resolves to something else a moment later (DNS rebinding) changes nothing. Redirects are not
//! followed and no proxy is asked, which would resolve names by itself.
//!
//! [`Reach`] is the rule, [`Site`] a host that was resolved and passed it, and [`Site::client`] the only way to make an
//! HTTP client that connects to nothing else; [`Clients`] keeps them.

mod clients;
mod rule;
mod special;
#[cfg(test)]
mod tests;

pub use clients::Clients;
pub use rule::{BadRule, Rule};

use reqwest::dns::{Name, Resolve, Resolving};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use url::{Host, Url};

/// Addresses of a name that are tried.
const MOST_ADDRESSES: usize = 8;
/// How long a name's addresses are waited for.
const RESOLVING: Duration = Duration::from_secs(5);
/// How long a connection to one of them, TLS included, is waited for.
const CONNECTING: Duration = Duration::from_secs(8);
/// How long a connection without a request is kept: less than the 5 s after which Node's servers close theirs, so that no
/// request meets one that is being closed.
const IDLE: Duration = Duration::from_secs(4);
/// Connections without a request that a client keeps.
const MOST_IDLE: usize = 4;

/// Why a host is not connected to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It has no host, or no port.
    #[error("unusable URL: {0}")]
    Url(String),
    /// It is at an address that this service keeps away from.
    #[error(
        "{host} is at a private, loopback or other special address, which this service connects to only when {setting} lists it"
    )]
    Forbidden {
        /// The host.
        host: String,
        /// The setting that would list it.
        setting: &'static str,
    },
    /// Its name has no address.
    #[error("{host} cannot be resolved: {reason}")]
    Unresolved {
        /// The name.
        host: String,
        /// The resolver's words.
        reason: String,
    },
    /// The certificates that are trusted besides the system's cannot be used.
    #[error("the trusted certificates cannot be used: {0}")]
    Certificates(String),
    /// The client cannot be made, most likely because the system has no certificates.
    #[error("no HTTP client can be made: {0}")]
    Client(String),
}

/// What may be connected to. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// None: everything.
    rules: Option<Arc<[Rule]>>,
    /// Where the operator lists more.
    setting: &'static str,
    authorities: Arc<[reqwest::Certificate]>,
    /// Addresses of names that no resolver knows.
    #[cfg(test)]
    names: Arc<std::sync::Mutex<std::collections::HashMap<String, IpAddr>>>,
}

impl Reach {
    /// Everything: for what the operator himself names.
    #[must_use]
    pub fn anywhere() -> Self {
        Self::default()
    }

    /// Public addresses, and what is listed in the setting of this name.
    #[must_use]
    pub fn public_and(setting: &'static str, rules: impl IntoIterator<Item = Rule>) -> Self {
        Self { rules: Some(rules.into_iter().collect()), setting, ..Self::default() }
    }

    /// And the host of a URL that the operator has configured.
    #[must_use]
    pub fn and_host_of(self, url: &Url) -> Self {
        let port = url.port_or_known_default();
        let rule = match url.host() {
            Some(Host::Domain(name)) => Rule::name(name, port),
            Some(Host::Ipv4(ip)) => Rule::address(ip.into(), port),
            Some(Host::Ipv6(ip)) => Rule::address(ip.into(), port),
            None => return self,
        };
        self.and([rule])
    }

    /// Trust these certificate authorities besides the system's: certificates in PEM, one after another.
    ///
    /// # Errors
    /// [`Error::Certificates`].
    pub fn and_authorities(self, pem: &[u8]) -> Result<Self, Error> {
        let found = reqwest::Certificate::from_pem_bundle(pem).map_err(|e| Error::Certificates(chain(&e)))?;
        if found.is_empty() {
            return Err(Error::Certificates("no certificate in PEM is in the file".to_owned()));
        }
        Ok(Self { authorities: found.into(), ..self })
    }

    fn and(mut self, more: impl IntoIterator<Item = Rule>) -> Self {
        self.rules = self.rules.map(|rules| rules.iter().cloned().chain(more).collect());
        self
    }

    /// The host of a URL, resolved and checked.
    ///
    /// # Errors
    /// [`Error::Url`], [`Error::Forbidden`] when none of its addresses may be connected to, [`Error::Unresolved`].
    pub async fn resolve(&self, url: &Url) -> Result<Site, Error> {
        let no = |what: &str| Error::Url(format!("it has no {what}"));
        let port = url.port_or_known_default().ok_or_else(|| no("port"))?;
        let (host, found) = match url.host().ok_or_else(|| no("host"))? {
            Host::Ipv4(ip) => (ip.to_string(), vec![SocketAddr::new(ip.into(), port)]),
            Host::Ipv6(ip) => (ip.to_string(), vec![SocketAddr::new(ip.into(), port)]),
            Host::Domain(name) => (name.to_owned(), self.look_up(name, port).await?),
        };
        let (addresses, kept_from): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|address| self.allows(&host, *address));
        if !kept_from.is_empty() {
            tracing::warn!(
                host,
                ?kept_from,
                setting = self.setting,
                "addresses that are not listed are kept away from"
            );
        }
        if addresses.is_empty() {
            return Err(Error::Forbidden { host, setting: self.setting });
        }
        let secure = matches!(url.scheme(), "https" | "wss");
        Ok(Site { host, addresses, secure, reach: self.clone() })
    }

    async fn look_up(&self, name: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
        #[cfg(test)]
        if let Some(ip) = self.names.lock().unwrap().get(name) {
            return Ok(vec![SocketAddr::new(*ip, port)]);
        }
        look_up(name, port).await
    }

    /// From now on the name has this address.
    #[cfg(test)]
    pub(crate) fn name_is_at(&self, name: &str, ip: [u8; 4]) {
        self.names.lock().unwrap().insert(name.to_owned(), ip.into());
    }

    fn allows(&self, host: &str, address: SocketAddr) -> bool {
        let Some(rules) = &self.rules else { return true };
        let port = address.port();
        special::public(address.ip())
            || rules
                .iter()
                .any(|rule| rule.lists_name(host, port) || rule.lists_address(address.ip(), Some(port)))
    }

    /// Media may be exchanged with this address.
    #[must_use]
    pub fn allows_media(&self, ip: IpAddr) -> bool {
        let Some(rules) = &self.rules else { return true };
        special::public(ip) || rules.iter().any(|rule| rule.lists_address(ip, None))
    }

    /// Where one may go who was reached at, or has come from, these addresses: there, and where anybody may. Whoever is
    /// inside the operator's network may point to other hosts in it, but neither to this machine nor to its link.
    #[must_use]
    pub fn around(&self, addresses: &[IpAddr]) -> Self {
        let own = addresses.iter().map(|ip| Rule::address(*ip, None));
        let inside = addresses.iter().any(|ip| !special::public(*ip) && !special::never_by_association(*ip));
        let neighbours = if inside { Rule::private_networks() } else { Vec::new() };
        self.clone().and(own.chain(neighbours))
    }
}

/// A host whose addresses were checked.
#[derive(Clone, Debug)]
pub struct Site {
    host: String,
    addresses: Vec<SocketAddr>,
    secure: bool,
    reach: Reach,
}

impl Site {
    /// What its owner may point us to, for media.
    #[must_use]
    pub fn surroundings(&self) -> Reach {
        let ips: Vec<IpAddr> = self.addresses.iter().map(SocketAddr::ip).collect();
        self.reach.around(&ips)
    }

    /// An HTTP client that connects to the checked addresses under the host's own name, and to no other host. It
    /// follows no redirects, asks no proxy and speaks HTTP/1.1; only connecting has a time limit.
    ///
    /// # Errors
    /// [`Error::Client`].
    pub fn client(&self) -> Result<reqwest::Client, Error> {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("tureen/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .http1_only()
            .connect_timeout(CONNECTING)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MOST_IDLE)
            .dns_resolver(NoOther)
            .resolve_to_addrs(&self.host, &self.addresses);
        // Without TLS the system's certificates need not be read, nor be there.
        let builder = if self.secure {
            builder.tls_certs_merge(self.reach.authorities.iter().cloned())
        } else {
            builder.tls_certs_only([])
        };
        builder.build().map_err(|error| Error::Client(chain(&error)))
    }
}

async fn look_up(name: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
    let unresolved = |reason: String| Error::Unresolved { host: name.to_owned(), reason };
    let found = tokio::time::timeout(RESOLVING, tokio::net::lookup_host((name, port))).await;
    let found = found.map_err(|_| unresolved("no answer in time".to_owned()))?;
    let found: Vec<_> = found.map_err(|e| unresolved(e.to_string()))?.take(MOST_ADDRESSES).collect();
    if found.is_empty() { Err(unresolved("it has no address".to_owned())) } else { Ok(found) }
}

/// Resolves nothing: names that were not checked lead nowhere.
struct NoOther;

impl Resolve for NoOther {
    fn resolve(&self, name: Name) -> Resolving {
        let refusal = format!("{} was not checked", name.as_str());
        Box::pin(async move { Err(refusal.into()) })
    }
}

/// An error with its causes, without the URL, which may hold a secret.
#[must_use]
pub fn chain(error: &reqwest::Error) -> String {
    let mut text = if error.is_connect() {
        "cannot connect".to_owned()
    } else if error.is_timeout() {
        "no answer in time".to_owned()
    } else {
        String::new()
    };
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.ends_with(&said) {
            text = if text.is_empty() { said } else { format!("{text}: {said}") };
        }
        cause = error.source();
    }
    if text.is_empty() { "the request failed".to_owned() } else { text }
}
