//! Players, and how they are driven: `tests/browser/matrix.mjs`, one browser for a list of cells.

use super::rows::Row;
use crate::readers::root;
use crate::recorder::Recorder;
use serde_json::{Value, json};
use std::io::Write;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// Both browsers of Debian.
pub const BROWSERS: [&str; 2] = ["chromium", "firefox"];
/// Columns of the table.
pub const PLAYERS: [&str; 6] = ["hls", "shaka-hls", "shaka-dash", "dash", "native-mp4", "native-webm"];

/// A player that is to play a row.
#[derive(Clone, Debug)]
pub struct Cell<'a> {
    /// What is played.
    pub row: &'a Row,
    /// One of [`PLAYERS`].
    pub player: &'static str,
    /// One of [`BROWSERS`].
    pub browser: &'static str,
}

impl Cell<'_> {
    /// For people: row, player, browser.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} | {} | {}", self.row.name, self.player, self.browser)
    }

    fn url(&self, recorder: &Recorder) -> String {
        let base = format!("{}/api/v1/recordings/{}", recorder.url, self.row.recording);
        let who = format!("participant={}", self.row.participant);
        let (streamed, file) = match &self.row.screen {
            Some(track) => (format!("{who}&source=screen"), format!("track={track}")),
            None => (who.clone(), who),
        };
        let token = &recorder.token;
        match self.player {
            "hls" | "shaka-hls" => format!("{base}/stream/playlist.m3u8?{streamed}&token={token}"),
            "shaka-dash" | "dash" => format!("{base}/stream/manifest.mpd?{streamed}&token={token}"),
            "native-webm" => format!("{base}/download?format=webm&{file}&token={token}"),
            _ => format!("{base}/download?format=mp4&{file}&token={token}"),
        }
    }

    fn kind(&self) -> &'static str {
        match self.player {
            "hls" => "hls",
            "shaka-hls" | "shaka-dash" => "shaka",
            "dash" => "dash",
            _ => "native",
        }
    }

    /// Why there is nothing to play: the server's status, unless it serves what the player wants.
    pub async fn refused(&self, recorder: &Recorder) -> Option<u16> {
        let answer = reqwest::Client::new().get(self.url(recorder)).header("range", "bytes=0-").send().await;
        let status = answer.expect("the server answers").status();
        (!status.is_success()).then_some(status.as_u16())
    }
}

/// Plays cells of one browser one after the other; what the page saw of each.
///
/// # Panics
/// If the script does not run.
pub async fn play(recorder: &Recorder, cells: &[&Cell<'_>]) -> Vec<Value> {
    let Some(first) = cells.first() else { return Vec::new() };
    let job: Vec<Value> = (0..)
        .zip(cells)
        .map(|(id, cell): (usize, _)| {
            let buffer = cell.row.switches.then_some(4);
            json!({
                "id": id, "kind": cell.kind(), "url": cell.url(recorder),
                "switches": cell.row.switches, "buffer": buffer,
            })
        })
        .collect();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&serde_json::to_vec(&job).unwrap()).unwrap();
    let folder = root().join("tests/browser");
    let mut child = Command::new("node")
        .arg(folder.join("matrix.mjs"))
        .args(["--browser", first.browser])
        .arg(file.path())
        .current_dir(&folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("node runs");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut seen = vec![Value::Null; cells.len()];
    while let Some(line) = lines.next_line().await.unwrap() {
        let Ok(found) = serde_json::from_str::<Value>(&line) else { continue };
        let id = usize::try_from(found["id"].as_u64().unwrap()).unwrap();
        println!("  {}: {}", cells[id].name(), super::judge::verdict(cells[id].row, &found).tell());
        seen[id] = found;
    }
    child.wait().await.unwrap();
    seen
}
