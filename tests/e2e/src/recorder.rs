//! `tureen serve` as a child process, and its API.

use crate::wait;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};

/// The secret of every test server.
pub const SECRET: &str = "end-to-end-tests-do-not-keep-secrets";

/// Where cargo put the `tureen` program: beside the tests.
#[must_use]
pub fn program() -> PathBuf {
    let mut folder = std::env::current_exe().expect("a test has a path");
    folder.pop();
    if folder.ends_with("deps") {
        folder.pop();
    }
    let program = folder.join("tureen");
    assert!(program.exists(), "build the program first: cargo build --bin tureen ({})", program.display());
    program
}

/// A running server with its own folder.
pub struct Recorder {
    child: Child,
    /// `http://127.0.0.1:PORT`
    pub url: String,
    /// A teacher's token.
    pub token: String,
    folder: PathBuf,
    client: reqwest::Client,
}

impl Recorder {
    /// Starts the server on `folder` (media in `media/`, catalogue in `tureen.db`) and waits until it answers.
    pub async fn start(folder: &Path) -> Self {
        Self::start_in(folder, &[]).await
    }

    /// The same with more environment variables.
    pub async fn start_in(folder: &Path, environment: &[(&str, &OsStr)]) -> Self {
        let port = free_port();
        let child = Command::new(program())
            .arg("serve")
            .env("PORT", port.to_string())
            .env("JWT_SECRET", SECRET)
            .env("SFU_ALLOW", "127.0.0.1")
            .env("DATABASE_URL", format!("sqlite:{}", folder.join("tureen.db").display()))
            .env("RECORDINGS_DIR", folder.join("media"))
            .env("RUST_LOG", std::env::var("RUST_LOG").unwrap_or_else(|_| "info".to_owned()))
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap())
            .kill_on_drop(true)
            .spawn()
            .expect("tureen starts");
        let mut recorder = Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
            token: token("teacher"),
            folder: folder.to_owned(),
            client: reqwest::Client::new(),
        };
        recorder.wait_until_ready().await;
        recorder
    }

    async fn wait_until_ready(&mut self) {
        let (client, url) = (self.client.clone(), format!("{}/healthz", self.url));
        wait::until("the server answers", Duration::from_secs(20), || {
            let (client, url) = (client.clone(), url.clone());
            async move { client.get(url).send().await.ok().filter(|answer| answer.status().is_success()) }
        })
        .await;
        assert!(self.child.try_wait().unwrap().is_none(), "the server runs: {}", self.log());
    }

    /// The server's process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// What the server logged.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// The folder that holds media files.
    #[must_use]
    pub fn media(&self) -> PathBuf {
        self.folder.join("media")
    }

    /// Ends it at once, as a crash does.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("it can be killed");
    }

    /// Asks it to end and waits.
    pub async fn terminate(mut self) {
        let pid = self.pid().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().await.unwrap();
        self.child.wait().await.unwrap();
    }

    /// A request with the teacher's token; status and JSON (or null).
    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        self.call_as(Some(&self.token), method, path, body).await
    }

    /// A request with any token.
    pub async fn call_as(
        &self,
        token: Option<&str>,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.expect("the server answers");
        let status = answer.status();
        (status, answer.json().await.unwrap_or(Value::Null))
    }

    /// The body of a GET that succeeds.
    pub async fn get(&self, path: &str) -> bytes::Bytes {
        let answer =
            self.client.get(format!("{}{path}", self.url)).bearer_auth(&self.token).send().await.unwrap();
        assert!(answer.status().is_success(), "GET {path}: {}", answer.status());
        answer.bytes().await.unwrap()
    }

    /// A GET that succeeds, as JSON.
    pub async fn json(&self, path: &str) -> Value {
        serde_json::from_slice(&self.get(path).await).unwrap()
    }

    /// Starts recording a room by protoo; its id.
    pub async fn record(&self, room_id: &str, protoo_url: &str) -> String {
        let (status, answer) = self.try_record(room_id, protoo_url).await;
        assert!(status.is_success(), "start: {status} {answer}");
        answer["recording_id"].as_str().expect("an id").to_owned()
    }

    /// The same, whatever comes of it.
    pub async fn try_record(&self, room_id: &str, protoo_url: &str) -> (StatusCode, Value) {
        let body = json!({
            "room_id": room_id,
            "title": format!("Room {room_id}"),
            "source": { "mode": "protoo", "url": protoo_url },
        });
        self.call(Method::POST, "/api/v1/recordings/start", Some(body)).await
    }

    /// Stops a recording; the answer.
    pub async fn stop(&self, id: &str) -> Value {
        let (status, answer) = self.call(Method::POST, &format!("/api/v1/recordings/{id}/stop"), None).await;
        assert!(status.is_success(), "stop: {status} {answer}");
        answer
    }

    /// Shares a recording; the share.
    pub async fn share(&self, id: &str, wish: &Value) -> Value {
        let path = format!("/api/v1/recordings/{id}/shares");
        let (status, answer) = self.call(Method::POST, &path, Some(wish.clone())).await;
        assert!(status.is_success(), "share: {status} {answer}");
        answer
    }

    /// The room manifest.
    pub async fn manifest(&self, id: &str) -> Value {
        self.json(&format!("/api/v1/recordings/{id}/manifest.json")).await
    }

    /// Waits until the manifest satisfies `good`.
    pub async fn manifest_until(
        &self,
        what: &str,
        id: &str,
        limit: Duration,
        good: impl Fn(&Value) -> bool,
    ) -> Value {
        wait::until(what, limit, || async {
            let manifest = self.manifest(id).await;
            good(&manifest).then_some(manifest)
        })
        .await
    }
}

/// A development token of a role.
#[must_use]
pub fn token(role: &str) -> String {
    token_of("tester", role)
}

/// The same for a user.
#[must_use]
pub fn token_of(user: &str, role: &str) -> String {
    let output = std::process::Command::new(program())
        .args(["token", "--role", role, "--user-id", user, "--ttl", "604800"])
        .env("JWT_SECRET", SECRET)
        .output()
        .expect("tureen token runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().unwrap().port()
}
