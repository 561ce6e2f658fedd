//! Keeping events, and counting them.

use super::row::Watcher;
use super::together::{Told, is_conflict, is_of_a_row, together};
use crate::analytics::event::Event;
use crate::analytics::ranges::Ranges;
use crate::analytics::session::Session;
use crate::catalog::row::{Connection, corrupt};
use crate::catalog::statement::sql;
use crate::catalog::{Catalog, Error};
use crate::id::RecordingId;
use sqlx::Row as _;

/// Events of one session that are kept: of a heartbeat every 10 s those of two days. A session may have to be made anew of
/// all of them when one comes late.
pub const MOST_VIEW_EVENTS: i64 = 20_000;

/// Of what of a recording the numbers of a session are.
#[derive(Clone, Copy, Debug)]
pub struct Basis<'a> {
    /// What of it is media.
    pub media: &'a Ranges,
    /// It has ended: nothing will be added to it.
    pub settled: bool,
}

/// Attempts at a transaction that the database ends because another one stands in its way.
const ATTEMPTS: u32 = 4;

/// Events of one session that arrived together.
#[derive(Clone, Copy, Debug)]
pub struct NewViews<'a> {
    /// What was watched.
    pub recording: RecordingId,
    /// By whom.
    pub watcher: &'a Watcher,
    /// The client's own id of the session.
    pub client: &'a str,
    /// What it is watched on.
    pub device: &'a str,
    /// As they arrived.
    pub events: &'a [Event],
    /// What the numbers are of.
    pub basis: Basis<'a>,
}

/// What was made of the events of a session, so that the next ones can be added to it.
#[derive(Clone, Debug)]
pub struct Folded {
    pub(super) next_number: i64,
    pub(super) session: Session,
}

impl Folded {
    /// About how many bytes it takes: an event may begin a range, and a play.
    #[must_use]
    pub fn weight(&self) -> u64 {
        self.next_number.unsigned_abs().saturating_mul(40).saturating_add(1024)
    }
}

/// What became of events.
#[derive(Clone, Debug)]
pub struct Appended {
    /// Those that were kept.
    pub taken: u32,
    /// Those that were there.
    pub known: u32,
    /// Those above [`MOST_VIEW_EVENTS`].
    pub refused: u32,
    /// The last playhead of the session that was told.
    pub position_ms: Option<i64>,
    /// To be given with the next ones, if something was kept. Of several that were told together of one session the last
    /// of which something was kept has it.
    pub folded: Option<Folded>,
}

impl Catalog {
    /// Keeps events and the numbers that their session has with them. When it returns they are durable. `kept` saves
    /// reading the earlier ones, if it is of the session as it is.
    ///
    /// # Errors
    /// [`Error::Missing`] without such a recording; [`Error::Database`], [`Error::Corrupt`].
    pub async fn append_views(&self, new: &NewViews<'_>, kept: Option<Folded>) -> Result<Appended, Error> {
        let told = [Told { new: *new, kept }];
        let mut answers = self.try_together(&told).await?;
        answers.pop().unwrap_or(Err(Error::Missing { what: "session" }))
    }

    /// The same of many sessions in one transaction: so an event costs its share of one durable commit. What becomes of
    /// each, in the order in which they are given. Of one session they are taken in that order. What cannot be kept leaves
    /// the others: then each has a transaction of its own.
    pub(super) async fn append_many(&self, all: &[Told<'_>]) -> Vec<Result<Appended, Error>> {
        let error = match self.try_together(all).await {
            Ok(answers) => return answers,
            Err(error) => error,
        };
        if all.len() == 1 || !is_of_a_row(&error) {
            // Who is alone would wait as long, and be told the same.
            let others = all.iter().skip(1).map(|_| Err(Error::Database(sqlx::Error::PoolTimedOut)));
            return std::iter::once(Err(error)).chain(others).collect();
        }
        tracing::warn!(%error, requests = all.len(), "events are kept one by one: not all can be kept together");
        let mut answers = Vec::with_capacity(all.len());
        for one in all {
            let alone = self.try_together(std::slice::from_ref(one)).await;
            answers
                .push(alone.and_then(|mut own| own.pop().unwrap_or(Err(Error::Missing { what: "session" }))));
        }
        answers
    }

    async fn try_together(&self, all: &[Told<'_>]) -> Result<Vec<Result<Appended, Error>>, Error> {
        let mut attempt = 1;
        loop {
            match together(self, all).await {
                Err(error) if attempt < ATTEMPTS && is_conflict(&error) => attempt += 1,
                done => return done,
            }
        }
    }

    /// The events of a session in the order in which they arrived.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn view_events(&self, session: i64) -> Result<Vec<Event>, Error> {
        let mut connection = self.reader.acquire().await?;
        events(&mut connection, session).await
    }
}

pub(super) async fn events(on: &mut Connection, session: i64) -> Result<Vec<Event>, Error> {
    let rows = sql("SELECT body FROM view_events WHERE session_id = $1 ORDER BY number")
        .bind(session)
        .fetch_all(on)
        .await?;
    rows.iter().map(|row| event(&row.try_get::<String, _>("body")?)).collect()
}

pub(super) fn event(body: &str) -> Result<Event, Error> {
    serde_json::from_str(body).map_err(|_| corrupt("body", body))
}
