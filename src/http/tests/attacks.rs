//! What strangers send. Attacks on tokens are in `auth::token`, on capabilities and shares in the files beside this one,
//! on connections in `http::serve`; `docs/design/access.md` lists all.

use super::*;
use crate::media::Codec;
use std::io;
use std::sync::Mutex;
use tracing_subscriber::fmt::MakeWriter;

/// Ways out of a folder, encoded as clients may and as routers decode once.
const WAYS_OUT: [&str; 12] = [
    "..",
    "%2e%2e",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "..%5c..%5cwindows",
    "%252e%252e%252fetc",
    "....%2f%2f",
    "%00",
    "a%00.m4s",
    "%2fetc%2fpasswd",
    "%c0%ae%c0%ae%c0%af",
    "%ff",
];

#[tokio::test]
async fn no_path_parameter_leads_out_of_a_folder() {
    let app = TestApp::new().await;
    let ada = app.fixture.participant("Ada", 0).await;
    app.fixture.track(ada, Codec::H264, "camera", &[(0, 0, 2000)]).await;
    std::fs::write(app.fixture.folder.path().join("secret.txt"), "the secret of the folder").unwrap();
    let id = app.fixture.recording.to_string();
    let mut tried = 0;
    for pattern in &app.paths {
        let names: Vec<&str> = pattern.split('/').filter(|part| part.starts_with('{')).collect();
        for name in &names {
            for way in WAYS_OUT.iter().copied().chain(["%2e%2e%2f%2e%2e%2fsecret.txt", "../../secret.txt"]) {
                let mut path = pattern.replace(name, way);
                for other in &names {
                    path = path.replace(other, if *other == "{id}" { &id } else { "x" });
                }
                for method in [Method::GET, Method::POST, Method::DELETE] {
                    let answer = app.call(method.clone(), &path, Role::Admin, "{}").await;
                    tried += 1;
                    assert!(answer.status.is_client_error(), "{method} {path}: {}", answer.status);
                    assert!(!answer.text().contains("secret of the folder"), "{path}");
                }
            }
        }
    }
    assert!(tried > 500, "{tried}");
}

#[tokio::test]
async fn what_looks_like_sql_is_text_in_every_filter() {
    let app = TestApp::new().await;
    let id = app.fixture.recording;
    let texts = [
        "' OR '1'='1",
        "'; DROP TABLE recordings; --",
        "\" OR \"\"=\"",
        "1) UNION SELECT started_by FROM recordings --",
        "$1",
        "?1",
        "\\",
        "%",
        "_",
        "\0",
        "' || (SELECT 1) || '",
    ];
    let filters = [
        (BASE, ["room_id", "user_id", "q", "status", "from", "to", "limit", "offset", "cursor"].as_slice()),
        ("/api/v1/shares", &["after", "limit"]),
        ("/api/v1/webhooks/dead", &["recording", "after", "limit"]),
    ];
    for text in texts {
        for (path, names) in filters {
            for name in names {
                let query =
                    url::form_urlencoded::Serializer::new(String::new()).append_pair(name, text).finish();
                let answer = app.get(&format!("{path}?{query}"), Role::Admin).await;
                assert!(answer.status == 200 || answer.status == 400, "{name}={text}: {}", answer.text());
                if answer.status == 200 && path == BASE {
                    assert_eq!(answer.json()["total"], 0, "{name}={text}");
                }
            }
        }
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("types", text).finish();
        let events = app.at(&format!("/events?{query}"));
        app.get(&events, Role::Admin).await.problem(400, "bad-request");
        // As a user, as whom something is shared with, and as a title.
        let list = app.call_as(Method::GET, BASE, text, Role::Student, "").await.json();
        assert_eq!(list["total"], 0);
        let wish = serde_json::json!({"share_type": "user", "shared_with": text});
        let made = app.call(Method::POST, &app.at("/shares"), Role::Teacher, &wish.to_string()).await;
        assert_eq!(made.status, 201, "{text}");
    }
    assert!(app.fixture.catalog.recording(id).await.unwrap().is_some());
    assert_eq!(app.call_as(Method::GET, BASE, "stranger", Role::Student, "").await.json()["total"], 0);
}

