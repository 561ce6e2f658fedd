//! Table `view_salts`.

use crate::catalog::statement::sql;
use crate::catalog::{Catalog, Error};
use sqlx::Row as _;

impl Catalog {
    /// The salt of a day, which is `fresh` unless there is one, and that of the day before. Those before are removed.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn view_salts(&self, day: i64, fresh: &str) -> Result<(String, Option<String>), Error> {
        let mut all = self.begin().await?;
        sql("INSERT INTO view_salts (day, salt) VALUES ($1, $2) ON CONFLICT (day) DO NOTHING")
            .bind(day)
            .bind(fresh)
            .execute(&mut *all)
            .await?;
        sql("DELETE FROM view_salts WHERE day < $1").bind(day.saturating_sub(1)).execute(&mut *all).await?;
        let rows = sql("SELECT day, salt FROM view_salts WHERE day <= $1 ORDER BY day DESC LIMIT 2")
            .bind(day)
            .fetch_all(&mut *all)
            .await?;
        all.commit().await?;
        let mut salts = rows.iter().map(|row| row.try_get::<String, _>("salt"));
        let today = salts.next().transpose()?.ok_or(Error::Missing { what: "salt" })?;
        Ok((today, salts.next().transpose()?))
    }
}
