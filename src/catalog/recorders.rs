//! Table `recorders`: which processes run recordings on this catalogue, and whose a running recording is.
//!
//! A process writes a row when it starts, counts it up while it lives ([`Catalog::beat`]) and removes it when it ends. Of
//! one that was killed the count stands still; who watches that long enough removes the row ([`Watch`]). No clocks are
//! compared, and while the database does not answer nobody dies. A recording whose process has no row is nobody's, and one
//! process takes it over ([`Catalog::take_over`]), if it has the folder that the bytes are in. SQLite has one process.

use super::recordings::recording;
use super::row::now;
use super::statement::sql;
use super::{Catalog, Error, Recording};
use crate::id::RecordingId;
use sqlx::Row as _;
use std::collections::HashMap;

/// Looks in which a count must stand still until its process is taken for dead.
const LOOKS: u32 = 4;

/// This process, as the catalogue knows it.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) recorder: String,
    pub(super) folder: String,
}

/// What was seen of other processes.
#[derive(Debug, Default)]
pub struct Watch {
    /// A count, and in how many looks it was the same.
    seen: HashMap<String, (i64, u32)>,
}

impl Watch {
    /// The processes that have not counted in the last [`LOOKS`] looks.
    fn look(&mut self, counts: &[(String, i64)]) -> Vec<String> {
        let before = std::mem::take(&mut self.seen);
        for (id, count) in counts {
            let same = before.get(id).filter(|(seen, _)| seen == count).map_or(0, |(_, looks)| looks + 1);
            self.seen.insert(id.clone(), (*count, same));
        }
        let dead = self.seen.iter().filter(|(_, (_, looks))| *looks >= LOOKS);
        dead.map(|(id, _)| id.clone()).collect()
    }
}

impl Catalog {
    /// This process's identifier, once it is enrolled.
    pub(super) fn recorder(&self) -> Option<&str> {
        self.identity.get().map(|me| me.recorder.as_str())
    }

    /// The name of the folder of this process's recordings, once it is enrolled.
    pub(super) fn folder(&self) -> Option<&str> {
        self.identity.get().map(|me| me.folder.as_str())
    }

    /// This process runs recordings from now on, and their bytes are in the folder of this name.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn enrol(&self, folder: &str) -> Result<(), Error> {
        let identity = Identity { recorder: uuid::Uuid::now_v7().to_string(), folder: folder.to_owned() };
        let identity = self.identity.get_or_init(|| identity);
        let mut change = self.begin().await?;
        if !self.is_shared() {
            sql("DELETE FROM recorders").execute(&mut *change).await?;
            // Its recordings are where it is told that they are.
            sql("UPDATE recordings SET folder = $1 WHERE folder <> $1")
                .bind(&identity.folder)
                .execute(&mut *change)
                .await?;
        }
        sql("INSERT INTO recorders (id, started_at, beats) VALUES ($1, $2, 0)
             ON CONFLICT (id) DO UPDATE SET beats = recorders.beats + 1")
        .bind(&identity.recorder)
        .bind(now())
        .execute(&mut *change)
        .await?;
        change.commit().await?;
        Ok(())
    }

    /// This process lives. `false` when another one took it for dead: then some of its recordings may be another's.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn beat(&self) -> Result<bool, Error> {
        let Some(me) = self.identity.get() else { return Ok(true) };
        let counted = sql("UPDATE recorders SET beats = beats + 1 WHERE id = $1").bind(&me.recorder);
        if counted.execute(&self.writer).await? > 0 {
            return Ok(true);
        }
        self.enrol(&me.folder).await?;
        Ok(false)
    }

    /// This process runs nothing any more: what it left is anybody's.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn retire(&self) -> Result<(), Error> {
        if let Some(me) = self.identity.get() {
            sql("DELETE FROM recorders WHERE id = $1").bind(&me.recorder).execute(&self.writer).await?;
        }
        Ok(())
    }

    /// Looks at the other processes, and removes the rows of those that are dead. How many.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn bury(&self, watch: &mut Watch) -> Result<u64, Error> {
        let rows = sql("SELECT id, beats FROM recorders").fetch_all(&self.reader).await?;
        let counts = rows.iter().map(|row| Ok((row.try_get("id")?, row.try_get("beats")?)));
        let counts = counts.collect::<Result<Vec<(String, i64)>, sqlx::Error>>()?;
        let dead = watch.look(&counts);
        let mut buried = 0;
        for (id, count) in counts {
            if dead.contains(&id) && Some(id.as_str()) != self.recorder() {
                // Unless it counts at this very moment.
                let row = sql("DELETE FROM recorders WHERE id = $1 AND beats = $2").bind(id).bind(count);
                buried += row.execute(&self.writer).await?;
            }
        }
        Ok(buried)
    }

    /// Recordings that claim to be running, that no living process runs, and whose bytes are in this process's folder.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn orphans(&self) -> Result<Vec<Recording>, Error> {
        let found = sql("SELECT * FROM recordings WHERE status IN ('pending', 'recording', 'processing')
                AND (recorder_id IS NULL OR recorder_id NOT IN (SELECT id FROM recorders))
                AND (folder IS NULL OR folder = $1) ORDER BY id")
        .bind(self.folder())
        .fetch_all(&self.reader)
        .await?;
        found.iter().map(recording).collect()
    }

    /// An orphan is this process's from now on. `false` when another one was quicker.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn take_over(&self, id: RecordingId) -> Result<bool, Error> {
        let taken = sql("UPDATE recordings SET recorder_id = $2, folder = $3, updated_at = $4
             WHERE id = $1 AND status IN ('pending', 'recording', 'processing')
               AND (recorder_id IS NULL OR recorder_id NOT IN (SELECT id FROM recorders))")
        .bind(id.to_string())
        .bind(self.recorder())
        .bind(self.folder())
        .bind(now())
        .execute(&self.writer)
        .await?;
        Ok(taken > 0)
    }

    /// Whether a recording is this process's, as far as the catalogue knows.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn is_mine(&self, id: RecordingId) -> Result<bool, Error> {
        let row = sql("SELECT recorder_id FROM recordings WHERE id = $1").bind(id.to_string());
        let row = row.fetch_optional(&self.reader).await?;
        let owner = row.map(|row| row.try_get::<Option<String>, _>("recorder_id")).transpose()?.flatten();
        Ok(owner.as_deref() == self.recorder())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_count_for_long_is_dead_and_who_counts_lives() {
        let mut watch = Watch::default();
        let both = |alive: i64| [("a".to_owned(), alive), ("b".to_owned(), 7)];
        for look in 0..4 {
            assert!(watch.look(&both(look)).is_empty(), "look {look}");
        }
        assert_eq!(watch.look(&both(4)), ["b"]);
        // Who comes back begins anew.
        assert!(watch.look(&[("b".to_owned(), 8)]).is_empty());
        assert!(watch.look(&[]).is_empty());
        assert!(watch.look(&[("b".to_owned(), 8)]).is_empty());
    }
}
