//! What a recorder knows of a room, and what has changed in it while the connection was away.
//!
//! Media needs no signalling once it flows, so a WebSocket that drops is no end. What was said meanwhile is lost; the
//! application tells the whole state instead, and the difference is what happened.

use super::super::{Event, PeerInfo};
use super::message;
use crate::session::Consumer;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};

/// Consumers of one room, a guard: 25 participants with three layers have a hundred.
const MOST_CONSUMERS: usize = 4096;
/// Participants that are compared; more are let in and out as they are told.
const MOST_PEERS: usize = 4096;

/// Whether an offer is known.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It is new.
    No,
    /// The recorder has it and has not answered yet.
    Waiting,
    /// The recorder has accepted it, and the answer was lost.
    Taken,
    /// There are too many already.
    TooMany,
}

/// The room as far as it was told.
#[derive(Debug, Default)]
pub(super) struct Book {
    peers: HashMap<String, PeerInfo>,
    consumers: HashMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    /// The request that offered it.
    offer: u64,
    taken: bool,
    paused: bool,
    layers: (Option<u8>, Option<u8>),
}

impl Book {
    /// A consumer is offered.
    pub(super) fn offered(&mut self, offer: u64, consumer: &Consumer) -> Known {
        if let Some(entry) = self.consumers.get(&consumer.id) {
            return if entry.taken { Known::Taken } else { Known::Waiting };
        }
        if self.consumers.len() >= MOST_CONSUMERS {
            return Known::TooMany;
        }
        let entry = Entry { offer, taken: false, paused: consumer.paused, layers: (None, None) };
        self.consumers.insert(consumer.id.clone(), entry);
        Known::No
    }

    /// The recorder has answered an offer.
    pub(super) fn answered(&mut self, offer: u64, taken: bool) {
        if taken {
            self.consumers
                .values_mut()
                .filter(|entry| entry.offer == offer)
                .for_each(|entry| entry.taken = true);
        } else {
            self.consumers.retain(|_, entry| entry.offer != offer);
        }
    }

    /// Something happened.
    pub(super) fn heard(&mut self, event: &Event) {
        match event {
            Event::PeerJoined(peer) | Event::PeerRenamed(peer)
                if self.peers.len() < MOST_PEERS || self.peers.contains_key(&peer.id) =>
            {
                self.peers.insert(peer.id.clone(), peer.clone());
            }
            Event::PeerLeft(id) => drop(self.peers.remove(id)),
            Event::ConsumerClosed(id) => drop(self.consumers.remove(id)),
            Event::ConsumerPaused(id) => self.with(id, |entry| entry.paused = true),
            Event::ConsumerResumed(id) => self.with(id, |entry| entry.paused = false),
            Event::ConsumerLayers { consumer, spatial, temporal } => {
                self.with(consumer, |entry| entry.layers = (*spatial, *temporal));
            }
            _ => {}
        }
    }

    fn with(&mut self, consumer: &str, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.consumers.get_mut(consumer) {
            change(entry);
        }
    }

    /// What must have happened for the room to be as `state` says: `{peers: [...], consumers: [...]}`.
    pub(super) fn compare(&mut self, state: &Value) -> Vec<Event> {
        let list = |name: &str| state.get(name).and_then(Value::as_array).into_iter().flatten();
        let mut events = Vec::new();
        let here: HashMap<String, PeerInfo> =
            list("peers").filter_map(message::peer).map(|peer| (peer.id.clone(), peer)).collect();
        let consumers: HashMap<String, &Value> = list("consumers")
            .filter_map(|consumer| Some((message::text(consumer, "consumerId")?, consumer)))
            .collect();
        // What a participant sent ends before they do.
        let closed = self.consumers.keys().filter(|id| !consumers.contains_key(*id));
        events.extend(closed.cloned().collect::<BTreeSet<_>>().into_iter().map(Event::ConsumerClosed));
        let left = self.peers.keys().filter(|id| !here.contains_key(*id));
        events.extend(left.cloned().collect::<BTreeSet<_>>().into_iter().map(Event::PeerLeft));
        for peer in here.into_values() {
            match self.peers.get(&peer.id) {
                None => events.push(Event::PeerJoined(peer)),
                Some(known) if *known != peer => events.push(Event::PeerRenamed(peer)),
                Some(_) => {}
            }
        }
        for (id, told) in consumers {
            if let Some(entry) = self.consumers.get(&id) {
                entry.compare(&id, told, &mut events);
            }
        }
        events.iter().for_each(|event| self.heard(event));
        events
    }
}

