//! Failed sign-ins, of which a stranger can make as many as they like.
//!
//! Of each address the first few of a minute are written one by one; those that follow are counted, and one row tells
//! their number when the minute is over. So the trail says what happened, and nobody can fill the disk with it.

use super::entry::Entry;
use crate::clock::Clock;
use crate::time::Moment;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Written one by one in a minute.
const SINGLE: u64 = 10;
/// Microseconds until the others are told.
const MINUTE: i64 = 60_000_000;
/// Addresses that are kept apart. Those beyond are counted together.
const ADDRESSES: usize = 4096;

struct Counted {
    since: Moment,
    count: u64,
    last: Entry,
}

/// Counts them.
#[derive(Clone)]
pub(super) struct SignIns {
    clock: Arc<dyn Clock>,
    by_address: Arc<Mutex<HashMap<Option<String>, Counted>>>,
}

impl SignIns {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, by_address: Arc::default() }
    }

    /// The entry to write now, if it is one of the first.
    pub(super) fn failed(&self, mut entry: Entry) -> Option<Entry> {
        let now = self.clock.now();
        let mut all = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= ADDRESSES && !all.contains_key(&entry.address) {
            entry.address = None;
        }
        let counted = all.entry(entry.address.clone()).or_insert_with(|| Counted {
            since: now,
            count: 0,
            last: entry.clone(),
        });
        counted.count += 1;
        counted.last = entry.clone();
        (counted.count <= SINGLE).then_some(entry)
    }

    /// What is to be written of minutes that are over, or of all.
    pub(super) fn over(&self, all: bool) -> Vec<Entry> {
        let now = self.clock.now();
        let mut told = Vec::new();
        let mut counted = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        counted.retain(|_, one| {
            let over = all || now.since(one.since) >= MINUTE;
            if over && one.count > SINGLE {
                let detail = serde_json::json!({ "further": one.count - SINGLE });
                told.push(Entry { detail: Some(detail), request_id: None, ..one.last.clone() });
            }
            !over
        });
        told
    }
}
