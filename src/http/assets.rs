//! The watch page, embedded into the binary from `web/dist`, which `make web` builds. A debug build reads it from there
//! each time.

use super::App;
use super::error::Problem;
use super::extract::{Place, recording_id};
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

/// `GET /watch/{id}`: the page. It asks for the recording with the bearer's token, so it tells nothing itself.
pub(super) async fn watch(State(app): State<App>, Place(id): Place<String>) -> Result<Response, Problem> {
    recording_id(&id)?;
    let page = Pages::get("watch.html").ok_or_else(|| {
        let detail = "this binary was built without its pages: run 'make web' before building";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no-pages", detail)
    })?;
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
        // Applications show the page in a frame of theirs.
        (header::CONTENT_SECURITY_POLICY, format!("{POLICY}{}", app.frames)),
    ];
    Ok((headers, page.data).into_response())
}

/// `GET /assets/...`: their names hold a hash of what is in them.
pub(super) async fn asset(Place(path): Place<String>) -> Result<Response, Problem> {
    let file = Pages::get(&format!("assets/{path}")).ok_or_else(Problem::no_such_page)?;
    let kind = mime_guess::from_path(&path).first_or_octet_stream();
    let headers: [(HeaderName, String); 2] = [
        (header::CONTENT_TYPE, kind.to_string()),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable".to_owned()),
    ];
    Ok((headers, file.data).into_response())
}
