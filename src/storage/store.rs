use super::buffer::{Buffer, Pool};
use super::key::{RECORDINGS, folder};
use super::{Error, Key, Writer};
use crate::id::{RecordingId, TrackId};
use bytes::Bytes;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSliceMut};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most bytes of one read: far above any segment, and a bound on what one request can make us hold.
pub const MAX_READ_BYTES: u64 = 64 << 20;

/// The file that names the folder.
const NAME: &str = ".tureen-folder";

/// Most bytes of a read that does not go to another thread: it takes about a tenth of a millisecond.
const MOST_AT_ONCE: u64 = 1 << 20;

/// A folder of recordings.
#[derive(Clone, Debug)]
pub struct Store {
    root: Arc<Path>,
    pool: Pool,
}

impl Store {
    /// Opens the folder, making it if it is missing.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder cannot be made.
    pub async fn open(root: PathBuf) -> Result<Self, Error> {
        let root: Arc<Path> = root.into();
        let store = Self { root: Arc::clone(&root), pool: Pool::default() };
        blocking(move || {
            let recordings = root.join(RECORDINGS);
            fs::create_dir_all(&recordings)
                .and_then(|()| sync_folder(&recordings))
                .and_then(|()| sync_folder(&root))
                .map_err(|source| Error::folder("make the folder", RECORDINGS, source))
        })
        .await?;
        Ok(store)
    }

    /// A new empty file, its name durable when this returns.
    ///
    /// # Errors
    /// [`Error::Exists`] when it is there already.
    pub async fn create(&self, key: &Key) -> Result<Writer, Error> {
        let (key, root) = (*key, Arc::clone(&self.root));
        blocking(move || {
            let made = || {
                let parent = key.folder(&root);
                fs::create_dir_all(&parent)?;
                let file =
                    OpenOptions::new().write(true).read(true).create_new(true).open(key.path(&root))?;
                sync_folder(&parent)?;
                sync_folder(&root.join(RECORDINGS))?;
                Ok(file)
            };
            let file = made().map_err(|source| Error::file("create", key, source))?;
            Ok(Writer::new(key, file, 0))
        })
        .await
    }

    /// Opens a file to go on after its first `truncate_to` bytes; what lies behind them is cut off. For recovery.
    ///
    /// # Errors
    /// [`Error::Missing`]; [`Error::Short`] when the file has fewer bytes than that.
    pub async fn reopen(&self, key: &Key, truncate_to: u64) -> Result<Writer, Error> {
        let (key, root) = (*key, Arc::clone(&self.root));
        blocking(move || {
            let io = |source| Error::file("reopen", key, source);
            let file = OpenOptions::new().write(true).read(true).open(key.path(&root)).map_err(io)?;
            let len = file.metadata().map_err(io)?.len();
            if len < truncate_to {
                return Err(Error::Short { key, len, wanted: truncate_to });
            }
            file.set_len(truncate_to).and_then(|()| file.sync_data()).map_err(io)?;
            Ok(Writer::new(key, file, truncate_to))
        })
        .await
    }

    /// Exactly the bytes of `range`.
    ///
    /// # Errors
    /// [`Error::Short`] when the file ends before them, [`Error::TooLarge`] over [`MAX_READ_BYTES`].
    pub async fn read(&self, key: &Key, range: Range<u64>) -> Result<Bytes, Error> {
        Ok(self.read_mut(key, range).await?.freeze())
    }

