//! The product as a process of its own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

pub(crate) struct Service {
    child: Child,
    url: String,
    token: String,
    client: reqwest::Client,
}

fn tureen(folder: &Path, url: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tureen"));
    command
        .env("RECORDINGS_DIR", folder)
        .env("DATABASE_URL", url)
        .env_remove("JWT_SECRET")
        .env_remove("BIND");
    command.env("RATE_LIMIT", "0").stdin(Stdio::null()).stderr(Stdio::null());
    command
}

impl Service {
    pub(crate) fn start(folder: &Path, url: &str) -> Self {
        let mut child =
            tureen(folder, url).args(["serve", "--port", "0"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split_whitespace().last().unwrap_or_default().to_owned();
        assert!(address.starts_with("http://"), "{line}");
        let token = token(folder, url, "bench");
        Self { child, url: address, token, client: reqwest::Client::new() }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) async fn get(&self, path: &str) -> String {
        let request = self.client.get(format!("{}{path}", self.url)).bearer_auth(&self.token);
        let answer = request.send().await.unwrap();
        let (status, body) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {body}");
        body
    }

    /// A number of `/metrics`.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let text = self.get("/metrics").await;
        let line = text.lines().find(|line| line.starts_with(name) && !line.starts_with('#'));
        line.and_then(|line| line.split_whitespace().last()?.parse().ok()).unwrap_or(0)
    }

    /// As the system does when there is no memory left.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A token of an administrator of this name, who may watch everything.
pub(crate) fn token(folder: &Path, url: &str, user: &str) -> String {
    let output = tureen(folder, url).args(["token", "--role", "admin", "--user-id", user]).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
