//! The running service against its own OpenAPI document, with real recordings behind it.

use reqwest::{Method, StatusCode};
use serde_json::json;
use std::ffi::OsStr;
use std::time::Duration;
use tureen_e2e::postgres::Postgres;
use tureen_e2e::schemathesis::{Asking, Known, ask};
use tureen_e2e::stage::Stage;
use tureen_sfu::Options;

/// Requests that are made up for each operation, if `make test-api` says so.
fn examples() -> Option<u32> {
    std::env::var("API_EXAMPLES").ok().and_then(|text| text.parse().ok())
}

/// What ends or removes recordings: asked last.
const ENDING: [&str; 3] = ["stopRecording", "eraseParticipant", "deleteRecording"];
/// What others are refused, and what ends recordings.
const OF_ADMINISTRATORS: [&str; 12] = [
    "replayEvents",
    "listDeadDeliveries",
    "redeliver",
    "queryAudit",
    "exportAudit",
    "eraseFromAudit",
    "holdRecording",
    "releaseRecording",
    "restoreRecording",
    "stopRecording",
    "eraseParticipant",
    "deleteRecording",
];

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_no_server_error_and_no_answer_that_is_not_documented() {
    finds_nothing(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_nothing_on_postgres_either() {
    let postgres = Postgres::start();
    finds_nothing(&[("DATABASE_URL", OsStr::new(&postgres.url))]).await;
}

async fn finds_nothing(environment: &[(&str, &OsStr)]) {
    let environment = [environment, &[("RATE_LIMIT", OsStr::new("0"))]].concat();
    let stage = Stage::in_environment(Options::default(), &environment).await;
    let _ada = stage.publish("ada", Some("h264-baseline.h264"), Some("opus.ogg")).await;
    let _bob = stage.publish("bob", Some("vp8.ivf"), None).await;
    let ended = stage.record().await;
    stage.recorded(&ended, &["ada", "bob"], 3_000_000).await;
    stage.recorder.stop(&ended).await;
    let running = stage.record().await;
    stage.recorded(&running, &["ada", "bob"], 3_000_000).await;
    let recorder = &stage.recorder;
    for id in [&ended, &running] {
        let share = json!({"share_type": "user", "shared_with": "student", "access_level": "download"});
        let path = format!("/api/v1/recordings/{id}/shares");
        let (status, answer) = recorder.call(Method::POST, &path, Some(share)).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
    }
    let known = Known::of(&[recorder.manifest(&ended).await, recorder.manifest(&running).await]);
    let (thorough, examples) = (examples().is_some(), examples().unwrap_or(8));
    let limit = Duration::from_secs(if thorough { 1800 } else { 300 });
    let of = |user, role| Asking {
        user,
        role,
        examples,
        strangers: false,
        thorough,
        only: &[],
        except: &[],
        limit,
    };
    let student = Asking { strangers: true, ..of("student", "student") };
    let teacher = Asking { except: &ENDING, ..of("tester", "teacher") };
    let admin = Asking { only: &OF_ADMINISTRATORS, ..of("admin", "admin") };
    let folder = stage.folder.path();
    // Most of the time of both is waiting.
    let (by_student, by_teacher) =
        tokio::join!(ask(recorder, &known, &student, folder), ask(recorder, &known, &teacher, folder));
    let by_admin = ask(recorder, &known, &admin, folder).await;
    let mut wrong = Vec::new();
    for (role, (good, report)) in [("student", by_student), ("teacher", by_teacher), ("admin", by_admin)] {
        println!("{role}: {}", report.lines().last().unwrap_or_default());
        if !good {
            wrong.push(format!("as {role}:\n{report}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let log = recorder.log();
    assert!(!log.contains("panicked") && !log.contains("a request failed"), "{log}");
}
