//! `POST /api/v1/recordings/start`

use super::App;
use super::audit::Noted;
use super::describe::stamp::Stamp;
use super::describe::words;
use super::error::Problem;
use super::extract::{Bearer, Body};
use super::openapi::params::Repeatable;
use super::openapi::problems::{
    AddressNotAllowed, AlreadyRecording, BadSource, InProgress, KeyReused, LayersUnsupported, NotAttached,
    OfBody, Refused, SfuRefused, SfuUnreachable, TooManyRecordings,
};
use super::webhooks;
use crate::auth::{Action, Subject};
use crate::catalog::Status;
use crate::id::RecordingId;
use crate::media::Kind;
use crate::recorder::rules::{Limits, Rules};
use crate::recorder::{self, SourceSpec, StartRequest};
use crate::session::{self, Layers};
use crate::sfu::protoo;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::time::Duration;
use url::Url;
use utoipa::ToSchema;

const MAX_ROOM_BYTES: usize = 512;
const MAX_TITLE_BYTES: usize = 1024;
const MAX_DESCRIPTION_BYTES: usize = 16 << 10;
const MAX_URL_BYTES: usize = 4096;
/// A week.
const MAX_SECONDS: f64 = 604_800.0;
const MAX_NAMES: usize = 1000;
const MAX_KEY_BYTES: usize = 255;
/// By draft-ietf-httpapi-idempotency-key-header.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// What to record. `bitrate_kbps` and `frame_rate` are taken and without effect: media is stored as it comes; `outputs`
/// and `retention` are refused until they are supported.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct Start {
    /// The room, in mediasoup's or the application's words.
    #[schema(min_length = 1, max_length = 512, pattern = r"\S")]
    room_id: String,
    #[schema(min_length = 1, max_length = 1024, pattern = r"\S")]
    title: String,
    #[serde(default)]
    #[schema(max_length = 16384)]
    description: Option<String>,
    /// `mp4`, `webm` or `hls`: taken for compatibility. What is stored is always CMAF.
    #[serde(default)]
    #[schema(pattern = "^(mp4|webm|hls)$")]
    format: Option<String>,
    /// Required unless the service has one by `MEDIASOUP_URL`.
    #[serde(default)]
    source: Option<Source>,
    /// Of a simulcast: `max`, one track of the highest layer that comes, or `all`, each layer a track.
    #[serde(default)]
    #[schema(pattern = "^(max|all)$")]
    layers: Option<String>,
    /// Only these, by the application's ids of them.
    #[serde(default)]
    #[schema(max_items = 1000)]
    participants: BTreeSet<String>,
    /// Never these, whatever else is said: nothing of them is received.
    #[serde(default)]
    #[schema(max_items = 1000)]
    exclude: BTreeSet<String>,
    /// Only these.
    #[serde(default)]
    #[schema(value_type = Vec<words::MediaKind>)]
    kinds: Vec<String>,
    /// Only these.
    #[serde(default)]
    #[schema(value_type = Vec<words::SourceName>)]
    sources: Vec<String>,
    /// Seconds after which the recording stops by itself.
    #[serde(default)]
    #[schema(exclusive_minimum = 0, maximum = 604_800)]
    max_duration: Option<f64>,
    /// Seconds without any media after which it leaves; never unless it is said.
    #[serde(default)]
    #[schema(exclusive_minimum = 0, maximum = 604_800)]
    idle_timeout: Option<f64>,
    /// Seconds without anybody else in the room after which it leaves; 300 unless it is said, and never by `bridge`.
    #[serde(default)]
    #[schema(exclusive_minimum = 0, maximum = 604_800)]
    alone_timeout: Option<f64>,
    /// Seconds for which a lost room is looked for; 300 unless it is said.
    #[serde(default)]
    #[schema(exclusive_minimum = 0, maximum = 604_800)]
    reconnect_timeout: Option<f64>,
    /// Also beside another recording of this room.
    #[serde(default)]
    allow_parallel: bool,
    /// Given back as it is.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    metadata: Option<Map<String, Value>>,
    /// Who is told what happens.
    #[serde(default)]
    #[schema(max_items = 8)]
    webhooks: Option<Vec<webhooks::Target>>,
    #[serde(flatten)]
    #[schema(ignore)]
    others: Map<String, Value>,
}

/// How the room is entered.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = Source)]
struct Source {
    /// `bridge`: an application that has attached the room, or serves the bridge's protocol at `url`. `protoo`: the
    /// signalling of mediasoup-demo at `url`. `http`: an SFU service at `url`, or the configured one.
    #[schema(pattern = "^(protoo|bridge|http)$")]
    mode: String,
    #[serde(default)]
    #[schema(max_length = 4096)]
    url: Option<String>,
    /// The `Origin` header, for `protoo`.
    #[serde(default)]
    origin: Option<String>,
    /// The recorder's name in the room.
    #[serde(default)]
    display_name: Option<String>,
    /// For `protoo`: members that the `join` request has besides the recorder's own, such as a flag by which the server
    /// hides it. Up to 4096 bytes, without `displayName`, `device` and `rtpCapabilities`.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    join: Option<Map<String, Value>>,
}

