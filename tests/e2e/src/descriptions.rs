//! The media presentation descriptions that tests are served, kept for `make check-mpd`: the schema of ISO/IEC 23009-1 is not
//! ours to keep, so whoever has it brings it.

use crate::recorder::Recorder;
use crate::stage::tracks_of;
use serde_json::Value;
use std::path::PathBuf;

/// Writes the description of each presentation into the folder that `MPD_DIR` names, if it names one. `name` says what is
/// shown, and belongs to the files' names.
///
/// # Panics
/// If a description is not served, or cannot be written.
pub async fn keep(recorder: &Recorder, id: &str, name: &str) {
    let Some(folder) = std::env::var_os("MPD_DIR").map(PathBuf::from) else { return };
    std::fs::create_dir_all(&folder).expect("a folder");
    for query in presentations(&recorder.manifest(id).await) {
        let text = recorder.get(&format!("/api/v1/recordings/{id}/stream/manifest.mpd?{query}")).await;
        let which = query.replace(['=', '&'], "-");
        std::fs::write(folder.join(format!("{name}-{which}.mpd")), &text).expect("a file");
    }
}

/// What a playlist or a description is asked for: each participant, and each screen that one of them shares.
///
/// # Panics
/// If the manifest is none.
#[must_use]
pub fn presentations(manifest: &Value) -> Vec<String> {
    let mut queries = Vec::new();
    for participant in manifest["participants"].as_array().into_iter().flatten() {
        let own = format!("participant={}", participant["id"].as_str().expect("a participant has an id"));
        let tracks = tracks_of(participant);
        let shares = tracks.iter().any(|track| track["kind"] == "video" && track["source"] == "screen");
        queries.extend(shares.then(|| format!("{own}&source=screen")));
        queries.push(own);
    }
    queries
}
