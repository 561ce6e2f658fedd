//! `POST /api/v1/shares/open`: whoever has a link, or wants to see what is shared with everybody, gets a capability. It
//! needs no token.
//!
//! A wrong link, one that is revoked, over or used up, and none at all are answered alike, and attempts are counted by
//! address before anything is looked up, so that guessing teaches nothing. That a link needs a password is told to who
//! has the link.

use super::App;
use super::audit::Noted;
use super::describe::stamp::Stamp;
use super::describe::words;
use super::error::Problem;
use super::extract::Body;
use super::limits::address;
use super::openapi::problems::{
    Failing, Internal, NoSuchShare, OfBody, PasswordRequired, Timeout, TooManyRequests, Unrecorded,
    WrongPassword,
};
use crate::auth::{self, Bound, MAX_PASSWORD_BYTES, Purpose, hash_of_link, hash_of_password, is_password};
use crate::catalog::Share;
use crate::clock::{Clock, SystemClock};
use crate::id::RecordingId;
use crate::level::Level;
use crate::time::WallTime;
use axum::Json;
use axum::extract::State;
use axum::http::{Extensions, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::sync::Semaphore;
use utoipa::ToSchema;

/// How long a capability serves: a lesson. It ends sooner with its share.
const LIVES_MICROS: i64 = 4 * 3_600_000_000;
/// Passwords that are worked on at one time: each takes 19 MiB and some ten milliseconds.
const PASSWORDS_AT_ONCE: usize = 2;

/// Works on passwords, few at a time and where nobody else waits. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Doors(Arc<Semaphore>);

impl Default for Doors {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(PASSWORDS_AT_ONCE)))
    }
}

impl Doors {
    /// What is kept of a password.
    pub(super) async fn hash(&self, password: String) -> Result<String, Problem> {
        Ok(self.work(move || hash_of_password(&password)).await??)
    }

    async fn is(&self, password: String, kept: String) -> Result<bool, Problem> {
        self.work(move || is_password(&password, &kept)).await
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        // Never closed.
        let _turn = self.0.acquire().await.map_err(|error| Problem::internal(&error))?;
        tokio::task::spawn_blocking(work).await.map_err(|error| Problem::internal(&error))
    }
}

/// What is opened: a link, or what is shared with everybody.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OpenShare)]
pub(super) struct Open {
    /// Of a link.
    #[serde(default)]
    token: Option<String>,
    /// Of a recording that is shared with everybody, in place of `token`.
    #[serde(default)]
    recording_id: Option<String>,
    #[serde(default)]
    password: Option<String>,
}

/// A token for the shared recording.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenedShare)]
pub(super) struct Opened {
    #[schema(value_type = Uuid)]
    recording_id: RecordingId,
    #[schema(value_type = words::AccessLevel)]
    access_level: Level,
    token: String,
    #[schema(value_type = String)]
    token_type: &'static str,
    expires_at: Stamp,
    /// Seconds.
    expires_in: i64,
    manifest_url: String,
    streaming_url: String,
    watch_url: String,
}

/// Opens a share: gives a token for the recording to who has a link, or to everybody.
///
/// A wrong link, one that is revoked, over or used up, and none at all are answered alike.
#[utoipa::path(
    post, path = "/", operation_id = "openShare", tag = "Sharing",
    request_body(content = Open, example = json!({"recording_id": "01977c5e-8f5c-7d3a-b6a4-0f2d8c1e9a77"})),
    responses(
        (status = 200, body = Opened, description = "A token, used as others are."),
        Failing<(OfBody, PasswordRequired, WrongPassword, NoSuchShare, TooManyRequests, (Internal, Unrecorded, Timeout))>,
    ),
)]
pub(super) async fn open(
    State(app): State<App>,
    extensions: Extensions,
    noted: Noted,
    Body(asked): Body<Open>,
) -> Result<Response, Problem> {
    app.limits.opening(address(&extensions))?;
    let share = match (&asked.token, &asked.recording_id) {
        (Some(token), None) => match hash_of_link(token) {
            Some(hash) => app.catalog.share_of_link(&hash).await?,
            None => None,
        },
        (None, Some(id)) => match id.parse() {
            Ok(id) => app.catalog.public_share(id).await?,
            Err(_) => None,
        },
        _ => return Err(Problem::field("token", "is required, or recording_id, and not both")),
    };
    if let Some(share) = &share {
        noted.about(share.new.recording);
        noted.share(share.new.id);
    }
    let now = SystemClock.wall();
    let share = share.filter(|share| share.is_live(now) && !share.is_used_up()).ok_or_else(nothing)?;
    if let Some(kept) = share.new.password_hash.clone() {
        let password = asked.password.filter(|password| !password.is_empty());
        let password =
            password.ok_or_else(|| password_problem("password-required", "it needs a password"))?;
        app.limits.password(share.new.id)?;
        if password.len() > MAX_PASSWORD_BYTES || !app.doors.is(password, kept).await? {
            return Err(password_problem("wrong-password", "the password is wrong"));
        }
    }
    if !app.catalog.use_share(share.new.id).await? {
        return Err(nothing());
    }
    Ok(opened(&app, &share, now)?)
}

fn opened(app: &App, share: &Share, now: WallTime) -> Result<Response, auth::Error> {
    let (id, level) = (share.new.recording, share.new.level);
    let until = now.plus(LIVES_MICROS);
    let until = share.new.expires_at.map_or(until, |end| end.min(until));
    let bound = Bound { recording: id, level, purpose: Purpose::Playback };
    let token = app.sealer.of_share(share.new.id, bound, until)?;
    let body = Opened {
        recording_id: id,
        access_level: level,
        token,
        token_type: "Bearer",
        expires_at: until.into(),
        expires_in: until.since(now) / 1_000_000,
        manifest_url: format!("/api/v1/recordings/{id}/manifest.json"),
        streaming_url: format!("/api/v1/recordings/{id}/stream/playlist.m3u8"),
        watch_url: format!("/watch/{id}"),
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
}

fn nothing() -> Problem {
    let detail = "there is nothing to open here, or not any more";
    Problem::new(StatusCode::NOT_FOUND, "no-such-share", detail)
}

fn password_problem(name: &'static str, detail: &str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, name, detail).with("field", "password")
}
