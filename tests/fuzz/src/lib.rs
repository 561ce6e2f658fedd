//! Fuzz targets: whatever comes from the network or lies in a file, nothing panics, hangs or allocates without bound
//! (failure 34), and what is stored stays true to its own rules.
//!
//! The recorder's sources are compiled here a second time, by path: they are pure, so this crate is small enough to be
//! instrumented as a whole, dependencies included, and it sees modules that the library keeps to itself. `run.sh`
//! builds and runs it; `make fuzz` calls that.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    clippy::indexing_slicing,
    reason = "parts of other crates"
)]

mod catalog;
#[path = "../../sfu/src/fixture/mod.rs"]
mod fixture;
#[path = "../../../src/id.rs"]
mod id;
#[path = "../../../src/media/mod.rs"]
mod media;
mod recorder;
#[path = "../../sfu/src/rtp/mod.rs"]
mod rtp;
#[path = "../../../src/session/mod.rs"]
mod session;
mod sfu;
mod signalling;
pub mod target;
#[path = "../../../src/time.rs"]
mod time;
