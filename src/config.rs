//! Configuration of the service, from the environment and the command line.

mod audit;
mod sfu;
mod tokens;

pub use audit::{Audit, Error as AuditError, folder as audit_folder};
pub use sfu::{Sfus, trusting};
pub use tokens::{Access, Claims, Tokens};

use crate::catalog::POSTGRES_CONNECTIONS;
use crate::playback::fetch::Source;
use crate::playback::file::Files;
use crate::playback::popular::Popular;
use crate::reach;
use std::fs;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use uuid::Uuid;

/// Below this a secret is weaker than the signature it makes (RFC 7518 3.2).
pub const STRONG_SECRET_BYTES: usize = 32;
/// The secret that is made when none is given, in the folder of recordings.
const DEVELOPMENT_SECRET: &str = ".jwt-secret";

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Everybody on the network could read the development secret's tokens.
    #[error("without JWT_SECRET the service listens on loopback only, not on {0}: set JWT_SECRET")]
    NotLoopback(IpAddr),
    /// What may be reached.
    #[error("SFU_ALLOW: {0}")]
    Allow(#[from] reach::BadRule),
    /// The SFU service.
    #[error("MEDIASOUP_URL: {0}")]
    Mediasoup(String),
    /// The certificates cannot be read.
    #[error("SFU_CA: cannot read {path}")]
    Certificates {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The certificates are none.
    #[error("SFU_CA: {0}")]
    Reach(#[from] reach::Error),
    /// No number of recordings.
    #[error("MAX_RECORDINGS: {0:?} is no number above 0")]
    MaxRecordings(String),
    /// No length of a part.
    #[error("PART_DURATION_MS: {0} is not within 100 and 2000")]
    PartDuration(u32),
    /// The application's roles.
    #[error("ROLE_MAP: {0}")]
    RoleMap(String),
    /// The issuer's keys.
    #[error("JWT_JWKS_URL: {0}")]
    Jwks(String),
    /// A weak secret.
    #[error("URL_SECRET: it must have {STRONG_SECRET_BYTES} bytes at least")]
    UrlSecret,
    /// Who may show the page.
    #[error("FRAME_ANCESTORS: {0:?} is no origin")]
    Frames(String),
    /// The development secret cannot be kept.
    #[error("cannot read or write {path}")]
    Secret {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Where recordings and their catalogue are.
#[derive(Clone, Debug, clap::Args)]
pub struct Place {
    /// Folder of the recordings
    #[arg(long = "dir", env = "RECORDINGS_DIR", default_value = "recordings")]
    pub recordings_dir: PathBuf,
    /// Database [default: sqlite:RECORDINGS_DIR/tureen.db]
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// Most connections to a PostgreSQL database
    #[arg(long, env = "DATABASE_CONNECTIONS", default_value_t = POSTGRES_CONNECTIONS)]
    pub database_connections: u32,
}

impl Place {
    /// The database's URL.
    #[must_use]
    pub fn database(&self) -> String {
        let own = || format!("sqlite:{}", self.recordings_dir.join("tureen.db").display());
        self.database_url.clone().filter(|url| !url.is_empty()).unwrap_or_else(own)
    }
}

/// How media is cut.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Media {
    /// Longest part of low-latency HLS in milliseconds, of recordings that begin from now on
    #[arg(long, env = "PART_DURATION_MS", default_value_t = 500)]
    part_duration_ms: u32,
}

impl Media {
    /// The same in microseconds.
    ///
    /// # Errors
    /// [`Error::PartDuration`].
    pub fn part_micros(self) -> Result<i64, Error> {
        match self.part_duration_ms {
            100..=2000 => Ok(i64::from(self.part_duration_ms) * 1000),
            other => Err(Error::PartDuration(other)),
        }
    }
}

/// Which rooms are recorded by themselves.
#[derive(Clone, Debug, clap::Args)]
pub struct Auto {
    /// Rooms that are recorded as soon as an application attaches them: patterns such as `class-*`, separated by commas
    #[arg(long, env = "AUTO_RECORD", value_delimiter = ',')]
    pub auto_record: Vec<String>,
}

/// What signs tokens.
#[derive(Clone, clap::Args)]
pub struct Signing {
    /// Secret that signs tokens (HS256), at least 32 bytes
    #[arg(long, env = "JWT_SECRET", hide_env_values = true)]
    jwt_secret: Option<String>,
}

/// A secret, and whether the operator chose it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Made by us, for development.
    pub made: bool,
}

impl Signing {
    /// The configured secret, else the one kept in the folder, else a new one that is kept there for its owner only.
    ///
    /// # Errors
    /// [`Error::Secret`].
    pub fn secret(&self, folder: &Path) -> Result<Secret, Error> {
        match self.given() {
            Some(given) => Ok(Secret { bytes: given.as_bytes().to_vec(), made: false }),
            None => Ok(Secret { bytes: kept_in(folder, DEVELOPMENT_SECRET)?, made: true }),
        }
    }

    fn given(&self) -> Option<&str> {
        self.jwt_secret.as_deref().filter(|given| !given.is_empty())
    }
}

/// The secret in a file of the folder, which is made when it is missing.
fn kept_in(folder: &Path, name: &str) -> Result<Vec<u8>, Error> {
    let path = folder.join(name);
    kept(folder, &path).map_err(|source| Error::Secret { path, source })
}

fn kept(folder: &Path, path: &Path) -> io::Result<Vec<u8>> {
    match fs::read(path) {
        Ok(bytes) if bytes.len() >= STRONG_SECRET_BYTES => return Ok(bytes),
        Ok(_) => fs::remove_file(path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    fs::create_dir_all(folder)?;
    // 244 bits of the operating system's randomness.
    let secret = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()).into_bytes();
    let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match made {
        Ok(mut file) => file.write_all(&secret).and_then(|()| file.sync_all()).map(|()| secret),
        // Another process made one at the same moment.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => fs::read(path),
        Err(error) => Err(error),
    }
}

/// What happens to running recordings when the service ends and starts again.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Restart {
    /// At the start, go on with recordings whose last media is not older than so many seconds; close the others
    #[arg(long, env = "ADOPT_WITHIN", value_name = "SECONDS", default_value_t = 900)]
    pub adopt_within: u64,
    /// At the end, complete running recordings, or leave them to be gone on with at the next start
    #[arg(long, env = "SHUTDOWN", value_enum, default_value_t = AtShutdown::Suspend)]
    pub shutdown: AtShutdown,
}

/// See [`Restart::shutdown`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum AtShutdown {
    /// They end.
    Complete,
    /// They wait for the next start.
    Suspend,
}

/// Which other origins' pages may read answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origins {
    /// All, with GET and HEAD, and to report what is watched: players on any page, given a token.
    #[default]
    AnyToRead,
    /// These, with every method.
    Only(Vec<String>),
}

