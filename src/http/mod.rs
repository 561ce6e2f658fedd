//! The HTTP API and the watch page. Only this module names axum, and only `error` maps errors to statuses.
//!
//! A handler extracts, asks [`crate::auth::permit`], calls, and responds. Every route under `/api/v1` needs a
//! token, also those that do not exist, so that nothing can be learnt without one.

mod access;
mod analytics;
mod assets;
mod audit;
mod authenticate;
mod bridge;
mod consent;
mod dash;
mod describe;
mod download;
mod erase;
mod error;
mod events;
mod export;
mod extract;
mod headers;
mod hold;
mod limits;
mod list;
mod manifest;
mod openapi;
mod pause;
mod probes;
mod range;
mod remove;
mod restore;
mod routes;
mod serve;
mod share;
mod share_open;
mod signed;
mod sse;
mod start;
mod stop;
mod stream;
mod webhooks;

use crate::analytics::cmcd::HEADERS;
use crate::audit::Audit;
use crate::auth::{Sealer, Verifier};
use crate::catalog::Catalog;
use crate::config::Origins;
use crate::id::RecordingId;
use crate::playback::fetch::Source;
use crate::playback::file::Files;
use crate::playback::filled::Fills;
use crate::playback::playlists::Playlists;
use crate::playback::popular::Popular;
use crate::playback::rows::Rows;
use crate::reach::Reach;
use crate::recorder::Supervisor;
use crate::storage::Store;
use crate::webhook::Stats;
pub use access::Access;
pub use analytics::{HOLD, Inbox, Views};
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::{Extension, Router};
use error::Problem;
pub use limits::Limits;
pub use serve::serve;
pub use share_open::Doors;
pub use sse::Listeners;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tower::util::MapRequestLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};
use tower_http::cors::{AllowMethods, AllowOrigin, Any, CorsLayer};
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;
use tower_http::trace::TraceLayer;
use url::Url;

/// Largest request body.
const MAX_BODY_BYTES: usize = 64 << 10;
/// Where players report, which they may from any origin.
const REPORTS: &str = "/cmcd";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What handlers work with.
#[derive(Clone)]
pub struct App {
    /// Rows.
    pub catalog: Catalog,
    /// Files.
    pub store: Store,
    /// Files that are computed.
    pub files: Files,
    /// Running recordings.
    pub recorder: Supervisor,
    /// What segments of the ended ones are found by.
    pub rows: Rows,
    /// Fills that were made.
    pub fills: Fills,
    /// Their segments that many ask for, and those of the running ones.
    pub popular: Popular,
    /// Their media playlists, and those of the ended ones.
    pub playlists: Playlists,
    /// The SFU service of recordings without a source.
    pub mediasoup: Option<Url>,
    /// Records who did what.
    pub audit: Audit,
    /// Checks tokens.
    pub verifier: Arc<Verifier>,
    /// Seals capabilities.
    pub sealer: Sealer,
    /// Who may do what with recordings.
    pub access: Access,
    /// How often somebody may ask.
    pub limits: Limits,
    /// Works on passwords.
    pub doors: Doors,
    /// Whose pages may show ours in a frame: a source list of Content Security Policy 3, 6.4.2.
    pub frames: Arc<str>,
    /// Where webhooks may go.
    pub reach: Reach,
    /// What came of webhooks.
    pub webhooks: Arc<Stats>,
    /// Viewing sessions that go on.
    pub views: Views,
    /// What players tell of themselves with requests.
    pub inbox: Inbox,
    /// Who listens to events.
    pub listeners: Listeners,
    /// The service ends: answers without an end must come to one.
    pub closing: CancellationToken,
}

impl App {
    /// Something of a recording was taken away or given back: nothing that is kept of it is served again.
    fn forget(&self, id: RecordingId) {
        self.rows.forget(id);
        self.playlists.forget(id);
        self.files.forget();
        self.popular.forget(id);
        self.views.forget(id);
    }

