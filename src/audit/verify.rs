//! Whether rows are as they were written: one pass over records in the order of an export.
//!
//! It stops at the first row that is not, names it, and says why. What it cannot know it says as well
//! ([`Report::limits`]): the end of a chain is only held by heads, and heads that lie beside the rows can be removed with
//! them.

mod report;
#[cfg(test)]
mod tests;

pub use report::Report;

use super::encode::{HASH, genesis, hash};
use super::entry::Action;
use super::export::Record;
use super::head::{self, CUT, ENDED};
use super::key::PublicKey;
use super::seal::COMMITMENT;
use crate::catalog::{AuditChain, AuditHead, AuditRow};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use uuid::Uuid;

/// Where a chain is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The chain.
    pub chain: Uuid,
    /// The first bad row, by its number.
    pub seq: i64,
    /// What is wrong with it.
    pub why: Why,
}

/// See [`Fault`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its content is not what was hashed.
    Changed,
    /// A value of a person does not fit the salt or the commitment beside it.
    Seal,
    /// It and those up to this number are not there.
    Missing(i64),
    /// It stands behind this one, which was written later.
    Moved(i64),
    /// There are two of this number.
    Twice,
    /// It does not hold the hash of the row before it: one of the two was exchanged or put in.
    Unlinked,
    /// Another row was here when a head was signed, or when a later chain began.
    Rewritten,
    /// It and those behind it are not there: a head was signed at this number.
    Truncated(i64),
    /// It was put behind the end of a chain that had ended.
    AfterEnd,
    /// It belongs to a chain that never began.
    NoChain,
    /// What its chain says of earlier ones is not what its first row says.
    Beginning,
    /// A head that names it has a wrong signature.
    Head,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { chain, seq, why } = self;
        write!(f, "row {seq} of chain {chain}: ")?;
        match why {
            Why::Changed => f.write_str("it was changed"),
            Why::Seal => f.write_str("a value of a person was changed, put in or removed"),
            Why::Missing(to) => write!(f, "rows {seq} to {to} were removed"),
            Why::Moved(behind) => write!(f, "it was moved behind row {behind}"),
            Why::Twice => f.write_str("there are two of this number"),
            Why::Unlinked => write!(f, "it does not follow row {}: one of the two was exchanged", seq - 1),
            Why::Rewritten => {
                f.write_str("another row was here when a head was signed or a later chain began")
            }
            Why::Truncated(head) => write!(f, "rows from {seq} on were removed: there were {head}"),
            Why::AfterEnd => f.write_str("it was put behind the end of its chain"),
            Why::NoChain => f.write_str("its chain never began"),
            Why::Beginning => f.write_str("what its chain says of earlier chains was changed"),
            Why::Head => f.write_str("a head that names it has a wrong signature"),
        }
    }
}

impl std::error::Error for Fault {}

/// A chain while it is read.
#[derive(Debug, Default)]
struct Reading {
    /// The row before the next one.
    last: i64,
    hash: Vec<u8>,
    /// Rows that are not there, and the one that stands in their place.
    hole: Option<(i64, i64, i64)>,
    /// Of the last head that was met on the way.
    head: i64,
}

/// What is known of a chain besides its rows.
#[derive(Debug, Default)]
struct Known {
    line: Option<AuditChain>,
    /// The hashes that rows must have.
    hashes: BTreeMap<i64, Vec<u8>>,
    cut: Option<(i64, Vec<u8>)>,
    end: Option<i64>,
}

/// Reads records.
#[derive(Debug, Default)]
pub struct Verifier {
    keys: BTreeSet<PublicKey>,
    /// The keys were given, and did not come with the records.
    given: bool,
    outside: usize,
    complete: bool,
    known: BTreeMap<Uuid, Known>,
    reading: BTreeMap<Uuid, Reading>,
    current: Option<Uuid>,
    /// The row that was read last, of a part of an export.
    neighbour: Option<AuditRow>,
    report: Report,
}

