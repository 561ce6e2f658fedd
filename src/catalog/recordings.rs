//! Table `recordings`.

use super::database::one_by_one;
use super::events::{append, forget};
use super::row::{
    Connection, Row, boolean, corrupt, integer, json as json_of, now, parsed, signed, status, wall,
    wall_option,
};
use super::statement::sql;
use super::states::locked;
use super::webhooks::put_target;
use super::{
    Catalog, EndedBy, Error, EventKind, Finish, NewEvent, NewRecording, PartTarget, Recording, Status,
};
use crate::id::RecordingId;
use crate::time::WallTime;
use serde_json::{Value, json};
use sqlx::Row as _;

/// Of what is stored, whatever form was asked for.
const MIME_TYPE: &str = "video/mp4";

impl Catalog {
    /// A recording begins, with status `recording`.
    ///
    /// # Errors
    /// [`Error::RoomBusy`] when another one of the room is running.
    pub async fn create_recording(&self, new: &NewRecording) -> Result<(), Error> {
        let mut change = self.begin().await?;
        let made = sql(
            "INSERT INTO recordings (id, room_id, title, description, started_by, started_at, status, format,
                                     file_path, mime_type, source, metadata, parallel, idempotency_key, part_micros,
                                     recorder_id, folder, search_text, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $19)",
        )
        .bind(new.id.to_string())
        .bind(&new.room_id)
        .bind(&new.title)
        .bind(new.description.as_deref())
        .bind(&new.started_by)
        .bind(new.started_at.0)
        .bind(Status::Recording.name())
        .bind(&new.format)
        .bind(format!("recordings/{}", new.id))
        .bind(MIME_TYPE)
        .bind(new.source.to_string())
        .bind(new.metadata.to_string())
        .bind(new.parallel)
        .bind(new.idempotency_key.as_deref())
        .bind(new.part.0)
        .bind(self.recorder())
        .bind(self.folder())
        .bind(searched(&new.title, new.description.as_deref(), &new.room_id))
        .bind(now())
        .execute(&mut *change)
        .await;
        if made.is_ok() {
            for target in &new.webhooks {
                put_target(&mut change, new.id, target).await?;
            }
            append(&mut change, &began(new)).await?;
            change.commit().await?;
            self.told(1);
            return Ok(());
        }
        change.rollback().await?;
        match made {
            Ok(_) => Ok(()),
            Err(error) if error.as_database_error().is_some_and(|e| e.is_unique_violation()) => {
                match self.running_in_room(&new.room_id).await? {
                    Some(running) => Err(Error::RoomBusy { running }),
                    None => Err(error.into()),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The room's running recording.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn running_in_room(&self, room_id: &str) -> Result<Option<RecordingId>, Error> {
        let found =
            sql("SELECT id FROM recordings WHERE room_id = $1 AND status IN ('pending', 'recording')")
                .bind(room_id)
                .fetch_optional(&self.reader)
                .await?;
        found.map(|row| parsed(&row, "id")).transpose()
    }

    /// The recording that a user's request of this idempotency key started.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn recording_of_key(&self, user: &str, key: &str) -> Result<Option<Recording>, Error> {
        let found = sql("SELECT * FROM recordings WHERE started_by = $1 AND idempotency_key = $2")
            .bind(user)
            .bind(key)
            .fetch_optional(&self.reader)
            .await?;
        found.as_ref().map(recording).transpose()
    }

    /// Whom and what to record is another from now on.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub async fn set_rules(&self, id: RecordingId, rules: &Value) -> Result<(), Error> {
        let mut change = self.begin().await?;
        let mut source = locked(&mut change, id).await?.source;
        if let Some(members) = source.as_object_mut() {
            members.insert("rules".to_owned(), rules.clone());
        }
        sql("UPDATE recordings SET source = $2 WHERE id = $1")
            .bind(id.to_string())
            .bind(source.to_string())
            .execute(&mut *change)
            .await?;
        change.commit().await?;
        Ok(())
    }

