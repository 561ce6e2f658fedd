//! What the audit is told.

use super::Place;
use crate::audit::{self, BadNetwork, KeyError, Trusted};
use std::path::PathBuf;
use std::time::Duration;

/// In the folder of recordings.
const FOLDER: &str = "audit";

/// Who did what is recorded so.
#[derive(Clone, clap::Args)]
pub struct Audit {
    /// Key that signs heads of the audit: 64 hexadecimal digits [default: one made in RECORDINGS_DIR/audit]
    #[arg(long, env = "AUDIT_KEY", hide_env_values = true)]
    audit_key: Option<String>,
    /// Seconds between signed heads
    #[arg(long, env = "AUDIT_HEAD_INTERVAL", value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    audit_head_interval: u64,
    /// Seconds without a request after which a viewing session ends
    #[arg(long, env = "AUDIT_SESSION_IDLE", value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(5..=3600))]
    audit_session_idle: u64,
    /// Days after which rows of the audit are removed [default: never]
    #[arg(long, env = "AUDIT_RETENTION", value_name = "DAYS")]
    audit_retention: Option<String>,
    /// Proxies, addresses or networks separated by commas, whose X-Forwarded-For is believed
    #[arg(long, env = "TRUSTED_PROXIES", value_delimiter = ',')]
    trusted_proxies: Vec<String>,
}

/// What is wrong with it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The key.
    #[error("AUDIT_KEY: {0}")]
    Key(#[from] KeyError),
    /// The retention.
    #[error("AUDIT_RETENTION: {0:?} is no number of days from 1 on")]
    Retention(String),
    /// The proxies.
    #[error("TRUSTED_PROXIES: {0}")]
    Proxies(#[from] BadNetwork),
}

fn days(text: &str) -> Result<Duration, Error> {
    match text.parse::<u64>() {
        Ok(days @ 1..=36_500) => Ok(Duration::from_secs(days * 86_400)),
        _ => Err(Error::Retention(text.to_owned())),
    }
}

impl Audit {
    /// The same for the audit itself.
    ///
    /// # Errors
    /// [`Error`].
    pub fn config(&self, place: &Place) -> Result<audit::Config, Error> {
        let key = self.audit_key.as_deref().map(str::trim).filter(|key| !key.is_empty());
        let retention = self.audit_retention.as_deref().filter(|days| !days.is_empty());
        Ok(audit::Config {
            folder: folder(place),
            key: key.map(str::parse).transpose()?,
            heads_every: Duration::from_secs(self.audit_head_interval),
            session_idle: Duration::from_secs(self.audit_session_idle),
            retention: retention.map(days).transpose()?,
            proxies: Trusted::new(self.trusted_proxies.iter().map(String::as_str))?,
        })
    }
}

/// Where the audit keeps its key and its heads.
#[must_use]
pub fn folder(place: &Place) -> PathBuf {
    place.recordings_dir.join(FOLDER)
}
