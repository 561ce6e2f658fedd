mod across;
mod bodies;
mod history;
mod live;
mod sessions;

use super::*;
use crate::auth::{Bound, Purpose};
use crate::catalog::{Cause, Change, Gap, Shown, ViewingFilter, Watcher};
use crate::id::TrackId;
use crate::media::Codec;
use crate::time::Ticks;
use axum::extract::ConnectInfo;
use serde_json::json;
use std::net::SocketAddr;

/// A viewing of a minute on the client's clock: plays, pauses, seeks from 20 s to 60 s, stalls once, leaves.
fn viewing() -> Vec<Value> {
    let events = [
        (0.0, "play", 0.0),
        (420.0, "playing", 0.0),
        (10_420.0, "progress", 10.0),
        (15_420.0, "pause", 15.0),
        (45_420.0, "play", 15.0),
        (45_430.0, "playing", 15.0),
        (50_430.0, "seeking", 60.0),
        (50_440.0, "waiting", 60.0),
        (51_000.0, "seeked", 60.0),
        (51_100.0, "playing", 60.0),
        (56_100.0, "waiting", 65.0),
        (58_350.0, "playing", 65.0),
        (63_350.0, "quit", 70.0),
    ];
    let mut told: Vec<Value> = events
        .iter()
        .enumerate()
        .map(|(seq, (t, event, position))| json!({"seq": seq, "t": t, "event": event, "position": position}))
        .collect();
    told[6]["from"] = json!(20.0);
    told
}

fn batch(session: &str, events: &[Value]) -> String {
    json!({
        "session_id": session, "player": "hls.js", "player_version": "1.7.4", "participant": "ada-7",
        "events": events,
    })
    .to_string()
}

/// Hundred seconds of a camera.
async fn with_media() -> (TestApp, TrackId) {
    let app = TestApp::new().await;
    let ada = app.fixture.participant("Ada", 0).await;
    let segments: Vec<_> = (0..50).map(|number| (0, number * 2000, 2000)).collect();
    let camera = app.fixture.track(ada, Codec::H264, "camera", &segments).await;
    (app, camera)
}

async fn recorded() -> TestApp {
    let (app, _) = with_media().await;
    app.fixture.finish(100_000).await;
    app
}

impl TestApp {
    async fn tell(&self, role: Role, body: &str) -> Answer {
        self.call(Method::POST, &self.at("/progress"), role, body).await
    }

