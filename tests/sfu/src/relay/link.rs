//! One link: two sockets, a pipe for each direction, and what is under way.

use super::pipe::{Pipe, micros};
use super::{Inner, Rule, State};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};
use tokio::net::UdpSocket;
use tokio::time::Instant;

/// How often a link without traffic looks whether it is still wanted.
const IDLE: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Direction {
    Down,
    Up,
}

/// A packet under way: due, order among equals, direction, bytes.
type UnderWay = Reverse<(u64, u64, Direction, Vec<u8>)>;

struct Link {
    relay: Weak<Inner>,
    /// Where the consumer sends to.
    front: UdpSocket,
    /// Where the SFU sends to.
    back: UdpSocket,
    consumer: Option<SocketAddr>,
    /// The consumer's address before, from which nothing passes any more.
    abandoned: Option<SocketAddr>,
    /// What of [`State::rebound`] and [`State::abandoned`] was followed.
    followed: (u64, u64),
    down: Pipe,
    up: Pipe,
    begun: Instant,
    under_way: BinaryHeap<UnderWay>,
    order: u64,
}

/// Opens a link; its front address. It lives as long as the relay.
pub(super) async fn open(relay: &Arc<Inner>, number: u64, sfu: SocketAddr) -> std::io::Result<SocketAddr> {
    let front = UdpSocket::bind((sfu.ip(), 0)).await?;
    let back = UdpSocket::bind((sfu.ip(), 0)).await?;
    back.connect(sfu).await?;
    let address = front.local_addr()?;
    let followed = {
        let state = relay.state();
        (state.rebound, state.abandoned)
    };
    let seed = relay.seed.wrapping_mul(0x1_0000_0001).wrapping_add(2 * number);
    let link = Link {
        relay: Arc::downgrade(relay),
        front,
        back,
        consumer: None,
        abandoned: None,
        followed,
        down: Pipe::new(seed),
        up: Pipe::new(seed + 1),
        begun: Instant::now(),
        under_way: BinaryHeap::new(),
        order: 0,
    };
    tokio::spawn(link.run());
    Ok(address)
}

impl Link {
    async fn run(mut self) {
        let (mut to_sfu, mut to_consumer) = (vec![0; 2048], vec![0; 2048]);
        while self.relay.strong_count() > 0 {
            let next = self.under_way.peek().map(|Reverse((due, ..))| Duration::from_micros(*due));
            let wake = next.map_or_else(|| Instant::now() + IDLE, |due| self.begun + due);
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(wake) => {}
                received = self.front.recv_from(&mut to_sfu) => if let Ok((length, from)) = received {
                    self.follow().await;
                    if self.abandoned != Some(from) {
                        self.consumer = Some(from);
                        self.take(Direction::Up, &to_sfu[..length]);
                    }
                },
                received = self.back.recv(&mut to_consumer) => if let Ok(length) = received {
                    self.take(Direction::Down, &to_consumer[..length]);
                    self.follow().await;
                },
            }
            self.deliver().await;
        }
    }

    /// Changes addresses as it is told.
    async fn follow(&mut self) {
        let Some(relay) = self.relay.upgrade() else { return };
        let (rebound, abandoned) = {
            let state = relay.state();
            (state.rebound, state.abandoned)
        };
        if abandoned > self.followed.1
            && let Some(gone) = self.consumer.take()
        {
            self.abandoned = Some(gone);
        }
        if rebound > self.followed.0 {
            match another(&self.back).await {
                Ok(back) => self.back = back,
                Err(error) => tracing::error!(%error, "a link of the relay keeps its address"),
            }
        }
        self.followed = (rebound, abandoned);
    }

    fn take(&mut self, direction: Direction, packet: &[u8]) {
        let Some(relay) = self.relay.upgrade() else { return };
        let now = micros(self.begun.elapsed());
        let mut state = relay.state();
        let rtp = rtp(packet).filter(|_| direction == Direction::Down);
        let rule = rtp.and_then(|(ssrc, _)| state.rules.get_mut(&ssrc));
        let Rule { drop, delay } = rule.as_deref().copied().unwrap_or_default();
        if let Some(rule) = rule {
            rule.drop = drop.saturating_sub(1);
        }
        let fate = match direction {
            Direction::Down => self.down.push(&state.network.down, packet.len(), now),
            Direction::Up => self.up.push(&state.network.up, packet.len(), now),
        };
        let report = direction == Direction::Down && state.no_reports && is_report(packet);
        let lost = state.dark || drop > 0 || report || fate.arrivals.is_empty();
        if let Some((ssrc, sequence)) = rtp {
            count(&mut state, ssrc, (!lost).then_some(&fate), sequence);
        }
        if lost {
            return;
        }
        for arrival in fate.arrivals {
            self.order += 1;
            let due = arrival.saturating_add(micros(delay));
            self.under_way.push(Reverse((due, self.order, direction, packet.to_vec())));
        }
    }

    /// Hands over all that is due.
    async fn deliver(&mut self) {
        let now = micros(self.begun.elapsed());
        while self.under_way.peek().is_some_and(|Reverse((due, ..))| *due <= now) {
            let Some(Reverse((_, _, direction, packet))) = self.under_way.pop() else { return };
            let sent = match (direction, self.consumer) {
                (Direction::Up, _) => self.back.send(&packet).await,
                (Direction::Down, Some(consumer)) => self.front.send_to(&packet, consumer).await,
                (Direction::Down, None) => continue,
            };
            if let Err(error) = sent {
                tracing::debug!(%error, "the other side is gone");
            }
        }
    }
}

