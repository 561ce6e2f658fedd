//! What players told the `tureen` binary and it has acknowledged survives its death, and is counted.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use serde_json::json;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tureen::catalog::{Catalog, EndedBy, Finish, NewRecording, Status, ViewingFilter};
use tureen::id::RecordingId;
use tureen::time::WallTime;

fn tureen(folder: &Path, url: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tureen"));
    command.env("RECORDINGS_DIR", folder).env("DATABASE_URL", url).env("RATE_LIMIT", "0");
    command.env_remove("JWT_SECRET").env_remove("BIND").stdin(Stdio::null()).stderr(Stdio::null());
    command
}

/// A recording that has ended.
async fn recorded(url: &str) -> RecordingId {
    let catalog = Catalog::open(url).await.unwrap();
    let id = RecordingId::new();
    let new = NewRecording {
        id,
        room_id: "room".to_owned(),
        title: "A lesson".to_owned(),
        started_by: "teacher-1".to_owned(),
        started_at: WallTime(1_764_000_000_000_000),
        source: json!({}),
        metadata: json!({}),
        format: "mp4".to_owned(),
        ..NewRecording::default()
    };
    catalog.create_recording(&new).await.unwrap();
    let finish = Finish {
        ended_by: EndedBy::Stop,
        status: Status::Completed,
        stopped_at: WallTime(1_764_000_060_000_000),
        duration_micros: 60_000_000,
        bytes: 0,
        error: None,
    };
    catalog.finish_recording(id, &finish).await.unwrap();
    catalog.close().await;
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_loses_no_event_that_it_has_acknowledged() {
    const BEFORE_THE_KILL: u64 = 200;
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("views.db").display());
    let id = recorded(&url).await;
    let mut service =
        tureen(folder.path(), &url).args(["serve", "--port", "0"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(service.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.split_whitespace().last().unwrap().to_owned();
    let token = tureen(folder.path(), &url).args(["token", "--role", "admin"]).output().unwrap();
    let token = String::from_utf8(token.stdout).unwrap().trim().to_owned();

    let path = format!("{address}/api/v1/recordings/{id}/progress");
    let killed = Arc::new(AtomicBool::new(false));
    let acknowledged: Vec<Arc<AtomicU64>> = (0..8).map(|_| Arc::default()).collect();
    let http = reqwest::Client::new();
    let players: Vec<_> = acknowledged
        .iter()
        .enumerate()
        .map(|(player, acknowledged)| {
            let (http, path, token) = (http.clone(), path.clone(), token.clone());
            let (acknowledged, killed) = (Arc::clone(acknowledged), Arc::clone(&killed));
            tokio::spawn(async move {
                for seq in 0_u64.. {
                    let event = if seq == 0 { "playing" } else { "progress" };
                    let body = json!({
                        "session_id": format!("s{player}"), "seq": seq, "t": seq * 10, "event": event,
                        "position": seq as f64 / 100.0
                    });
                    match http.post(&path).bearer_auth(&token).body(body.to_string()).send().await {
                        Ok(answer) => {
                            assert_eq!(answer.status(), 200);
                            acknowledged.store(seq + 1, Ordering::Relaxed);
                        }
                        Err(error) => {
                            assert!(killed.load(Ordering::Relaxed), "{error}");
                            return;
                        }
                    }
                }
            })
        })
        .collect();
    let total = || acknowledged.iter().map(|count| count.load(Ordering::Relaxed)).sum::<u64>();
    while total() < BEFORE_THE_KILL {
        tokio::task::yield_now().await;
    }
    killed.store(true, Ordering::Relaxed);
    // SIGKILL.
    service.kill().unwrap();
    service.wait().unwrap();
    for player in players {
        player.await.unwrap();
    }

    let catalog = Catalog::open(&url).await.unwrap();
    let rows = catalog.viewings(&ViewingFilter::default(), 100).await.unwrap();
    for (player, acknowledged) in acknowledged.iter().enumerate() {
        let acknowledged = acknowledged.load(Ordering::Relaxed);
        let Some(row) = rows.iter().find(|row| row.client == format!("s{player}")) else {
            assert_eq!(acknowledged, 0, "s{player}");
            continue;
        };
        let kept = catalog.view_events(row.id).await.unwrap().len() as u64;
        // The last one may have been kept and its answer cut off.
        assert!((acknowledged..=acknowledged + 1).contains(&kept), "s{player}: {kept} of {acknowledged}");
    }
    catalog.close().await;
    let rebuilt = tureen(folder.path(), &url).args(["analytics", "rebuild"]).output().unwrap();
    let rebuilt = String::from_utf8(rebuilt.stdout).unwrap();
    assert!(rebuilt.ends_with("sessions, 0 changed; 0 sums changed\n"), "{rebuilt}");
}
