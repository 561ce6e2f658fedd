//! Shares of renditions, devices and players: of a session in its row, of a recording in table `view_shares`, which triggers
//! keep in the transaction that writes a session.

use super::row::Viewing;
use crate::analytics::session::Rendition;
use crate::catalog::row::{Connection, Row, corrupt, integer};
use crate::catalog::statement::sql;
use crate::catalog::{Catalog, Error};
use crate::id::RecordingId;
use sqlx::Row as _;
use std::collections::BTreeMap;

/// Parts of each kind that are told, those of the longest time: clients say what their players are called.
pub const MOST_SHARES_TOLD: u32 = 32;

/// Sessions that are read at one time.
const READ: i64 = 1000;

/// What sessions have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewingPart<T> {
    /// What that is.
    pub of: T,
    /// How many sessions.
    pub sessions: u64,
    /// For how long in all.
    pub ms: i64,
}

/// How sessions are divided. The longest time first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ViewingShares {
    /// Playing time by what was shown. A session may have several.
    pub renditions: Vec<ViewingPart<Rendition>>,
    /// Playing time of all renditions, of those too that are not told.
    pub rendition_ms: i64,
    /// Media that was watched by what it was watched on.
    pub devices: Vec<ViewingPart<String>>,
    /// Media that was watched by the player, of those that say what they are.
    pub players: Vec<ViewingPart<String>>,
    /// Media that was watched in all.
    pub played_ms: i64,
}

impl ViewingShares {
    /// Those of these sessions.
    #[must_use]
    pub fn of(rows: &[Viewing]) -> Self {
        let (mut renditions, mut devices, mut players) = (Sums::default(), Sums::default(), Sums::default());
        for row in rows {
            let numbers = &row.numbers;
            for (rendition, ms) in &numbers.renditions {
                renditions.add(*rendition, *ms);
            }
            devices.add(row.device.as_str(), numbers.played_ms);
            if let Some(player) = &numbers.player {
                players.add(player.as_str(), numbers.played_ms);
            }
        }
        Self {
            rendition_ms: renditions.total(),
            played_ms: devices.total(),
            renditions: renditions.parts(|rendition| rendition),
            devices: devices.parts(str::to_owned),
            players: players.parts(str::to_owned),
        }
    }
}

/// How many sessions, and for how long, by something.
struct Sums<K>(BTreeMap<K, (u64, i64)>);

impl<K> Default for Sums<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord + ToString + Copy> Sums<K> {
    fn add(&mut self, key: K, more: i64) {
        let (sessions, ms) = self.0.entry(key).or_default();
        *sessions = sessions.saturating_add(1);
        *ms = ms.saturating_add(more);
    }

    fn total(&self) -> i64 {
        self.0.values().fold(0, |total, (_, ms)| total.saturating_add(*ms))
    }

    /// In the order of the table.
    fn parts<T>(self, own: impl Fn(K) -> T) -> Vec<ViewingPart<T>> {
        let mut all: Vec<(K, (u64, i64))> = self.0.into_iter().collect();
        all.sort_by_cached_key(|(key, (_, ms))| (std::cmp::Reverse(*ms), key.to_string()));
        all.truncate(MOST_SHARES_TOLD as usize);
        all.into_iter().map(|(key, (sessions, ms))| ViewingPart { of: own(key), sessions, ms }).collect()
    }
}

impl Catalog {
    /// How all sessions of a recording are divided.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn viewing_shares(&self, recording: RecordingId) -> Result<ViewingShares, Error> {
        let (renditions, rendition_ms) = self.parts(recording, "rendition", rendition).await?;
        let (devices, played_ms) = self.parts(recording, "device", Ok).await?;
        let (players, _) = self.parts(recording, "player", Ok).await?;
        Ok(ViewingShares { renditions, rendition_ms, devices, players, played_ms })
    }

    /// Parts of one kind, and the time of all of them together.
    async fn parts<T>(
        &self,
        recording: RecordingId,
        kind: &str,
        own: impl Fn(String) -> Result<T, Error>,
    ) -> Result<(Vec<ViewingPart<T>>, i64), Error> {
        let rows =
            sql("SELECT name, sessions, ms, CAST(SUM(ms) OVER () AS BIGINT) AS total_ms FROM view_shares
             WHERE recording_id = $1 AND kind = $2 AND sessions > 0 ORDER BY ms DESC, name LIMIT $3")
            .bind(recording.to_string())
            .bind(kind)
            .bind(i64::from(MOST_SHARES_TOLD))
            .fetch_all(&self.reader)
            .await?;
        let total = rows.first().map(|row| row.try_get("total_ms")).transpose()?.unwrap_or_default();
        let part = |row: &Row| {
            let of = own(row.try_get("name")?)?;
            Ok(ViewingPart { of, sessions: integer(row, "sessions")?, ms: row.try_get("ms")? })
        };
        Ok((rows.iter().map(part).collect::<Result<_, Error>>()?, total))
    }
}

