//! Finding recordings: constant fragments and bound values, never text of a user in a statement.

use super::recordings::recording;
use super::row::{integer, signed};
use super::statement::{Statement, sql};
use super::{Catalog, Error, Recording, Status, Viewer, viewer};
use crate::id::RecordingId;
use crate::time::WallTime;
use serde::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// What to list. Empty members do not restrict.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this room.
    pub room_id: Option<String>,
    /// Started by this user, or with this user as a participant.
    pub user_id: Option<String>,
    /// In this state. Without it, deleted ones are left out.
    pub status: Option<Status>,
    /// Started at or after.
    pub from: Option<WallTime>,
    /// Started before.
    pub to: Option<WallTime>,
    /// Found in title, description or room, without regard to case.
    pub q: Option<String>,
    /// Most rows of the page.
    pub limit: u32,
    /// Rows to skip.
    pub offset: u32,
    /// Go on after this row.
    pub cursor: Option<Cursor>,
    /// What this one may see.
    pub viewer: Viewer,
}

/// One page, newest first.
#[derive(Clone, Debug)]
pub struct Page {
    /// The rows.
    pub rows: Vec<Recording>,
    /// How many match on all pages.
    pub total: Total,
    /// For the next page, when there is one.
    pub next: Option<Cursor>,
}

/// Counting stops here: a list is as quick whatever it is a list of.
pub(super) const COUNTED: u64 = 10_000;

/// How many rows match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Total {
    /// So many.
    Exactly(u64),
    /// More than 10,000.
    More,
}

impl Total {
    /// Of a count that stopped behind [`COUNTED`].
    pub(super) fn of(counted: u64) -> Self {
        if counted > COUNTED { Self::More } else { Self::Exactly(counted) }
    }
}

/// A number up to 10,000, then the text `10000+`.
impl Serialize for Total {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Exactly(count) => serializer.serialize_u64(*count),
            Self::More => serializer.collect_str(&format_args!("{COUNTED}+")),
        }
    }
}

/// The last row of a page. Unlike an offset it stays right while recordings are added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// When the row's recording started.
    pub started_at: WallTime,
    /// Its identifier.
    pub id: RecordingId,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.started_at.0, self.id)
    }
}

/// The text was not given out as a cursor.
#[derive(Debug, thiserror::Error)]
#[error("not a cursor")]
pub struct NotACursor;

impl FromStr for Cursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let (started_at, id) = text.split_once('.').ok_or(NotACursor)?;
        let started_at = WallTime(started_at.parse().map_err(|_| NotACursor)?);
        Ok(Self { started_at, id: id.parse().map_err(|_| NotACursor)? })
    }
}

impl Catalog {
    /// Recordings that match, newest first.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn list(&self, filter: &Filter) -> Result<Page, Error> {
        let mut count = sql("SELECT COUNT(*) AS total FROM (SELECT 1 AS one FROM recordings r WHERE 1 = 1");
        restrict(&mut count, filter);
        count.push(" LIMIT ").push_bind(signed(COUNTED + 1)).push(") AS counted");
        let total = Total::of(integer(&count.fetch_one(&self.reader).await?, "total")?);

        let mut select = sql("SELECT r.* FROM recordings r WHERE 1 = 1");
        restrict(&mut select, filter);
        if let Some(cursor) = filter.cursor {
            select.push(" AND (r.started_at, r.id) < (").push_bind(cursor.started_at.0);
            select.push(", ").push_bind(cursor.id.to_string()).push(")");
        }
        select.push(" ORDER BY r.started_at DESC, r.id DESC LIMIT ");
        // One more than asked for tells whether there is a next page.
        select.push_bind(i64::from(filter.limit) + 1);
        select.push(" OFFSET ").push_bind(i64::from(filter.offset));
        let found = select.fetch_all(&self.reader).await?;
        let mut rows = found.iter().map(recording).collect::<Result<Vec<_>, _>>()?;
        let limit = filter.limit as usize;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().map(|row| Cursor { started_at: row.started_at, id: row.id });
        Ok(Page { rows, total, next: last.filter(|_| more) })
    }
}

fn restrict(query: &mut Statement, filter: &Filter) {
    viewer::restrict(query, "r.id", &filter.viewer);
    match filter.status {
        Some(status) => query.push(" AND r.status = ").push_bind(status.name()),
        None => query.push(" AND r.status <> 'deleted'"),
    };
    if let Some(room) = &filter.room_id {
        query.push(" AND r.room_id = ").push_bind(room);
    }
    if let Some(user) = &filter.user_id {
        // A union of two lists, each from an index; an OR would look at every recording.
        query.push(" AND r.id IN (SELECT s.id FROM recordings s WHERE s.started_by = ").push_bind(user);
        query.push(" UNION SELECT p.recording_id FROM recording_participants p WHERE p.user_id = ");
        query.push_bind(user).push(")");
    }
    if let Some(from) = filter.from {
        query.push(" AND r.started_at >= ").push_bind(from.0);
    }
    if let Some(to) = filter.to {
        query.push(" AND r.started_at < ").push_bind(to.0);
    }
    if let Some(text) = &filter.q {
        let pattern = format!("%{}%", escape(&text.to_lowercase()));
        query.push(" AND r.search_text LIKE ").push_bind(pattern).push(" ESCAPE '\\'");
    }
}

/// What LIKE reads as a wildcard, taken literally.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}
