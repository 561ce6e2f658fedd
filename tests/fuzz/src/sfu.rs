//! What happens in a room, without the drivers that tell it.

#[path = "../../../src/sfu/event.rs"]
mod event;

pub use event::*;
