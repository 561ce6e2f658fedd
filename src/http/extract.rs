//! What handlers take out of a request. All refusals are problem documents.

use super::App;
use super::error::Problem;
use crate::auth::{Action, Subject, permit};
use crate::clock::{Clock, SystemClock};
use crate::id::{RecordingId, TrackId};
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

/// Who asks, and the query that carries their token on to the URIs of a playlist.
#[derive(Clone, Debug)]
pub(super) struct Bearer {
    pub(super) subject: Subject,
    /// The token, if it came as `?token=`.
    pub(super) carried: Option<String>,
}

impl Bearer {
    /// They may do something that is done to no recording.
    pub(super) fn permitted(&self, action: Action) -> Result<(), Problem> {
        Ok(permit(&self.subject, action, None, SystemClock.wall())?)
    }

    /// They may do something with the recording of this identifier, which is given back.
    pub(super) async fn permitted_on(
        &self,
        app: &App,
        action: Action,
        id: &str,
    ) -> Result<RecordingId, Problem> {
        let id = recording_id(id)?;
        app.access.permit(&self.subject, action, id).await?;
        Ok(id)
    }

    /// What URIs end with: empty, or `?token=...`.
    pub(super) fn query(&self) -> String {
        self.with(&[])
    }

    /// A query of these arguments and the carried token.
    pub(super) fn with(&self, arguments: &[(&str, &str)]) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(arguments);
        if let Some(token) = &self.carried {
            query.append_pair("token", token);
        }
        let query = query.finish();
        if query.is_empty() { query } else { format!("?{query}") }
    }
}

impl<S: Sync> FromRequestParts<S> for Bearer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| crate::auth::Error::Missing.into())
    }
}

/// Parts of the path.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Problem))]
pub(super) struct Place<T>(pub(super) T);

/// Arguments of the query.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Problem))]
pub(super) struct Arguments<T>(pub(super) T);

/// A JSON body, whatever its Content-Type claims.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = Bytes::from_request(request, state).await?;
        let axum::Json(body) = axum::Json::from_bytes(&bytes)?;
        Ok(Self(body))
    }
}

/// A body of any kind.
pub(super) struct Raw(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for Raw {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        Ok(Self(Bytes::from_request(request, state).await?))
    }
}

/// What is not an identifier names no recording.
pub(super) fn recording_id(text: &str) -> Result<RecordingId, Problem> {
    text.parse().map_err(|_| Problem::no_recording())
}

/// What is not an identifier names no track.
pub(super) fn track_id(text: &str) -> Result<TrackId, Problem> {
    text.parse().map_err(|_| Problem::no_such_page())
}
