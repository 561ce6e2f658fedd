//! Sessions one by one, as pages and as files, and how they are divided.

use super::*;
use crate::catalog::{AuditFilter, AuditRow, NewRecording};
use crate::id::RecordingId;

const SESSIONS: &str = "/api/v1/analytics/sessions";

/// [`viewing`] at first in one height, after the seek in another.
fn shown(first: i64, then: i64) -> Vec<Value> {
    let mut events = viewing();
    events[1]["height"] = json!(first);
    events[9]["height"] = json!(then);
    events
}

impl TestApp {
    /// What was recorded of a route.
    async fn of_route(&self, route: &str) -> Vec<AuditRow> {
        let page = self.fixture.catalog.audit_page(&AuditFilter::default(), None, 1000).await.unwrap();
        page.rows.into_iter().filter(|row| row.route.as_deref() == Some(route)).collect()
    }

    async fn listed(&self, path: &str, user: &str, role: Role) -> Value {
        let answer = self.call_as(Method::GET, path, user, role, "").await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        answer.json()
    }

    /// A recording that somebody else started, which that one has watched.
    async fn another(&self, owner: &str, room: &str) -> RecordingId {
        let made = NewRecording {
            room_id: room.to_owned(),
            title: "Another".to_owned(),
            started_by: owner.to_owned(),
            format: "mp4".to_owned(),
            metadata: json!({}),
            source: json!({}),
            ..NewRecording::default()
        };
        self.fixture.catalog.create_recording(&made).await.unwrap();
        let path = format!("{BASE}/{}/progress", made.id);
        let body = batch("of-the-owner", &viewing());
        let told = self.call_as(Method::POST, &path, owner, Role::Teacher, &body).await;
        assert_eq!(told.status, StatusCode::OK, "{}", told.text());
        made.id
    }
}

fn ids(page: &Value) -> Vec<String> {
    let sessions = page["sessions"].as_array().unwrap();
    sessions.iter().map(|one| one["session_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn renditions_devices_and_players_have_their_shares() {
    let app = recorded().await;
    app.told(Role::Student, &batch("s", &shown(360, 720))).await;
    let found = app.analytics(Role::Teacher).await;
    let session = &found["sessions"][0]["renditions"];
    let told: Vec<_> = session
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["height"].clone(), one["kbps"].clone(), one["seconds"].as_f64().unwrap()))
        .collect();
    assert_eq!(told, [(json!(360), Value::Null, 20.0), (json!(720), Value::Null, 10.0)]);
    assert!((session[0]["share"].as_f64().unwrap() - 2.0 / 3.0).abs() < 1e-9);
    assert_eq!(
        (&found["renditions"][0]["height"], &found["renditions"][0]["sessions"]),
        (&json!(360), &json!(1))
    );
    assert_eq!(found["devices"], json!([{"device": "other", "sessions": 1, "playtime": 30.0, "share": 1.0}]));
    assert_eq!(found["players"][0]["player"], "hls.js 1.7.4");
    // Kept sums and those of chosen sessions are the same.
    app.told(Role::Teacher, &batch("t", &shown(720, 720))).await;
    let all = app.analytics(Role::Teacher).await;
    assert_eq!(
        (&all["renditions"][0]["height"], &all["renditions"][0]["seconds"]),
        (&json!(720), &json!(40.0))
    );
    let chosen = app.get(&app.at("/analytics?from=2020-01-01"), Role::Teacher).await.json();
    for name in ["renditions", "devices", "players"] {
        assert_eq!(chosen[name], all[name], "{name}");
        assert_eq!(app.analytics(Role::Student).await[name], found[name], "{name}");
    }
    app.rebuilds_to_the_same(2).await;
}

