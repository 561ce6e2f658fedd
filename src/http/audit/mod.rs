//! What is asked of the API leaves a record: before the answer is given, and before the first byte of media.
//!
//! [`record`] stands around all of `/api/v1`, outside of who may do what, so that refusals are seen too. What was asked it
//! knows from the route ([`rule`]); who asked is told to it from inside ([`Slot`], [`Noted`]). If the record cannot be written,
//! there is no answer but 503: `docs/design/audit.md` says what that means for whom.

mod counted;
pub(super) mod erase;
pub(super) mod export;
pub(super) mod history;
mod noted;
pub(super) mod query;
mod rule;

pub(super) use noted::Noted;

use super::error::Problem;
use crate::audit::{Action, Audit, Client, Entry, Outcome, Phase};
use crate::auth::{Kind as SubjectKind, Slot, Subject};
use crate::catalog::Catalog;
use crate::clock::{Clock, SystemClock};
use crate::id::RecordingId;
use crate::time::Moment;
use axum::body::{Body, HttpBody};
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use counted::{Counted, File};
use quick_cache::sync::Cache;
use rule::{Kind, Rule};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use uuid::Uuid;

const FORWARDED: &str = "x-forwarded-for";

/// In a request's extensions: a proxy that is not trusted has sent it, so that nobody knows from where it comes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Relayed;

/// Recordings whose rooms are known.
const ROOMS: usize = 4096;
/// Longest request id of a client that is kept.
const REQUEST_ID_BYTES: usize = 128;

/// What records.
#[derive(Clone)]
pub(super) struct Recorder(Arc<Parts>);

struct Parts {
    audit: Audit,
    catalog: Catalog,
    rooms: Cache<RecordingId, Arc<str>>,
}

/// What is known of a request before it is answered.
struct Asked {
    began: Moment,
    entry: Entry,
    address: Option<IpAddr>,
    /// The same, when a proxy has told it.
    forwarded: Option<IpAddr>,
    agent: Option<HeaderValue>,
    rule: Rule,
    method: Method,
    /// Who asked: filled in by authentication.
    slot: Slot,
    noted: Noted,
}

/// Records what comes of a request.
pub(super) async fn record(State(recorder): State<Recorder>, mut request: Request, next: Next) -> Response {
    if !request.uri().path().starts_with("/api/v1") {
        return next.run(request).await;
    }
    let asked = recorder.asked(&request);
    request.extensions_mut().insert(asked.noted.clone());
    request.extensions_mut().insert(asked.slot.clone());
    if let Some(client) = asked.forwarded {
        // For those further in, too, a request comes from where it really comes from.
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(client, 0)));
    } else if request.headers().contains_key(FORWARDED) {
        request.extensions_mut().insert(Relayed);
    }
    let kind = asked.rule.kind;
    if !recorder.0.audit.appender.ready() && !matches!(kind, Kind::Quiet | Kind::Ending) {
        return unavailable();
    }
    if !matches!(kind, Kind::Effect | Kind::Ending) {
        let response = next.run(request).await;
        return recorder.finish(asked, response).await;
    }
    // Whoever asks may go away in the middle of it: it is done and recorded all the same.
    let done = tokio::spawn(async move {
        let asked = recorder.placed(asked).await;
        let response = next.run(request).await;
        recorder.finish(asked, response).await
    });
    done.await.unwrap_or_else(|error| Problem::internal(&error).into_response())
}

impl Recorder {
    pub(super) fn new(audit: Audit, catalog: Catalog) -> Self {
        Self(Arc::new(Parts { audit, catalog, rooms: Cache::new(ROOMS) }))
    }

    fn asked(&self, request: &Request) -> Asked {
        let headers = request.headers();
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
        let rule = rule::of(request.method(), route.unwrap_or_default());
        let socket = request.extensions().get::<ConnectInfo<SocketAddr>>();
        let forwarded = headers.get_all(FORWARDED).iter().filter_map(|value| value.to_str().ok());
        let socket = socket.map(|ConnectInfo(from)| from.ip().to_canonical());
        let address = socket.map(|from| self.0.audit.proxies.client(from, forwarded));
        let forwarded = address.filter(|address| Some(*address) != socket);
        let mut entry = Entry::new(SystemClock.wall(), rule.action);
        entry.recording = rule::recording(request.uri().path());
        // Texts of a session's requests are made for its first one only.
        if rule.kind != Kind::Session {
            describe(&mut entry, request.method(), route, text("x-request-id"));
        }
        let agent = headers.get(header::USER_AGENT).cloned();
        let (began, method) = (SystemClock.now(), request.method().clone());
        let noted = Noted::new(route, text("x-request-id"));
        Asked { began, entry, address, forwarded, agent, rule, method, slot: Slot::default(), noted }
    }

    /// With the room, which may be gone when the answer is there.
    async fn placed(&self, mut asked: Asked) -> Asked {
        asked.entry.room = self.room(asked.entry.recording).await;
        asked
    }

    async fn room(&self, recording: Option<RecordingId>) -> Option<String> {
        let id = recording?;
        if let Some(room) = self.0.rooms.get(&id) {
            return Some(room.to_string());
        }
        let row = self.0.catalog.recording(id).await.ok()??;
        self.0.rooms.insert(id, row.room_id.as_str().into());
        Some(row.room_id)
    }