/// A socket at another port that sends to where this one does.
async fn another(back: &UdpSocket) -> std::io::Result<UdpSocket> {
    let sfu = back.peer_addr()?;
    let other = UdpSocket::bind((sfu.ip(), 0)).await?;
    other.connect(sfu).await?;
    Ok(other)
}

fn count(state: &mut State, ssrc: u32, fate: Option<&super::pipe::Fate>, sequence: u16) {
    let passage = state.passages.entry(ssrc).or_default();
    passage.sent += 1;
    passage.first_at.get_or_insert_with(|| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        now.as_micros() as u64
    });
    match fate {
        None => passage.dropped.push(sequence),
        Some(fate) => {
            passage.duplicated += u64::from(fate.arrivals.len() > 1);
            passage.reordered += u64::from(fate.reordered);
        }
    }
}

/// SSRC and sequence number of an RTP packet. What shares the port with it is told by the first two bytes (RFC 7983 7,
/// RFC 5761 4).
fn rtp(packet: &[u8]) -> Option<(u32, u16)> {
    let [128..=191, kind, high, low, _, _, _, _, a, b, c, d, ..] = *packet else { return None };
    let rtcp = (192..=223).contains(&kind);
    (!rtcp).then(|| (u32::from_be_bytes([a, b, c, d]), u16::from_be_bytes([high, low])))
}