/// It runs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Started {
    #[schema(value_type = Uuid)]
    recording_id: RecordingId,
    #[schema(value_type = words::RecordingStatus)]
    status: Status,
    started_at: Stamp,
    room_id: String,
    #[schema(value_type = String)]
    message: &'static str,
}

/// Wishes that we know and do not fulfil yet. Whoever excludes a participant must not find them recorded, so these are
/// refused instead of ignored.
const NOT_YET: [&str; 2] = ["outputs", "retention"];

/// Starts recording a room.
///
/// It goes on when the room is lost or the service starts again. `GET /api/v1/recordings/{id}` tells how far it is.
#[utoipa::path(
    post, path = "/start", operation_id = "startRecording", tag = "Recordings",
    params(Repeatable),
    request_body(content = Start, examples(
        ("bridge" = (summary = "A room that an application has attached", value = json!({
            "room_id": "algebra", "title": "Algebra, lesson 4", "source": {"mode": "bridge"}
        }))),
        ("protoo" = (summary = "A room by the signalling of mediasoup-demo", value = json!({
            "room_id": "algebra", "title": "Algebra, lesson 4",
            "source": {"mode": "protoo", "url": "wss://sfu.example.org:4443/?roomId=algebra&peerId=recorder"}
        }))),
    )),
    responses(
        (status = 201, body = Started, description = "It runs.",
            headers(("Location" = String, description = "The recording."))),
        (status = 200, body = Started, description = "The key's recording, running or not.",
            headers(("Location" = String, description = "The recording."))),
        Refused<(
            OfBody,
            (BadSource, AddressNotAllowed),
            (AlreadyRecording, NotAttached, InProgress),
            (KeyReused, LayersUnsupported),
            (SfuUnreachable, SfuRefused, TooManyRecordings),
        )>,
    ),
)]
pub(super) async fn start(
    State(app): State<App>,
    bearer: Bearer,
    noted: Noted,
    headers: HeaderMap,
    Body(body): Body<Start>,
) -> Result<Response, Problem> {
    bearer.permitted(Action::Start)?;
    let mut request = checked(body, &bearer.subject.user_id, app.mediasoup.as_ref())?;
    webhooks::reachable(&app.reach, &request.webhooks).await?;
    request.idempotency_key = idempotency_key(&headers)?;
    let room_id = request.room_id.clone();
    noted.room(&room_id);
    // In a task of its own, so that a client who goes away leaves no half-joined room behind.
    let recorder = app.recorder.clone();
    let started = tokio::spawn(async move { recorder.start(request).await });
    let started = started.await.map_err(|error| Problem::internal(&error))?;
    let started = match started {
        Ok(started) => started,
        Err(error) => return Err(told(&app, &bearer.subject, error).await),
    };
    noted.recording(started.recording_id, &room_id);
    let location = format!("/api/v1/recordings/{}", started.recording_id);
    let body = Started {
        recording_id: started.recording_id,
        status: Status::Recording,
        started_at: started.started_at.into(),
        room_id,
        message: if started.repeated {
            "the recording had been started"
        } else {
            "the recording has started"
        },
    };
    let status = if started.repeated { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, [(header::LOCATION, location)], Json(body)).into_response())
}

/// Another one's recording of the room is not named to those who may not view it.
async fn told(app: &App, subject: &Subject, error: recorder::Error) -> Problem {
    if let recorder::Error::AlreadyRecording(running) = error
        && app.access.permit(subject, Action::View, running).await.is_err()
    {
        return Problem::new(StatusCode::CONFLICT, "already-recording", "the room is already being recorded");
    }
    error.into()
}

