//! What somebody watched.

use super::*;
use crate::catalog::AuditFilter;

const HISTORY: &str = "/api/v1/analytics/history";

impl TestApp {
    async fn history(&self, role: Role, query: &str) -> Value {
        let answer = self.get(&format!("{HISTORY}{query}"), role).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        answer.json()
    }
}

#[tokio::test]
async fn a_viewer_sees_where_they_were_and_nothing_of_others() {
    let app = recorded().await;
    assert_eq!(app.history(Role::Student, "").await, json!({"recordings": [], "limit": 50, "next": null}));
    app.told(Role::Student, &batch("one", &viewing())).await;
    app.told(Role::Teacher, &batch("of-the-owner", &viewing()[..3])).await;
    let page = app.history(Role::Student, "").await;
    let entry = &page["recordings"][0];
    for (name, wanted) in [
        ("recording_id", json!(app.fixture.recording)),
        ("room_id", json!("room one")),
        ("title", json!("Lesson")),
        ("resume_at", json!(70.0)),
        ("ended", json!(false)),
        ("seen_seconds", json!(30.0)),
        ("completion", json!(0.3)),
        ("sessions", json!(1)),
    ] {
        assert_eq!(entry[name], wanted, "{name}");
    }
    assert_eq!(page["recordings"].as_array().unwrap().len(), 1);
    let of_owner = app.history(Role::Teacher, "").await;
    assert_eq!(of_owner["recordings"][0]["seen_seconds"], 10.0);
    // To the end: what was seen twice counts once, and it begins anew.
    let to_the_end = [(0, 0, "playing", 60), (1, 40_000, "ended", 100)]
        .map(|(seq, t, event, position)| json!({"seq": seq, "t": t, "event": event, "position": position}));
    app.told(Role::Student, &batch("two", &to_the_end)).await;
    let entry = app.history(Role::Student, "").await["recordings"][0].clone();
    assert_eq!((&entry["resume_at"], &entry["ended"]), (&Value::Null, &json!(true)));
    assert_eq!((&entry["seen_seconds"], &entry["sessions"]), (&json!(60.0), &json!(2)));
    // An administrator may ask for another; nobody else may.
    app.history(Role::Student, "?user_id=user-1").await;
    app.get(&format!("{HISTORY}?user_id=teacher"), Role::Student).await.problem(403, "forbidden");
    app.get(&format!("{HISTORY}?user_id=user-1"), Role::Teacher).await.problem(403, "forbidden");
    let path = format!("{HISTORY}?user_id=user-1");
    let found = app.call_as(Method::GET, &path, "root", Role::Admin, "").await.json();
    assert_eq!(found["recordings"][0], entry);
    app.get(HISTORY, Role::Unknown).await.problem(403, "forbidden");
    app.call_as(Method::GET, HISTORY, "program", Role::Service, "").await.problem(403, "forbidden");
    for (query, field) in [("limit=x", "limit"), ("cursor=x", "cursor")] {
        let wrong = app.get(&format!("{HISTORY}?{query}"), Role::Student).await;
        assert_eq!(wrong.problem(400, "bad-request")["field"], field);
    }
    // All of it is recorded, with whom it concerned.
    let rows = app.fixture.catalog.audit_page(&AuditFilter::default(), None, 1000).await.unwrap().rows;
    let route = format!("GET {HISTORY}");
    let rows: Vec<_> = rows.iter().filter(|row| row.route.as_deref() == Some(route.as_str())).collect();
    assert_eq!(rows.len(), 12);
    let about = rows.iter().filter(|row| row.target.as_deref() == Some(GUEST)).count();
    assert_eq!(about, 1);
}

#[tokio::test]
async fn what_may_not_be_viewed_any_more_is_left_out() {
    let app = recorded().await;
    let share = shared(&app.fixture, With::User("bob".to_owned()), Level::View).await;
    let told =
        app.call_as(Method::POST, &app.at("/progress"), "bob", Role::Student, &batch("s", &viewing())).await;
    assert_eq!(told.status, StatusCode::OK);
    let count = async || {
        let page = app.call_as(Method::GET, HISTORY, "bob", Role::Student, "").await.json();
        page["recordings"].as_array().unwrap().len()
    };
    assert_eq!(count().await, 1);
    app.fixture.catalog.revoke_share(app.fixture.recording, share, None, OWNER).await.unwrap();
    assert_eq!(count().await, 0);
    app.told(Role::Teacher, &batch("t", &viewing())).await;
    assert_eq!(app.history(Role::Teacher, "").await["recordings"].as_array().unwrap().len(), 1);
    assert_eq!(app.call(Method::DELETE, &app.at(""), Role::Teacher, "").await.status, StatusCode::OK);
    assert_eq!(app.history(Role::Teacher, "").await["recordings"], json!([]));
}

#[tokio::test]
async fn guests_have_a_history_of_what_their_link_is_for_and_who_asks_for_it_has_none() {
    let app = recorded().await;
    let share = shared(&app.fixture, With::Public, Level::View).await;
    let bound = Bound { recording: app.fixture.recording, level: Level::View, purpose: Purpose::Playback };
    let until = SystemClock.wall().plus(600_000_000);
    let capability = Sealer::derived(SECRET).unwrap().of_share(share, bound, until).unwrap();
    let path = app.at(&format!("/progress?token={capability}"));
    let body = batch("s", &viewing());
    let told = app.beside(Method::POST, &path, "192.0.2.7:1", &[("user-agent", "A")], &body).await;
    assert_eq!(told.status, StatusCode::OK);
    let look = format!("{HISTORY}?token={capability}");
    let found = async |from: &str, headers: &[(&str, &str)]| {
        let page = app.beside(Method::GET, &look, from, headers, "").await.json();
        page["recordings"].as_array().unwrap().len()
    };
    assert_eq!(found("192.0.2.7:9", &[("user-agent", "A")]).await, 1);
    assert_eq!(found("192.0.2.7:9", &[("user-agent", "B")]).await, 0);
    assert_eq!(found("192.0.2.8:9", &[("user-agent", "A")]).await, 0);
    assert_eq!(found("192.0.2.7:9", &[("user-agent", "A"), ("dnt", "1")]).await, 0);
    let other = format!("{look}&user_id=user-1");
    app.beside(Method::GET, &other, "192.0.2.7:9", &[], "").await.problem(403, "forbidden");
    // A user who asks for it has none either.
    app.told(Role::Student, &body).await;
    let quiet = app.get_with(HISTORY, Role::Student, &[("sec-gpc", "1")]).await.json();
    assert_eq!(quiet["recordings"], json!([]));
}
