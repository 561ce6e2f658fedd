use super::*;
use crate::catalog::{EndedBy, Finish, NewRecording, Status};
use crate::id::RecordingId;
use crate::media::Codec;
use crate::playback::fixture::START;
use crate::storage::Key;
use crate::time::WallTime;

#[tokio::test]
async fn lists_page_by_offset_and_by_cursor() {
    let app = TestApp::new().await;
    app.fixture.finish(0).await;
    for number in 1..25 {
        let made = NewRecording {
            id: RecordingId::new(),
            room_id: format!("room {}", number % 2),
            title: format!("Lesson {number}"),
            started_by: "teacher".to_owned(),
            started_at: START.plus(number * 1_000_000),
            format: "mp4".to_owned(),
            ..NewRecording::default()
        };
        app.fixture.catalog.create_recording(&made).await.unwrap();
        let finish = Finish {
            status: Status::Completed,
            stopped_at: WallTime(0),
            duration_micros: 0,
            bytes: 0,
            ended_by: EndedBy::Stop,
            error: None,
        };
        app.fixture.catalog.finish_recording(made.id, &finish).await.unwrap();
    }
    let page = app.get(BASE, Role::Teacher).await.json();
    assert_eq!((&page["total"], &page["limit"], &page["offset"]), (&25.into(), &10.into(), &0.into()));
    assert_eq!(page["recordings"].as_array().unwrap().len(), 10);
    assert_eq!(page["recordings"][0]["title"], "Lesson 24");
    let next = page["next"].as_str().unwrap();
    let second = app.get(&format!("{BASE}?cursor={next}&limit=100"), Role::Teacher).await.json();
    assert_eq!(second["recordings"].as_array().unwrap().len(), 15);
    assert_eq!(second["recordings"][0]["title"], "Lesson 14");
    assert!(second["next"].is_null());
    let third = app.get(&format!("{BASE}?offset=20&limit=1000"), Role::Teacher).await.json();
    assert_eq!((third["recordings"].as_array().unwrap().len(), &third["limit"]), (5, &100.into()));
    for (query, total) in [
        ("room_id=room+1", 12),
        ("q=lesson%202", 6),
        ("user_id=teacher", 25),
        ("user_id=nobody", 0),
        ("status=completed", 25),
        ("status=failed", 0),
        ("from=2027-01-15T08:00:20Z", 5),
        ("to=2027-01-15T08:00:05.5Z&room_id=", 6),
        ("to=2027-01-15", 0),
    ] {
        let found = app.get(&format!("{BASE}?{query}"), Role::Teacher).await.json();
        assert_eq!(found["total"], total, "{query}: {found}");
    }
    for (query, field) in [
        ("limit=x", "limit"),
        ("offset=-1", "offset"),
        ("status=lost", "status"),
        ("from=yesterday", "from"),
        ("cursor=x", "cursor"),
    ] {
        let body = app.get(&format!("{BASE}?{query}"), Role::Teacher).await.problem(400, "bad-request");
        assert_eq!(body["field"], field);
    }
}

#[tokio::test]
async fn a_recording_is_told_with_its_participants_and_tracks() {
    let app = TestApp::new().await;
    let ada = app.fixture.participant("Ada", 900).await;
    let track = app.fixture.track(ada, Codec::H264, "camera", &[(0, 1000, 2000), (1, 3000, 2000)]).await;
    let running = app.get(&app.at(""), Role::Student).await.json();
    assert_eq!(running["status"], "recording");
    assert_eq!((&running["duration_us"], &running["stopped_at"]), (&5_000_000.into(), &Value::Null));
    app.fixture.finish(5000).await;
    let body = app.get(&app.at(""), Role::Student).await.json();
    assert_eq!((&body["room_id"], &body["started_by"]), (&"room one".into(), &"teacher".into()));
    assert_eq!(body["started_at"], "2027-01-15T08:00:00.000Z");
    assert_eq!((&body["duration_seconds"], &body["mime_type"]), (&5.into(), &"video/mp4".into()));
    assert_eq!(body["participants"][0]["display_name"], "Ada");
    let row = &body["tracks"][0];
    assert_eq!((&row["id"], &row["codecs"]), (&track.to_string().into(), &"avc3.42e01f".into()));
    assert_eq!((&row["width"], &row["segments"], &row["samples"]), (&640.into(), &2.into(), &40.into()));
    assert_eq!((&row["offset_us"], &row["duration_us"]), (&1_000_000.into(), &4_000_000.into()));
    assert_eq!(row["state"], "ended");
    for unknown in [format!("{BASE}/{}", RecordingId::new()), format!("{BASE}/1%27%20OR%201=1")] {
        app.get(&unknown, Role::Student).await.problem(404, "not-found");
    }
}

