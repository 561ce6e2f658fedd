//! HTTP routes by which a test, or anybody with curl, steers the SFU. Bodies and answers are JSON.
//!
//! | route | does |
//! |---|---|
//! | `GET /control/rooms` | names of the rooms and who has joined |
//! | `GET /control/room/{room}/stats` | what mediasoup counts of every producer and consumer |
//! | `POST /control/publish` | brings in a participant with fixtures, see [`Request`] |
//! | `GET /control/ledger/{peer}?room=` | what it sent |
//! | `POST /control/pause`, `resume` | mutes and unmutes it |
//! | `POST /control/close-video`, `open-video` | camera off, and on with `video` |
//! | `POST /control/layer-off`, `layer-on` | stops and starts a `layer` of a simulcast |
//! | `POST /control/leave` | takes it out again and answers with its ledgers |
//! | `POST /control/kick` | ends any participant's session with close code 4000 |
//! | `POST /control/plain-consume` | a participant as plain RTP to `audio` and `video` ports; answers `{id, sdp}` |
//! | `POST /control/plain-resume`, `plain-close` | begins, ends that, by `id` |

use crate::fixture::Fixture;
use crate::forward::{PlainFeed, Ports};
use crate::publish::{KeyFrames, Publish, Publisher};
use crate::room::Room;
use crate::rtp::Vp9Mode;
use crate::sfu::Rooms;
use anyhow::{Context, anyhow};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path as FilePath;
use std::sync::Arc;
use tokio::sync::Mutex;
use tower_http::services::ServeDir;

/// What the routes act on.
pub(crate) struct Stage {
    rooms: Arc<Rooms>,
    publishers: Mutex<HashMap<(String, String), Arc<Publisher>>>,
    feeds: Mutex<HashMap<String, PlainFeed>>,
}

impl Stage {
    pub(crate) fn new(rooms: Arc<Rooms>) -> Stage {
        Stage { rooms, publishers: Mutex::default(), feeds: Mutex::default() }
    }

    /// Brings in a participant that stays until it is told to leave or the SFU ends.
    pub(crate) async fn publish(&self, room: &str, publish: Publish) -> anyhow::Result<Arc<Publisher>> {
        let publisher = Arc::new(self.rooms.get(room).await?.publish(publish).await?);
        let key = (room.to_owned(), publisher.peer_id().to_owned());
        self.publishers.lock().await.insert(key, Arc::clone(&publisher));
        Ok(publisher)
    }

    pub(crate) async fn clear(&self) {
        self.publishers.lock().await.clear();
        self.feeds.lock().await.clear();
    }

    async fn publisher(&self, room: &str, peer: &str) -> anyhow::Result<Arc<Publisher>> {
        let key = (room.to_owned(), peer.to_owned());
        let found = self.publishers.lock().await.get(&key).cloned();
        found.with_context(|| format!("no fixture participant {peer:?} in room {room:?}"))
    }

    async fn room(&self, id: &str) -> anyhow::Result<Arc<Room>> {
        self.rooms.known(id).await.with_context(|| format!("no room {id:?}"))
    }
}

/// Routes for control and for the publishing page.
pub(crate) fn routes(stage: Arc<Stage>) -> Router {
    let page = ServeDir::new(FilePath::new(env!("CARGO_MANIFEST_DIR")).join("browser/dist"));
    Router::new()
        .route("/control/rooms", get(rooms))
        .route("/control/room/{room}/stats", get(stats))
        .route("/control/publish", post(publish))
        .route("/control/ledger/{peer}", get(ledger))
        .route("/control/{action}", post(act))
        .with_state(stage)
        .nest_service("/publish", page)
}

/// The body of every POST; a route reads what it needs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Request {
    /// `demo` if not given.
    room: String,
    peer_id: String,
    display_name: Option<String>,
    /// File of `fixtures/`, several for a simulcast with the smallest layer first, or ports of plain RTP.
    video: Value,
    /// File of `fixtures/`, or ports of plain RTP.
    audio: Value,
    start_at_frame: u32,
    key_frames: KeyFrames,
    vp9: Vp9Mode,
    first_timestamp: Option<u32>,
    first_sequence: Option<u16>,
    /// Of a simulcast, from 0 for the smallest.
    layer: u8,
    /// Of a plain feed.
    id: String,
}

impl Default for Request {
    fn default() -> Request {
        Request {
            room: default_room(),
            peer_id: String::new(),
            display_name: None,
            video: Value::Null,
            audio: Value::Null,
            start_at_frame: 0,
            key_frames: KeyFrames::All,
            vp9: Vp9Mode::Fixed,
            first_timestamp: None,
            first_sequence: None,
            layer: 0,
            id: String::new(),
        }
    }
}

fn default_room() -> String {
    "demo".to_owned()
}

