//! Table `events`: what happened in recordings, in the order in which it was written.

use super::database::in_order;
use super::row::{Connection, Row, corrupt, integer, json, now, parsed, wall};
use super::statement::{Statement, sql};
use super::{Catalog, Error, EventKind, Viewer, viewer};
use crate::id::{EventId, RecordingId};
use crate::time::WallTime;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;
use sqlx::Row as _;
use tokio::sync::watch;

/// Deliveries that were taken are kept for a week.
const KEPT_MICROS: i64 = 7 * 86_400_000_000;

/// Something that happens.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent {
    /// In which recording.
    pub recording: RecordingId,
    /// What.
    pub kind: EventKind,
    /// More of it: an object.
    pub data: Value,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its identifier: the same wherever and however often it is told.
    pub id: EventId,
    /// Its place among all events. Only grows; there may be holes.
    pub position: i64,
    /// In which recording.
    pub recording: RecordingId,
    /// Its place in the recording, from 1, without holes.
    pub sequence: u64,
    /// What.
    pub kind: EventKind,
    /// When it was written.
    pub at: WallTime,
    /// More of it.
    pub data: Value,
}

/// As it is told to the outside. `type`, `timestamp` and `data` are the payload that Standard Webhooks recommends.
impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(6))?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("type", self.kind.name())?;
        map.serialize_entry("timestamp", &self.at.to_string())?;
        map.serialize_entry("recording_id", &self.recording)?;
        map.serialize_entry("sequence", &self.sequence)?;
        map.serialize_entry("data", &self.data)?;
        map.end()
    }
}

/// Which events. Empty members do not restrict.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// Of this recording.
    pub recording: Option<RecordingId>,
    /// Of these kinds.
    pub kinds: Vec<EventKind>,
    /// What this one may see.
    pub viewer: Viewer,
}

