//! Where a chain stands, and how it grows.

use super::encode::{Hash, genesis, hash};
use super::seal::{self, BadSeal, SALT};
use crate::catalog::AuditRow;
use uuid::Uuid;

/// The end of a chain. It is moved on only when what it leads to is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tip {
    pub(super) chain: Uuid,
    /// Number of the last row; 0 before the first.
    pub(super) seq: i64,
    pub(super) hash: Hash,
}

impl Tip {
    /// Before the first row.
    pub(super) fn new(chain: Uuid) -> Self {
        Self { chain, seq: 0, hash: genesis(chain) }
    }

    /// Makes a row the next one of the chain: gives it its place, its salts and its hash.
    pub(super) fn link(&mut self, row: &mut AuditRow, salts: &[u8; 3 * SALT]) -> Result<(), BadSeal> {
        row.chain = self.chain;
        row.seq = self.seq.saturating_add(1);
        row.prev_hash = self.hash.to_vec();
        seal::seal(row, salts);
        let hash = hash(row)?;
        row.hash = hash.to_vec();
        *self = Self { chain: self.chain, seq: row.seq, hash };
        Ok(())
    }
}
