//! Recording: from a room's events and packets to stored fragments and rows.
//!
//! ```text
//! peer --packets--> actor --> recording (pure) --> track (pure) --> actions
//! room --events---> actor                                            |
//!                                              writer <--bounded queue
//! ```
//!
//! [`stream`] and [`track`] turn packets into what must be stored, [`layers`] keeps those of one picture together;
//! [`recording`] knows who is there; [`actor`] pumps;
//! [`writer`] stores in order; [`attach`] joins rooms; [`auto`] begins with rooms that wish it; [`supervisor`] starts and stops recordings; [`recovery`] brings back what a killed
//! process left.

mod actor;
pub mod attach;
pub mod auto;
mod gap;
#[cfg(test)]
mod gap_tests;
pub mod integrity;
pub mod layers;
mod output;
pub mod progress;
pub mod record;
mod recording;
#[cfg(test)]
mod recording_tests;
pub mod recovery;
#[cfg(test)]
mod simulation;
pub mod stream;
pub mod supervisor;
#[cfg(test)]
mod testing;
pub mod track;
#[cfg(test)]
mod track_properties;
#[cfg(test)]
mod track_tests;
mod writer;

pub use attach::SourceSpec;
pub use supervisor::{Error, StartRequest, Started, Stopped, Supervisor};