    async fn finish(&self, asked: Asked, response: Response) -> Response {
        let status = response.status();
        if status == StatusCode::UNAUTHORIZED {
            return self.refused(asked, response).await;
        }
        let went_well = status.as_u16() < 400;
        match asked.rule.kind {
            Kind::Quiet => response,
            // Who is told to come back later has not been let in.
            _ if status == StatusCode::TOO_MANY_REQUESTS => response,
            Kind::Session if went_well => self.watch(asked, response).await,
            // Players ask for segments that are not there yet, or not any more.
            Kind::Session if status == StatusCode::NOT_FOUND && self.is_watching(&asked) => response,
            Kind::File if status.is_success() && asked.method == Method::GET => {
                self.download(asked, response).await
            }
            _ => self.once(asked, response).await,
        }
    }

    /// Nobody knows who that was.
    async fn refused(&self, asked: Asked, response: Response) -> Response {
        let mut entry = asked.whole(response.status(), length(&response));
        entry.action = Action::SignIn;
        match self.0.audit.sign_in_failed(entry).await {
            Ok(()) => response,
            Err(_) => unavailable(),
        }
    }

    async fn once(&self, asked: Asked, response: Response) -> Response {
        let done = matches!(asked.rule.kind, Kind::Effect | Kind::Ending) && response.status().is_success();
        let mut entry = asked.whole(response.status(), length(&response));
        if entry.room.is_none() {
            entry.room = self.room(entry.recording).await;
        }
        let appender = &self.0.audit.appender;
        if !done {
            return appender.append(entry).await.map_or_else(|_| unavailable(), |()| response);
        }
        match appender.append(entry.clone()).await {
            Ok(()) => response,
            // It is done: its record is written as soon as that can be.
            Err(_) => {
                appender.append_later(entry);
                if asked.rule.kind == Kind::Ending { response } else { unavailable() }
            }
        }
    }

    fn is_watching(&self, asked: &Asked) -> bool {
        asked.client().is_some_and(|client| self.0.audit.sessions.is_known(&client))
    }

    /// Media of a session: its start is durable before the answer is given.
    async fn watch(&self, asked: Asked, response: Response) -> Response {
        let watching = match asked.client().map(|client| self.0.audit.sessions.enter(&client)) {
            Some(Ok(watching)) => watching,
            Some(Err(_)) => return unavailable(),
            None => return self.once(asked, response).await,
        };
        let status = response.status();
        let started = watching.start(&self.0.audit.appender, async {
            let mut entry = asked.whole(status, None);
            asked.noted.describe(&mut entry, &asked.method);
            entry.duration_micros = None;
            entry.room = self.room(entry.recording).await;
            entry
        });
        if started.await.is_err() {
            return unavailable();
        }
        response.map(|body| Body::new(Counted::new(body, watching)))
    }

    /// A file: its start is durable before the answer is given, its end tells how much of it was sent.
    async fn download(&self, asked: Asked, response: Response) -> Response {
        let mut entry = asked.whole(response.status(), length(&response));
        entry.room = self.room(entry.recording).await;
        entry.session = Some(Uuid::now_v7());
        entry.phase = Phase::Start;
        let whole = entry.bytes.take();
        entry.duration_micros = None;
        let appender = self.0.audit.appender.clone();
        if appender.append(entry.clone()).await.is_err() {
            return unavailable();
        }
        let file = File::new(appender, entry, whole, asked.began);
        response.map(|body| Body::new(Counted::new(body, file)))
    }
}

impl Asked {
    /// The entry of a request that was answered so.
    fn whole(&self, status: StatusCode, bytes: Option<u64>) -> Entry {
        let mut entry = self.entry.clone();
        entry.status = Some(status.as_u16());
        entry.outcome = if status.as_u16() < 400 { Outcome::Success } else { Outcome::Failed };
        entry.address = self.address.map(|address| address.to_string());
        entry.user_agent =
            self.agent.as_ref().map(|agent| String::from_utf8_lossy(agent.as_bytes()).into_owned());
        entry.duration_micros = Some(SystemClock.now().since(self.began));
        entry.bytes = bytes;
        if let Some(subject) = self.slot.get() {
            // Whoever opened a link is nobody that we know.
            entry.who = Some(subject.user_id.to_string()).filter(|who| !who.is_empty());
            entry.role = role(subject);
            entry.share = subject.share.map(|share| share.to_string());
        }
        self.noted.enter(&mut entry);
        entry
    }

    /// Who watches, if it is a recording.
    fn client(&self) -> Option<Client<'_>> {
        let subject = self.slot.get()?;
        Some(Client {
            who: &subject.user_id,
            kind: subject.kind.name(),
            share: subject.share.map(|share| share.0),
            recording: self.entry.recording?,
            address: self.address,
            user_agent: self.agent.as_ref().map(HeaderValue::as_bytes),
        })
    }
}

/// What somebody is, and how they showed it where that was not by a token of their own.
fn role(subject: &Subject) -> String {
    match subject.kind {
        SubjectKind::User | SubjectKind::Service => subject.role.to_string(),
        SubjectKind::Link => subject.kind.name().to_owned(),
        SubjectKind::SignedUrl => format!("{} {}", subject.role, subject.kind.name()),
    }
}

/// Whether a request of this method and route leaves a record.
#[cfg(test)]
pub(super) fn is_recorded(method: &Method, route: &str) -> bool {
    rule::of(method, route).kind != Kind::Quiet
}

/// Of the body, if it is known before it is sent.
fn length(response: &Response) -> Option<u64> {
    response.body().size_hint().exact()
}

fn describe(entry: &mut Entry, method: &Method, route: Option<&str>, request_id: Option<&str>) {
    entry.route = Some(format!("{method} {}", route.unwrap_or("-")));
    entry.request_id = request_id.filter(|id| id.len() <= REQUEST_ID_BYTES).map(str::to_owned);
}

fn unavailable() -> Response {
    Problem::unrecorded().into_response()
}
