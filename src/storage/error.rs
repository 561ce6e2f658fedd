use super::Key;
use std::io;

/// What can go wrong with stored bytes.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is there already, and nothing stored is ever overwritten.
    #[error("{key} exists already")]
    Exists {
        /// The file.
        key: Key,
    },
    /// There is no such file.
    #[error("{key} does not exist")]
    Missing {
        /// The file.
        key: Key,
    },
    /// The file ends before the end of what was asked for.
    #[error("{key} has {len} bytes, {wanted} were expected")]
    Short {
        /// The file.
        key: Key,
        /// Bytes in the file.
        len: u64,
        /// Bytes that it should have at least.
        wanted: u64,
    },
    /// More was asked for than is ever read at once.
    #[error("a read of {len} bytes is over the limit of {limit}")]
    TooLarge {
        /// Bytes asked for.
        len: u64,
        /// Most bytes of one read.
        limit: u64,
    },
    /// The disk is full.
    #[error("no space left for {key}")]
    Full {
        /// The file.
        key: Key,
    },
    /// The operating system refused.
    #[error("cannot {action} {path}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file or folder, below the store's root.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The process is ending: the work was not done.
    #[error("storage is shutting down")]
    Cancelled,
}

impl Error {
    pub(super) fn file(action: &'static str, key: Key, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { key },
            io::ErrorKind::AlreadyExists => Self::Exists { key },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { key },
            _ => Self::Io { action, path: key.to_string(), source },
        }
    }

    pub(super) fn folder(action: &'static str, path: impl Into<String>, source: io::Error) -> Self {
        Self::Io { action, path: path.into(), source }
    }
}
