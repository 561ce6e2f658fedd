//! A participant of a room, be it at the other end of a WebSocket or a fixture.

use crate::protoo::Outbox;
use mediasoup::prelude::*;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Mutex;

/// A participant. Its identity is fixed; what it has made is behind a lock.
pub(crate) struct Peer {
    pub(crate) id: String,
    pub(crate) remote_address: SocketAddr,
    /// None: a fixture, which hears nothing.
    pub(crate) outbox: Option<Outbox>,
    /// A recorder at the bridge: others do not see it.
    pub(crate) recorder: bool,
    pub(crate) state: Mutex<State>,
}

/// What a participant has told and made so far.
pub(crate) struct State {
    pub(crate) display_name: String,
    pub(crate) device: Value,
    pub(crate) joined: bool,
    /// It asked that others do not see it.
    pub(crate) hidden: bool,
    /// A consumer for each spatial layer of a simulcast.
    pub(crate) all_layers: bool,
    pub(crate) capabilities: Option<RtpCapabilities>,
    pub(crate) transports: HashMap<TransportId, PeerTransport>,
    pub(crate) producers: HashMap<ProducerId, Published>,
    pub(crate) consumers: HashMap<ConsumerId, Consumer>,
}

/// A WebRTC transport and whether the participant receives on it.
#[derive(Clone)]
pub(crate) struct PeerTransport {
    pub(crate) transport: WebRtcTransport,
    pub(crate) consuming: bool,
}

/// A producer with the application's data about it.
#[derive(Clone)]
pub(crate) struct Published {
    pub(crate) producer: Producer,
    pub(crate) app_data: Value,
}

impl Peer {
    pub(crate) fn new(id: &str, remote_address: SocketAddr, outbox: Option<Outbox>) -> Peer {
        let state = State {
            display_name: String::new(),
            device: json!({}),
            joined: false,
            hidden: false,
            all_layers: false,
            capabilities: None,
            transports: HashMap::new(),
            producers: HashMap::new(),
            consumers: HashMap::new(),
        };
        Peer { id: id.to_owned(), remote_address, outbox, recorder: false, state: Mutex::new(state) }
    }

    /// A recorder at the bridge.
    pub(crate) fn recorder(id: &str, remote_address: SocketAddr, outbox: Outbox) -> Peer {
        Peer { recorder: true, ..Peer::new(id, remote_address, Some(outbox)) }
    }

    /// What others learn of it.
    pub(crate) fn info(&self) -> Info {
        let state = self.state.lock().unwrap();
        Info {
            id: self.id.clone(),
            display_name: state.display_name.clone(),
            device: state.device.clone(),
            remote_address: self.remote_address,
        }
    }

    pub(crate) fn joined(&self) -> bool {
        self.state.lock().unwrap().joined
    }

    /// Others see it.
    pub(crate) fn seen(&self) -> bool {
        !self.recorder && !self.state.lock().unwrap().hidden
    }
}

/// A participant as others see it.
#[derive(Debug, Clone)]
pub(crate) struct Info {
    pub(crate) id: String,
    pub(crate) display_name: String,
    pub(crate) device: Value,
    pub(crate) remote_address: SocketAddr,
}