    async fn told(&self, role: Role, body: &str) -> Value {
        let answer = self.tell(role, body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        answer.json()
    }

    async fn analytics(&self, role: Role) -> Value {
        let answer = self.get(&self.at("/analytics"), role).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        answer.json()
    }

    /// As whoever has a capability, from an address, with these headers.
    async fn beside(
        &self,
        method: Method,
        path: &str,
        from: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let socket: SocketAddr = from.parse().unwrap();
        let mut request = Request::builder().method(method).uri(path).extension(ConnectInfo(socket));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// Folding all sessions anew finds the numbers that there are.
    async fn rebuilds_to_the_same(&self, sessions: u64) {
        let before = self.fixture.catalog.viewings(&ViewingFilter::default(), 1000).await.unwrap();
        let rebuilt = crate::cli::rebuild(&self.fixture.catalog).await.unwrap();
        assert_eq!(rebuilt.to_string(), format!("{sessions} sessions, 0 changed; 0 sums changed"));
        assert_eq!(self.fixture.catalog.viewings(&ViewingFilter::default(), 1000).await.unwrap(), before);
    }
}

#[tokio::test]
async fn beacons_make_exact_numbers() {
    let app = recorded().await;
    let events = viewing();
    let none = json!({"position": 15.0, "taken": 6, "known": 0, "refused": 0, "clamped": 0, "unknown": 0});
    assert_eq!(app.told(Role::Student, &batch("s1", &events[..6])).await, none);
    let rest = app.told(Role::Student, &batch("s1", &events[6..])).await;
    assert_eq!((&rest["position"], &rest["taken"]), (&json!(70.0), &json!(7)));

    let found = app.analytics(Role::Teacher).await;
    for (name, wanted) in [
        ("recording_id", json!(app.fixture.recording)),
        ("scope", json!("all")),
        ("complete", json!(true)),
        ("total_sessions", json!(1)),
        ("unique_viewers", json!(1)),
        ("total_playtime", json!(30.0)),
        ("average_playtime", json!(30.0)),
        ("completion_rate", json!(0.3)),
        ("completed_rate", json!(0.0)),
        ("duration_seconds", json!(100.0)),
        ("media_seconds", json!(100.0)),
        ("seen", json!([{"start": 0.0, "end": 20.0}, {"start": 60.0, "end": 70.0}])),
        ("rewatched_seconds", json!(0.0)),
        ("drop_off", json!([{"at_seconds": 20.0, "lost": 1}, {"at_seconds": 70.0, "lost": 1}])),
        ("startup", json!({"sessions": 1, "median_ms": 420, "p95_ms": 420})),
        ("errors", json!(0)),
        ("sources", json!([{"source": "beacon", "estimated": false, "sessions": 1, "playtime": 30.0}])),
        ("integrity", json!(null)),
    ] {
        assert_eq!(found[name], wanted, "{name}");
    }
    assert_eq!((&found["stalls"]["count"], &found["stalls"]["seconds"]), (&json!(1), &json!(2.25)));
    assert!((found["stalls"]["ratio"].as_f64().unwrap() - 2.25 / 32.25).abs() < 1e-9);
    let seen = found["retention"]["seen"].as_array().unwrap();
    let parts: Vec<usize> = (0..200).filter(|part| seen[*part] == 1).collect();
    assert_eq!(parts, (0..40).chain(120..140).collect::<Vec<_>>());
    assert_eq!(
        (&found["retention"]["part_seconds"], found["peak"]["sessions"].as_u64()),
        (&json!(0.5), Some(1))
    );
    let session = &found["sessions"][0];
    for (name, wanted) in [
        ("session_id", json!("s1")),
        ("viewer", json!(GUEST)),
        ("viewer_kind", json!("user")),
        ("seen_seconds", json!(30.0)),
        ("stalls", json!(1)),
        ("seeks", json!(1)),
        ("pauses", json!(1)),
        ("position", json!(70.0)),
        ("ended", json!(false)),
        ("player", json!("hls.js 1.7.4")),
        ("participant", json!("ada-7")),
        ("device", json!("other")),
    ] {
        assert_eq!(session[name], wanted, "{name}");
    }
    assert_eq!(found["last_accessed_at"], session["ended_at"]);
    app.rebuilds_to_the_same(1).await;
}

#[tokio::test]
async fn what_is_sent_again_counts_once() {
    let app = recorded().await;
    let body = batch("s1", &viewing());
    assert_eq!(app.told(Role::Student, &body).await["taken"], 13);
    let before = app.analytics(Role::Teacher).await;
    for _ in 0..3 {
        let again = app.told(Role::Student, &body).await;
        assert_eq!(
            (&again["taken"], &again["known"], &again["position"]),
            (&json!(0), &json!(13), &json!(70.0))
        );
    }
    // Another event of a number that was there does not replace it.
    let forged = json!({"session_id": "s1", "seq": 12, "t": 63_350, "event": "progress", "position": 99});
    assert_eq!(app.told(Role::Student, &forged.to_string()).await["known"], 1);
    assert_eq!(app.analytics(Role::Teacher).await, before);
}

#[tokio::test]
async fn no_order_of_batches_makes_other_numbers() {
    let app = recorded().await;
    let events = viewing();
    let parts = [&events[..4], &events[4..9], &events[9..]];
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for (index, order) in orders.into_iter().enumerate() {
        for part in order {
            app.told(Role::Student, &batch(&format!("s{index}"), parts[part])).await;
        }
    }
    let found = app.analytics(Role::Student).await;
    let told = |session: &Value| {
        let mut session = session.clone();
        for name in ["session_id", "started_at", "ended_at"] {
            session.as_object_mut().unwrap().remove(name);
        }
        session
    };
    let sessions: Vec<Value> = found["sessions"].as_array().unwrap().iter().map(told).collect();
    assert_eq!(sessions.len(), 6);
    assert!(sessions.iter().all(|session| *session == sessions[0]), "{sessions:#?}");
    assert_eq!((&found["unique_viewers"], &found["total_playtime"]), (&json!(1), &json!(180.0)));
    assert_eq!(found["rewatched_seconds"], 0.0);
    app.rebuilds_to_the_same(6).await;
}

#[tokio::test]
async fn owners_see_all_and_others_their_own() {
    let app = recorded().await;
    app.told(Role::Student, &batch("s", &viewing())).await;
    app.told(Role::Teacher, &batch("s", &viewing()[..3])).await;
    let total = async |role| {
        let found = app.analytics(role).await;
        (found["scope"].clone(), found["total_sessions"].clone(), found["total_playtime"].clone())
    };
    assert_eq!(total(Role::Teacher).await, (json!("all"), json!(2), json!(40.0)));
    assert_eq!(total(Role::Admin).await, (json!("all"), json!(2), json!(40.0)));
    assert_eq!(total(Role::Student).await, (json!("own"), json!(1), json!(30.0)));
    for (user, role) in [("stranger", Role::Student), ("stranger", Role::Teacher), (OWNER, Role::Service)] {
        let told = app.call_as(Method::POST, &app.at("/progress"), user, role, "position=1").await;
        told.problem(404, "not-found");
        app.call_as(Method::GET, &app.at("/analytics"), user, role, "").await.problem(404, "not-found");
    }
    let info = async |role| app.get(&app.at("/info"), role).await.json()["data"]["analytics"].clone();
    assert_eq!(info(Role::Student).await, Value::Null);
    let short = info(Role::Teacher).await;
    assert_eq!((&short["total_sessions"], &short["unique_viewers"]), (&json!(2), &json!(2)));
    assert_eq!(short["total_playtime"], 40.0);
    // A span in which nobody began, and one in which all did.
    for (span, sessions) in
        [("from=2099-01-01", 0), ("to=2020-01-01", 0), ("from=2020-01-01&to=2099-01-01", 2)]
    {
        let found = app.get(&app.at(&format!("/analytics?{span}")), Role::Teacher).await.json();
        assert_eq!(found["total_sessions"], sessions, "{span}");
    }
    // Looking leaves a row, telling none.
    let filter = crate::catalog::AuditFilter::default();
    let rows = app.fixture.catalog.audit_page(&filter, None, 1000).await.unwrap().rows;
    let of = |route: &str| rows.iter().filter(|row| row.route.as_deref() == Some(route)).count();
    assert_eq!(of("GET /api/v1/recordings/{id}/analytics"), 9);
    assert_eq!(of("POST /api/v1/recordings/{id}/progress"), 0);
}

#[tokio::test]
async fn who_opened_a_link_is_told_apart_for_a_day_and_who_asks_for_it_is_not() {
    let app = recorded().await;
    let share = shared(&app.fixture, With::Public, Level::View).await;
    let bound = Bound { recording: app.fixture.recording, level: Level::View, purpose: Purpose::Playback };
    let until = SystemClock.wall().plus(600_000_000);
    let capability = Sealer::derived(SECRET).unwrap().of_share(share, bound, until).unwrap();
    let path = app.at(&format!("/progress?token={capability}"));
    let tell = async |from: &str, headers: &[(&str, &str)], session: &str| {
        app.beside(Method::POST, &path, from, headers, &batch(session, &viewing()[..3])).await
    };
    let (one, two) = ([("user-agent", "Chrome (X11)")], [("user-agent", "Firefox (iPhone)")]);
    for (from, headers, session) in [
        ("192.0.2.7:1", &one, "a"),
        ("192.0.2.7:9", &one, "b"),
        ("192.0.2.7:1", &two, "c"),
        ("192.0.2.8:1", &one, "d"),
    ] {
        assert_eq!(tell(from, headers, session).await.status, StatusCode::OK);
    }
    for asks in [[("dnt", "1")], [("sec-gpc", "1")]] {
        for session in ["e", "f"] {
            assert_eq!(tell("192.0.2.7:1", &asks, session).await.status, StatusCode::OK);
        }
        let told = app.beside(Method::POST, &path, "192.0.2.7:1", &asks, "position=1").await;
        assert_eq!(told.problem(400, "bad-request")["field"], "session_id");
    }
    // Of a user who asks for it nothing is kept either.
    let own = app.at(&format!("/progress?token={}", token(Role::Student)));
    let body = batch("g", &viewing()[..3]);
    app.beside(Method::POST, &own, "192.0.2.7:1", &[("dnt", "1")], &body).await;
    let found = app.analytics(Role::Teacher).await;
    // Three guests; and each session of who asks not to be tracked: e, f and g.
    assert_eq!((&found["total_sessions"], &found["unique_viewers"]), (&json!(7), &json!(6)));
    assert_eq!(
        app.get(&app.at("/info"), Role::Teacher).await.json()["data"]["analytics"]["unique_viewers"],
        6
    );
    let sessions = found["sessions"].as_array().unwrap();
    assert!(sessions.iter().all(|session| session["viewer"] == Value::Null));
    let devices: Vec<&Value> =
        sessions.iter().filter(|one| one["session_id"] == "c").map(|one| &one["device"]).collect();
    assert_eq!(devices, ["phone"]);
    // Neither an address nor a program is kept.
    let rows = app.fixture.catalog.viewings(&ViewingFilter::default(), 100).await.unwrap();
    let kept = format!("{rows:?}");
    assert!(!kept.contains("192.0.2") && !kept.contains("Firefox") && !kept.contains(GUEST), "{kept}");
    assert!(rows.iter().all(|row| matches!(row.watcher, Watcher::Guest(_) | Watcher::Untracked)));
    // Whoever is told apart sees their own.
    let look = app.at(&format!("/analytics?token={capability}"));
    let own = app.beside(Method::GET, &look, "192.0.2.7:5", &one, "").await.json();
    assert_eq!((&own["scope"], &own["total_sessions"]), (&json!("own"), &json!(2)));
    let none = app.beside(Method::GET, &look, "192.0.2.7:5", &[("dnt", "1")], "").await.json();
    assert_eq!(none["total_sessions"], 0);
}

#[tokio::test]
async fn a_viewer_is_erased_and_the_numbers_stay() {
    let app = recorded().await;
    app.told(Role::Student, &batch("s", &viewing())).await;
    let before = app.analytics(Role::Teacher).await;
    let path = "/api/v1/analytics/erase";
    app.call(Method::POST, path, Role::Teacher, r#"{"user_id":"user-1"}"#).await.problem(403, "forbidden");
    app.call(Method::POST, path, Role::Admin, r#"{"user_id":""}"#).await.problem(400, "bad-request");
    let erased = app.call(Method::POST, path, Role::Admin, r#"{"user_id":"user-1"}"#).await;
    assert_eq!((erased.status, &erased.json()["sessions"]), (StatusCode::OK, &json!(1)));
    let after = app.analytics(Role::Teacher).await;
    for name in
        ["total_sessions", "unique_viewers", "total_playtime", "seen", "retention", "stalls", "startup"]
    {
        assert_eq!(after[name], before[name], "{name}");
    }
    let session = &after["sessions"][0];
    for name in ["viewer", "session_id", "player", "participant"] {
        assert_eq!(session[name], Value::Null, "{name}");
    }
    assert_eq!(session["viewer_kind"], "erased");
    assert_eq!(app.analytics(Role::Student).await["total_sessions"], 0);
    let row = app.fixture.catalog.viewings(&ViewingFilter::default(), 2).await.unwrap().remove(0);
    let events = format!("{:?}", app.fixture.catalog.view_events(row.id).await.unwrap());
    assert!(!events.contains("hls.js") && !events.contains("ada-7"), "{events}");
    app.rebuilds_to_the_same(1).await;
    // The session goes on as another one.
    assert_eq!(app.told(Role::Student, &batch("s", &viewing()[..2])).await["taken"], 2);
}

#[tokio::test]
async fn fills_are_not_media_also_when_it_is_known_late() {
    let (app, camera) = with_media().await;
    // While it runs: the rows say nothing of a gap yet.
    app.told(Role::Student, &batch("s", &viewing())).await;
    assert_eq!(app.analytics(Role::Teacher).await["total_playtime"], 30.0);
    let scale = Codec::H264.timescale();
    let gap = Gap {
        track: camera,
        number: 0,
        after: 1,
        cause: Cause::Off,
        shown: Shown::Black,
        start: Ticks::from_micros(5_000_000, scale),
        duration: Ticks::from_micros(60_000_000, scale),
        open: false,
        listed_micros: 5_000_000,
    };
    app.fixture.catalog.write(&[Change::Media(&[], &[gap])], &[]).await.unwrap();
    app.fixture.finish(100_000).await;
    let found = app.analytics(Role::Teacher).await;
    assert_eq!(found["seen"], json!([{"start": 0.0, "end": 5.0}, {"start": 65.0, "end": 70.0}]));
    assert_eq!((&found["media_seconds"], &found["total_playtime"]), (&json!(40.0), &json!(10.0)));
    assert_eq!(found["completion_rate"], 0.25);
    app.rebuilds_to_the_same(1).await;
}
