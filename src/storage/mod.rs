//! Where bytes live: a local folder.
//!
//! A track's file is append-only and holds `[init of run 0][fragment]...[init of run 1][fragment]...`; which range is
//! what stands in the catalogue. Nothing here knows what the bytes mean. The order of writes between the files and
//! the catalogue is the recorder's, by the numbered invariants of `docs/design/storage.md`; this module gives it what
//! they need: an append that says where it wrote, and a sync that returns when the bytes would survive a power cut.
//!
//! Keys are made here from identifiers and never from text of a user, so that no key leaves the folder.

mod buffer;
mod error;
mod key;
mod store;
mod writer;

pub use buffer::Buffer;
pub use error::Error;
pub use key::Key;
pub use store::{MAX_READ_BYTES, Store};
pub use writer::Writer;

#[cfg(test)]
mod tests;
