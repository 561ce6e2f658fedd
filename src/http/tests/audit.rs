use super::*;
use crate::audit::{Record, Report, Verifier, read_record};
use crate::catalog::{AuditFilter, AuditRow};
use crate::id::{RecordingId, TrackId};
use crate::media::Codec;
use crate::playback::film::steady;
use axum::body::HttpBody;
use axum::extract::ConnectInfo;
use futures_util::StreamExt;
use std::net::SocketAddr;

const AUDIT: &str = "/api/v1/audit";

impl TestApp {
    /// All rows but those of the chain itself, in order.
    async fn rows(&self) -> Vec<AuditRow> {
        let page = self.fixture.catalog.audit_page(&AuditFilter::default(), None, 1000).await.unwrap();
        let mut rows: Vec<_> = page.rows.into_iter().filter(|row| row.role != "system").collect();
        rows.sort_by_key(|row| row.seq);
        rows
    }

    /// Ends the sessions and the chain; the rows that this leaves.
    async fn rows_at_the_end(&self) -> Vec<AuditRow> {
        self.audit.end().await;
        self.rows().await
    }
}

fn told(row: &AuditRow) -> (&str, &str, &str, Option<i64>, Option<&str>) {
    (&row.action, &row.phase, &row.result, row.status, row.who.as_deref())
}

/// Ada with a camera, ten seconds, ended.
async fn with_film() -> (TestApp, TrackId) {
    let app = TestApp::new().await;
    let ada = app.fixture.participant("Ada", 0).await;
    let camera = app.fixture.film(ada, Codec::H264, "camera", &steady(Codec::H264, 0, 0, 10)).await.0;
    app.fixture.finish(10_000).await;
    (app, camera)
}

async fn verify(app: &TestApp) -> Report {
    let export = app.get(&format!("{AUDIT}/export"), Role::Admin).await;
    let mut verifier = Verifier::new(&[], &[]).unwrap();
    for line in export.text().lines() {
        verifier.push(&read_record(line).unwrap()).unwrap();
    }
    verifier.finish().unwrap()
}

#[tokio::test]
async fn what_is_asked_leaves_a_row() {
    let (app, _) = with_film().await;
    for path in ["", "/info", "/manifest.json"] {
        assert_eq!(app.get(&app.at(path), Role::Student).await.status, 200, "{path}");
    }
    app.get(BASE, Role::Student).await;
    app.get(&format!("{BASE}/{}", RecordingId::new()), Role::Student).await.problem(404, "not-found");
    app.call(Method::POST, &app.at("/stop"), Role::Student, "").await.problem(403, "forbidden");
    app.call_as(Method::DELETE, &app.at("?permanent=true"), OWNER, Role::Teacher, "").await;
    let rows = app.rows().await;
    let who = Some("user-1");
    let found: Vec<_> = rows.iter().map(told).collect();
    assert_eq!(
        found,
        [
            ("view", "once", "success", Some(200), who),
            ("view", "once", "success", Some(200), who),
            ("view", "once", "success", Some(200), who),
            ("view", "once", "success", Some(200), who),
            ("view", "once", "failed", Some(404), who),
            ("stop", "once", "failed", Some(403), who),
            ("delete", "once", "success", Some(200), Some(OWNER)),
        ]
    );
    let first = &rows[0];
    assert_eq!(first.recording_id.as_deref(), Some(app.fixture.recording.to_string().as_str()));
    assert_eq!((first.room_id.as_deref(), first.role.as_str()), (Some("room one"), "student"));
    assert_eq!(first.route.as_deref(), Some("GET /api/v1/recordings/{id}"));
    assert!(first.bytes.unwrap() > 100 && first.duration_micros.is_some());
    assert_eq!(first.request_id.as_deref().map(str::len), Some(36));
    // The room is still told of what is gone.
    assert_eq!(rows[6].detail, "{\"permanent\":true}");
    assert_eq!(rows[6].room_id.as_deref(), Some("room one"));
    // With the chain's beginning and the export itself.
    assert_eq!(verify(&app).await.rows, 9);
}

