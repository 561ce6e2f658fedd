//! Recording: from a room's events and packets to stored fragments and rows.
//!
//! ```text
//! peer --packets--> actor --> recording (pure) --> track (pure) --> actions
//! room --events---> actor                                            |
//!                                              writer <--bounded queue
//! ```
//!
//! [`stream`] and [`track`] turn packets into what must be stored, [`layers`] keeps those of one picture together;
//! [`recording`] knows who is there; [`actor`] pumps, and tells rooms by way of an [`outbox`];
//! [`writer`] stores in order; [`attach`] joins rooms; [`auto`] begins with rooms that wish it; [`supervisor`] starts and stops recordings; [`recovery`] brings back what a killed
//! process left, [`adopt`] goes on with it.

mod actor;
#[cfg(test)]
mod actor_tests;
pub mod adopt;
pub mod attach;
pub mod auto;
mod beside;
#[cfg(test)]
mod bounds_tests;
mod ending;
mod error;
mod gap;
#[cfg(test)]
mod gap_tests;
pub mod integrity;
pub mod layers;
mod link;
#[cfg(test)]
mod link_tests;
mod outbox;
mod output;
#[cfg(test)]
mod pause_tests;
pub mod progress;
pub mod record;
mod recording;
#[cfg(test)]
mod recording_tests;
pub mod recovery;
pub mod removal;
pub mod request;
pub mod rules;
mod silence;
#[cfg(test)]
mod simulation;
pub mod stream;
pub mod supervisor;
mod tell;
#[cfg(test)]
mod testing;
pub mod track;
#[cfg(test)]
mod track_properties;
#[cfg(test)]
mod track_tests;
mod unasked;
mod writer;

pub use attach::SourceSpec;
pub use error::Error;
pub use request::StartRequest;
pub use supervisor::{MOST_RUNNING, Means, Shutdown, Started, Stopped, Supervisor};
