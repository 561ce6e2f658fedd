//! The watch page, embedded into the binary from `web/dist`, which `make web` builds. A debug build reads it from there
//! each time.

use super::App;
use super::error::Problem;
use super::extract::{Place, recording_id};
use super::openapi::params::OfRecording;
use super::openapi::problems::{Failing, NoPages, NotFound};
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::Embed;

#[derive(Embed)]
#[folder = "web/dist/"]
#[allow_missing = true]
struct Pages;

/// Only what we serve: scripts and styles of our own, media by Media Source.
const POLICY: &str = "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; worker-src 'self' blob:; \
                      object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors ";

/// The page that plays a recording.
///
/// It asks for the recording with the token of its visitor, so it tells nothing itself.
#[utoipa::path(
    get, path = "/watch/{id}", operation_id = "watch", tag = "Pages", params(OfRecording),
    responses(
        (status = 200, body = String, content_type = "text/html; charset=utf-8", description = "HTML."),
        Failing<(NotFound, NoPages)>,
    ),
)]
pub(super) async fn watch(State(app): State<App>, Place(id): Place<String>) -> Result<Response, Problem> {
    recording_id(&id)?;
    page("watch.html", &app.frames)
}

/// The page that shows this document.
#[utoipa::path(
    get, path = "/api-docs", operation_id = "browseApi", tag = "Pages",
    responses(
        (status = 200, body = String, content_type = "text/html; charset=utf-8", description = "HTML."),
        Failing<NoPages>,
    ),
)]
pub(super) async fn api_docs() -> Result<Response, Problem> {
    page("api-docs.html", "'none'")
}

/// `frames` may show it in one of theirs.
fn page(name: &str, frames: &str) -> Result<Response, Problem> {
    let page = Pages::get(name).ok_or_else(|| {
        let detail = "this binary was built without its pages: run 'make web' before building";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no-pages", detail)
    })?;
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
        // Applications show the page in a frame of theirs.
        (header::CONTENT_SECURITY_POLICY, format!("{POLICY}{frames}")),
    ];
    Ok((headers, page.data).into_response())
}

/// A script or style of the pages: their names hold a hash of what is in them.
#[utoipa::path(
    get, path = "/assets/{file}", operation_id = "getAsset", tag = "Pages",
    params(("file" = String, Path, example = "licences.txt", min_length = 1)),
    responses(
        (status = 200, description = "The file.", content(("text/javascript"), ("text/css"), ("text/plain"))),
        Failing<NotFound>,
    ),
)]
pub(super) async fn asset(Place(path): Place<String>) -> Result<Response, Problem> {
    let file = Pages::get(&format!("assets/{path}")).ok_or_else(Problem::no_such_page)?;
    let kind = mime_guess::from_path(&path).first_or_octet_stream();
    let headers: [(HeaderName, String); 2] = [
        (header::CONTENT_TYPE, kind.to_string()),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable".to_owned()),
    ];
    Ok((headers, file.data).into_response())
}
