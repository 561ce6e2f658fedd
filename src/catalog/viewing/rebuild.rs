//! Making all that is kept of viewing sessions again, and telling what of it was not so.

use super::freshen::Whole;
use super::stale::DAY;
use super::totals::{SUMS, SUMS_OF_SESSIONS};
use crate::catalog::database::one_by_one;
use crate::catalog::row::Connection;
use crate::catalog::statement::{Statement, sql};
use crate::catalog::{Catalog, Error};
use crate::id::RecordingId;
use sqlx::Row as _;
use std::collections::BTreeMap;

/// Columns of sums by day.
const COLUMNS: &str =
    "sessions, seen_ms, played_ms, playing_ms, startups, stalls, stalled_ms, seeks, pauses, errors, ended";

/// What is kept of a recording, as texts to be compared.
type Rows = BTreeMap<(&'static str, String), String>;

impl Catalog {
    /// Days on which sessions began, or of which sums are kept, from this one on, in order.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn view_days(&self, from: i64, limit: u32) -> Result<Vec<i64>, Error> {
        let rows = sql("SELECT day FROM (SELECT DISTINCT first_at / 86400000000 AS day FROM view_sessions WHERE first_at >= $2
                 UNION SELECT DISTINCT day FROM view_days WHERE day >= $1
                 UNION SELECT DISTINCT day FROM view_totals WHERE day >= $1
                 UNION SELECT DISTINCT day FROM view_day_viewers WHERE day >= $1
                 UNION SELECT DISTINCT day FROM view_day_counts WHERE day >= $1) days
             ORDER BY day LIMIT $3")
        .bind(from)
        .bind(from.saturating_mul(DAY))
        .bind(i64::from(limit))
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(|row| Ok(row.try_get("day")?)).collect()
    }

    /// Makes the sums of a day again, of its sessions. How many were others.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn rebuild_view_day(&self, day: i64) -> Result<u64, Error> {
        let mut all = self.begin().await?;
        one_by_one(&mut all).await?;
        let mut differed = 0_u64;
        let differs = compare(&mut all, || by_recording(day), || kept_by_recording(day)).await?;
        if differs > 0 {
            differed = differed.saturating_add(differs);
            sql("DELETE FROM view_days WHERE day = $1").bind(day).execute(&mut *all).await?;
            let mut insert = sql("INSERT INTO view_days (day, recording_id, source, ");
            insert.push(COLUMNS).push(", longest_micros) SELECT ").push_bind(day);
            insert.push(", s.recording_id, s.source, ").push(SUMS_OF_SESSIONS);
            insert.push(", MAX(s.last_at - s.first_at) AS longest");
            of_day(&mut insert, day);
            insert.push(" GROUP BY s.recording_id, s.source");
            insert.execute(&mut *all).await?;
        }
        let differs = compare(&mut all, || by_source(day), || kept_by_source(day)).await?;
        if differs > 0 {
            differed = differed.saturating_add(differs);
            sql("DELETE FROM view_totals WHERE day = $1").bind(day).execute(&mut *all).await?;
            let mut insert = sql("INSERT INTO view_totals (day, source, ");
            insert.push(COLUMNS).push(") SELECT s.day, s.source, ").push(SUMS);
            insert.push(" FROM view_days s WHERE s.day = ").push_bind(day).push(" GROUP BY s.day, s.source");
            insert.execute(&mut *all).await?;
        }
        let differs = compare(&mut all, || by_viewer(day), || kept_by_viewer(day)).await?;
        if differs > 0 {
            differed = differed.saturating_add(differs);
            sql("DELETE FROM view_day_viewers WHERE day = $1").bind(day).execute(&mut *all).await?;
            let mut insert = sql("INSERT INTO view_day_viewers (day, viewer, sessions) SELECT ");
            insert.push_bind(day).push(", v.viewer, v.sessions FROM (");
            viewers(&mut insert, day);
            insert.push(") v");
            insert.execute(&mut *all).await?;
        }
        differed = differed.saturating_add(count(&mut all, day).await?);
        all.commit().await?;
        Ok(differed)
    }

    /// Makes what is kept of a recording's viewers and days again, of its sessions and of the sums by day, or drops it without a `whole`: of one that has not ended.
    /// How many rows were others.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn rebuild_views(&self, id: RecordingId, whole: Option<Whole<'_>>) -> Result<u64, Error> {
        let before = match whole {
            Some(whole) => {
                self.freshen_views(id, whole).await?;
                self.kept_rows(id).await?
            }
            None => Rows::new(),
        };
        let mut all = self.begin().await?;
        one_by_one(&mut all).await?;
        for statement in [
            sql("DELETE FROM view_viewers WHERE recording_id = $1"),
            sql("DELETE FROM view_recordings WHERE recording_id = $1"),
            sql("DELETE FROM view_peaks WHERE recording_id = $1"),
            sql("INSERT INTO view_stale_viewers (recording_id, viewer)
                 SELECT DISTINCT s.recording_id, CASE WHEN s.viewer = 'n' THEN 'n:' || CAST(s.id AS TEXT) ELSE s.viewer END
                 FROM view_sessions s WHERE s.recording_id = $1 AND s.next_number > 0
                 ON CONFLICT (recording_id, viewer) DO NOTHING"),
            sql("INSERT INTO view_stale_days (recording_id, first_day, last_day)
                 SELECT DISTINCT s.recording_id, s.first_at / 86400000000, s.last_at / 86400000000
                 FROM view_sessions s WHERE s.recording_id = $1 AND s.next_number > 0
                 ON CONFLICT (recording_id, first_day, last_day) DO NOTHING"),
        ] {
            statement.bind(id.to_string()).execute(&mut *all).await?;
        }
        all.commit().await?;
        let Some(whole) = whole else { return Ok(0) };
        self.freshen_views(id, whole).await?;
        let after = self.kept_rows(id).await?;
        let lost = before.iter().filter(|(key, row)| after.get(*key) != Some(*row)).count();
        let new = after.keys().filter(|key| !before.contains_key(*key)).count();
        Ok(lost.saturating_add(new) as u64)
    }

    async fn kept_rows(&self, id: RecordingId) -> Result<Rows, Error> {
        let mut rows = Rows::new();
        let viewers = sql("SELECT viewer, seen, permille FROM view_viewers WHERE recording_id = $1");
        for row in viewers.bind(id.to_string()).fetch_all(&self.reader).await? {
            let (seen, permille): (Vec<u8>, i64) = (row.try_get("seen")?, row.try_get("permille")?);
            rows.insert(("viewer", row.try_get("viewer")?), format!("{} {permille}", hex::encode(seen)));
        }
        let all = sql(
            "SELECT viewers, completed, permille, curve, seen FROM view_recordings WHERE recording_id = $1",
        );
        for row in all.bind(id.to_string()).fetch_all(&self.reader).await? {
            let (curve, seen): (Vec<u8>, Vec<u8>) = (row.try_get("curve")?, row.try_get("seen")?);
            let mut text = format!("{} {}", hex::encode(curve), hex::encode(seen));
            for column in ["viewers", "completed", "permille"] {
                text.push_str(&format!(" {}", row.try_get::<i64, _>(column)?));
            }
            rows.insert(("all", String::new()), text);
        }
        let peaks = sql("SELECT day, sessions, at_ms, last_at FROM view_peaks WHERE recording_id = $1");
        for row in peaks.bind(id.to_string()).fetch_all(&self.reader).await? {
            let mut text = String::new();
            for column in ["sessions", "at_ms", "last_at"] {
                text.push_str(&format!(" {}", row.try_get::<i64, _>(column)?));
            }
            rows.insert(("day", row.try_get::<i64, _>("day")?.to_string()), text);
        }
        Ok(rows)
    }
}

