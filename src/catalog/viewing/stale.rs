//! Rows of viewers and of days, made again of sessions.

use super::bulk::chunks;
use super::freshen::{Kept, Whole};
use crate::analytics::ranges::Ranges;
use crate::analytics::retention::{completion_permille, peak_within};
use crate::catalog::Error;
use crate::catalog::row::{Connection, Row, corrupt};
use crate::catalog::statement::sql;
use crate::id::RecordingId;
use sqlx::Row as _;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Microseconds of a day.
pub(super) const DAY: i64 = 86_400_000_000;
/// Sessions end some of these later than their last event: one without length counts for one.
const MILLISECOND: i64 = 1000;
/// Makes at most so many viewers of a recording again, and what is kept of all of them. Whether that were all.
pub(super) async fn viewers(
    on: &mut Connection,
    id: RecordingId,
    whole: Whole<'_>,
    kept: &mut Kept,
    limit: usize,
) -> Result<bool, Error> {
    let recording = id.to_string();
    let rows = sql("SELECT viewer FROM view_stale_viewers WHERE recording_id = $1 ORDER BY viewer LIMIT $2")
        .bind(&recording)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&mut *on)
        .await?;
    let stale: Vec<String> = rows.iter().map(|row| row.try_get("viewer")).collect::<Result<_, _>>()?;
    let mut saw: HashMap<String, Ranges> = HashMap::new();
    let (untracked, others): (Vec<&String>, Vec<&String>) =
        stale.iter().partition(|key| key.starts_with("n:"));
    for keys in chunks(&others) {
        let mut query = sql("SELECT viewer, seen FROM view_sessions WHERE recording_id = ");
        query.push_bind(&recording).push(" AND next_number > 0 AND viewer");
        query.push_in(keys.iter().map(|key| key.as_str()));
        query.push(" ORDER BY id");
        for row in query.fetch_all(&mut *on).await? {
            let all = saw.entry(row.try_get("viewer")?).or_default();
            *all = all.union(&seen(&row)?);
        }
    }
    let untracked: Vec<i64> = untracked.iter().filter_map(|key| key.get(2..)?.parse().ok()).collect();
    for ids in chunks(&untracked) {
        let mut query = sql("SELECT id, seen FROM view_sessions WHERE recording_id = ");
        query.push_bind(&recording).push(" AND next_number > 0 AND viewer = 'n' AND id");
        query.push_in(ids.iter().copied());
        for row in query.fetch_all(&mut *on).await? {
            saw.insert(format!("n:{}", row.try_get::<i64, _>("id")?), seen(&row)?);
        }
    }
    for keys in chunks(&stale) {
        let mut query = sql("DELETE FROM view_viewers WHERE recording_id = ");
        query.push_bind(&recording).push(" AND viewer").push_in(keys);
        query.push(" RETURNING viewer, seen, permille");
        for row in query.fetch_all(&mut *on).await? {
            let (before, now) = (seen(&row)?, saw.get(&row.try_get::<String, _>("viewer")?));
            kept.remove(&before, row.try_get("permille")?);
            kept.dirty |= !before.subtract(now.unwrap_or(&Ranges::default())).is_empty();
        }
        let mut notes = sql("DELETE FROM view_stale_viewers WHERE recording_id = ");
        notes.push_bind(&recording).push(" AND viewer").push_in(keys);
        notes.execute(&mut *on).await?;
    }
    let saw: Vec<(String, Ranges, i64)> = saw
        .into_iter()
        .map(|(key, seen)| {
            let permille = completion_permille(&seen, whole.media);
            (key, seen, permille)
        })
        .collect();
    for rows in chunks(&saw) {
        let mut insert = sql("INSERT INTO view_viewers (recording_id, viewer, seen, permille) VALUES (");
        for (index, (key, seen, permille)) in rows.iter().enumerate() {
            insert.push(if index > 0 { "), (" } else { "" });
            insert.push_bind(&recording).push(", ").push_bind(key).push(", ");
            insert.push_bind(seen.encode()).push(", ").push_bind(*permille);
            kept.add(seen, *permille);
        }
        insert.push(")");
        insert.execute(&mut *on).await?;
    }
    Ok(stale.len() < limit)
}

