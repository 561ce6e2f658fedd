//! Tables of the audit: rows that are only added, the chains they are in, signed heads, what is open, and sums by day.
//!
//! What the rows mean is known to [`crate::audit`], which alone writes them. Triggers of the database refuse to change
//! and to remove; the two ways that may are in [`erase`] and [`retention`].

mod append;
mod chains;
mod erase;
mod filter;
mod groups;
mod page;
mod read;
mod retention;
mod row;
mod sums;

pub use append::AuditBatch;
pub use chains::{AuditTip, ChainNumber};
pub use erase::PersonRow;
pub use filter::{AuditCursor, AuditFilter};
pub use groups::{AuditGroup, AuditGrouping};
pub use page::{AuditPage, Stored};
pub use row::{AuditChain, AuditHead, AuditRow};
