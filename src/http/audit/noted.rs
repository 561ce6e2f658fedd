//! What is told to the record from inside a request.

use super::super::error::Problem;
use crate::audit::Entry;
use crate::id::RecordingId;
use axum::extract::FromRequestParts;
use axum::http::Method;
use axum::http::request::Parts as RequestParts;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};

/// A place in the request's extensions, which handlers take as an argument. Who asks is in [`crate::auth::Slot`].
#[derive(Clone, Debug, Default)]
pub(in crate::http) struct Noted(Arc<Mutex<Parts>>);

#[derive(Debug, Default)]
struct Parts {
    /// Which share it is about.
    share: Option<String>,
    recording: Option<RecordingId>,
    room: Option<String>,
    target: Option<String>,
    detail: Option<Value>,
    route: Option<String>,
    request_id: Option<String>,
}

impl Noted {
    pub(super) fn new(route: Option<&str>, request_id: Option<&str>) -> Self {
        let own = |text: Option<&str>| text.map(str::to_owned);
        Self(Arc::new(Mutex::new(Parts {
            route: own(route),
            request_id: own(request_id),
            ..Parts::default()
        })))
    }

    fn with<R>(&self, use_parts: impl FnOnce(&Parts) -> R) -> R {
        use_parts(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(&self, change: impl FnOnce(&mut Parts)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Of which room the recording is that shall be.
    pub(in crate::http) fn room(&self, room: &str) {
        self.change(|parts| parts.room = Some(room.to_owned()));
    }

    /// Which recording it is about; its room is looked up.
    pub(in crate::http) fn about(&self, id: RecordingId) {
        self.change(|parts| parts.recording = Some(id));
    }

    /// Which share it is about.
    pub(in crate::http) fn share(&self, share: impl std::fmt::Display) {
        self.change(|parts| parts.share = Some(share.to_string()));
    }

    /// Which recording it is about, when the path does not say it.
    pub(in crate::http) fn recording(&self, id: RecordingId, room: &str) {
        self.change(|parts| (parts.recording, parts.room) = (Some(id), Some(room.to_owned())));
    }

    /// Whom it concerns.
    pub(in crate::http) fn target(&self, person: &str) {
        self.change(|parts| parts.target = Some(person.to_owned()));
    }

    /// More of it: an object, with nothing of a person in it.
    pub(in crate::http) fn detail(&self, detail: Value) {
        self.change(|parts| parts.detail = Some(detail));
    }

    pub(super) fn describe(&self, entry: &mut Entry, method: &Method) {
        self.with(|parts| {
            super::describe(entry, method, parts.route.as_deref(), parts.request_id.as_deref())
        });
    }

    /// Adds to an entry what was told.
    pub(super) fn enter(&self, entry: &mut Entry) {
        self.with(|parts| {
            entry.share = parts.share.clone().or(entry.share.take());
            entry.recording = parts.recording.or(entry.recording);
            entry.room = parts.room.clone().or(entry.room.take());
            entry.target = parts.target.clone();
            entry.detail = parts.detail.clone();
        });
    }
}

impl<S: Sync> FromRequestParts<S> for Noted {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut RequestParts, _: &S) -> Result<Self, Problem> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}