impl Verifier {
    /// One that trusts these keys, and knows heads that were kept elsewhere. Without keys it trusts those of the heads;
    /// without heads, those that come with the records, which the report says.
    ///
    /// # Errors
    /// A head whose signature is wrong.
    pub fn new(keys: &[PublicKey], heads: &[AuditHead]) -> Result<Self, Fault> {
        let mut verifier = Self { keys: keys.iter().copied().collect(), ..Self::default() };
        let from_heads = keys.is_empty();
        for head in heads {
            let key = head::check(head).map_err(|_| at(head.chain, head.seq, Why::Head))?;
            if from_heads {
                verifier.keys.insert(key);
            } else if !verifier.keys.contains(&key) {
                return Err(at(head.chain, head.seq, Why::Head));
            }
            verifier.expect(head.chain, head.seq, &head.hash)?;
            if head.kind == ENDED {
                verifier.known.entry(head.chain).or_default().end = Some(head.seq);
            }
        }
        verifier.given = !verifier.keys.is_empty();
        verifier.outside = heads.len();
        Ok(verifier)
    }

    /// The next record.
    ///
    /// # Errors
    /// The first bad row.
    pub fn push(&mut self, record: &Record) -> Result<(), Fault> {
        match record {
            Record::Export { complete, .. } => {
                self.complete = *complete;
                Ok(())
            }
            Record::Chain(chain) => self.chain(chain),
            Record::Head(head) => self.head(head),
            Record::Row(row) => self.row(row),
        }
    }

    fn chain(&mut self, chain: &AuditChain) -> Result<(), Fault> {
        for (id, seq, hash) in super::begin::previous(&chain.previous) {
            self.expect(id, seq, &hash)?;
        }
        self.report.chains += 1;
        self.known.entry(chain.id).or_default().line = Some(chain.clone());
        Ok(())
    }

    fn head(&mut self, head: &AuditHead) -> Result<(), Fault> {
        let key = head::check(head).map_err(|_| at(head.chain, head.seq, Why::Head))?;
        if !self.given {
            self.keys.insert(key);
        } else if !self.keys.contains(&key) {
            self.report.strange_heads += 1;
            return Ok(());
        }
        self.report.heads += 1;
        let known = self.known.entry(head.chain).or_default();
        if head.kind == CUT && known.cut.as_ref().is_none_or(|(seq, _)| *seq < head.seq) {
            known.cut = Some((head.seq, head.hash.clone()));
        } else if head.kind == ENDED {
            known.end = Some(head.seq);
        }
        self.expect(head.chain, head.seq, &head.hash)
    }

    /// A row must have this hash.
    fn expect(&mut self, chain: Uuid, seq: i64, hash: &[u8]) -> Result<(), Fault> {
        let hashes = &mut self.known.entry(chain).or_default().hashes;
        match hashes.get(&seq) {
            Some(known) if known != hash => Err(at(chain, seq, Why::Rewritten)),
            Some(_) => Ok(()),
            None => {
                hashes.insert(seq, hash.to_vec());
                Ok(())
            }
        }
    }

    /// A row of a part of an export, which may be in any order: it is checked by itself, and with the one beside it.
    fn loose(&mut self, row: &AuditRow) -> Result<(), Fault> {
        let expected = self.known.get(&row.chain).and_then(|known| known.hashes.get(&row.seq));
        intact(row, expected)?;
        let linked = match self.neighbour.replace(row.clone()) {
            Some(last) if last.chain == row.chain && last.seq + 1 == row.seq => last.hash == row.prev_hash,
            Some(last) if last.chain == row.chain && last.seq == row.seq + 1 => row.hash == last.prev_hash,
            _ => true,
        };
        if !linked {
            return Err(at(row.chain, row.seq, Why::Unlinked));
        }
        self.count(row);
        Ok(())
    }

    fn count(&mut self, row: &AuditRow) {
        let seals = [&row.who_seal, &row.place_seal, &row.target_seal];
        let erased = seals.iter().filter(|seal| seal.as_ref().is_some_and(|seal| seal.len() == COMMITMENT));
        self.report.erased += erased.count() as u64;
        self.report.rows += 1;
    }

