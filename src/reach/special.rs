//! Which addresses are on the public Internet (IANA IPv4 and IPv6 Special-Purpose Address Registries, RFC 6890).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Not globally reachable, or not one host.
const SPECIAL_V4: [(Ipv4Addr, u32); 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),      // this network: Linux takes it for loopback
    (Ipv4Addr::new(10, 0, 0, 0), 8),     // private
    (Ipv4Addr::new(100, 64, 0, 0), 10),  // behind a carrier's NAT
    (Ipv4Addr::new(127, 0, 0, 0), 8),    // loopback
    (Ipv4Addr::new(169, 254, 0, 0), 16), // link-local: metadata services of clouds
    (Ipv4Addr::new(172, 16, 0, 0), 12),  // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),   // protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24),   // documentation
    (Ipv4Addr::new(192, 88, 99, 0), 24), // relays of 6to4
    (Ipv4Addr::new(192, 168, 0, 0), 16), // private
    (Ipv4Addr::new(198, 18, 0, 0), 15),  // benchmarks
    (Ipv4Addr::new(198, 51, 100, 0), 24), // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24), // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4),    // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4),    // reserved, broadcast
];

/// All unicast addresses that are assigned (RFC 4291 2.4).
const GLOBAL_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
/// But these.
const SPECIAL_V6: [(Ipv6Addr, u32); 3] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // protocol assignments, Teredo
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];
/// IPv4 in the last 32 bits: NAT64 (RFC 6052 2.1), and the deprecated compatible form (RFC 4291 2.5.5.1).
const EMBEDDING_V6: [(Ipv6Addr, u32); 2] =
    [(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96), (Ipv6Addr::UNSPECIFIED, 96)];
/// IPv4 behind the first 16 bits: 6to4 (RFC 3056 2).
const SIX_TO_FOUR: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16);

/// On the public Internet.
pub(super) fn public(ip: IpAddr) -> bool {
    match plain(ip) {
        IpAddr::V4(ip) => !SPECIAL_V4.iter().any(|net| within_v4(ip, *net)),
        IpAddr::V6(ip) => within_v6(ip, GLOBAL_V6) && !SPECIAL_V6.iter().any(|net| within_v6(ip, *net)),
    }
}

/// Never one host of an operator's own network: loopback, link-local, multicast, unspecified.
pub(super) fn never_by_association(ip: IpAddr) -> bool {
    match plain(ip) {
        IpAddr::V4(ip) => {
            ip.is_loopback()
                || ip.is_link_local()
                || ip.is_multicast()
                || ip.is_broadcast()
                || ip.octets()[0] == 0
        }
        IpAddr::V6(ip) => {
            ip.is_loopback() || ip.is_unicast_link_local() || ip.is_multicast() || ip.is_unspecified()
        }
    }
}

/// The IPv4 address that an IPv6 address stands for, if it stands for one.
pub(super) fn plain(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    if let Some(mapped) = v6.to_ipv4_mapped() {
        return mapped.into();
    }
    let bits = u128::from(v6);
    let lowest =
        |shift: u32| Ipv4Addr::from(u32::try_from((bits >> shift) & 0xffff_ffff).unwrap_or_default());
    // `::` and `::1` are IPv6's own.
    if bits > 1 && EMBEDDING_V6.iter().any(|net| within_v6(v6, *net)) {
        return lowest(0).into();
    }
    if within_v6(v6, SIX_TO_FOUR) {
        return lowest(80).into();
    }
    ip
}

fn within_v4(ip: Ipv4Addr, (net, prefix): (Ipv4Addr, u32)) -> bool {
    (u32::from(ip) ^ u32::from(net)).checked_shr(32 - prefix.min(32)).unwrap_or_default() == 0
}

fn within_v6(ip: Ipv6Addr, (net, prefix): (Ipv6Addr, u32)) -> bool {
    (u128::from(ip) ^ u128::from(net)).checked_shr(128 - prefix.min(128)).unwrap_or_default() == 0
}

/// Of one network; families do not mix.
pub(super) fn within(ip: IpAddr, net: IpAddr, prefix: u32) -> bool {
    match (ip, net) {
        (IpAddr::V4(ip), IpAddr::V4(net)) => within_v4(ip, (net, prefix)),
        (IpAddr::V6(ip), IpAddr::V6(net)) => within_v6(ip, (net, prefix)),
        _ => false,
    }
}
