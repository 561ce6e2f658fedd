//! Making again what is kept of the viewers and days of a recording, as far as sessions have changed since.
//!
//! Triggers note which viewers and days these are (`view_stale_viewers`, `view_stale_days`), whoever changed the sessions. Who
//! asks for the numbers takes the notes away and makes the rows again in one transaction. So they are those of the sessions,
//! and what nobody asks for costs nothing.

use super::stale::{days, viewers};
use super::totals::{decode_curve, encode_curve};
use crate::analytics::ranges::Ranges;
use crate::analytics::retention::{Curve, PARTS, completed, rates};
use crate::catalog::database::one_by_one;
use crate::catalog::row::{Connection, Row, boolean, corrupt, parsed};
use crate::catalog::statement::sql;
use crate::catalog::{Catalog, Error};
use crate::id::RecordingId;
use sqlx::Row as _;

/// Viewers, and days, that are made again in one transaction.
const AT_ONCE: usize = 1000;

/// What sessions are compared with.
#[derive(Clone, Copy, Debug)]
pub struct Whole<'a> {
    /// What of the recording is media.
    pub media: &'a Ranges,
    /// Its length in milliseconds.
    pub length_ms: i64,
}

/// A row of `view_recordings`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) viewers: i64,
    pub(super) completed: i64,
    pub(super) permille: i64,
    pub(super) curve: Curve,
    pub(super) seen: Ranges,
    /// What is above is to be made of `view_viewers` again.
    pub(super) dirty: bool,
}

impl Kept {
    pub(super) fn none(whole: Whole<'_>) -> Self {
        let curve = Curve::of([], whole.length_ms, PARTS);
        Self { viewers: 0, completed: 0, permille: 0, curve, seen: Ranges::default(), dirty: false }
    }

    /// With a viewer who saw this.
    pub(super) fn add(&mut self, seen: &Ranges, permille: i64) {
        self.count(seen, permille, 1);
        self.seen = self.seen.union(seen);
    }

    /// Without a viewer who saw this. What of it nobody else saw is not known.
    pub(super) fn remove(&mut self, seen: &Ranges, permille: i64) {
        self.count(seen, permille, -1);
    }

    fn count(&mut self, seen: &Ranges, permille: i64, sign: i64) {
        self.viewers = self.viewers.saturating_add(sign);
        self.completed = self.completed.saturating_add(sign * i64::from(completed(permille)));
        self.permille = self.permille.saturating_add(sign.saturating_mul(permille));
        self.curve.viewers = u32::try_from(self.viewers.max(0)).unwrap_or(u32::MAX);
        let own = Curve::of([seen], self.curve.length_ms, PARTS);
        for (all, own) in self.curve.seen.iter_mut().zip(own.seen) {
            *all = if sign > 0 { all.saturating_add(own) } else { all.saturating_sub(own) };
        }
    }

    fn read(row: &Row, whole: Whole<'_>) -> Result<Option<Self>, Error> {
        let (media, length_ms): (Vec<u8>, i64) = (row.try_get("media")?, row.try_get("length_ms")?);
        if media != whole.media.encode() || length_ms != whole.length_ms {
            return Ok(None);
        }
        let viewers: i64 = row.try_get("viewers")?;
        let (curve, seen): (Vec<u8>, Vec<u8>) = (row.try_get("curve")?, row.try_get("seen")?);
        Ok(Some(Self {
            viewers,
            completed: row.try_get("completed")?,
            permille: row.try_get("permille")?,
            curve: Curve {
                length_ms: whole.length_ms.max(1),
                viewers: u32::try_from(viewers).unwrap_or(0),
                seen: decode_curve(&curve)?,
            },
            seen: Ranges::decode(&seen).map_err(|error| corrupt("seen", error))?,
            dirty: boolean(row, "dirty")?,
        }))
    }
}

