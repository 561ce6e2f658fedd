//! The pure part of the recorder.

#[path = "../../../../src/recorder/gap.rs"]
mod gap;
#[path = "../../../../src/recorder/integrity.rs"]
pub mod integrity;
#[path = "../../../../src/recorder/layers.rs"]
pub mod layers;
#[path = "../../../../src/recorder/output.rs"]
mod output;
#[path = "../../../../src/recorder/stream.rs"]
pub mod stream;
#[path = "../../../../src/recorder/track.rs"]
pub mod track;