#[tokio::test]
async fn a_title_adds_no_header_to_a_download() {
    let app = TestApp::new().await;
    let title = "x\"; filename=\"evil.exe\r\nSet-Cookie: a=b\r\n\r\n<script>";
    let made = crate::catalog::NewRecording {
        room_id: "r2".to_owned(),
        title: title.to_owned(),
        started_by: OWNER.to_owned(),
        started_at: crate::playback::fixture::START,
        format: "mp4".to_owned(),
        ..crate::catalog::NewRecording::default()
    };
    app.fixture.catalog.create_recording(&made).await.unwrap();
    let at = format!("{BASE}/{}/download-url", made.id);
    let name = app.get(&at, Role::Teacher).await.json()["file_name"].as_str().unwrap().to_owned();
    assert!(!name.contains(['\r', '\n', '"', '<', '/']), "{name}");
    let header = crate::http::download::disposition(title, "mp4");
    assert!(header.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{header}");
    assert_eq!(header.matches('"').count(), 2, "{header}");
    assert_eq!(header.matches("filename=").count(), 2, "{header}");
    assert!(axum::http::HeaderValue::from_str(&header).is_ok());
}

#[tokio::test]
async fn large_bodies_are_refused() {
    let app = TestApp::new().await;
    let large = format!(r#"{{"title":"{}"}}"#, "x".repeat(70_000));
    for path in [format!("{BASE}/start"), app.at("/shares"), "/api/v1/events/replay".to_owned()] {
        app.call(Method::POST, &path, Role::Admin, &large).await.problem(413, "too-large");
    }
    app.bare(Method::POST, "/api/v1/shares/open", &large).await.problem(413, "too-large");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let limits = Limits::waiting(0, Duration::from_millis(50));
    let app = TestApp::limited(Reach::anywhere(), Origins::AnyToRead, limits).await;
    let never = Body::from_stream(futures_util::stream::pending::<Result<Bytes, io::Error>>());
    let request = Request::post(format!("{BASE}/start"))
        .header("authorization", format!("Bearer {}", token(Role::Teacher)))
        .body(never)
        .unwrap();
    app.send(request).await.problem(408, "request-timeout");
}

#[tokio::test]
async fn too_many_requests_and_refused_tokens_are_told_when_to_come_back() {
    let app = TestApp::limited(Reach::anywhere(), Origins::AnyToRead, Limits::new(1)).await;
    let mut answers = Vec::new();
    while answers.len() < 60 {
        let answer = app.get("/api/v1/shares", Role::Student).await;
        let over = answer.status == StatusCode::TOO_MANY_REQUESTS;
        answers.push(answer);
        if over {
            break;
        }
    }
    let last = answers.last().unwrap();
    last.problem(429, "too-many-requests");
    assert!(answers.len() > 10 && last.header("retry-after").parse::<u64>().unwrap() >= 1);
    // Others are not held back.
    assert_eq!(app.get("/api/v1/shares", Role::Teacher).await.status, 200);
    let mut refused = 0;
    while app.call_with(Method::GET, BASE, "x.y.z", "").await.status == StatusCode::UNAUTHORIZED {
        refused += 1;
        assert!(refused < 100, "guessing tokens has no limit");
    }
    app.call_with(Method::GET, BASE, "x.y.z", "").await.problem(429, "too-many-requests");
    // A good token comes through from the same address.
    assert_eq!(app.get("/api/v1/shares", Role::Teacher).await.status, 200);
    let metrics = app.bare(Method::GET, "/metrics", "").await.text();
    let counted = metrics.lines().find(|line| line.starts_with("tureen_requests_limited_total ")).unwrap();
    assert!(counted.split(' ').nth(1).unwrap().parse::<u64>().unwrap() >= 2);
}

#[tokio::test]
async fn answers_say_what_browsers_may_do_with_them() {
    let app = TestApp::new().await;
    for path in [app.at(""), app.at("/none"), "/healthz".to_owned(), "/nowhere".to_owned(), BASE.to_owned()] {
        let answer = app.get(&path, Role::Student).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
    }
    let page = app.get(&format!("/watch/{}", app.fixture.recording), Role::Student).await;
    let policy = page.header("content-security-policy");
    // Without its pages the binary answers with a problem.
    assert!(
        policy.contains(if page.status == 200 { "frame-ancestors 'self'" } else { "'none'" }),
        "{policy}"
    );
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_token_is_in_a_log() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .with_ansi(false)
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let app = TestApp::new().await;
    let wish = r#"{"share_type":"link","password":"open-sesame"}"#;
    let link = app.call(Method::POST, &app.at("/shares"), Role::Teacher, wish).await.json();
    let secret = link["token"].as_str().unwrap().to_owned();
    let open = format!(r#"{{"token":"{secret}","password":"open-sesame"}}"#);
    let capability = app.bare(Method::POST, "/api/v1/shares/open", &open).await.json();
    let capability = capability["token"].as_str().unwrap().to_owned();
    let token = token(Role::Student);
    let expired = mint(SECRET, &Claims { exp: 1, ..claims(Role::Student) }).unwrap();
    for one in [&token, &capability, &expired] {
        for rest in ["", "/stream/playlist.m3u8", "/nothing", "/download?start=x"] {
            let query = if rest.contains('?') { '&' } else { '?' };
            app.bare(Method::GET, &app.at(&format!("{rest}{query}token={one}")), "").await;
            app.call_with(Method::GET, &app.at(rest), one, "").await;
        }
    }
    // Where the server itself fails.
    app.fixture.catalog.close().await;
    app.bare(Method::GET, &format!("{BASE}?token={token}"), "").await;
    let text = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(text.contains("request") && text.contains("a request failed"), "nothing was logged");
    for secret in [&secret, &capability, &token, &expired, "open-sesame"] {
        // Neither whole, nor its signature alone.
        assert!(!text.contains(secret), "{secret}");
        assert!(!text.contains(secret.rsplit('.').next().unwrap()), "{secret}");
    }
}
