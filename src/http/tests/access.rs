//! Who may use which route: every route has a row here, and every row is tried by those who may not.

use super::*;
use crate::catalog::{Change, Names};
use crate::id::RecordingId;
use crate::media::Codec;
use std::collections::BTreeSet;

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// Everybody, without a token. It tells nothing of a recording.
    Open,
    /// Whoever has a token of a role that we know; it shows what they may view.
    Everybody,
    /// Teachers, administrators and programs.
    Recorders,
    /// Administrators, for all recordings.
    Admins,
    /// Those who hold something of the recording; to others it is not there.
    Holders,
    /// And programs.
    Stoppers,
}

use Rule::{Admins, Everybody, Holders, Open, Recorders, Stoppers};

/// A route that is added without a line here fails the test.
const RULES: &[(&str, &str, Rule)] = &[
    ("GET", "/api/v1/recordings", Everybody),
    ("POST", "/api/v1/recordings/start", Recorders),
    ("GET", "/api/v1/recordings/{id}", Holders),
    ("DELETE", "/api/v1/recordings/{id}", Holders),
    ("POST", "/api/v1/recordings/{id}/stop", Stoppers),
    ("POST", "/api/v1/recordings/{id}/pause", Stoppers),
    ("POST", "/api/v1/recordings/{id}/resume", Stoppers),
    ("POST", "/api/v1/recordings/{id}/participants/{participant}/exclude", Stoppers),
    ("POST", "/api/v1/recordings/{id}/participants/{participant}/include", Stoppers),
    ("POST", "/api/v1/recordings/{id}/restore", Holders),
    ("POST", "/api/v1/recordings/{id}/legal-hold", Holders),
    ("DELETE", "/api/v1/recordings/{id}/legal-hold", Holders),
    ("DELETE", "/api/v1/recordings/{id}/participants/{participant}", Holders),
    ("GET", "/api/v1/recordings/{id}/shares", Holders),
    ("POST", "/api/v1/recordings/{id}/shares", Holders),
    ("DELETE", "/api/v1/recordings/{id}/shares/{share}", Holders),
    ("GET", "/api/v1/recordings/{id}/info", Holders),
    ("GET", "/api/v1/recordings/{id}/events", Holders),
    ("GET", "/api/v1/recordings/{id}/history", Holders),
    ("POST", "/api/v1/recordings/{id}/progress", Holders),
    ("POST", "/api/v1/recordings/{id}/cmcd", Holders),
    ("GET", "/api/v1/recordings/{id}/analytics", Holders),
    ("GET", "/api/v1/recordings/{id}/analytics/sessions", Holders),
    ("GET", "/api/v1/recordings/{id}/analytics/live", Holders),
    ("GET", "/api/v1/recordings/{id}/download", Holders),
    ("GET", "/api/v1/recordings/{id}/download-url", Holders),
    ("GET", "/api/v1/recordings/{id}/stream-url", Holders),
    ("GET", "/api/v1/recordings/{id}/manifest.json", Holders),
    ("GET", "/api/v1/recordings/{id}/stream/playlist.m3u8", Holders),
    ("GET", "/api/v1/recordings/{id}/stream/manifest.mpd", Holders),
    ("GET", "/api/v1/recordings/{id}/stream/{file}", Holders),
    ("GET", "/api/v1/recordings/{id}/stream/{track}/playlist.m3u8", Holders),
    ("GET", "/api/v1/recordings/{id}/stream/{track}/iframes.m3u8", Holders),
    ("GET", "/api/v1/recordings/{id}/stream/{track}/{file}", Holders),
    ("GET", "/api/v1/events", Everybody),
    ("POST", "/api/v1/events/replay", Admins),
    ("GET", "/api/v1/analytics", Everybody),
    ("GET", "/api/v1/analytics/sessions", Everybody),
    ("GET", "/api/v1/analytics/history", Everybody),
    ("GET", "/api/v1/analytics/live", Admins),
    ("POST", "/api/v1/analytics/erase", Admins),
    ("GET", "/api/v1/audit", Admins),
    ("GET", "/api/v1/audit/export", Admins),
    ("POST", "/api/v1/audit/erase", Admins),
    ("GET", "/api/v1/webhooks/dead", Admins),
    ("POST", "/api/v1/webhooks/dead/redeliver", Admins),
    ("POST", "/api/v1/shares/open", Open),
    ("GET", "/api/v1/shares", Everybody),
    ("GET", "/api/v1/bridge", Recorders),
    ("GET", "/healthz", Open),
    ("GET", "/readyz", Open),
    ("GET", "/metrics", Open),
    ("GET", "/watch/{id}", Open),
    ("GET", "/assets/{file}", Open),
    ("GET", "/api-docs", Open),
    ("GET", "/openapi.json", Open),
];

