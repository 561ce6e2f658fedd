//! HTTP routes by which a test steers the SFU.

use crate::sfu::Rooms;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use std::sync::Arc;

pub(crate) fn routes(rooms: Arc<Rooms>) -> Router {
    Router::new().route("/control/room/{id}/stats", get(stats)).with_state(rooms)
}

async fn stats(State(rooms): State<Arc<Rooms>>, Path(id): Path<String>) -> Response {
    match rooms.known(&id).await {
        Some(room) => Json(room.stats().await).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
