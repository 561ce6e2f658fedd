//! Tables of playback analytics: raw events, which are only added, and the numbers of the viewing sessions that they make.
//!
//! An event is kept and counted in one transaction, in which its session's row is locked. So the numbers are always those
//! of the events that are there, whichever processes they came by. What they are is known to [`crate::analytics`].

mod across;
mod append;
mod bulk;
mod erase;
mod filter;
mod freshen;
mod gather;
mod history;
mod live;
mod page;
mod rebuild;
mod refold;
mod row;
mod salts;
mod shares;
mod stale;
mod together;
mod totals;

pub use across::{ViewCursor, ViewFilter, ViewGroup, ViewGrouping, ViewOrder, ViewPage};
pub use append::{Appended, Basis, Folded, MOST_VIEW_EVENTS, NewViews};
pub(super) use erase::erase_from_viewing;
pub use filter::{ViewingFilter, ViewingSums};
pub use freshen::Whole;
pub use gather::{Arrived, ViewGather};
pub use history::{HistoryCursor, HistoryFilter, HistoryPage, Watched};
pub use live::LiveViewings;
pub use page::{ViewingCursor, ViewingPage, ViewingSelection};
pub use row::{Viewing, ViewingNumbers, Watcher};
pub use shares::{MOST_SHARES_TOLD, ViewingPart, ViewingShares};
pub use totals::{ViewStartup, ViewSums, ViewTotals};

#[cfg(test)]
mod across_tests;
#[cfg(test)]
mod gather_tests;
#[cfg(test)]
mod lists_tests;
#[cfg(test)]
mod random_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod totals_tests;
