//! The entries of segments, read from an index file in large steps.

use crate::media::fmp4::index::{ENTRY, Entry};
use crate::storage::{self, Key, Store};
use std::ops::Range;

/// Entries read at once: 64 KiB of them.
const READ: u64 = 4096;

/// A place in an index file.
#[derive(Debug)]
pub(in crate::playback) struct Entries {
    key: Key,
    /// Whole entries in the file.
    count: u64,
    /// Those that are held, and the number of the first.
    held: Vec<Entry>,
    first: u64,
    /// Behind what was read last: segments are read in order.
    next: u64,
}

impl Entries {
    /// Of one file.
    pub(in crate::playback) async fn open(store: &Store, key: Key) -> Result<Self, storage::Error> {
        let count = store.len(&key).await? / ENTRY as u64;
        Ok(Self { key, count, held: Vec::new(), first: 0, next: 0 })
    }

    /// All entries whose samples lie in `range` of the media; at most `most`, and one more if there are.
    pub(in crate::playback) async fn within(
        &mut self,
        store: &Store,
        range: &Range<u64>,
        most: u32,
    ) -> Result<Vec<Entry>, storage::Error> {
        let mut at = self.find(store, range).await?;
        // A count comes from a row: it is not trusted with memory.
        let mut found = Vec::with_capacity(usize::try_from(most).unwrap_or(0).min(1024));
        while found.len() as u64 <= u64::from(most)
            && let Some(entry) = self.entry(store, at, READ).await?
            && entry.offset < range.end
        {
            found.push(entry);
            at += 1;
        }
        self.next = at;
        Ok(found)
    }

    /// The number of the first entry at or behind the start of `range`.
    async fn find(&mut self, store: &Store, range: &Range<u64>) -> Result<u64, storage::Error> {
        let behind = match self.next.checked_sub(1) {
            None => true,
            Some(before) => {
                self.entry(store, before, READ).await?.is_some_and(|entry| entry.offset < range.start)
            }
        };
        if behind
            && let Some(entry) = self.entry(store, self.next, READ).await?
            && range.contains(&entry.offset)
        {
            return Ok(self.next);
        }
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low.midpoint(high);
            // Far apart, neighbours are of no use.
            let step = if high - low > READ { 1 } else { READ };
            let entry = self.entry(store, middle, step).await?;
            if entry.is_some_and(|entry| entry.offset < range.start) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    async fn entry(&mut self, store: &Store, at: u64, step: u64) -> Result<Option<Entry>, storage::Error> {
        if at >= self.count {
            return Ok(None);
        }
        let held = |own: &Self| {
            let place = usize::try_from(at.checked_sub(own.first)?).ok()?;
            own.held.get(place).copied()
        };
        if let Some(entry) = held(self) {
            return Ok(Some(entry));
        }
        let end = at.saturating_add(step).min(self.count);
        let bytes = store.read(&self.key, at * ENTRY as u64..end * ENTRY as u64).await?;
        let (whole, _) = bytes.as_chunks::<ENTRY>();
        self.held.clear();
        self.held.extend(whole.iter().map(Entry::decode));
        self.first = at;
        Ok(held(self))
    }
}
