//! schemathesis (from PyPI) asks a running recorder what its OpenAPI document allows, and much that it does not, and
//! holds the answers against the document.

use crate::recorder::{Recorder, token_of};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// Operations that may answer 503, because somebody else or time is in the way. Which 503s the document says, by name.
const MAY_BE_UNAVAILABLE: [&str; 6] = [
    "startRecording",
    "getMediaPlaylist",
    "getMediaFile",
    "listenToEvents",
    "listenToViewers",
    "listenToViewersOfRecording",
];

/// One run.
pub struct Asking<'a> {
    /// Whose token it has.
    pub user: &'a str,
    /// Of which role.
    pub role: &'a str,
    /// Requests that are made up for each operation, beside those that cover its limits.
    pub examples: u32,
    /// Also without a token and with wrong ones, of which an address may send so many in a minute.
    pub strangers: bool,
    /// Also what takes long by nature.
    pub thorough: bool,
    /// Only these operations; empty for all.
    pub only: &'a [&'a str],
    /// Not these.
    pub except: &'a [&'a str],
    /// The longest that it may take.
    pub limit: Duration,
}

/// What there is, so that requests find something.
pub struct Known {
    recordings: Vec<String>,
    participants: Vec<String>,
    peers: Vec<String>,
    tracks: Vec<String>,
    files: Vec<&'static str>,
}

impl Known {
    /// Of these manifests.
    #[must_use]
    pub fn of(manifests: &[Value]) -> Self {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let people =
            || manifests.iter().flat_map(|one| one["participants"].as_array().expect("participants"));
        let tracks = people().flat_map(|who| who["tracks"].as_array().expect("tracks"));
        Self {
            recordings: manifests.iter().map(|one| text(&one["recording"]["id"])).collect(),
            participants: people().map(|who| text(&who["id"])).collect(),
            peers: people().map(|who| text(&who["peer_id"])).collect(),
            tracks: tracks.map(|track| text(&track["id"])).collect(),
            files: vec![
                "init-0.mp4",
                "0.m4s",
                "1.m4s",
                "0.0.m4s",
                "lead-0.m4s",
                "at-0.m4s",
                "at-0.webm",
                "black.mp4",
            ],
        }
    }

    fn config(&self, token: &str, thorough: bool) -> String {
        let mut text = format!(
            "request-timeout = 30\nmax-stream-events = 2\ncontinue-on-failure = true\n\
             [auth.openapi.bearer]\nbearer = {}\n",
            json!(token)
        );
        for (name, values) in [
            ("recordings", json!(self.recordings)),
            ("participants", json!(self.participants)),
            ("peers", json!(self.peers)),
            ("tracks", json!(self.tracks)),
            ("files", json!(self.files)),
        ] {
            writeln!(text, "[dictionaries.{name}]\nvalues = {values}").expect("a text grows");
        }
        text.push_str("[parameters]\n");
        for (place, name) in [
            ("path.id", "recordings"),
            ("path.track", "tracks"),
            ("path.file", "files"),
            ("path.participant", "peers"),
            ("query.participant", "participants"),
            ("query.recording", "recordings"),
            ("query.track", "tracks"),
        ] {
            writeln!(text, "\"{place}\" = {{ dictionary = \"{name}\", probability = 0.8 }}")
                .expect("it grows");
        }
        for operation in MAY_BE_UNAVAILABLE {
            let more = match operation {
                // It never ends by itself.
                "listenToEvents" | "listenToViewers" | "listenToViewersOfRecording" => {
                    "request-timeout = 0.5\nmax-stream-events = 1"
                }
                // One by the bridge waits ten seconds for an application.
                "startRecording" if !thorough => "phases.coverage.enabled = false",
                _ => "",
            };
            writeln!(
                text,
                "[[operations]]\ninclude-operation-id = \"{operation}\"\n{more}\n\
                 [operations.checks.not_a_server_error]\nexpected-statuses = [\"2xx\", \"3xx\", \"4xx\", \"503\"]"
            )
            .expect("it grows");
        }
        text
    }
}

/// Runs it; its report, and whether it found nothing.
pub async fn ask(recorder: &Recorder, known: &Known, asking: &Asking<'_>, folder: &Path) -> (bool, String) {
    let config = folder.join(format!("schemathesis-{}.toml", asking.role));
    std::fs::write(&config, known.config(&token_of(asking.user, asking.role), asking.thorough))
        .expect("the configuration is written");
    // One worker: with several, Python 3.11 at times breaks in its own parser ("AST constructor recursion depth mismatch").
    let mut command = Command::new(program());
    command
        .arg("--config-file")
        .arg(&config)
        .args(["run", &format!("{}/openapi.json", recorder.url), "--no-color", "--seed", "1"])
        .args(["--phases", "examples,coverage,fuzzing", "--generation-database", "none"])
        .args([
            "--exclude-checks",
            if asking.strangers {
                "positive_data_acceptance"
            } else {
                "positive_data_acceptance,ignored_auth"
            },
            "--max-examples",
            &asking.examples.to_string(),
        ]);
    for id in asking.only {
        command.args(["--include-operation-id", id]);
    }
    for id in asking.except {
        command.args(["--exclude-operation-id", id]);
    }
    let output = command.current_dir(folder).stdin(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(asking.limit, output).await.expect("schemathesis ends in time");
    let output = output.expect("schemathesis runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// `make` names it; else it lies where `make` puts it.
fn program() -> PathBuf {
    let named = std::env::var_os("SCHEMATHESIS").map(PathBuf::from);
    let program = named.unwrap_or_else(|| {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
        cache.unwrap_or_default().join("tureen/schemathesis/bin/schemathesis")
    });
    assert!(program.exists(), "install it first: make schemathesis ({})", program.display());
    program
}
