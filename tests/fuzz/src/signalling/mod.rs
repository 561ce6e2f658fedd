//! The parts of `sfu` that read messages, which it keeps to itself.

mod bridge;
pub mod protoo;
mod service;

// Where the dialect looks for them.
use crate::sfu::{Event, PeerInfo};
