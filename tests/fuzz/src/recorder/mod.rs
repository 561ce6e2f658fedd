//! The pure part of the recorder.

#[path = "../../../../src/recorder/stream.rs"]
pub mod stream;
#[path = "../../../../src/recorder/track.rs"]
pub mod track;
