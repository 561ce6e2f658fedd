//! A room: one mediasoup router, its participants, and what they hear of one another.

pub(crate) mod codecs;
mod consume;
mod levels;
pub(crate) mod peer;

use crate::bridge;
use crate::protoo::{Dialect, Event};
use crate::relay::Relay;
use anyhow::{Context, Result};
use levels::Levels;
use mediasoup::prelude::*;
use peer::{Peer, Published};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;
use tokio::sync::mpsc;

/// What all rooms of one SFU share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) worker: Worker,
    pub(crate) webrtc_server: WebRtcServer,
    pub(crate) dialect: Dialect,
    pub(crate) consent_timeout: u8,
    pub(crate) join_limit: Duration,
    pub(crate) relay: Option<Relay>,
}

/// A room. Made by [`crate::Sfu::room`].
pub struct Room {
    id: String,
    pub(crate) shared: Shared,
    pub(crate) router: Router,
    levels: Levels,
    peers: Mutex<HashMap<String, Arc<Peer>>>,
    pub(crate) notices: Notices,
}

/// Where mediasoup's callbacks leave what is to be told, and to whom (everyone if None).
///
/// They run on the worker's thread, which must never drop the last handle of anything: what is dropped takes
/// back its subscription, for which it needs the lock under which callbacks run. So they send, and a task of
/// the room does the rest. [`levels`] tells of the one callback that is handed handles.
pub(crate) type Notices = mpsc::UnboundedSender<Notice>;
pub(crate) type Notice = (Option<Weak<Peer>>, Event);

impl Room {
    pub(crate) async fn create(id: &str, shared: Shared) -> Result<Arc<Room>> {
        let router = shared.worker.create_router(RouterOptions::new(codecs::router())).await?;
        let (notices, noticed) = mpsc::unbounded_channel();
        let levels = Levels::create(&router, &notices).await?;
        let room =
            Arc::new(Room { id: id.to_owned(), shared, router, levels, peers: Mutex::default(), notices });
        tokio::spawn(relay(Arc::downgrade(&room), noticed));
        Ok(room)
    }

    /// The room's name, the `roomId` of its URL.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The ids of those who have joined, as participants see them: without those who are hidden.
    pub fn peer_ids(&self) -> Vec<String> {
        let joined = self.joined();
        let seen = joined.iter().filter(|peer| peer.seen());
        let mut ids: Vec<String> = seen.map(|peer| peer.id.clone()).collect();
        ids.sort();
        ids
    }

    /// Who has joined and what they publish, as [`crate::http`] shows it.
    pub(crate) fn published_by_peer(&self) -> Value {
        let joined = self.joined();
        let seen = joined.iter().filter(|peer| peer.seen());
        let peers = seen.map(|peer| {
            let state = peer.state.lock().unwrap();
            let producers = state.producers.values().map(|published| {
                let Published { producer, app_data } = published;
                json!({"id": producer.id(), "kind": producer.kind(), "paused": producer.paused(),
                    "appData": app_data})
            });
            json!({"peerId": peer.id, "fullName": state.display_name,
                "producers": producers.collect::<Vec<_>>()})
        });
        peers.collect()
    }

    /// Gives a participant another display name, which the others are told. False if there is no such participant.
    pub fn rename(&self, peer_id: &str, name: &str) -> bool {
        let Some(peer) = self.peer(peer_id) else { return false };
        let old = std::mem::replace(&mut peer.state.lock().unwrap().display_name, name.to_owned());
        let (peer_id, name) = (peer_id.to_owned(), name.to_owned());
        self.tell_others(&peer.id, &Event::NameChanged { peer_id, name, old });
        true
    }

    /// Ends a participant's session as the application's server would: close code 4000 for one at a
    /// WebSocket. False if there is no such participant.
    pub fn kick(&self, peer_id: &str) -> bool {
        let Some(peer) = self.peer(peer_id) else { return false };
        self.leave(&peer);
        true
    }

    /// Breaks the connections of all who are at a WebSocket, as a network or a killed server does. They may come back.
    pub fn cut(&self) {
        for peer in self.peers.lock().unwrap().values() {
            if let Some(outbox) = &peer.outbox {
                outbox.cut();
            }
        }
    }

    /// Ends the sessions of all who are connected by WebSocket, with close code 4000.
    pub fn close(&self) {
        let peers: Vec<Arc<Peer>> = self.peers.lock().unwrap().values().cloned().collect();
        for peer in peers.iter().filter(|peer| peer.outbox.is_some()) {
            self.leave(peer);
        }
    }

