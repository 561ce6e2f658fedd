//! How a recording gets into its room: the source, the driver for it, and the order of joining.

use super::error::Error;
use crate::id::RecordingId;
use crate::peer::{self, Peer};
use crate::reach::Reach;
use crate::session::{self, Layers};
use crate::sfu::bridge::{self, Lobby};
use crate::sfu::{self, Room, http, protoo};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::time::Duration;
use tokio::sync::mpsc;
use url::Url;

/// How long a start waits for the application that is to attach the room.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where to attach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "lowercase")]
pub enum SourceSpec {
    /// The signalling of mediasoup-demo and its descendants.
    Protoo {
        /// `ws:` or `wss:`; `roomId` and `peerId` are filled in when they are absent.
        url: String,
        /// The HTTP `Origin` to send.
        #[serde(default)]
        origin: Option<String>,
        /// The name other participants see.
        #[serde(default)]
        display_name: Option<String>,
        /// Members that `join` has besides ours: [`protoo::check_join`].
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        join: Map<String, Value>,
    },
    /// An SFU service with a REST API.
    Http {
        /// `http:` or `https:`, below which its routes lie.
        url: String,
        /// The name other participants see.
        #[serde(default)]
        display_name: Option<String>,
    },
    /// An application that speaks the bridge's protocol.
    Bridge {
        /// Where it serves it, `ws:` or `wss:`. Without, it comes to us.
        #[serde(default)]
        url: Option<String>,
    },
}

impl SourceSpec {
    /// Its name in the API.
    #[must_use]
    pub fn mode(&self) -> &'static str {
        match self {
            Self::Protoo { .. } => "protoo",
            Self::Http { .. } => "http",
            Self::Bridge { .. } => "bridge",
        }
    }

    /// The address of its signalling.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        match self {
            Self::Protoo { url, .. } | Self::Http { url, .. } => Some(url),
            Self::Bridge { url } => url.as_deref(),
        }
    }
}

/// A room that was joined, and the receiver of its media.
pub(super) struct Joined {
    pub(super) room: Box<dyn Room>,
    pub(super) peer: Peer,
    pub(super) events: mpsc::Receiver<peer::Event>,
    pub(super) transport_id: String,
    pub(super) peers: Vec<sfu::PeerInfo>,
}

/// Where a recording attaches, each time anew: at its start, when the room is lost, when the recorder starts again.
#[derive(Clone, Debug)]
pub(super) struct Way {
    pub(super) recording: RecordingId,
    pub(super) room_id: String,
    pub(super) source: SourceSpec,
    pub(super) layers: Layers,
    pub(super) peer: peer::Config,
    pub(super) lobby: Lobby,
}

impl Way {
    /// Joins the room.
    ///
    /// # Errors
    /// Every way in which it can fail; nothing is left behind then.
    pub(super) async fn join(&self) -> Result<Joined, Error> {
        let (mut room, reach) = self.connect().await?;
        let router = room.enter().await.map_err(from_sfu)?;
        let transport = room.create_transport().await.map_err(from_sfu)?;
        let transport_id = transport.id.clone();
        let config = peer::Config { reach, ..self.peer.clone() };
        let (peer, events) = Peer::open(config, &router, transport).await?;
        let peers = match room.join(&session::capabilities(&router)).await {
            Ok(peers) => peers,
            Err(error) => {
                peer.close().await;
                return Err(from_sfu(error));
            }
        };
        Ok(Joined { room, peer, events, transport_id, peers })
    }

    /// The recorder's name in the room.
    fn name(&self) -> String {
        sfu::recorder_name(self.recording)
    }

    /// The room, and where its media may be.
    async fn connect(&self) -> Result<(Box<dyn Room>, Reach), Error> {
        let mode = self.source.mode();
        if self.layers == Layers::All && mode != "bridge" {
            return Err(Error::LayersUnsupported(mode));
        }
        let Some(url) = self.source.url() else { return self.visit().await };
        let url = Url::parse(url).map_err(|error| Error::BadSource(format!("{url}: {error}")))?;
        // Each time anew: a name may have moved.
        let site = self.peer.reach.resolve(&url).await?;
        let reach = site.surroundings();
        let source = |display_name: &Option<String>| sfu::Source {
            url,
            site,
            origin: None,
            room_id: self.room_id.clone(),
            // Unique, so that two recorders of one room do not push each other out.
            peer_id: self.name(),
            display_name: display_name.clone().unwrap_or_else(|| "Recorder".to_owned()),
            join: Map::new(),
        };
        let room: Box<dyn Room> = match &self.source {
            SourceSpec::Protoo { origin, display_name, join, .. } => {
                let (origin, join) = (origin.clone(), join.clone());
                let source = sfu::Source { origin, join, ..source(display_name) };
                Box::new(protoo::connect(&source).await.map_err(from_sfu)?)
            }
            SourceSpec::Http { display_name, .. } => {
                Box::new(http::connect(&source(display_name)).map_err(from_sfu)?)
            }
            SourceSpec::Bridge { .. } => {
                Box::new(bridge::connect(&source(&None), self.layers).await.map_err(from_sfu)?)
            }
        };
        Ok((room, reach))
    }

    /// The room that an application has attached. It says where its media is, which may be around where it came from.
    async fn visit(&self) -> Result<(Box<dyn Room>, Reach), Error> {
        let room = self.lobby.enter(&self.room_id, &self.name(), self.layers, PATIENCE).await;
        let (room, from) = room.map_err(from_sfu)?;
        let reach = from.map_or_else(|| self.peer.reach.clone(), |from| self.peer.reach.around(&[from]));
        Ok((Box::new(room), reach))
    }
}

fn from_sfu(error: sfu::Error) -> Error {
    match &error {
        sfu::Error::Url(_) => Error::BadSource(error.to_string()),
        sfu::Error::Layers => Error::LayersUnsupported("this application"),
        sfu::Error::NotAttached => Error::NotAttached,
        sfu::Error::Refused { .. } => Error::SfuRefused(error.to_string()),
        _ => Error::SfuUnreachable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    #[tokio::test]
    async fn an_sfu_whose_name_has_moved_is_looked_for_where_it_is() {
        let first = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = first.local_addr().unwrap().port();
        let second = TcpListener::bind(("127.0.0.2", port)).await.unwrap();
        let reach = Reach::anywhere();
        let way = Way {
            recording: RecordingId::new(),
            room_id: "r".to_owned(),
            source: SourceSpec::Http { url: format!("http://sfu.test:{port}/"), display_name: None },
            layers: Layers::Max,
            peer: peer::Config { reach: reach.clone(), ..peer::Config::default() },
            lobby: Lobby::default(),
        };
        for (ip, listener) in [([127, 0, 0, 1], &first), ([127, 0, 0, 2], &second)] {
            reach.name_is_at("sfu.test", ip);
            // It is found, and hangs up.
            let hung_up = async { drop(listener.accept().await.unwrap()) };
            let (joined, found) = tokio::join!(way.join(), timeout(PATIENCE, hung_up));
            assert!(joined.is_err() && found.is_ok(), "{ip:?}");
        }
    }
}
