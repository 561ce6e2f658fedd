use crate::id::{RecordingId, TrackId};
use std::fmt;
use std::path::{Path, PathBuf};

/// The folder of all recordings below the store's root.
pub(super) const RECORDINGS: &str = "recordings";

/// The name of a stored file: `recordings/{recording}/{track}.mp4` or `.idx`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    recording: RecordingId,
    track: TrackId,
    part: Part,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Part {
    Media,
    Index,
}

impl Key {
    /// The init segments and fragments of a track.
    #[must_use]
    pub fn media(recording: RecordingId, track: TrackId) -> Self {
        Self { recording, track, part: Part::Media }
    }

    /// The sample index of a track.
    #[must_use]
    pub fn index(recording: RecordingId, track: TrackId) -> Self {
        Self { recording, track, part: Part::Index }
    }

    pub(super) fn folder(self, root: &Path) -> PathBuf {
        folder(self.recording, root)
    }

    pub(super) fn path(self, root: &Path) -> PathBuf {
        let extension = match self.part {
            Part::Media => "mp4",
            Part::Index => "idx",
        };
        self.folder(root).join(format!("{}.{extension}", self.track))
    }
}

pub(super) fn folder(recording: RecordingId, root: &Path) -> PathBuf {
    root.join(RECORDINGS).join(recording.to_string())
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path(Path::new("")).display().fmt(f)
    }
}
