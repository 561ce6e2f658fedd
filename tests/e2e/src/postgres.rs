//! A PostgreSQL server of a test's own.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

/// A server with an empty database; ends when this is dropped, or when the test is killed.
pub struct Postgres {
    /// For `DATABASE_URL`.
    pub url: String,
    /// It runs until its standard input ends.
    _server: Child,
}

impl Postgres {
    /// Starts it, and waits until it answers.
    #[must_use]
    pub fn start() -> Self {
        let mut server = Command::new("setsid")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../postgres.sh"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("setsid is there");
        let mut line = String::new();
        let output = server.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut line).expect("it says its URL");
        assert!(line.starts_with("postgres:"), "{line}");
        Self { url: line.trim_end().to_owned(), _server: server }
    }
}
