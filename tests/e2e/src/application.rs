//! The sample application of `docs/examples` in a process of its own, with its rooms attached to a recorder.

use crate::readers::root;
use crate::recorder::Recorder;
use serde_json::{Value, json};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{Mutex, watch};

/// Longest time that a command may take.
const LIMIT: Duration = Duration::from_secs(20);

/// The application; ends when it is dropped.
pub struct Application {
    _child: Child,
    pipes: Mutex<(ChildStdin, Lines<BufReader<ChildStdout>>)>,
}

impl Application {
    /// Starts it; its rooms come to the recorder at `url`.
    pub async fn start(url: &str, recorder: &Recorder) -> Self {
        let mut child = Command::new("node")
            .arg(root().join("tests/e2e/bridge/stage.mjs"))
            .env("TUREEN_URL", url)
            .env("TUREEN_TOKEN", &recorder.token)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("node runs");
        let pipes = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()).lines());
        Self { _child: child, pipes: Mutex::new(pipes) }
    }

    /// One command; its answer.
    pub async fn ask(&self, command: &str, data: Value) -> Value {
        let mut request = data;
        request["command"] = json!(command);
        let (stdin, lines) = &mut *self.pipes.lock().await;
        stdin.write_all(format!("{request}\n").as_bytes()).await.expect("the application hears");
        let line = tokio::time::timeout(LIMIT, lines.next_line()).await.expect("an answer in time");
        let line = line.unwrap().unwrap_or_else(|| panic!("the application ended at {command}"));
        let mut answer: Value = serde_json::from_str(&line).unwrap();
        assert!(answer["error"].is_null(), "{command}: {answer}");
        answer["data"].take()
    }

    /// A participant comes and publishes VP8 and Opus.
    pub async fn publish(&self, peer: &str) {
        self.ask("publish", json!({ "peer": peer })).await;
    }

    /// It leaves; SHA-256 of the units of each `video` picture (of each layer) and `audio` packet that it sent.
    pub async fn leave(&self, peer: &str) -> Value {
        self.ask("leave", json!({ "peer": peer })).await
    }

    /// What the package told the application, by name.
    pub async fn told(&self, name: &str) -> Vec<Value> {
        let events = self.ask("events", json!({})).await;
        events.as_array().unwrap().iter().filter(|event| event["name"] == name).cloned().collect()
    }
}

/// A TCP road to a server that can be cut.
pub struct Road {
    /// Where it begins: `http://127.0.0.1:PORT`.
    pub url: String,
    cut: watch::Sender<bool>,
    target: watch::Sender<String>,
    refused: Arc<AtomicBool>,
}

impl Road {
    /// To `target`, as `http://HOST:PORT`.
    pub async fn to(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (target, goal) = watch::channel(target.trim_start_matches("http://").to_owned());
        let (cut, seen) = watch::channel(false);
        let refused = Arc::new(AtomicBool::new(false));
        let refusing = Arc::clone(&refused);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                if *seen.borrow() {
                    refusing.store(true, Ordering::Relaxed);
                    continue;
                }
                let (target, mut seen) = (goal.borrow().clone(), seen.clone());
                tokio::spawn(async move {
                    let mut near = near;
                    let Ok(mut far) = TcpStream::connect(&target).await else { return };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        _ = seen.wait_for(|cut| *cut) => {}
                    }
                });
            }
        });
        Self { url, cut, target, refused }
    }

    /// Lets connections that are made from now on lead elsewhere.
    pub fn lead_to(&self, target: &str) {
        self.target.send_replace(target.trim_start_matches("http://").to_owned());
    }

    /// Breaks every connection, and lets none through until [`mend`](Self::mend).
    pub fn cut(&self) {
        self.cut.send_replace(true);
    }

    /// Lets connections through again. Whether one was tried meanwhile.
    pub fn mend(&self) -> bool {
        self.cut.send_replace(false);
        self.refused.swap(false, Ordering::Relaxed)
    }
}
