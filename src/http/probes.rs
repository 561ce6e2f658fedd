//! What operators and orchestrators ask. Without a token: nothing of a recording is told.

use super::App;
use super::analytics::OUTCOMES;
use super::error::Problem;
use super::openapi::problems::{Failing, Internal, NoSpace};
use crate::recorder::integrity::Integrity;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::sync::atomic::Ordering;
use utoipa::ToSchema;

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`
    #[schema(value_type = String)]
    status: &'static str,
    #[schema(value_type = String)]
    version: &'static str,
}

/// The process answers.
#[utoipa::path(
    get, path = "/healthz", operation_id = "getHealth", tag = "Probes",
    responses((status = 200, body = Health, description = "It does.")),
)]
pub(super) async fn health() -> Json<Health> {
    Json(Health { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Readiness {
    /// `ready`
    #[schema(value_type = String)]
    status: &'static str,
    recordings_running: u64,
}

/// A recording could be started and stored.
#[utoipa::path(
    get, path = "/readyz", operation_id = "getReadiness", tag = "Probes",
    responses(
        (status = 200, body = Readiness, description = "It could."),
        Failing<(Internal, NoSpace)>,
    ),
)]
pub(super) async fn ready(State(app): State<App>) -> Result<Json<Readiness>, Problem> {
    app.catalog.ping().await?;
    let free = app.store.free_bytes().await?;
    if free == 0 {
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "disk-full", "no space left"));
    }
    let recordings_running = app.recorder.running_ids().len() as u64;
    Ok(Json(Readiness { status: "ready", recordings_running }))
}

/// Figures in the text format of Prometheus.
#[utoipa::path(
    get, path = "/metrics", operation_id = "getMetrics", tag = "Probes",
    responses(
        (status = 200, body = String, content_type = "text/plain; version=0.0.4", description = "All of them."),
        Failing<Internal>,
    ),
)]
pub(super) async fn metrics(State(app): State<App>) -> Result<Response, Problem> {
    let running = app.recorder.running_ids().len();
    let detached = app.recorder.detached();
    let [restarted, rejoined] = app.recorder.repairs();
    let free = app.store.free_bytes().await?;
    let counts = counters(&app.recorder.integrity());
    let (segments, tables) = (app.popular.bytes(), app.files.cached());
    let events = *app.catalog.events_written().borrow();
    let webhooks = webhooks(app.webhooks.counts(), app.catalog.delivery_counts().await?);
    let audit = audit(&app);
    let access = access(&app);
    let views = views(&app);
    let text = format!(
        "# HELP tureen_recordings_running Recordings that run now.\n\
         # TYPE tureen_recordings_running gauge\n\
         tureen_recordings_running {running}\n\
         # HELP tureen_recordings_detached Recordings that have lost their room and look for it.\n\
         # TYPE tureen_recordings_detached gauge\n\
         tureen_recordings_detached {detached}\n\
         # HELP tureen_ice_restarts_total Times at which another media path was looked for.\n\
         # TYPE tureen_ice_restarts_total counter\n\
         tureen_ice_restarts_total {restarted}\n\
         # HELP tureen_rejoins_total Times at which a lost room was joined again.\n\
         # TYPE tureen_rejoins_total counter\n\
         tureen_rejoins_total {rejoined}\n\
         # HELP tureen_storage_free_bytes Bytes left on the file system of the recordings.\n\
         # TYPE tureen_storage_free_bytes gauge\n\
         tureen_storage_free_bytes {free}\n\
         # HELP tureen_segment_cache_bytes Segments in memory for others who watch the same.\n\
         # TYPE tureen_segment_cache_bytes gauge\n\
         tureen_segment_cache_bytes {segments}\n\
         # HELP tureen_moov_cache_bytes Sample tables in memory for the next range of a download.\n\
         # TYPE tureen_moov_cache_bytes gauge\n\
         tureen_moov_cache_bytes {tables}\n{counts}\
         # HELP tureen_events_total Events that were written.\n\
         # TYPE tureen_events_total counter\n\
         tureen_events_total {events}\n{webhooks}{access}{audit}{views}"
    );
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}

/// How true recordings are to what was sent, over the life of the process.
fn counters(all: &Integrity) -> String {
    let seconds = all.damaged_us.max(0) as u64 / 1_000_000;
    [
        ("packets_expected", "Packets that SFUs sent to recordings.", all.packets_expected),
        ("packets_received", "Packets that came.", all.packets_received),
        ("packets_recovered", "Packets that came because they were asked for again.", all.packets_recovered),
        ("packets_lost", "Packets that never came.", all.packets_lost),
        ("damaged_spans", "Stretches of tracks that cannot be decoded.", all.damaged_spans),
        ("damaged_seconds", "Their length together.", seconds),
        (
            "clock_anomalies",
            "Times at which a sender's clock was set, jumped or stood still.",
            all.clock_anomalies,
        ),
    ]
    .iter()
    .map(|(name, help, value)| {
        let name = format!("tureen_{name}_total");
        format!("# HELP {name} {help}\n# TYPE {name} counter\n{name} {value}\n")
    })
    .collect()
}

/// What the audit has written, and whether it can.
fn audit(app: &App) -> String {
    let stats = app.audit.appender.stats();
    let [rows, commits, failures, lost] = [&stats.rows, &stats.commits, &stats.failures, &stats.lost]
        .map(|count| count.load(Ordering::Relaxed));
    let (ready, sessions) = (u8::from(app.audit.appender.ready()), app.audit.sessions.count());
    format!(
        "# HELP tureen_audit_rows_total Rows of the audit that are durable.\n\
         # TYPE tureen_audit_rows_total counter\n\
         tureen_audit_rows_total {rows}\n\
         # HELP tureen_audit_commits_total Commits that they took, and those that failed.\n\
         # TYPE tureen_audit_commits_total counter\n\
         tureen_audit_commits_total{{outcome=\"done\"}} {commits}\n\
         tureen_audit_commits_total{{outcome=\"failed\"}} {failures}\n\
         # HELP tureen_audit_lost_total Entries of the audit that were given up.\n\
         # TYPE tureen_audit_lost_total counter\n\
         tureen_audit_lost_total {lost}\n\
         # HELP tureen_audit_ready Whether rows of the audit can be written: 0 means that requests are refused.\n\
         # TYPE tureen_audit_ready gauge\n\
         tureen_audit_ready {ready}\n\
         # HELP tureen_viewing_sessions Viewing sessions that have not ended.\n\
         # TYPE tureen_viewing_sessions gauge\n\
         tureen_viewing_sessions {sessions}\n"
    )
}

/// What became of what players told.
fn views(app: &App) -> String {
    let mut text = String::from(
        "# HELP tureen_view_told_total What players told of viewing: events, members of them, bodies and requests with CMCD.\n\
         # TYPE tureen_view_told_total counter\n",
    );
    for ((what, outcome), count) in OUTCOMES.iter().zip(app.views.counts()) {
        let line = format!("tureen_view_told_total{{what=\"{what}\",outcome=\"{outcome}\"}} {count}\n");
        text.push_str(&line);
    }
    text.push_str(&format!(
        "# HELP tureen_view_commits_total Transactions by which what players told was kept.\n\
         # TYPE tureen_view_commits_total counter\n\
         tureen_view_commits_total {}\n",
        app.views.commits()
    ));
    for (outcome, count) in app.inbox.counts() {
        let line = format!("tureen_view_told_total{{what=\"requests\",outcome=\"{outcome}\"}} {count}\n");
        text.push_str(&line);
    }
    text.push_str(&format!(
        "# HELP tureen_view_requests_waiting Requests with CMCD that are not kept yet.\n\
         # TYPE tureen_view_requests_waiting gauge\n\
         tureen_view_requests_waiting {}\n",
        app.inbox.waiting()
    ));
    text
}

/// What was refused, and how it goes with the keys that tokens are checked with.
fn access(app: &App) -> String {
    let refused = app.limits.refused();
    let keys = app.verifier.keys().map(|keys| {
        let [fetched, failed] = keys.counts();
        format!(
            "# HELP tureen_jwks_fetches_total Attempts to fetch the keys that tokens are checked with.\n\
             # TYPE tureen_jwks_fetches_total counter\n\
             tureen_jwks_fetches_total{{outcome=\"fetched\"}} {fetched}\n\
             tureen_jwks_fetches_total{{outcome=\"failed\"}} {failed}\n"
        )
    });
    format!(
        "# HELP tureen_requests_limited_total Requests that were refused because there were too many.\n\
         # TYPE tureen_requests_limited_total counter\n\
         tureen_requests_limited_total {refused}\n{}",
        keys.unwrap_or_default()
    )
}

/// What came of webhooks over the life of the process, and what is in the catalogue.
fn webhooks([delivered, failed, dead]: [u64; 3], (waiting, given_up): (u64, u64)) -> String {
    format!(
        "# HELP tureen_webhook_deliveries_total Attempts to deliver an event that were taken or failed, and deliveries \
         that were given up.\n\
         # TYPE tureen_webhook_deliveries_total counter\n\
         tureen_webhook_deliveries_total{{outcome=\"delivered\"}} {delivered}\n\
         tureen_webhook_deliveries_total{{outcome=\"failed\"}} {failed}\n\
         tureen_webhook_deliveries_total{{outcome=\"dead\"}} {dead}\n\
         # HELP tureen_webhooks_pending Deliveries that wait.\n\
         # TYPE tureen_webhooks_pending gauge\n\
         tureen_webhooks_pending {waiting}\n\
         # HELP tureen_webhooks_dead Deliveries that were given up and not repeated.\n\
         # TYPE tureen_webhooks_dead gauge\n\
         tureen_webhooks_dead {given_up}\n"
    )
}