    /// The same, to be changed before it is shared.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub async fn read_mut(&self, key: &Key, range: Range<u64>) -> Result<Buffer, Error> {
        let (key, root, pool) = (*key, Arc::clone(&self.root), self.pool.clone());
        let wanted = range.end.saturating_sub(range.start);
        if wanted > MAX_READ_BYTES {
            return Err(Error::TooLarge { len: wanted, limit: MAX_READ_BYTES });
        }
        if wanted <= MOST_AT_ONCE
            && let Some(buffer) = at_once(&key.path(&root), &pool, &range)
        {
            return Ok(buffer);
        }
        blocking(move || {
            let io = |source| Error::file("read", key, source);
            let file = File::open(key.path(&root)).map_err(io)?;
            // The length is checked before anything is allocated: rows may be wrong.
            let len = file.metadata().map_err(io)?.len();
            if len < range.end {
                return Err(Error::Short { key, len, wanted: range.end });
            }
            let mut buffer = pool.take(usize::try_from(wanted).unwrap_or_default());
            file.read_exact_at(&mut buffer, range.start).map_err(io)?;
            Ok(buffer)
        })
        .await
    }

    /// Bytes in the file.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub async fn len(&self, key: &Key) -> Result<u64, Error> {
        let (key, root) = (*key, Arc::clone(&self.root));
        blocking(move || {
            let found =
                fs::metadata(key.path(&root)).map_err(|source| Error::file("measure", key, source))?;
            Ok(found.len())
        })
        .await
    }

    /// Removes all files of a recording; removing them again is not an error.
    ///
    /// # Errors
    /// [`Error::Io`] when the operating system refuses.
    pub async fn remove_recording(&self, id: RecordingId) -> Result<(), Error> {
        let root = Arc::clone(&self.root);
        blocking(move || {
            let removed = match fs::remove_dir_all(folder(id, &root)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                other => other,
            };
            removed
                .and_then(|()| sync_folder(&root.join(RECORDINGS)))
                .map_err(|source| Error::folder("remove recording", id.to_string(), source))
        })
        .await
    }

    /// Removes the files of a track; removing them again is not an error. They are gone durably when this returns.
    ///
    /// # Errors
    /// [`Error::Io`] when the operating system refuses.
    pub async fn remove_track(&self, recording: RecordingId, track: TrackId) -> Result<(), Error> {
        let root = Arc::clone(&self.root);
        blocking(move || {
            let gone = |error: io::Error| {
                if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
            };
            for key in [Key::media(recording, track), Key::index(recording, track)] {
                fs::remove_file(key.path(&root))
                    .or_else(gone)
                    .map_err(|source| Error::file("remove", key, source))?;
            }
            sync_folder(&folder(recording, &root))
                .or_else(gone)
                .map_err(|source| Error::folder("remove from", recording.to_string(), source))
        })
        .await
    }

    /// The recordings that have a folder, in order.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder cannot be read.
    pub async fn recordings(&self) -> Result<Vec<RecordingId>, Error> {
        let root = Arc::clone(&self.root);
        blocking(move || {
            let listed = || {
                let mut found = Vec::new();
                for entry in fs::read_dir(root.join(RECORDINGS))? {
                    // What is not named by an identifier is not ours.
                    found.extend(
                        entry?.file_name().to_str().and_then(|name| name.parse::<RecordingId>().ok()),
                    );
                }
                found.sort();
                Ok(found)
            };
            listed().map_err(|source| Error::folder("list", RECORDINGS, source))
        })
        .await
    }

    /// The name of this folder, which it keeps wherever it is mounted or moved to; made when it has none yet.
    ///
    /// # Errors
    /// [`Error::Io`] when it can be neither read nor written.
    pub async fn name(&self) -> Result<String, Error> {
        let root = Arc::clone(&self.root);
        blocking(move || {
            let own_name = || match named(&root)? {
                Some(name) => Ok(name),
                None => {
                    // Whoever is first names it.
                    let own = root.join(format!("{NAME}.{}", uuid::Uuid::new_v4()));
                    fs::write(&own, uuid::Uuid::new_v4().to_string())?;
                    File::open(&own)?.sync_all()?;
                    let linked = fs::hard_link(&own, root.join(NAME));
                    fs::remove_file(&own)?;
                    match linked {
                        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                        _ => sync_folder(&root)?,
                    }
                    named(&root)?.ok_or_else(|| io::ErrorKind::NotFound.into())
                }
            };
            own_name().map_err(|source| Error::folder("name the folder", NAME, source))
        })
        .await
    }

    /// The name of this folder, if it has one.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be read.
    pub async fn known_name(&self) -> Result<Option<String>, Error> {
        let root = Arc::clone(&self.root);
        blocking(move || named(&root).map_err(|source| Error::folder("read the name of", NAME, source))).await
    }

    /// The tracks of a recording that have a file, in order.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder cannot be read.
    pub async fn tracks(&self, recording: RecordingId) -> Result<Vec<TrackId>, Error> {
        let root = Arc::clone(&self.root);
        blocking(move || {
            let listed = || -> io::Result<Vec<TrackId>> {
                let mut found = Vec::new();
                for entry in fs::read_dir(folder(recording, &root))? {
                    let path = entry?.path();
                    found.extend(path.file_stem().and_then(|name| name.to_str()?.parse::<TrackId>().ok()));
                }
                found.sort_unstable();
                found.dedup();
                Ok(found)
            };
            match listed() {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
                other => other.map_err(|source| Error::folder("list", recording.to_string(), source)),
            }
        })
        .await
    }

    /// Bytes of all stored files.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder cannot be read.
    pub async fn usage(&self) -> Result<u64, Error> {
        let root = Arc::clone(&self.root);
        blocking(move || {
            total(&root.join(RECORDINGS)).map_err(|source| Error::folder("measure", RECORDINGS, source))
        })
        .await
    }

    /// Bytes that may still be written to the store's file system without privileges.
    ///
    /// # Errors
    /// [`Error::Io`] when the file system does not say.
    pub async fn free_bytes(&self) -> Result<u64, Error> {
        let root = Arc::clone(&self.root);
        blocking(move || {
            let found = rustix::fs::statvfs(&*root)
                .map_err(|errno| Error::folder("measure the disk of", RECORDINGS, errno.into()))?;
            Ok(found.f_bavail.saturating_mul(found.f_frsize))
        })
        .await
    }
}

