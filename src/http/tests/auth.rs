use super::*;
use crate::id::RecordingId;

#[tokio::test]
async fn every_recording_route_wants_a_token_and_says_what_is_wrong_with_one() {
    let app = TestApp::new().await;
    let now = claims(Role::Admin);
    let expired = mint(SECRET, &Claims { exp: now.exp - 3600, ..now.clone() }).unwrap();
    let early = mint(SECRET, &Claims { nbf: Some(now.exp), ..now.clone() }).unwrap();
    let other = mint(b"another secret", &now).unwrap();
    let (_, rest) = other.split_once('.').unwrap();
    let none = format!("eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0.{rest}");
    let refused = [
        (String::new(), "required"),
        (format!("Bearer {expired}"), "expired"),
        (format!("Bearer {early}"), "not valid yet"),
        (format!("Bearer {other}"), "signature"),
        (format!("Bearer {none}"), "HS256"),
        ("Bearer x.y".to_owned(), "malformed"),
        ("Basic dXNlcjpwYXNz".to_owned(), "malformed"),
        ("Bearer".to_owned(), "malformed"),
    ];
    let track = uuid::Uuid::nil();
    let paths = [
        BASE.to_owned(),
        app.at(""),
        app.at("/info"),
        app.at("/manifest.json"),
        app.at("/stream/playlist.m3u8"),
        app.at(&format!("/stream/{track}/0.m4s")),
        app.at("/no/such/page"),
    ];
    for (header, reason) in &refused {
        for path in &paths {
            let mut request = Request::get(path);
            if !header.is_empty() {
                request = request.header("authorization", header);
            }
            let answer = app.send(request.body(Body::empty()).unwrap()).await;
            let body = answer.problem(401, "unauthorized");
            assert!(body["error"].as_str().unwrap().contains(reason), "{header}: {body}");
            assert!(answer.header("www-authenticate").starts_with("Bearer realm=\"tureen\""));
            let told = answer.header("www-authenticate").contains("invalid_token");
            assert_eq!(told, !header.is_empty());
        }
    }
    for (method, path) in [(Method::POST, "/start"), (Method::POST, "/x/stop"), (Method::DELETE, "/x")] {
        let request =
            Request::builder().method(method).uri(format!("{BASE}{path}")).body(Body::empty()).unwrap();
        app.send(request).await.problem(401, "unauthorized");
    }
}

#[tokio::test]
async fn roles_may_do_what_they_may() {
    let app = TestApp::new().await;
    let start = r#"{"room_id": "r", "title": "t"}"#;
    // The student may view, so is told that this is not for them; to whom nothing is shown there is nothing.
    for (role, status, name) in [(Role::Student, 403, "forbidden"), (Role::Unknown, 404, "not-found")] {
        app.call(Method::POST, &format!("{BASE}/start"), role, start).await.problem(403, "forbidden");
        app.call(Method::POST, &app.at("/stop"), role, "").await.problem(status, name);
        app.call(Method::DELETE, &app.at(""), role, "").await.problem(status, name);
        app.call(Method::DELETE, &app.at("?permanent=true"), role, "").await.problem(status, name);
    }
    let views = ["", "/info", "/manifest.json"].map(|rest| app.at(rest));
    for path in &views {
        assert_eq!(app.get(path, Role::Student).await.status, 200, "{path}");
        app.get(path, Role::Unknown).await.problem(404, "not-found");
    }
    assert_eq!(app.get(BASE, Role::Student).await.status, 200);
    app.get(BASE, Role::Unknown).await.problem(403, "forbidden");
    // A teacher gets as far as the fields.
    app.call(Method::POST, &format!("{BASE}/start"), Role::Teacher, start).await.problem(400, "bad-request");
}

#[tokio::test]
async fn a_token_in_the_query_is_carried_on_and_one_in_the_header_is_not() {
    let app = TestApp::new().await;
    let ada = app.fixture.participant("Ada", 0).await;
    let track = app.fixture.track(ada, crate::media::Codec::H264, "camera", &[(0, 0, 2000)]).await;
    let token = token(Role::Student);
    let multivariant = app.at("/stream/playlist.m3u8");
    let with = |path: &str| Request::get(format!("{path}?token={token}")).body(Body::empty()).unwrap();
    let text = app.send(with(&multivariant)).await.text();
    assert!(text.contains(&format!("{track}/playlist.m3u8?token={token}")), "{text}");
    let media = app.at(&format!("/stream/{track}/playlist.m3u8"));
    let text = app.send(with(&media)).await.text();
    assert!(text.contains(&format!("init-0.mp4?token={token}")), "{text}");
    assert!(text.contains(&format!("0.m4s?token={token}")), "{text}");
    let manifest = app.send(with(&app.at("/manifest.json"))).await.json();
    let playlist = manifest["participants"][0]["playlist"].as_str().unwrap();
    assert!(playlist.contains(&format!("participant={ada}")) && playlist.contains(&token), "{playlist}");
    for path in [multivariant, media, app.at("/manifest.json")] {
        assert!(!app.get(&path, Role::Student).await.text().contains("token="));
    }
}

#[tokio::test]
async fn other_origins_may_read_and_not_write() {
    let app = TestApp::new().await;
    let preflight = |method: &str| {
        Request::options(format!("{BASE}/start"))
            .header("origin", "https://app.example.org")
            .header("access-control-request-method", method)
            .header("access-control-request-headers", "authorization,range")
            .body(Body::empty())
            .unwrap()
    };
    let answer = app.send(preflight("GET")).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (StatusCode::OK, "*"));
    assert!(!answer.header("access-control-allow-methods").contains("POST"));
    let answer = app.get_with(&app.at(""), Role::Student, &[("origin", "https://x.org")]).await;
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert!(answer.header("access-control-expose-headers").contains("content-range"));

    let app = TestApp::with(Origins::Only(vec!["https://app.example.org".to_owned()])).await;
    let answer = app.send(preflight("POST")).await;
    assert_eq!(answer.header("access-control-allow-origin"), "https://app.example.org");
    assert!(answer.header("access-control-allow-methods").contains("POST"));
    let answer = app.get_with(&app.at(""), Role::Student, &[("origin", "https://x.org")]).await;
    assert_eq!(answer.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn probes_need_no_token() {
    let app = TestApp::new().await;
    let get = |path: &str| Request::get(path).body(Body::empty()).unwrap();
    assert_eq!(app.send(get("/healthz")).await.json()["status"], "ok");
    assert_eq!(app.send(get("/readyz")).await.json()["status"], "ready");
    let metrics = app.send(get("/metrics")).await;
    assert!(metrics.text().contains("\ntureen_recordings_running 0\n"));
    assert!(metrics.text().contains("\ntureen_packets_lost_total 0\n"));
    assert!(!metrics.header("x-request-id").is_empty());
    app.send(get("/nowhere")).await.problem(404, "not-found");
    app.send(get("/assets/../Cargo.toml")).await.problem(404, "not-found");
    app.send(get("/assets/%2e%2e/%2e%2e/Cargo.toml")).await.problem(404, "not-found");
    app.send(get("/watch/not-an-id")).await.problem(404, "not-found");
    app.fixture.catalog.close().await;
    app.send(get("/readyz")).await.problem(500, "internal");
    let page = app.send(get(&format!("/watch/{}", RecordingId::new()))).await;
    assert!(page.status == StatusCode::OK || page.problem(503, "no-pages")["error"].is_string());
}
