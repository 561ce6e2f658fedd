//! RTP timestamps to ticks on the recording's timeline: [`unwrap`] makes 32 bits endless, [`anchor`] finds where a
//! stream's first tick lies on the clock that all tracks of a recording share, and [`sync`] keeps it there: by what
//! senders say of their clocks ([`reference`](mod@reference)), else by what arrival shows ([`least`]). [`grid`] gives
//! the layers of one picture equal ticks.

pub mod anchor;
pub mod grid;
pub mod least;
pub mod reference;
pub mod sync;
pub mod unwrap;
