//! Files that are not there: any range of one is put together when it is asked for.
//!
//! A [`Layout`] says of which parts such a file consists: bytes that it holds or makes (boxes, tables, headers), and
//! ranges of stored files. [`File`] adds what HTTP says of it. [`stream()`] reads a range, [`WINDOW`] bytes and
//! [`MOST_PARTS`] parts at a time and only as fast as they are taken, so that a download holds less than 2 MiB whatever its length; when nobody takes them
//! any more nothing is read. Neither knows of a container or of HTTP.
//!
//! [`Files::mp4`] is how a request comes to a file: [`select`] says which tracks and which part of them, a snapshot holds
//! a running recording still, and [`cache`] keeps what was made for the next range. What is made, and how, is
//! the business of one module for each container.

pub mod cache;
mod mp4;
mod open;
mod read;
pub mod select;
#[cfg(test)]
mod tests;
pub mod webm;

pub use open::{Files, Opened};
pub use read::{MOST_PARTS, WINDOW, stream};

use super::Error;
use crate::storage::Key;
use crate::time::WallTime;
use async_trait::async_trait;
use bytes::Bytes;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Some consecutive bytes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// These.
    Held(Bytes),
    /// A range of a stored file.
    Stored(Key, Range<u64>),
}

impl Part {
    /// How many bytes it has.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Self::Held(bytes) => bytes.len() as u64,
            Self::Stored(_, range) => range.end.saturating_sub(range.start),
        }
    }

    /// It has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What a file consists of.
#[async_trait]
pub trait Layout: fmt::Debug + Send + Sync {
    /// Its length in bytes.
    fn len(&self) -> u64;

    /// It has no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Memory that it holds, in bytes.
    fn held(&self) -> usize;

    /// The parts that together are exactly the bytes of `range`, which lies within the file and has at most [`WINDOW`]
    /// bytes. If these are more than about [`MOST_PARTS`], only the first of them.
    ///
    /// # Errors
    /// What reading a table says.
    async fn parts(&self, range: Range<u64>) -> Result<Vec<Part>, Error>;
}

/// A file that is served.
#[derive(Clone, Debug)]
pub struct File {
    /// Its bytes.
    pub layout: Arc<dyn Layout>,
    /// A strong validator (RFC 9110 8.8.3, without quotes): equal ones are of equal bytes.
    pub tag: String,
    /// When its recording ended, if it has. For people: its bytes may have changed since.
    pub modified: Option<WallTime>,
    /// The bytes under this name will never change.
    pub settled: bool,
    /// Its media type.
    pub media_type: &'static str,
}
