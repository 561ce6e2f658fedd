//! Errors as problem documents (RFC 9457). This is the only place where an error becomes a status.
//!
//! Beside the members of the RFC each has `error`, the message, because clients of the earlier service read that.

use crate::id::TrackId;
use crate::recorder::recovery;
use crate::{audit, auth, catalog, peer, playback, reach, recorder, storage};
use axum::Json;
use axum::extract::rejection::{BytesRejection, JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use std::error::Error as _;

/// An error as a client sees it.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    /// Last part of the `type` URN.
    name: &'static str,
    detail: String,
    extra: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, name: &'static str, detail: impl Into<String>) -> Self {
        Self { status, name, detail: detail.into(), extra: Map::new(), headers: Vec::new() }
    }

    pub(super) fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(member.to_owned(), value.into());
        self
    }

    pub(super) fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// A field of the request is wrong.
    pub(super) fn field(field: &str, detail: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", format!("{field}: {detail}")).with("field", field)
    }

    pub(super) fn no_such_page() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "there is nothing at this address")
    }

    pub(super) fn wrong_method() -> Self {
        let detail = "this address does not take that method";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail)
    }

    pub(super) fn no_recording() -> Self {
        Self::from(playback::Error::NoRecording)
    }

    pub(super) fn unsatisfiable(len: u64) -> Self {
        Self::new(StatusCode::RANGE_NOT_SATISFIABLE, "range", format!("the file has {len} bytes"))
            .header(header::CONTENT_RANGE, &format!("bytes */{len}"))
    }

    /// Of what a client has a part there is no more.
    pub(super) fn changed() -> Self {
        let detail = "what If-Match names is not what there is now";
        Self::new(StatusCode::PRECONDITION_FAILED, "precondition-failed", detail)
    }

    /// What must leave a record is not answered without one.
    pub(super) fn unrecorded() -> Self {
        let detail = "what is asked must leave a record, and that cannot be written now";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "audit-unavailable", detail)
            .header(header::RETRY_AFTER, "5")
    }

    /// Our own fault: told in the log, where it is needed, and not to the client.
    pub(super) fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut causes = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            causes.push_str(": ");
            causes.push_str(&cause.to_string());
            source = cause.source();
        }
        tracing::error!(error = causes, "a request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the server failed; its log says why")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = self.extra;
        body.insert("type".to_owned(), json!(format!("urn:tureen:problem:{}", self.name)));
        body.insert("title".to_owned(), json!(self.status.canonical_reason().unwrap_or("Error")));
        body.insert("status".to_owned(), json!(self.status.as_u16()));
        body.insert("error".to_owned(), json!(self.detail));
        body.insert("detail".to_owned(), json!(self.detail));
        let mut response = (self.status, Json(Value::Object(body))).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.extend(self.headers);
        response
    }
}

/// With the challenge of RFC 6750 3.
impl From<auth::Error> for Problem {
    fn from(error: auth::Error) -> Self {
        let detail = error.to_string();
        let challenge = match &error {
            auth::Error::Signing(_) => return Self::internal(&error),
            auth::Error::NoKeys => {
                return Self::new(StatusCode::SERVICE_UNAVAILABLE, "no-keys", detail)
                    .header(header::RETRY_AFTER, "10");
            }
            auth::Error::Missing => "Bearer realm=\"tureen\"".to_owned(),
            _ => {
                // A quoted string of a header; what a stranger's token made us say does not go into it.
                let plain = detail.split(':').next().unwrap_or_default();
                format!(
                    "Bearer realm=\"tureen\", error=\"invalid_token\", error_description=\"{}\"",
                    plain.replace(['"', '\\'], "")
                )
            }
        };
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
            .header(header::WWW_AUTHENTICATE, &challenge)
    }
}

