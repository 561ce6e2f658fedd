//! `GET /api/v1/recordings/{id}/analytics/live` and `GET /api/v1/analytics/live`: who watches now (Server-Sent Events).

use super::super::App;
use super::super::access::Access;
use super::super::describe::stamp::Stamp;
use super::super::error::Problem;
use super::super::extract::{Bearer, Place};
use super::super::openapi::params::OfRecording;
use super::super::openapi::problems::{NotFound, Refused, TooManyListeners};
use super::super::sse::{Line, ServerSentEvent};
use crate::auth::{Action, Subject};
use crate::catalog::LiveViewings;
use crate::clock::{Clock, SystemClock};
use crate::id::RecordingId;
use axum::extract::State;
use axum::response::Response;
use axum::response::sse::Event;
use serde::Serialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const VIEWERS: &str = "viewers";

/// The `data` of an event `viewers`: sessions whose last event came within 60 s.
#[derive(Debug, Serialize)]
struct Viewers {
    at: Stamp,
    /// What is watched; not there when it is all recordings.
    #[serde(skip_serializing_if = "Option::is_none")]
    recording_id: Option<RecordingId>,
    sessions: u64,
    /// Different viewers.
    viewers: u64,
    /// The most sessions that this stream has told.
    peak_sessions_since: u64,
}

/// How many watch a recording now (Server-Sent Events).
///
/// Events `viewers`, the first at once, then whenever a number changed, at most one a second; without an end. Their `data`
/// is `{"at", "recording_id", "sessions", "viewers", "peak_sessions_since"}`: sessions whose last event came within 60 s,
/// different viewers, and the most sessions that this stream has told. For who started it and administrators.
#[utoipa::path(
    get, path = "/{id}/analytics/live", operation_id = "listenToViewersOfRecording", tag = "Analytics",
    params(OfRecording),
    responses(
        (status = 200, body = ServerSentEvent, content_type = "text/event-stream", description = "Events without an end."),
        Refused<(NotFound, TooManyListeners)>,
    ),
)]
pub(in crate::http) async fn of_recording(
    State(app): State<App>,
    bearer: Bearer,
    Place(id): Place<String>,
) -> Result<Response, Problem> {
    let id = bearer.permitted_on(&app, Action::History, &id).await?;
    tell(&app, bearer, Some(id))
}

/// How many watch any recording now (Server-Sent Events).
///
/// As of one recording, without `recording_id`; for administrators.
#[utoipa::path(
    get, path = "/live", operation_id = "listenToViewers", tag = "Analytics",
    responses(
        (status = 200, body = ServerSentEvent, content_type = "text/event-stream", description = "Events without an end."),
        Refused<TooManyListeners>,
    ),
)]
pub(in crate::http) async fn of_all(State(app): State<App>, bearer: Bearer) -> Result<Response, Problem> {
    bearer.permitted(Action::Audit)?;
    tell(&app, bearer, None)
}

fn tell(app: &App, bearer: Bearer, of: Option<RecordingId>) -> Result<Response, Problem> {
    let (line, answer) = app.listeners.answer(bearer.subject.expires_at)?;
    let teller = Teller {
        access: app.access.clone(),
        subject: bearer.subject,
        of,
        heard: app.views.follow(of),
        line,
        closing: app.closing.clone(),
    };
    tokio::spawn(teller.run());
    Ok(answer)
}

/// Tells one listener.
struct Teller {
    access: Access,
    subject: Subject,
    of: Option<RecordingId>,
    heard: watch::Receiver<Option<LiveViewings>>,
    line: Line,
    closing: CancellationToken,
}

impl Teller {
    /// Until the listener is gone or too slow, their token is void, they may not know it any more, or the service ends.
    async fn run(mut self) {
        if !self.line.begin().await {
            return;
        }
        let mut peak = 0;
        loop {
            let found = *self.heard.borrow_and_update();
            if let Some(found) = found {
                peak = found.sessions.max(peak);
                if !self.permitted().await || !self.told(found, peak).await {
                    return;
                }
            }
            tokio::select! {
                changed = self.heard.changed() => if changed.is_err() { return },
                () = self.closing.cancelled() => return,
                () = self.line.over() => return,
            }
        }
    }

    /// The listener may still know it of the recording.
    async fn permitted(&self) -> bool {
        let Some(id) = self.of else { return true };
        self.access.permit(&self.subject, Action::History, id).await.is_ok()
    }

    /// `false` when nobody takes it.
    async fn told(&self, found: LiveViewings, peak: u64) -> bool {
        let viewers = Viewers {
            at: SystemClock.wall().into(),
            recording_id: self.of,
            sessions: found.sessions,
            viewers: found.viewers,
            peak_sessions_since: peak,
        };
        match Event::default().event(VIEWERS).json_data(&viewers) {
            Ok(event) => self.line.tell(event).await,
            Err(_) => false,
        }
    }
}
