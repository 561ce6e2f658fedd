//! All addresses, and in front of each what a request must pass. Router and document are made of this one list, so that
//! no route is undocumented.

use super::authenticate::{Gate, authenticate};
use super::error::Problem;
use super::{
    App, MAX_BODY_BYTES, analytics, assets, audit, bridge, consent, dash, describe, download, erase, events,
    hold, list, manifest, openapi, pause, probes, remove, restore, share, share_open, signed, start, stop,
    stream, webhooks,
};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use std::sync::Arc;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;

/// Routes with what is told of them. Only annotated handlers get in, by [`routes!`].
pub(super) struct Routes(OpenApiRouter<App>);

impl Routes {
    fn new() -> Self {
        Self(OpenApiRouter::default())
    }

    fn route(self, methods: UtoipaMethodRouter<App>) -> Self {
        Self(self.0.routes(methods))
    }

    /// Needs a token, also where there is nothing.
    fn behind(self, gate: &Arc<Gate>) -> Self {
        let (router, mut api) = self.0.split_for_parts();
        openapi::secure(&mut api);
        Self::of(answering(router).layer(from_fn_with_state(Arc::clone(gate), authenticate)), api)
    }

    /// Needs none: what is there says itself what it wants.
    fn open(self) -> Self {
        let (router, api) = self.0.split_for_parts();
        Self::of(answering(router), api)
    }

    fn of(router: Router<App>, api: OpenApi) -> Self {
        let mut routes = OpenApiRouter::from(router);
        *routes.get_openapi_mut() = api;
        Self(routes)
    }

    fn nest(self, at: &str, inner: Self) -> Self {
        Self(self.0.nest(at, inner.0))
    }

    pub(super) fn into_parts(self) -> (Router<App>, OpenApi) {
        self.0.split_for_parts()
    }

    #[cfg(test)]
    pub(super) fn paths(&self) -> Vec<String> {
        self.0.get_openapi().paths.paths.keys().cloned().collect()
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
    Routes(OpenApiRouter::with_openapi(openapi::document()))
        .nest("/api/v1/recordings", recordings().behind(&gate))
        .nest("/api/v1/events", events().behind(&gate))
        .nest("/api/v1/webhooks", webhooks().behind(&gate))
        .nest("/api/v1/analytics", viewings().behind(&gate))
        .nest("/api/v1/audit", audits().behind(&gate))
        .nest("/api/v1/shares/open", Routes::new().route(routes!(share_open::open)).open())
        .nest("/api/v1/shares", Routes::new().route(routes!(share::mine)).behind(&gate))
        .nest("/api/v1/bridge", Routes::new().route(routes!(bridge::attach)).behind(&gate))
        .route(routes!(probes::health))
        .route(routes!(probes::ready))
        .route(routes!(probes::metrics))
        .route(routes!(assets::watch))
        .route(routes!(assets::asset))
        .route(routes!(assets::api_docs))
        .route(routes!(openapi::get))
}

fn recordings() -> Routes {
    Routes::new()
        .route(routes!(list::list))
        .route(routes!(start::start))
        .route(routes!(describe::get, remove::delete))
        .route(routes!(stop::stop))
        .route(routes!(pause::pause))
        .route(routes!(pause::resume))
        .route(routes!(restore::restore))
        .route(routes!(hold::hold, hold::release))
        .route(routes!(erase::erase))
        .route(routes!(consent::exclude))
        .route(routes!(consent::include))
        .route(routes!(share::list, share::share))
        .route(routes!(share::revoke))
        .route(routes!(describe::info))
        .route(routes!(events::list))
        .route(routes!(analytics::progress::progress))
        .route(routes!(analytics::cmcd_reports::report))
        .route(routes!(analytics::of_recording::of_recording))
        .route(routes!(analytics::sessions::of_recording))
        .route(routes!(analytics::live::of_recording))
        .route(routes!(audit::history::history))
        .route(routes!(download::download))
        .route(routes!(signed::download_url))
        .route(routes!(signed::stream_url))
        .route(routes!(manifest::manifest))
        .route(routes!(stream::multivariant))
        .route(routes!(dash::manifest))
        .route(routes!(stream::earlier))
        .route(routes!(stream::media))
        .route(routes!(stream::iframes))
        .route(routes!(stream::file))
}

fn events() -> Routes {
    Routes::new().route(routes!(events::listen)).route(routes!(webhooks::replay))
}

fn viewings() -> Routes {
    Routes::new()
        .route(routes!(analytics::across::across))
        .route(routes!(analytics::sessions::of_all))
        .route(routes!(analytics::history::history))
        .route(routes!(analytics::live::of_all))
        .route(routes!(analytics::erase::erase))
}

fn audits() -> Routes {
    Routes::new()
        .route(routes!(audit::query::query))
        .route(routes!(audit::export::export))
        .route(routes!(audit::erase::erase))
}

fn webhooks() -> Routes {
    Routes::new().route(routes!(webhooks::dead)).route(routes!(webhooks::redeliver))
}
