//! Erasing people from viewing sessions: as those who watched, and as those who were shown.

use super::append::event;
use super::row::Watcher;
use crate::analytics::event::Event;
use crate::catalog::database::one_by_one;
use crate::catalog::row::{Connection, corrupt, parsed};
use crate::catalog::statement::sql;
use crate::catalog::{Catalog, Error};
use crate::id::RecordingId;
use sqlx::Row as _;
use std::collections::HashMap;
use uuid::Uuid;

/// Sessions that are erased in one transaction.
const AT_ONCE: i64 = 100;

impl Catalog {
    /// Takes a user out of all sessions that they watched. The sessions and their numbers stay; of the user, of what their
    /// player was called and of the client's own id nothing does, neither in rows nor in raw events. In each recording
    /// they are one random viewer, another one in each, so that it is not known that they were the same. How many sessions
    /// that were.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn erase_watcher(&self, user: &str) -> Result<u64, Error> {
        let viewer = Watcher::User(user.to_owned()).text();
        let (mut tokens, mut erased) = (HashMap::new(), 0);
        loop {
            let mut all = self.begin().await?;
            one_by_one(&mut all).await?;
            let rows =
                sql("SELECT id, recording_id FROM view_sessions WHERE viewer = $1 ORDER BY id LIMIT $2")
                    .bind(&viewer)
                    .bind(AT_ONCE)
                    .fetch_all(&mut *all)
                    .await?;
            for row in &rows {
                let recording: RecordingId = parsed(row, "recording_id")?;
                let token = tokens.entry(recording).or_insert_with(token);
                anonymise(&mut all, row.try_get("id")?, token).await?;
                erased += 1;
            }
            all.commit().await?;
            if rows.is_empty() {
                return Ok(erased);
            }
        }
    }
}

/// The same in one recording, whose participant is erased: as those who watched it by these user ids, and as the one who
/// was shown by these names. What of the recording is media has changed, so the numbers of all its sessions are to be made
/// again.
pub(in crate::catalog) async fn erase_from_viewing(
    change: &mut Connection,
    recording: RecordingId,
    users: &[String],
    names: &[String],
) -> Result<(), Error> {
    one_by_one(change).await?;
    for user in users {
        let token = token();
        let rows = sql("SELECT id FROM view_sessions WHERE recording_id = $1 AND viewer = $2")
            .bind(recording.to_string())
            .bind(Watcher::User(user.clone()).text())
            .fetch_all(&mut *change)
            .await?;
        for row in &rows {
            anonymise(change, row.try_get("id")?, &token).await?;
        }
    }
    let rows = sql("SELECT id, participant FROM view_sessions WHERE recording_id = $1")
        .bind(recording.to_string())
        .fetch_all(&mut *change)
        .await?;
    for row in &rows {
        let id: i64 = row.try_get("id")?;
        let shown: Option<String> = row.try_get("participant")?;
        if shown.is_some_and(|shown| names.contains(&shown)) {
            sql("UPDATE view_sessions SET participant = NULL WHERE id = $1")
                .bind(id)
                .execute(&mut *change)
                .await?;
        }
        rewrite(change, id, |event| {
            if let Some(shown) = event.participant_mut()
                && shown.as_ref().is_some_and(|shown| names.contains(shown))
            {
                *shown = None;
            }
        })
        .await?;
    }
    // What any process made of the events before does not hold any more.
    sql("UPDATE view_sessions SET settled = $2, next_number = next_number + 1 WHERE recording_id = $1")
        .bind(recording.to_string())
        .bind(false)
        .execute(change)
        .await?;
    Ok(())
}

fn token() -> String {
    Uuid::new_v4().simple().to_string()
}

async fn anonymise(change: &mut Connection, id: i64, viewer: &str) -> Result<(), Error> {
    sql("UPDATE view_sessions SET viewer = $2, client_id = $3, participant = NULL, player = NULL,
             next_number = next_number + 1
         WHERE id = $1")
    .bind(id)
    .bind(Watcher::Erased(viewer.to_owned()).text())
    .bind(token())
    .execute(&mut *change)
    .await?;
    rewrite(change, id, Event::anonymise).await
}

/// Changes the bodies of a session's events.
async fn rewrite(change: &mut Connection, id: i64, alter: impl Fn(&mut Event)) -> Result<(), Error> {
    let rows = sql("SELECT number, body FROM view_events WHERE session_id = $1")
        .bind(id)
        .fetch_all(&mut *change)
        .await?;
    for row in &rows {
        let before = event(&row.try_get::<String, _>("body")?)?;
        let mut after = before.clone();
        alter(&mut after);
        if after == before {
            continue;
        }
        let body = serde_json::to_string(&after).map_err(|error| corrupt("body", error))?;
        sql("UPDATE view_events SET body = $3 WHERE session_id = $1 AND number = $2")
            .bind(id)
            .bind(row.try_get::<i64, _>("number")?)
            .bind(body)
            .execute(&mut *change)
            .await?;
    }
    Ok(())
}