#[tokio::test]
async fn info_says_honestly_where_it_plays() {
    let app = TestApp::new().await;
    let empty = app.get(&app.at("/info"), Role::Student).await.json();
    assert_eq!(
        (&empty["data"]["streaming_ready"], &empty["data"]["streaming_url"]),
        (&false.into(), &Value::Null)
    );
    let ada = app.fixture.participant("Ada", 0).await;
    app.fixture.track(ada, Codec::Vp8, "camera", &[(0, 0, 2000)]).await;
    let vp8 = app.get(&app.at("/info"), Role::Student).await.json();
    assert_eq!(
        (&vp8["data"]["streaming_ready"], &vp8["data"]["playback"]["hls_js"]),
        (&false.into(), &false.into())
    );
    assert!(vp8["data"]["playback"]["note"].as_str().unwrap().contains("VP8"));
    assert_eq!(vp8["data"]["playable_on"], serde_json::json!(["shaka", "dash.js", "ffmpeg", "VLC"]));

    let app = TestApp::new().await;
    let ada = app.fixture.participant("Ada", 0).await;
    app.fixture.track(ada, Codec::H264, "camera", &[(0, 0, 2000)]).await;
    app.fixture.track(ada, Codec::Opus, "microphone", &[(0, 0, 2000)]).await;
    app.fixture.finish(2000).await;
    let info = app.get(&app.at("/info"), Role::Student).await.json();
    let data = &info["data"];
    assert_eq!((&data["streaming_ready"], &data["resolution"]), (&true.into(), &"640x480".into()));
    assert_eq!(data["playback"]["native_hls"], false);
    assert_eq!(data["codecs"].as_array().unwrap().len(), 2);
    assert_eq!(data["duration"], 2.0);
    let url = data["streaming_url"].as_str().unwrap();
    assert_eq!(app.get(url, Role::Student).await.status, 200);
}

#[tokio::test]
async fn the_manifest_has_everybody_on_one_clock() {
    let app = TestApp::new().await;
    let (ada, bob) = (app.fixture.participant("Ada", 0).await, app.fixture.participant("Bob", 4000).await);
    app.fixture.track(ada, Codec::H264, "camera", &[(0, 250, 2000)]).await;
    app.fixture.track(ada, Codec::Opus, "microphone", &[(0, 200, 2000)]).await;
    app.fixture.track(bob, Codec::Vp8, "camera", &[(0, 5000, 2000)]).await;
    let eve = app.fixture.participant("Eve", 5000).await;
    app.fixture.catalog.participant_left(bob, START.plus(7_000_000)).await.unwrap();
    let answer = app.get(&app.at("/manifest.json"), Role::Student).await;
    assert_eq!(
        (answer.header("cache-control"), answer.header("content-type")),
        ("private, no-cache", "application/json")
    );
    let known = [("if-none-match", answer.header("etag"))];
    let same = app.get_with(&app.at("/manifest.json"), Role::Student, &known).await;
    assert_eq!((same.status.as_u16(), same.body.len()), (304, 0));
    let body = answer.json();
    assert_eq!(
        (&body["recording"]["status"], &body["recording"]["duration_us"]),
        (&"recording".into(), &7_000_000.into())
    );
    let people = body["participants"].as_array().unwrap();
    assert_eq!(
        people.iter().map(|who| &who["id"]).collect::<Vec<_>>(),
        [&ada.to_string(), &bob.to_string(), &eve.to_string()]
    );
    assert_eq!(
        (&people[0]["offset_us"], &people[0]["zero_at"]),
        (&200_000.into(), &"2027-01-15T08:00:00.200Z".into())
    );
    assert_eq!((&people[0]["state"], &people[1]["state"]), (&"live".into(), &"ended".into()));
    assert_eq!(people[0]["tracks"][0]["offset_us"], 250_000);
    assert_eq!(people[0]["tracks"][0]["started_at"], "2027-01-15T08:00:00.250Z");
    // Bob's picture is listed, but no player would take his playlist; Eve has nothing yet.
    assert!(people[1]["playlist"].is_null() && people[1]["tracks"][0]["playlist"].is_string());
    assert_eq!(people[1]["offset_us"], 5_000_000);
    assert!(people[2]["playlist"].is_null() && people[2]["offset_us"].is_null());
    let url = people[0]["playlist"].as_str().unwrap();
    assert!(app.get(url, Role::Student).await.text().starts_with("#EXTM3U"));
    let url = people[1]["tracks"][0]["playlist"].as_str().unwrap();
    assert!(app.get(url, Role::Student).await.text().starts_with("#EXTM3U"));
}

#[tokio::test]
async fn deleting_hides_and_purging_removes() {
    let app = TestApp::new().await;
    let ada = app.fixture.participant("Ada", 0).await;
    let track = app.fixture.track(ada, Codec::H264, "camera", &[(0, 0, 2000)]).await;
    let running = app.call(Method::DELETE, &app.at(""), Role::Teacher, "").await;
    running.problem(409, "still-recording");
    app.fixture.finish(2000).await;
    let gone = app.call(Method::DELETE, &app.at(""), Role::Teacher, "").await.json();
    assert_eq!(
        (&gone["status"], &gone["recording_id"]),
        (&"deleted".into(), &app.fixture.recording.to_string().into())
    );
    for rest in ["", "/info", "/manifest.json", "/stream/playlist.m3u8", &format!("/stream/{track}/0.m4s")] {
        app.get(&app.at(rest), Role::Admin).await.problem(404, "not-found");
    }
    app.call(Method::DELETE, &app.at(""), Role::Teacher, "").await.problem(404, "not-found");
    assert_eq!(app.get(BASE, Role::Admin).await.json()["total"], 0);
    assert_eq!(app.get(&format!("{BASE}?status=deleted"), Role::Admin).await.json()["total"], 1);
    let key = Key::media(app.fixture.recording, track);
    assert!(app.fixture.store.len(&key).await.is_ok());
    let purged = app.call(Method::DELETE, &app.at("?permanent=true"), Role::Teacher, "").await;
    assert_eq!(purged.status, 200);
    assert!(app.fixture.store.len(&key).await.is_err());
    app.call(Method::DELETE, &app.at("?permanent=true"), Role::Teacher, "").await.problem(404, "not-found");
}

