//! Playback analytics at their size: answers and keeping events, on SQLite and on PostgreSQL. `make bench-analytics`.
//!
//! What is synthetic: the history. Sessions are spread over a year and over recordings by Zipf's law, their events are made by
//! a simple viewer who plays, pauses, seeks and stalls, and are folded by the product's own code; rows are written in bulk,
//! and what is kept of them together is made by the product (`tureen analytics rebuild` does the same). Recordings have one
//! track of one segment, and no files. What is not: the answers, which a process of its own gives over HTTP with its audit,
//! and the events that are posted to it until it is killed. The clients run on the same cores. No room is recorded meanwhile:
//! for that, run it beside `make soak`.
//!
//! `SESSIONS` (1,000,000), `EVENTS` of a session (50), `RECORDINGS` (2,000), `DATABASES` (sqlite,postgres), `REPEAT` (200),
//! `CLIENTS` (64), `INGEST_SECONDS` (20; 0 leaves it out), `BENCH_CACHE` and `BENCH_POSTGRES`: the folders in which the
//! databases are kept and found again.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing, missing_docs)]

#[path = "../common/mod.rs"]
mod common;
mod fill;
mod ingest;
mod service;
mod sink;

use common::{Server, Times, number};
use std::env;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tureen::id::RecordingId;

pub(crate) const DAY: i64 = 86_400_000_000;
/// 2025-01-01, and the days of the history.
pub(crate) const FIRST: i64 = 1_735_689_600_000_000;
pub(crate) const DAYS: i64 = 365;
pub(crate) const USERS: u64 = 50_000;
/// The target of every answer, at the 95th percentile.
const ANSWER_MS: f64 = 100.0;
/// The target of keeping.
const EVENTS_A_SECOND: f64 = 5000.0;

/// What the history is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) sessions: u64,
    pub(crate) events: u64,
    pub(crate) recordings: u64,
}

/// Xorshift: the same numbers every time.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, most: u64) -> u64 {
        (self.next() >> 11) % most
    }
}

/// Recordings by how often they are watched.
pub(crate) struct Zipf(Vec<f64>);

impl Zipf {
    pub(crate) fn new(count: u64) -> Self {
        let mut sum = 0.0;
        Self(
            (1..=count)
                .map(|rank| {
                    sum += 1.0 / rank as f64;
                    sum
                })
                .collect(),
        )
    }

    pub(crate) fn pick(&self, random: &mut Random) -> u64 {
        let at = random.below(1 << 32) as f64 / (1_u64 << 32) as f64 * self.0[self.0.len() - 1];
        self.0.partition_point(|sum| *sum <= at).min(self.0.len() - 1) as u64
    }
}

pub(crate) fn recording(rank: u64) -> RecordingId {
    format!("{rank:08x}-0000-7000-8000-{rank:012x}").parse().unwrap()
}

#[tokio::main]
async fn main() {
    let cache = env::var("BENCH_CACHE").map_or_else(|_| env::temp_dir(), PathBuf::from);
    let size = Size {
        sessions: number("SESSIONS", 1_000_000),
        events: number("EVENTS", 50).max(4),
        recordings: number("RECORDINGS", 2_000).max(1),
    };
    sqlx::any::install_default_drivers();
    let databases = env::var("DATABASES").unwrap_or_else(|_| "sqlite,postgres".to_owned());
    let mut missed = Vec::new();
    for name in databases.split(',') {
        let of = format!("analytics-{name}-{}x{}-{}", size.sessions, size.events, size.recordings);
        let folder = cache.join(&of);
        std::fs::create_dir_all(&folder).unwrap();
        // The server runs as another user, who may not look into everybody's folders.
        let data = env::var("BENCH_POSTGRES").unwrap_or_else(|_| "/var/tmp".to_owned());
        let data = Path::new(&data).join(format!("tureen-{of}"));
        let server = (name == "postgres").then(|| Server::start(Some(&data)));
        let url = match &server {
            Some(server) => server.url.clone(),
            None => format!("sqlite:{}", folder.join("bench.db").display()),
        };
        let place = if server.is_some() { data.clone() } else { folder.clone() };
        let mut bench = Bench { name: name.to_owned(), url, folder, size, missed: Vec::new() };
        bench.run(&place).await;
        missed.append(&mut bench.missed);
    }
    for line in &missed {
        println!("MISSED: {line}");
    }
    std::process::exit(i32::from(!missed.is_empty()));
}