impl From<auth::Denied> for Problem {
    fn from(denied: auth::Denied) -> Self {
        match denied {
            auth::Denied::Hidden => Self::no_recording(),
            auth::Denied::Forbidden(_) => Self::new(StatusCode::FORBIDDEN, "forbidden", denied.to_string()),
        }
    }
}

impl From<catalog::Error> for Problem {
    fn from(error: catalog::Error) -> Self {
        match error {
            catalog::Error::RoomBusy { running } => recorder::Error::AlreadyRecording(running).into(),
            catalog::Error::Missing { .. } => {
                Self::new(StatusCode::NOT_FOUND, "not-found", error.to_string())
            }
            catalog::Error::StillRunning => {
                Self::new(StatusCode::CONFLICT, "still-recording", error.to_string())
            }
            catalog::Error::Held => Self::new(StatusCode::CONFLICT, "legal-hold", error.to_string()),
            catalog::Error::NotDeleted => Self::new(StatusCode::CONFLICT, "not-deleted", error.to_string()),
            // It is as good as gone.
            catalog::Error::Condemned => Self::no_recording(),
            catalog::Error::Elsewhere => {
                Self::new(StatusCode::MISDIRECTED_REQUEST, "stored-elsewhere", error.to_string())
            }
            other => Self::internal(&other),
        }
    }
}

impl From<audit::Error> for Problem {
    fn from(error: audit::Error) -> Self {
        match error {
            audit::Error::Unavailable => Self::unrecorded(),
            audit::Error::Catalog(error) => error.into(),
            other => Self::internal(&other),
        }
    }
}

impl From<recovery::Error> for Problem {
    fn from(error: recovery::Error) -> Self {
        match error {
            recovery::Error::Catalog(error) => error.into(),
            recovery::Error::Storage(error) => error.into(),
        }
    }
}

impl From<storage::Error> for Problem {
    fn from(error: storage::Error) -> Self {
        match error {
            storage::Error::Full { .. } => {
                let problem = Self::internal(&error);
                Self { status: StatusCode::INSUFFICIENT_STORAGE, name: "disk-full", ..problem }
            }
            other => Self::internal(&other),
        }
    }
}

impl From<playback::Error> for Problem {
    fn from(error: playback::Error) -> Self {
        use playback::Error as E;
        let detail = error.to_string();
        let missing = |name| Self::new(StatusCode::NOT_FOUND, name, detail.clone());
        match error {
            E::NoRecording
            | E::NoParticipant(_)
            | E::NoTrack(_)
            | E::NoInit(_)
            | E::NoSegment(_)
            | E::NoPart { .. }
            | E::NothingAt(_)
            | E::NoBlack
            | E::Nothing => missing("not-found"),
            E::PartOfNothing => {
                Self::new(StatusCode::BAD_REQUEST, "bad-request", detail).with("field", "_HLS_part")
            }
            E::TooFarAhead { .. } => {
                Self::new(StatusCode::BAD_REQUEST, "too-far-ahead", detail).with("field", "_HLS_msn")
            }
            E::NotInTime => Self::new(StatusCode::SERVICE_UNAVAILABLE, "not-in-time", detail)
                .header(header::RETRY_AFTER, "1"),
            E::NothingYet => missing("nothing-yet").header(header::RETRY_AFTER, "2"),
            E::NotPlayable { .. } => missing("not-playable"),
            E::Catalog(error) => error.into(),
            E::Storage(error) => error.into(),
            E::SeveralFiles { ref tracks, .. } => Self::new(StatusCode::CONFLICT, "several-files", detail)
                .with("field", "track")
                .with("tracks", names(tracks)),
            E::NotInContainer { ref tracks, .. } => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "not-in-container", detail)
                    .with("field", "format")
                    .with("tracks", names(tracks))
            }
            E::Outside { .. } => Self::field("start", detail),
            E::TooLong(_) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "too-long", detail),
            E::Changed => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "changed", detail).header(header::RETRY_AFTER, "1")
            }
            E::WebM(_) | E::Damaged { .. } | E::Index { .. } | E::Layout { .. } => Self::internal(&error),
        }
    }
}

