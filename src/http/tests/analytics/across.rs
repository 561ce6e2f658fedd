//! `GET /api/v1/analytics`.

use super::*;

const PATH: &str = "/api/v1/analytics";

async fn groups(app: &TestApp, query: &str, role: Role) -> Value {
    let answer = app.get(&format!("{PATH}?{query}"), role).await;
    assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.text());
    answer.json()["groups"].clone()
}

#[tokio::test]
async fn owners_see_what_they_started_and_administrators_everything() {
    let app = recorded().await;
    app.told(Role::Student, &batch("s", &viewing())).await;
    app.told(Role::Teacher, &batch("s", &viewing()[..3])).await;
    for role in [Role::Teacher, Role::Admin] {
        let found = groups(&app, "", role).await;
        let all = &found[0];
        assert_eq!((found.as_array().unwrap().len(), &all["value"]), (1, &Value::Null));
        assert_eq!((&all["sessions"], &all["unique_viewers"]), (&json!(2), &json!(2)));
        assert_eq!((&all["total_playtime"], &all["stalls"]["count"]), (&json!(40.0), &json!(1)));
        assert_eq!((&all["seeks"], &all["pauses"], &all["errors"]), (&json!(1), &json!(1), &json!(0)));
        assert_eq!((&all["rewatched_seconds"], &all["ended_rate"]), (&json!(0.0), &json!(0.0)));
    }
    // Who started nothing sees nothing, and is not refused.
    let own = groups(&app, "", Role::Student).await;
    assert_eq!((&own[0]["sessions"], &own[0]["unique_viewers"]), (&json!(0), &json!(0)));
    for by in ["day", "recording", "room"] {
        assert_eq!(groups(&app, &format!("group_by={by}"), Role::Student).await, json!([]));
        let found = groups(&app, &format!("group_by={by}"), Role::Teacher).await;
        assert_eq!((found.as_array().unwrap().len(), &found[0]["sessions"]), (1, &json!(2)), "{by}");
    }
    app.call_as(Method::GET, PATH, OWNER, Role::Service, "").await.problem(403, "forbidden");
    // Looking leaves a row.
    let filter = crate::catalog::AuditFilter::default();
    let rows = app.fixture.catalog.audit_page(&filter, None, 1000).await.unwrap().rows;
    assert!(rows.iter().any(|row| {
        row.action == "view" && row.route.as_ref().is_some_and(|route| route.contains("/api/v1/analytics"))
    }));
}

#[tokio::test]
async fn groups_say_what_they_are_of() {
    let app = recorded().await;
    let id = app.fixture.recording;
    app.told(Role::Student, &batch("s", &viewing())).await;
    let by_recording = || groups(&app, "group_by=recording", Role::Teacher);
    let found = by_recording().await;
    assert_eq!((&found[0]["value"], &found[0]["recording"]["completion_rate"]), (&json!(id), &Value::Null));
    assert_eq!(found[0]["recording"]["integrity"], Value::Null);
    // Once somebody has asked, or some seconds later, its viewers are counted.
    assert_eq!(app.analytics(Role::Teacher).await["completion_rate"], 0.3);
    assert_eq!(by_recording().await[0]["recording"]["completion_rate"], 0.3);
    let days = groups(&app, "group_by=day", Role::Teacher).await;
    let today: String = SystemClock.wall().to_string().chars().take(10).collect();
    assert_eq!(days[0]["value"].as_str().map(str::len), Some(10), "{today}");
    let query = format!("group_by=viewer&recording_id={id}");
    let viewers = groups(&app, &query, Role::Teacher).await;
    assert_eq!((&viewers[0]["value"], &viewers[0]["viewer_kind"]), (&json!(GUEST), &json!("user")));
    let of_guest = groups(&app, &format!("viewer={GUEST}&group_by=recording"), Role::Teacher).await;
    assert_eq!(of_guest[0]["value"], json!(id));
    assert_eq!(groups(&app, "viewer=nobody&group_by=recording", Role::Teacher).await, json!([]));
    assert_eq!(groups(&app, "from=2099-01-01", Role::Teacher).await[0]["sessions"], 0);
    assert_eq!(groups(&app, "to=2020-01-01&group_by=day", Role::Admin).await, json!([]));
    assert_eq!(
        groups(&app, "group_by=recording&order=playtime&limit=1", Role::Admin).await[0]["sessions"],
        1
    );
}

#[tokio::test]
async fn what_cannot_be_asked_is_told_by_its_name() {
    let app = recorded().await;
    app.told(Role::Student, &batch("s", &viewing())).await;
    for (query, field) in [
        ("group_by=week", "group_by"),
        ("group_by=viewer", "group_by"),
        ("order=best", "order"),
        ("from=yesterday", "from"),
        ("to=x", "to"),
        ("from=2020-01-01T12:00:00Z", "from"),
        ("recording_id=7", "recording_id"),
        ("limit=-1", "limit"),
        ("cursor=7", "cursor"),
    ] {
        let answer = app.get(&format!("{PATH}?{query}"), Role::Teacher).await;
        let problem = answer.problem(400, "bad-request");
        assert!(problem.to_string().contains(field), "{query}: {problem}");
    }
    let narrow = format!("from=2020-01-01T12:00:00Z&recording_id={}", app.fixture.recording);
    assert_eq!(groups(&app, &narrow, Role::Teacher).await[0]["sessions"], 1);
}

#[tokio::test]
async fn what_is_kept_is_what_the_rows_come_to() {
    let app = recorded().await;
    let events = viewing();
    for (session, end) in [("a", 13), ("b", 9), ("c", 4)] {
        app.told(Role::Student, &batch(session, &events[..end])).await;
    }
    app.told(Role::Teacher, &batch("d", &events)).await;
    // With a span it is counted session by session.
    let kept = app.analytics(Role::Teacher).await;
    let mut counted = app.get(&app.at("/analytics?from=2020-01-01"), Role::Teacher).await.json();
    assert!(counted["from"].is_string());
    counted["from"] = Value::Null;
    assert_eq!(kept, counted);
    app.rebuilds_to_the_same(4).await;
}