    /// What mediasoup counts of every producer and consumer, as JSON.
    pub async fn stats(&self) -> Value {
        let peers: Vec<Arc<Peer>> = self.peers.lock().unwrap().values().cloned().collect();
        let mut out = serde_json::Map::new();
        for peer in peers {
            let (producers, consumers) = {
                let state = peer.state.lock().unwrap();
                let producers: Vec<Published> = state.producers.values().cloned().collect();
                let consumers: Vec<Consumer> = state.consumers.values().cloned().collect();
                (producers, consumers)
            };
            let (mut sent, mut received) = (Vec::new(), Vec::new());
            for Published { producer, app_data } in producers {
                sent.push(json!({"id": producer.id(), "kind": producer.kind(), "type": producer.r#type(),
                    "paused": producer.paused(), "appData": app_data, "score": producer.score(),
                    "mimeType": producer.rtp_parameters().codecs.first().map(RtpCodecParameters::mime_type),
                    "stats": producer.get_stats().await.unwrap_or_default()}));
            }
            for consumer in consumers {
                received.push(
                    json!({"id": consumer.id(), "kind": consumer.kind(), "type": consumer.r#type(),
                    "producerId": consumer.producer_id(), "paused": consumer.paused(),
                    "currentLayers": consumer.current_layers(), "score": consumer.score(),
                    "stats": consumer.get_stats().await.unwrap_or_default()}),
                );
            }
            out.insert(
                peer.id.clone(),
                json!({"joined": peer.joined(), "producers": sent, "consumers": received}),
            );
        }
        Value::Object(out)
    }

    /// Everything that is consumed in the room.
    pub fn consumed(&self) -> Vec<Consumed> {
        let peers: Vec<Arc<Peer>> = self.peers.lock().unwrap().values().cloned().collect();
        let mut found = Vec::new();
        for peer in peers {
            let consumers: Vec<Consumer> = peer.state.lock().unwrap().consumers.values().cloned().collect();
            found.extend(consumers.iter().filter_map(|consumer| Consumed::of(&peer.id, consumer)));
        }
        found
    }

    /// A participant's producer of a kind.
    pub fn producer(&self, peer_id: &str, kind: MediaKind) -> Option<Producer> {
        let peer = self.peer(peer_id)?;
        let state = peer.state.lock().unwrap();
        state.producers.values().map(|p| &p.producer).find(|p| p.kind() == kind && !p.closed()).cloned()
    }

    pub(crate) fn peer(&self, id: &str) -> Option<Arc<Peer>> {
        self.peers.lock().unwrap().get(id).cloned()
    }

    fn joined(&self) -> Vec<Arc<Peer>> {
        self.peers.lock().unwrap().values().filter(|peer| peer.joined()).cloned().collect()
    }

    /// Takes a participant in. One with the same id is put out first, as the demo's server does.
    pub(crate) fn enter(&self, peer: Arc<Peer>) {
        if let Some(old) = self.peer(&peer.id) {
            tracing::info!(room = self.id, peer = peer.id, "a peer of this id is here already: closing it");
            self.leave(&old);
        }
        self.peers.lock().unwrap().insert(peer.id.clone(), peer);
    }

    /// Lets a participant join: it is told of those present, they are told of it, and it gets a consumer
    /// of everything that is published. Gives those present.
    pub(crate) fn join(&self, peer: &Arc<Peer>, set: impl FnOnce(&mut peer::State)) -> Joined {
        let peers = self.peers.lock().unwrap();
        let seen = |other: &&Arc<Peer>| other.id != peer.id && other.joined() && other.seen();
        let others: Vec<Arc<Peer>> = peers.values().filter(seen).cloned().collect();
        let mut state = peer.state.lock().unwrap();
        set(&mut state);
        state.joined = true;
        drop(state);
        let published = others
            .iter()
            .flat_map(|other| {
                let state = other.state.lock().unwrap();
                state.producers.values().map(|p| (Arc::clone(other), p.clone())).collect::<Vec<_>>()
            })
            .collect();
        Joined { others, published }
    }

    /// Tells everyone else who has joined.
    pub(crate) fn tell_others(&self, about: &str, event: &Event) {
        for peer in self.joined().iter().filter(|peer| peer.id != about) {
            self.tell(peer, event);
        }
    }

