use super::store::blocking;
use super::{Error, Key};
use bytes::Bytes;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// The one writer of a file. Appends only.
#[derive(Debug)]
pub struct Writer {
    key: Key,
    file: Arc<File>,
    len: u64,
}

impl Writer {
    pub(super) fn new(key: Key, file: File, len: u64) -> Self {
        Self { key, file: Arc::new(file), len }
    }

    /// Writes `bytes` at the end and gives the offset where they begin. When this returns, they survive the death of
    /// the process. After an error the length is as before, and the next append writes over what was torn.
    ///
    /// # Errors
    /// [`Error::Full`] or [`Error::Io`].
    pub async fn append(&mut self, bytes: Bytes) -> Result<u64, Error> {
        let (key, file, offset) = (self.key, Arc::clone(&self.file), self.len);
        let end = offset.saturating_add(bytes.len() as u64);
        blocking(move || {
            file.write_all_at(&bytes, offset).map_err(|source| Error::file("append to", key, source))
        })
        .await?;
        self.len = end;
        Ok(offset)
    }

    /// When this returns, what was appended survives a power cut.
    ///
    /// # Errors
    /// [`Error::Io`]. What was appended since the last sync may be lost then, even if a later sync returns.
    pub async fn sync(&mut self) -> Result<(), Error> {
        let (key, file) = (self.key, Arc::clone(&self.file));
        blocking(move || file.sync_data().map_err(|source| Error::file("sync", key, source))).await
    }

    /// Bytes in the file.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Nothing was written yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The file it writes.
    #[must_use]
    pub fn key(&self) -> Key {
        self.key
    }
}
