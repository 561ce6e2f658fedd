//! How a recording gets into its room: the source, the driver for it, and the order of joining.

use super::supervisor::Error;
use crate::id::RecordingId;
use crate::peer::{self, Peer};
use crate::session::{self, Layers};
use crate::sfu::bridge::{self, Lobby};
use crate::sfu::{self, Room, protoo};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::sync::mpsc;

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
            Self::Bridge { .. } => "bridge",
        }
    }

    /// The address of its signalling.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        match self {
            Self::Protoo { url, .. } => Some(url),
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
        let mut room = self.connect().await?;
        let router = room.enter().await.map_err(from_sfu)?;
        let transport = room.create_transport().await.map_err(from_sfu)?;
        let transport_id = transport.id.clone();
        let (peer, events) = Peer::open(self.peer.clone(), &router, transport).await?;
        let peers = match room.join(&session::capabilities(&router)).await {
            Ok(peers) => peers,
            Err(error) => {
                peer.close().await;
                return Err(from_sfu(error));
            }
        };
        Ok(Joined { room, peer, events, transport_id, peers })
    }

    async fn connect(&self) -> Result<Box<dyn Room>, Error> {
        let url = self.source.url().unwrap_or_default();
        let source = |origin: &Option<String>, display_name: &Option<String>| {
            Ok::<_, Error>(sfu::Source {
                url: url.parse().map_err(|error| Error::BadSource(format!("{url}: {error}")))?,
                origin: origin.clone(),
                room_id: self.room_id.clone(),
                // Unique, so that two recorders of one room do not push each other out.
                peer_id: format!("tureen-{}", self.recording),
                display_name: display_name.clone().unwrap_or_else(|| "Recorder".to_owned()),
            })
        };
        match &self.source {
            SourceSpec::Protoo { .. } if self.layers == Layers::All => {
                Err(Error::LayersUnsupported("protoo"))
            }
            SourceSpec::Protoo { origin, display_name, .. } => {
                let room = protoo::connect(&source(origin, display_name)?).await;
                Ok(Box::new(room.map_err(from_sfu)?))
            }
            SourceSpec::Bridge { url: None } => {
                let name = format!("tureen-{}", self.recording);
                let room = self.lobby.enter(&self.room_id, &name, self.layers, PATIENCE).await;
                Ok(Box::new(room.map_err(from_sfu)?))
            }
            SourceSpec::Bridge { .. } => {
                let room = bridge::connect(&source(&None, &None)?, self.layers).await;
                Ok(Box::new(room.map_err(from_sfu)?))
            }
        }
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
