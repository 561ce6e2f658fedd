//! How a recording gets into its room: the source, the driver for it, and the order of joining.

use super::supervisor::{Error, StartRequest};
use crate::id::RecordingId;
use crate::peer::{self, Peer};
use crate::reach::Site;
use crate::session::{self, Layers};
use crate::sfu::{self, Room, bridge, http, protoo};
use tokio::sync::mpsc;
use url::Url;

/// Where to attach.
#[derive(Clone, Debug)]
pub enum SourceSpec {
    /// The signalling of mediasoup-demo and its descendants.
    Protoo {
        /// `ws:` or `wss:`; `roomId` and `peerId` are filled in when they are absent.
        url: String,
        /// The HTTP `Origin` to send.
        origin: Option<String>,
        /// The name other participants see.
        display_name: Option<String>,
    },
    /// An SFU service with a REST API.
    Http {
        /// `http:` or `https:`, below which its routes lie.
        url: String,
        /// The name other participants see.
        display_name: Option<String>,
    },
    /// An application that serves the bridge's protocol.
    Bridge {
        /// `ws:` or `wss:`.
        url: String,
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
    pub fn url(&self) -> &str {
        match self {
            Self::Protoo { url, .. } | Self::Http { url, .. } | Self::Bridge { url } => url,
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

/// Joins the room of a request.
///
/// # Errors
/// Every way in which it can fail; nothing is left behind then.
pub(super) async fn join(
    id: RecordingId,
    request: &StartRequest,
    config: &peer::Config,
) -> Result<Joined, Error> {
    let url = request.source.url();
    let url = url.parse().map_err(|error| Error::BadSource(format!("{url}: {error}")))?;
    let site = config.reach.resolve(&url).await?;
    let config = peer::Config { reach: site.surroundings(), ..config.clone() };
    let mut room = connect(id, request, url, site).await?;
    let router = room.enter().await.map_err(from_sfu)?;
    let transport = room.create_transport().await.map_err(from_sfu)?;
    let transport_id = transport.id.clone();
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

async fn connect(
    id: RecordingId,
    request: &StartRequest,
    url: Url,
    site: Site,
) -> Result<Box<dyn Room>, Error> {
    let source = |origin: &Option<String>, display_name: &Option<String>| sfu::Source {
        url,
        site,
        origin: origin.clone(),
        room_id: request.room_id.clone(),
        // Unique, so that two recorders of one room do not push each other out.
        peer_id: format!("tureen-{id}"),
        display_name: display_name.clone().unwrap_or_else(|| "Recorder".to_owned()),
    };
    match &request.source {
        SourceSpec::Protoo { .. } if request.layers == Layers::All => Err(Error::LayersUnsupported("protoo")),
        SourceSpec::Protoo { origin, display_name, .. } => {
            let room = protoo::connect(&source(origin, display_name)).await;
            Ok(Box::new(room.map_err(from_sfu)?))
        }
        SourceSpec::Http { .. } if request.layers == Layers::All => Err(Error::LayersUnsupported("http")),
        SourceSpec::Http { display_name, .. } => {
            let room = http::connect(&source(&None, display_name));
            Ok(Box::new(room.map_err(from_sfu)?))
        }
        SourceSpec::Bridge { .. } => {
            let room = bridge::connect(&source(&None, &None), request.layers).await;
            Ok(Box::new(room.map_err(from_sfu)?))
        }
    }
}

fn from_sfu(error: sfu::Error) -> Error {
    match &error {
        sfu::Error::Url(_) => Error::BadSource(error.to_string()),
        sfu::Error::Layers => Error::LayersUnsupported("this application"),
        sfu::Error::Refused { .. } => Error::SfuRefused(error.to_string()),
        _ => Error::SfuUnreachable(error.to_string()),
    }
}
