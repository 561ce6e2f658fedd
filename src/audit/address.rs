//! From where a request comes.

use ipnet::IpNet;
use std::net::IpAddr;

/// What is no address and no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no address and no network such as 10.0.0.0/8")]
pub struct BadNetwork(String);

/// Proxies whose word is taken for where a request came from.
#[derive(Clone, Debug, Default)]
pub struct Trusted(Vec<IpNet>);

impl Trusted {
    /// Addresses and networks; empty ones are left out.
    ///
    /// # Errors
    /// [`BadNetwork`] names the first that is neither.
    pub fn new<'a>(list: impl IntoIterator<Item = &'a str>) -> Result<Self, BadNetwork> {
        let net = |text: &str| {
            let net: Option<IpNet> =
                text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
            net.ok_or_else(|| BadNetwork(text.to_owned()))
        };
        let list = list.into_iter().map(str::trim).filter(|text| !text.is_empty());
        Ok(Self(list.map(net).collect::<Result<_, _>>()?))
    }

    fn is_one(&self, address: IpAddr) -> bool {
        self.0.iter().any(|net| net.contains(&address))
    }

    /// Where a request really came from: the nearest address that is no trusted proxy's. Each proxy adds the address that
    /// it was reached from at the end of `X-Forwarded-For`; what stands in front of the last trusted one anybody can have
    /// written.
    pub fn client<'a>(&self, socket: IpAddr, forwarded: impl DoubleEndedIterator<Item = &'a str>) -> IpAddr {
        let mut nearest = socket.to_canonical();
        for text in forwarded.rev().flat_map(|list| list.rsplit(',')) {
            if !self.is_one(nearest) {
                break;
            }
            match text.trim().parse::<IpAddr>() {
                Ok(address) => nearest = address.to_canonical(),
                Err(_) => break,
            }
        }
        nearest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &[&str], socket: &str, forwarded: &[&str]) -> String {
        let trusted = Trusted::new(trusted.iter().copied()).unwrap();
        trusted.client(socket.parse().unwrap(), forwarded.iter().copied()).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(client(&[], "192.0.2.1", &["198.51.100.1"]), "192.0.2.1");
        let proxies = ["10.0.0.0/8", "", "fd00::1"];
        assert_eq!(client(&proxies, "192.0.2.1", &["198.51.100.1"]), "192.0.2.1");
        assert_eq!(client(&proxies, "10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        // The first was written by the client itself.
        assert_eq!(client(&proxies, "10.0.0.1", &["203.0.113.9, 198.51.100.1"]), "198.51.100.1");
        assert_eq!(
            client(&proxies, "::ffff:10.0.0.1", &["203.0.113.9", "198.51.100.1, fd00::1"]),
            "198.51.100.1"
        );
        assert_eq!(client(&proxies, "10.0.0.1", &["unknown"]), "10.0.0.1");
        assert_eq!(client(&proxies, "10.0.0.1", &[]), "10.0.0.1");
        assert!(Trusted::new(["proxy.internal"]).is_err());
    }
}
