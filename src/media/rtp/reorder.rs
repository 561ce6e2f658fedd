//! Puts packets of one stream into sequence order and says which are lost for good.
//!
//! A packet that is next in order passes straight through. One that comes early is held, and the hole before it
//! stays open for [`Config::window_micros`], counted from when the hole was seen: as long as the sender keeps
//! packets for retransmission, so that what comes by RTX (RFC 4588) still finds its place.

use crate::media::rtp::packet::Packet;
use crate::time::Moment;
use std::collections::{BTreeMap, VecDeque};

/// A jump of more packets than this, in either direction, is a stream that started anew and not loss
/// (MAX_DROPOUT of RFC 3550 A.1).
const MAX_JUMP: u64 = 3000;

/// How patient to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// How long the first packets are held, in microseconds: before the first one came there is no order, and one that
    /// was overtaken by it would come too late.
    pub start_micros: i64,
    /// How long a hole may stay open, in microseconds.
    pub window_micros: i64,
    /// How many packets may be held behind holes; beyond it the oldest hole is given up.
    pub max_packets: usize,
}

/// What comes out, in sequence order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// The next packet.
    Packet(Packet),
    /// Packets that will not come.
    Lost {
        /// Sequence number of the first one missing.
        first: u64,
        /// How many; 0 when the stream started anew elsewhere, so that nobody knows.
        count: u64,
    },
}

/// Sequence numbers below `end` that are neither given out nor held are missing.
#[derive(Clone, Copy, Debug)]
struct Hole {
    end: u64,
    seen: Moment,
}

/// The packets of one stream on their way into order.
#[derive(Debug)]
pub struct Reorder {
    config: Config,
    /// The sequence number to give out next; `None` until the first packets are in order.
    next: Option<u64>,
    /// Arrival of the first packet.
    began: Option<Moment>,
    held: BTreeMap<u64, Packet>,
    /// By rising `end`. The packet at each `end` is held, or the hole is gone.
    holes: VecDeque<Hole>,
    late: u64,
}

impl Reorder {
    /// A stream of which nothing came yet: the order starts with the lowest number among its first packets.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self { config, next: None, began: None, held: BTreeMap::new(), holes: VecDeque::new(), late: 0 }
    }

    /// Takes one packet and gives out what is now in order. Duplicates, and packets already given out or declared
    /// lost, are dropped and counted in [`Self::late`].
    pub fn push(&mut self, packet: Packet, out: &mut Vec<Output>) {
        let sequence = packet.sequence;
        let Some(next) = self.next else {
            self.gather(packet, out);
            return;
        };
        let end = self.held.last_key_value().map_or(next, |(last, _)| last.saturating_add(1));
        if sequence.saturating_sub(end) > MAX_JUMP || next.saturating_sub(sequence) > MAX_JUMP {
            self.release(out);
            out.push(Output::Lost { first: self.next.unwrap_or(next), count: 0 });
            self.pass(packet, out);
            return;
        }
        let arrival = packet.arrival;
        if sequence < next || self.held.contains_key(&sequence) {
            self.late += 1;
        } else if sequence == next {
            self.pass(packet, out);
            self.drain(out);
        } else {
            if sequence > end {
                self.holes.push_back(Hole { end: sequence, seen: arrival });
            }
            self.held.insert(sequence, packet);
        }
        self.poll(arrival, out);
        while self.held.len() > self.config.max_packets {
            self.give_up(out);
        }
    }

    /// Before there is an order.
    fn gather(&mut self, packet: Packet, out: &mut Vec<Output>) {
        let arrival = packet.arrival;
        self.began.get_or_insert(arrival);
        let nearest = self.held.first_key_value().map_or(packet.sequence, |(first, _)| *first);
        let strange = packet.sequence.abs_diff(nearest) > MAX_JUMP;
        if strange || self.held.insert(packet.sequence, packet).is_some() {
            self.late += 1;
        }
        self.poll(arrival, out);
    }

    /// The first packets came.
    fn begin(&mut self, out: &mut Vec<Output>) {
        let Some((&first, _)) = self.held.first_key_value() else { return };
        let seen = self.began.unwrap_or_default();
        let mut behind = first;
        for &sequence in self.held.keys() {
            if sequence > behind.saturating_add(1) {
                self.holes.push_back(Hole { end: sequence, seen });
            }
            behind = sequence;
        }
        self.next = Some(first);
        self.drain(out);
    }

    /// Declares lost every hole that has been open for the whole window at `now`.
    pub fn poll(&mut self, now: Moment, out: &mut Vec<Output>) {
        let started = |began: Moment| now.since(began) >= self.config.start_micros;
        if self.next.is_none() && self.began.is_some_and(started) {
            self.begin(out);
        }
        while self.deadline().is_some_and(|due| now >= due) {
            self.give_up(out);
        }
    }

    /// When [`Self::poll`] has something to do; `None` while no packet is missing.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        if let (None, Some(began)) = (self.next, self.began) {
            return Some(began.plus(self.config.start_micros));
        }
        self.holes.front().map(|hole| hole.seen.plus(self.config.window_micros))
    }

    /// Gives out all that is held; the holes between are lost.
    pub fn finish(mut self, out: &mut Vec<Output>) {
        if self.next.is_none() {
            self.begin(out);
        }
        self.release(out);
    }

    /// The first packets came, and are not given out yet.
    #[must_use]
    pub fn gathers(&self) -> bool {
        self.next.is_none() && self.began.is_some()
    }

    /// Packets dropped because they came twice or too late.
    #[must_use]
    pub fn late(&self) -> u64 {
        self.late
    }

    fn pass(&mut self, packet: Packet, out: &mut Vec<Output>) {
        self.next = Some(packet.sequence.saturating_add(1));
        out.push(Output::Packet(packet));
    }

    fn release(&mut self, out: &mut Vec<Output>) {
        while !self.held.is_empty() {
            self.give_up(out);
        }
    }

    /// Declares the oldest missing packets lost, up to the first one held, and gives out what follows in order.
    fn give_up(&mut self, out: &mut Vec<Output>) {
        let (Some(next), Some((&first, _))) = (self.next, self.held.first_key_value()) else {
            self.holes.clear();
            return;
        };
        out.push(Output::Lost { first: next, count: first.saturating_sub(next) });
        self.next = Some(first);
        self.drain(out);
    }

    /// Gives out the held packets that are next in order and forgets the holes that closed.
    fn drain(&mut self, out: &mut Vec<Output>) {
        while let Some(next) = self.next
            && let Some(packet) = self.held.remove(&next)
        {
            self.pass(packet, out);
        }
        while self.holes.front().is_some_and(|hole| self.next.is_some_and(|next| hole.end <= next)) {
            self.holes.pop_front();
        }
    }
}

#[cfg(test)]
mod tests;
