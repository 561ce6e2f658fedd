//! What may become of a recording that has ended: hidden, shown again, held (`docs/design/catalog.md`). The tables' triggers
//! keep to the same rules, whoever writes.

use super::recordings::{found, recording};
use super::row::{Connection, now};
use super::statement::sql;
use super::{Catalog, Error, Recording, Status};
use crate::id::RecordingId;
use crate::time::WallTime;

impl Catalog {
    /// Hides a recording. Its files and other rows stay. Hidden already is no error, and changes nothing.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::StillRunning`], [`Error::Held`].
    pub async fn delete_recording(&self, id: RecordingId, at: WallTime) -> Result<(), Error> {
        let mut change = self.begin().await?;
        let row = locked(&mut change, id).await?;
        ended_and_free(&row)?;
        hide(&mut change, id, at).await?;
        change.commit().await?;
        self.generations.changed(id);
        Ok(())
    }

    /// Shows a hidden recording again, in the state that it was in; which one that is.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::NotDeleted`]; [`Error::Condemned`] when its removal for good has begun.
    pub async fn restore_recording(&self, id: RecordingId) -> Result<Status, Error> {
        let mut change = self.begin().await?;
        let row = locked(&mut change, id).await?;
        if row.status != Status::Deleted {
            return Err(Error::NotDeleted);
        }
        let removing = sql("SELECT 1 FROM garbage WHERE recording_id = $1 AND track_id = ''")
            .bind(id.to_string())
            .fetch_optional(&mut *change)
            .await?;
        if removing.is_some() {
            return Err(Error::Condemned);
        }
        sql("UPDATE recordings SET status = deleted_from, deleted_at = NULL, deleted_from = NULL, updated_at = $2
             WHERE id = $1")
        .bind(id.to_string())
        .bind(now())
        .execute(&mut *change)
        .await?;
        let status = recording_in(&mut change, id).await?.status;
        change.commit().await?;
        self.generations.changed(id);
        Ok(status)
    }

    /// Nothing of a recording may be deleted from now on, or it may again.
    ///
    /// # Errors
    /// [`Error::Missing`]; [`Error::Condemned`] when its removal for good has begun.
    pub async fn hold_recording(&self, id: RecordingId, held: bool) -> Result<(), Error> {
        let changed = sql("UPDATE recordings SET legal_hold = $2, updated_at = $3
             WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM garbage WHERE recording_id = $1 AND track_id = '')")
        .bind(id.to_string())
        .bind(held)
        .bind(now())
        .execute(&self.writer)
        .await?;
        if changed == 0 && self.recording(id).await?.is_some() {
            Err(Error::Condemned)
        } else {
            found(changed)
        }
    }
}

/// A recording's row, which nobody else changes until this transaction ends.
pub(super) async fn locked(change: &mut Connection, id: RecordingId) -> Result<Recording, Error> {
    let touched = sql("UPDATE recordings SET updated_at = $2 WHERE id = $1").bind(id.to_string()).bind(now());
    found(touched.execute(&mut *change).await?)?;
    recording_in(change, id).await
}

async fn recording_in(change: &mut Connection, id: RecordingId) -> Result<Recording, Error> {
    let row = sql("SELECT * FROM recordings WHERE id = $1").bind(id.to_string()).fetch_one(change).await?;
    recording(&row)
}

/// The same, if something of it may be removed for good by the process that has this folder.
pub(super) async fn changeable(
    change: &mut Connection,
    id: RecordingId,
    folder: Option<&str>,
) -> Result<Recording, Error> {
    let row = locked(change, id).await?;
    ended_and_free(&row)?;
    if row.folder.as_deref().is_some_and(|other| Some(other) != folder) {
        return Err(Error::Elsewhere);
    }
    Ok(row)
}

fn ended_and_free(row: &Recording) -> Result<(), Error> {
    if !row.status.has_ended() {
        return Err(Error::StillRunning);
    }
    if row.held { Err(Error::Held) } else { Ok(()) }
}

/// Hides a recording that has ended. Times and states of one that is hidden stay.
pub(super) async fn hide(change: &mut Connection, id: RecordingId, at: WallTime) -> Result<(), Error> {
    sql("UPDATE recordings SET status = 'deleted', deleted_at = $2, deleted_from = status, updated_at = $3
         WHERE id = $1 AND status <> 'deleted'")
    .bind(id.to_string())
    .bind(at.0)
    .bind(now())
    .execute(change)
    .await?;
    Ok(())
}
