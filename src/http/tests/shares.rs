use super::*;
use crate::media::Codec;
use crate::playback::film::steady;
use serde_json::json;

impl TestApp {
    async fn share_as(&self, user: &str, wish: &Value) -> Answer {
        self.call_as(Method::POST, &self.at("/shares"), user, Role::Teacher, &wish.to_string()).await
    }

    async fn link(&self, wish: Value) -> Value {
        let mut wish = wish;
        wish["share_type"] = "link".into();
        let answer = self.share_as(OWNER, &wish).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        answer.json()
    }

    async fn open(&self, body: Value) -> Answer {
        self.bare(Method::POST, "/api/v1/shares/open", &body.to_string()).await
    }

    /// Does somebody see it?
    async fn sees(&self, user: &str, role: Role) -> bool {
        self.call_as(Method::GET, &self.at(""), user, role, "").await.status == StatusCode::OK
    }
}

#[tokio::test]
async fn a_recording_is_shared_with_a_user_and_a_role_until_it_is_revoked() {
    let app = TestApp::new().await;
    for (wish, user, role) in [
        (json!({"share_type": "user", "shared_with": "bob"}), "bob", Role::Student),
        (json!({"share_type": "role", "shared_with": "teacher"}), "eve", Role::Teacher),
        (json!({"share_type": "public"}), "zoe", Role::Student),
    ] {
        assert!(!app.sees(user, role).await);
        let answer = app.share_as(OWNER, &wish).await;
        let made = answer.json();
        assert_eq!((answer.status, &made["access_level"]), (StatusCode::CREATED, &"view".into()), "{made}");
        assert!(made.get("token").is_none() && made["shared_by"] == OWNER);
        assert!(app.sees(user, role).await);
        let path = answer.header("location").to_owned();
        let ended = app.call(Method::DELETE, &path, Role::Teacher, "").await.json();
        assert_eq!(ended["revoked"], 1);
        assert!(!app.sees(user, role).await);
        app.call(Method::DELETE, &path, Role::Teacher, "").await.problem(404, "not-found");
    }
}

#[tokio::test]
async fn levels_are_what_they_say() {
    let app = TestApp::new().await;
    let ada = app.fixture.participant("Ada", 0).await;
    app.fixture.film(ada, Codec::H264, "camera", &steady(Codec::H264, 0, 0, 2)).await;
    app.fixture.finish(2000).await;
    for (level, may) in [("view", 1), ("download", 2), ("share", 3), ("delete", 4)] {
        let wish = json!({"share_type": "user", "shared_with": level, "access_level": level});
        assert_eq!(app.share_as(OWNER, &wish).await.status, StatusCode::CREATED);
        let ask = async |method, rest: &str, body: &str| {
            app.call_as(method, &app.at(rest), level, Role::Student, body).await.status
        };
        assert_eq!(ask(Method::GET, "/info", "").await, 200);
        assert_eq!(ask(Method::GET, "/download", "").await == 200, may >= 2, "{level}");
        assert_eq!(ask(Method::GET, "/shares", "").await == 200, may >= 3, "{level}");
        let wish = r#"{"share_type":"user","shared_with":"zoe"}"#;
        assert_eq!(ask(Method::POST, "/shares", wish).await == 201, may >= 3, "{level}");
        assert_eq!(ask(Method::DELETE, "?permanent=true", "").await, 403);
        assert_eq!(ask(Method::DELETE, "", "").await == 200, may >= 4, "{level}");
    }
}