fn checked(body: Start, user_id: &str, mediasoup: Option<&Url>) -> Result<StartRequest, Problem> {
    text("room_id", &body.room_id, MAX_ROOM_BYTES)?;
    text("title", &body.title, MAX_TITLE_BYTES)?;
    if let Some(description) = body.description.as_deref().filter(|text| !text.is_empty()) {
        text("description", description, MAX_DESCRIPTION_BYTES)?;
    }
    if let Some(format) = &body.format
        && !matches!(format.as_str(), "mp4" | "webm" | "hls")
    {
        return Err(Problem::field("format", "must be mp4, webm or hls"));
    }
    let asked = |name: &&&str| body.others.get(**name).is_some_and(|value| !value.is_null());
    if let Some(name) = NOT_YET.iter().find(asked) {
        return Err(Problem::field(name, "is not supported by this version"));
    }
    let source = source(body.source, mediasoup)?;
    let usual = Limits::usual(&source);
    Ok(StartRequest {
        room_id: body.room_id,
        title: body.title,
        description: body.description.filter(|text| !text.is_empty()),
        started_by: user_id.to_owned(),
        source,
        layers: body.layers.as_deref().map_or(Ok(Layers::Max), layers)?,
        rules: Rules {
            participants: names("participants", body.participants)?,
            exclude: names("exclude", body.exclude)?,
            kinds: words("kinds", "audio or video", &body.kinds, |word| match word {
                "audio" => Some(Kind::Audio),
                "video" => Some(Kind::Video),
                _ => None,
            })?,
            sources: words(
                "sources",
                "camera, microphone or screen",
                &body.sources,
                session::Source::from_name,
            )?,
        },
        limits: Limits {
            max_duration: seconds("max_duration", body.max_duration)?,
            idle: seconds("idle_timeout", body.idle_timeout)?,
            alone: seconds("alone_timeout", body.alone_timeout)?.or(usual.alone),
            reconnect: seconds("reconnect_timeout", body.reconnect_timeout)?,
        },
        parallel: body.allow_parallel,
        idempotency_key: None,
        metadata: Value::Object(body.metadata.unwrap_or_default()),
        webhooks: webhooks::targets(body.webhooks.unwrap_or_default())?,
    })
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| !key.is_empty() && key.len() <= MAX_KEY_BYTES);
    let key =
        key.ok_or_else(|| Problem::field("Idempotency-Key", "must be 1 to 255 printable characters"))?;
    Ok(Some(key.to_owned()))
}

fn names(field: &str, names: BTreeSet<String>) -> Result<BTreeSet<String>, Problem> {
    if names.len() > MAX_NAMES {
        return Err(Problem::field(field, format!("must be at most {MAX_NAMES}")));
    }
    names.iter().try_for_each(|name| text(field, name, MAX_ROOM_BYTES))?;
    Ok(names)
}

fn words<T>(
    field: &str,
    allowed: &str,
    words: &[String],
    read: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, Problem> {
    let read = |word: &String| read(word).ok_or_else(|| Problem::field(field, format!("must be {allowed}")));
    words.iter().take(MAX_NAMES).map(read).collect()
}

fn text(field: &str, text: &str, limit: usize) -> Result<(), Problem> {
    if text.trim().is_empty() {
        Err(Problem::field(field, "must not be empty"))
    } else if text.len() > limit {
        Err(Problem::field(field, format!("must be at most {limit} bytes")))
    } else {
        Ok(())
    }
}

fn seconds(field: &str, value: Option<f64>) -> Result<Option<Duration>, Problem> {
    match value {
        None => Ok(None),
        Some(value) if value > 0.0 && value <= MAX_SECONDS => Ok(Some(Duration::from_secs_f64(value))),
        Some(_) => Err(Problem::field(field, "must be seconds, above 0 and at most a week")),
    }
}

fn layers(name: &str) -> Result<Layers, Problem> {
    Layers::from_name(name).ok_or_else(|| Problem::field("layers", "must be max or all"))
}

/// `mediasoup` is the configured service, which stands in where no URL is given.
fn source(source: Option<Source>, mediasoup: Option<&Url>) -> Result<SourceSpec, Problem> {
    let Some(source) = source else {
        let url = mediasoup.ok_or_else(|| Problem::field("source", "is required without MEDIASOUP_URL"))?;
        return Ok(SourceSpec::Http { url: url.to_string(), display_name: None });
    };
    if source.join.is_some() && source.mode != "protoo" {
        return Err(Problem::field("source.join", "is for protoo"));
    }
    let schemes = match source.mode.as_str() {
        "bridge" if source.url.is_none() => return Ok(SourceSpec::Bridge { url: None }),
        "protoo" | "bridge" => ["ws", "wss"],
        "http" => ["http", "https"],
        _ => return Err(Problem::field("source.mode", "must be protoo, bridge or http")),
    };
    let configured = mediasoup.filter(|_| source.mode == "http").map(Url::to_string);
    let url = source.url.or(configured).ok_or_else(|| Problem::field("source.url", "is required"))?;
    text("source.url", &url, MAX_URL_BYTES)?;
    let parsed = Url::parse(&url).map_err(|error| Problem::field("source.url", error))?;
    if !schemes.contains(&parsed.scheme()) || parsed.host().is_none() {
        let [plain, secure] = schemes;
        return Err(Problem::field("source.url", format!("must be a {plain}: or {secure}: URL")));
    }
    let (origin, display_name, join) = (source.origin, source.display_name, source.join.unwrap_or_default());
    protoo::check_join(&join).map_err(|error| Problem::field("source.join", error))?;
    Ok(match source.mode.as_str() {
        "bridge" => SourceSpec::Bridge { url: Some(url) },
        "http" => SourceSpec::Http { url, display_name },
        _ => SourceSpec::Protoo { url, origin, display_name, join },
    })
}
