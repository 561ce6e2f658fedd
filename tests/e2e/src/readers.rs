//! Other people's readers of what we made: FFmpeg, mp4box.js, hls.js in Chromium.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository's root.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// ffprobe's view of a file or URL: streams with the packets counted.
#[must_use]
pub fn ffprobe(input: &str, options: &[&str]) -> Value {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-count_packets", "-show_streams", "-show_format", "-of", "json"])
        .args(options)
        .arg(input)
        .output()
        .expect("ffprobe runs");
    assert!(output.status.success(), "ffprobe {input}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What FFmpeg complains of when it decodes everything; empty when all is well.
#[must_use]
pub fn ffmpeg_complaints(input: &str, options: &[&str]) -> String {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin"])
        .args(options)
        // Times as they are: FFmpeg would round them to a rate that it guesses, which a still of half a second misleads.
        .args(["-i", input, "-fps_mode", "passthrough", "-enc_time_base:v", "-1", "-f", "null", "-"])
        .output()
        .expect("ffmpeg runs");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs a script of `tests/browser` and returns the JSON line it prints.
pub async fn script(name: &str, arguments: &[&str]) -> Value {
    let folder = root().join("tests/browser");
    let output = tokio::process::Command::new("node")
        .arg(folder.join(name))
        .args(arguments)
        .current_dir(&folder)
        .kill_on_drop(true)
        .output()
        .await
        .expect("node runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{name} {arguments:?}: {text} {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let line = text.lines().last().unwrap_or_else(|| panic!("{name} prints a line"));
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{name}: {error}: {line}"))
}