impl Catalog {
    /// Makes again what is kept of the sessions of a recording, as far as it is not that of what they are now.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn freshen_views(&self, id: RecordingId, whole: Whole<'_>) -> Result<(), Error> {
        self.fresh(id, whole).await?;
        Ok(())
    }

    /// The same. What is kept of all viewers then.
    pub(super) async fn fresh(&self, id: RecordingId, whole: Whole<'_>) -> Result<Kept, Error> {
        if let Some(kept) = self.if_fresh(id, whole).await? {
            return Ok(kept);
        }
        // Until all is made again that was to be when it was looked at last: others may note more all the time.
        loop {
            let mut all = self.begin().await?;
            one_by_one(&mut all).await?;
            let there = sql("SELECT id FROM recordings WHERE id = $1").bind(id.to_string());
            if there.fetch_optional(&mut *all).await?.is_none() {
                return Ok(Kept::none(whole));
            }
            let mut kept = match kept(&mut all, id, whole).await? {
                Some(kept) => kept,
                None => anew(&mut all, id, whole).await?,
            };
            let mut done = days(&mut all, id, AT_ONCE).await?;
            done &= viewers(&mut all, id, whole, &mut kept, AT_ONCE).await?;
            if kept.dirty && done {
                kept = of_viewers(&mut all, id, whole).await?;
            }
            put(&mut all, id, whole, &kept).await?;
            all.commit().await?;
            if done {
                return Ok(kept);
            }
        }
    }

    /// What is kept, if nothing of it is to be made again.
    async fn if_fresh(&self, id: RecordingId, whole: Whole<'_>) -> Result<Option<Kept>, Error> {
        // Before what is kept: who makes it again takes the notes away with the same commit.
        let stale = sql("SELECT viewer AS stale FROM view_stale_viewers WHERE recording_id = $1
             UNION ALL SELECT recording_id FROM view_stale_days WHERE recording_id = $1 LIMIT 1")
        .bind(id.to_string())
        .fetch_optional(&self.reader)
        .await?;
        if stale.is_some() {
            return Ok(None);
        }
        let mut connection = self.reader.acquire().await?;
        match row(&mut connection, id).await? {
            Some(row) => Ok(Kept::read(&row, whole)?.filter(|kept| !kept.dirty)),
            // Nobody watched it.
            None => Ok(Some(Kept::none(whole))),
        }
    }

    /// The mean share of the media that viewers of a recording saw, and the share of them who completed it, in thousandths,
    /// as they were when they were counted last. `None`: they never were.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn view_rates(&self, id: RecordingId) -> Result<Option<(i64, i64)>, Error> {
        let row = sql("SELECT viewers, permille, completed FROM view_recordings
             WHERE recording_id = $1 AND viewers > 0")
        .bind(id.to_string())
        .fetch_optional(&self.reader)
        .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(rates(row.try_get("viewers")?, row.try_get("permille")?, row.try_get("completed")?)))
    }

    /// Recordings that have ended of which something is to be made again, at most so many.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn stale_views(&self, limit: u32) -> Result<Vec<RecordingId>, Error> {
        let rows = sql("SELECT r.id FROM recordings r WHERE r.status IN ('completed', 'failed', 'archived')
             AND r.id IN (SELECT recording_id FROM view_stale_viewers
                          UNION SELECT recording_id FROM view_stale_days) LIMIT $1")
        .bind(i64::from(limit))
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(|row| parsed(row, "id")).collect()
    }
}

async fn row(on: &mut Connection, id: RecordingId) -> Result<Option<Row>, Error> {
    Ok(sql("SELECT media, length_ms, viewers, completed, permille, curve, seen, dirty
         FROM view_recordings WHERE recording_id = $1")
    .bind(id.to_string())
    .fetch_optional(on)
    .await?)
}

/// What is kept, if it is of this media and length.
async fn kept(on: &mut Connection, id: RecordingId, whole: Whole<'_>) -> Result<Option<Kept>, Error> {
    match row(on, id).await? {
        Some(row) => Kept::read(&row, whole),
        None => Ok(None),
    }
}

/// Nothing is kept, and all viewers are to be made again.
async fn anew(on: &mut Connection, id: RecordingId, whole: Whole<'_>) -> Result<Kept, Error> {
    sql("DELETE FROM view_viewers WHERE recording_id = $1").bind(id.to_string()).execute(&mut *on).await?;
    sql("INSERT INTO view_stale_viewers (recording_id, viewer)
         SELECT DISTINCT s.recording_id, CASE WHEN s.viewer = 'n' THEN 'n:' || CAST(s.id AS TEXT) ELSE s.viewer END
         FROM view_sessions s WHERE s.recording_id = $1 AND s.next_number > 0
         ON CONFLICT (recording_id, viewer) DO NOTHING")
    .bind(id.to_string())
    .execute(on)
    .await?;
    Ok(Kept::none(whole))
}

/// Of the rows of all viewers.
async fn of_viewers(on: &mut Connection, id: RecordingId, whole: Whole<'_>) -> Result<Kept, Error> {
    let rows = sql("SELECT seen, permille FROM view_viewers WHERE recording_id = $1")
        .bind(id.to_string())
        .fetch_all(on)
        .await?;
    let mut kept = Kept::none(whole);
    for row in rows {
        let seen: Vec<u8> = row.try_get("seen")?;
        let seen = Ranges::decode(&seen).map_err(|error| corrupt("seen", error))?;
        kept.add(&seen, row.try_get("permille")?);
    }
    Ok(kept)
}

async fn put(on: &mut Connection, id: RecordingId, whole: Whole<'_>, kept: &Kept) -> Result<(), Error> {
    sql("INSERT INTO view_recordings
             (recording_id, media, length_ms, viewers, completed, permille, curve, seen, dirty)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (recording_id) DO UPDATE SET media = excluded.media, length_ms = excluded.length_ms,
             viewers = excluded.viewers, completed = excluded.completed, permille = excluded.permille,
             curve = excluded.curve, seen = excluded.seen, dirty = excluded.dirty")
    .bind(id.to_string())
    .bind(whole.media.encode())
    .bind(whole.length_ms)
    .bind(kept.viewers)
    .bind(kept.completed)
    .bind(kept.permille)
    .bind(encode_curve(&kept.curve.seen))
    .bind(kept.seen.encode())
    .bind(kept.dirty)
    .execute(on)
    .await?;
    Ok(())
}
