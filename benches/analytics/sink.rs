//! Writing rows in bulk.

use super::Bench;
use sqlx::postgres::PgConnection;
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Row};
use std::fmt::Write as _;

/// A line of each table, in the forms of either database.
#[derive(Default)]
pub(crate) struct Bulk {
    pub(crate) sessions: Vec<String>,
    pub(crate) events: Vec<String>,
}

const SESSIONS: &str = "view_sessions (id, recording_id, viewer, client_id, device, next_number, settled, first_at, last_at, \
     source, seen, seen_ms, played_ms, playing_ms, startup_ms, stalls, stalled_ms, seeks, pauses, errors, position_ms, ended)";
const EVENTS: &str = "view_events (session_id, number, event_key, body)";

/// Where bulks go. The triggers that keep sums are off meanwhile.
pub(crate) enum Sink {
    Sqlite(AnyConnection, Vec<(String, String)>),
    Postgres(PgConnection),
}

impl Sink {
    pub(crate) async fn open(bench: &Bench) -> Self {
        if !bench.is_sqlite() {
            let mut connection = PgConnection::connect(&bench.url).await.unwrap();
            let setup = "SET synchronous_commit = off; TRUNCATE view_sessions, view_events;
                 ALTER TABLE view_sessions DISABLE TRIGGER ALL; ALTER TABLE view_events DISABLE TRIGGER ALL";
            sqlx::raw_sql(setup).execute(&mut connection).await.unwrap();
            return Self::Postgres(connection);
        }
        let mut connection = AnyConnection::connect(&bench.url).await.unwrap();
        let pragmas = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -500000;
             PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY";
        sqlx::raw_sql(pragmas).execute(&mut connection).await.unwrap();
        let query =
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'view_sessions'";
        let rows = sqlx::query(query).fetch_all(&mut connection).await.unwrap();
        let triggers: Vec<(String, String)> =
            rows.iter().map(|row| (row.get("name"), row.get("sql"))).collect();
        for (name, _) in &triggers {
            let drop = AssertSqlSafe(format!("DROP TRIGGER {name}"));
            sqlx::raw_sql(drop).execute(&mut connection).await.unwrap();
        }
        sqlx::raw_sql("DELETE FROM view_events; DELETE FROM view_sessions")
            .execute(&mut connection)
            .await
            .unwrap();
        Self::Sqlite(connection, triggers)
    }

    pub(crate) async fn write(&mut self, bulk: &Bulk) {
        match self {
            Self::Postgres(connection) => {
                for (table, lines) in [(SESSIONS, &bulk.sessions), (EVENTS, &bulk.events)] {
                    let mut copy = connection.copy_in_raw(&format!("COPY {table} FROM STDIN")).await.unwrap();
                    copy.send(lines.concat().into_bytes()).await.unwrap();
                    copy.finish().await.unwrap();
                }
            }
            Self::Sqlite(connection, _) => {
                let mut text = "BEGIN;".to_owned();
                for (table, lines) in [(SESSIONS, &bulk.sessions), (EVENTS, &bulk.events)] {
                    for rows in lines.chunks(400) {
                        write!(text, "INSERT INTO {table} VALUES {};", rows.join(", ")).unwrap();
                    }
                }
                text.push_str("COMMIT");
                sqlx::raw_sql(AssertSqlSafe(text)).execute(connection).await.unwrap();
            }
        }
    }

    pub(crate) async fn close(self, sessions: u64) {
        match self {
            Self::Postgres(mut connection) => {
                let back = format!(
                    "ALTER TABLE view_sessions ENABLE TRIGGER ALL; ALTER TABLE view_events ENABLE TRIGGER ALL;
                     SELECT setval(pg_get_serial_sequence('view_sessions', 'id'), {})",
                    sessions.max(1)
                );
                sqlx::raw_sql(AssertSqlSafe(back)).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
            }
            Self::Sqlite(mut connection, triggers) => {
                for (_, definition) in triggers {
                    sqlx::raw_sql(AssertSqlSafe(definition)).execute(&mut connection).await.unwrap();
                }
                sqlx::raw_sql("PRAGMA journal_mode = WAL").execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
            }
        }
    }
}
