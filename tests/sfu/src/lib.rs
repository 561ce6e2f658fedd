//! A real mediasoup to test against, in process.
//!
//! [`Sfu`] runs mediasoup's worker with one UDP port for media and speaks the signalling of
//! mediasoup-demo in either of its dialects. A [`Room`] can bring in participants that publish the
//! repository's fixtures by themselves ([`Room::publish`]) and tells what they sent, hashed unit by unit.
//!
//! This is a test tool: it panics where a test should stop.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod bridge;
mod control;
pub mod fixture;
mod forward;
mod hostile;
mod http;
mod protoo;
mod publish;
pub mod relay;
mod room;
pub mod rtp;
mod sfu;

pub use fixture::{Codec, Fixture};
pub use forward::{PlainFeed, Ports, Tap};
pub use hostile::{Hostile, Malice};
pub use http::Resuming;
pub use mediasoup::prelude::MediaKind;
pub use protoo::Dialect;
pub use publish::{KeyFrames, Ledger, Publish, Publisher, Reports, SentFrame};
pub use relay::Relay;
pub use room::{Consumed, Room};
pub use rtp::Vp9Mode;
pub use sfu::{Options, Sfu};
