//! The program as a user runs it.

#![allow(clippy::unwrap_used, reason = "a test")]

use assert_cmd::Command;
use assert_cmd::cargo::cargo_bin;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

struct Service {
    child: Child,
    url: String,
}

impl Service {
    fn start(folder: &std::path::Path) -> Self {
        let mut child = std::process::Command::new(cargo_bin("tureen"))
            .args(["serve", "--port", "0", "--dir"])
            .arg(folder)
            .env_remove("JWT_SECRET")
            .env_remove("DATABASE_URL")
            .env_remove("BIND")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.split_whitespace().last().unwrap().to_owned();
        assert!(url.starts_with("http://127.0.0.1:"), "{line}");
        Self { child, url }
    }

    fn end(mut self) -> bool {
        let pid = self.child.id().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap().success()
    }
}

fn tureen(arguments: &[&str]) -> Command {
    let mut command = Command::new(cargo_bin("tureen"));
    command.args(arguments).env_remove("JWT_SECRET").env_remove("DATABASE_URL").env_remove("RECORDINGS_DIR");
    command
}

fn printed(command: &mut Command) -> String {
    String::from_utf8(command.assert().success().get_output().stdout.clone()).unwrap().trim().to_owned()
}

#[tokio::test]
async fn a_service_without_configuration_takes_the_tokens_that_are_minted_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let service = Service::start(folder.path());
    let token = printed(&mut tureen(&["token", "--role", "student", "--dir", dir]));
    let list = format!("{}/api/v1/recordings", service.url);
    let client = reqwest::Client::new();
    let answer = client.get(&list).bearer_auth(&token).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let page: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(page["total"], 0);
    assert_eq!(client.get(&list).send().await.unwrap().status(), 401);
    assert!(service.end(), "SIGTERM ends it cleanly");
    assert!(printed(&mut tureen(&["check", "--dir", dir])).ends_with("all invariants hold"));
}

#[test]
fn a_made_secret_does_not_leave_the_machine() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let refused = tureen(&["serve", "--bind", "0.0.0.0", "--port", "0", "--dir", dir]).assert().failure();
    let said = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    assert!(said.contains("JWT_SECRET") && said.contains("loopback"), "{said}");
}

#[test]
fn what_is_not_there_is_told() {
    for (arguments, word) in [
        (["inspect", "/no/such/file.mp4"], "cannot open"),
        (["check", "--dir=/no/such/folder"], "no folder"),
        (["record", "http://127.0.0.1:1/"], "--out"),
    ] {
        let failed = tureen(&arguments).assert().failure();
        let said = String::from_utf8_lossy(&failed.get_output().stderr).into_owned();
        assert!(said.contains(word), "{said}");
    }
}