    fn source(&self) -> Source {
        Source {
            catalog: self.catalog.clone(),
            store: self.store.clone(),
            rows: self.rows.clone(),
            edges: self.recorder.edges().clone(),
            fills: self.fills.clone(),
            popular: self.popular.clone(),
        }
    }
}

/// All routes.
pub fn router(app: App, origins: &Origins) -> Router {
    let recorder = audit::Recorder::new(app.audit.clone(), app.catalog.clone());
    let playable = DefaultPredicate::new()
        .and(NotForContentType::const_new("video/"))
        .and(NotForContentType::const_new("audio/"));
    let slow_bodies = RequestBodyTimeoutLayer::new(app.limits.body_pause());
    let (router, api) = routes::all(&app).into_parts();
    router
        .layer(Extension(openapi::Document::new(&api)))
        .fallback(|| async { Problem::no_such_page() })
        .method_not_allowed_fallback(|| async { Problem::wrong_method() })
        .with_state(app)
        // Few layers, each of several with the outermost first: each would box the request's future and the answer's body else.
        .layer((
            MapRequestLayer::new(ranges_to_get),
            from_fn(limits::in_time),
            slow_bodies,
            CompressionLayer::new().compress_when(playable),
        ))
        .layer(from_fn_with_state(recorder, audit::record))
        .layer((
            SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid),
            SetSensitiveRequestHeadersLayer::new([header::AUTHORIZATION, header::COOKIE]),
            TraceLayer::new_for_http().make_span_with(span),
            PropagateRequestIdLayer::new(REQUEST_ID),
            map_response(headers::guard),
            MapRequestLayer::new(only_reports),
            // Around all that may answer: pages of other origins must be able to read refusals, too.
            cors(origins),
        ))
}

fn cors(origins: &Origins) -> CorsLayer {
    let of_players = HEADERS.map(HeaderName::from_static);
    let of_others = [
        header::AUTHORIZATION,
        header::CONTENT_TYPE,
        header::RANGE,
        header::IF_NONE_MATCH,
        header::IF_RANGE,
        HeaderName::from_static("last-event-id"),
    ];
    let allowed: Vec<HeaderName> = of_others.into_iter().chain(of_players).collect();
    let layer = CorsLayer::new()
        .allow_headers(allowed)
        .expose_headers([
            header::CONTENT_RANGE,
            header::CONTENT_DISPOSITION,
            header::ACCEPT_RANGES,
            header::ETAG,
            REQUEST_ID,
        ])
        .max_age(Duration::from_secs(3600));
    match origins {
        // Those that `only_reports` has left.
        Origins::AnyToRead => layer.allow_origin(Any).allow_methods(AllowMethods::mirror_request()),
        Origins::Only(names) => {
            let names = names.iter().filter_map(|name| HeaderValue::from_str(name).ok());
            layer.allow_origin(AllowOrigin::list(names)).allow_methods([
                Method::GET,
                Method::HEAD,
                Method::POST,
                Method::DELETE,
            ])
        }
    }
}

/// Pages of any origin may read, and nothing else but report what their players do: what another one asks whether it
/// may is answered as if it asked to read.
fn only_reports(mut request: Request) -> Request {
    if request.method() == Method::OPTIONS && !request.uri().path().ends_with(REPORTS) {
        let read = HeaderValue::from_static("GET");
        request.headers_mut().insert(header::ACCESS_CONTROL_REQUEST_METHOD, read);
    }
    request
}

/// Of nothing but what GET asks for there are ranges (RFC 9110 14.2).
fn ranges_to_get(mut request: Request) -> Request {
    if request.method() != Method::GET {
        request.headers_mut().remove(header::RANGE);
    }
    request
}

/// The path without its query, which may hold a token.
fn span(request: &Request) -> tracing::Span {
    let id = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default();
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str).unwrap_or_default();
    tracing::info_span!(
        "request",
        http.method = %request.method(),
        http.path = request.uri().path(),
        http.route = route,
        request.id = id,
    )
}

#[cfg(test)]
mod tests;