fn names(tracks: &[TrackId]) -> Vec<String> {
    tracks.iter().map(ToString::to_string).collect()
}

impl From<recorder::Error> for Problem {
    fn from(error: recorder::Error) -> Self {
        use recorder::Error as E;
        let detail = error.to_string();
        match error {
            E::AlreadyRecording(running) => Self::new(StatusCode::CONFLICT, "already-recording", detail)
                .with("recording_id", running.to_string()),
            E::BadSource(_) => {
                Self::new(StatusCode::BAD_REQUEST, "bad-source", detail).with("field", "source")
            }
            E::LayersUnsupported(_) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "layers-unsupported", detail)
                    .with("code", "layers_unsupported")
                    .with("field", "layers")
            }
            E::NotAttached => Self::new(StatusCode::CONFLICT, "not-attached", detail),
            // Both are troubles of another server that may pass, an unknown room too: many SFUs make rooms on demand.
            E::SfuUnreachable(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, "sfu-unreachable", detail),
            E::Peer(peer::Error::NoCandidate) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "sfu-unreachable",
                peer::Error::NoCandidate.to_string(),
            ),
            E::SfuRefused(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, "sfu-refused", detail),
            E::InProgress => {
                Self::new(StatusCode::CONFLICT, "in-progress", detail).header(header::RETRY_AFTER, "1")
            }
            E::KeyReused => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "key-reused", detail),
            E::TooMany(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, "too-many-recordings", detail)
                .header(header::RETRY_AFTER, "10"),
            E::Reach(error) => error.into(),
            E::NotRunning => Self::new(StatusCode::CONFLICT, "not-running", detail),
            E::AlreadyPaused => Self::new(StatusCode::CONFLICT, "already-paused", detail),
            E::NotPaused => Self::new(StatusCode::CONFLICT, "not-paused", detail),
            E::Catalog(error) => error.into(),
            other => Self::internal(&other),
        }
    }
}

impl From<reach::Error> for Problem {
    fn from(error: reach::Error) -> Self {
        use reach::Error as E;
        let detail = error.to_string();
        match error {
            E::Url(_) => Self::field("source.url", detail),
            E::Forbidden { setting, .. } => Self::new(StatusCode::FORBIDDEN, "address-not-allowed", detail)
                .with("field", "source.url")
                .with("setting", setting),
            E::Unresolved { .. } => Self::new(StatusCode::SERVICE_UNAVAILABLE, "sfu-unreachable", detail)
                .with("field", "source.url"),
            E::Certificates(_) | E::Client(_) => Self::internal(&error),
        }
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        let text = rejection.body_text();
        // "...: source.url: invalid type ...": the path of the field, as serde found it.
        let field = rejection
            .source()
            .and_then(|cause| cause.to_string().split_once(": ").map(|(f, _)| f.to_owned()));
        let problem = Self::new(StatusCode::BAD_REQUEST, "bad-request", text);
        match field.filter(|field| !field.contains(' ')) {
            Some(field) => problem.with("field", field),
            None => problem,
        }
    }
}

impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Self {
        let mut cause = rejection.source();
        while let Some(error) = cause {
            if error.is::<tower_http::timeout::TimeoutError>() {
                let detail = "the body did not come in time";
                return Self::new(StatusCode::REQUEST_TIMEOUT, "request-timeout", detail);
            }
            cause = error.source();
        }
        let status = rejection.status();
        let name = if status == StatusCode::PAYLOAD_TOO_LARGE { "too-large" } else { "bad-request" };
        Self::new(status, name, rejection.body_text())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", rejection.body_text())
    }
}

/// A path that cannot be read names nothing.
impl From<PathRejection> for Problem {
    fn from(_: PathRejection) -> Self {
        Self::no_such_page()
    }
}
