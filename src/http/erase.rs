//! `DELETE /api/v1/recordings/{id}/participants/{participant}`: one person is taken out of a recording for good.

use super::App;
use super::error::Problem;
use super::extract::{Bearer, Place};
use super::openapi::params::OfParticipant;
use super::openapi::problems::{LegalHold, NotFound, Refused, StillRecording, StoredElsewhere};
use crate::auth::Action;
use crate::id::{ParticipantId, RecordingId, TrackId};
use crate::recorder::removal;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

/// Who is not in it any more.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ErasedParticipant)]
pub(super) struct Erased {
    #[schema(value_type = Uuid)]
    recording_id: RecordingId,
    /// Several, if they were there with several devices.
    #[schema(value_type = Vec<Uuid>)]
    participants: Vec<ParticipantId>,
    #[schema(value_type = Vec<Uuid>)]
    tracks: Vec<TrackId>,
    #[schema(value_type = String)]
    message: &'static str,
}

/// Takes somebody out of a recording for good: their tracks and what is known of them.
///
/// Of a hidden recording too: hiding it took nobody out of it.
#[utoipa::path(
    delete, path = "/{id}/participants/{participant}", operation_id = "eraseParticipant", tag = "Recordings",
    params(OfParticipant),
    responses(
        (status = 200, body = Erased, description = "They are not in it any more."),
        Refused<(NotFound, StillRecording, LegalHold, StoredElsewhere)>,
    ),
)]
pub(super) async fn erase(
    State(app): State<App>,
    bearer: Bearer,
    Place((id, who)): Place<(String, String)>,
) -> Result<Json<Erased>, Problem> {
    let id = bearer.permitted_on(&app, Action::Purge, &id).await?;
    let erased = removal::erase(&app.catalog, &app.store, id, &who).await;
    // Also of one that failed half way.
    app.forget(id);
    let erased = erased?;
    Ok(Json(Erased {
        recording_id: id,
        participants: erased.participants,
        tracks: erased.tracks,
        message: "the participant has been erased",
    }))
}