    /// A recording ends, and with it every track that had not ended. That is told with the same commit, so that none
    /// ends in silence.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub async fn finish_recording(&self, id: RecordingId, finish: &Finish) -> Result<(), Error> {
        let mut change = self.begin().await?;
        let changed = sql(
            "UPDATE recordings SET status = $2, stopped_at = $3, duration_micros = $4, error_message = $5,
                    ended_by = $6
             WHERE id = $1 AND status IN ('pending', 'recording', 'processing')",
        )
        .bind(id.to_string())
        .bind(finish.status.name())
        .bind(finish.stopped_at.0)
        .bind(finish.duration_micros)
        .bind(finish.error.as_deref())
        .bind(finish.ended_by.name())
        .execute(&mut *change)
        .await?;
        if changed == 0 {
            // It ended before, and what was told of that stays.
            return locked(&mut change, id).await.map(drop);
        }
        end_parts(&mut change, id, finish.stopped_at).await?;
        summarise(&mut change, id).await?;
        sql("UPDATE recordings SET file_size_bytes = $2 WHERE id = $1")
            .bind(id.to_string())
            .bind(signed(finish.bytes))
            .execute(&mut *change)
            .await?;
        let mut events = 0;
        if let Some(row) = sql("SELECT * FROM recordings WHERE id = $1 AND NOT EXISTS
            (SELECT 1 FROM events WHERE recording_id = $1 AND type IN ('recording.completed', 'recording.failed'))")
            .bind(id.to_string())
            .fetch_optional(&mut *change)
            .await?
        {
            append(&mut change, &ended(&recording(&row)?)).await?;
            events = 1;
        }
        change.commit().await?;
        self.told(events);
        Ok(())
    }

    /// One recording, deleted or not.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn recording(&self, id: RecordingId) -> Result<Option<Recording>, Error> {
        let found = sql("SELECT * FROM recordings WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&self.reader)
            .await?;
        found.as_ref().map(recording).transpose()
    }

    /// Removes a recording's rows, all of them, but events that somebody is still to be told of: these go when that is
    /// done. Its files must be gone already.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub async fn purge_recording(&self, id: RecordingId) -> Result<(), Error> {
        let mut change = self.begin().await?;
        one_by_one(&mut change).await?;
        let changed =
            sql("DELETE FROM recordings WHERE id = $1").bind(id.to_string()).execute(&mut *change).await?;
        found(changed)?;
        sql("DELETE FROM garbage WHERE recording_id = $1").bind(id.to_string()).execute(&mut *change).await?;
        forget(&mut change, id).await?;
        change.commit().await?;
        self.generations.changed(id);
        Ok(())
    }
}

fn began(new: &NewRecording) -> NewEvent {
    NewEvent {
        recording: new.id,
        kind: EventKind::RecordingStarted,
        data: json!({
            "room_id": new.room_id,
            "title": new.title,
            "started_by": new.started_by,
            "started_at": new.started_at.to_string(),
            "mode": new.source.get("mode"),
            "metadata": new.metadata,
        }),
    }
}

fn ended(row: &Recording) -> NewEvent {
    let failed = row.status == Status::Failed;
    NewEvent {
        recording: row.id,
        kind: if failed { EventKind::RecordingFailed } else { EventKind::RecordingCompleted },
        data: json!({
            "room_id": row.room_id,
            "title": row.title,
            "started_by": row.started_by,
            "started_at": row.started_at.to_string(),
            "stopped_at": row.stopped_at.map(|at| at.to_string()),
            "duration_us": row.duration_micros,
            "bytes": row.bytes,
            "codecs": row.codecs,
            "resolution": row.resolution,
            "ended_by": row.ended_by,
            "error": row.error,
            "metadata": row.metadata,
        }),
    }
}

