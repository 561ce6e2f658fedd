//! The two dialects: the older JavaScript demo and its TypeScript rewrite say the same things in
//! different shapes. All shapes of what the server says on its own are here.

use crate::room::peer::Info;
use mediasoup::consumer::ConsumerScore;
use mediasoup::prelude::*;
use mediasoup::producer::ProducerScore;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Which mediasoup-demo the server speaks like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// The JavaScript demo and what descends from it.
    #[default]
    Old,
    /// The TypeScript rewrite.
    Ts,
}

impl std::str::FromStr for Dialect {
    type Err = String;

    fn from_str(text: &str) -> Result<Dialect, String> {
        match text {
            "old" => Ok(Dialect::Old),
            "ts" => Ok(Dialect::Ts),
            other => Err(format!("{other:?} is neither old nor ts")),
        }
    }
}

const VERSION: &str = "3.24.1";

/// What the server tells without being asked.
pub(crate) enum Event {
    /// First word of a session.
    Hello,
    NewPeer(Info),
    PeerClosed {
        peer_id: String,
    },
    NameChanged {
        peer_id: String,
        name: String,
        old: String,
    },
    ConsumerClosed {
        id: ConsumerId,
    },
    ConsumerPaused {
        id: ConsumerId,
    },
    ConsumerResumed {
        id: ConsumerId,
    },
    ConsumerScore {
        id: ConsumerId,
        score: ConsumerScore,
    },
    ProducerScore {
        id: ProducerId,
        score: Vec<ProducerScore>,
    },
    LayersChanged {
        id: ConsumerId,
        layers: Option<ConsumerLayers>,
    },
    /// Who speaks, loudest first, with the level in dBov; nobody: silence.
    Speaking {
        volumes: Vec<(String, i8)>,
    },
}

impl Event {
    /// The notifications that say it: method and data.
    pub(crate) fn render(&self, dialect: Dialect) -> Vec<(&'static str, Value)> {
        let old = dialect == Dialect::Old;
        vec![match self {
            Event::Hello if old => ("mediasoup-version", json!({"version": VERSION})),
            Event::Hello => ("mediasoupVersion", json!({"version": VERSION})),
            Event::NewPeer(info) if old => ("newPeer", peer(info, dialect)),
            Event::NewPeer(info) => ("newPeer", json!({"peer": peer(info, dialect)})),
            Event::PeerClosed { peer_id } => ("peerClosed", json!({"peerId": peer_id})),
            Event::NameChanged { peer_id, name, old } => (
                "peerDisplayNameChanged",
                json!({"peerId": peer_id, "displayName": name, "oldDisplayName": old}),
            ),
            Event::ConsumerClosed { id } => ("consumerClosed", json!({"consumerId": id})),
            Event::ConsumerPaused { id } => ("consumerPaused", json!({"consumerId": id})),
            Event::ConsumerResumed { id } => ("consumerResumed", json!({"consumerId": id})),
            Event::ConsumerScore { id, score } => {
                ("consumerScore", json!({"consumerId": id, "score": score}))
            }
            Event::ProducerScore { id, score } => {
                ("producerScore", json!({"producerId": id, "score": score}))
            }
            Event::LayersChanged { id, layers } if old => (
                "consumerLayersChanged",
                json!({"consumerId": id, "spatialLayer": layers.map(|l| l.spatial_layer),
                    "temporalLayer": layers.and_then(|l| l.temporal_layer)}),
            ),
            Event::LayersChanged { id, layers } => {
                let mut data = json!({"consumerId": id});
                if let Some(layers) = layers {
                    data["layers"] = json!(layers);
                }
                ("consumerLayersChanged", data)
            }
            Event::Speaking { volumes } if old => match volumes.first() {
                Some((peer_id, volume)) => ("activeSpeaker", json!({"peerId": peer_id, "volume": volume})),
                None => ("activeSpeaker", json!({"peerId": null})),
            },
            Event::Speaking { volumes } => return speaking(volumes),
        }]
    }
}

fn speaking(volumes: &[(String, i8)]) -> Vec<(&'static str, Value)> {
    let active = volumes.first().map_or_else(|| json!({}), |(peer_id, _)| json!({"peerId": peer_id}));
    let volumes: Vec<Value> =
        volumes.iter().map(|(peer_id, volume)| json!({"peerId": peer_id, "volume": volume})).collect();
    vec![("activeSpeaker", active), ("speakingPeers", json!({"peerVolumes": volumes}))]
}

/// A participant as `join` and `newPeer` show it.
pub(crate) fn peer(info: &Info, dialect: Dialect) -> Value {
    let Info { id, display_name, device, remote_address } = info;
    match dialect {
        Dialect::Old => json!({"id": id, "displayName": display_name, "device": device}),
        Dialect::Ts => json!({"peerId": id, "displayName": display_name, "device": device,
            "remoteAddress": remote_address.ip().to_string()}),
    }
}

/// The offer of a consumer, a request that the peer answers when it is ready.
pub(crate) struct NewConsumer {
    pub(crate) peer_id: String,
    pub(crate) transport_id: TransportId,
    pub(crate) consumer: Consumer,
    pub(crate) app_data: Value,
}

impl NewConsumer {
    /// Method and data of the request.
    pub(crate) fn render(&self, dialect: Dialect) -> (&'static str, Value) {
        let NewConsumer { peer_id, transport_id, consumer, app_data } = self;
        let mut data = json!({"peerId": peer_id, "producerId": consumer.producer_id(), "kind": consumer.kind(),
            "rtpParameters": consumer.rtp_parameters(), "type": consumer.r#type(), "appData": app_data,
            "producerPaused": consumer.producer_paused()});
        match dialect {
            Dialect::Old => data["id"] = json!(consumer.id()),
            Dialect::Ts => {
                data["consumerId"] = json!(consumer.id());
                data["transportId"] = json!(transport_id);
                data["consumerScore"] = json!(consumer.score());
                let source = app_data.get("source").cloned().unwrap_or_else(|| json!(consumer.kind()));
                data["appData"] = json!({"peerId": peer_id, "source": source});
            }
        }
        ("newConsumer", data)
    }
}
