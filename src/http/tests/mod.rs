//! The router with real rows and files behind it, without a socket.

mod access;
mod analytics;
mod attacks;
mod audit;
mod auth;
mod bridge;
mod cmcd;
mod contract;
mod dash;
mod download;
mod events;
mod low_latency;
mod openapi;
mod removal;
mod rows;
mod shares;
mod signed;
mod start;
mod stream;

use super::{Access, App, Doors, Inbox, Limits, Listeners, Views, router, routes};
use crate::audit::{Audit, Config, Trusted};
use crate::auth::{Claims, Role, Sealer, Verifier, mint};
use crate::catalog::{NewShare, With};
use crate::cli::supervisor;
use crate::clock::{Clock, SystemClock};
use crate::config::Origins;
use crate::id::ShareId;
use crate::level::Level;
use crate::live::Hub;
use crate::media::segment::Policy;
use crate::playback::file::Files;
use crate::playback::filled::Fills;
use crate::playback::fixture::Fixture;
use crate::playback::placed::Places;
use crate::playback::playlists::Playlists;
use crate::playback::popular::Popular;
use crate::playback::rows::Rows;
use crate::reach::Reach;
use crate::sfu::bridge::Lobby;
use crate::storage::Key;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use contract::Contract;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

const SECRET: &[u8] = b"the secret of the tests, 32 bytes";
const BASE: &str = "/api/v1/recordings";

/// An answer, read to its end.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// A problem document of this status and name.
    #[track_caller]
    fn problem(&self, status: u16, name: &str) -> Value {
        let body = self.json();
        assert_eq!(
            (self.status.as_u16(), self.header("content-type")),
            (status, "application/problem+json"),
            "{body}"
        );
        assert_eq!(body["type"], format!("urn:tureen:problem:{name}"), "{body}");
        assert_eq!(body["status"], status);
        assert!(
            body["error"].is_string() && body["error"] == body["detail"] && body["title"].is_string(),
            "{body}"
        );
        body
    }
}

struct TestApp {
    fixture: Fixture,
    router: axum::Router,
    audit: Audit,
    closing: CancellationToken,
    listeners: Listeners,
    inbox: Inbox,
    edges: Hub,
    lobby: Lobby,
    contract: Contract,
    paths: Vec<String>,
}

/// Whom the recording is shared with, up to downloads.
const GUEST: &str = "user-1";
/// Who started it.
const OWNER: &str = "teacher";

impl TestApp {
    async fn new() -> Self {
        Self::with(Origins::AnyToRead).await
    }

    async fn with(origins: Origins) -> Self {
        Self::reaching(Reach::anywhere(), origins).await
    }

    async fn reaching(reach: Reach, origins: Origins) -> Self {
        Self::limited(reach, origins, Limits::new(0)).await
    }

    async fn limited(reach: Reach, origins: Origins, limits: Limits) -> Self {
        let fixture = Fixture::new().await;
        shared(&fixture, With::User(GUEST.to_owned()), Level::Download).await;
        let (catalog, store) = (fixture.catalog.clone(), fixture.store.clone());
        let rows = Rows::new(catalog.clone());
        let config = Config {
            folder: fixture.folder.path().join("audit"),
            key: None,
            heads_every: Duration::from_secs(300),
            session_idle: Duration::from_secs(60),
            retention: None,
            proxies: Trusted::new(["10.0.0.1"]).unwrap(),
        };
        let audit = Audit::begin(catalog.clone(), Arc::new(SystemClock), config).await.unwrap();
        let (policy, appender) = (Policy::default(), audit.appender.clone());
        let recorder = supervisor(catalog.clone(), store.clone(), policy, reach.clone(), 8, appender);
        let (edges, lobby) = (recorder.edges().clone(), recorder.lobby().clone());
        let views = Views::new(catalog.clone());
        let places = Places::new(catalog.clone(), rows.clone(), edges.clone());
        let inbox = Inbox::open(views.clone(), places, Duration::from_millis(30));
        let app = App {
            audit: audit.clone(),
            files: Files::new(fixture.source(), 1 << 20),
            rows,
            fills: Fills::default(),
            popular: Popular::new(1 << 20),
            playlists: Playlists::new(catalog.clone(), store.clone(), edges.clone()),
            catalog,
            store,
            recorder,
            mediasoup: None,
            verifier: Arc::new(Verifier::hs256(SECRET)),
            sealer: Sealer::derived(SECRET).unwrap(),
            access: Access::new(fixture.catalog.clone(), true),
            limits,
            doors: Doors::default(),
            frames: "'self'".into(),
            reach,
            webhooks: Arc::default(),
            views,
            inbox: inbox.clone(),
            listeners: Listeners::new(2, Duration::from_millis(300)),
            closing: CancellationToken::new(),
        };
        let (closing, listeners) = (app.closing.clone(), app.listeners.clone());
        let paths = routes::all(&app).paths();
        let router = router(app, &origins);
        let document = Request::get("/openapi.json").body(Body::empty()).unwrap();
        let contract = Contract(answer(&router, document).await.json());
        Self { router, audit, closing, listeners, inbox, fixture, edges, lobby, paths, contract }
    }

    /// The answer, which is as the document says.
    async fn send(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let answer = answer(&self.router, request).await;
        self.contract.hold(&method, &path, &answer);
        answer
    }

    async fn get(&self, path: &str, role: Role) -> Answer {
        self.get_with(path, role, &[]).await
    }

    async fn get_with(&self, path: &str, role: Role, headers: &[(&str, &str)]) -> Answer {
        self.with_method(Method::GET, path, role, headers).await
    }

    async fn with_method(&self, method: Method, path: &str, role: Role, headers: &[(&str, &str)]) -> Answer {
        let request = Request::builder().method(method).uri(path);
        let mut request = request.header("authorization", format!("Bearer {}", token(role)));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    async fn call(&self, method: Method, path: &str, role: Role, body: &str) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {}", token(role)))
            .header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    async fn call_as(&self, method: Method, path: &str, user: &str, role: Role, body: &str) -> Answer {
        let claims = Claims::new(user, "", role, SystemClock.wall(), 600);
        self.call_with(method, path, &mint(SECRET, &claims).unwrap(), body).await
    }

    async fn call_with(&self, method: Method, path: &str, token: &str, body: &str) -> Answer {
        let request = Request::builder().method(method).uri(path);
        let request = request.header("authorization", format!("Bearer {token}"));
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// Without a token in a header.
    async fn bare(&self, method: Method, path: &str, body: &str) -> Answer {
        let request = Request::builder().method(method).uri(path);
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// The address of the recording.
    fn at(&self, rest: &str) -> String {
        format!("{BASE}/{}{rest}", self.fixture.recording)
    }
}

async fn answer(router: &axum::Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 1 << 24).await.unwrap();
    Answer { status: parts.status, headers: parts.headers, body }
}

/// Teachers are the owner, students those whom the recording is shared with.
fn claims(role: Role) -> Claims {
    let user = if role == Role::Teacher { OWNER } else { GUEST };
    Claims::new(user, "user@example.org", role, SystemClock.wall(), 600)
}

async fn shared(fixture: &Fixture, with: With, level: Level) -> ShareId {
    let new = NewShare {
        id: ShareId::new(),
        recording: fixture.recording,
        shared_by: OWNER.to_owned(),
        with,
        level,
        expires_at: None,
        password_hash: None,
        max_uses: None,
        parent: None,
        metadata: serde_json::json!({}),
    };
    assert!(fixture.catalog.add_share(&new).await.unwrap());
    new.id
}

fn token(role: Role) -> String {
    mint(SECRET, &claims(role)).unwrap()
}
