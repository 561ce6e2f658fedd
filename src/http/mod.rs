//! The HTTP API and the watch page. Only this module names axum, and only `error` maps errors to statuses.
//!
//! A handler extracts, asks [`crate::auth::permit`], calls, and responds. Every route under `/api/v1` needs a
//! token, also those that do not exist, so that nothing can be learnt without one.

mod assets;
mod authenticate;
mod bridge;
mod consent;
mod dash;
mod describe;
mod download;
mod erase;
mod error;
mod events;
mod extract;
mod hold;
mod list;
mod manifest;
mod pause;
mod probes;
mod range;
mod remove;
mod restore;
mod start;
mod stop;
mod stream;
mod webhooks;

use crate::auth::Verifier;
use crate::catalog::Catalog;
use crate::config::Origins;
use crate::id::RecordingId;
use crate::playback::fetch::Source;
use crate::playback::file::Files;
use crate::playback::playlists::Playlists;
use crate::playback::rows::Rows;
use crate::reach::Reach;
use crate::recorder::Supervisor;
use crate::storage::Store;
use crate::webhook::Stats;
use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post};
use error::Problem;
pub use events::Listeners;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};
use tower_http::cors::{AllowOrigin, Any, CorsLayer};
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;
use url::Url;

/// Largest request body.
const MAX_BODY_BYTES: usize = 64 << 10;
/// A start has to join a room first; nothing else takes long.
const TIMEOUT: Duration = Duration::from_secs(60);
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
    /// Their media playlists, and those of the ended ones.
    pub playlists: Playlists,
    /// The SFU service of recordings without a source.
    pub mediasoup: Option<Url>,
    /// Checks tokens.
    pub verifier: Arc<Verifier>,
    /// Where webhooks may go.
    pub reach: Reach,
    /// What came of webhooks.
    pub webhooks: Arc<Stats>,
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
    }

    fn source(&self) -> Source {
        Source {
            catalog: self.catalog.clone(),
            store: self.store.clone(),
            rows: self.rows.clone(),
            edges: self.recorder.edges().clone(),
        }
    }
}

/// All routes.
pub fn router(app: App, origins: &Origins) -> Router {
    let playable = DefaultPredicate::new()
        .and(NotForContentType::const_new("video/"))
        .and(NotForContentType::const_new("audio/mp4"));
    Router::new()
        .nest("/api/v1/recordings", protected(&app, recordings()))
        .nest("/api/v1/events", protected(&app, events()))
        .nest("/api/v1/webhooks", protected(&app, webhooks()))
        .merge(bridge(&app))
        .route("/healthz", get(probes::health))
        .route("/readyz", get(probes::ready))
        .route("/metrics", get(probes::metrics))
        .route("/watch/{id}", get(assets::watch))
        .route("/assets/{*path}", get(assets::asset))
        .fallback(|| async { Problem::no_such_page() })
        .method_not_allowed_fallback(|| async { Problem::wrong_method() })
        .with_state(app)
        .layer(CompressionLayer::new().compress_when(playable))
        .layer(cors(origins))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, TIMEOUT))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(TraceLayer::new_for_http().make_span_with(span))
        .layer(SetSensitiveRequestHeadersLayer::new([header::AUTHORIZATION, header::COOKIE]))
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
}

fn bridge(app: &App) -> Router<App> {
    let layer = from_fn_with_state(Arc::clone(&app.verifier), authenticate::authenticate);
    Router::new().route("/api/v1/bridge", get(bridge::attach).route_layer(layer))
}

fn recordings() -> Router<App> {
    Router::new()
        .route("/", get(list::list))
        .route("/start", post(start::start))
        .route("/{id}", get(describe::get).delete(remove::delete))
        .route("/{id}/stop", post(stop::stop))
        .route("/{id}/pause", post(pause::pause))
        .route("/{id}/resume", post(pause::resume))
        .route("/{id}/restore", post(restore::restore))
        .route("/{id}/legal-hold", post(hold::hold).delete(hold::release))
        .route("/{id}/participants/{participant}", delete(erase::erase))
        .route("/{id}/participants/{participant}/exclude", post(consent::exclude))
        .route("/{id}/participants/{participant}/include", post(consent::include))
        .route("/{id}/info", get(describe::info))
        .route("/{id}/events", get(events::list))
        .route("/{id}/download", get(download::download))
        .route("/{id}/manifest.json", get(manifest::manifest))
        .route("/{id}/stream/playlist.m3u8", get(stream::multivariant))
        .route("/{id}/stream/manifest.mpd", get(dash::manifest))
        .route("/{id}/stream/{*file}", get(stream::file))
}

fn events() -> Router<App> {
    Router::new().route("/", get(events::listen)).route("/replay", post(webhooks::replay))
}

fn webhooks() -> Router<App> {
    Router::new().route("/dead", get(webhooks::dead)).route("/dead/redeliver", post(webhooks::redeliver))
}

/// Needs a token, also where there is nothing.
fn protected(app: &App, routes: Router<App>) -> Router<App> {
    routes
        .fallback(|| async { Problem::no_such_page() })
        .method_not_allowed_fallback(|| async { Problem::wrong_method() })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn_with_state(Arc::clone(&app.verifier), authenticate::authenticate))
}

fn cors(origins: &Origins) -> CorsLayer {
    let layer = CorsLayer::new()
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::RANGE,
            header::IF_NONE_MATCH,
            header::IF_RANGE,
            HeaderName::from_static("last-event-id"),
        ])
        .expose_headers([
            header::CONTENT_RANGE,
            header::CONTENT_DISPOSITION,
            header::ACCEPT_RANGES,
            header::ETAG,
            REQUEST_ID,
        ])
        .max_age(Duration::from_secs(3600));
    match origins {
        Origins::AnyToRead => layer.allow_origin(Any).allow_methods([Method::GET, Method::HEAD]),
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

/// Serves until `stop` is over and the requests that had begun are answered.
///
/// # Errors
/// What the listener says.
pub async fn serve(
    listener: tokio::net::TcpListener,
    router: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(stop).await
}

#[cfg(test)]
mod tests;
