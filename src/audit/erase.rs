//! Erasing a person from the audit.

use super::appender::Error;
use super::begin::STEP;
use super::seal::{erase_actor, erase_target};
use crate::catalog::{Catalog, PersonRow};

/// In steps, so that nobody who records waits long.
pub(super) async fn erase(catalog: &Catalog, person: &str) -> Result<u64, Error> {
    let mut count = 0;
    loop {
        let found = catalog.audit_rows_of(person, STEP).await?;
        if found.is_empty() {
            return Ok(count);
        }
        let mut rows = Vec::with_capacity(found.len());
        for stored in found {
            let mut erased = stored.row.clone();
            let changed = |_| Error::Changed(stored.row.seq);
            if erased.who.as_deref() == Some(person) {
                erase_actor(&mut erased).map_err(changed)?;
            }
            if erased.target.as_deref() == Some(person) {
                erase_target(&mut erased).map_err(changed)?;
            }
            rows.push(PersonRow { stored, erased });
        }
        catalog.erase_audit(&rows).await?;
        count += rows.len() as u64;
    }
}
