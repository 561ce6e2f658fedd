//! The audit: who did what, when and from where, in rows that cannot be changed unseen.
//!
//! Each process writes one chain. A row holds the hash of the one before it ([`encode`]), so that changing, removing,
//! moving or adding one breaks the chain there. What is known of a person enters the hash only as a salted commitment
//! ([`seal`]): it can be erased, and the chain stays whole. The end of a chain is held by heads: signed statements of how
//! far it had come, which are also kept outside of the database ([`head`]). [`verify`] checks all of that.
//!
//! [`Appender`] is the only writer. Who asks it to write is answered when the row is durable; those who ask at the same
//! time share one commit. What it promises, and against whom, is in `docs/design/audit.md`.

mod address;
mod appender;
mod begin;
mod chain;
mod encode;
mod entry;
mod erase;
mod export;
mod head;
mod heads_file;
mod key;
mod ledger;
mod retention;
mod seal;
mod sessions;
mod sign_ins;
mod verify;

pub use address::{BadNetwork, Trusted};
pub use appender::{Appender, Error, Stats};
pub use begin::{Audit, Config};
pub use entry::{Action, Entry, Outcome, Phase};
pub use export::{CSV_HEADER, Record, csv, read_record};
pub use head::BadSignature;
pub use key::{Key, KeyError, PublicKey};
pub use ledger::{Records, records};
pub use sessions::{Client, Sessions, Watching};
pub use verify::{Fault, Report, Verifier, Why};

#[cfg(test)]
mod session_tests;
#[cfg(test)]
mod store_tests;