impl Catalog {
    /// Makes the sums of a recording's shares again, of its sessions. How many were others.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn rebuild_viewing_shares(&self, recording: RecordingId) -> Result<u64, Error> {
        let recording = recording.to_string();
        let mut all = self.begin().await?;
        // Whoever counts for the recording waits here.
        sql("INSERT INTO view_shares (recording_id, kind, name, sessions, ms)
             SELECT r.id, 'all', '', 0, 0 FROM recordings r WHERE r.id = $1
             ON CONFLICT (recording_id, kind, name) DO UPDATE SET ms = view_shares.ms")
        .bind(&recording)
        .execute(&mut *all)
        .await?;
        let (made, kept) = (made(&mut all, &recording).await?, kept(&mut all, &recording).await?);
        let mut differed = 0_u64;
        for key in made.keys().chain(kept.keys().filter(|key| !made.contains_key(*key))) {
            let ((kind, name), sums) = (key, made.get(key).copied().unwrap_or_default());
            if kept.get(key) == Some(&sums) {
                continue;
            }
            differed = differed.saturating_add(1);
            sql("INSERT INTO view_shares (recording_id, kind, name, sessions, ms) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (recording_id, kind, name) DO UPDATE SET sessions = excluded.sessions, ms = excluded.ms")
            .bind(&recording)
            .bind(kind)
            .bind(name)
            .bind(sums.0)
            .bind(sums.1)
            .execute(&mut *all)
            .await?;
        }
        sql("DELETE FROM view_shares WHERE recording_id = $1 AND kind <> 'all' AND sessions = 0")
            .bind(&recording)
            .execute(&mut *all)
            .await?;
        all.commit().await?;
        Ok(differed)
    }
}

/// How many sessions and for how long, by kind and name.
type Kept = BTreeMap<(String, String), (i64, i64)>;

/// What the sessions of a recording come to.
async fn made(on: &mut Connection, recording: &str) -> Result<Kept, Error> {
    let (mut made, mut after) = (Kept::new(), 0_i64);
    loop {
        let rows = sql("SELECT id, device, player, played_ms, renditions FROM view_sessions
             WHERE recording_id = $1 AND id > $2 ORDER BY id LIMIT $3")
        .bind(recording)
        .bind(after)
        .bind(READ)
        .fetch_all(&mut *on)
        .await?;
        let Some(last) = rows.last() else { return Ok(made) };
        after = last.try_get("id")?;
        for row in &rows {
            let played_ms: i64 = row.try_get("played_ms")?;
            let mut parts = vec![("all", String::new(), played_ms)];
            parts.push(("device", row.try_get("device")?, played_ms));
            if let Some(player) = row.try_get("player")? {
                parts.push(("player", player, played_ms));
            }
            let renditions = decode_renditions(row)?;
            parts.extend(renditions.iter().map(|(one, ms)| ("rendition", one.to_string(), *ms)));
            for (kind, name, ms) in parts {
                let sums = made.entry((kind.to_owned(), name)).or_default();
                *sums = (sums.0.saturating_add(1), sums.1.saturating_add(ms));
            }
        }
    }
}

async fn kept(on: &mut Connection, recording: &str) -> Result<Kept, Error> {
    let rows = sql("SELECT kind, name, sessions, ms FROM view_shares
         WHERE recording_id = $1 AND (sessions <> 0 OR ms <> 0)")
    .bind(recording)
    .fetch_all(on)
    .await?;
    let part = |row: &Row| {
        Ok(((row.try_get("kind")?, row.try_get("name")?), (row.try_get("sessions")?, row.try_get("ms")?)))
    };
    rows.iter().map(part).collect()
}

fn rendition(name: String) -> Result<Rendition, Error> {
    Rendition::try_from(name).map_err(|error| corrupt("name", error))
}

/// Pairs: what a trigger reads on either database.
pub(super) fn encode_renditions(renditions: &BTreeMap<Rendition, i64>) -> Result<String, Error> {
    let pairs: Vec<(&Rendition, &i64)> = renditions.iter().collect();
    serde_json::to_string(&pairs).map_err(|error| corrupt("renditions", error))
}

pub(super) fn decode_renditions(row: &Row) -> Result<BTreeMap<Rendition, i64>, Error> {
    let text: String = row.try_get("renditions")?;
    let pairs: Vec<(Rendition, i64)> =
        serde_json::from_str(&text).map_err(|_| corrupt("renditions", text))?;
    Ok(pairs.into_iter().collect())
}
