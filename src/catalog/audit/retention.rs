//! Removing rows because of their age: always the first ones of a chain, behind a signed cut.

use super::append::put_head;
use super::read::{row, select};
use super::sums::{Sums, sweep};
use super::{AuditHead, AuditRow, ChainNumber};
use crate::catalog::statement::sql;
use crate::catalog::{Catalog, Error};

impl Catalog {
    /// The first rows that a chain still has.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn first_audit_rows(&self, chain: ChainNumber, limit: u32) -> Result<Vec<AuditRow>, Error> {
        let mut query = select();
        query.push(" FROM audit_rows r WHERE r.chain = ").push_bind(chain.0);
        query.push(" ORDER BY r.seq LIMIT ").push_bind(i64::from(limit));
        query.fetch_all(&self.reader).await?.iter().map(row).collect()
    }

    /// Removes the first rows of a chain, up to that of the cut, which is kept with it, and the heads before it.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn cut_audit(
        &self,
        chain: ChainNumber,
        cut: &AuditHead,
        rows: &[AuditRow],
    ) -> Result<(), Error> {
        let mut all = self.begin().await?;
        sql("INSERT INTO audit_unlocked (way) VALUES ('retention')").execute(&mut *all).await?;
        // A chain is a chain by what follows: heads at or before the cut hold nothing any more.
        sql("DELETE FROM audit_heads WHERE chain = $1 AND seq <= $2 AND kind <> 'ended'")
            .bind(chain.0)
            .bind(cut.seq)
            .execute(&mut *all)
            .await?;
        put_head(chain, cut).execute(&mut *all).await?;
        sql("DELETE FROM audit_open WHERE chain = $1 AND seq <= $2")
            .bind(chain.0)
            .bind(cut.seq)
            .execute(&mut *all)
            .await?;
        sql("DELETE FROM audit_rows WHERE chain = $1 AND seq <= $2")
            .bind(chain.0)
            .bind(cut.seq)
            .execute(&mut *all)
            .await?;
        let mut sums = Sums::default();
        for row in rows {
            sums.add(row, -1);
        }
        sums.write(&mut all).await?;
        sweep(&mut all).await?;
        sql("DELETE FROM audit_unlocked").execute(&mut *all).await?;
        all.commit().await?;
        Ok(())
    }
}
