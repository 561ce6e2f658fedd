//! What the end-to-end tests, the demo and the benches share: the `tureen` program as a child process, its API, what
//! it stored, and other people's readers of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc
)]

pub mod application;
pub mod browser;
pub mod compare;
pub mod conformance;
pub mod descriptions;
pub mod latency;
pub mod matrix;
pub mod offset;
pub mod postgres;
pub mod readers;
pub mod receiver;
pub mod recorder;
pub mod schemathesis;
pub mod stage;
pub mod stored;
pub mod wait;
