//! The SFU as a whole: one mediasoup worker, one UDP port for media, one TCP port for signalling, pages
//! and control.

use crate::bridge;
use crate::control::{self, Stage};
use crate::http::{self, Resuming};
use crate::protoo::{self, Dialect};
use crate::publish::{Publish, Publisher};
use crate::relay::Relay;
use crate::room::{Room, Shared};
use anyhow::{Context, Result};
use axum::Router as Routes;
use axum::routing::get;
use mediasoup::prelude::*;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, Semaphore, oneshot};
use tokio::task::JoinHandle;

/// How an SFU is to be.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which signalling it speaks.
    pub dialect: Dialect,
    /// TCP port of signalling on 127.0.0.1; any free one if not given.
    pub port: Option<u16>,
    /// Address of this machine that media comes from.
    pub media: Ipv4Addr,
    /// Refuse rooms that were not made by [`Sfu::room`], with HTTP 404; else they are made on the way.
    pub strict_rooms: bool,
    /// How long a participant of the TypeScript dialect may take to join before it is closed.
    pub join_limit: Duration,
    /// Seconds without a STUN binding request after which mediasoup gives a transport up; 0 is never.
    pub consent_timeout: u8,
    /// How consumers begin that are asked for by HTTP.
    pub resuming: Resuming,
    /// A bad network before everyone who consumes by WebRTC.
    pub relay: Option<Relay>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            dialect: Dialect::Old,
            port: None,
            media: Ipv4Addr::LOCALHOST,
            strict_rooms: false,
            join_limit: Duration::from_secs(10),
            consent_timeout: 20,
            resuming: Resuming::ByRoute,
            relay: None,
        }
    }
}

/// A running SFU.
pub struct Sfu {
    rooms: Arc<Rooms>,
    stage: Arc<Stage>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
}

/// Its rooms by name.
pub(crate) struct Rooms {
    pub(crate) options: Options,
    shared: Shared,
    rooms: Mutex<HashMap<String, Arc<Room>>>,
    /// One permit for each open WebSocket.
    pub(crate) sessions: Arc<Semaphore>,
}

/// Most WebSockets at once.
const SESSIONS: u32 = 1000;

impl Rooms {
    pub(crate) async fn get(&self, id: &str) -> Result<Arc<Room>> {
        let mut rooms = self.rooms.lock().await;
        if let Some(room) = rooms.get(id) {
            return Ok(Arc::clone(room));
        }
        let room = Room::create(id, self.shared.clone()).await?;
        rooms.insert(id.to_owned(), Arc::clone(&room));
        Ok(room)
    }

    pub(crate) async fn known(&self, id: &str) -> Option<Arc<Room>> {
        self.rooms.lock().await.get(id).cloned()
    }

    /// The room that a participant asks for; None if it may not be made for it.
    pub(crate) async fn for_peer(&self, id: &str) -> Result<Option<Arc<Room>>> {
        if self.options.strict_rooms { Ok(self.known(id).await) } else { self.get(id).await.map(Some) }
    }

    pub(crate) async fn ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.rooms.lock().await.keys().cloned().collect();
        ids.sort();
        ids
    }
}

impl Sfu {
    /// Starts the worker and listens.
    pub async fn start(options: Options) -> Result<Sfu> {
        let worker = WorkerManager::new().create_worker(WorkerSettings::default()).await?;
        let media = ListenInfo { ip: options.media.into(), ..listen(None) };
        let listen_infos = WebRtcServerListenInfos::new(media);
        let webrtc_server = worker.create_webrtc_server(WebRtcServerOptions::new(listen_infos)).await?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port.unwrap_or(0))).await;
        let listener = listener.context("listening for signalling")?;
        let address = listener.local_addr()?;
        let shared = Shared {
            worker,
            webrtc_server,
            dialect: options.dialect,
            consent_timeout: options.consent_timeout,
            join_limit: options.join_limit,
            relay: options.relay.clone(),
        };
        let rooms = Arc::new(Rooms {
            options,
            shared,
            rooms: Mutex::default(),
            sessions: Arc::new(Semaphore::new(SESSIONS as usize)),
        });
        let stage = Arc::new(Stage::new(Arc::clone(&rooms)));
        let routes = Routes::new()
            .route("/", get(protoo::upgrade))
            .route("/bridge", get(bridge::upgrade))
            .merge(http::routes())
            .with_state(Arc::clone(&rooms))
            .merge(control::routes(Arc::clone(&stage)))
            .into_make_service_with_connect_info::<SocketAddr>();
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(async move {
            tokio::select! {
                result = axum::serve(listener, routes) => if let Err(error) = result {
                    tracing::error!(%error, "the server ended");
                },
                _ = stopped => {}
            }
        });
        Ok(Sfu { rooms, stage, address, stop: Some(stop), server })
    }

    /// WebSocket URL of a room, to which a participant adds `&peerId=`.
    pub fn url(&self, room: &str) -> String {
        format!("ws://{}/?roomId={room}", self.address)
    }

    /// WebSocket URL of a room's bridge, for a recorder.
    pub fn bridge_url(&self, room: &str) -> String {
        format!("ws://{}/bridge?roomId={room}", self.address)
    }

    /// Where pages and control routes are.
    pub fn http_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A room, made if it is not there yet.
    pub async fn room(&self, id: &str) -> Result<Arc<Room>> {
        self.rooms.get(id).await
    }

    /// Brings in a participant whom the control routes can steer, and who stays as long as the SFU runs.
    pub async fn publish(&self, room: &str, publish: Publish) -> Result<Arc<Publisher>> {
        self.stage.publish(room, publish).await
    }

    /// Closes a room: whoever is in it is put out, and nobody finds it any more.
    pub async fn close_room(&self, id: &str) {
        let room = self.rooms.rooms.lock().await.remove(id);
        if let Some(room) = room {
            room.close();
        }
    }

    /// Names of all rooms.
    pub async fn room_ids(&self) -> Vec<String> {
        self.rooms.ids().await
    }

    /// Ends as a server does that is killed: connections break without a word.
    pub async fn crash(self) {
        for room in self.rooms.rooms.lock().await.values() {
            room.cut();
        }
        self.stop().await;
    }

    /// Closes all rooms with code 4000, as a server that is shut down in order, and stops listening.
    pub async fn stop(mut self) {
        let rooms: Vec<Arc<Room>> = self.rooms.rooms.lock().await.drain().map(|(_, room)| room).collect();
        self.stage.clear().await;
        for room in &rooms {
            room.close();
        }
        // Every session has said goodbye when all permits are back.
        let ended = self.rooms.sessions.acquire_many(SESSIONS);
        if tokio::time::timeout(Duration::from_secs(3), ended).await.is_err() {
            tracing::warn!("a session did not end in time");
        }
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        let _ = (&mut self.server).await;
    }
}

impl Drop for Sfu {
    /// Without [`Sfu::stop`]: as if the process had been killed, nobody is told.
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A UDP port on 127.0.0.1.
pub(crate) fn listen(port: Option<u16>) -> ListenInfo {
    ListenInfo {
        protocol: Protocol::Udp,
        ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
        announced_address: None,
        expose_internal_ip: false,
        port,
        port_range: None,
        flags: None,
        send_buffer_size: None,
        recv_buffer_size: None,
    }
}
