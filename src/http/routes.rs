//! All addresses, and in front of each what a request must pass.

use super::authenticate::{Gate, authenticate};
use super::error::Problem;
use super::{
    App, MAX_BODY_BYTES, assets, audit, bridge, consent, dash, describe, download, erase, events, hold, list,
    manifest, pause, probes, remove, restore, share, share_open, signed, start, stop, stream, webhooks,
};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, delete, get, post};
use std::sync::Arc;

/// Routes that are known by their paths, so that a test finds each for which nobody has said who may use it.
pub(super) struct Routes {
    router: Router<App>,
    paths: Vec<String>,
}

impl Routes {
    fn new() -> Self {
        Self { router: Router::new(), paths: Vec::new() }
    }

    fn route(mut self, path: &str, methods: MethodRouter<App>) -> Self {
        self.router = self.router.route(path, methods);
        self.paths.push(path.to_owned());
        self
    }

    /// Needs a token, also where there is nothing.
    fn behind(mut self, gate: &Arc<Gate>) -> Self {
        self.router = answering(self.router).layer(from_fn_with_state(Arc::clone(gate), authenticate));
        self
    }

    /// Needs none: what is there says itself what it wants.
    fn open(mut self) -> Self {
        self.router = answering(self.router);
        self
    }

    fn nest(mut self, at: &str, inner: Self) -> Self {
        self.router = self.router.nest(at, inner.router);
        self.paths.extend(inner.paths.iter().map(|path| format!("{at}{}", path.trim_end_matches('/'))));
        self
    }

    pub(super) fn into_router(self) -> Router<App> {
        self.router
    }

    #[cfg(test)]
    pub(super) fn paths(&self) -> &[String] {
        &self.paths
    }
}

/// Problem documents where there is nothing, and nothing that is too large.
fn answering(router: Router<App>) -> Router<App> {
    router
        .fallback(|| async { Problem::no_such_page() })
        .method_not_allowed_fallback(|| async { Problem::wrong_method() })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
}

/// All routes.
pub(super) fn all(app: &App) -> Routes {
    let gate = Gate::new(Arc::clone(&app.verifier), app.sealer.clone(), app.limits.clone());
    let gate = Arc::new(gate);
    Routes::new()
        .nest("/api/v1/recordings", recordings().behind(&gate))
        .nest("/api/v1/events", events().behind(&gate))
        .nest("/api/v1/webhooks", webhooks().behind(&gate))
        .nest("/api/v1/audit", audits().behind(&gate))
        .nest("/api/v1/shares/open", Routes::new().route("/", post(share_open::open)).open())
        .nest("/api/v1/shares", Routes::new().route("/", get(share::mine)).behind(&gate))
        .nest("/api/v1/bridge", Routes::new().route("/", get(bridge::attach)).behind(&gate))
        .route("/healthz", get(probes::health))
        .route("/readyz", get(probes::ready))
        .route("/metrics", get(probes::metrics))
        .route("/watch/{id}", get(assets::watch))
        .route("/assets/{*path}", get(assets::asset))
}

fn recordings() -> Routes {
    Routes::new()
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
        .route("/{id}/shares", get(share::list).post(share::share))
        .route("/{id}/shares/{share}", delete(share::revoke))
        .route("/{id}/info", get(describe::info))
        .route("/{id}/events", get(events::list))
        .route("/{id}/history", get(audit::history))
        .route("/{id}/download", get(download::download))
        .route("/{id}/download-url", get(signed::download_url))
        .route("/{id}/stream-url", get(signed::stream_url))
        .route("/{id}/manifest.json", get(manifest::manifest))
        .route("/{id}/stream/playlist.m3u8", get(stream::multivariant))
        .route("/{id}/stream/manifest.mpd", get(dash::manifest))
        .route("/{id}/stream/{*file}", get(stream::file))
}

fn events() -> Routes {
    Routes::new().route("/", get(events::listen)).route("/replay", post(webhooks::replay))
}

fn audits() -> Routes {
    Routes::new()
        .route("/", get(audit::query))
        .route("/export", get(audit::export))
        .route("/erase", post(audit::erase))
}

fn webhooks() -> Routes {
    Routes::new().route("/dead", get(webhooks::dead)).route("/dead/redeliver", post(webhooks::redeliver))
}
