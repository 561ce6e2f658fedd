//! Tureen, a recording sidecar for mediasoup. See `docs/ARCHITECTURE.md` for the layers; `tests/architecture.rs`
//! keeps them.

pub mod analytics;
pub mod audit;
pub mod auth;
pub mod catalog;
pub mod cli;
pub mod clock;
pub mod config;
pub mod csv;
pub mod http;
pub mod id;
pub mod level;
pub mod live;
pub mod media;
pub mod peer;
pub mod playback;
pub mod reach;
pub mod recorder;
pub mod session;
pub mod sfu;
pub mod storage;
pub mod telemetry;
pub mod time;
pub mod webhook;
