//! The audit at its size: pages, counts and writing, on SQLite and on PostgreSQL. `make bench-audit`.
//!
//! Rows are made by the database itself, without hashes that follow each other: here it is about finding and counting them.
//! What is written and timed afterwards goes through the appender as in the service. Everything is removed at the end.
//!
//! `ROWS` (10,000,000), `RECORDINGS` (100,000), `DATABASES` (sqlite,postgres), `REPEAT` (200), `BENCH_CACHE`.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing, missing_docs)]

mod common;

use common::{Server, Times, number};
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Row};
use std::env;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tureen::audit::{Action, Audit, Config, Entry, Trusted};
use tureen::catalog::{AuditFilter, AuditGrouping, Catalog};
use tureen::clock::{Clock, SystemClock};
use tureen::time::WallTime;

/// Days over which the rows are spread.
const DAYS: i64 = 100;
const DAY: i64 = 86_400_000_000;
/// 2026-01-01.
const FIRST: i64 = 1_767_225_600_000_000;
const USERS: i64 = 20_000;
const ROOMS: i64 = 5_000;
/// The targets of the issue.
const PAGE_MS: f64 = 50.0;
const DAY_MS: f64 = 50.0;
const ALL_MS: f64 = 1000.0;
const WRITE_RATIO: f64 = 1.5;

#[tokio::main]
async fn main() {
    let cache = env::var("BENCH_CACHE").map_or_else(|_| env::temp_dir(), PathBuf::from);
    std::fs::create_dir_all(&cache).unwrap();
    sqlx::any::install_default_drivers();
    let databases = env::var("DATABASES").unwrap_or_else(|_| "sqlite,postgres".to_owned());
    let mut missed = Vec::new();
    for name in databases.split(',') {
        let folder = tempfile::Builder::new().prefix("audit-").tempdir_in(&cache).unwrap();
        let server = (name == "postgres").then(|| Server::start(None));
        let url = match &server {
            Some(server) => server.url.clone(),
            None => format!("sqlite:{}", folder.path().join("bench.db").display()),
        };
        Bench { name: name.to_owned(), url, folder: folder.path().to_owned(), missed: Vec::new() }
            .run(&mut missed)
            .await;
    }
    for line in &missed {
        println!("MISSED: {line}");
    }
    std::process::exit(i32::from(!missed.is_empty()));
}

struct Bench {
    name: String,
    url: String,
    folder: PathBuf,
    missed: Vec<String>,
}

impl Bench {
    fn is_sqlite(&self) -> bool {
        self.name == "sqlite"
    }

    async fn run(mut self, missed: &mut Vec<String>) {
        let rows = number("ROWS", 10_000_000);
        Catalog::open(&self.url).await.unwrap().close().await;
        let began = Instant::now();
        self.fill(rows, number("RECORDINGS", 100_000)).await;
        println!(
            "{}: {rows} rows made in {:.0} s, {}",
            self.name,
            began.elapsed().as_secs_f64(),
            self.size().await
        );
        let catalog = Catalog::open(&self.url).await.unwrap();
        self.pages(&catalog).await;
        self.groups(&catalog).await;
        self.writes(&catalog).await;
        catalog.close().await;
        missed.append(&mut self.missed);
    }

    async fn connect(&self) -> AnyConnection {
        AnyConnection::connect(&self.url).await.unwrap()
    }

    async fn execute(&self, connection: &mut AnyConnection, statement: String) {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await.unwrap();
    }

    async fn size(&self) -> String {
        let text = if self.is_sqlite() {
            "SELECT page_count * page_size AS size FROM pragma_page_count(), pragma_page_size()"
        } else {
            "SELECT pg_database_size(current_database()) AS size"
        };
        let row = sqlx::query(text).fetch_one(&mut self.connect().await).await.unwrap();
        format!("{:.1} GB", row.get::<i64, _>("size") as f64 / 1e9)
    }

