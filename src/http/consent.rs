//! `POST /api/v1/recordings/{id}/participants/{participant}/exclude` and `/include`: consent taken back, and given.

use super::App;
use super::audit::Noted;
use super::error::Problem;
use super::extract::{Bearer, Place};
use super::openapi::params::OfParticipant;
use super::openapi::problems::{NotFound, NotRunning, Refused};
use crate::auth::Action;
use crate::id::RecordingId;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

/// Whether somebody is recorded.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Consent {
    #[schema(value_type = Uuid)]
    recording_id: RecordingId,
    /// Whom it concerns: several, if a user is there with several devices.
    peer_ids: Vec<String>,
    recorded: bool,
    message: String,
}

/// Takes somebody out of a running recording.
///
/// They are named by an id of the manifest, a peer id or a user id: then all devices of theirs, and those that come later.
/// Nothing of them that arrives after the answer is stored, and the choice is kept, over a restart too.
#[utoipa::path(
    post, path = "/{id}/participants/{participant}/exclude", operation_id = "excludeParticipant", tag = "Recordings",
    params(OfParticipant),
    responses((status = 200, body = Consent, description = "It holds."), Refused<(NotFound, NotRunning)>),
)]
pub(super) async fn exclude(
    app: State<App>,
    bearer: Bearer,
    noted: Noted,
    place: Place<(String, String)>,
) -> Result<Json<Consent>, Problem> {
    admit(app, bearer, noted, place, false).await
}

/// Lets somebody into a running recording, again, or although its start did not name them.
#[utoipa::path(
    post, path = "/{id}/participants/{participant}/include", operation_id = "includeParticipant", tag = "Recordings",
    params(OfParticipant),
    responses((status = 200, body = Consent, description = "It holds."), Refused<(NotFound, NotRunning)>),
)]
pub(super) async fn include(
    app: State<App>,
    bearer: Bearer,
    noted: Noted,
    place: Place<(String, String)>,
) -> Result<Json<Consent>, Problem> {
    admit(app, bearer, noted, place, true).await
}

/// Whoever may stop a recording says whom it records.
async fn admit(
    State(app): State<App>,
    bearer: Bearer,
    noted: Noted,
    Place((id, who)): Place<(String, String)>,
    admitted: bool,
) -> Result<Json<Consent>, Problem> {
    let id = bearer.permitted_on(&app, Action::Stop, &id).await?;
    let row = app.catalog.recording(id).await?.filter(|row| row.deleted_at.is_none());
    row.ok_or_else(Problem::no_recording)?;
    noted.target(&who);
    let peer_ids = app.recorder.admit(id, &who, admitted).await?;
    let message = if admitted { "is recorded" } else { "is not recorded any more" };
    let message = format!("the participant {message}");
    Ok(Json(Consent { recording_id: id, peer_ids, recorded: admitted, message }))
}
