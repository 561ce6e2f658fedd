//! Playback analytics: what players tell, and the numbers that are made of it (`docs/analytics.md`).

pub(super) mod cmcd;
pub(super) mod cmcd_reports;
pub(super) mod erase;
mod inbox;
pub(super) mod of_recording;
pub(super) mod progress;
mod views;
mod who;

pub use inbox::{HOLD, Inbox};
pub(super) use views::OUTCOMES;
pub use views::Views;