#[tokio::test]
async fn sessions_are_listed_by_pages() {
    let app = recorded().await;
    for number in 0..5 {
        app.told(Role::Student, &batch(&format!("s{number}"), &viewing())).await;
    }
    app.told(Role::Teacher, &batch("t", &viewing()[..3])).await;
    let path = app.at("/analytics/sessions");
    let whole = app.get(&path, Role::Teacher).await.json();
    assert_eq!((ids(&whole).len(), &whole["next"], &whole["limit"]), (6, &Value::Null, &json!(50)));
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = app.get(&format!("{path}?limit=4&cursor={cursor}"), Role::Admin).await.json();
        all.extend(ids(&page));
        let Some(next) = page["next"].as_str() else { break };
        next.clone_into(&mut cursor);
    }
    assert_eq!(all, ids(&whole));
    let first = whole["sessions"].as_array().unwrap().iter().find(|one| one["session_id"] == "s0").unwrap();
    let shown = app.analytics(Role::Teacher).await;
    let mut same = first.clone();
    assert_eq!(same.as_object_mut().unwrap().remove("recording_id"), Some(json!(app.fixture.recording)));
    assert!(shown["sessions"].as_array().unwrap().contains(&same));
    // Whoever is neither owner nor administrator sees their own.
    for (query, wanted) in [("", 5), ("?viewer=me", 5), ("?viewer=user-1", 5), ("?viewer=teacher", 0)] {
        let own = app.get(&format!("{path}{query}"), Role::Student).await.json();
        assert_eq!(ids(&own).len(), wanted, "{query}");
        assert!(own["sessions"].as_array().unwrap().iter().all(|one| one["viewer"] == GUEST));
    }
    for (query, wanted) in [
        ("viewer=me", 1),
        ("viewer=user-1", 5),
        ("viewer=user-1&source=beacon&from=2020-01-01&to=2099-01-01", 5),
        ("source=progress", 0),
        ("from=2099-01-01", 0),
        ("to=2020-01-01", 0),
        ("viewer=%27%20OR%20%271%27=%271", 0),
    ] {
        let found = app.get(&format!("{path}?{query}"), Role::Teacher).await.json();
        assert_eq!(ids(&found).len(), wanted, "{query}");
    }
    for (query, field) in [
        ("format=xml", "format"),
        ("source=video", "source"),
        ("from=yesterday", "from"),
        ("to=x", "to"),
        ("limit=-1", "limit"),
        ("cursor=x", "cursor"),
    ] {
        for path in [&path, SESSIONS] {
            let wrong = app.get(&format!("{path}?{query}"), Role::Teacher).await;
            assert_eq!(wrong.problem(400, "bad-request")["field"], field);
        }
    }
    let stranger = app.call_as(Method::GET, &path, "stranger", Role::Teacher, "").await;
    stranger.problem(404, "not-found");
}

#[tokio::test]
async fn exports_have_all_sessions_and_no_formula() {
    let app = recorded().await;
    for number in 0..450 {
        let body = batch(&format!("s{number}"), &viewing()[..3]);
        app.told(if number % 2 == 0 { Role::Student } else { Role::Teacher }, &body).await;
    }
    let mut evil: Value = serde_json::from_str(&batch("-s", &shown(360, 720))).unwrap();
    evil["player"] = json!("=cmd(\"x\")");
    evil["participant"] = json!("a,\"b\"");
    app.told(Role::Student, &evil.to_string()).await;
    let path = app.at("/analytics/sessions");
    let csv = app.get(&format!("{path}?format=csv&limit=1"), Role::Teacher).await;
    assert_eq!((csv.status, csv.header("content-type")), (StatusCode::OK, "text/csv; charset=utf-8"));
    assert_eq!(
        csv.header("content-disposition"),
        format!("attachment; filename=\"sessions-{}.csv\"", app.fixture.recording)
    );
    let text = csv.text();
    let lines: Vec<&str> = text.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 452);
    let names: Vec<&str> = lines[0].split(',').collect();
    assert_eq!((names[0], names[24]), ("recording_id", "device"));
    let plain = lines.iter().find(|line| line.contains(",s0,")).unwrap();
    let cells: Vec<&str> = plain.split(',').collect();
    assert_eq!(cells.len(), names.len());
    let cell = |name: &str| cells[names.iter().position(|own| *own == name).unwrap()];
    assert_eq!(
        (cell("viewer"), cell("source"), cell("seen"), cell("played_seconds")),
        (GUEST, "beacon", "0-10", "10")
    );
    assert!(crate::time::WallTime::read(cell("started_at")).is_some());
    let guarded = lines.iter().find(|line| line.contains("cmd")).unwrap();
    assert!(guarded.contains(",\"'-s\",") && guarded.contains(",\"'=cmd(\"\"x\"\")"), "{guarded}");
    assert!(guarded.contains(",\"a,\"\"b\"\"\",") && guarded.contains(",360p=20 720p=10,"), "{guarded}");
    // The header says it too.
    let accept = |kind: &'static str| [("accept", kind)];
    let by_header = app.get_with(&path, Role::Teacher, &accept("text/csv")).await;
    assert_eq!(by_header.text(), text);
    let lines = app.get_with(&path, Role::Teacher, &accept("application/jsonl")).await;
    assert_eq!(lines.header("content-type"), "application/x-ndjson");
    let rows: Vec<Value> = lines.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let page = app.get(&format!("{path}?limit=200"), Role::Teacher).await.json();
    assert_eq!((rows.len(), rows[..200].to_vec()), (451, page["sessions"].as_array().unwrap().clone()));
    // Of others nothing is taken away.
    let own = app.get(&format!("{path}?format=jsonl"), Role::Student).await.text();
    assert_eq!(own.lines().count(), 226);
    assert!(own.lines().all(|line| line.contains("\"viewer\":\"user-1\"")));
    let audited = app.of_route("GET /api/v1/recordings/{id}/analytics/sessions").await;
    let exports: Vec<&str> = audited
        .iter()
        .rev()
        .map(|row| row.detail.as_str())
        .filter(|detail| detail.contains("export"))
        .collect();
    let (as_csv, as_lines) = ("{\"export\":\"csv\"}", "{\"export\":\"jsonl\"}");
    assert_eq!((audited.len(), exports), (5, vec![as_csv, as_csv, as_lines, as_lines]));
    assert!(audited.iter().all(|row| row.recording_id == Some(app.fixture.recording.to_string())));
}

