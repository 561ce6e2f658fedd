//! All records of a database, in the order of an export.

use super::appender::Error;
use super::export::{Record, VERSION};
use crate::catalog::{Catalog, ChainNumber};
use std::collections::VecDeque;

/// Rows that are read at one time.
const PAGE: u32 = 1000;

/// See [`records`].
#[derive(Debug)]
pub struct Records {
    catalog: Catalog,
    ready: VecDeque<Record>,
    chains: VecDeque<ChainNumber>,
    behind: i64,
}

/// All records of all chains. Chains and heads are read first: rows that are written meanwhile lie behind them.
///
/// # Errors
/// What the database says.
pub async fn records(catalog: &Catalog) -> Result<Records, Error> {
    let mut ready = VecDeque::from([Record::Export { version: VERSION, complete: true }]);
    let chains = catalog.audit_chains().await?;
    ready.extend(chains.iter().map(|(_, chain)| Record::Chain(chain.clone())));
    for (number, _) in &chains {
        ready.extend(catalog.audit_heads(*number).await?.into_iter().map(Record::Head));
    }
    let chains = chains.into_iter().map(|(number, _)| number).collect();
    Ok(Records { catalog: catalog.clone(), ready, chains, behind: 0 })
}

impl Records {
    /// The next one.
    ///
    /// # Errors
    /// What the database says.
    pub async fn next(&mut self) -> Result<Option<Record>, Error> {
        while self.ready.is_empty() {
            let Some(chain) = self.chains.front() else { return Ok(None) };
            let rows = self.catalog.audit_rows_behind(*chain, self.behind, PAGE).await?;
            if rows.is_empty() {
                self.chains.pop_front();
                self.behind = 0;
            }
            self.behind = rows.last().map_or(self.behind, |row| row.seq);
            self.ready.extend(rows.into_iter().map(|row| Record::Row(Box::new(row))));
        }
        Ok(self.ready.pop_front())
    }
}
