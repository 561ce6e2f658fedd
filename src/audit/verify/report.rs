use crate::audit::key::PublicKey;
use std::fmt;

/// What was verified, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Rows that are as they were written.
    pub rows: u64,
    /// Their chains.
    pub chains: u64,
    /// Values of persons that were erased, and whose commitments hold.
    pub erased: u64,
    /// Heads whose signature and row are right.
    pub heads: u64,
    /// Heads of keys that were not given.
    pub strange_heads: u64,
    /// Rows behind the last head of their chain.
    pub unheld: u64,
    /// All rows of all chains were there to be read.
    pub complete: bool,
    /// Keys that were trusted.
    pub keys: Vec<PublicKey>,
    /// They did not come with the rows.
    pub keys_given: bool,
    /// Heads that were kept elsewhere.
    pub outside: usize,
}

impl Report {
    /// What cannot be ruled out, in sentences.
    #[must_use]
    pub fn limits(&self) -> Vec<String> {
        let mut limits = Vec::new();
        if !self.complete {
            limits.push(
                "this is not a complete export: rows that are not in it may have been removed".to_owned(),
            );
        }
        if self.outside == 0 {
            limits.push(
                "no head was given that was kept elsewhere (--head): whoever could write to the database may have \
                 removed the last rows of a chain, or a whole last chain, with the heads beside them"
                    .to_owned(),
            );
        }
        if !self.keys_given {
            limits.push(
                "the keys came with the rows (give --key): all of it could have been written anew with another key"
                    .to_owned(),
            );
        }
        if self.unheld > 0 {
            let rows = self.unheld;
            limits.push(format!(
                "{rows} rows lie behind the last head of their chain: they could have been written anew or cut short"
            ));
        }
        if self.strange_heads > 0 {
            let heads = self.strange_heads;
            limits.push(format!("{heads} heads are of keys that were not given, and were not used"));
        }
        limits
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, chains, erased, heads, outside, .. } = self;
        write!(
            f,
            "{rows} rows of {chains} chains are as they were written; {heads} heads beside them and {outside} "
        )?;
        write!(f, "kept elsewhere agree; {erased} values of persons were erased")?;
        for limit in self.limits() {
            write!(f, "\nnot ruled out: {limit}")?;
        }
        Ok(())
    }
}
