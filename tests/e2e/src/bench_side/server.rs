//! `tureen serve` as whoever tries it first runs it: a folder, a port and nothing else. Other than
//! [`tureen_e2e::recorder`] it takes any program and returns errors instead of panicking.

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// `tureen serve` with its defaults on a folder.
pub struct Server {
    child: Child,
    /// `http://127.0.0.1:PORT`
    pub url: String,
    /// A teacher's token.
    pub token: String,
    client: reqwest::Client,
}

impl Server {
    /// Starts the program `tureen` and waits until it listens; `port` 0 is any free one.
    pub async fn start(program: &Path, folder: &Path, port: u16) -> Result<Self> {
        Self::start_in(program, folder, port, &[]).await
    }

    /// The same with more environment variables.
    pub async fn start_in(
        program: &Path,
        folder: &Path,
        port: u16,
        environment: &[(&str, &str)],
    ) -> Result<Self> {
        let log = folder.join("tureen.log");
        let log = std::fs::File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut child = Command::new(program)
            .args(["serve", "--port", &port.to_string(), "--dir"])
            .arg(folder)
            .env_remove("DATABASE_URL")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            // Its own group: Ctrl-C comes to us, and we end it.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .context("tureen does not start")?;
        let mut lines = BufReader::new(child.stdout.take().context("it has an output")?).lines();
        let announced = tokio::time::timeout(Duration::from_secs(20), lines.next_line()).await;
        let line = announced.context("tureen serve says nothing for 20 s")??.unwrap_or_default();
        let Some((_, url)) = line.split_once("listens on ") else {
            let log = std::fs::read_to_string(folder.join("tureen.log")).unwrap_or_default();
            bail!("tureen serve ended: {}", log.trim());
        };
        let url = url.replace("0.0.0.0", "127.0.0.1").replace("[::]", "127.0.0.1");
        let token = Command::new(program)
            .args(["token", "--role", "teacher", "--user-id", "demo", "--dir"])
            .arg(folder)
            .output()
            .await?;
        ensure!(token.status.success(), "tureen token: {}", String::from_utf8_lossy(&token.stderr));
        let token = String::from_utf8(token.stdout)?.trim().to_owned();
        Ok(Self { child, url, token, client: reqwest::Client::new() })
    }

    /// Starts recording; the recording's id.
    pub async fn start_recording(&self, room: &str, title: &str, protoo: &str) -> Result<String> {
        let body = json!({
            "room_id": room,
            "title": title,
            "source": {"mode": "protoo", "url": protoo},
        });
        let answer = self.post("/start", Some(body)).await?;
        Ok(answer["recording_id"].as_str().context("start answers without an id")?.to_owned())
    }

    /// `GET /api/v1/recordings{path}`, which must succeed.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.send(self.client.get(self.at(path)), path).await
    }

    /// `POST /api/v1/recordings{path}`, which must succeed.
    pub async fn post(&self, path: &str, body: Option<Value>) -> Result<Value> {
        let request = self.client.post(self.at(path));
        self.send(if let Some(body) = body { request.json(&body) } else { request }, path).await
    }

    fn at(&self, path: &str) -> String {
        format!("{}/api/v1/recordings{path}", self.url)
    }

    async fn send(&self, request: reqwest::RequestBuilder, path: &str) -> Result<Value> {
        let answer = request.bearer_auth(&self.token).send().await.with_context(|| path.to_owned())?;
        let status = answer.status();
        let body: Value = answer.json().await.unwrap_or(Value::Null);
        ensure!(status.is_success(), "{path}: {status} {body}");
        Ok(body)
    }

    /// Its process id.
    #[allow(dead_code, reason = "the demo does not ask")]
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Asks it to end, as a service manager does.
    pub async fn end(mut self) -> Result<()> {
        if let Some(pid) = self.child.id() {
            Command::new("kill").args(["-TERM", &pid.to_string()]).status().await?;
        }
        let status = self.child.wait().await?;
        ensure!(status.success(), "tureen serve ended with {status}");
        Ok(())
    }
}
