//! Posting events as players do, until the service is killed.

use super::service::{Service, token};
use super::{Bench, Random, Zipf, number, recording};
use serde_json::json;
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Row};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Events of one request: a heartbeat and what happened since the last one.
const EVENTS: u64 = 5;
/// Different users.
const TOKENS: usize = 16;

impl Bench {
    /// Events a second.
    pub(crate) async fn ingest(&self, mut service: Service, seconds: u64) -> f64 {
        let clients = number("CLIENTS", 64);
        let tokens: Vec<String> =
            (0..TOKENS).map(|user| token(&self.folder, &self.url, &format!("ingest-{user}"))).collect();
        let zipf = Zipf::new(self.size.recordings);
        let mut random = Random(0xdead_beef_1234_5678);
        let ends = Arc::new(AtomicBool::new(false));
        let (cpu, commits) = (cpu_seconds(service.id()), service.metric("tureen_view_commits_total").await);
        let began = Instant::now();
        let mut posting = Vec::new();
        let acknowledged: Vec<Arc<AtomicU64>> = (0..clients).map(|_| Arc::default()).collect();
        for (client, acknowledged) in acknowledged.iter().enumerate() {
            let path =
                format!("{}/api/v1/recordings/{}/progress", service.url(), recording(zipf.pick(&mut random)));
            let (token, ends) = (tokens[client % TOKENS].clone(), Arc::clone(&ends));
            let acknowledged = Arc::clone(acknowledged);
            posting.push(tokio::spawn(async move {
                let http = reqwest::Client::new();
                let mut seq = 0;
                let mut times = Vec::new();
                while !ends.load(Relaxed) {
                    // A page is open for an hour and a half at most, and then there is another session.
                    let (session, first) = (seq / 5000, seq % 5000);
                    let body = batch(&format!("ingest-{client}-{session}"), first);
                    let began = Instant::now();
                    let Ok(answer) = http.post(&path).bearer_auth(&token).body(body).send().await else {
                        break;
                    };
                    let status = answer.status();
                    assert!(status.is_success(), "{status} {:?}", answer.text().await);
                    times.push(began.elapsed().as_secs_f64() * 1e3);
                    seq += EVENTS;
                    acknowledged.store(seq, Relaxed);
                }
                times
            }));
        }
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let elapsed = began.elapsed().as_secs_f64();
        let total: u64 = acknowledged.iter().map(|count| count.load(Relaxed)).sum();
        let cpu = cpu_seconds(service.id()) - cpu;
        let commits = service.metric("tureen_view_commits_total").await - commits;
        // In the midst of it.
        service.kill();
        ends.store(true, Relaxed);
        let mut times = Vec::new();
        for posting in posting {
            times.append(&mut posting.await.unwrap());
        }
        times.sort_by(f64::total_cmp);
        let at = |part: f64| times.get((times.len() as f64 * part) as usize).copied().unwrap_or_default();
        let (rate, share) = (total as f64 / elapsed, cpu / elapsed);
        println!(
            "{}: {clients} clients post {EVENTS} events at a time: {rate:.0} events a second for {elapsed:.0} s, {commits} \
             commits, {cpu:.1} CPU seconds of the service ({share:.2} cores; the database's own are not in it), a request \
             takes {:.1} ms (median), {:.1} ms (p95)",
            self.name,
            at(0.5),
            at(0.95)
        );
        self.nothing_is_lost(&acknowledged).await;
        rate
    }

    /// After the kill: all that was acknowledged is there, and is counted.
    async fn nothing_is_lost(&self, acknowledged: &[Arc<AtomicU64>]) {
        let mut connection = AnyConnection::connect(&self.url).await.unwrap();
        let (mut kept, mut told) = (0, 0);
        for (client, acknowledged) in acknowledged.iter().enumerate() {
            let text = format!(
                "SELECT COUNT(*) AS kept FROM view_events e JOIN view_sessions s ON s.id = e.session_id
                 WHERE s.viewer = 'u:ingest-{}' AND s.client_id LIKE 'ingest-{client}-%'",
                client % TOKENS
            );
            let row = sqlx::query(AssertSqlSafe(text)).fetch_one(&mut connection).await.unwrap();
            let (own, acknowledged) = (row.get::<i64, _>("kept") as u64, acknowledged.load(Relaxed));
            assert!(own >= acknowledged, "client {client}: {own} events are kept of {acknowledged}");
            kept += own;
            told += acknowledged;
        }
        println!("{}: killed: {kept} events are kept, {told} were acknowledged; none is lost", self.name);
        let began = Instant::now();
        if self.is_sqlite() {
            sqlx::raw_sql("PRAGMA foreign_keys = ON").execute(&mut connection).await.unwrap();
        }
        for user in 0..TOKENS {
            let text = format!("DELETE FROM view_sessions WHERE viewer = 'u:ingest-{user}'");
            sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut connection).await.unwrap();
        }
        println!("{}: taken out again in {:.1} s", self.name, began.elapsed().as_secs_f64());
        connection.close().await.unwrap();
    }
}

fn batch(session: &str, first: u64) -> String {
    let events: Vec<_> = (first..first + EVENTS)
        .map(|seq| {
            let event = match seq {
                0 => "play",
                1 => "playing",
                _ => "progress",
            };
            let t = seq.saturating_sub(1) * 1000;
            json!({"seq": seq, "t": t, "event": event, "position": t as f64 / 1000.0})
        })
        .collect();
    json!({"session_id": session, "player": "bench", "events": events}).to_string()
}

/// User and system time of a process, in clock ticks of a hundredth of a second (Linux).
fn cpu_seconds(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // Behind the name, which may have spaces.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
    (ticks(11) + ticks(12)) / 100.0
}
