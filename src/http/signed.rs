//! `GET /{id}/download-url` and `/{id}/stream-url`: addresses for players and people that cannot send a token. They act
//! for the user who asked for them, end on time, and end before it when that user may no longer.

use super::App;
use super::describe::stamp::Stamp;
use super::download::{Download, file_name, wanted};
use super::error::Problem;
use super::extract::{Arguments, Bearer, Place};
use super::openapi::params::OfRecording;
use super::openapi::problems::{BadRequest, NotFound, Refused};
use crate::auth::{Action, Bound, Kind, Purpose};
use crate::clock::{Clock, SystemClock};
use crate::id::RecordingId;
use crate::level::Level;
use crate::time::WallTime;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A day for a download, which may wait in a mail.
const DOWNLOAD_SECONDS: i64 = 86_400;
/// A lesson for a player.
const STREAM_SECONDS: i64 = 4 * 3600;
/// A week.
const MOST_SECONDS: i64 = 7 * 86_400;

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct Lasting {
    /// Seconds: a day for a download and four hours for a player unless it is said.
    #[param(required = false, value_type = i64, minimum = 1, maximum = 604_800)]
    expires_in: String,
}

/// An address that downloads without a token in a header.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DownloadUrl)]
pub(super) struct SignedDownload {
    #[schema(value_type = Uuid)]
    recording_id: RecordingId,
    download_url: String,
    /// Seconds.
    expires_in: i64,
    expires_at: Stamp,
    file_name: String,
}

/// Addresses that play without a token in a header.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StreamUrl)]
pub(super) struct SignedStream {
    #[schema(value_type = Uuid)]
    recording_id: RecordingId,
    stream_url: String,
    dash_url: String,
    manifest_url: String,
    watch_url: String,
    /// Seconds.
    expires_in: i64,
    expires_at: Stamp,
}

/// A signed address of exactly the download whose arguments are given.
#[utoipa::path(
    get, path = "/{id}/download-url", operation_id = "getDownloadUrl", tag = "Sharing",
    params(OfRecording, Lasting, Download),
    responses(
        (status = 200, body = SignedDownload, description = "It ends on time, and when its user may no longer."),
        Refused<(BadRequest, NotFound)>,
    ),
)]
pub(super) async fn download_url(
    State(app): State<App>,
    bearer: Bearer,
    Place(id): Place<String>,
    Arguments(lasting): Arguments<Lasting>,
    Arguments(arguments): Arguments<Download>,
) -> Result<Response, Problem> {
    let id = bearer.permitted_on(&app, Action::Download, &id).await?;
    let extension = match arguments.format() {
        "" | "mp4" => "mp4",
        "webm" => "webm",
        _ => return Err(Problem::field("format", "must be mp4 or webm")),
    };
    wanted(&arguments)?;
    let (seconds, until) = lasting.until(DOWNLOAD_SECONDS)?;
    let purpose = Purpose::Download(arguments.digest());
    let token = signed(&app, &bearer, Bound { recording: id, level: Level::Download, purpose }, until)?;
    let row = app.catalog.recording(id).await?.filter(|row| row.deleted_at.is_none());
    let row = row.ok_or_else(Problem::no_recording)?;
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(arguments.all().iter().filter(|(_, value)| !value.is_empty()));
    let query = query.append_pair("token", &token).finish();
    let body = SignedDownload {
        recording_id: id,
        download_url: format!("/api/v1/recordings/{id}/download?{query}"),
        expires_in: seconds,
        expires_at: until.into(),
        file_name: file_name(&row.title, extension),
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
}

/// Signed addresses of everything that plays a recording.
#[utoipa::path(
    get, path = "/{id}/stream-url", operation_id = "getStreamUrl", tag = "Sharing", params(OfRecording, Lasting),
    responses(
        (status = 200, body = SignedStream, description = "They end on time, and when their user may no longer."),
        Refused<(BadRequest, NotFound)>,
    ),
)]
pub(super) async fn stream_url(
    State(app): State<App>,
    bearer: Bearer,
    Place(id): Place<String>,
    Arguments(lasting): Arguments<Lasting>,
) -> Result<Response, Problem> {
    let id = bearer.permitted_on(&app, Action::View, &id).await?;
    let (seconds, until) = lasting.until(STREAM_SECONDS)?;
    let bound = Bound { recording: id, level: Level::View, purpose: Purpose::Playback };
    let token = signed(&app, &bearer, bound, until)?;
    let at = |id: RecordingId, rest: &str| format!("/api/v1/recordings/{id}/{rest}?token={token}");
    let body = SignedStream {
        recording_id: id,
        stream_url: at(id, "stream/playlist.m3u8"),
        dash_url: at(id, "stream/manifest.mpd"),
        manifest_url: at(id, "manifest.json"),
        watch_url: format!("/watch/{id}#token={token}"),
        expires_in: seconds,
        expires_at: until.into(),
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
}

/// Only for those who showed a token of their own: what a capability gave cannot be made to last longer.
fn signed(app: &App, bearer: &Bearer, bound: Bound, until: WallTime) -> Result<String, Problem> {
    if bearer.subject.kind != Kind::User {
        let detail = "this needs a user's token";
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail));
    }
    Ok(app.sealer.of_user(&bearer.subject, bound, until)?)
}

impl Lasting {
    fn until(&self, default: i64) -> Result<(i64, WallTime), Problem> {
        let wrong = || Problem::field("expires_in", "must be seconds, from 1 to 604800");
        let seconds = match self.expires_in.as_str() {
            "" => default,
            text => text.parse().map_err(|_| wrong())?,
        };
        if !(1..=MOST_SECONDS).contains(&seconds) {
            return Err(wrong());
        }
        Ok((seconds, SystemClock.wall().plus(seconds * 1_000_000)))
    }
}
