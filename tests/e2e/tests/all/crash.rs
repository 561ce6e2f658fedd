//! A killed process loses what it had not flushed, and nothing else.

use std::ffi::OsStr;
use tureen_e2e::readers;
use tureen_e2e::recorder::Recorder;
use tureen_e2e::stage::{Stage, track};
use tureen_e2e::stored::Stored;
use tureen_sfu::Dialect;

/// Field failure 1 (a first version): kill -9, start again, list, play.
#[tokio::test(flavor = "multi_thread")]
async fn after_kill_9_what_was_flushed_lists_and_plays() {
    let Stage { sfu, room, recorder, folder } = Stage::new(Dialect::Old).await;
    let stage = Stage { sfu, room, recorder, folder };
    let _ada = stage.publish("ada", Some("h264-baseline.h264"), Some("opus.ogg")).await;
    let id = stage.record().await;
    let before = stage.recorded(&id, &["ada"], 4_000_000).await;
    let listed = track(&before, "ada", "video")["duration_us"].as_i64().unwrap();
    let flushed =
        Stored::read(&stage.recorder.media(), &id, track(&before, "ada", "video")["id"].as_str().unwrap());
    let Stage { sfu, recorder, folder, room: _room } = stage;
    recorder.kill().await;

    // It would be gone on with; here it is closed.
    let recorder = Recorder::start_in(folder.path(), &[("ADOPT_WITHIN", OsStr::new("0"))]).await;
    let manifest = recorder.manifest(&id).await;
    assert_eq!(manifest["recording"]["status"], "completed", "{manifest}");
    let video = track(&manifest, "ada", "video");
    assert!(video["duration_us"].as_i64().unwrap() >= listed, "nothing listed is lost: {manifest}");
    let after = Stored::read(&recorder.media(), &id, video["id"].as_str().unwrap());
    assert!(after.entries.len() >= flushed.entries.len(), "nothing flushed is lost");
    assert_eq!(after.entries[..flushed.entries.len()].len(), flushed.entries.len());
    let playlist = format!("{}{}", recorder.url, video["playlist"].as_str().unwrap());
    let header = format!("Authorization: Bearer {}\r\n", recorder.token);
    let probed = readers::ffprobe(&playlist, &["-headers", &header]);
    assert_eq!(probed["streams"][0]["nb_read_packets"], after.entries.len().to_string().as_str());
    assert_eq!(readers::ffmpeg_complaints(&playlist, &["-headers", &header]), "");
    let (status, list) = recorder.call(reqwest::Method::GET, "/api/v1/recordings", None).await;
    assert!(status.is_success() && list["recordings"][0]["id"] == id.as_str(), "{list}");
    let checked = std::process::Command::new(tureen_e2e::recorder::program())
        .args(["check", "--dir"])
        .arg(recorder.media())
        .env("DATABASE_URL", format!("sqlite:{}", folder.path().join("tureen.db").display()))
        .output()
        .unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    // The room can be recorded again.
    let again = recorder.record("e2e", &sfu.url("e2e")).await;
    assert_ne!(again, id);
}