/// Where the service listens and who may read it.
#[derive(Clone, Debug, clap::Args)]
pub struct Listen {
    /// TCP port of the API; 0 takes a free one
    #[arg(long, env = "PORT", default_value_t = 8080)]
    pub port: u16,
    /// Address to listen on [default: all, or loopback without JWT_SECRET]
    #[arg(long, env = "BIND")]
    pub bind: Option<IpAddr>,
    /// Origins whose pages may use the API, separated by commas [default: any, to read]
    #[arg(long, env = "CORS_ORIGINS", value_delimiter = ',')]
    pub cors_origins: Vec<String>,
}

impl Listen {
    /// The address. In development, with a secret that we made, it is always a loopback one.
    ///
    /// # Errors
    /// [`Error::NotLoopback`].
    pub fn address(&self, development: bool) -> Result<SocketAddr, Error> {
        let default = if development { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
        let ip = self.bind.unwrap_or(IpAddr::V4(default));
        if development && !ip.is_loopback() {
            return Err(Error::NotLoopback(ip));
        }
        Ok(SocketAddr::new(ip, self.port))
    }

    /// See [`Origins`].
    #[must_use]
    pub fn origins(&self) -> Origins {
        let names: Vec<String> = self.cors_origins.iter().filter(|name| !name.is_empty()).cloned().collect();
        if names.is_empty() { Origins::AnyToRead } else { Origins::Only(names) }
    }
}

/// Who is told of events.
#[derive(Clone, clap::Args)]
pub struct Webhooks {
    /// Target that is told of the events of every recording
    #[arg(long, env = "WEBHOOK_URL")]
    webhook_url: Option<String>,
    /// Secret that signs webhooks: whsec_ and 24 to 64 bytes in base64
    #[arg(long, env = "WEBHOOK_SECRET", hide_env_values = true)]
    webhook_secret: Option<String>,
    /// Seconds after which a webhook that fails is given up
    #[arg(long, env = "WEBHOOK_RETRY_FOR", default_value_t = 86_400)]
    webhook_retry_for: u64,
}

impl Webhooks {
    /// The target of every recording.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        self.webhook_url.as_deref().filter(|url| !url.is_empty())
    }

