use super::*;
use crate::media::Codec;
use crate::media::fmp4::read;
use dash_mpd_core::MPD;

/// What a description names, with `$Time$` filled in: init segments and all segments.
fn named(mpd: &MPD) -> Vec<String> {
    let mut names = Vec::new();
    for period in &mpd.periods {
        for own in period.adaptations.iter().flat_map(|set| &set.representations) {
            let template = own.SegmentTemplate.as_ref().unwrap();
            names.push(template.initialization.clone().unwrap());
            let mut at = 0;
            for s in &template.SegmentTimeline.as_ref().unwrap().segments {
                at = s.t.unwrap_or(at);
                for _ in 0..=s.r.unwrap_or(0) {
                    names.push(template.media.as_ref().unwrap().replace("$Time$", &at.to_string()));
                    at += s.d;
                }
            }
        }
    }
    names
}

#[tokio::test]
async fn a_description_leads_to_every_byte_it_names() {
    for codec in [Codec::H264, Codec::Vp8, Codec::Vp9] {
        let app = TestApp::new().await;
        let ada = app.fixture.participant("Ada <&\"'> \u{1f600}", 0).await;
        app.fixture.track(ada, codec, "camera", &[(0, 0, 2000), (1, 2000, 2000)]).await;
        app.fixture.track(ada, Codec::Opus, "microphone", &[(0, 0, 2000), (0, 2000, 2000)]).await;
        app.fixture.finish(4000).await;
        // A token in the address is carried on.
        let path = app.at(&format!("/stream/manifest.mpd?token={}", token(Role::Student)));
        let answer = app.send(Request::get(&path).body(Body::empty()).unwrap()).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/dash+xml"));
        assert_eq!(answer.header("cache-control"), "private, no-cache");
        let mpd = dash_mpd_core::parse(&answer.text()).unwrap();
        let names = named(&mpd);
        assert_eq!(names.len(), 8, "two periods, picture and sound of each: {names:?}");
        for name in names {
            assert!(name.contains("?token="), "{name}");
            let path = app.at(&format!("/stream/{name}"));
            let answer = app.send(Request::get(&path).body(Body::empty()).unwrap()).await;
            assert_eq!(answer.status, 200, "{name}");
            let webm = name.contains(".webm");
            assert_eq!(answer.header("content-type"), if webm { "video/webm" } else { "video/mp4" });
            if name.contains(".m4s") {
                assert_eq!(read::scan(&answer.body).valid, answer.body.len() as u64);
            } else if webm {
                let first =
                    if name.contains("init") { [0x1a, 0x45, 0xdf, 0xa3] } else { [0x1f, 0x43, 0xb6, 0x75] };
                assert_eq!(answer.body[..4], first, "{name}");
            }
            assert!(answer.header("cache-control").contains("immutable"));
        }
    }
}

#[tokio::test]
async fn a_description_that_did_not_change_is_not_sent_again() {
    let app = TestApp::new().await;
    let ada = app.fixture.participant("Ada", 0).await;
    app.fixture.track(ada, Codec::Vp9, "camera", &[(0, 0, 2000)]).await;
    let path = app.at("/stream/manifest.mpd");
    let live = app.get(&path, Role::Student).await;
    assert!(live.text().contains("type=\"dynamic\"") && live.text().contains("minimumUpdatePeriod"));
    assert!(live.text().contains("UTCTiming") && !live.text().contains('{'), "{}", live.text());
    app.fixture.finish(2000).await;
    let ended = app.get(&path, Role::Student).await;
    assert!(ended.text().contains("type=\"static\"") && !ended.text().contains("UTCTiming"));
    assert_ne!(live.header("etag"), ended.header("etag"));
    let tag = ended.header("etag").to_owned();
    let same = app.get_with(&path, Role::Student, &[("if-none-match", &tag)]).await;
    assert_eq!((same.status.as_u16(), same.body.len(), same.header("etag")), (304, 0, tag.as_str()));
    let head = app.call(Method::HEAD, &path, Role::Student, "").await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
}

#[tokio::test]
async fn refusals() {
    let app = TestApp::new().await;
    app.get(&app.at("/stream/manifest.mpd"), Role::Student).await.problem(404, "nothing-yet");
    let bad = app.get(&app.at("/stream/manifest.mpd?participant=x"), Role::Student).await;
    assert_eq!(bad.problem(400, "bad-request")["field"], "participant");
    let bare = Request::get(app.at("/stream/manifest.mpd")).body(Body::empty()).unwrap();
    app.send(bare).await.problem(401, "unauthorized");
    let ada = app.fixture.participant("Ada", 0).await;
    let track = app.fixture.track(ada, Codec::H264, "camera", &[(0, 0, 2000)]).await;
    for (name, status, problem) in [
        ("at-0.webm", 422, "not-in-container"),
        ("init-0.webm", 422, "not-in-container"),
        ("black.webm", 422, "not-in-container"),
        ("at-1.m4s", 404, "not-found"),
        ("at-00.m4s", 404, "not-found"),
        ("init-9.webm", 404, "not-found"),
    ] {
        app.get(&app.at(&format!("/stream/{track}/{name}")), Role::Student).await.problem(status, problem);
    }
}

