//! Logs: to standard error, as text for people or JSON for machines. Which ones is `TUREEN_LOG`'s choice, else
//! `RUST_LOG`'s, in the syntax of `tracing`'s `EnvFilter`.

use std::env;
use std::io::{self, IsTerminal};
use std::str::FromStr;
use tracing_subscriber::EnvFilter;

/// Our own messages, and of libraries what needs attention. The WebRTC stack's warnings are about single packets.
const DEFAULT: &str = "warn,tureen=info,rtc=error,webrtc=error";

/// How messages are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// A line for people.
    #[default]
    Text,
    /// A JSON object in a line.
    Json,
}

impl FromStr for Format {
    type Err = String;
    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            other => Err(format!("'{other}' is not text or json")),
        }
    }
}

/// Begins to log. Only the first call counts.
pub fn init(format: Format) {
    let wish = env::var("TUREEN_LOG").or_else(|_| env::var("RUST_LOG")).ok();
    let filter = wish.filter(|wish| !wish.is_empty());
    let filter =
        filter.and_then(|wish| EnvFilter::try_new(wish).ok()).unwrap_or_else(|| EnvFilter::new(DEFAULT));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // A second subscriber is refused, which is what tests in one process want.
    let _ = match format {
        Format::Text => log.with_ansi(io::stderr().is_terminal()).try_init(),
        Format::Json => log.json().flatten_event(true).try_init(),
    };
}
