//! What goes wrong is told clearly, with a right status, and nothing is lost.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;
use tureen_e2e::recorder::SECRET;
use tureen_e2e::stage::{ROOM, Stage, participant, track};
use tureen_sfu::{Dialect, Fixture, Hostile, KeyFrames, Malice, Options, Publish};

fn is_problem(answer: &Value, status: StatusCode) {
    assert_eq!(answer["status"], status.as_u16(), "{answer}");
    assert!(answer["error"].as_str().is_some_and(|text| text.len() > 5), "{answer}");
    assert!(answer["title"].is_string(), "RFC 9457: {answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sfu_that_refuses_or_is_not_there_is_told() {
    let stage =
        Stage::with(Options { dialect: Dialect::Old, strict_rooms: true, ..Options::default() }).await;
    let recorder = &stage.recorder;
    let unknown = stage.sfu.url("no-such-room");
    for (what, url, expected, word) in [
        ("an unknown room", unknown.as_str(), StatusCode::SERVICE_UNAVAILABLE, "404"),
        ("nobody listens", "ws://127.0.0.1:9/?roomId=x", StatusCode::SERVICE_UNAVAILABLE, "connect"),
        ("not a WebSocket URL", "ftp://127.0.0.1/", StatusCode::BAD_REQUEST, "url"),
        ("no URL at all", "%%%", StatusCode::BAD_REQUEST, "url"),
    ] {
        let (status, answer) = recorder.try_record("x", url).await;
        assert_eq!(status, expected, "{what}: {answer}");
        is_problem(&answer, status);
        assert!(answer.to_string().to_lowercase().contains(word), "{what}: {answer}");
    }
    let (status, answer) =
        recorder.call(Method::POST, "/api/v1/recordings/start", Some(json!({"room_id": 7}))).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
    let (_, list) = recorder.call(Method::GET, "/api/v1/recordings", None).await;
    assert_eq!(list["total"], 0, "nothing is left of failed starts: {list}");
    assert!(!recorder.log().contains("panicked"), "{}", recorder.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn failure_34_hostile_signalling_is_refused_with_a_reason_and_harms_no_other_recording() {
    let stage = Stage::new(Dialect::Ts).await;
    let _ada = stage.publish("ada", None, Some("opus.ogg")).await;
    let id = stage.record().await;
    let recorder = &stage.recorder;
    for (malice, word) in [
        (Malice::Stranger, "does not speak protoo"),
        (Malice::Redirects, "redirects are not followed"),
        (Malice::WrongShape, "unexpected answer"),
        (Malice::Oversized, "over"),
        (Malice::ForeignCandidates, "no usable UDP address"),
        (Malice::Garbage, "in time"),
    ] {
        let hostile = Hostile::start(malice).await.unwrap();
        let (status, answer) = recorder.try_record("hostile", &hostile.url).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{malice:?}: {answer}");
        is_problem(&answer, status);
        assert!(answer["detail"].as_str().unwrap().contains(word), "{malice:?}: {answer}");
    }
    let elsewhere = recorder.try_record("hostile", "ws://10.0.0.1:4443/?roomId=hostile").await;
    assert_eq!(elsewhere.0, StatusCode::FORBIDDEN, "{}", elsewhere.1);
    let so_far = recorder.manifest(&id).await["recording"]["duration_us"].as_i64().unwrap();
    stage.recorded(&id, &["ada"], so_far).await;
    recorder.stop(&id).await;
    let manifest = recorder.manifest(&id).await;
    let sound = track(&manifest, "ada", "audio");
    assert_eq!((&sound["integrity"]["packets_lost"], &sound["gaps"]), (&json!(0), &json!([])), "{sound}");
    let (_, list) = recorder.call(Method::GET, "/api/v1/recordings", None).await;
    assert_eq!(list["total"], 1, "nothing is left of the others: {list}");
    assert!(!recorder.log().contains("panicked"), "{}", recorder.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sfu_that_goes_away_ends_the_recording_and_keeps_it() {
    let Stage { sfu, room, recorder, folder: _folder } = {
        let stage = Stage::new(Dialect::Ts).await;
        let ada = stage.publish("ada", Some("vp9.ivf"), Some("opus.ogg")).await;
        let id = stage.record().await;
        stage.recorded(&id, &["ada"], 2_000_000).await;
        let (status, answer) = stage.recorder.try_record(ROOM, &stage.sfu.url(ROOM)).await;
        assert_eq!(status, StatusCode::CONFLICT, "{answer}");
        assert!(answer.to_string().contains(&id), "the running one is named: {answer}");
        drop(ada);
        stage
    };
    drop(room);
    sfu.stop().await;
    let (_, list) = recorder.call(Method::GET, "/api/v1/recordings", None).await;
    let id = list["recordings"][0]["id"].as_str().unwrap().to_owned();
    let manifest = recorder
        .manifest_until("its end", &id, Duration::from_secs(20), |manifest| {
            manifest["recording"]["status"] != "recording"
        })
        .await;
    assert_eq!(manifest["recording"]["status"], "completed", "{manifest}");
    assert!(track(&manifest, "ada", "video")["duration_us"].as_i64().unwrap() >= 2_000_000, "{manifest}");
    let row = recorder.json(&format!("/api/v1/recordings/{id}")).await;
    assert!(row.to_string().contains("SFU"), "the cause is told: {row}");
    let (status, answer) = recorder.call(Method::POST, &format!("/api/v1/recordings/{id}/stop"), None).await;
    assert_eq!(status, StatusCode::CONFLICT, "it is over: {answer}");
    assert!(!recorder.log().contains("panicked"), "{}", recorder.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn video_that_never_has_a_key_frame_and_b_frames_do_not_harm_the_sound() {
    let stage = Stage::new(Dialect::Old).await;
    let audio = Some(Fixture::named("opus.ogg").unwrap());
    let mut publishers = Vec::new();
    for (peer, video, key_frames) in
        [("never", "av1.ivf", KeyFrames::Never), ("reordered", "h264-bframes.h264", KeyFrames::All)]
    {
        let publish = Publish {
            peer_id: peer.to_owned(),
            display_name: peer.to_owned(),
            video: Some(Fixture::named(video).unwrap()),
            audio: audio.clone(),
            key_frames,
            ..Publish::default()
        };
        publishers.push(stage.room.publish(publish).await.unwrap());
    }
    let id = stage.record().await;
    stage
        .recorder
        .manifest_until("sound of both", &id, Duration::from_secs(20), |manifest| {
            ["never", "reordered"].iter().all(|peer| {
                participant(manifest, peer).is_some_and(|found| {
                    found["tracks"].as_array().is_some_and(|tracks| {
                        tracks.iter().any(|track| track["duration_us"].as_i64().unwrap_or(0) >= 4_000_000)
                    })
                })
            })
        })
        .await;
    stage.recorder.stop(&id).await;
    let manifest = stage.recorder.manifest(&id).await;
    assert_eq!(manifest["recording"]["status"], "completed");
    let never = track(&manifest, "never", "video");
    assert!(never["error"].as_str().is_some_and(|told| told.contains("key frame")), "{never}");
    let refused = track(&manifest, "reordered", "video");
    assert!(refused["error"].as_str().is_some_and(|told| told.contains("B-frames")), "{refused}");
    for peer in ["never", "reordered"] {
        assert!(track(&manifest, peer, "audio")["error"].is_null(), "{manifest}");
    }
}

fn forged(algorithm: Algorithm, secret: &str, expires_in: i64) -> String {
    let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
    let claims = json!({
        "user_id": "u", "email": "u@example.org", "role": "teacher", "iss": "test",
        "iat": now - 7200, "nbf": now - 7200, "exp": now + expires_in,
    });
    encode(&Header::new(algorithm), &claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_checked_and_paths_do_not_wander() {
    let stage = Stage::new(Dialect::Old).await;
    let recorder = &stage.recorder;
    let list = "/api/v1/recordings";
    let good = forged(Algorithm::HS256, SECRET, 600);
    assert_eq!(recorder.call_as(Some(&good), Method::GET, list, None).await.0, StatusCode::OK);
    let unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJ1c2VyX2lkIjoidSIsInJvbGUiOiJhZG1pbiIsImV4cCI6OTk5OTk5OTk5OX0.";
    for (what, token) in [
        ("missing", None),
        ("expired", Some(forged(Algorithm::HS256, SECRET, -600))),
        ("another algorithm", Some(forged(Algorithm::HS384, SECRET, 600))),
        ("no algorithm", Some(unsigned.to_owned())),
        ("another secret", Some(forged(Algorithm::HS256, "another", 600))),
        ("nonsense", Some("nonsense".to_owned())),
    ] {
        for path in [list, "/api/v1/recordings/01900000-0000-7000-8000-000000000000/stream/playlist.m3u8"] {
            let (status, answer) = recorder.call_as(token.as_deref(), Method::GET, path, None).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{what}: {answer}");
            is_problem(&answer, status);
        }
        let (status, _) =
            recorder.call_as(token.as_deref(), Method::POST, &format!("{list}/start"), None).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{what}");
    }
    let id = "01900000-0000-7000-8000-000000000000";
    for wandering in
        ["..%2f..%2ftureen.db", "..%2f..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/tureen.db", "0.m4s%00"]
    {
        let (status, _) =
            recorder.call(Method::GET, &format!("{list}/{id}/stream/{id}/{wandering}"), None).await;
        assert!(matches!(status, StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST), "{wandering}: {status}");
    }
    assert!(!recorder.log().contains(&good), "the log holds no token");
    assert!(!recorder.log().contains("panicked"), "{}", recorder.log());
}
