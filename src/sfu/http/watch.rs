//! The task that looks what the room is like, again and again, and makes events of what has changed.

use super::super::{Error, Event, Offer, PeerInfo, Reason};
use super::service::Service;
use super::shape::{self, Producer, Snapshot};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// So many looks in a row must find the room, or us in it, gone.
const GONE: u32 = 2;
/// A producer that cannot be consumed is tried again at every second, fourth, ... look, up to this power of two.
const RAREST_TRY: u32 = 6;

/// How often a room is looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Between two looks, and up to a third more, so that recorders of many rooms do not look together.
    pub(super) pause: Duration,
    /// The longest pause after failures.
    pub(super) longest: Duration,
    /// A service that does not answer for so long is lost.
    pub(super) lost: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            pause: Duration::from_millis(860),
            longest: Duration::from_secs(4),
            lost: Duration::from_secs(15),
        }
    }
}

/// What the room was last like, and what is consumed of it.
pub(super) struct Watch {
    pub(super) service: Arc<Service>,
    pub(super) transport: String,
    pub(super) capabilities: Value,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) stop: CancellationToken,
    pub(super) pace: Pace,
    peers: HashMap<String, PeerInfo>,
    producers: HashMap<String, Known>,
    offers: u64,
    looks: u32,
    /// We were among those who are there.
    seen: bool,
}

/// A producer that is consumed, or could not be yet.
#[derive(Default)]
struct Known {
    consumer: Option<String>,
    paused: bool,
    failures: u32,
}

/// What counts against the room.
#[derive(Default)]
struct Trouble {
    since: Option<Instant>,
    failures: u32,
    /// Looks in a row that found no such room.
    absent: u32,
    /// And no such participant.
    forgotten: u32,
    /// It did not answer at all before that.
    outage: bool,
}

impl Watch {
    pub(super) fn new(
        service: Arc<Service>,
        transport: String,
        capabilities: Value,
        events: mpsc::Sender<Event>,
        stop: CancellationToken,
        pace: Pace,
        peers: &[PeerInfo],
    ) -> Self {
        let peers = peers.iter().map(|peer| (peer.id.clone(), peer.clone())).collect();
        let producers = HashMap::new();
        Self {
            service,
            transport,
            capabilities,
            events,
            stop,
            pace,
            peers,
            producers,
            offers: 0,
            looks: 0,
            seen: false,
        }
    }

    /// Until the room or our interest in it is over; leaves it then. `first` is what it was like when we joined.
    pub(super) async fn run(mut self, first: Snapshot, end: Arc<OnceLock<Reason>>) {
        let stop = self.stop.clone();
        let events = self.events.clone();
        let reason = tokio::select! {
            reason = self.look_on(first) => reason,
            () = stop.cancelled() => Reason::Left,
            // Dropping the room leaves it.
            () = events.closed() => Reason::Left,
        };
        // The reason first: whoever finds the queue over asks for it.
        let _ = end.set(reason);
        let Self { service, transport, events: own, .. } = self;
        drop((own, events));
        service.leave(Some(&transport)).await;
    }

    async fn look_on(&mut self, first: Snapshot) -> Reason {
        let mut trouble = Trouble::default();
        let mut seen = Ok(first);
        loop {
            let verdict = match seen {
                Ok(snapshot) => {
                    trouble.answered();
                    let forgotten = self.seen && !snapshot.us;
                    self.seen |= snapshot.us;
                    self.take(snapshot).await;
                    trouble.forgotten(forgotten)
                }
                Err(error) => trouble.failed(&error, self.pace.lost),
            };
            if let Some(reason) = verdict {
                return reason;
            }
            sleep(trouble.pause(self.pace)).await;
            self.looks = self.looks.wrapping_add(1);
            let service = &self.service;
            seen = service.room().await.and_then(|told| service.read_room(&told));
        }
    }

