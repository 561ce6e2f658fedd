//! Rows about recordings: who, when, which tracks, and where in the stored files each segment lies.
//!
//! Only this module knows SQL. One text serves SQLite and PostgreSQL ([`statement::sql`]): `$1` arguments, `CAST`, times as
//! BIGINT microseconds UTC, identifiers and JSON as text, sums cast to BIGINT. sqlx's `Any` driver carries it; what it asks
//! for is in `docs/design/dependencies.md`. A change of several rows is a transaction of [`Catalog::begin`]. A row about
//! bytes is written after the bytes it names are durable (`docs/design/storage.md`), so what the catalogue promises is there.
//!
//! SQLite runs in WAL mode, where readers never wait for the writer, with `synchronous=FULL`: a commit that returned
//! survives a power cut. NORMAL would be quicker by one sync per commit, but could bring back rows whose files a
//! permanent delete had already removed, and there is only one commit per closed segment.

mod audit;
mod change;
mod database;
mod ended_by;
mod erase;
mod error;
mod event_kind;
mod events;
mod gaps;
mod garbage;
mod generations;
mod kept;
mod list;
mod participants;
mod recorders;
mod recordings;
mod repeat;
mod row;
mod segments;
mod sharing;
mod statement;
mod states;
mod tracks;
mod turns;
mod types;
mod viewer;
mod viewing;
mod webhooks;

pub use audit::{
    AuditBatch, AuditChain, AuditCursor, AuditFilter, AuditGroup, AuditGrouping, AuditHead, AuditPage,
    AuditRow, AuditTip, ChainNumber, PersonRow, Stored,
};
pub use change::Change;
pub use database::POSTGRES_CONNECTIONS;
pub use ended_by::EndedBy;
pub use erase::Erased;
pub use error::Error;
pub use event_kind::EventKind;
pub use events::{Event, EventFilter, NewEvent};
pub use garbage::Garbage;
pub use list::{Cursor, Filter, NotACursor, Page, Total};
pub use recorders::Watch;
pub use repeat::{DeadFilter, Replay};
pub use sharing::{MOST_SHARES, NewShare, Share, Shared, Standing, With};
pub use types::{
    Cause, Finish, Gap, Names, NewParticipant, NewRecording, NewRun, NewSegment, NewTarget, NewTrack,
    PartTarget, Participant, Pause, Recording, Run, Segment, Shown, Status, Totals, Track, Turn,
};
pub use viewer::Viewer;
pub use viewing::{
    Appended, Arrived, Basis, Folded, HistoryCursor, HistoryFilter, HistoryPage, LiveViewings,
    MOST_SHARES_TOLD, MOST_VIEW_EVENTS, NewViews, ViewCursor, ViewFilter, ViewGather, ViewGroup,
    ViewGrouping, ViewOrder, ViewPage, ViewStartup, ViewSums, ViewTotals, Viewing, ViewingCursor,
    ViewingFilter, ViewingNumbers, ViewingPage, ViewingPart, ViewingSelection, ViewingShares, ViewingSums,
    Watched, Watcher, Whole,
};
pub use webhooks::{Delivery, Failure};

use database::Dialect;
use generations::Generations;
use kept::Kept;
use recorders::Identity;
use sqlx::AnyPool;
use std::sync::{Arc, OnceLock};
use tokio::sync::watch;

/// The rows.
#[derive(Clone, Debug)]
pub struct Catalog {
    writer: AnyPool,
    reader: AnyPool,
    dialect: Dialect,
    /// Which process this is, once it is enrolled.
    identity: Arc<OnceLock<Identity>>,
    /// Counts events that were written.
    events: watch::Sender<u64>,
    generations: Generations,
    kept: Kept,
}

#[cfg(test)]
mod alike_tests;
#[cfg(test)]
mod database_tests;
#[cfg(test)]
mod erase_tests;
#[cfg(test)]
mod events_tests;
#[cfg(test)]
mod kept_tests;
#[cfg(test)]
mod shared_tests;
#[cfg(test)]
mod statements_tests;
#[cfg(test)]
mod states_tests;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
