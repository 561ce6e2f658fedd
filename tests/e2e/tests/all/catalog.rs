//! A room whose catalogue is PostgreSQL, which two processes share.

use reqwest::Method;
use std::ffi::OsStr;
use std::time::Duration;
use tureen_e2e::postgres::Postgres;
use tureen_e2e::readers;
use tureen_e2e::recorder::{Recorder, program};
use tureen_e2e::stage::{Stage, participant, track, tracks_of};
use tureen_sfu::Options;

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres_a_second_process_takes_up_what_a_killed_one_recorded_and_nothing_before() {
    let postgres = Postgres::start();
    let environment = [("DATABASE_URL", OsStr::new(&postgres.url))];
    let stage = Stage::in_environment(Options::default(), &environment).await;
    let _ada = stage.publish("ada", Some("h264-baseline.h264"), Some("opus.ogg")).await;
    let _bob = stage.publish("bob", None, Some("opus.ogg")).await;
    let id = stage.record().await;
    stage.recorded(&id, &["ada", "bob"], 2_000_000).await;

    // It has the same rows and files, and leaves alone what the other one runs.
    let second = Recorder::start_in(stage.folder.path(), &environment).await;
    let listed = second.json("/api/v1/recordings").await;
    assert_eq!((&listed["total"], &listed["recordings"][0]["status"]), (&1.into(), &"recording".into()));
    let (status, refused) = second.call(Method::POST, &format!("/api/v1/recordings/{id}/stop"), None).await;
    assert_eq!((status.as_u16(), &refused["type"]), (409, &"urn:tureen:problem:not-running".into()));
    let (status, _) = second.try_record("e2e", &stage.sfu.url("e2e")).await;
    assert_eq!(status.as_u16(), 409, "the room is recorded once");
    let before = stage.recorded(&id, &["ada", "bob"], 6_000_000).await;
    let listed = track(&before, "ada", "video")["duration_us"].as_i64().unwrap();

    let Stage { sfu: _sfu, room: _room, recorder: first, folder } = stage;
    first.kill().await;
    let goes_on = second
        .manifest_until("the second process goes on with it", &id, Duration::from_secs(60), |manifest| {
            let now = track(manifest, "ada", "video")["duration_us"].as_i64().unwrap_or(0);
            manifest["recording"]["status"] == "recording" && now > listed + 25_000_000
        })
        .await;
    assert_eq!(goes_on["participants"].as_array().unwrap().len(), 2, "{goes_on}");
    second.stop(&id).await;
    let ended = second.manifest(&id).await;
    assert_eq!(ended["recording"]["status"], "completed");
    let video = track(&ended, "ada", "video");
    assert!(video["gaps"].as_array().unwrap().iter().any(|gap| gap["cause"] == "loss"), "{video}");
    let header = format!("Authorization: Bearer {}\r\n", second.token);
    let playlist = format!("{}{}", second.url, video["playlist"].as_str().unwrap());
    assert_eq!(readers::ffmpeg_complaints(&playlist, &["-headers", &header]), "");

    // Bob is erased; Ada plays as before.
    let bobs: Vec<String> = tracks_of(participant(&ended, "bob").unwrap())
        .iter()
        .map(|track| track["id"].as_str().unwrap().to_owned())
        .collect();
    let media = second.media().join("recordings").join(&id);
    assert!(bobs.iter().all(|track| media.join(format!("{track}.mp4")).exists()));
    let (status, erased) =
        second.call(Method::DELETE, &format!("/api/v1/recordings/{id}/participants/bob"), None).await;
    assert!(status.is_success(), "{erased}");
    for track in bobs {
        assert!(!media.join(format!("{track}.mp4")).exists() && !media.join(format!("{track}.idx")).exists());
    }
    assert_eq!(second.manifest(&id).await["participants"].as_array().unwrap().len(), 1);
    assert_eq!(readers::ffmpeg_complaints(&playlist, &["-headers", &header]), "");
    let checked = std::process::Command::new(program())
        .args(["check", "--dir"])
        .arg(folder.path().join("media"))
        .env("DATABASE_URL", &postgres.url)
        .output()
        .unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    let (status, _) =
        second.call(Method::DELETE, &format!("/api/v1/recordings/{id}?permanent=true"), None).await;
    assert!(status.is_success());
    assert!(!media.exists());
    second.terminate().await;
}
