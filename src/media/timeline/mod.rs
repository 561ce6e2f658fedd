//! RTP timestamps to ticks on the recording's timeline.

pub mod unwrap;
