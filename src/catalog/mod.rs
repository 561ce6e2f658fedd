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

mod change;
mod database;
mod ended_by;
mod error;
mod event_kind;
mod events;
mod gaps;
mod list;
mod participants;
mod recordings;
mod repeat;
mod row;
mod segments;
mod statement;
mod tracks;
mod turns;
mod types;
mod webhooks;

pub use change::Change;
pub use ended_by::EndedBy;
pub use error::Error;
pub use event_kind::EventKind;
pub use events::{Event, EventFilter, NewEvent};
pub use list::{Cursor, Filter, Page};
pub use repeat::{DeadFilter, Replay};
pub use types::{
    Cause, Finish, Gap, NewParticipant, NewRecording, NewRun, NewSegment, NewTarget, NewTrack, PartTarget,
    Participant, Pause, Recording, Run, Segment, Shown, Status, Totals, Track, Turn,
};
pub use webhooks::{Delivery, Failure};

use database::Dialect;
use sqlx::AnyPool;
use tokio::sync::watch;

/// The rows.
#[derive(Clone, Debug)]
pub struct Catalog {
    writer: AnyPool,
    reader: AnyPool,
    dialect: Dialect,
    /// Counts events that were written.
    events: watch::Sender<u64>,
}

#[cfg(test)]
mod database_tests;
#[cfg(test)]
mod events_tests;
#[cfg(test)]
mod tests;
