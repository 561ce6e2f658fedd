//! `POST /api/v1/shares/open`: whoever has a link, or wants to see what is shared with everybody, gets a capability. It
//! needs no token.
//!
//! A wrong link, one that is revoked, over or used up, and none at all are answered alike, and attempts are counted by
//! address before anything is looked up, so that guessing teaches nothing. That a link needs a password is told to who
//! has the link.

use super::App;
use super::audit::Noted;
use super::error::Problem;
use super::extract::Body;
use super::limits::address;
use crate::auth::{self, Bound, MAX_PASSWORD_BYTES, Purpose, hash_of_link, hash_of_password, is_password};
use crate::catalog::Share;
use crate::clock::{Clock, SystemClock};
use crate::time::WallTime;
use axum::Json;
use axum::extract::State;
use axum::http::{Extensions, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use tokio::sync::Semaphore;

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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Open {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    recording_id: Option<String>,
    #[serde(default)]
    password: Option<String>,
}

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
    let body = json!({
        "recording_id": id,
        "access_level": level,
        "token": token,
        "token_type": "Bearer",
        "expires_at": until.to_string(),
        "expires_in": until.since(now) / 1_000_000,
        "manifest_url": format!("/api/v1/recordings/{id}/manifest.json"),
        "streaming_url": format!("/api/v1/recordings/{id}/stream/playlist.m3u8"),
        "watch_url": format!("/watch/{id}"),
    });
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
}

fn nothing() -> Problem {
    let detail = "there is nothing to open here, or not any more";
    Problem::new(StatusCode::NOT_FOUND, "no-such-share", detail)
}

fn password_problem(name: &'static str, detail: &str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, name, detail).with("field", "password")
}