pub(crate) struct Bench {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) folder: PathBuf,
    pub(crate) size: Size,
    missed: Vec<String>,
}

impl Bench {
    pub(crate) fn is_sqlite(&self) -> bool {
        self.name == "sqlite"
    }

    async fn run(&mut self, place: &Path) {
        self.fill(place).await;
        let service = service::Service::start(&self.folder, &self.url);
        self.answers(&service).await;
        let seconds = number("INGEST_SECONDS", 20);
        if seconds > 0 {
            let rate = self.ingest(service, seconds).await;
            if rate < EVENTS_A_SECOND {
                self.missed.push(format!("{}: {rate:.0} events a second", self.name));
            }
        }
    }

    /// Over HTTP, as an administrator.
    async fn answers(&mut self, service: &service::Service) {
        let of = |rank: u64| format!("/api/v1/recordings/{}/analytics", recording(rank));
        let zipf = Zipf::new(self.size.recordings);
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let day = |day: i64| {
            let text = tureen::time::WallTime(FIRST + day * DAY).to_string();
            text.chars().take(10).collect::<String>()
        };
        let repeat = number("REPEAT", 200);
        let mut kinds: Vec<(&str, Vec<String>)> = Vec::new();
        kinds.push((
            "one recording, by popularity",
            (0..repeat).map(|_| of(zipf.pick(&mut random))).collect(),
        ));
        kinds.push(("the largest recording", (0..repeat).map(|_| of(0)).collect()));
        let month = |random: &mut Random| {
            let first = random.below(DAYS as u64 - 31) as i64;
            format!("from={}&to={}", day(first), day(first + 30))
        };
        kinds.push((
            "top recordings of a month",
            (0..repeat)
                .map(|_| format!("/api/v1/analytics?group_by=recording&{}", month(&mut random)))
                .collect(),
        ));
        kinds.push((
            "daily totals of a year",
            (0..repeat)
                .map(|_| format!("/api/v1/analytics?group_by=day&limit=366&from={}&to={}", day(0), day(DAYS)))
                .collect(),
        ));
        kinds.push((
            "one viewer by recording",
            (0..repeat)
                .map(|_| format!("/api/v1/analytics?group_by=recording&viewer=user-{}", random.below(USERS)))
                .collect(),
        ));
        kinds.push((
            "one viewer's history",
            (0..repeat)
                .map(|_| format!("/api/v1/analytics/history?user_id=user-{}", random.below(USERS)))
                .collect(),
        ));
        for (what, paths) in kinds {
            // The first answer after filling may have something to make; it is told by itself.
            let began = Instant::now();
            service.get(&paths[0]).await;
            let first = began.elapsed().as_secs_f64() * 1e3;
            let (mut times, mut bytes) = (Vec::new(), 0);
            for path in &paths {
                let began = Instant::now();
                bytes += service.get(path).await.len();
                times.push(began.elapsed().as_secs_f64() * 1e3);
            }
            let each = bytes / paths.len().max(1);
            self.report(&format!("{what} (first {first:.1} ms, {each} bytes)"), times);
        }
    }

    fn report(&mut self, what: &str, times: Vec<f64>) {
        let times = Times::new(times);
        let (median, p95, last) = (times.at(0.5), times.at(0.95), times.at(1.0));
        println!("{}: {what}: median {median:.2} ms, p95 {p95:.2} ms, longest {last:.2} ms", self.name);
        if p95 > ANSWER_MS {
            self.missed.push(format!("{}: {what}: {p95:.2} ms instead of {ANSWER_MS} ms", self.name));
        }
    }
}
