//! Webhooks: tells applications of events, at least once and in order, by the conventions of Standard Webhooks
//! (<https://www.standardwebhooks.com>).
//!
//! A delivery is a row that is written with its event, so nothing is lost between the two and a restart loses nothing.
//! Deliveries of one recording to one target go one after another: one that fails holds up those behind it until it is
//! delivered or given up. [`schedule`] says when the next attempt is; [`attempt`] makes it; [`post`] picks what is due.

mod attempt;
mod post;
pub mod schedule;
pub mod target;

pub use post::{Config, Office, Stats};

#[cfg(test)]
mod tests;