/// A recording with everything that a path can name.
struct Scene {
    app: TestApp,
    track: String,
    share: String,
}

impl Scene {
    async fn new() -> Self {
        let app = TestApp::new().await;
        let ada = app.fixture.participant("Ada", 0).await;
        let track = app.fixture.track(ada, Codec::H264, "camera", &[(0, 0, 2000)]).await.to_string();
        let share = shared(&app.fixture, With::User("somebody".to_owned()), Level::View).await.to_string();
        Self { app, track, share }
    }

    fn path(&self, pattern: &str, recording: &str) -> String {
        pattern
            .replace("{id}", recording)
            .replace("{participant}", "peer-Ada")
            .replace("{share}", &self.share)
            .replace("{track}", &self.track)
            .replace("/assets/{file}", "/assets/none.js")
            .replace("{file}", "0.m4s")
    }
}

/// A body that gets past its fields.
fn body(pattern: &str) -> &'static str {
    match pattern {
        "/api/v1/recordings/start" => r#"{"room_id":"r","title":"t"}"#,
        "/api/v1/recordings/{id}/shares" => r#"{"share_type":"user","shared_with":"u"}"#,
        "/api/v1/events/replay" => r#"{"from":"2026-01-01"}"#,
        "/api/v1/audit/erase" | "/api/v1/analytics/erase" => r#"{"user_id":"nobody"}"#,
        "/api/v1/webhooks/dead/redeliver" => r#"{"all":true}"#,
        _ => "{}",
    }
}

#[tokio::test]
async fn every_route_has_a_rule() {
    let scene = Scene::new().await;
    let mut there = BTreeSet::new();
    for pattern in &scene.app.paths {
        let path = scene.path(pattern, &scene.app.fixture.recording.to_string());
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            // Of a role that may do nothing, so that nothing comes of trying.
            let verb = method.parse().unwrap();
            let answer = scene.app.call_as(verb, &path, "x", Role::Unknown, "{").await;
            if answer.status != StatusCode::METHOD_NOT_ALLOWED {
                there.insert((method.to_owned(), pattern.clone()));
            }
        }
    }
    let ruled = RULES.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(there, ruled);
}

#[tokio::test]
async fn no_route_but_the_open_ones_answers_without_a_token() {
    let scene = Scene::new().await;
    for (method, pattern, rule) in RULES {
        let path = scene.path(pattern, &scene.app.fixture.recording.to_string());
        let answer = scene.app.bare(method.parse().unwrap(), &path, body(pattern)).await;
        assert_eq!(answer.status == StatusCode::UNAUTHORIZED, *rule != Open, "{method} {pattern}");
        assert!(!answer.text().contains("Lesson"), "{method} {pattern}");
    }
}

/// What is told of a recording that one may not see is word for word what is told of one that there is not.
#[tokio::test]
async fn another_ones_recording_is_not_there_on_any_route() {
    let scene = Scene::new().await;
    let (real, none) = (scene.app.fixture.recording.to_string(), RecordingId::new().to_string());
    for (method, pattern, rule) in RULES {
        if !matches!(rule, Holders | Stoppers) {
            continue;
        }
        for (user, role) in
            [("stranger", Role::Student), ("stranger", Role::Teacher), ("teacher", Role::Unknown)]
        {
            let ask = async |recording: &str| {
                let path = scene.path(pattern, recording);
                scene.app.call_as(method.parse().unwrap(), &path, user, role, body(pattern)).await
            };
            let (found, missing) = (ask(&real).await, ask(&none).await);
            let problem = found.problem(404, "not-found");
            assert_eq!(problem, missing.problem(404, "not-found"), "{method} {pattern} {role}");
            let names =
                |answer: &Answer| answer.headers.keys().map(ToString::to_string).collect::<BTreeSet<_>>();
            assert_eq!(names(&found), names(&missing), "{method} {pattern}");
        }
    }
    // Nothing of it was done.
    let row = scene.app.fixture.catalog.recording(scene.app.fixture.recording).await.unwrap().unwrap();
    assert!(row.deleted_at.is_none() && row.status.is_running());
}

