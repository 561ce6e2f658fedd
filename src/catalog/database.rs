//! Opening either database, and where the two differ.

use super::generations::Generations;
use super::kept::Kept;
use super::row::{Connection, Transaction};
use super::statement::sql;
use super::{Catalog, Error};
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// Connections that read.
const SQLITE_READERS: u32 = 4;
/// Connections to PostgreSQL, unless it is said how many.
pub const POSTGRES_CONNECTIONS: u32 = 10;
/// Who waits longer for a connection is told that the database does not answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How soon a process sees events that another one wrote.
const LOOK_FOR_EVENTS: Duration = Duration::from_secs(1);

/// What each connection to SQLite is told first. A commit that returned is durable. Of pages, 256 KiB are kept: with
/// SQLite's own 2 MiB, five caches would grow for hours of recording; what is not kept here lies in the operating
/// system's cache.
const SQLITE_SESSION: &str =
    "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON; PRAGMA cache_size = -256;";

/// What each connection to PostgreSQL is told first. Nothing waits for ever, and nobody holds a lock and does nothing. A
/// commit that returned is durable, unless the server itself is set not to care (`fsync`).
const POSTGRES_SESSION: &str = "SET statement_timeout = '60s'; SET lock_timeout = '20s';
    SET idle_in_transaction_session_timeout = '60s';
    SELECT set_config('synchronous_commit', 'on', FALSE) WHERE current_setting('synchronous_commit') = 'off';";

/// What a URL of PostgreSQL may say behind its `?`. sqlx would log others with their values, passwords among them.
const POSTGRES_PARAMETERS: [&str; 17] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
];

/// The lock of who appends events: positions become visible in their order.
const APPENDING: i64 = 0x7475_7265_656e;
/// The lock of who changes viewing sessions.
const VIEWING: i64 = 0x7669_6577;

/// Which database it is, where that makes a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    fn of(connection: &Connection) -> Self {
        if connection.backend_name() == "PostgreSQL" { Self::Postgres } else { Self::Sqlite }
    }

    /// How a transaction that writes begins. One of SQLite that read first and writes later may be refused at that
    /// moment, however long it would wait.
    fn begin(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }
}

/// Until this transaction ends, no other one in any process goes on that asks for the same: those who append events, and
/// deliveries of them, do it in the order in which their commits become visible. PostgreSQL takes a number from a sequence
/// when a row is written, and shows the row when its transaction commits: without this a reader by position could pass a
/// position whose row comes later, and would never see it. It releases the lock after the commit is visible. SQLite has one
/// writer.
pub(super) async fn in_order(change: &mut Connection) -> Result<(), Error> {
    if Dialect::of(change) == Dialect::Postgres {
        sql("SELECT pg_advisory_xact_lock($1)").bind(APPENDING).execute(change).await?;
    }
    Ok(())
}

/// Until this transaction ends, no other one in any process goes on that changes viewing sessions: all of them change the
/// sums of the same days, and would wait there for each other in whatever order they come. Whoever also asks for [`in_order`]
/// asks for this before.
pub(super) async fn one_by_one(change: &mut Connection) -> Result<(), Error> {
    if Dialect::of(change) == Dialect::Postgres {
        sql("SELECT pg_advisory_xact_lock($1)").bind(VIEWING).execute(change).await?;
    }
    Ok(())
}

impl Catalog {
    /// Opens the database at `url`, such as `sqlite:recordings/tureen.db` or `postgres://user:password@host/database`, and
    /// migrates it. A SQLite file that is missing is made.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for another kind of database, [`Error::Open`] and [`Error::Migrate`]. None of them tells the
    /// URL, which may hold a password.
    pub async fn open(url: &str) -> Result<Self, Error> {
        Self::open_with(url, POSTGRES_CONNECTIONS).await
    }