fn seen(row: &Row) -> Result<Ranges, Error> {
    let seen: Vec<u8> = row.try_get("seen")?;
    Ranges::decode(&seen).map_err(|error| corrupt("seen", error))
}

/// Makes the days of at most so many notes of a recording again. Whether that were all.
pub(super) async fn days(on: &mut Connection, id: RecordingId, limit: usize) -> Result<bool, Error> {
    let recording = id.to_string();
    let notes = sql("SELECT first_day, last_day FROM view_stale_days WHERE recording_id = $1
         ORDER BY first_day, last_day LIMIT $2")
    .bind(&recording)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(&mut *on)
    .await?;
    if notes.is_empty() {
        return Ok(true);
    }
    let rows =
        sql("SELECT day, MAX(longest_micros) AS longest FROM view_days WHERE recording_id = $1 GROUP BY day")
            .bind(&recording)
            .fetch_all(&mut *on)
            .await?;
    let mut longest = BTreeMap::new();
    for row in &rows {
        longest.insert(row.try_get::<i64, _>("day")?, row.try_get::<i64, _>("longest")?);
    }
    let mut stale = BTreeSet::new();
    for note in &notes {
        let (first, last): (i64, i64) = (note.try_get("first_day")?, note.try_get("last_day")?);
        // Of days on which nothing begins there is no row, but perhaps an old one of the first.
        stale.insert(first);
        stale.extend(longest.range(first..=last.max(first)).map(|(day, _)| *day));
        sql("DELETE FROM view_stale_days WHERE recording_id = $1 AND first_day = $2 AND last_day = $3")
            .bind(&recording)
            .bind(first)
            .bind(last)
            .execute(&mut *on)
            .await?;
    }
    for day in stale {
        of_day(on, &recording, day, &longest).await?;
    }
    Ok(notes.len() < limit)
}

/// Makes a day again. Sessions that began before may run into it: as far back as the longest of a day reach.
async fn of_day(
    on: &mut Connection,
    recording: &str,
    day: i64,
    longest: &BTreeMap<i64, i64>,
) -> Result<(), Error> {
    let (start, end) = (day.saturating_mul(DAY), day.saturating_add(1).saturating_mul(DAY));
    let first = if longest.contains_key(&day) {
        let reaches = |(from, longest): &(&i64, &i64)| {
            from.saturating_add(1).saturating_mul(DAY).saturating_add(**longest)
                >= start.saturating_sub(MILLISECOND)
        };
        longest.range(..=day).find(reaches).map(|(from, _)| *from)
    } else {
        // Nothing begins on it, so there is no moment at which there are more.
        None
    };
    let Some(first) = first else {
        sql("DELETE FROM view_peaks WHERE recording_id = $1 AND day = $2")
            .bind(recording)
            .bind(day)
            .execute(on)
            .await?;
        return Ok(());
    };
    let rows = sql("SELECT first_at, last_at FROM view_sessions
         WHERE recording_id = $1 AND first_at >= $2 AND first_at < $3 AND last_at >= $4 AND next_number > 0")
    .bind(recording)
    .bind(first.saturating_mul(DAY))
    .bind(end)
    .bind(start.saturating_sub(MILLISECOND))
    .fetch_all(&mut *on)
    .await?;
    let (mut spans, mut last_at) = (Vec::with_capacity(rows.len()), 0);
    for row in &rows {
        let (from, to): (i64, i64) = (row.try_get("first_at")?, row.try_get("last_at")?);
        spans.push((from.div_euclid(1000), to.div_euclid(1000)));
        if from >= start {
            last_at = to.max(last_at);
        }
    }
    let peak = peak_within(spans, start.div_euclid(1000)..end.div_euclid(1000));
    sql("INSERT INTO view_peaks (recording_id, day, sessions, at_ms, last_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (recording_id, day) DO UPDATE
         SET sessions = excluded.sessions, at_ms = excluded.at_ms, last_at = excluded.last_at")
    .bind(recording)
    .bind(day)
    .bind(i64::from(peak.sessions))
    .bind(peak.at_ms)
    .bind(last_at)
    .execute(on)
    .await?;
    Ok(())
}