/// What a folder is called.
fn named(root: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(root.join(NAME)) {
        Ok(name) => Ok(Some(name.trim().to_owned()).filter(|name| !name.is_empty())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// What the system has in memory is read at once: to wake a thread for it costs more. `None` when it is not, when the
/// file system cannot tell, and for every error, which the read that may wait finds again.
fn at_once(path: &Path, pool: &Pool, range: &Range<u64>) -> Option<Buffer> {
    let file = File::open(path).ok()?;
    let len = file.metadata().ok()?.len();
    if len < range.end {
        return None;
    }
    let mut buffer = pool.take(usize::try_from(range.end.checked_sub(range.start)?).ok()?);
    let mut done = 0;
    while done < buffer.len() {
        let at = range.start + done as u64;
        let left = IoSliceMut::new(buffer.get_mut(done..)?);
        match rustix::io::preadv2(&file, &mut [left], at, rustix::io::ReadWriteFlags::NOWAIT) {
            Ok(0) | Err(_) => return None,
            Ok(read) => done += read,
        }
    }
    Some(buffer)
}

/// Bytes of the files two levels below: `recordings/{recording}/{file}`.
fn total(recordings: &Path) -> io::Result<u64> {
    let mut sum = 0u64;
    for recording in fs::read_dir(recordings)? {
        // A recording may be removed while we count.
        let Ok(files) = fs::read_dir(recording?.path()) else { continue };
        for file in files {
            sum = sum.saturating_add(file?.metadata().map(|found| found.len()).unwrap_or(0));
        }
    }
    Ok(sum)
}

/// A name is durable only when its folder is (POSIX fsync says nothing of the entry).
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

pub(super) async fn blocking<T, F>(work: F) -> Result<T, Error>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Error> + Send + 'static,
{
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::Cancelled)?
}