    /// What is over first, so that nobody leaves before what they sent has ended.
    async fn take(&mut self, seen: Snapshot) {
        let is_there = |id: &String| seen.producers.iter().any(|producer| producer.id == *id);
        let over: Vec<String> = self.producers.keys().filter(|id| !is_there(id)).cloned().collect();
        for id in over {
            if let Some(consumer) = self.producers.remove(&id).and_then(|known| known.consumer) {
                // mediasoup has closed it with its producer; the service may still hold it.
                self.service.close_consumer(&consumer).await;
                self.tell(Event::ConsumerClosed(consumer)).await;
            }
        }
        let left: Vec<String> =
            self.peers.keys().filter(|id| seen.peers.iter().all(|peer| peer.id != **id)).cloned().collect();
        for id in left {
            self.peers.remove(&id);
            self.tell(Event::PeerLeft(id)).await;
        }
        for peer in seen.peers {
            let before = self.peers.insert(peer.id.clone(), peer.clone());
            match before {
                None => self.tell(Event::PeerJoined(peer)).await,
                Some(before) if before != peer => self.tell(Event::PeerRenamed(peer)).await,
                Some(_) => {}
            }
        }
        for producer in seen.producers {
            self.follow(producer).await;
        }
    }

    async fn follow(&mut self, producer: Producer) {
        let known = self.producers.entry(producer.id.clone()).or_default();
        let Some(consumer) = &known.consumer else {
            if self.looks.is_multiple_of(1 << known.failures.min(RAREST_TRY)) {
                self.consume(producer).await;
            }
            return;
        };
        if known.paused != producer.paused {
            known.paused = producer.paused;
            let consumer = consumer.clone();
            let event = if producer.paused {
                Event::ConsumerPaused(consumer)
            } else {
                Event::ConsumerResumed(consumer)
            };
            self.tell(event).await;
        }
    }

    async fn consume(&mut self, producer: Producer) {
        let made = self.service.consume(&producer.id, &self.transport, &self.capabilities).await;
        let made = made.and_then(|data| {
            shape::consumer(data, &producer)
                .map_err(|source| super::service::protocol("POST consumers", source))
        });
        let known = self.producers.entry(producer.id.clone()).or_default();
        match made {
            Ok(consumer) => {
                known.consumer = Some(consumer.id.clone());
                known.paused = consumer.paused;
                self.offers += 1;
                self.tell(Event::ConsumerOffered { token: Offer(self.offers), consumer }).await;
            }
            Err(error) => {
                known.failures += 1;
                let tries = known.failures;
                tracing::warn!(producer.id = producer.id, %error, tries, "a producer could not be consumed");
            }
        }
    }

    /// A receiver that is gone is noticed elsewhere.
    async fn tell(&self, event: Event) {
        let _ = self.events.send(event).await;
    }
}

impl Trouble {
    fn answered(&mut self) {
        *self = Self { forgotten: self.forgotten, ..Self::default() };
    }

    /// We were there and are not any more: put out, or the service has restarted.
    fn forgotten(&mut self, forgotten: bool) -> Option<Reason> {
        self.forgotten = if forgotten { self.forgotten + 1 } else { 0 };
        (self.forgotten >= GONE).then(|| Reason::Lost("the SFU service does not know us any more".to_owned()))
    }

    fn failed(&mut self, error: &Error, lost: Duration) -> Option<Reason> {
        self.failures += 1;
        let since = *self.since.get_or_insert_with(Instant::now);
        if let Error::Refused { code: code @ (404 | 410), reason } = error {
            self.absent += 1;
            if self.absent < GONE {
                return None;
            }
            // A service that comes back without its rooms has restarted. One that was there all the time has closed it.
            return Some(match (self.outage, u16::try_from(*code)) {
                (false, Ok(code)) => Reason::Ended { code, reason: reason.clone() },
                _ => Reason::Lost("the SFU service has restarted".to_owned()),
            });
        }
        self.absent = 0;
        self.outage = true;
        tracing::warn!(%error, failures = self.failures, "the SFU service does not tell of its room");
        (since.elapsed() >= lost).then(|| Reason::Lost(error.to_string()))
    }

    fn pause(&self, pace: Pace) -> Duration {
        let doubled = pace.pause.saturating_mul(1 << self.failures.saturating_sub(1).min(8));
        let [random, ..] = *Uuid::new_v4().as_bytes();
        doubled.min(pace.longest) + pace.pause * u32::from(random) / 768
    }
}