    /// The secret of targets without one of their own.
    #[must_use]
    pub fn secret(&self) -> Option<&str> {
        self.webhook_secret.as_deref().filter(|secret| !secret.is_empty())
    }

    /// When a webhook that fails is given up.
    #[must_use]
    pub fn retry_for(&self) -> Duration {
        Duration::from_secs(self.webhook_retry_for)
    }
}

/// What serving may hold in memory.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Downloads {
    /// MiB of sample tables of downloaded files that are kept for the next request
    #[arg(long, env = "MOOV_CACHE_MIB", value_name = "MIB", default_value_t = 64)]
    pub moov_cache_mib: usize,

    /// MiB of segments that are kept for others who watch the same
    #[arg(long, env = "SEGMENT_CACHE_MIB", value_name = "MIB", default_value_t = 16)]
    pub segment_cache_mib: usize,
}

impl Downloads {
    /// The files of all recordings.
    #[must_use]
    pub fn files(&self, source: Source) -> Files {
        Files::new(source, self.moov_cache_mib.saturating_mul(1 << 20))
    }

    /// Segments in memory.
    #[must_use]
    pub fn popular(&self) -> Popular {
        Popular::new(self.segment_cache_mib.saturating_mul(1 << 20))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn listen(bind: Option<&str>) -> Listen {
        Listen { port: 1, bind: bind.map(|ip| ip.parse().unwrap()), cors_origins: vec![String::new()] }
    }

    #[test]
    fn a_made_secret_is_kept_for_its_owner_and_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let within = folder.path().join("new");
        let none = Signing { jwt_secret: Some(String::new()) };
        let secret = none.secret(&within).unwrap();
        assert!(secret.made && secret.bytes.len() >= STRONG_SECRET_BYTES);
        assert!(none.secret(&within).unwrap() == secret);
        let mode = fs::metadata(within.join(DEVELOPMENT_SECRET)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let given = Signing { jwt_secret: Some("given".to_owned()) };
        assert!(given.secret(&within).unwrap() == Secret { bytes: b"given".to_vec(), made: false });
    }

    #[test]
    fn a_made_secret_never_leaves_loopback() {
        assert_eq!(listen(None).address(true).unwrap().ip(), IpAddr::V4(Ipv4Addr::LOCALHOST));
        assert!(listen(Some("::1")).address(true).is_ok());
        assert!(matches!(listen(Some("0.0.0.0")).address(true), Err(Error::NotLoopback(_))));
        assert_eq!(listen(None).address(false).unwrap().ip(), IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        assert_eq!(listen(None).origins(), Origins::AnyToRead);
    }
}