/// What had not ended ends with its recording.
async fn end_parts(change: &mut Connection, id: RecordingId, at: WallTime) -> Result<(), Error> {
    sql("UPDATE tracks SET ended_at = $2, updated_at = $3 WHERE recording_id = $1 AND ended_at IS NULL")
        .bind(id.to_string())
        .bind(at.0)
        .bind(now())
        .execute(&mut *change)
        .await?;
    sql("UPDATE gaps SET open = FALSE WHERE open AND track_id IN
                (SELECT id FROM tracks WHERE recording_id = $1)")
    .bind(id.to_string())
    .execute(&mut *change)
    .await?;
    // A pause that was cut off lasts until the end, which is never before it.
    sql("UPDATE pauses SET ended_at = CASE WHEN began_at > $2 THEN began_at ELSE $2 END
         WHERE recording_id = $1 AND ended_at IS NULL")
    .bind(id.to_string())
    .bind(at.0)
    .execute(change)
    .await?;
    Ok(())
}

/// Writes down what the rows of its tracks say of a recording: codecs, the largest picture, bytes.
pub(super) async fn summarise(change: &mut Connection, id: RecordingId) -> Result<(), Error> {
    let runs = sql("SELECT r.codecs, r.width, r.height FROM runs r JOIN tracks t ON t.id = r.track_id
         WHERE t.recording_id = $1 GROUP BY r.codecs, r.width, r.height
         ORDER BY r.width * r.height DESC, r.codecs")
    .bind(id.to_string())
    .fetch_all(&mut *change)
    .await?;
    let (codecs, resolution) = summary(&runs)?;
    sql(
        "UPDATE recordings SET codecs = $2, resolution = $3, updated_at = $4, file_size_bytes =
            (SELECT CAST(COALESCE(SUM(r.init_length), 0) AS BIGINT) FROM runs r JOIN tracks t ON t.id = r.track_id
             WHERE t.recording_id = $1)
            + (SELECT CAST(COALESCE(SUM(s.byte_length), 0) AS BIGINT) FROM segments s
               JOIN tracks t ON t.id = s.track_id WHERE t.recording_id = $1)
         WHERE id = $1",
    )
    .bind(id.to_string())
    .bind(codecs)
    .bind(resolution)
    .bind(now())
    .execute(change)
    .await?;
    Ok(())
}

/// All codec strings, largest picture first, and the largest picture.
fn summary(runs: &[Row]) -> Result<(Option<String>, Option<String>), Error> {
    let mut codecs: Vec<String> = Vec::new();
    let mut resolution = None;
    for row in runs {
        let codec: String = row.try_get("codecs")?;
        if !codecs.contains(&codec) {
            codecs.push(codec);
        }
        let (width, height): (u32, u32) = (integer(row, "width")?, integer(row, "height")?);
        if width > 0 && resolution.is_none() {
            resolution = Some(format!("{width}x{height}"));
        }
    }
    Ok(((!codecs.is_empty()).then(|| codecs.join(",")), resolution))
}

/// What a search looks in. A line end divides the parts, so that none is found across two of them.
fn searched(title: &str, description: Option<&str>, room_id: &str) -> String {
    format!("{title}\n{}\n{room_id}", description.unwrap_or_default()).to_lowercase()
}

pub(super) fn found(rows: u64) -> Result<(), Error> {
    if rows == 0 { Err(Error::Missing { what: "recording" }) } else { Ok(()) }
}

fn ended_by(row: &Row) -> Result<Option<EndedBy>, Error> {
    let name: Option<String> = row.try_get("ended_by")?;
    name.map(|name| EndedBy::from_name(&name).ok_or_else(|| corrupt("ended_by", name))).transpose()
}

pub(super) fn recording(row: &Row) -> Result<Recording, Error> {
    Ok(Recording {
        id: parsed(row, "id")?,
        room_id: row.try_get("room_id")?,
        title: row.try_get("title")?,
        description: row.try_get("description")?,
        started_by: row.try_get("started_by")?,
        started_at: wall(row, "started_at")?,
        stopped_at: wall_option(row, "stopped_at")?,
        duration_micros: row.try_get("duration_micros")?,
        status: status(row, "status")?,
        format: row.try_get("format")?,
        bytes: integer(row, "file_size_bytes")?,
        mime_type: row.try_get("mime_type")?,
        resolution: row.try_get("resolution")?,
        codecs: row.try_get("codecs")?,
        ended_by: ended_by(row)?,
        error: row.try_get("error_message")?,
        source: json_of(row, "source")?,
        metadata: json_of(row, "metadata")?,
        part: PartTarget(row.try_get("part_micros")?),
        created_at: wall(row, "created_at")?,
        updated_at: wall(row, "updated_at")?,
        deleted_at: wall_option(row, "deleted_at")?,
        held: boolean(row, "legal_hold")?,
        folder: row.try_get("folder")?,
    })
}
