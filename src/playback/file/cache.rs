//! Files whose tables were made, kept for those who ask again: a download is many requests for ranges.
//!
//! Bounded by the bytes that they hold; the one that was asked for longest ago goes first. Those who ask for one that is
//! being made wait for it, so that it is made once.

use super::{Error, File};
use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::OnceCell;

type Slot = Arc<OnceCell<Arc<File>>>;

/// Files by their tags.
#[derive(Clone, Debug)]
pub struct Cache {
    limit: usize,
    held: Arc<Mutex<Held>>,
}

#[derive(Debug, Default)]
struct Held {
    entries: HashMap<String, Entry>,
    bytes: usize,
    /// Counts requests.
    now: u64,
}

#[derive(Debug)]
struct Entry {
    slot: Slot,
    /// 0 while it is being made.
    bytes: usize,
    used: u64,
}

impl Cache {
    /// Holds at most so many bytes, and what is being made and served besides.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, held: Arc::default() }
    }

    /// The file of this tag, made by `make` unless it is here.
    ///
    /// # Errors
    /// Those of `make`; nothing is kept then, and whoever waited makes it anew.
    pub async fn get<F>(&self, tag: &str, make: impl FnOnce() -> F) -> Result<Arc<File>, Error>
    where
        F: Future<Output = Result<File, Error>>,
    {
        let slot = self.slot(tag);
        // Whoever goes away while making it leaves the work to the next who waits.
        let made = slot.get_or_try_init(|| async { make().await.map(Arc::new) }).await;
        match made {
            Ok(file) => {
                self.keep(tag, &slot, file.layout.held() + tag.len());
                Ok(Arc::clone(file))
            }
            Err(error) => {
                self.forget(tag, &slot);
                Err(error)
            }
        }
    }

    /// Holds nothing any more.
    pub fn clear(&self) {
        let mut held = self.lock();
        held.entries.clear();
        held.bytes = 0;
    }

    /// Bytes that are held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.lock().bytes
    }

    fn slot(&self, tag: &str) -> Slot {
        let mut held = self.lock();
        held.now += 1;
        let used = held.now;
        if !held.entries.contains_key(tag) {
            // What its makers gave up is of no use to anybody.
            held.entries.retain(|_, entry| entry.bytes > 0 || Arc::strong_count(&entry.slot) > 1);
        }
        let new = || Entry { slot: Slot::default(), bytes: 0, used };
        let entry = held.entries.entry(tag.to_owned()).or_insert_with(new);
        entry.used = used;
        Arc::clone(&entry.slot)
    }

    fn keep(&self, tag: &str, slot: &Slot, bytes: usize) {
        let mut held = self.lock();
        let new =
            held.entries.get_mut(tag).filter(|entry| entry.bytes == 0 && Arc::ptr_eq(&entry.slot, slot));
        if let Some(entry) = new {
            entry.bytes = bytes.max(1);
            held.bytes += bytes.max(1);
        }
        while held.bytes > self.limit {
            let made = held.entries.iter().filter(|(_, entry)| entry.bytes > 0);
            let Some(oldest) = made.min_by_key(|(_, entry)| entry.used).map(|(tag, _)| tag.clone()) else {
                break;
            };
            if let Some(gone) = held.entries.remove(&oldest) {
                held.bytes -= gone.bytes;
            }
        }
    }

    fn forget(&self, tag: &str, slot: &Slot) {
        let mut held = self.lock();
        let same = |entry: &Entry| entry.bytes == 0 && Arc::ptr_eq(&entry.slot, slot);
        // Others may be waiting on it: they go on with it, and the last one takes it away.
        if held.entries.get(tag).is_some_and(|entry| same(entry) && Arc::strong_count(slot) <= 2) {
            held.entries.remove(tag);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