/// A compound RTCP packet that begins with a sender report; SRTCP leaves the first header in the clear.
fn is_report(packet: &[u8]) -> bool {
    matches!(*packet, [128..=191, 200, ..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::{Network, Path, Relay};
    use crate::rtp::Header;

    /// A link with somebody at each end.
    struct Ends {
        relay: Relay,
        sfu: UdpSocket,
        consumer: UdpSocket,
        link: SocketAddr,
    }

    impl Ends {
        async fn new(seed: u64) -> Ends {
            let relay = Relay::new(seed);
            let sfu = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let consumer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let link = relay.open(sfu.local_addr().unwrap()).await.unwrap();
            consumer.connect(link).await.unwrap();
            Ends { relay, sfu, consumer, link }
        }

        /// The consumer speaks first, as ICE does; the relay's address as the SFU sees it.
        async fn meet(&self) -> SocketAddr {
            self.consumer.send(b"\x00hello").await.unwrap();
            let mut buffer = [0; 64];
            let (length, from) = self.sfu.recv_from(&mut buffer).await.unwrap();
            assert_eq!(&buffer[..length], b"\x00hello");
            from
        }

        /// What arrives at the consumer until a packet of the SSRC 0.
        async fn until_end(&self) -> Vec<(u32, u16)> {
            let mut found = Vec::new();
            let mut buffer = [0; 2048];
            loop {
                let length = self.consumer.recv(&mut buffer).await.unwrap();
                match rtp(&buffer[..length]) {
                    Some((0, _)) => return found,
                    packet => found.extend(packet),
                }
            }
        }
    }

    fn packet(ssrc: u32, sequence: u16) -> Vec<u8> {
        Header { marker: false, payload_type: 101, sequence, timestamp: 0, ssrc }.packet(&[], b"payload")
    }

    #[tokio::test]
    async fn what_is_dropped_is_counted_by_stream_and_number() {
        let ends = Ends::new(11).await;
        let from = ends.meet().await;
        ends.relay.set(Network { down: Path { loss: 0.2, ..Path::default() }, up: Path::default() });
        for sequence in 0..100 {
            ends.sfu.send_to(&packet(7, sequence), from).await.unwrap();
            tokio::task::yield_now().await;
        }
        // The last one of them is through when the relay has counted it.
        while ends.relay.passage(7).sent < 100 {
            tokio::task::yield_now().await;
        }
        ends.relay.set(Network::default());
        ends.sfu.send_to(&packet(0, 0), from).await.unwrap();
        let arrived: Vec<u16> = ends.until_end().await.into_iter().map(|(_, sequence)| sequence).collect();
        let dropped = ends.relay.passage(7).dropped;
        assert!((8..35).contains(&dropped.len()), "{dropped:?}");
        let expected: Vec<u16> = (0..100).filter(|sequence| !dropped.contains(sequence)).collect();
        assert_eq!(arrived, expected);
    }

    #[tokio::test]
    async fn rules_and_outages_are_of_one_stream_and_of_all() {
        let ends = Ends::new(1).await;
        let from = ends.meet().await;
        ends.relay.rule(7, Rule { drop: 2, delay: Duration::ZERO });
        ends.relay.rule(8, Rule { drop: 0, delay: Duration::from_millis(50) });
        for sequence in 0..4 {
            for ssrc in [7, 8, 9] {
                ends.sfu.send_to(&packet(ssrc, sequence), from).await.unwrap();
            }
        }
        while ends.relay.passage(9).sent < 4 {
            tokio::task::yield_now().await;
        }
        ends.relay.dark(true);
        ends.sfu.send_to(&packet(9, 4), from).await.unwrap();
        while ends.relay.passage(9).sent < 5 {
            tokio::task::yield_now().await;
        }
        ends.relay.dark(false);
        ends.relay.rule(0, Rule { drop: 0, delay: Duration::from_millis(100) });
        ends.sfu.send_to(&packet(0, 0), from).await.unwrap();
        let arrived = ends.until_end().await;
        let of = |ssrc| arrived.iter().filter(|p| p.0 == ssrc).map(|p| p.1).collect::<Vec<_>>();
        assert_eq!((of(7), of(8), of(9)), (vec![2, 3], vec![0, 1, 2, 3], vec![0, 1, 2, 3]));
        let first_late = arrived.iter().position(|p| p.0 == 8).unwrap();
        assert!(arrived[first_late..].iter().all(|p| p.0 == 8), "held back behind the others: {arrived:?}");
        assert_eq!(ends.relay.passage(9).dropped, [4]);
    }

    #[tokio::test]
    async fn reports_can_be_dropped_and_the_rest_of_rtcp_passes() {
        let ends = Ends::new(1).await;
        let from = ends.meet().await;
        ends.relay.drop_reports(true);
        let (report, other) = ([0x80, 200, 0, 1, 0, 0, 0, 1], [0x80, 201, 0, 1, 0, 0, 0, 1]);
        ends.sfu.send_to(&report, from).await.unwrap();
        ends.sfu.send_to(&other, from).await.unwrap();
        let mut buffer = [0; 64];
        let length = ends.consumer.recv(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..length], other);
        assert_ne!(ends.link, from, "the SFU sees the relay's other side");
    }

    #[tokio::test]
    async fn the_sfu_sees_another_address_and_abandoned_ones_lead_nowhere() {
        let ends = Ends::new(1).await;
        let first = ends.meet().await;
        ends.relay.rebind();
        let second = ends.meet().await;
        assert_ne!(first, second);
        ends.relay.abandon_addresses();
        ends.consumer.send(b"\x00lost").await.unwrap();
        let moved = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        moved.connect(ends.link).await.unwrap();
        moved.send(b"\x00moved").await.unwrap();
        let mut buffer = [0; 64];
        let (length, third) = ends.sfu.recv_from(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..length], b"\x00moved", "and not what came from the address before");
        assert!(third != first && third != second);
        ends.sfu.send_to(&packet(7, 1), third).await.unwrap();
        let length = moved.recv(&mut buffer).await.unwrap();
        assert_eq!(rtp(&buffer[..length]), Some((7, 1)));
        // From the address before nothing passes, also now.
        ends.consumer.send(b"\x00late").await.unwrap();
        moved.send(b"\x00again").await.unwrap();
        let (length, _) = ends.sfu.recv_from(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..length], b"\x00again");
    }
}