    /// Rows by the database's own means; indexes are made again when they are there.
    async fn fill(&self, rows: i64, recordings: i64) {
        let mut connection = self.connect().await;
        if self.is_sqlite() {
            for pragma in
                ["journal_mode = OFF", "synchronous = OFF", "cache_size = -1000000", "temp_store = MEMORY"]
            {
                self.execute(&mut connection, format!("PRAGMA {pragma}")).await;
            }
        } else {
            // Hints are set once the pages are read, and not while they are measured; also what autovacuum would do.
            self.execute(&mut connection, "SET synchronous_commit = off".to_owned()).await;
        }
        let indexes = self.indexes(&mut connection).await;
        for (name, _) in &indexes {
            self.execute(&mut connection, format!("DROP INDEX {name}")).await;
        }
        let chain = "INSERT INTO audit_chains (id, place, began_at, seen_at, previous)
                     VALUES ('00000000-0000-7000-8000-000000000001', '00000000-0000-7000-8000-000000000002', 0, 0, '')";
        self.execute(&mut connection, chain.to_owned()).await;
        let step = 500_000;
        for from in (0..rows).step_by(step as usize) {
            let to = (from + step).min(rows);
            self.execute(&mut connection, self.insert(from, to, rows, recordings)).await;
        }
        for (_, definition) in indexes {
            self.execute(&mut connection, definition).await;
        }
        for (table, columns) in [("audit_actions", "action, result, phase"), ("audit_actors", "who")] {
            for day in ["-1", "at / 86400000000"] {
                let group = if day == "-1" { columns.to_owned() } else { format!("{day}, {columns}") };
                self.execute(
                    &mut connection,
                    format!(
                        "INSERT INTO {table} (day, {columns}, entries, bytes)
                         SELECT {day}, {columns}, COUNT(*), CAST(SUM(COALESCE(bytes, 0)) AS BIGINT)
                         FROM audit_rows WHERE who IS NOT NULL OR '{table}' = 'audit_actions' GROUP BY {group}"
                    ),
                )
                .await;
            }
        }
        if self.is_sqlite() {
            self.execute(&mut connection, "PRAGMA journal_mode = WAL".to_owned()).await;
        } else {
            self.execute(&mut connection, "VACUUM ANALYZE".to_owned()).await;
            self.execute(&mut connection, "CHECKPOINT".to_owned()).await;
        }
        connection.close().await.unwrap();
    }

    async fn indexes(&self, connection: &mut AnyConnection) -> Vec<(String, String)> {
        let text = if self.is_sqlite() {
            "SELECT name, sql AS definition FROM sqlite_master
             WHERE type = 'index' AND tbl_name = 'audit_rows' AND sql IS NOT NULL"
        } else {
            "SELECT CAST(indexname AS TEXT) AS name, indexdef AS definition FROM pg_indexes
             WHERE tablename = 'audit_rows' AND indexname LIKE 'audit_rows_by%'"
        };
        let rows = sqlx::query(text).fetch_all(connection).await.unwrap();
        assert_eq!(rows.len(), 7);
        rows.iter().map(|row| (row.get("name"), row.get("definition"))).collect()
    }

    fn insert(&self, from: i64, to: i64, rows: i64, recordings: i64) -> String {
        let (numbers, bytes, hex) = if self.is_sqlite() {
            (
                format!(
                    "WITH RECURSIVE n(i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {to})"
                ),
                ["randomblob(32)", "randomblob(16)"],
                "printf('%08x-0000-7000-8000-%012x', (i * 104729) % R, (i * 104729) % R)",
            )
        } else {
            (
                format!("WITH n AS (SELECT g AS i FROM generate_series(CAST({from} AS BIGINT), {to} - 1) g)"),
                ["sha256(int8send(i))", "substring(sha256(int8send(-i)), 1, 16)"],
                "lpad(to_hex((i * 104729) % R), 8, '0') || '-0000-7000-8000-' || lpad(to_hex((i * 104729) % R), 12, '0')",
            )
        };
        let [hash, salt] = bytes;
        let recording = hex.replace('R', &recordings.to_string());
        let spread = DAYS * DAY / rows;
        format!(
            "{numbers}
             INSERT INTO audit_rows (chain, seq, prev_hash, hash, at, action, phase, result, status, role,
                 recording_id, room_id, session_id, share_id, request_id, route, bytes, duration_micros, detail, who,
                 who_seal, address, user_agent, place_seal)
             SELECT 1, i + 1, {hash}, {hash}, {FIRST} + i * {spread},
                 CASE WHEN i % 500 = 0 THEN 'delete' WHEN i % 40 = 0 THEN 'download' WHEN i % 50 = 0 THEN 'sign_in'
                      WHEN i % 3 = 0 THEN 'view' ELSE 'stream' END,
                 CASE WHEN i % 3 = 1 THEN 'start' WHEN i % 3 = 2 THEN 'end' ELSE 'once' END,
                 CASE WHEN i % 50 = 0 THEN 'failed' WHEN i % 97 = 0 THEN 'partial' ELSE 'success' END, 200, 'student',
                 {recording}, 'room-' || CAST((i * 104729) % {recordings} % {ROOMS} AS TEXT), NULL, NULL,
                 {recording}, 'GET /api/v1/recordings/{{id}}/stream/{{*file}}', i % 1000000, 1000, '',
                 'user-' || CAST((i * 7919) % {USERS} AS TEXT), {salt},
                 '10.' || CAST((i * 31) % 200 AS TEXT) || '.' || CAST((i * 17) % 250 AS TEXT) || '.7',
                 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/' || CAST(i % 20 AS TEXT), {salt}
             FROM n"
        )
    }

