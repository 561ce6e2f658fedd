//! One entry of the list of what may be dialled although it is not public.

use super::special;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A host by its name, or addresses; of one port or of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    whom: Whom,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Whom {
    /// In lower case, without the root's dot.
    Name(String),
    Net(IpAddr, u32),
}

/// What is wrong with an entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no host, host:port, address, [address]:port or address/prefix")]
pub struct BadRule(String);

impl FromStr for Rule {
    type Err = BadRule;

    fn from_str(text: &str) -> Result<Self, BadRule> {
        let bad = || BadRule(text.to_owned());
        let text = text.trim();
        if let Some((ip, prefix)) = text.split_once('/') {
            let ip: IpAddr = ip.parse().map_err(|_| bad())?;
            let longest = if ip.is_ipv4() { 32 } else { 128 };
            let prefix = prefix.parse().ok().filter(|prefix| *prefix <= longest).ok_or_else(bad)?;
            return Ok(Self { whom: Whom::Net(ip, prefix), port: None });
        }
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(Self::address(ip, None));
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().map_err(|_| bad())?)),
            None => (text, None),
        };
        let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if let Ok(ip) = inner.parse::<IpAddr>() {
            return Ok(Self::address(ip, port));
        }
        let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if host.is_empty() || !host.chars().all(letters) {
            return Err(bad());
        }
        Ok(Self::name(host, port))
    }
}

impl Rule {
    /// A host by its name.
    pub(super) fn name(host: &str, port: Option<u16>) -> Self {
        Self { whom: Whom::Name(canonical(host)), port }
    }

    /// A host by its address.
    pub(super) fn address(ip: IpAddr, port: Option<u16>) -> Self {
        Self { whom: Whom::Net(ip, if ip.is_ipv4() { 32 } else { 128 }), port }
    }

    /// What networks of an operator's own are made of (RFC 1918, RFC 6598, RFC 4193).
    pub(super) fn private_networks() -> Vec<Self> {
        let net = |ip: IpAddr, prefix| Self { whom: Whom::Net(ip, prefix), port: None };
        vec![
            net(Ipv4Addr::new(10, 0, 0, 0).into(), 8),
            net(Ipv4Addr::new(172, 16, 0, 0).into(), 12),
            net(Ipv4Addr::new(192, 168, 0, 0).into(), 16),
            net(Ipv4Addr::new(100, 64, 0, 0).into(), 10),
            net(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0).into(), 7),
        ]
    }

    /// The host is listed by this name: whatever addresses it has.
    pub(super) fn lists_name(&self, host: &str, port: u16) -> bool {
        self.port.is_none_or(|own| own == port)
            && matches!(&self.whom, Whom::Name(name) if *name == canonical(host))
    }

    /// The address is listed; `port` is none for media, whose ports nobody lists.
    pub(super) fn lists_address(&self, ip: IpAddr, port: Option<u16>) -> bool {
        let Whom::Net(net, prefix) = self.whom else { return false };
        (self.port.is_none() || port.is_none() || self.port == port)
            && (special::within(ip, net, prefix) || special::within(special::plain(ip), net, prefix))
    }
}

fn canonical(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}
