//! Erasing a person from rows: their values and salts go, commitments stay.

use super::read::{row, select};
use super::sums::{Sums, sweep};
use super::{AuditRow, Stored};
use crate::catalog::statement::sql;
use crate::catalog::{Catalog, Error};
use sqlx::Row as _;

/// A row of a person, as it was and as it shall be.
#[derive(Clone, Debug)]
pub struct PersonRow {
    /// As it was read.
    pub stored: Stored,
    /// Without the person.
    pub erased: AuditRow,
}

impl Catalog {
    /// Rows that name a person, as the one who did it or as the one whom it concerned.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn audit_rows_of(&self, person: &str, limit: u32) -> Result<Vec<Stored>, Error> {
        let mut found = Vec::new();
        for column in [" FROM audit_rows r WHERE r.who = ", " FROM audit_rows r WHERE r.target = "] {
            let mut query = select();
            query.push(column).push_bind(person).push(" ORDER BY r.at LIMIT ").push_bind(i64::from(limit));
            for one in query.fetch_all(&self.reader).await? {
                found.push(Stored { id: one.try_get("id")?, row: row(&one)? });
            }
            if !found.is_empty() {
                break;
            }
        }
        Ok(found)
    }

    /// Writes erased rows in place of what they were, and takes the person out of the sums.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn erase_audit(&self, rows: &[PersonRow]) -> Result<(), Error> {
        let mut all = self.begin().await?;
        sql("INSERT INTO audit_unlocked (way) VALUES ('erase')").execute(&mut *all).await?;
        let mut sums = Sums::default();
        for PersonRow { stored: Stored { id, row }, erased } in rows {
            let changed = sql("UPDATE audit_rows SET who = $2, who_seal = $3, address = $4, user_agent = $5,
                                   place_seal = $6, target = $7, target_seal = $8
                               WHERE id = $1 AND hash = $9")
            .bind(*id)
            .bind(erased.who.as_deref())
            .bind(erased.who_seal.as_deref())
            .bind(erased.address.as_deref())
            .bind(erased.user_agent.as_deref())
            .bind(erased.place_seal.as_deref())
            .bind(erased.target.as_deref())
            .bind(erased.target_seal.as_deref())
            .bind(row.hash.as_slice())
            .execute(&mut *all)
            .await?;
            if let (1, Some(who), None) = (changed, &row.who, &erased.who) {
                sums.add_actor(row.at.0, who, -1, row.bytes.unwrap_or(0).saturating_neg());
            }
        }
        sums.write(&mut all).await?;
        sweep(&mut all).await?;
        sql("DELETE FROM audit_unlocked").execute(&mut *all).await?;
        all.commit().await?;
        Ok(())
    }
}