    async fn pages(&mut self, catalog: &Catalog) {
        let recordings = number("RECORDINGS", 100_000);
        let recording = |n: i64| format!("{:08x}-0000-7000-8000-{:012x}", n % recordings, n % recordings);
        let day = |n: i64| WallTime(FIRST + n % DAYS * DAY);
        type Make<'a> = Box<dyn Fn(i64) -> AuditFilter + 'a>;
        let kinds: [(&str, Make); 7] = [
            ("newest 100", Box::new(|_| AuditFilter::default())),
            (
                "by actor",
                Box::new(|n| AuditFilter {
                    actor: Some(format!("user-{}", n % USERS)),
                    ..AuditFilter::default()
                }),
            ),
            (
                "by recording",
                Box::new(|n| AuditFilter { recording: Some(recording(n)), ..AuditFilter::default() }),
            ),
            (
                "by room and time",
                Box::new(|n| AuditFilter {
                    room: Some(format!("room-{}", n % ROOMS)),
                    from: Some(day(n)),
                    to: Some(day(n).plus(7 * DAY)),
                    ..AuditFilter::default()
                }),
            ),
            (
                "by action and result",
                Box::new(|n| AuditFilter {
                    action: Some(["download", "delete", "stream", "sign_in"][n as usize % 4]),
                    result: Some(["failed", "success", "partial"][n as usize % 3]),
                    to: Some(day(n)),
                    ..AuditFilter::default()
                }),
            ),
            (
                "by address",
                Box::new(|n| AuditFilter {
                    address: Some(format!("10.{}.{}.7", n * 31 % 200, n * 17 % 250)),
                    ..AuditFilter::default()
                }),
            ),
            (
                "by actor, room, action",
                Box::new(|n| AuditFilter {
                    actor: Some(format!("user-{}", n % USERS)),
                    room: Some(format!("room-{}", n % ROOMS)),
                    action: Some("stream"),
                    ..AuditFilter::default()
                }),
            ),
        ];
        for (name, make) in kinds {
            let (mut times, mut found) = (Vec::new(), 0);
            for n in 0..number("REPEAT", 200) {
                let filter = make(n * 7907 + 13);
                let began = Instant::now();
                found += catalog.audit_page(&filter, None, 100).await.unwrap().rows.len();
                times.push(began.elapsed().as_secs_f64() * 1e3);
            }
            self.report(&format!("page {name} ({found} rows)"), times, PAGE_MS);
            for line in catalog.audit_plan(&make(13), 100).await.unwrap() {
                println!("    {line}");
            }
        }
    }