#[tokio::test]
async fn nobody_gives_more_than_they_have_and_what_they_gave_ends_with_it() {
    let app = TestApp::new().await;
    let to =
        |user: &str, level: &str| json!({"share_type": "user", "shared_with": user, "access_level": level});
    let mut bobs = to("bob", "share");
    bobs["expires_in"] = 3600.into();
    let bobs = app.share_as(OWNER, &bobs).await.json();
    app.share_as("bob", &to("eve", "delete")).await.problem(403, "forbidden");
    // Their own share is no way up either.
    app.share_as("bob", &to("bob", "delete")).await.problem(403, "forbidden");
    let eves = app.share_as("bob", &to("eve", "share")).await.json();
    assert_eq!(eves["expires_at"], bobs["expires_at"]);
    let mut longer = to("zoe", "view");
    longer["expires_in"] = 7200.into();
    let zoes = app.share_as("eve", &longer).await.json();
    assert_eq!(zoes["expires_at"], bobs["expires_at"]);
    assert!(app.sees("zoe", Role::Student).await);
    // A sharer sees and revokes their own.
    let list = app.call_as(Method::GET, &app.at("/shares"), "eve", Role::Student, "").await.json();
    assert_eq!(list["shares"].as_array().unwrap().len(), 1);
    let path = |share: &Value| app.at(&format!("/shares/{}", share["id"].as_str().unwrap()));
    app.call_as(Method::DELETE, &path(&bobs), "eve", Role::Student, "").await.problem(404, "not-found");
    let list = app.get(&app.at("/shares"), Role::Teacher).await.json();
    assert_eq!(list["shares"].as_array().unwrap().len(), 4);
    let ended = app.call(Method::DELETE, &path(&bobs), Role::Teacher, "").await.json();
    assert_eq!(ended["revoked"], 3);
    for user in ["bob", "eve", "zoe"] {
        assert!(!app.sees(user, Role::Student).await, "{user}");
    }
}

#[tokio::test]
async fn a_link_is_opened_for_a_capability_that_plays_until_it_is_revoked() {
    let app = TestApp::new().await;
    let ada = app.fixture.participant("Ada", 0).await;
    let track = app.fixture.track(ada, Codec::H264, "camera", &[(0, 0, 2000)]).await;
    let link = app.link(json!({})).await;
    let secret = link["token"].as_str().unwrap();
    assert_eq!(link["url"], format!("/watch/{}#share={secret}", app.fixture.recording));
    assert!(!app.get(&app.at("/shares"), Role::Teacher).await.text().contains(secret));
    let opened = app.open(json!({"token": secret})).await;
    assert_eq!(opened.header("cache-control"), "no-store");
    let opened = opened.json();
    assert_eq!(
        (&opened["recording_id"], &opened["access_level"]),
        (&json!(app.fixture.recording), &"view".into())
    );
    let capability = opened["token"].as_str().unwrap();
    let get = async |rest: &str| app.call_with(Method::GET, &app.at(rest), capability, "").await;
    assert_eq!(get("/manifest.json").await.status, 200);
    // As an address, too, with all that it leads to.
    let playlist = app.at(&format!("/stream/playlist.m3u8?token={capability}"));
    let text = app.bare(Method::GET, &playlist, "").await.text();
    let media = text.lines().find(|line| line.contains("playlist.m3u8")).unwrap();
    assert!(media.contains(&format!("token={capability}")), "{text}");
    let segment = app.at(&format!("/stream/{track}/0.m4s?token={capability}"));
    assert_eq!(app.bare(Method::GET, &segment, "").await.status, 200);
    get("/download").await.problem(403, "forbidden");
    let other = format!("{BASE}/{}", crate::id::RecordingId::new());
    app.call_with(Method::GET, &other, capability, "").await.problem(404, "not-found");
    let used = app.get(&app.at("/shares"), Role::Teacher).await.json();
    assert_eq!(used["shares"][0]["use_count"], 1);

    let path = app.at(&format!("/shares/{}", link["id"].as_str().unwrap()));
    app.call(Method::DELETE, &path, Role::Teacher, "").await.json();
    get("/manifest.json").await.problem(404, "not-found");
    app.bare(Method::GET, &segment, "").await.problem(404, "not-found");
    app.open(json!({"token": secret})).await.problem(404, "no-such-share");
}

