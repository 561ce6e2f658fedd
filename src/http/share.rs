//! `/api/v1/recordings/{id}/shares`: a recording is shared, with whom it is, and that no longer. `/api/v1/shares`: what
//! is shared with whoever asks.

use super::App;
use super::audit::Noted;
use super::describe::share::{MinePage, NewlyShared, Revoked, ShareTold, SharedWithMe, SharesTold};
use super::describe::words;
use super::error::Problem;
use super::events::whole;
use super::extract::{Arguments, Bearer, Body, Place};
use super::list::wall;
use super::openapi::params::{OfRecording, OfShare};
use super::openapi::problems::{BadRequest, NotFound, OfBody, Refused, TooManyShares};
use crate::auth::{Action, Facts, Held, MAX_PASSWORD_BYTES, Role, Subject, hash_of_link, held, new_link};
use crate::catalog::{MOST_SHARES, NewShare, Share, With};
use crate::clock::{Clock, SystemClock};
use crate::id::{RecordingId, ShareId};
use crate::level::Level;
use crate::time::WallTime;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

const MAX_USER_BYTES: usize = 512;
const MAX_USES: u32 = 1_000_000;
/// Ten years.
const MAX_SECONDS: f64 = 315_360_000.0;
const DEFAULT_LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 100;

/// With whom, how far and how long.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewShare)]
pub(super) struct Wish {
    #[schema(value_type = words::ShareType)]
    share_type: String,
    /// Of `user` the id, of `role` its name.
    #[serde(default)]
    #[schema(max_length = 512)]
    shared_with: Option<String>,
    /// `view` unless it is said; `view` or `download` where nobody knows who asks.
    #[serde(default)]
    #[schema(value_type = Option<words::AccessLevel>)]
    access_level: Option<String>,
    /// A time of RFC 3339, or a day, which begins in UTC.
    #[serde(default)]
    expires_at: Option<String>,
    /// Seconds, in place of `expires_at`.
    #[serde(default)]
    #[schema(exclusive_minimum = 0, maximum = 315_360_000)]
    expires_in: Option<f64>,
    /// Of `link` and `public`.
    #[serde(default)]
    #[schema(max_length = 1024)]
    password: Option<String>,
    /// How often it may be opened. Of `link` and `public`.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 1_000_000)]
    max_uses: Option<u32>,
    /// Given back as it is.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    metadata: Option<Map<String, Value>>,
}

/// Shares a recording, up to what the sharer holds and no longer than that.
#[utoipa::path(
    post, path = "/{id}/shares", operation_id = "shareRecording", tag = "Sharing", params(OfRecording),
    request_body(content = Wish, examples(
        ("link" = (summary = "By link", value = json!({"share_type": "link", "expires_in": 86400}))),
        ("user" = (summary = "With a user", value = json!({"share_type": "user", "shared_with": "user-7"}))),
    )),
    responses(
        (status = 201, body = NewlyShared, description = "It is shared.",
            headers(("Location" = String, description = "The share."))),
        Refused<(OfBody, NotFound, TooManyShares)>,
    ),
)]
pub(super) async fn share(
    State(app): State<App>,
    bearer: Bearer,
    noted: Noted,
    Place(id): Place<String>,
    Body(mut wish): Body<Wish>,
) -> Result<Response, Problem> {
    let id = super::extract::recording_id(&id)?;
    let facts = app.access.permit(&bearer.subject, Action::Share, id).await?;
    let password = wish.password.take().filter(|password| !password.is_empty());
    let link = if wish.share_type == "link" { Some(new_link()?) } else { None };
    let mut new = checked(wish, link.as_deref(), password.as_deref())?;
    if let With::User(user) = &new.with {
        noted.target(user);
    }
    within(&mut new, &bearer.subject, &facts)?;
    if let Some(password) = password {
        new.password_hash = Some(app.doors.hash(password).await?);
    }
    if !app.catalog.add_share(&new).await? {
        let detail = format!("a recording has at most {MOST_SHARES} shares: revoke some");
        return Err(Problem::new(StatusCode::CONFLICT, "too-many-shares", detail));
    }
    let made =
        Share { new, use_count: 0, last_used_at: None, revoked_at: None, created_at: SystemClock.wall() };
    noted.share(made.new.id);
    // The only time that it is told. Behind the mark it reaches no server's log.
    let url = link.as_ref().map(|link| format!("/watch/{id}#share={link}"));
    let body = NewlyShared { share: ShareTold::from(&made), url, token: link };
    let location = format!("/api/v1/recordings/{id}/shares/{}", made.new.id);
    let headers = [(header::LOCATION, location), (header::CACHE_CONTROL, "no-store".to_owned())];
    Ok((StatusCode::CREATED, headers, Json(body)).into_response())
}

