//! The audit of the `tureen` binary: what it has acknowledged survives its death, and an export verifies offline.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

struct Service {
    child: Child,
    url: String,
}

impl Service {
    fn start(folder: &Path) -> Self {
        let mut child = tureen(folder).args(["serve", "--port", "0"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().rsplit(' ').next().unwrap().to_owned();
        assert!(url.starts_with("http://"), "{line}");
        Self { child, url }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tureen(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tureen"));
    command.env("RECORDINGS_DIR", folder).env_remove("DATABASE_URL").env_remove("JWT_SECRET");
    command.stdin(Stdio::null()).stderr(Stdio::null());
    command
}

fn run(folder: &Path, arguments: &[&str]) -> (bool, String) {
    let output = tureen(folder).args(arguments).output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_loses_no_row_that_it_has_acknowledged() {
    const BEFORE_THE_KILL: usize = 200;
    let folder = tempfile::tempdir().unwrap();
    let mut service = Service::start(folder.path());
    let (_, token) = run(folder.path(), &["token", "--role", "admin"]);
    let token = token.trim().to_owned();
    let acknowledged = Arc::new(Mutex::new(BTreeSet::new()));
    let (count, killed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let client = reqwest::Client::new();
    let asking: Vec<_> = (0..8)
        .map(|asker| {
            let (client, token, url) = (client.clone(), token.clone(), service.url.clone());
            let (acknowledged, count, killed) =
                (Arc::clone(&acknowledged), Arc::clone(&count), Arc::clone(&killed));
            tokio::spawn(async move {
                for n in 0.. {
                    let id = format!("ask-{asker}-{n}");
                    let request = client.get(format!("{url}/api/v1/recordings")).bearer_auth(&token);
                    match request.header("x-request-id", &id).send().await {
                        Ok(answer) => {
                            assert_eq!(answer.status(), 200);
                            acknowledged.lock().unwrap().insert(id);
                            count.fetch_add(1, Ordering::Relaxed);
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
    while count.load(Ordering::Relaxed) < BEFORE_THE_KILL {
        tokio::task::yield_now().await;
    }
    killed.store(true, Ordering::Relaxed);
    // SIGKILL.
    service.child.kill().unwrap();
    service.child.wait().unwrap();
    for asker in asking {
        asker.await.unwrap();
    }

    let export = folder.path().join("audit.jsonl");
    let path = export.to_str().unwrap();
    assert!(run(folder.path(), &["audit", "export", "--out", path]).0);
    let text = std::fs::read_to_string(&export).unwrap();
    let acknowledged = acknowledged.lock().unwrap().clone();
    assert!(acknowledged.len() >= BEFORE_THE_KILL);
    for id in &acknowledged {
        assert!(text.contains(&format!("\"request_id\":\"{id}\"")), "{id} was answered and is not recorded");
    }
    let signature = token.rsplit('.').next().unwrap();
    assert!(!text.contains(signature));
    let heads = folder.path().join("audit/heads.jsonl");
    let key = folder.path().join("audit/key.pub");
    let (heads, key) = (heads.to_str().unwrap(), key.to_str().unwrap());
    let (good, told) = run(folder.path(), &["audit", "verify", path, "--head", heads, "--key", key]);
    assert!(good, "{told}");

    // The next process goes on, and ends in order.
    let mut again = Service::start(folder.path());
    let (_, told) = run(folder.path(), &["audit", "query", "--action", "view", "--limit", "3"]);
    assert_eq!(told.lines().count(), 3, "{told}");
    // It is there, and so it hears.
    assert_eq!(client.get(format!("{}/healthz", again.url)).send().await.unwrap().status(), 200);
    let ended = Command::new("kill").arg(again.child.id().to_string()).status().unwrap();
    assert!(ended.success() && again.child.wait().unwrap().success());
    let (good, told) = run(folder.path(), &["audit", "verify", "--head", heads, "--key", key]);
    assert!(good && told.contains("of 2 chains") && !told.contains("not ruled out: no head"), "{told}");
    let (_, printed) = run(folder.path(), &["audit", "head"]);
    assert_eq!(printed.lines().count(), 2);

    // One byte of one row of the export.
    let spoilt = text.replacen("\"result\":\"success\"", "\"result\":\"partial\"", 2);
    std::fs::write(&export, spoilt).unwrap();
    let (good, told) = run(folder.path(), &["audit", "verify", path]);
    assert!(!good && told.contains("row 1 of chain") && told.contains("it was changed"), "{told}");
    // The tail: only the kept heads of the second process know of it, not those of the first.
    let cut: Vec<_> = text.lines().filter(|line| !line.contains("\"type\":\"head\"")).collect();
    std::fs::write(&export, cut[..cut.len() - 1].join("\n")).unwrap();
    let (good, told) = run(folder.path(), &["audit", "verify", path]);
    assert!(good && told.contains("--head"), "{told}");
}
