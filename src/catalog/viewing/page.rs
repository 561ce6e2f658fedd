//! Pages of viewing sessions, those that began last first.

use super::filter::ViewingFilter;
use super::row::{Viewing, Watcher, viewing};
use crate::analytics::session::Source;
use crate::catalog::database::Dialect;
use crate::catalog::row::Row;
use crate::catalog::statement::{Statement, sql};
use crate::catalog::{Catalog, Error, NotACursor, Viewer, viewer};
use crate::time::WallTime;
use sqlx::Row as _;
use std::fmt;
use std::str::FromStr;

/// Which sessions, of all recordings. Empty members do not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ViewingSelection {
    /// Of which recording, by whom, when.
    pub of: ViewingFilter,
    /// Told by this.
    pub source: Option<Source>,
    /// Of recordings of this room.
    pub room_id: Option<String>,
    /// Of recordings that this user started.
    pub owner: Option<String>,
    /// Of recordings that this one may see.
    pub viewer: Viewer,
}

/// The last session of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ViewingCursor {
    /// When it began.
    pub first_at: WallTime,
    /// Its number.
    pub id: i64,
}

impl fmt::Display for ViewingCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.first_at.0, self.id)
    }
}

impl FromStr for ViewingCursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let (first_at, id) = text.split_once('.').ok_or(NotACursor)?;
        let first_at = WallTime(first_at.parse().map_err(|_| NotACursor)?);
        Ok(Self { first_at, id: id.parse().map_err(|_| NotACursor)? })
    }
}

/// One page.
#[derive(Clone, Debug)]
pub struct ViewingPage {
    /// Its sessions.
    pub rows: Vec<Viewing>,
    /// For the next page, when there is one.
    pub next: Option<ViewingCursor>,
}

impl Catalog {
    /// Sessions that match, those that began last first.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn viewing_page(
        &self,
        selection: &ViewingSelection,
        cursor: Option<ViewingCursor>,
        limit: u32,
    ) -> Result<ViewingPage, Error> {
        if selection.of.watchers.as_deref().is_some_and(<[Watcher]>::is_empty) {
            return Ok(ViewingPage { rows: Vec::new(), next: None });
        }
        let mut query = sql("SELECT s.*");
        page(&mut query, selection, cursor, limit);
        let found = query.fetch_all(&self.reader).await?;
        let mut rows = found.iter().map(viewing).collect::<Result<Vec<_>, _>>()?;
        let more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let last = rows.last().map(|row| ViewingCursor { first_at: row.numbers.first_at, id: row.id });
        Ok(ViewingPage { rows, next: last.filter(|_| more) })
    }

    /// How the database finds a page: its plan, line by line.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn viewing_plan(&self, selection: &ViewingSelection, limit: u32) -> Result<Vec<String>, Error> {
        let sqlite = self.dialect == Dialect::Sqlite;
        let mut explain = sql(if sqlite { "EXPLAIN QUERY PLAN " } else { "EXPLAIN " });
        explain.push("SELECT s.*");
        page(&mut explain, selection, None, limit);
        let line = |row: &Row| Ok(row.try_get("detail").or_else(|_| row.try_get(0))?);
        explain.fetch_all(&self.reader).await?.iter().map(line).collect()
    }

    /// A session by its number.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn viewing(&self, id: i64) -> Result<Option<Viewing>, Error> {
        let row = sql("SELECT * FROM view_sessions WHERE id = $1").bind(id).fetch_optional(&self.reader);
        row.await?.as_ref().map(viewing).transpose()
    }
}

/// One row more than asked for tells whether there is a next page.
fn page(query: &mut Statement, selection: &ViewingSelection, cursor: Option<ViewingCursor>, limit: u32) {
    query.push(" FROM view_sessions s WHERE 1 = 1");
    restrict(query, selection);
    if let Some(cursor) = cursor {
        query.push(" AND (s.first_at, s.id) < (").push_bind(cursor.first_at.0);
        query.push(", ").push_bind(cursor.id).push(")");
    }
    query.push(" ORDER BY s.first_at DESC, s.id DESC LIMIT ").push_bind(i64::from(limit) + 1);
}

fn restrict(query: &mut Statement, selection: &ViewingSelection) {
    viewer::restrict(query, "s.recording_id", &selection.viewer);
    let of = &selection.of;
    if let Some(recording) = of.recording {
        query.push(" AND s.recording_id = ").push_bind(recording.to_string());
    }
    if let Some(watchers) = of.watchers.as_deref() {
        query.push(" AND s.viewer").push_in(watchers.iter().map(Watcher::text));
    }
    for (condition, at) in [(" AND s.first_at >= ", of.from), (" AND s.first_at < ", of.to)] {
        if let Some(at) = at {
            query.push(condition).push_bind(at.0);
        }
    }
    if let Some(source) = selection.source {
        query.push(" AND s.source = ").push_bind(source.name());
    }
    if let Some(room) = &selection.room_id {
        query.push(" AND s.recording_id IN (SELECT r.id FROM recordings r WHERE r.room_id = ");
        query.push_bind(room).push(")");
    }
    if let Some(owner) = &selection.owner {
        query.push(" AND s.recording_id IN (SELECT r.id FROM recordings r WHERE r.started_by = ");
        query.push_bind(owner).push(")");
    }
}