/// How many rows are in one of both and not in the other. Of a row that is another one in each that is one.
async fn compare(
    on: &mut Connection,
    made: impl Fn() -> Part,
    kept: impl Fn() -> Part,
) -> Result<u64, Error> {
    let mut most = 0_u64;
    for (one, other) in [(made(), kept()), (kept(), made())] {
        let mut query = sql("SELECT COUNT(*) AS rows_of_one FROM (");
        one(&mut query);
        query.push(" EXCEPT ");
        other(&mut query);
        query.push(") rest");
        let row = query.fetch_one(&mut *on).await?;
        most = most.max(row.try_get::<i64, _>("rows_of_one")?.unsigned_abs());
    }
    Ok(most)
}

/// A part of a statement.
type Part = Box<dyn Fn(&mut Statement) + Send>;

fn of_day(query: &mut Statement, day: i64) {
    query.push(" FROM view_sessions s WHERE s.next_number > 0 AND s.first_at >= ");
    query.push_bind(day.saturating_mul(DAY)).push(" AND s.first_at < ");
    query.push_bind(day.saturating_add(1).saturating_mul(DAY));
}

fn by_recording(day: i64) -> Part {
    Box::new(move |query| {
        query.push("SELECT s.recording_id, s.source, ").push(SUMS_OF_SESSIONS);
        of_day(query, day);
        query.push(" GROUP BY s.recording_id, s.source");
    })
}