#[tokio::test]
async fn programs_record_and_see_nothing() {
    let scene = Scene::new().await;
    let real = scene.app.fixture.recording.to_string();
    for (method, pattern, rule) in RULES {
        let path = scene.path(pattern, &real);
        let answer =
            scene.app.call_as(method.parse().unwrap(), &path, OWNER, Role::Service, body(pattern)).await;
        match rule {
            Holders => drop(answer.problem(404, "not-found")),
            Everybody | Admins => drop(answer.problem(403, "forbidden")),
            // As far as what the fixture has not: a room, a running recorder, a WebSocket.
            Recorders => assert!([400, 426].contains(&answer.status.as_u16()), "{pattern}"),
            Stoppers => drop(answer.problem(409, "not-running")),
            Open => {}
        }
    }
}

#[tokio::test]
async fn roles_start_attach_and_administer() {
    let scene = Scene::new().await;
    for (method, pattern, rule) in RULES {
        for role in [Role::Student, Role::Teacher, Role::Admin, Role::Unknown] {
            let ask = scene.app.call_as(method.parse().unwrap(), pattern, "u", role, body(pattern));
            let may = match rule {
                Recorders => matches!(role, Role::Teacher | Role::Admin),
                // Streams of events have no end; that they begin is tried elsewhere.
                Admins if *pattern == "/api/v1/analytics/live" && role == Role::Admin => continue,
                Admins => role == Role::Admin,
                Everybody if *pattern == "/api/v1/events" && role != Role::Unknown => continue,
                Everybody => role != Role::Unknown,
                _ => continue,
            };
            let answer = ask.await;
            assert_eq!(answer.status != StatusCode::FORBIDDEN, may, "{method} {pattern} {role}");
        }
    }
}

#[tokio::test]
async fn lists_and_logs_show_what_one_may_view() {
    let app = TestApp::new().await;
    let total = async |user: &str, role| {
        app.call_as(Method::GET, BASE, user, role, "").await.json()["total"].as_u64().unwrap()
    };
    assert_eq!(total(OWNER, Role::Teacher).await, 1);
    assert_eq!(total("x", Role::Admin).await, 1);
    assert_eq!(total(GUEST, Role::Student).await, 1);
    for (user, role) in [("stranger", Role::Student), ("stranger", Role::Teacher)] {
        assert_eq!(total(user, role).await, 0);
        let filtered = format!("{BASE}?user_id={OWNER}&status=recording&q=lesson");
        assert_eq!(app.call_as(Method::GET, &filtered, user, role, "").await.json()["total"], 0);
    }
    let id = shared(&app.fixture, With::Role("student".to_owned()), Level::View).await;
    assert_eq!(total("stranger", Role::Student).await, 1);
    assert_eq!(total("stranger", Role::Teacher).await, 0);
    app.fixture.catalog.revoke_share(app.fixture.recording, id, None, OWNER).await.unwrap();
    assert_eq!(total("stranger", Role::Student).await, 0);
    shared(&app.fixture, With::Public, Level::View).await;
    assert_eq!(total("stranger", Role::Teacher).await, 1);
}