#[tokio::test]
async fn who_comes_from_where_is_told() {
    let (app, _) = with_film().await;
    for (socket, forwarded) in [("192.0.2.7:1", "198.51.100.1"), ("10.0.0.1:1", "203.0.113.9, 198.51.100.1")]
    {
        let socket: SocketAddr = socket.parse().unwrap();
        let request = Request::get(app.at(""))
            .header("authorization", format!("Bearer {}", token(Role::Student)))
            .header("x-forwarded-for", forwarded)
            .header("user-agent", "Player/1.0")
            .header("x-request-id", "the-request")
            .extension(ConnectInfo(socket));
        app.send(request.body(Body::empty()).unwrap()).await;
    }
    let rows = app.rows().await;
    let places: Vec<_> = rows.iter().map(|row| row.address.clone().unwrap()).collect();
    assert_eq!(places, ["192.0.2.7", "198.51.100.1"]);
    assert_eq!(rows[0].user_agent.as_deref(), Some("Player/1.0"));
    assert_eq!(rows[0].request_id.as_deref(), Some("the-request"));
}

#[tokio::test]
async fn many_segments_are_two_rows() {
    let (app, camera) = with_film().await;
    let mut bytes = 0;
    for path in ["/stream/playlist.m3u8", &format!("/stream/{camera}/playlist.m3u8")] {
        bytes += app.get(&app.at(path), Role::Student).await.body.len();
    }
    // The session had its start before the first answer.
    let start = app.rows().await;
    assert_eq!(
        start.iter().map(told).collect::<Vec<_>>(),
        [("stream", "start", "success", Some(200), Some("user-1"))]
    );
    assert_eq!(start[0].bytes, None);
    for number in 0..4 {
        for _ in 0..3 {
            let answer = app.get(&app.at(&format!("/stream/{camera}/{number}.m4s")), Role::Student).await;
            assert_eq!(answer.status, 200);
            bytes += answer.body.len();
        }
    }
    // What is asked for in vain by who watches is no refusal.
    app.get(&app.at(&format!("/stream/{camera}/99.m4s")), Role::Student).await.problem(404, "not-found");
    assert_eq!(app.rows().await, start);
    // Somebody else has another session.
    app.call_as(Method::GET, &app.at("/stream/playlist.m3u8"), OWNER, Role::Teacher, "").await;
    let rows = app.rows_at_the_end().await;
    assert_eq!(rows.len(), 4);
    let end = rows.iter().find(|row| row.phase == "end" && row.role == "student").unwrap();
    assert_eq!(told(end), ("stream", "end", "success", None, Some("user-1")));
    assert_eq!(end.session_id, start[0].session_id);
    assert_eq!(end.bytes, Some(i64::try_from(bytes).unwrap()));
    assert_eq!(end.detail, "{\"requests\":14}");
}

#[tokio::test]
async fn a_download_that_is_cut_off_tells_what_was_sent() {
    let app = TestApp::new().await;
    let ada = app.fixture.participant("Ada", 0).await;
    app.fixture.film(ada, Codec::H264, "camera", &steady(Codec::H264, 0, 0, 120)).await;
    app.fixture.finish(120_000).await;
    let whole = app.get(&app.at("/download"), Role::Student).await;
    let request =
        Request::get(app.at("/download")).header("authorization", format!("Bearer {}", token(Role::Student)));
    let response = app.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    // Before the first byte.
    let rows = app.rows().await;
    assert_eq!(told(rows.last().unwrap()), ("download", "start", "success", Some(200), Some("user-1")));
    let mut body = response.into_body().into_data_stream();
    let sent = body.next().await.unwrap().unwrap().len();
    assert!(sent < whole.body.len(), "it comes in pieces");
    drop(body);
    let rows = app.rows_at_the_end().await;
    let ends: Vec<_> = rows.iter().filter(|row| row.phase == "end").collect();
    let told = ends.iter().map(|row| (row.result.as_str(), row.bytes.unwrap())).collect::<Vec<_>>();
    assert_eq!(told, [("success", whole.body.len() as i64), ("partial", sent as i64)]);
    assert!(ends.iter().all(|row| row.session_id.is_some() && row.duration_micros.is_some()));
}

#[tokio::test]
async fn the_length_of_what_is_counted_is_still_told() {
    let (app, _) = with_film().await;
    let request =
        Request::get(app.at("/download")).header("authorization", format!("Bearer {}", token(Role::Student)));
    let response = app.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let told: u64 = response.headers()["content-length"].to_str().unwrap().parse().unwrap();
    assert_eq!(HttpBody::size_hint(response.body()).exact().unwrap_or(told), told);
}