#[tokio::test]
async fn across_recordings_owners_see_theirs_and_administrators_all() {
    let app = recorded().await;
    let other = app.another("tom", "room two").await;
    app.told(Role::Student, &batch("s", &viewing())).await;
    let count = async |user: &str, role: Role, query: &str| {
        ids(&app.listed(&format!("{SESSIONS}{query}"), user, role).await).len()
    };
    assert_eq!(count("root", Role::Admin, "").await, 2);
    assert_eq!(count("root", Role::Admin, "?viewer=tom").await, 1);
    assert_eq!(count("root", Role::Admin, "?viewer=me").await, 0);
    assert_eq!(count("root", Role::Admin, "?room_id=room%20two").await, 1);
    assert_eq!(count(OWNER, Role::Teacher, "").await, 1);
    assert_eq!(count(OWNER, Role::Teacher, "?viewer=tom").await, 0);
    assert_eq!(count("tom", Role::Teacher, "?viewer=me").await, 1);
    assert_eq!(count(GUEST, Role::Student, "").await, 0);
    assert_eq!(count(GUEST, Role::Student, "?viewer=me").await, 1);
    assert_eq!(count(GUEST, Role::Student, "?viewer=tom").await, 0);
    let own = app.listed(SESSIONS, "tom", Role::Teacher).await;
    assert_eq!(own["sessions"][0]["recording_id"], json!(other));
    let csv = app.call_as(Method::GET, &format!("{SESSIONS}?format=csv"), "root", Role::Admin, "").await;
    assert_eq!(csv.text().lines().count(), 3);
    assert_eq!(csv.header("content-disposition"), "attachment; filename=\"sessions.csv\"");
    // A capability for one recording is none for all.
    let bound = Bound { recording: app.fixture.recording, level: Level::View, purpose: Purpose::Playback };
    let until = SystemClock.wall().plus(600_000_000);
    let share = shared(&app.fixture, With::Public, Level::View).await;
    let capability = Sealer::derived(SECRET).unwrap().of_share(share, bound, until).unwrap();
    app.bare(Method::GET, &format!("{SESSIONS}?token={capability}"), "").await.problem(403, "forbidden");
    let audited = app.of_route(&format!("GET {SESSIONS}")).await;
    assert_eq!(audited.len(), 13);
    assert_eq!(audited.iter().filter(|row| row.target.as_deref() == Some("tom")).count(), 3);
}

#[tokio::test]
async fn sessions_of_a_recording_that_ended_meanwhile_are_counted_again() {
    let (app, _) = with_media().await;
    app.told(Role::Student, &batch("s", &viewing())).await;
    app.fixture.finish(100_000).await;
    let unsettled = app.fixture.catalog.unsettled_viewings(app.fixture.recording, 10).await.unwrap();
    assert_eq!(unsettled.len(), 1);
    let page = app.get(&app.at("/analytics/sessions"), Role::Teacher).await.json();
    assert_eq!(page["sessions"][0]["completion"], json!(0.3));
    let unsettled = app.fixture.catalog.unsettled_viewings(app.fixture.recording, 10).await.unwrap();
    assert!(unsettled.is_empty());
}
