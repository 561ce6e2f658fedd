//! `GET /api/v1/analytics/history`: what somebody watched, for themselves.

use super::super::App;
use super::super::audit::Noted;
use super::super::describe::stamp::Stamp;
use super::super::describe::viewing::{seconds, share};
use super::super::error::Problem;
use super::super::extract::{Arguments, Bearer};
use super::super::openapi::problems::{BadRequest, NotFound, Refused};
use super::sessions::{given, limit};
use super::who::Client;
use crate::analytics::ranges::Ranges;
use crate::analytics::retention::completion_permille;
use crate::auth::Action;
use crate::catalog::{HistoryFilter, Viewer, Viewing, Watched, Watcher};
use crate::clock::{Clock, SystemClock};
use crate::id::RecordingId;
use crate::playback::watchable::Media;
use crate::time::WallTime;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Sessions that are read at one time.
const READ: u32 = 500;

/// Whose, and how much of it. All text, so that a mistake is told by the name of its argument; empty ones are as if absent.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Asked {
    /// Of this user, for administrators; of whoever asks unless it is said.
    #[param(required = false)]
    user_id: String,
    /// 50 unless it is said; more than 200 counts as 200.
    #[param(required = false, value_type = u64, maximum = 4_294_967_295u32)]
    limit: String,
    /// `next` of the page before.
    #[param(required = false)]
    cursor: String,
}

/// A page, what was watched last first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ViewingHistory)]
pub(in crate::http) struct History {
    recordings: Vec<Entry>,
    limit: u32,
    /// The `cursor` of the next page; null on the last.
    next: Option<String>,
}

/// A recording that was watched.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WatchedRecording)]
struct Entry {
    #[schema(value_type = Uuid)]
    recording_id: RecordingId,
    room_id: String,
    title: String,
    /// The last event.
    last_watched_at: Stamp,
    /// Where to go on, in seconds; null: at the beginning.
    resume_at: Option<f64>,
    /// The session before had reached the end.
    ended: bool,
    /// Media that was seen.
    seen_seconds: f64,
    /// The share of the media that was seen, 0 to 1.
    completion: f64,
    sessions: u64,
}

/// What somebody watched: one entry for each recording, the last first.
///
/// Of whoever asks, or of a user for administrators. Recordings that they may not view any more are not in it, nor hidden
/// ones. Whoever asks not to be tracked has none.
#[utoipa::path(
    get, path = "/history", operation_id = "getViewingHistory", tag = "Analytics", params(Asked),
    responses((status = 200, body = History, description = "A page."), Refused<(BadRequest, NotFound)>),
)]
pub(in crate::http) async fn history(
    State(app): State<App>,
    bearer: Bearer,
    Arguments(asked): Arguments<Asked>,
    client: Client,
    noted: Noted,
) -> Result<Json<History>, Problem> {
    let filter = match given(&asked.user_id).filter(|user| **user != *bearer.subject.user_id) {
        Some(user) => {
            bearer.permitted(Action::Audit)?;
            noted.target(user);
            let watchers = vec![Watcher::User(user.to_owned())];
            HistoryFilter { watchers, recording: None, viewer: Viewer::All }
        }
        None => own(&app, &bearer, &client).await?,
    };
    let limit = limit(&asked.limit)?;
    let cursor = given(&asked.cursor)
        .map(|text| text.parse().map_err(|_| Problem::field("cursor", "was not given out by a history")))
        .transpose()?;
    let page = app.catalog.viewing_history(&filter, cursor, limit).await?;
    let mut seen = seen(&app, &filter.watchers, &page.rows).await?;
    let entry = |row: &Watched| Entry::of(row, seen.remove(&row.recording).unwrap_or_default());
    Ok(Json(History {
        recordings: page.rows.iter().map(entry).collect(),
        limit,
        next: page.next.map(|cursor| cursor.to_string()),
    }))
}

/// That of whoever asks. Who has a capability for one recording sees no other.
async fn own(app: &App, bearer: &Bearer, client: &Client) -> Result<HistoryFilter, Problem> {
    let subject = &bearer.subject;
    let (recording, viewer) = match subject.bound {
        Some(bound) => {
            app.access.permit(subject, Action::View, bound.recording).await?;
            (Some(bound.recording), Viewer::All)
        }
        None => {
            bearer.permitted(Action::List)?;
            (None, app.access.viewer(subject))
        }
    };
    let watchers = app.views.who(bearer, client, SystemClock.wall()).await?.all();
    Ok(HistoryFilter { watchers, recording, viewer })
}

/// What the sessions of one recording come to.
#[derive(Debug, Default)]
struct Seen {
    ranges: Ranges,
    media: Arc<Media>,
    /// The last session that told where it was: when, where, and whether it reached the end.
    last: Option<(WallTime, i64, bool)>,
}

impl Seen {
    fn add(&mut self, row: &Viewing, media: Arc<Media>) {
        let numbers = &row.numbers;
        self.ranges = self.ranges.union(&numbers.seen);
        self.media = media;
        if let Some(position_ms) = numbers.position_ms
            && self.last.is_none_or(|(at, ..)| at <= numbers.last_at)
        {
            self.last = Some((numbers.last_at, position_ms, numbers.ended));
        }
    }
}

/// That of the recordings of a page.
async fn seen(
    app: &App,
    watchers: &[Watcher],
    page: &[Watched],
) -> Result<HashMap<RecordingId, Seen>, Problem> {
    let recordings: Vec<RecordingId> = page.iter().map(|row| row.recording).collect();
    let (mut seen, mut after) = (HashMap::<_, Seen>::new(), 0);
    loop {
        let rows = app.catalog.viewings_of(watchers, &recordings, after, READ).await?;
        let Some(last) = rows.last() else { return Ok(seen) };
        after = last.id;
        for (row, media) in app.views.settled(rows).await? {
            seen.entry(row.recording).or_default().add(&row, media);
        }
    }
}

impl Entry {
    fn of(row: &Watched, seen: Seen) -> Self {
        let ended = seen.last.is_some_and(|(.., ended)| ended);
        let position = seen.last.map(|(_, position_ms, _)| seconds(position_ms));
        Self {
            recording_id: row.recording,
            room_id: row.room_id.clone(),
            title: row.title.clone(),
            last_watched_at: row.last_at.into(),
            resume_at: position.filter(|_| !ended),
            ended,
            seen_seconds: seconds(seen.ranges.total()),
            completion: share(completion_permille(&seen.ranges, &seen.media.stored)),
            sessions: row.sessions,
        }
    }
}