impl Entry {
    fn compare(&self, id: &str, told: &Value, events: &mut Vec<Event>) {
        match told.get("producerPaused").and_then(Value::as_bool) {
            Some(true) if !self.paused => events.push(Event::ConsumerPaused(id.to_owned())),
            Some(false) if self.paused => events.push(Event::ConsumerResumed(id.to_owned())),
            _ => {}
        }
        let layers = (message::small(told, "spatialLayer"), message::small(told, "temporalLayer"));
        if told.get("spatialLayer").is_some() && layers != self.layers {
            let (spatial, temporal) = layers;
            events.push(Event::ConsumerLayers { consumer: id.to_owned(), spatial, temporal });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn consumer(id: &str) -> Consumer {
        message::new_consumer(json!({"consumerId": id, "producerId": "p", "peerId": "ann", "kind": "video",
            "rtpParameters": {}}))
        .unwrap()
    }

    fn ann() -> PeerInfo {
        PeerInfo { id: "ann".into(), display_name: "Ann".into(), user_id: None }
    }

    #[test]
    fn what_changed_is_told_and_nothing_else() {
        let mut book = Book::default();
        book.heard(&Event::PeerJoined(ann()));
        book.heard(&Event::PeerJoined(PeerInfo { id: "bob".into(), ..PeerInfo::default() }));
        for (offer, id) in [(1, "kept"), (2, "gone"), (3, "muted")] {
            assert_eq!(book.offered(offer, &consumer(id)), Known::No);
            book.answered(offer, true);
        }
        let state = json!({
            "peers": [{"peerId": "ann", "displayName": "Ann"}, {"peerId": "cleo"}],
            "consumers": [{"consumerId": "kept", "producerPaused": false},
                {"consumerId": "muted", "producerPaused": true, "spatialLayer": 1, "temporalLayer": 2},
                {"consumerId": "to be offered", "producerPaused": false}],
        });
        let layers = Event::ConsumerLayers { consumer: "muted".into(), spatial: Some(1), temporal: Some(2) };
        assert_eq!(
            book.compare(&state),
            [
                Event::ConsumerClosed("gone".into()),
                Event::PeerLeft("bob".into()),
                Event::PeerJoined(PeerInfo { id: "cleo".into(), ..PeerInfo::default() }),
                Event::ConsumerPaused("muted".into()),
                layers,
            ]
        );
        assert_eq!(book.compare(&state), [], "told once");
        for nonsense in [json!(null), json!([]), json!({"peers": 7, "consumers": [1, {}]})] {
            book.compare(&nonsense);
        }
        assert!(book.peers.is_empty() && book.consumers.is_empty(), "who says nothing is nobody");
    }

    #[test]
    fn an_offer_that_is_made_again_is_answered_and_not_told_again() {
        let mut book = Book::default();
        assert_eq!(book.offered(1, &consumer("c")), Known::No);
        assert_eq!(book.offered(1, &consumer("c")), Known::Waiting);
        book.answered(1, true);
        assert_eq!(book.offered(1, &consumer("c")), Known::Taken);
        assert_eq!(book.offered(2, &consumer("d")), Known::No);
        book.answered(2, false);
        assert_eq!(book.offered(2, &consumer("d")), Known::No, "a refusal is thought over again");
    }
}