    pub(crate) fn tell(&self, peer: &Peer, event: &Event) {
        if let Some(outbox) = &peer.outbox {
            let said = if peer.recorder { bridge::render(event) } else { event.render(self.shared.dialect) };
            for (method, data) in said {
                outbox.notify(method, data);
            }
        }
    }

    /// Takes note of a producer and gives a consumer of it to everyone else who has joined.
    pub(crate) async fn published(self: &Arc<Room>, peer: &Arc<Peer>, producer: Producer, app_data: Value) {
        let published = Published { producer: producer.clone(), app_data };
        let others: Vec<Arc<Peer>> = {
            // Under the lock that `join` takes, so that a joining peer gets the producer exactly once.
            let peers = self.peers.lock().unwrap();
            peer.state.lock().unwrap().producers.insert(producer.id(), published.clone());
            peers.values().filter(|other| other.id != peer.id && other.joined()).cloned().collect()
        };
        for other in others {
            self.consume(other, Arc::clone(peer), published.clone());
        }
        if producer.kind() == MediaKind::Audio {
            self.levels.add(&producer).await;
        }
    }

    /// Closes one producer; its consumers close with it.
    pub(crate) fn unpublish(&self, peer: &Peer, id: ProducerId) -> Result<()> {
        self.levels.remove(id);
        let removed = peer.state.lock().unwrap().producers.remove(&id);
        removed.map(drop).with_context(|| format!("producer with id \"{id}\" not found"))
    }

    /// Puts a participant out, with all that is its own.
    pub(crate) fn leave(&self, peer: &Arc<Peer>) {
        {
            let mut peers = self.peers.lock().unwrap();
            if !peers.get(&peer.id).is_some_and(|present| Arc::ptr_eq(present, peer)) {
                return;
            }
            peers.remove(&peer.id);
        }
        if let Some(outbox) = &peer.outbox {
            outbox.close();
        }
        let seen = peer.seen();
        let (joined, made) = {
            let mut state = peer.state.lock().unwrap();
            let made = (
                std::mem::take(&mut state.producers),
                std::mem::take(&mut state.consumers),
                std::mem::take(&mut state.transports),
            );
            (std::mem::take(&mut state.joined), made)
        };
        made.0.keys().for_each(|producer| self.levels.remove(*producer));
        drop(made); // mediasoup closes what has no owner
        if joined && seen {
            tracing::info!(room = self.id, peer = peer.id, "left");
            self.tell_others(&peer.id, &Event::PeerClosed { peer_id: peer.id.clone() });
        }
    }
}

/// Does what the callbacks asked for, until the room is gone.
async fn relay(room: Weak<Room>, mut noticed: mpsc::UnboundedReceiver<Notice>) {
    while let Some((to, event)) = noticed.recv().await {
        let Some(room) = room.upgrade() else { return };
        let Some(to) = to else {
            room.tell_others("", &event);
            continue;
        };
        let Some(peer) = to.upgrade() else { continue };
        if let Event::ConsumerClosed { id } = &event {
            let removed = peer.state.lock().unwrap().consumers.remove(id);
            drop(removed);
        }
        room.tell(&peer, &event);
    }
}

/// A stream as it goes to one of those who consume it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumed {
    /// Who consumes it.
    pub by: String,
    /// mediasoup's name of the producer, which is in its publisher's ledger.
    pub producer_id: String,
    /// Sound or picture.
    pub kind: MediaKind,
    /// SSRC as the consumer gets it.
    pub ssrc: u32,
    /// SSRC of its retransmissions; sound is sent again on its own.
    pub rtx_ssrc: Option<u32>,
}

impl Consumed {
    fn of(by: &str, consumer: &Consumer) -> Option<Consumed> {
        let encoding = consumer.rtp_parameters().encodings.first()?;
        Some(Consumed {
            by: by.to_owned(),
            producer_id: consumer.producer_id().to_string(),
            kind: consumer.kind(),
            ssrc: encoding.ssrc?,
            rtx_ssrc: encoding.rtx.as_ref().map(|rtx| rtx.ssrc),
        })
    }
}

/// Whom a newly joined participant finds.
pub(crate) struct Joined {
    pub(crate) others: Vec<Arc<Peer>>,
    pub(crate) published: Vec<(Arc<Peer>, Published)>,
}

/// mediasoup's note on a producer: the participant it belongs to.
pub(crate) struct Owner(pub(crate) String);
