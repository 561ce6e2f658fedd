//! Memory that reads go into. It is used again, because to set it to zero, and to have the system map it anew, costs as
//! much as to read.

use bytes::Bytes;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

/// Buffers that are kept, and the largest of them: 16 MiB in all.
const KEPT: usize = 16;
const LARGEST: usize = 1 << 20;

/// Buffers that nobody uses now.
#[derive(Clone, Debug, Default)]
pub(super) struct Pool(Arc<Mutex<Vec<Vec<u8>>>>);

impl Pool {
    /// A buffer of `len` bytes with whatever was in it.
    pub(super) fn take(&self, len: usize) -> Buffer {
        let mut bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        if bytes.len() < len {
            bytes.resize(len, 0);
        }
        Buffer { bytes, len, pool: self.clone() }
    }

    fn give(&self, bytes: Vec<u8>) {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < KEPT && bytes.len() <= LARGEST {
            free.push(bytes);
        }
    }
}

/// Bytes that were read and may be changed.
#[derive(Debug)]
pub struct Buffer {
    bytes: Vec<u8>,
    len: usize,
    pool: Pool,
}

impl Buffer {
    /// Bytes to be shared. The memory is used again when the last of them is gone.
    #[must_use]
    pub fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.len).unwrap_or_default()
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.pool.give(std::mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_and_never_shows_more_than_was_asked_for() {
        let pool = Pool::default();
        let mut first = pool.take(1000);
        first.fill(7);
        let place = first.as_ptr();
        let shared = first.freeze();
        let part = shared.slice(10..20);
        drop(shared);
        assert_ne!(pool.take(10).as_ptr(), place, "a part of it is still in use");
        drop(part);
        let again = pool.take(500);
        assert_eq!((again.len(), again.as_ptr()), (500, place));
        let large = pool.take(LARGEST + 1);
        drop(large);
        assert!(pool.0.lock().unwrap().iter().all(|kept| kept.len() <= LARGEST));
    }
}