fn kept_by_recording(day: i64) -> Part {
    Box::new(move |query| {
        query.push("SELECT recording_id, source, ").push(COLUMNS);
        query.push(" FROM view_days WHERE day = ").push_bind(day);
    })
}

fn by_source(day: i64) -> Part {
    Box::new(move |query| {
        query.push("SELECT s.source, ").push(SUMS_OF_SESSIONS);
        of_day(query, day);
        query.push(" GROUP BY s.source");
    })
}

fn kept_by_source(day: i64) -> Part {
    Box::new(move |query| {
        query.push("SELECT source, ").push(COLUMNS);
        query.push(" FROM view_totals WHERE day = ").push_bind(day);
    })
}

fn viewers(query: &mut Statement, day: i64) {
    query.push("SELECT k.viewer, COUNT(*) AS sessions FROM (");
    query.push("SELECT CASE WHEN s.viewer = 'n' THEN 'n:' || CAST(s.id AS TEXT) ELSE s.viewer END AS viewer");
    of_day(query, day);
    query.push(") k GROUP BY k.viewer");
}

fn by_viewer(day: i64) -> Part {
    Box::new(move |query| viewers(query, day))
}

fn kept_by_viewer(day: i64) -> Part {
    Box::new(move |query| {
        query.push("SELECT viewer, sessions FROM view_day_viewers WHERE day = ").push_bind(day);
    })
}

/// Counts the viewers of a day again. 1 if there was another count.
async fn count(on: &mut Connection, day: i64) -> Result<u64, Error> {
    let row = sql("SELECT (SELECT COUNT(*) FROM view_day_viewers WHERE day = $1) AS made,
             (SELECT CAST(COALESCE(SUM(viewers), 0) AS BIGINT) FROM view_day_counts WHERE day = $1) AS kept")
    .bind(day)
    .fetch_one(&mut *on)
    .await?;
    let made: i64 = row.try_get("made")?;
    if made == row.try_get::<i64, _>("kept")? {
        return Ok(0);
    }
    sql("DELETE FROM view_day_counts WHERE day = $1").bind(day).execute(&mut *on).await?;
    sql("INSERT INTO view_day_counts (day, viewers) SELECT CAST($1 AS BIGINT), COUNT(*) FROM view_day_viewers WHERE day = $1
         HAVING COUNT(*) > 0")
    .bind(day)
    .execute(on)
    .await?;
    Ok(1)
}
