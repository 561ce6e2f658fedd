//! HTTP clients that are kept, so that their connections, and the certificates they have read, are used again.

use super::{Error, Site};
use quick_cache::sync::Cache;
use std::net::SocketAddr;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    host: String,
    /// In order, whatever order the name's addresses came in.
    addresses: Vec<SocketAddr>,
    secure: bool,
}

/// Clients by the checked addresses that they connect to. A host that has moved gets another client: what is meant for
/// it never goes over a connection to where it was.
#[derive(Debug)]
pub struct Clients(Cache<Key, reqwest::Client>);

impl Clients {
    /// Keeps at most so many.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self(Cache::new(most))
    }

    /// As [`Site::client`], kept from an earlier call if the site has the same addresses as then. The site was checked
    /// just now: that it once passed is not enough.
    ///
    /// # Errors
    /// [`Error::Client`].
    pub fn of(&self, site: &Site) -> Result<reqwest::Client, Error> {
        let mut addresses = site.addresses.clone();
        addresses.sort_unstable();
        let key = Key { host: site.host.clone(), addresses, secure: site.secure };
        self.0.get_or_insert_with(&key, || site.client())
    }
}
