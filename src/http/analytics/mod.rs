//! Playback analytics: what players tell, and the numbers that are made of it (`docs/analytics.md`).

pub(super) mod across;
pub(super) mod cmcd;
pub(super) mod cmcd_reports;
pub(super) mod erase;
pub(super) mod history;
mod inbox;
pub(super) mod live;
pub(super) mod of_recording;
mod polled;
pub(super) mod progress;
pub(super) mod sessions;
mod views;
mod who;

pub use inbox::{HOLD, Inbox};
pub(super) use views::OUTCOMES;
pub use views::Views;