/// Why a route did not do it. All are the caller's fault or that of the moment: 409 with a text.
struct Failure(anyhow::Error);

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (StatusCode::CONFLICT, Json(json!({"error": format!("{:#}", self.0)}))).into_response()
    }
}

type Answer = Result<Json<Value>, Failure>;

async fn rooms(State(stage): State<Arc<Stage>>) -> Answer {
    let mut out = serde_json::Map::new();
    for id in stage.rooms.ids().await {
        let peers = stage.room(&id).await?.peer_ids();
        out.insert(id, json!(peers));
    }
    Ok(Json(Value::Object(out)))
}

async fn stats(State(stage): State<Arc<Stage>>, Path(room): Path<String>) -> Answer {
    Ok(Json(stage.room(&room).await?.stats().await))
}

async fn publish(State(stage): State<Arc<Stage>>, Json(request): Json<Request>) -> Answer {
    let publish = Publish {
        display_name: request.display_name.unwrap_or_else(|| request.peer_id.clone()),
        peer_id: request.peer_id,
        video: fixture(&request.video)?,
        simulcast: request
            .video
            .as_array()
            .into_iter()
            .flatten()
            .map(named)
            .collect::<anyhow::Result<_>>()?,
        audio: fixture(&request.audio)?,
        start_at_frame: request.start_at_frame,
        key_frames: request.key_frames,
        vp9: request.vp9,
        first_timestamp: request.first_timestamp,
        first_sequence: request.first_sequence,
        ..Publish::default()
    };
    let publisher = stage.publish(&request.room, publish).await?;
    Ok(Json(json!({"peerId": publisher.peer_id(), "beganAt": publisher.began_at()})))
}

fn named(name: &Value) -> anyhow::Result<Fixture> {
    fixture(name)?.context("a layer is named by its file")
}

fn fixture(name: &Value) -> anyhow::Result<Option<Fixture>> {
    name.as_str().map(Fixture::named).transpose()
}

#[derive(Deserialize)]
struct Where {
    #[serde(default = "default_room")]
    room: String,
}

async fn ledger(
    State(stage): State<Arc<Stage>>,
    Path(peer): Path<String>,
    Query(Where { room }): Query<Where>,
) -> Answer {
    let publisher = stage.publisher(&room, &peer).await?;
    let requests = publisher.keyframe_requests().await;
    Ok(Json(json!({"peerId": peer, "keyframeRequests": requests, "streams": publisher.ledgers().await})))
}

async fn act(
    State(stage): State<Arc<Stage>>,
    Path(action): Path<String>,
    Json(request): Json<Request>,
) -> Answer {
    let Request { room, peer_id, layer, id, .. } = &request;
    let done = json!({});
    Ok(Json(match action.as_str() {
        "pause" => stage.publisher(room, peer_id).await?.pause().await.map(|()| done)?,
        "resume" => stage.publisher(room, peer_id).await?.resume().await.map(|()| done)?,
        "close-video" => stage.publisher(room, peer_id).await?.close_video().await.map(|()| done)?,
        "open-video" => {
            let video = fixture(&request.video)?.context("open-video needs video")?;
            stage.publisher(room, peer_id).await?.open_video(video).await.map(|()| done)?
        }
        "layer-off" => stage.publisher(room, peer_id).await?.layer_off(*layer).await.map(|()| done)?,
        "layer-on" => stage.publisher(room, peer_id).await?.layer_on(*layer).await.map(|()| done)?,
        "leave" => {
            let publisher = stage.publisher(room, peer_id).await?;
            stage.publishers.lock().await.remove(&(room.clone(), peer_id.clone()));
            json!({"peerId": peer_id, "streams": publisher.leave().await})
        }
        "kick" => {
            let kicked = stage.room(room).await?.kick(peer_id);
            stage.publishers.lock().await.remove(&(room.clone(), peer_id.clone()));
            json!({"kicked": kicked})
        }
        "plain-consume" => {
            let ports = |value: &Value| serde_json::from_value::<Option<Ports>>(value.clone());
            let (audio, video) = (ports(&request.audio)?, ports(&request.video)?);
            let feed = stage.room(room).await?.plain_feed(peer_id, audio, video).await?;
            let id = uuid::Uuid::new_v4().to_string();
            let answer = json!({"id": id, "sdp": feed.sdp()});
            stage.feeds.lock().await.insert(id, feed);
            answer
        }
        "plain-resume" => {
            let feeds = stage.feeds.lock().await;
            feeds.get(id).context("no plain feed of this id")?.resume().await.map(|()| done)?
        }
        "plain-close" => {
            stage.feeds.lock().await.remove(id).map(|_| done).context("no plain feed of this id")?
        }
        other => return Err(anyhow!("no action {other:?}").into()),
    }))
}
