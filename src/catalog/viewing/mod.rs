//! Tables of playback analytics: raw events, which are only added, and the numbers of the viewing sessions that they make.
//!
//! An event is kept and counted in one transaction, in which its session's row is locked. So the numbers are always those
//! of the events that are there, whichever processes they came by. What they are is known to [`crate::analytics`].

mod append;
mod erase;
mod filter;
mod gather;
mod refold;
mod row;
mod salts;
mod together;

pub use append::{Appended, Basis, Folded, MOST_VIEW_EVENTS, NewViews};
pub(super) use erase::erase_from_viewing;
pub use filter::{ViewingFilter, ViewingSums};
pub use gather::{Arrived, ViewGather};
pub use row::{Viewing, ViewingNumbers, Watcher};

#[cfg(test)]
mod gather_tests;
#[cfg(test)]
mod random_tests;
#[cfg(test)]
mod tests;