fn checked(wish: Wish, link: Option<&str>, password: Option<&str>) -> Result<NewShare, Problem> {
    let level = wish.access_level.as_deref().unwrap_or("view");
    let level = level.parse::<Level>().map_err(|error| Problem::field("access_level", error))?;
    let with = with(&wish, link)?;
    let known = matches!(with, With::User(_) | With::Role(_));
    if !known && level > Level::Download {
        let detail = "may be view or download where nobody knows who asks";
        return Err(Problem::field("access_level", detail));
    }
    if known && (password.is_some() || wish.max_uses.is_some()) {
        let field = if password.is_some() { "password" } else { "max_uses" };
        return Err(Problem::field(field, "goes with links and with sharing with the public"));
    }
    if password.is_some_and(|password| password.len() > MAX_PASSWORD_BYTES) {
        return Err(Problem::field("password", format!("must be at most {MAX_PASSWORD_BYTES} bytes")));
    }
    if wish.max_uses.is_some_and(|most| !(1..=MAX_USES).contains(&most)) {
        return Err(Problem::field("max_uses", format!("must be from 1 to {MAX_USES}")));
    }
    Ok(NewShare {
        id: ShareId::new(),
        recording: RecordingId::default(),
        shared_by: String::new(),
        with,
        level,
        expires_at: end(&wish)?,
        password_hash: None,
        max_uses: wish.max_uses,
        parent: None,
        metadata: Value::Object(wish.metadata.unwrap_or_default()),
    })
}

fn with(wish: &Wish, link: Option<&str>) -> Result<With, Problem> {
    let whom = wish.shared_with.as_deref().filter(|whom| !whom.is_empty());
    let named = || whom.ok_or_else(|| Problem::field("shared_with", "is required"));
    let with = match wish.share_type.as_str() {
        "user" => With::User(named()?.to_owned()),
        "role" => {
            let role = named()?.parse::<Role>().map_err(|error| Problem::field("shared_with", error))?;
            if role == Role::Service {
                return Err(Problem::field("shared_with", "programs see no recordings"));
            }
            With::Role(role.name().to_owned())
        }
        "public" => With::Public,
        "link" => With::Link(link.and_then(hash_of_link).unwrap_or_default()),
        _ => return Err(Problem::field("share_type", "must be user, role, public or link")),
    };
    if with.whom().is_none() && whom.is_some() {
        return Err(Problem::field("shared_with", "goes with the share types user and role"));
    }
    if with.whom().is_some_and(|whom| whom.len() > MAX_USER_BYTES) {
        return Err(Problem::field("shared_with", format!("must be at most {MAX_USER_BYTES} bytes")));
    }
    Ok(with)
}

fn end(wish: &Wish) -> Result<Option<WallTime>, Problem> {
    let now = SystemClock.wall();
    let (name, end) = match (&wish.expires_at, wish.expires_in) {
        (Some(_), Some(_)) => return Err(Problem::field("expires_in", "cannot be beside expires_at")),
        (Some(text), None) => ("expires_at", wall("expires_at", text)?),
        (None, Some(seconds)) if seconds > 0.0 && seconds <= MAX_SECONDS => {
            #[expect(clippy::cast_possible_truncation, reason = "it is in range")]
            let micros = (seconds * 1e6) as i64;
            ("expires_in", now.plus(micros))
        }
        (None, Some(_)) => {
            return Err(Problem::field("expires_in", "must be seconds, above 0 and at most ten years"));
        }
        (None, None) => return Ok(None),
    };
    if end <= now {
        return Err(Problem::field(name, "must lie ahead"));
    }
    Ok(Some(end))
}

