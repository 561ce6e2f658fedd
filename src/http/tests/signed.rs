use super::*;
use crate::auth::{Bound, Purpose, Subject, digest_of};
use crate::media::Codec;
use crate::playback::film::steady;

async fn scene() -> (TestApp, String) {
    let app = TestApp::new().await;
    let ada = app.fixture.participant("Ada", 0).await;
    let (track, _) = app.fixture.film(ada, Codec::H264, "camera", &steady(Codec::H264, 0, 0, 4)).await;
    app.fixture.finish(4000).await;
    (app, track.to_string())
}

#[tokio::test]
async fn a_download_is_signed_with_its_arguments() {
    let (app, track) = scene().await;
    let ask = app.at(&format!("/download-url?format=mp4&track={track}&start=1&expires_in=60"));
    let answer = app.get(&ask, Role::Student).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let told = answer.json();
    assert_eq!((&told["expires_in"], &told["file_name"]), (&60.into(), &"Lesson.mp4".into()));
    let url = told["download_url"].as_str().unwrap();
    let file = app.bare(Method::GET, url, "").await;
    assert_eq!((file.status, file.header("content-type")), (StatusCode::OK, "video/mp4"));
    // Of another part, or of all.
    for (from, to) in [("start=1", "start=0"), ("start=1", "start=1.0"), (&*format!("track={track}&"), "")] {
        let changed = url.replace(from, to);
        assert_ne!(changed, url);
        app.bare(Method::GET, &changed, "").await.problem(403, "forbidden");
    }
    app.bare(Method::GET, &format!("{url}&exact=false"), "").await.problem(403, "forbidden");
    // For nothing else.
    let (_, token) = url.split_once("token=").unwrap();
    for rest in ["", "/info", "/manifest.json", "/stream/playlist.m3u8", &format!("/stream/{track}/0.m4s")] {
        app.bare(Method::GET, &app.at(&format!("{rest}?token={token}")), "").await.problem(403, "forbidden");
    }
    let default = app.get(&app.at("/download-url"), Role::Teacher).await.json();
    assert_eq!(default["expires_in"], 86_400);
    for wrong in
        ["expires_in=0", "expires_in=-1", "expires_in=x", "expires_in=604801", "format=avi", "start=x"]
    {
        app.get(&app.at(&format!("/download-url?{wrong}")), Role::Student).await.problem(400, "bad-request");
    }
}

#[tokio::test]
async fn a_signed_stream_leads_to_its_segments() {
    let (app, track) = scene().await;
    let told = app.get(&app.at("/stream-url"), Role::Student).await.json();
    let text = app.bare(Method::GET, told["stream_url"].as_str().unwrap(), "").await.text();
    let media = text.lines().find(|line| !line.starts_with('#') && line.contains(&track)).unwrap();
    let base = app.at("/stream/");
    let text = app.bare(Method::GET, &format!("{base}{media}"), "").await.text();
    let segment = text.lines().find(|line| line.contains("1.m4s")).unwrap();
    let at = format!("{base}{track}/{segment}");
    assert_eq!(app.bare(Method::GET, &at, "").await.status, 200, "{at}");
    let dash = app.bare(Method::GET, told["dash_url"].as_str().unwrap(), "").await.text();
    assert!(dash.contains("token=tc1."), "{dash}");
    assert_eq!(app.bare(Method::GET, told["manifest_url"].as_str().unwrap(), "").await.status, 200);
    // It gives no more than it says.
    let (_, token) = told["stream_url"].as_str().unwrap().split_once("token=").unwrap();
    app.bare(Method::GET, &app.at(&format!("/download?token={token}")), "").await.problem(403, "forbidden");
}

#[tokio::test]
async fn a_signed_address_ends_when_its_users_share_does() {
    let (app, _) = scene().await;
    let url = app.get(&app.at("/download-url"), Role::Student).await.json()["download_url"].clone();
    let url = url.as_str().unwrap();
    assert_eq!(app.bare(Method::GET, url, "").await.status, 200);
    let shares = app.get(&app.at("/shares"), Role::Teacher).await.json();
    let path = app.at(&format!("/shares/{}", shares["shares"][0]["id"].as_str().unwrap()));
    assert_eq!(app.call(Method::DELETE, &path, Role::Teacher, "").await.status, 200);
    app.bare(Method::GET, url, "").await.problem(404, "not-found");
}

#[tokio::test]
async fn a_signed_address_that_is_tampered_with_or_replayed_after_its_end_is_refused() {
    let (app, _) = scene().await;
    let url = app.get(&app.at("/stream-url"), Role::Student).await.json()["stream_url"].clone();
    let (path, token) = url.as_str().unwrap().split_once("?token=").unwrap();
    let at = |token: &str| format!("{path}?token={token}");
    assert_eq!(app.bare(Method::GET, &at(token), "").await.status, 200);
    let half = token.len() / 2;
    let flipped = if token.as_bytes()[half] == b'A' { "B" } else { "A" };
    let mut body = token.to_owned();
    body.replace_range(half..=half, flipped);
    for changed in [&body, &token[..token.len() - 1], &format!("{token}A"), "tc1.e30.AAAA", "tc1..", "tc1."] {
        app.bare(Method::GET, &at(changed), "").await.problem(401, "unauthorized");
    }
    // Ours, and over.
    let sealer = Sealer::derived(SECRET).unwrap();
    let user = Subject::of_token(GUEST, Role::Student, SystemClock.wall());
    let bound = |purpose| Bound { recording: app.fixture.recording, level: Level::Download, purpose };
    let past = SystemClock.wall().plus(-1);
    for (purpose, rest) in [
        (Purpose::Playback, "/stream/playlist.m3u8"),
        (Purpose::Download(digest_of(&["", "", "", "", "", "", ""])), "/download"),
    ] {
        let over = sealer.of_user(&user, bound(purpose), past).unwrap();
        let body = app.bare(Method::GET, &app.at(&format!("{rest}?token={over}")), "").await;
        assert!(body.problem(401, "unauthorized")["error"].as_str().unwrap().contains("expired"));
        let good = sealer.of_user(&user, bound(purpose), SystemClock.wall().plus(60_000_000)).unwrap();
        assert_eq!(app.bare(Method::GET, &app.at(&format!("{rest}?token={good}")), "").await.status, 200);
    }
    // Sealed by somebody else.
    let other = Sealer::derived(b"another secret, 32 bytes and more").unwrap();
    let forged = other.of_user(&user, bound(Purpose::Playback), SystemClock.wall().plus(1_000_000)).unwrap();
    app.bare(Method::GET, &at(&forged), "").await.problem(401, "unauthorized");
}
