//! Removing rows because of their age.
//!
//! A chain loses only its first rows, and the last one of those is signed as its cut: what follows still leads back to
//! something that can be checked, and rows that are gone without a cut were removed by somebody else.

use super::appender::{Appender, Error};
use super::begin::STEP;
use super::chain::Tip;
use super::encode::HASH;
use super::entry::{Action, Entry};
use super::head::{self, CUT};
use super::key::Key;
use crate::catalog::{AuditRow, Catalog};
use crate::clock::Clock;
use crate::time::WallTime;
use serde_json::json;

pub(super) async fn remove_before(
    catalog: &Catalog,
    appender: &Appender,
    key: &Key,
    clock: &dyn Clock,
    before: WallTime,
) -> Result<u64, Error> {
    let mut count = 0;
    for (number, chain) in catalog.audit_chains().await? {
        let mut removed = 0;
        loop {
            let mut rows = catalog.first_audit_rows(number, STEP).await?;
            let whole = rows.len();
            rows.truncate(rows.iter().take_while(|row| row.at < before).count());
            let Some(cut) = rows.last().and_then(tip) else { break };
            let head = head::sign(key, cut, clock.wall(), CUT);
            catalog.cut_audit(number, &head, &rows).await?;
            removed += rows.len();
            if rows.len() < whole {
                break;
            }
        }
        if removed > 0 {
            let mut entry = Entry::system(clock.wall(), Action::AuditRetention);
            entry.detail = Some(json!({ "chain": chain.id, "rows": removed, "before": before.to_string() }));
            appender.append(entry).await?;
            count += removed as u64;
        }
    }
    Ok(count)
}

fn tip(row: &AuditRow) -> Option<Tip> {
    let hash = <[u8; HASH]>::try_from(row.hash.as_slice()).ok()?;
    Some(Tip { chain: row.chain, seq: row.seq, hash })
}