    async fn groups(&mut self, catalog: &Catalog) {
        let noon = DAY / 2;
        for (name, by) in [("action", AuditGrouping::Action), ("actor", AuditGrouping::Actor)] {
            for (span, shift) in [("one day", 0), ("24 hours over two days", noon)] {
                let mut times = Vec::new();
                for n in 0..number("REPEAT", 200) / 4 {
                    let from = WallTime(FIRST + (n * 13) % (DAYS - 2) * DAY + shift);
                    let filter =
                        AuditFilter { from: Some(from), to: Some(from.plus(DAY)), ..AuditFilter::default() };
                    let began = Instant::now();
                    assert!(!catalog.audit_groups(&filter, by, 100).await.unwrap().is_empty());
                    times.push(began.elapsed().as_secs_f64() * 1e3);
                }
                let most = if shift == 0 { DAY_MS } else { f64::INFINITY };
                self.report(&format!("counts by {name}, {span}"), times, most);
            }
            let mut times = Vec::new();
            for _ in 0..20 {
                let began = Instant::now();
                assert!(!catalog.audit_groups(&AuditFilter::default(), by, 100).await.unwrap().is_empty());
                times.push(began.elapsed().as_secs_f64() * 1e3);
            }
            self.report(&format!("counts by {name}, everything"), times, ALL_MS);
        }
    }

    fn report(&mut self, what: &str, times: Vec<f64>, most: f64) {
        let times = Times::new(times);
        let (median, p95, last) = (times.at(0.5), times.at(0.95), times.at(1.0));
        println!("{}: {what}: median {median:.2} ms, p95 {p95:.2} ms, longest {last:.2} ms", self.name);
        if p95 > most {
            self.missed.push(format!("{}: {what}: {p95:.2} ms instead of {most} ms", self.name));
        }
    }

    async fn writes(&mut self, catalog: &Catalog) {
        let config = Config {
            folder: self.folder.join("audit"),
            key: None,
            heads_every: Duration::from_secs(3600),
            session_idle: Duration::from_secs(60),
            retention: None,
            proxies: Trusted::default(),
        };
        let audit = Audit::begin(catalog.clone(), Arc::new(SystemClock), config).await.unwrap();
        let mut connection = self.connect().await;
        let mut setup = vec!["CREATE TABLE durable (n BIGINT NOT NULL PRIMARY KEY, text TEXT NOT NULL)"];
        if self.is_sqlite() {
            setup.extend(["PRAGMA synchronous = FULL", "PRAGMA busy_timeout = 10000"]);
        }
        for statement in setup {
            self.execute(&mut connection, statement.to_owned()).await;
        }
        // In turns, so that whatever else the disk does meets both alike.
        let (mut commits, mut rows) = (Vec::new(), Vec::new());
        let text = "x".repeat(300);
        for n in 0..number("WRITES", 500) {
            let began = Instant::now();
            sqlx::query("INSERT INTO durable (n, text) VALUES ($1, $2)")
                .bind(n)
                .bind(&text)
                .execute(&mut connection)
                .await
                .unwrap();
            commits.push(began.elapsed().as_secs_f64() * 1e3);
            let began = Instant::now();
            audit.appender.append(entry(n)).await.unwrap();
            rows.push(began.elapsed().as_secs_f64() * 1e3);
        }
        let ratio = Times::new(rows.clone()).at(0.5) / Times::new(commits.clone()).at(0.5);
        self.report("one durable commit", commits, f64::INFINITY);
        self.report("one audit row, durable", rows, f64::INFINITY);
        println!("{}: an audit row costs {ratio:.2} times one durable commit", self.name);
        if ratio > WRITE_RATIO {
            self.missed.push(format!("{}: an audit row costs {ratio:.2} times one commit", self.name));
        }
        let began = Instant::now();
        let writers = (0..100_i64).map(|writer| {
            let appender = audit.appender.clone();
            tokio::spawn(async move {
                for n in 0..50 {
                    appender.append(entry(writer * 1000 + n)).await.unwrap();
                }
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.unwrap();
        }
        let each = began.elapsed().as_secs_f64() * 1e3 / 5000.0;
        println!("{}: with 100 writers a row takes {each:.3} ms ({:.0} a second)", self.name, 1e3 / each);
        audit.end().await;
    }
}

fn entry(n: i64) -> Entry {
    let mut entry = Entry::new(SystemClock.wall(), Action::View);
    entry.who = Some(format!("user-{}", n % USERS));
    entry.role = "student".to_owned();
    entry.address = Some("192.0.2.1".to_owned());
    entry.user_agent = Some("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36".to_owned());
    entry.room = Some(format!("room-{}", n % ROOMS));
    entry.route = Some("GET /api/v1/recordings/{id}".to_owned());
    entry.request_id = Some(n.to_string());
    entry.bytes = Some(1000);
    entry
}
