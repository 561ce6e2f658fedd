//! RTP timestamps to ticks on the recording's timeline: [`unwrap`] makes 32 bits endless, [`anchor`] finds where a
//! stream's first tick lies on the clock that all tracks of a recording share.

pub mod anchor;
pub mod grid;
pub mod unwrap;
