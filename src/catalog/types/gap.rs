//! Where a track has nothing.

use crate::id::TrackId;
use crate::time::Ticks;
use serde::Serialize;

/// Why nothing came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// It was not sent: camera or microphone off, producer paused or gone.
    Off,
    /// It should have come and did not, or could not be decoded.
    Loss,
    /// The recording was paused, and its sender has not begun again yet.
    Pause,
}

impl Cause {
    /// As the tables and the API write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Loss => "loss",
            Self::Pause => "pause",
        }
    }

    /// From its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Off, Self::Loss, Self::Pause].into_iter().find(|cause| cause.name() == name)
    }
}

/// What is shown where nothing came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Shown {
    /// A black picture.
    Black,
    /// The key frame next to the gap again.
    Still,
    /// Coded silence.
    Silence,
}

impl Shown {
    /// As the tables and the API write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Black => "black",
            Self::Still => "still",
            Self::Silence => "silence",
        }
    }

    /// From its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Black, Self::Still, Self::Silence].into_iter().find(|shown| shown.name() == name)
    }
}

/// A stretch of a track in which nothing came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The track.
    pub track: TrackId,
    /// From 0 in each track.
    pub number: u32,
    /// The segment before it.
    pub after: u32,
    /// Why.
    pub cause: Cause,
    /// What fills it.
    pub shown: Shown,
    /// First tick without media.
    pub start: Ticks,
    /// Its length; of an open gap as far as it is sure that nothing will come any more.
    pub duration: Ticks,
    /// It goes on.
    pub open: bool,
    /// From where on it is filled with what is shown, in microseconds of the timeline; before that with what was shown in
    /// front of it. There the sound of the same participant is cut: it was listed no further when this was told.
    pub listed_micros: i64,
}