    fn row(&mut self, row: &AuditRow) -> Result<(), Fault> {
        if !self.complete {
            return self.loose(row);
        }
        let fault = |why| Err(at(row.chain, row.seq, why));
        if self.current != Some(row.chain) {
            self.leave()?;
            self.enter(row.chain, row.seq)?;
        }
        let Some(reading) = self.reading.get_mut(&row.chain) else { return fault(Why::NoChain) };
        let known = self.known.entry(row.chain).or_default();
        let next = reading.last + 1;
        if let Some((from, to, behind)) = reading.hole {
            // Whether it was removed or moved is seen at the end.
            return if (from..=to).contains(&row.seq) { fault(Why::Moved(behind)) } else { Ok(()) };
        }
        if row.seq < next {
            return fault(if row.seq == reading.last { Why::Twice } else { Why::Moved(reading.last) });
        }
        if row.seq > next {
            reading.hole = Some((next, row.seq - 1, row.seq));
            return Ok(());
        }
        let expected = known.hashes.get(&row.seq);
        let held = if expected.is_some() { row.seq } else { reading.head };
        intact(row, None)?;
        if row.prev_hash != reading.hash {
            return fault(Why::Unlinked);
        }
        if expected.is_some_and(|expected| *expected != row.hash) {
            return fault(Why::Rewritten);
        }
        if known.end.is_some_and(|end| row.seq > end) {
            return fault(Why::AfterEnd);
        }
        if row.action == Action::AuditBegin.name()
            && known.line.as_ref().is_some_and(|line| line.previous != row.detail)
        {
            return fault(Why::Beginning);
        }
        *reading = Reading { last: row.seq, hash: row.hash.clone(), head: held, hole: None };
        self.count(row);
        Ok(())
    }

    /// The first row of a chain.
    fn enter(&mut self, chain: Uuid, seq: i64) -> Result<(), Fault> {
        if self.reading.contains_key(&chain) {
            let last = self.reading.get(&chain).map_or(0, |reading| reading.last);
            return Err(at(chain, seq, Why::Moved(last)));
        }
        let known = self.known.entry(chain).or_default();
        if known.line.is_none() {
            return Err(at(chain, seq, Why::NoChain));
        }
        let (last, hash) = known.cut.clone().unwrap_or_else(|| (0, genesis(chain).to_vec()));
        self.reading.insert(chain, Reading { last, hash, ..Reading::default() });
        self.current = Some(chain);
        Ok(())
    }

    /// The last row of a chain was read.
    fn leave(&mut self) -> Result<(), Fault> {
        let Some((id, reading)) = self.current.take().and_then(|id| Some((id, self.reading.get(&id)?)))
        else {
            return Ok(());
        };
        match reading.hole {
            Some((from, to, _)) => Err(at(id, from, Why::Missing(to))),
            None => Ok(()),
        }
    }

    /// What was found, once all was read.
    ///
    /// # Errors
    /// Rows that should be there and are not.
    pub fn finish(mut self) -> Result<Report, Fault> {
        self.leave()?;
        for (id, known) in &self.known {
            let cut = known.cut.as_ref().map_or(0, |(seq, _)| *seq);
            let reading = self.reading.get(id);
            let last = reading.map_or(cut, |reading| reading.last);
            let head = known.hashes.last_key_value().map_or(0, |(seq, _)| *seq);
            if self.complete && head > last {
                return Err(at(*id, last + 1, Why::Truncated(head)));
            }
            let held = reading.map_or(cut, |reading| reading.head).max(cut);
            if self.complete {
                self.report.unheld += u64::try_from(last - held).unwrap_or(0);
            }
        }
        self.report.complete = self.complete;
        self.report.keys = self.keys.iter().copied().collect();
        self.report.keys_given = self.given;
        self.report.outside = self.outside;
        Ok(self.report)
    }
}

/// Whether a row is what was hashed, and has the hash that it must have.
fn intact(row: &AuditRow, expected: Option<&Vec<u8>>) -> Result<(), Fault> {
    let why = match hash(row) {
        Err(_) => Why::Seal,
        Ok(hash) if hash.as_slice() != row.hash => Why::Changed,
        Ok(_) if expected.is_some_and(|expected| *expected != row.hash) => Why::Rewritten,
        Ok(_) => return Ok(()),
    };
    Err(at(row.chain, row.seq, why))
}

fn at(chain: Uuid, seq: i64, why: Why) -> Fault {
    Fault { chain, seq, why }
}

const _: () = assert!(HASH == COMMITMENT, "both are SHA-256");
