//! Tables of playback analytics: raw events, which are only added, and the numbers of the viewing sessions that they make.
//!
//! An event is kept and counted in one transaction, in which its session's row is locked. So the numbers are always those
//! of the events that are there, whichever processes they came by. What they are is known to [`crate::analytics`].

mod append;
mod erase;
mod filter;
mod history;
mod live;
mod page;
mod refold;
mod row;
mod salts;
mod shares;

pub use append::{Appended, Basis, Folded, MOST_VIEW_EVENTS, NewViews};
pub(super) use erase::erase_from_viewing;
pub use filter::{ViewingFilter, ViewingSums};
pub use history::{HistoryCursor, HistoryFilter, HistoryPage, Watched};
pub use live::LiveViewings;
pub use page::{ViewingCursor, ViewingPage, ViewingSelection};
pub use row::{Viewing, ViewingNumbers, Watcher};
pub use shares::{MOST_SHARES_TOLD, ViewingPart, ViewingShares};

#[cfg(test)]
mod lists_tests;
#[cfg(test)]
mod random_tests;
#[cfg(test)]
mod tests;
