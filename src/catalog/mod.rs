//! Rows about recordings: who, when, which tracks, and where in the stored files each segment lies.
//!
//! Only this module knows SQL. Statements keep to what SQLite and PostgreSQL both read: `$1` arguments, `CAST`, times as
//! BIGINT microseconds UTC, identifiers and JSON as text. A row about bytes is written after the bytes it names are
//! durable (`docs/design/storage.md`), so what the catalogue promises is there.
//!
//! SQLite runs in WAL mode, where readers never wait for the writer, with `synchronous=FULL`: a commit that returned
//! survives a power cut. NORMAL would be quicker by one sync per commit, but could bring back rows whose files a
//! permanent delete had already removed, and there is only one commit per closed segment. All writes pass through one
//! connection, where they queue in order instead of polling SQLite's lock.

mod change;
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

use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use std::str::FromStr;
use std::time::Duration;
use tokio::sync::watch;

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");

const READERS: u32 = 4;
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Pages that each connection keeps, in SQLite's notation for 256 KiB. With its 2 MiB, five caches would grow for hours
/// of recording; what is not kept here lies in the operating system's cache.
const PAGE_CACHE: &str = "-256";

/// The rows.
#[derive(Clone, Debug)]
pub struct Catalog {
    writer: SqlitePool,
    reader: SqlitePool,
    /// Counts events that were written.
    events: watch::Sender<u64>,
}

impl Catalog {
    /// Opens the database at `url`, such as `sqlite:recordings/tureen.db`, makes it if it is missing, and migrates it.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for another kind of database, [`Error::Open`] and [`Error::Migrate`].
    pub async fn open(url: &str) -> Result<Self, Error> {
        let scheme = url.split(':').next().unwrap_or_default();
        if scheme != "sqlite" {
            return Err(Error::Unsupported { scheme: scheme.to_owned() });
        }
        let open = |source| Error::Open { source };
        let options = SqliteConnectOptions::from_str(url)
            .map_err(open)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true)
            .pragma("cache_size", PAGE_CACHE);
        let in_memory = url.contains(":memory:") || url.contains("mode=memory");
        if !in_memory && let Some(folder) = options.get_filename().parent() {
            tokio::fs::create_dir_all(folder).await.map_err(|error| open(sqlx::Error::Io(error)))?;
        }
        // Connections are kept: each has a thread, and another one instead of it would only cost memory.
        let pool =
            |most| SqlitePoolOptions::new().max_connections(most).idle_timeout(None).max_lifetime(None);
        let writer = pool(1).connect_with(options.clone());
        let writer = writer.await.map_err(open)?;
        SQLITE.run(&writer).await?;
        // A database in memory belongs to its one connection.
        let reader = if in_memory {
            writer.clone()
        } else {
            pool(READERS).connect_with(options).await.map_err(open)?
        };
        Ok(Self { writer, reader, events: watch::Sender::new(0) })
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`Error::Database`] when it does not.
    pub async fn ping(&self) -> Result<(), Error> {
        sqlx::query("SELECT 1").execute(&self.reader).await?;
        Ok(())
    }

    /// Waits for running statements and closes.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }
}

#[cfg(test)]
mod events_tests;
#[cfg(test)]
mod tests;