#[tokio::test]
async fn failed_sign_ins_leave_rows_and_a_flood_of_them_is_summed_up() {
    let app = TestApp::new().await;
    for _ in 0..25 {
        let request = Request::get(app.at("")).header("authorization", "Bearer x.y.z");
        app.send(request.body(Body::empty()).unwrap()).await.problem(401, "unauthorized");
    }
    let rows = app.rows_at_the_end().await;
    assert_eq!(rows.len(), 11);
    assert!(rows.iter().all(|row| told(row) == ("sign_in", "once", "failed", Some(401), None)));
    assert_eq!(rows.last().unwrap().detail, "{\"further\":15}");
}

#[tokio::test]
async fn the_audit_is_read_by_administrators_and_that_is_recorded() {
    let (app, _) = with_film().await;
    for _ in 0..5 {
        app.get(&app.at(""), Role::Student).await;
    }
    app.get(&app.at("/info"), Role::Teacher).await;
    for role in [Role::Student, Role::Teacher] {
        for path in ["", "/export", "?group_by=action"] {
            app.get(&format!("{AUDIT}{path}"), role).await.problem(403, "forbidden");
        }
    }
    let first = app.get(&format!("{AUDIT}?action=view&limit=4&total=true"), Role::Admin).await.json();
    assert_eq!((first["entries"].as_array().unwrap().len(), &first["total"]), (4, &Value::from(6)));
    assert_eq!(first["entries"][0]["route"], "GET /api/v1/recordings/{id}/info");
    assert_eq!(first["entries"][0]["actor"], OWNER);
    assert!(first["entries"][0].get("who_seal").is_none());
    let next = first["next"].as_str().unwrap();
    let second = app.get(&format!("{AUDIT}?action=view&limit=4&cursor={next}"), Role::Admin).await.json();
    assert_eq!(second["entries"].as_array().unwrap().len(), 2);
    assert!(second["next"].is_null());
    let groups = app.get(&format!("{AUDIT}?group_by=action"), Role::Admin).await.json();
    let count = |groups: &Value, value: &str| {
        let groups = groups["groups"].as_array().unwrap();
        groups.iter().find(|group| group["value"] == value).map(|group| group["count"].clone())
    };
    assert_eq!(count(&groups, "view"), Some(6.into()));
    assert_eq!(count(&groups, "audit_read"), Some(6.into()));
    assert_eq!(count(&groups, "audit_export"), Some(2.into()));
    let actors =
        app.get(&format!("{AUDIT}?group_by=actor&from=2020-01-01T12:00:00Z"), Role::Admin).await.json();
    assert!(count(&actors, "user-1").unwrap().as_u64().unwrap() >= 8, "{actors}");
    for (query, field) in [
        ("action=x", "action"),
        ("result=x", "result"),
        ("from=x", "from"),
        ("limit=x", "limit"),
        ("cursor=x", "cursor"),
        ("group_by=x", "group_by"),
        ("group_by=address", "group_by"),
    ] {
        let problem = app.get(&format!("{AUDIT}?{query}"), Role::Admin).await.problem(400, "bad-request");
        assert_eq!(problem["field"], field);
    }
    let csv = app.get(&format!("{AUDIT}/export?format=csv&action=view"), Role::Admin).await;
    assert_eq!((csv.status, csv.header("content-type")), (StatusCode::OK, "text/csv; charset=utf-8"));
    assert_eq!(csv.text().lines().count(), 7);
    let part = app.get(&format!("{AUDIT}/export?action=view"), Role::Admin).await;
    let records: Vec<_> = part.text().lines().map(|line| read_record(line).unwrap()).collect();
    assert!(matches!(records[0], Record::Export { complete: false, .. }));
    assert_eq!(records.len(), 7);
}