#[tokio::test]
async fn the_room_manifest_names_the_description_of_each_participant() {
    let app = TestApp::new().await;
    let ada = app.fixture.participant("Ada", 0).await;
    app.fixture.participant("Bob", 0).await;
    app.fixture.track(ada, Codec::Vp8, "camera", &[(0, 0, 2000)]).await;
    let body = app.get(&app.at("/manifest.json"), Role::Student).await.json();
    let path = body["participants"][0]["dash"].as_str().unwrap();
    assert_eq!(path, app.at(&format!("/stream/manifest.mpd?participant={ada}")));
    assert_eq!(app.get(path, Role::Student).await.status, 200);
    assert!(body["participants"][0]["playlist"].is_null(), "VP8 has no HLS");
    let told = &body["participants"][0]["presentations"][0];
    assert!(told["playlist"].is_null() && told["source"] == "camera", "{told}");
    assert_eq!(told["dash"], format!("{path}&source=camera"));
    assert_eq!(body["participants"][1]["presentations"], serde_json::json!([]));
    assert!(body["participants"][1]["dash"].is_null(), "nothing of Bob is there");
}

#[tokio::test]
async fn a_download_may_be_webm() {
    let app = TestApp::new().await;
    let ada = app.fixture.participant("Ada", 0).await;
    let shots = crate::playback::film::steady(Codec::Vp8, 0, 0, 10);
    app.fixture.film(ada, Codec::Vp8, "camera", &shots).await;
    let shots = crate::playback::film::steady(Codec::Opus, 0, 0, 10);
    app.fixture.film(ada, Codec::Opus, "microphone", &shots).await;
    let bob = app.fixture.participant("Bob", 0).await;
    app.fixture.track(bob, Codec::H264, "camera", &[(0, 0, 2000)]).await;
    app.fixture.finish(10_000).await;
    let path = app.at(&format!("/download?format=webm&participant={ada}"));
    let whole = app.get(&path, Role::Teacher).await;
    assert_eq!((whole.status.as_u16(), whole.header("content-type")), (200, "video/webm"));
    assert!(whole.header("content-disposition").contains("Lesson - Ada.webm"));
    assert_eq!(whole.body[..4], [0x1a, 0x45, 0xdf, 0xa3]);
    let part = app.get_with(&path, Role::Teacher, &[("range", "bytes=1000-4999")]).await;
    assert_eq!((part.status.as_u16(), &part.body[..]), (206, &whole.body[1000..5000]));
    assert_eq!(part.header("etag"), whole.header("etag"));
    // A part begins with the key frame before it.
    let clip = app.get(&format!("{path}&start=5&duration=2"), Role::Teacher).await;
    let mut file = matroska_demuxer::MatroskaFile::open(std::io::Cursor::new(clip.body.to_vec())).unwrap();
    let mut frame = matroska_demuxer::Frame::default();
    let mut times = Vec::new();
    while file.next_frame(&mut frame).unwrap() {
        times.push((frame.track, frame.timestamp));
    }
    assert_eq!(times[0], (1, 0));
    assert_eq!(times.iter().filter(|(track, _)| *track == 1).count(), 90, "from 4 s to 7 s");
    assert_eq!(times.iter().filter(|(track, _)| *track == 2).count(), 150);
    let refused = app.get(&app.at(&format!("/download?format=webm&participant={bob}")), Role::Teacher).await;
    let body = refused.problem(422, "not-in-container");
    assert!(body["detail"].as_str().unwrap().contains("MP4"), "{body}");
}

#[tokio::test]
async fn a_clip_is_static_and_leads_to_every_byte_it_names() {
    for codec in [Codec::H264, Codec::Vp8] {
        let app = TestApp::new().await;
        let ada = app.fixture.participant("Ada", 0).await;
        let four = [(0, 0, 2000), (0, 2000, 2000), (1, 4000, 2000), (1, 6000, 2000)];
        app.fixture.track(ada, codec, "camera", &four).await;
        app.fixture.track(ada, Codec::Opus, "microphone", &[(0, 0, 3000), (0, 3000, 5000)]).await;
        for ended in [false, true] {
            if ended {
                app.fixture.finish(8000).await;
            }
            let token = token(Role::Student);
            let path = app.at(&format!("/stream/manifest.mpd?start=3&duration=2&token={token}"));
            let answer = app.bare(Method::GET, &path, "").await;
            let mpd = dash_mpd_core::parse(&answer.text()).unwrap();
            assert_eq!(mpd.mpdtype.as_deref(), Some("static"), "{}", answer.text());
            assert_eq!(mpd.mediaPresentationDuration.unwrap().as_secs_f64(), 3.0);
            let names = named(&mpd);
            assert_eq!(names.len(), 9, "two periods: {names:?}");
            for name in names {
                assert!(name.ends_with(&format!("?token={token}")), "{name}");
                assert_eq!(app.bare(Method::GET, &app.at(&format!("/stream/{name}")), "").await.status, 200);
            }
        }
    }
}
