//! Headless Chromium as a participant: camera and microphone by mediasoup-client.

use crate::readers::root;
use serde_json::Value;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// A browser that publishes until it is dropped.
pub struct Browser {
    child: Child,
    input: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Browser {
    /// Opens the publishing page of an SFU; returns when media of every producer arrives there.
    pub async fn publish(http_url: &str, query: &str) -> Self {
        let folder = root().join("tests/sfu/browser");
        let mut child = Command::new("node")
            .args(["publish.mjs", http_url, query])
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("node runs");
        let input = child.stdin.take();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut browser = Self { child, input, lines };
        let told = browser.line().await;
        assert_eq!(told["publishing"], true, "{told}");
        browser
    }

    async fn line(&mut self) -> Value {
        let line = tokio::time::timeout(Duration::from_secs(45), self.lines.next_line()).await;
        let line = line.expect("the browser answers").unwrap().expect("the browser runs");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// Leaves the room and ends.
    pub async fn close(mut self) {
        drop(self.input.take());
        let ended = tokio::time::timeout(Duration::from_secs(10), self.child.wait()).await;
        ended.expect("the browser ends").unwrap();
    }
}
