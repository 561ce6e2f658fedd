//! End to end: a real mediasoup room, the `tureen` program, and other people's readers of what it made.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod attach;
mod bad_input;
mod bridge;
mod catalog;
mod conformance;
mod crash;
mod dash;
mod download;
mod drivers;
mod events;
mod exact;
mod gaps;
mod layers;
mod limits;
mod live;
mod loss;
mod memory;
mod openapi;
mod path;
mod players;
mod rotation;
mod segments;
mod sync;
mod tls;
mod two_participants;
mod views;
