//! `GET /api/v1/recordings/{id}` and `/info`, and the nouns of all answers: one file for each, as Rust types, so that
//! the document at `/openapi.json` is made of what is sent.

pub(super) mod across;
pub(super) mod analytics;
pub(super) mod audit;
pub(super) mod integrity;
pub(super) mod participant;
pub(super) mod person;
pub(super) mod recording;
pub(super) mod share;
pub(super) mod shares;
pub(super) mod stamp;
pub(super) mod track;
pub(super) mod viewing;
pub(super) mod words;

use super::App;
use super::error::Problem;
use super::extract::{Bearer, Place, recording_id};
use super::openapi::params::OfRecording;
use super::openapi::problems::{NotFound, Refused};
use crate::auth::{Action, Held, held};
use crate::clock::{Clock, SystemClock};
use crate::playback::room::Room;
use axum::Json;
use axum::extract::State;
use recording::{Info, Whole};

/// A recording with its participants and tracks.
#[utoipa::path(
    get, path = "/{id}", operation_id = "getRecording", tag = "Recordings", params(OfRecording),
    responses((status = 200, body = Whole, description = "As far as it went."), Refused<NotFound>),
)]
pub(super) async fn get(
    State(app): State<App>,
    bearer: Bearer,
    Place(id): Place<String>,
) -> Result<Json<Whole>, Problem> {
    let id = bearer.permitted_on(&app, Action::View, &id).await?;
    let room = Room::load(&app.catalog, id).await?;
    let attached = app.recorder.progress(room.recording.id).map(|now| now.borrow().attached);
    Ok(Json(Whole::new(&room, attached)))
}

/// Whether, where and how a recording plays.
#[utoipa::path(
    get, path = "/{id}/info", operation_id = "getRecordingInfo", tag = "Recordings", params(OfRecording),
    responses((status = 200, body = Info, description = "As far as it went."), Refused<NotFound>),
)]
pub(super) async fn info(
    State(app): State<App>,
    bearer: Bearer,
    Place(id): Place<String>,
) -> Result<Json<Info>, Problem> {
    let id = recording_id(&id)?;
    let facts = app.access.permit(&bearer.subject, Action::View, id).await?;
    let room = Room::load(&app.catalog, id).await?;
    let analytics = match held(&bearer.subject, &facts, SystemClock.wall()) {
        Held::All => Some(app.catalog.viewing_sums(id).await?.into()),
        _ => None,
    };
    Ok(Json(Info::new(&room, &bearer.query(), analytics)))
}
