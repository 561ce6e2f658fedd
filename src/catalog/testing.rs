//! Each test of the catalogue on each database.
//!
//! `on_both![a, b]` makes of `async fn a(database: Database)` the tests `a::sqlite` and `a::postgres`. The PostgreSQL server
//! is this process's own (`tests/postgres.sh`) and ends with it; each test has a database of its own in it.

use super::Catalog;
use super::statement::sql;
use crate::id::TrackId;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use tempfile::TempDir;

macro_rules! on_both {
    ($($test:ident),+ $(,)?) => {$(
        mod $test {
            use crate::catalog::testing::Database;

            #[tokio::test]
            async fn sqlite() {
                super::$test(Database::sqlite()).await;
            }

            #[tokio::test]
            async fn postgres() {
                super::$test(Database::postgres().await).await;
            }
        }
    )+};
}
pub(crate) use on_both;

/// An empty database of one kind, and where it is.
pub(crate) struct Database {
    pub(crate) url: String,
    _folder: Option<TempDir>,
}

impl Database {
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("deep/tureen.db").display());
        Self { url, _folder: Some(folder) }
    }

    pub(crate) async fn postgres() -> Self {
        let server = server();
        let name = format!("t{}", uuid::Uuid::new_v4().simple());
        let statement = format!("CREATE DATABASE {name}");
        sqlx::any::install_default_drivers();
        let mut connection = <sqlx::AnyConnection as sqlx::Connection>::connect(server).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
        Self { url: server.replace(":///postgres?", &format!(":///{name}?")), _folder: None }
    }

    /// Opens it, as another process would beside those that have it open.
    pub(crate) async fn open(&self) -> Catalog {
        Catalog::open(&self.url).await.unwrap()
    }
}

/// Makes the rows of a track's first segments what they never become, so that whoever reads them again is seen.
pub(crate) async fn spoil(catalog: &Catalog, track: TrackId, count: u32) {
    let spoilt = sql("UPDATE segments SET samples = 7, byte_length = 7 WHERE track_id = $1 AND number < $2")
        .bind(track.to_string())
        .bind(i64::from(count));
    assert_eq!(spoilt.execute(&catalog.writer).await.unwrap(), u64::from(count));
}

/// The URL of this process's server.
fn server() -> &'static str {
    static SERVER: OnceLock<(String, Child)> = OnceLock::new();
    &SERVER.get_or_init(|| start(None)).0
}

/// It ends when its standard input does, whatever ends this process; so it is in no group that is killed with us.
pub(crate) fn start(port: Option<u16>) -> (String, Child) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/postgres.sh");
    let mut child = Command::new("setsid")
        .arg(script)
        .args(port.map(|port| port.to_string()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("postgres:"), "{line}");
    (line.trim_end().to_owned(), child)
}
