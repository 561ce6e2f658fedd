//! The media presentation descriptions that tests are served, kept for `make check-mpd`: the schema of ISO/IEC 23009-1 is not
//! ours to keep, so whoever has it brings it.

use crate::recorder::Recorder;
use std::path::PathBuf;

/// Writes the description of each participant into the folder that `MPD_DIR` names, if it names one. `name` says what is
/// shown, and belongs to the files' names.
///
/// # Panics
/// If a description is not served, or cannot be written.
pub async fn keep(recorder: &Recorder, id: &str, name: &str) {
    let Some(folder) = std::env::var_os("MPD_DIR").map(PathBuf::from) else { return };
    std::fs::create_dir_all(&folder).expect("a folder");
    let manifest = recorder.manifest(id).await;
    for participant in manifest["participants"].as_array().into_iter().flatten() {
        let who = participant["id"].as_str().expect("a participant has an id");
        let path = format!("/api/v1/recordings/{id}/stream/manifest.mpd?participant={who}");
        let text = recorder.get(&path).await;
        std::fs::write(folder.join(format!("{name}-{who}.mpd")), &text).expect("a file");
    }
}