#[tokio::test]
async fn json_is_compressed_when_asked() {
    let app = TestApp::new().await;
    let answer = app.get_with(&app.at(""), Role::Student, &[("accept-encoding", "gzip")]).await;
    assert_eq!(answer.header("content-encoding"), "gzip");
}

#[tokio::test]
async fn only_a_running_recording_can_be_paused() {
    let app = TestApp::new().await;
    for rest in ["/pause", "/resume"] {
        let path = app.at(rest);
        // Its row says that it runs, but no recorder of this process has it.
        app.call(Method::POST, &path, Role::Teacher, "").await.problem(409, "not-running");
        app.call(Method::POST, &path, Role::Student, "").await.problem(403, "forbidden");
        app.call(Method::GET, &path, Role::Teacher, "").await.problem(405, "method-not-allowed");
        let other = format!("{BASE}/{}{rest}", RecordingId::new());
        app.call(Method::POST, &other, Role::Teacher, "").await.problem(404, "not-found");
    }
}

#[tokio::test]
async fn the_verdict_on_tracks_and_on_all_of_them_is_told() {
    let app = TestApp::new().await;
    let ada = app.fixture.participant("Ada", 0).await;
    let camera = app.fixture.track(ada, Codec::H264, "camera", &[(0, 0, 2000)]).await;
    let microphone = app.fixture.track(ada, Codec::Opus, "microphone", &[(0, 0, 2000)]).await;
    let before = app.get(&app.at("/manifest.json"), Role::Student).await.json();
    assert!(before["recording"]["integrity"].is_null());
    for (track, grade, lost) in [(camera, "fair", 3), (microphone, "intact", 0)] {
        let verdict = serde_json::json!({"grade": grade, "packets_lost": lost, "packets_received": 100});
        app.fixture.catalog.set_integrity(track, &verdict).await.unwrap();
    }
    let manifest = app.get(&app.at("/manifest.json"), Role::Student).await.json();
    let of_track = &manifest["participants"][0]["tracks"][0]["integrity"];
    assert_eq!((&of_track["grade"], &of_track["packets_lost"]), (&"fair".into(), &3.into()));
    let all = &manifest["recording"]["integrity"];
    assert_eq!((&all["grade"], &all["packets_received"]), (&"fair".into(), &200.into()));
    assert_eq!(&app.get(&app.at(""), Role::Student).await.json()["integrity"], all);
}

#[tokio::test]
async fn gaps_and_pauses_are_told_with_the_recording() {
    let app = TestApp::new().await;
    let ada = app.fixture.participant("Ada", 0).await;
    let track = app.fixture.track(ada, Codec::H264, "camera", &[(0, 0, 2000), (0, 5000, 2000)]).await;
    let gap = crate::catalog::Gap {
        track,
        number: 0,
        after: 0,
        cause: crate::catalog::Cause::Off,
        shown: crate::catalog::Shown::Black,
        start: crate::time::Ticks(180_000),
        duration: crate::time::Ticks(270_000),
        open: true,
        listed_micros: 0,
    };
    app.fixture.catalog.add_media(&[], &[gap]).await.unwrap();
    let pause = crate::catalog::Pause {
        recording: app.fixture.recording,
        number: 0,
        at_micros: 7_000_000,
        began_at: START.plus(7_000_000),
        ended_at: None,
    };
    app.fixture.catalog.add_pause(&pause).await.unwrap();
    let manifest = app.get(&app.at("/manifest.json"), Role::Student).await.json();
    let told = serde_json::json!([{
        "cause": "off", "kind": "black", "offset_us": 2_000_000, "duration_us": 3_000_000, "open": true,
    }]);
    assert_eq!(manifest["participants"][0]["tracks"][0]["gaps"], told);
    assert_eq!(
        (
            &manifest["recording"]["paused"],
            app.get(&app.at(""), Role::Student).await.json()["paused"].clone()
        ),
        (&true.into(), true.into())
    );
    app.fixture.finish(7_000).await;
    let row = app.get(&app.at(""), Role::Student).await.json();
    // What was open when it ended is closed.
    assert_eq!(row["tracks"][0]["gaps"][0]["open"], false);
    assert_eq!(row["paused"], false);
    assert_eq!(row["pauses"][0]["offset_us"], 7_000_000);
    assert_eq!(row["pauses"][0]["resumed_at"], "2027-01-15T08:00:07.000Z");
}