    /// The same, with at most so many connections, if it is PostgreSQL; at least two.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_with(url: &str, connections: u32) -> Result<Self, Error> {
        sqlx::any::install_default_drivers();
        match url.split(':').next().unwrap_or_default() {
            "sqlite" => Self::open_sqlite(url).await,
            "postgres" | "postgresql" => Self::open_postgres(url, connections.max(2)).await,
            scheme => Err(Error::Unsupported { scheme: scheme.to_owned() }),
        }
    }

    async fn open_sqlite(url: &str) -> Result<Self, Error> {
        let open = |source| Error::Open { source };
        let in_memory = url.contains(":memory:") || url.contains("mode=memory");
        let options = if in_memory { url.parse() } else { file(url).await }.map_err(open)?;
        // All writes pass through one connection, where they queue in order instead of polling SQLite's lock.
        let writer = sqlite_pool(1).connect_with(options.clone()).await.map_err(open)?;
        SQLITE.run(&writer).await?;
        // A database in memory belongs to its one connection.
        let reader = if in_memory {
            writer.clone()
        } else {
            sqlite_pool(SQLITE_READERS).connect_with(options).await.map_err(open)?
        };
        let (dialect, events) = (Dialect::Sqlite, watch::Sender::new(0));
        Ok(Self {
            writer,
            reader,
            dialect,
            identity: Arc::default(),
            events,
            generations: Generations::default(),
            kept: Kept::default(),
        })
    }

    async fn open_postgres(url: &str, connections: u32) -> Result<Self, Error> {
        let open = |source| Error::Open { source };
        let options = server(url).map_err(open)?;
        // One process migrates at a time, and takes what time it needs.
        let mut first = options.connect().await.map_err(open)?;
        POSTGRES.run(&mut first).await?;
        first.close().await.map_err(open)?;
        let pool = AnyPoolOptions::new().max_connections(connections).min_connections(1);
        let pool = pool.acquire_timeout(PATIENCE).after_connect(|connection, _| {
            Box::pin(async move {
                sqlx::raw_sql(POSTGRES_SESSION).execute(connection).await?;
                Ok(())
            })
        });
        let writer = pool.connect_with(options).await.map_err(open)?;
        let (reader, dialect, events) = (writer.clone(), Dialect::Postgres, watch::Sender::new(0));
        let (generations, kept) = (Generations::default(), Kept::default());
        let catalog = Self { writer, reader, dialect, identity: Arc::default(), events, generations, kept };
        tokio::spawn(catalog.clone().look_for_events());
        Ok(catalog)
    }

    /// Other processes may write to it too.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.dialect == Dialect::Postgres
    }

    /// A transaction that writes.
    pub(super) async fn begin(&self) -> Result<Transaction, Error> {
        Ok(self.writer.begin_with(self.dialect.begin()).await?)
    }

    /// Wakes those who wait for events when another process wrote some, until the catalogue is closed.
    async fn look_for_events(self) {
        let mut seen = self.newest_event().await.unwrap_or_default();
        while !self.reader.is_closed() {
            tokio::time::sleep(LOOK_FOR_EVENTS).await;
            // While the database does not answer there is nothing to wake anybody for.
            let Ok(newest) = self.newest_event().await else { continue };
            if newest > seen {
                self.events.send_modify(|_| {});
            }
            seen = newest;
        }
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`Error::Database`] when it does not.
    pub async fn ping(&self) -> Result<(), Error> {
        sql("SELECT 1").execute(&self.reader).await?;
        Ok(())
    }

    /// Waits for running statements and closes.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }
}

fn sqlite_pool(most: u32) -> AnyPoolOptions {
    // Connections are kept: each has a thread, and another one instead of it would only cost memory.
    let pool = AnyPoolOptions::new().max_connections(most).idle_timeout(None).max_lifetime(None);
    pool.after_connect(|connection, _| {
        Box::pin(async move {
            sqlx::raw_sql(SQLITE_SESSION).execute(connection).await?;
            Ok(())
        })
    })
}

/// How to open the file that a URL names, which is made when it is missing, with its folder. `Any` reads a URL by the
/// rules of URLs, which take the first folder of a relative path for a host; so it is given the whole path.
async fn file(url: &str) -> Result<AnyConnectOptions, sqlx::Error> {
    let named = SqliteConnectOptions::from_str(url)?;
    let path = named.get_filename();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    tokio::fs::create_dir_all(folder).await?;
    let folder = tokio::fs::canonicalize(folder).await?;
    let whole = path.file_name().map(|name| folder.join(name)).unwrap_or(folder);
    let whole = whole.to_str().ok_or_else(|| sqlx::Error::Configuration("the path is not UTF-8".into()))?;
    let mut options: AnyConnectOptions = "sqlite:///".parse()?;
    options.database_url.set_path(&whole.replace('%', "%25"));
    let query = url.split_once('?').map(|(_, query)| query).unwrap_or_default();
    let query = if query.contains("mode=") { query.to_owned() } else { format!("{query}&mode=rwc") };
    options.database_url.set_query(Some(query.trim_start_matches('&')));
    Ok(options)
}

/// How to reach the server that a URL names.
fn server(url: &str) -> Result<AnyConnectOptions, sqlx::Error> {
    let mut options: AnyConnectOptions = url.parse()?;
    let mut named = false;
    for (name, _) in options.database_url.query_pairs() {
        let known = POSTGRES_PARAMETERS.iter().any(|known| *known == name)
            || name == "options"
            || name.starts_with("options[");
        if !known {
            return Err(sqlx::Error::Configuration(
                format!("DATABASE_URL has an unknown parameter '{name}'").into(),
            ));
        }
        named |= name == "application_name";
    }
    if !named {
        options.database_url.query_pairs_mut().append_pair("application_name", "tureen");
    }
    Ok(options)
}
