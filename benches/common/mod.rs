//! What the benches of the catalogue share: a server, a setting, times.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::str::FromStr;

/// A setting from the environment.
pub(crate) fn number<T: FromStr>(name: &str, default: T) -> T {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A PostgreSQL server whose commits are durable.
pub(crate) struct Server {
    pub(crate) url: String,
    child: Child,
}

impl Server {
    /// Its data stays in `data` and is found again there; without a folder nothing stays.
    pub(crate) fn start(data: Option<&Path>) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/postgres.sh");
        let options = "-c fsync=on -c synchronous_commit=on -c full_page_writes=on -c shared_buffers=512MB \
                       -c max_wal_size=4GB -c maintenance_work_mem=512MB -c work_mem=64MB";
        let mut child = Command::new("setsid")
            .arg(script)
            .env("POSTGRES_OPTIONS", options)
            .envs(data.map(|folder| ("POSTGRES_DATA", folder)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("postgres:"), "{line}");
        Self { url: line.trim().to_owned(), child }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends with its input, in order.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Times in milliseconds, sorted.
pub(crate) struct Times(Vec<f64>);

impl Times {
    pub(crate) fn new(mut all: Vec<f64>) -> Self {
        all.sort_by(f64::total_cmp);
        Self(all)
    }

    pub(crate) fn at(&self, part: f64) -> f64 {
        self.0[((self.0.len() - 1) as f64 * part).round() as usize]
    }
}