#[tokio::test]
async fn whoever_was_in_the_room_may_view_and_no_more() {
    let app = TestApp::new().await;
    let ask = async |rest: &str| app.call_as(Method::GET, &app.at(rest), "bob", Role::Student, "").await;
    ask("").await.problem(404, "not-found");
    let new = crate::catalog::NewParticipant {
        id: crate::id::ParticipantId::new(),
        recording: app.fixture.recording,
        peer_id: "peer-bob".to_owned(),
        display_name: "Bob".to_owned(),
        user_id: Some("bob".to_owned()),
        joined_at: crate::playback::fixture::START,
    };
    app.fixture.catalog.add_participant(&new).await.unwrap();
    // At once, although it was just found that he may not.
    assert_eq!(ask("").await.status, 200);
    assert_eq!(ask("/manifest.json").await.status, 200);
    ask("/download").await.problem(403, "forbidden");
    ask("/download-url").await.problem(403, "forbidden");
    let list = app.call_as(Method::GET, BASE, "bob", Role::Student, "").await.json();
    assert_eq!(list["total"], 1);
    // And whoever turns out to be a user later.
    let names = |user_id: &str| Names {
        participant: new.id,
        recording: app.fixture.recording,
        display_name: "Bob".to_owned(),
        user_id: Some(user_id.to_owned()),
    };
    let late = async || app.call_as(Method::GET, &app.at(""), "robert", Role::Student, "").await;
    late().await.problem(404, "not-found");
    let write = async |names: Names| app.fixture.catalog.write(&[Change::Names(&names)], &[]).await.unwrap();
    write(names("robert")).await;
    assert_eq!(late().await.status, 200);
    write(names("bob")).await;
    app.call_as(Method::POST, &app.at("/stop"), "bob", Role::Student, "").await.problem(403, "forbidden");
    // To a program of the same name he is nobody.
    app.call_as(Method::GET, &app.at(""), "bob", Role::Service, "").await.problem(404, "not-found");
}

#[tokio::test]
async fn what_is_hidden_is_hidden_from_all_but_its_owner() {
    let app = TestApp::new().await;
    app.fixture.finish(2000).await;
    let deleted = app.call(Method::DELETE, &app.at(""), Role::Teacher, "").await;
    assert_eq!(deleted.status, 200);
    let total = async |user: &str, role| {
        let path = format!("{BASE}?status=deleted");
        app.call_as(Method::GET, &path, user, role, "").await.json()["total"].as_u64().unwrap()
    };
    assert_eq!(total(OWNER, Role::Teacher).await, 1);
    assert_eq!(total("x", Role::Admin).await, 1);
    assert_eq!(total(GUEST, Role::Student).await, 0);
    app.get(&app.at("/shares"), Role::Student).await.problem(404, "not-found");
}

#[tokio::test]
async fn webhooks_of_one_recording_are_its_owners() {
    let app = TestApp::new().await;
    let id = app.fixture.recording;
    let dead = format!("/api/v1/webhooks/dead?recording={id}");
    assert_eq!(app.get(&dead, Role::Teacher).await.status, 200);
    app.get(&dead, Role::Student).await.problem(403, "forbidden");
    app.call_as(Method::GET, &dead, "stranger", Role::Teacher, "").await.problem(404, "not-found");
    for path in ["/api/v1/events/replay", "/api/v1/webhooks/dead/redeliver"] {
        let asked = format!(r#"{{"recording_id":"{id}"}}"#);
        assert_eq!(app.call(Method::POST, path, Role::Teacher, &asked).await.status, 202);
        app.call_as(Method::POST, path, "stranger", Role::Teacher, &asked).await.problem(404, "not-found");
    }
}

#[tokio::test]
async fn facts_are_read_once_and_again_when_they_change() {
    let app = TestApp::new().await;
    let ada = app.fixture.participant("Ada", 0).await;
    let track = app.fixture.track(ada, Codec::H264, "camera", &[(0, 0, 2000)]).await;
    app.fixture.finish(2000).await;
    let access = Access::new(app.fixture.catalog.clone(), true);
    let subject = crate::auth::Subject::of_token(GUEST, Role::Student, SystemClock.wall());
    let action = crate::auth::Action::View;
    let facts = access.permit(&subject, action, app.fixture.recording).await.unwrap();
    let again = access.permit(&subject, action, app.fixture.recording).await.unwrap();
    assert!(Arc::ptr_eq(&facts, &again), "facts were read twice");
    shared(&app.fixture, With::Public, Level::View).await;
    let third = access.permit(&subject, action, app.fixture.recording).await.unwrap();
    assert_eq!((facts.shares.len(), third.shares.len()), (1, 2));
    // Without a database, while they are fresh.
    let segment = app.at(&format!("/stream/{track}/0.m4s"));
    assert_eq!(app.get(&segment, Role::Student).await.status, 200);
    app.fixture.catalog.close().await;
    assert!(access.permit(&subject, action, app.fixture.recording).await.is_ok());
}
