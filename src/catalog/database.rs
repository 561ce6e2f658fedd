//! Opening either database, and where the two differ.

use super::row::Transaction;
use super::{Catalog, Error};
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnectOptions;
use std::path::Path;
use std::str::FromStr;
use tokio::sync::watch;

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");

/// Connections that read.
const SQLITE_READERS: u32 = 4;

/// What each connection to SQLite is told first. A commit that returned is durable. Of pages, 256 KiB are kept: with
/// SQLite's own 2 MiB, five caches would grow for hours of recording; what is not kept here lies in the operating
/// system's cache.
const SQLITE_SESSION: &str =
    "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON; PRAGMA cache_size = -256;";

/// Which database it is, where that makes a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
}

impl Dialect {
    /// How a transaction that writes begins. One of SQLite that read first and writes later may be refused at that
    /// moment, whatever it waits.
    fn begin(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
        }
    }
}

impl Catalog {
    /// Opens the database at `url`, such as `sqlite:recordings/tureen.db`, makes it if it is missing, and migrates it.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for another kind of database, [`Error::Open`] and [`Error::Migrate`].
    pub async fn open(url: &str) -> Result<Self, Error> {
        sqlx::any::install_default_drivers();
        match url.split(':').next().unwrap_or_default() {
            "sqlite" => Self::open_sqlite(url).await,
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
        Ok(Self { writer, reader, dialect: Dialect::Sqlite, events: watch::Sender::new(0) })
    }

    /// A transaction that writes.
    pub(super) async fn begin(&self) -> Result<Transaction, Error> {
        Ok(self.writer.begin_with(self.dialect.begin()).await?)
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
