use super::*;
use serde_json::json;

async fn start(app: &TestApp, body: &str) -> Answer {
    app.call(Method::POST, &format!("{BASE}/start"), Role::Teacher, body).await
}

#[tokio::test]
async fn a_bad_start_names_the_field() {
    let app = TestApp::new().await;
    let source = json!({"mode": "protoo", "url": "ws://127.0.0.1:1/"});
    let with = |member: &str, value: Value| {
        let mut body = json!({"room_id": "r", "title": "t", "source": source});
        match member.split_once('.') {
            Some((outer, inner)) => body[outer][inner] = value,
            None => body[member] = value,
        }
        body
    };
    for (member, value) in [
        ("room_id", json!("")),
        ("room_id", json!("x".repeat(600))),
        ("room_id", json!(7)),
        ("title", json!(" ")),
        ("title", Value::Null),
        ("format", json!("avi")),
        ("max_duration", json!(0)),
        ("max_duration", json!(1e9)),
        ("exclude", json!("ada")),
        ("exclude", json!([""])),
        ("participants", json!([7])),
        ("kinds", json!(["smell"])),
        ("sources", json!(["camera", "keyboard"])),
        ("idle_timeout", json!(-1)),
        ("alone_timeout", json!(0)),
        ("layers", json!("some")),
        ("source", Value::Null),
        ("source.mode", json!("carrier pigeon")),
        ("source.url", json!("http://sfu/")),
        ("source.url", json!("not a url")),
        ("source.url", Value::Null),
        ("source.join", json!({"device": {}})),
        ("source.join", json!({"x": "y".repeat(5000)})),
        ("source", json!({"mode": "http", "url": "http://127.0.0.1:1/", "join": {}})),
    ] {
        let answer = start(&app, &with(member, value.clone()).to_string()).await;
        let body = answer.problem(400, "bad-request");
        let text = body.to_string();
        assert!(text.contains(member.rsplit('.').next().unwrap()), "{member} = {value}: {text}");
    }
    let missing = start(&app, r#"{"title": "t"}"#).await.problem(400, "bad-request");
    assert!(missing["error"].as_str().unwrap().contains("room_id"));
}

#[tokio::test]
async fn a_body_that_is_no_json_or_too_large_is_refused() {
    let app = TestApp::new().await;
    for body in ["", "{", "[]", "\"x\"", "{\"room_id\": }"] {
        start(&app, body).await.problem(400, "bad-request");
    }
    let large = json!({"room_id": "r", "title": "t", "metadata": {"x": "y".repeat(70_000)}}).to_string();
    start(&app, &large).await.problem(413, "too-large");
}

#[tokio::test]
async fn an_sfu_that_does_not_answer_is_a_503() {
    let app = TestApp::new().await;
    // Nobody listens on port 1 of loopback.
    let body = json!({
        "room_id": "r", "title": "t", "description": "", "layers": "max", "bitrate_kbps": 500,
        "source": {"mode": "protoo", "url": "ws://127.0.0.1:1/"}, "max_duration": 1.5,
    });
    start(&app, &body.to_string()).await.problem(503, "sfu-unreachable");
    // Nothing is left behind: the room can be tried again.
    assert_eq!(app.fixture.catalog.running_in_room("r").await.unwrap(), None);
}

#[tokio::test]
async fn an_address_that_is_not_listed_is_refused_before_anything_is_sent() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let app = TestApp::reaching(Reach::public_and("SFU_ALLOW", []), Origins::AnyToRead).await;
    for (mode, host) in [
        ("protoo", "ws://127.0.0.1"),
        ("protoo", "wss://localhost"),
        ("bridge", "ws://[::ffff:127.0.0.1]"),
        ("bridge", "ws://2130706433"),
    ] {
        let source = json!({"mode": mode, "url": format!("{host}:{port}/")});
        let body = json!({"room_id": "r", "title": "t", "source": source});
        let problem = start(&app, &body.to_string()).await.problem(403, "address-not-allowed");
        assert_eq!((&problem["field"], &problem["setting"]), (&json!("source.url"), &json!("SFU_ALLOW")));
        assert!(problem["detail"].as_str().unwrap().contains("SFU_ALLOW"), "{problem}");
    }
    let body = json!({
        "room_id": "r", "title": "t", "source": {"mode": "protoo", "url": "ws://192.0.32.8:1/"},
        "webhooks": [{"url": format!("http://127.0.0.1:{port}/hook")}],
    });
    let problem = start(&app, &body.to_string()).await.problem(403, "address-not-allowed");
    assert_eq!(problem["field"], "webhooks[0].url");
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "nobody came");
}

#[tokio::test]
async fn protoo_has_no_layers() {
    let app = TestApp::new().await;
    let body = json!({
        "room_id": "r", "title": "t", "layers": "all",
        "source": {"mode": "protoo", "url": "ws://127.0.0.1:1/"},
    });
    let problem = start(&app, &body.to_string()).await.problem(422, "layers-unsupported");
    assert_eq!(problem["code"], "layers_unsupported");
}

#[tokio::test]
async fn stopping_what_does_not_run_is_a_conflict() {
    let app = TestApp::new().await;
    app.fixture.finish(1000).await;
    app.call(Method::POST, &app.at("/stop"), Role::Teacher, "").await.problem(409, "not-running");
    let unknown = format!("{BASE}/{}/stop", crate::id::RecordingId::new());
    app.call(Method::POST, &unknown, Role::Teacher, "").await.problem(404, "not-found");
    app.call(Method::POST, &format!("{BASE}/xyz/stop"), Role::Teacher, "").await.problem(404, "not-found");
    app.get(&app.at("/stop"), Role::Teacher).await.problem(405, "method-not-allowed");
}

#[test]
fn errors_of_the_recorder_have_their_statuses() {
    use crate::recorder::Error as E;
    use axum::response::IntoResponse;
    let id = crate::id::RecordingId::new();
    for (error, status) in [
        (E::AlreadyRecording(id), 409),
        (E::BadSource("x".to_owned()), 400),
        (E::SfuUnreachable("x".to_owned()), 503),
        (E::SfuRefused("x".to_owned()), 503),
        (E::TooMany(1), 503),
        (E::LayersUnsupported("protoo"), 422),
        (E::NotRunning, 409),
        (E::Catalog(crate::catalog::Error::RoomBusy { running: id }), 409),
        (E::Lost, 500),
    ] {
        let response = crate::http::error::Problem::from(error).into_response();
        assert_eq!(response.status(), status);
    }
}

#[tokio::test]
async fn a_busy_room_names_the_recording_that_runs() {
    let id = crate::id::RecordingId::new();
    let problem = crate::http::error::Problem::from(crate::recorder::Error::AlreadyRecording(id));
    let response = axum::response::IntoResponse::into_response(problem);
    let body = to_bytes(response.into_body(), 4096).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["recording_id"], id.to_string());
}