#[tokio::test]
async fn a_capability_never_stands_for_a_user() {
    let app = TestApp::new().await;
    let link = app.link(json!({"access_level": "download"})).await;
    let opened = app.open(json!({"token": link["token"]})).await.json();
    let user = app.get(&app.at("/stream-url"), Role::Teacher).await.json();
    let of_user = user["stream_url"].as_str().unwrap().split_once("token=").unwrap().1.to_owned();
    for token in [opened["token"].as_str().unwrap(), &of_user] {
        for (method, path, body) in [
            (Method::GET, BASE.to_owned(), ""),
            (Method::GET, "/api/v1/shares".to_owned(), ""),
            (Method::GET, "/api/v1/events".to_owned(), ""),
            (Method::GET, "/api/v1/bridge".to_owned(), ""),
            (Method::GET, "/api/v1/webhooks/dead".to_owned(), ""),
            (Method::POST, format!("{BASE}/start"), r#"{"room_id":"r","title":"t"}"#),
            (Method::POST, app.at("/stop"), ""),
            (Method::POST, app.at("/shares"), r#"{"share_type":"public"}"#),
            (Method::GET, app.at("/shares"), ""),
            (Method::GET, app.at("/stream-url"), ""),
            (Method::DELETE, app.at(""), ""),
            (Method::DELETE, app.at("?permanent=true"), ""),
        ] {
            let answer = app.call_with(method.clone(), &path, token, body).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method} {path}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn a_link_ends_and_is_used_up() {
    let app = TestApp::new().await;
    let link = app.link(json!({"max_uses": 2, "expires_in": 3600})).await;
    for _ in 0..2 {
        let opened = app.open(json!({"token": link["token"]})).await.json();
        // It does not outlive its share.
        assert_eq!(opened["expires_at"], link["expires_at"]);
    }
    app.open(json!({"token": link["token"]})).await.problem(404, "no-such-share");
    let short = app.link(json!({"expires_in": 0.000_001})).await;
    app.open(json!({"token": short["token"]})).await.problem(404, "no-such-share");
}

#[tokio::test]
async fn a_password_is_asked_for_and_guessed_slowly() {
    let app = TestApp::new().await;
    let link = app.link(json!({"password": "open sesame"})).await;
    assert_eq!(link["has_password"], true);
    assert!(!link.to_string().contains("sesame"));
    let token = &link["token"];
    app.open(json!({"token": token})).await.problem(403, "password-required");
    app.open(json!({"token": token, "password": "x"})).await.problem(403, "wrong-password");
    assert_eq!(app.open(json!({"token": token, "password": "open sesame"})).await.status, 200);
    let mut refused = None;
    for _ in 0..60 {
        let answer = app.open(json!({"token": token, "password": "guess"})).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("guesses have no limit");
    refused.problem(429, "too-many-requests");
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
    // Even the right one must wait now.
    app.open(json!({"token": token, "password": "open sesame"})).await.problem(429, "too-many-requests");
}

#[tokio::test]
async fn guessing_links_is_limited_and_all_wrong_ones_look_alike() {
    let app = TestApp::new().await;
    let link = app.link(json!({})).await;
    let real = link["token"].as_str().unwrap();
    // Of sixteen that end a token one is A.
    let other = if real.ends_with('A') { 'Q' } else { 'A' };
    let wrong = [
        "",
        "x",
        &"A".repeat(43),
        &real[..42],
        &format!("{}{other}", &real[..42]),
        &format!("{real}A"),
        "' OR 1=1 --",
    ];
    let mut answers = Vec::new();
    for token in wrong {
        answers.push(app.open(json!({"token": token})).await.problem(404, "no-such-share"));
    }
    assert!(answers.windows(2).all(|two| two[0] == two[1]));
    let mut admitted = 0;
    while app.open(json!({"token": "A".repeat(43)})).await.status != StatusCode::TOO_MANY_REQUESTS {
        admitted += 1;
        assert!(admitted < 100, "guessing has no limit");
    }
    app.open(json!({"token": real})).await.problem(429, "too-many-requests");
}

#[tokio::test]
async fn what_is_shared_with_everybody_is_opened_without_a_link() {
    let app = TestApp::new().await;
    let id = json!({"recording_id": app.fixture.recording});
    app.open(id.clone()).await.problem(404, "no-such-share");
    let wish = json!({"share_type": "public", "password": "open sesame"});
    assert_eq!(app.share_as(OWNER, &wish).await.status, StatusCode::CREATED);
    // A user's token does not do instead of the password.
    assert!(!app.sees("zoe", Role::Student).await);
    app.open(id.clone()).await.problem(403, "password-required");
    assert_eq!(app.share_as(OWNER, &json!({"share_type": "public"})).await.status, StatusCode::CREATED);
    let mut with = id;
    with["password"] = "open sesame".into();
    let opened = app.open(with).await.json();
    let capability = opened["token"].as_str().unwrap();
    assert_eq!(app.call_with(Method::GET, &app.at(""), capability, "").await.status, 200);
}

#[tokio::test]
async fn wishes_are_checked() {
    let app = TestApp::new().await;
    for (wish, field) in [
        (json!({"share_type": "group"}), "share_type"),
        (json!({"share_type": "user"}), "shared_with"),
        (json!({"share_type": "user", "shared_with": "x".repeat(600)}), "shared_with"),
        (json!({"share_type": "role", "shared_with": "service"}), "shared_with"),
        (json!({"share_type": "role", "shared_with": "janitor"}), "shared_with"),
        (json!({"share_type": "link", "shared_with": "bob"}), "shared_with"),
        (json!({"share_type": "link", "access_level": "share"}), "access_level"),
        (json!({"share_type": "public", "access_level": "delete"}), "access_level"),
        (json!({"share_type": "link", "access_level": "all"}), "access_level"),
        (json!({"share_type": "user", "shared_with": "u", "password": "p"}), "password"),
        (json!({"share_type": "user", "shared_with": "u", "max_uses": 1}), "max_uses"),
        (json!({"share_type": "link", "max_uses": 0}), "max_uses"),
        (json!({"share_type": "link", "expires_in": -1}), "expires_in"),
        (json!({"share_type": "link", "expires_at": "2001-01-01"}), "expires_at"),
        (json!({"share_type": "link", "expires_at": "2099-01-01", "expires_in": 1}), "expires_in"),
        (json!({"share_type": "link", "password": "x".repeat(2000)}), "password"),
    ] {
        let body = app.share_as(OWNER, &wish).await.problem(400, "bad-request");
        assert_eq!(body["field"], field, "{wish}");
    }
    app.share_as(OWNER, &json!({"share_type": "link", "level": "view"})).await.problem(400, "bad-request");
    app.open(json!({})).await.problem(400, "bad-request");
}

#[tokio::test]
async fn one_sees_what_is_shared_with_one() {
    let app = TestApp::new().await;
    let role = shared(&app.fixture, With::Role("student".to_owned()), Level::View).await;
    shared(&app.fixture, With::User("other".to_owned()), Level::View).await;
    shared(&app.fixture, With::Public, Level::View).await;
    let mine = app.get("/api/v1/shares", Role::Student).await.json();
    let rows = mine["shares"].as_array().unwrap();
    assert_eq!(rows.len(), 2, "{mine}");
    assert_eq!((&rows[0]["id"], &rows[0]["title"]), (&json!(role), &"Lesson".into()));
    let first = app.get("/api/v1/shares?limit=1", Role::Student).await.json();
    let next = format!("/api/v1/shares?limit=1&after={}", first["next"].as_str().unwrap());
    let second = app.get(&next, Role::Student).await.json();
    assert_eq!((&second["shares"][0]["access_level"], &second["next"]), (&"download".into(), &Value::Null));
    app.get("/api/v1/shares?after=x", Role::Student).await.problem(400, "bad-request");
    assert_eq!(app.get("/api/v1/shares", Role::Teacher).await.json()["shares"], json!([]));
}