/// Writes an event, and a delivery for each target that wants it.
pub(super) async fn append(change: &mut Connection, event: &NewEvent) -> Result<(), Error> {
    in_order(change).await?;
    let (recording, at) = (event.recording.to_string(), now());
    let row = sql(
        "INSERT INTO events (id, recording_id, sequence, type, at, data)
         VALUES ($1, $2, (SELECT COALESCE(MAX(sequence), 0) + 1 FROM events WHERE recording_id = $2), $3, $4, $5)
         RETURNING position",
    )
    .bind(EventId::new().to_string())
    .bind(&recording)
    .bind(event.kind.name())
    .bind(at)
    .bind(event.data.to_string())
    .fetch_one(&mut *change)
    .await?;
    let position: i64 = row.try_get("position")?;
    sql("INSERT INTO webhook_deliveries (target_id, recording_id, position, state, created_at, due_at)
         SELECT id, $1, $2, 'pending', $3, $3 FROM webhook_targets
         WHERE (recording_id = $1 OR recording_id IS NULL) AND ended_at IS NULL
               AND (types IS NULL OR types LIKE '%,' || $4 || ',%')
         ORDER BY id")
    .bind(&recording)
    .bind(position)
    .bind(at)
    .bind(event.kind.name())
    .execute(change)
    .await?;
    Ok(())
}

/// The events of a recording that was removed, and its targets, unless somebody is still to be told.
pub(super) async fn forget(change: &mut Connection, recording: RecordingId) -> Result<(), Error> {
    sql("DELETE FROM events WHERE recording_id = $1 AND NOT EXISTS
            (SELECT 1 FROM webhook_deliveries WHERE recording_id = $1 AND state = 'pending')")
    .bind(recording.to_string())
    .execute(&mut *change)
    .await?;
    sql("DELETE FROM webhook_targets WHERE recording_id = $1 AND NOT EXISTS
            (SELECT 1 FROM events WHERE recording_id = $1)")
    .bind(recording.to_string())
    .execute(change)
    .await?;
    Ok(())
}

impl Catalog {
    /// Events were committed.
    pub(super) fn told(&self, events: usize) {
        if events > 0 {
            self.events.send_modify(|count| *count += events as u64);
        }
    }

    /// How many events were written since this process opened the catalogue; changes when there are more.
    #[must_use]
    pub fn events_written(&self) -> watch::Receiver<u64> {
        self.events.subscribe()
    }

    /// Tells of something that changes no other row.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn add_event(&self, event: &NewEvent) -> Result<(), Error> {
        self.write(&[], std::slice::from_ref(event)).await
    }

    /// Events behind a position, in order.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn events_after(
        &self,
        position: i64,
        filter: &EventFilter,
        limit: u32,
    ) -> Result<Vec<Event>, Error> {
        let mut select = sql("SELECT * FROM events WHERE position > ");
        select.push_bind(position);
        restrict(&mut select, filter);
        select.push(" ORDER BY position LIMIT ").push_bind(i64::from(limit));
        let rows = select.fetch_all(&self.reader).await?;
        rows.iter().map(event).collect()
    }

    /// Events of a recording behind a sequence number, in order.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn events(
        &self,
        recording: RecordingId,
        after: u64,
        kinds: &[EventKind],
        limit: u32,
    ) -> Result<Vec<Event>, Error> {
        let filter =
            EventFilter { recording: Some(recording), kinds: kinds.to_vec(), ..EventFilter::default() };
        let mut select = sql("SELECT * FROM events WHERE sequence > ");
        select.push_bind(i64::try_from(after).unwrap_or(i64::MAX));
        restrict(&mut select, &filter);
        select.push(" ORDER BY sequence LIMIT ").push_bind(i64::from(limit));
        let rows = select.fetch_all(&self.reader).await?;
        rows.iter().map(event).collect()
    }

    /// The position of the newest event.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn newest_event(&self) -> Result<i64, Error> {
        let row =
            sql("SELECT COALESCE(MAX(position), 0) AS position FROM events").fetch_one(&self.reader).await?;
        Ok(row.try_get("position")?)
    }

    /// The position of an event. Of one that was removed with its recording, the position of the last one before it:
    /// identifiers are sorted by time (RFC 9562 5.7).
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn position_of(&self, id: EventId) -> Result<i64, Error> {
        let row = sql("SELECT COALESCE((SELECT position FROM events WHERE id = $1),
                             (SELECT MAX(position) FROM events WHERE id < $1), 0) AS position")
        .bind(id.to_string())
        .fetch_one(&self.reader)
        .await?;
        Ok(row.try_get("position")?)
    }

    /// Removes events of recordings that were removed, once nobody is to be told of them any more, and what was delivered
    /// long ago.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn sweep_events(&self) -> Result<u64, Error> {
        let mut change = self.begin().await?;
        let removed =
            sql("DELETE FROM events WHERE recording_id IN (SELECT DISTINCT recording_id FROM events
                                                       EXCEPT SELECT id FROM recordings
                                                       EXCEPT SELECT recording_id FROM webhook_deliveries
                                                              WHERE state = 'pending')")
            .execute(&mut *change)
            .await?;
        sql("DELETE FROM webhook_targets WHERE recording_id IS NOT NULL
                AND recording_id NOT IN (SELECT id FROM recordings)
                AND recording_id NOT IN (SELECT recording_id FROM events)")
        .execute(&mut *change)
        .await?;
        sql("DELETE FROM webhook_deliveries WHERE state = 'delivered' AND ended_at < $1")
            .bind(now().saturating_sub(KEPT_MICROS))
            .execute(&mut *change)
            .await?;
        change.commit().await?;
        Ok(removed)
    }
}

fn restrict(query: &mut Statement, filter: &EventFilter) {
    if let Some(recording) = filter.recording {
        query.push(" AND recording_id = ").push_bind(recording.to_string());
    }
    if !filter.kinds.is_empty() {
        query.push(" AND type").push_in(filter.kinds.iter().map(|kind| kind.name()));
    }
    viewer::restrict(query, "recording_id", &filter.viewer);
}

pub(super) fn event(row: &Row) -> Result<Event, Error> {
    let name: String = row.try_get("type")?;
    Ok(Event {
        id: parsed(row, "id")?,
        position: row.try_get("position")?,
        recording: parsed(row, "recording_id")?,
        sequence: integer(row, "sequence")?,
        kind: EventKind::from_name(&name).ok_or_else(|| corrupt("type", name))?,
        at: wall(row, "at")?,
        data: json(row, "data")?,
    })
}