/// Nobody gives more than they hold, nor for longer; and what they hold by a share ends with that.
fn within(new: &mut NewShare, sharer: &Subject, facts: &Facts) -> Result<(), Problem> {
    let now = SystemClock.wall();
    new.recording = facts.recording;
    new.shared_by = sharer.user_id.to_string();
    let held = held(sharer, facts, now);
    if held.level().is_none_or(|most| new.level > most) {
        let most = held.level().map_or("nothing", Level::name);
        let detail = format!("you hold the level {most} of it and cannot give {}", new.level);
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail).with("field", "access_level"));
    }
    if held == Held::All {
        return Ok(());
    }
    let live = facts.shares.iter().filter(|given| given.expires_at.is_none_or(|end| now < end));
    let able = live.filter(|given| !given.by_link && given.level >= Level::Share && given.level >= new.level);
    // The one that lasts longest.
    let longest = able.max_by_key(|given| given.expires_at.unwrap_or(WallTime(i64::MAX)));
    let longest = longest.ok_or_else(Problem::no_recording)?;
    new.parent = Some(longest.share);
    new.expires_at = match (new.expires_at, longest.expires_at) {
        (Some(asked), Some(most)) => Some(asked.min(most)),
        (asked, most) => asked.or(most),
    };
    Ok(())
}

/// The shares of a recording that are not revoked.
///
/// Who owns it sees all, others who may share their own.
#[utoipa::path(
    get, path = "/{id}/shares", operation_id = "listShares", tag = "Sharing", params(OfRecording),
    responses((status = 200, body = SharesTold, description = "All of them."), Refused<NotFound>),
)]
pub(super) async fn list(
    State(app): State<App>,
    bearer: Bearer,
    Place(id): Place<String>,
) -> Result<Json<SharesTold>, Problem> {
    let id = super::extract::recording_id(&id)?;
    let facts = app.access.permit(&bearer.subject, Action::Share, id).await?;
    let shares = app.catalog.shares(id, only_own(&bearer.subject, &facts)).await?;
    Ok(Json(SharesTold { shares: shares.iter().map(ShareTold::from).collect() }))
}

/// Ends a share, with all that was shared by whom it let share.
#[utoipa::path(
    delete, path = "/{id}/shares/{share}", operation_id = "revokeShare", tag = "Sharing", params(OfShare),
    responses((status = 200, body = Revoked, description = "It has ended."), Refused<NotFound>),
)]
pub(super) async fn revoke(
    State(app): State<App>,
    bearer: Bearer,
    noted: Noted,
    Place((id, share)): Place<(String, String)>,
) -> Result<Json<Revoked>, Problem> {
    let id = super::extract::recording_id(&id)?;
    let facts = app.access.permit(&bearer.subject, Action::Share, id).await?;
    let none = || Problem::new(StatusCode::NOT_FOUND, "not-found", "there is no such share");
    let share: ShareId = share.parse().map_err(|_| none())?;
    noted.share(share);
    let (by, who) = (only_own(&bearer.subject, &facts), &*bearer.subject.user_id);
    let ended = app.catalog.revoke_share(id, share, by, who).await?;
    if ended == 0 {
        return Err(none());
    }
    Ok(Json(Revoked {
        recording_id: id,
        share_id: share,
        revoked: ended,
        revoked_at: SystemClock.wall().into(),
        message: "the recording is no longer shared this way",
    }))
}

fn only_own<'a>(subject: &'a Subject, facts: &Facts) -> Option<&'a str> {
    (held(subject, facts, SystemClock.wall()) != Held::All).then_some(&*subject.user_id)
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct Mine {
    /// `next` of the page before.
    #[param(required = false, inline, value_type = words::MaybeId)]
    after: String,
    /// 50 unless it is said; more than 100 counts as 100.
    #[param(required = false, value_type = u64, maximum = 4_294_967_295u32)]
    limit: String,
}

/// What is shared with whoever asks, the newest first.
#[utoipa::path(
    get, path = "/", operation_id = "listSharedWithMe", tag = "Sharing", params(Mine),
    responses((status = 200, body = MinePage, description = "A page."), Refused<BadRequest>),
)]
pub(super) async fn mine(
    State(app): State<App>,
    bearer: Bearer,
    Arguments(asked): Arguments<Mine>,
) -> Result<Json<MinePage>, Problem> {
    bearer.permitted(Action::List)?;
    let after = match asked.after.as_str() {
        "" => None,
        id => Some(id.parse().map_err(|_| Problem::field("after", "must be the id of a share"))?),
    };
    let limit = whole("limit", &asked.limit)?.map_or(DEFAULT_LIMIT, |limit: u32| limit.clamp(1, MAX_LIMIT));
    let (user, role) = (&bearer.subject.user_id, bearer.subject.role.name());
    let mut found = app.catalog.shared_with(user, role, after, limit + 1).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| more).map(|last| last.share.new.id);
    Ok(Json(MinePage { shares: found.iter().map(SharedWithMe::from).collect(), next }))
}