#[tokio::test]
async fn an_owner_sees_what_was_done_with_a_recording_but_not_from_where() {
    let (app, _) = with_film().await;
    let socket: SocketAddr = "192.0.2.7:1".parse().unwrap();
    let request = Request::get(app.at("/info"))
        .header("authorization", format!("Bearer {}", token(Role::Student)))
        .extension(ConnectInfo(socket));
    app.send(request.body(Body::empty()).unwrap()).await;
    let path = app.at("/history");
    // Not the owner.
    app.get(&path, Role::Student).await.problem(403, "forbidden");
    let history = app.call_as(Method::GET, &path, OWNER, Role::Teacher, "").await.json();
    let entries = history["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 2, "{history}");
    assert_eq!((&entries[1]["action"], &entries[1]["actor"]), (&"view".into(), &"user-1".into()));
    assert!(!history.to_string().contains("192.0.2.7"));
    let none = format!("{BASE}/{}/history", RecordingId::new());
    app.call_as(Method::GET, &none, OWNER, Role::Teacher, "").await.problem(404, "not-found");
}

#[tokio::test]
async fn erasing_a_person_leaves_the_chain_valid() {
    let (app, _) = with_film().await;
    app.get(&app.at(""), Role::Student).await;
    let body = r#"{"user_id":"user-1"}"#;
    app.call(Method::POST, &format!("{AUDIT}/erase"), Role::Teacher, body).await.problem(403, "forbidden");
    let path = format!("{AUDIT}/erase");
    let erased = app.call_as(Method::POST, &path, "admin-1", Role::Admin, body).await.json();
    assert_eq!(erased["rows"], 1);
    let rows = app.rows().await;
    assert!(rows[0].who.is_none() && rows[0].who_seal.as_ref().unwrap().len() == 32);
    let last = rows.last().unwrap();
    assert_eq!(
        (told(last), last.detail.as_str()),
        (("audit_erase", "once", "success", Some(200), Some("admin-1")), "{\"rows\":1}")
    );
    let groups = app.get(&format!("{AUDIT}?group_by=actor"), Role::Admin).await.json();
    assert!(!groups.to_string().contains("user-1"), "{groups}");
    let report = verify(&app).await;
    assert_eq!(report.erased, 1);
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_answered() {
    let (app, camera) = with_film().await;
    let segment = app.at(&format!("/stream/{camera}/0.m4s"));
    assert_eq!(app.get(&segment, Role::Student).await.status, 200);
    gone(&app).await;
    for path in [app.at(""), app.at("/download"), app.at("/stream/playlist.m3u8")] {
        app.get(&path, Role::Teacher).await.problem(503, "audit-unavailable");
    }
    app.call_as(Method::DELETE, &app.at(""), OWNER, Role::Teacher, "")
        .await
        .problem(503, "audit-unavailable");
    let request = Request::get(app.at("")).body(Body::empty()).unwrap();
    app.send(request).await.problem(503, "audit-unavailable");
    // Players of other origins can read it, and it is no page.
    let answer = app.get_with(&app.at("/download"), Role::Teacher, &[("origin", "https://x.org")]).await;
    answer.problem(503, "audit-unavailable");
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert!(answer.header("content-security-policy").contains("default-src 'none'"));
    assert_eq!(app.get("/healthz", Role::Student).await.status, 200);
}

/// The database answers no more.
async fn gone(app: &TestApp) {
    app.fixture.catalog.close().await;
}

#[tokio::test]
async fn a_token_is_in_no_row() {
    let (app, camera) = with_film().await;
    let token = token(Role::Student);
    for path in
        ["", "/download", "/stream/playlist.m3u8", &format!("/stream/{camera}/0.m4s"), "/no/such/page"]
    {
        let request = Request::get(format!("{}?token={token}", app.at(path)));
        app.send(request.body(Body::empty()).unwrap()).await;
        let request = Request::get(app.at(path)).header("authorization", format!("Bearer {token}"));
        app.send(request.body(Body::empty()).unwrap()).await;
    }
    let signature = token.rsplit('.').next().unwrap();
    let export = app.get(&format!("{AUDIT}/export"), Role::Admin).await.text();
    assert!(export.lines().count() > 8 && !export.contains(signature));
    let csv = app.get(&format!("{AUDIT}/export?format=csv"), Role::Admin).await.text();
    assert!(csv.lines().count() > 8 && !csv.contains(signature));
}

#[tokio::test]
async fn no_route_is_forgotten() {
    let app = TestApp::new().await;
    let quiet = ["/api/v1/recordings/{id}/progress", "/api/v1/recordings/{id}/cmcd"];
    for path in app.paths.iter().filter(|path| path.starts_with("/api/v1")) {
        let methods = [Method::GET, Method::POST, Method::DELETE];
        let recorded = methods.iter().any(|method| crate::http::audit::is_recorded(method, path));
        assert!(recorded || quiet.contains(&path.as_str()), "{path}");
    }
}
