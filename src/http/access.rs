//! Who may do what with a recording: loads the facts, or has them still, and asks [`crate::auth::permit`].
//!
//! Players ask for a segment every second, so facts are kept for each who asks and recording. They are dropped when
//! this process changes who may see the recording ([`Catalog::generation`]), and after [`FRESH`] for what others change.

use super::error::Problem;
use crate::auth::{self, Action, Denied, Facts, Given, Kind, Role, Subject};
use crate::catalog::{self, Catalog, Viewer};
use crate::clock::{Clock, SystemClock};
use crate::id::{RecordingId, ShareId};
use quick_cache::sync::Cache;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long facts may differ from the rows when another process changes these.
const FRESH: Duration = Duration::from_secs(5);
/// Pairs of who asks and a recording that are kept, some hundred bytes each.
const MOST_KEPT: usize = 20_000;

/// Of whom facts are. Addresses that a user had signed have that user's.
type Key = (RecordingId, Arc<str>, Role, Option<ShareId>);

/// Facts of who asks and recordings. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Access(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    catalog: Catalog,
    participants_may_view: bool,
    kept: Cache<Key, Kept>,
}

#[derive(Clone, Debug)]
struct Kept {
    read_at: Instant,
    generation: u64,
    facts: Arc<Facts>,
}

impl Access {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(catalog: Catalog, participants_may_view: bool) -> Self {
        Self(Arc::new(Shared { catalog, participants_may_view, kept: Cache::new(MOST_KEPT) }))
    }

    /// Whether they may do that with a recording. Its facts.
    pub(super) async fn permit(
        &self,
        subject: &Subject,
        action: Action,
        recording: RecordingId,
    ) -> Result<Arc<Facts>, Problem> {
        let facts = self.facts(subject, recording).await?;
        auth::permit(subject, action, facts.as_deref(), SystemClock.wall())?;
        facts.ok_or_else(|| Denied::Hidden.into())
    }

    async fn facts(
        &self,
        subject: &Subject,
        recording: RecordingId,
    ) -> Result<Option<Arc<Facts>>, catalog::Error> {
        let shared = &self.0;
        let key = (recording, Arc::clone(&subject.user_id), subject.role, subject.share);
        // Before the rows are read: a change meanwhile makes what is kept old.
        let (generation, read_at) = (shared.catalog.generation(recording), Instant::now());
        if let Some(kept) = shared.kept.get(&key)
            && kept.generation == generation
            && read_at.duration_since(kept.read_at) < FRESH
        {
            return Ok(Some(kept.facts));
        }
        let (user, role) = (&*subject.user_id, subject.role.name());
        let Some(row) = shared.catalog.standing(recording, user, role, subject.share).await? else {
            shared.kept.remove(&key);
            return Ok(None);
        };
        let given = |(share, level, expires_at, by_link)| Given { share, level, expires_at, by_link };
        let facts = Arc::new(Facts {
            recording,
            owner: row.owner.into(),
            deleted: row.deleted,
            participant: row.participant && shared.participants_may_view,
            shares: row.shares.into_iter().map(given).collect(),
        });
        shared.kept.insert(key, Kept { read_at, generation, facts: Arc::clone(&facts) });
        Ok(Some(facts))
    }

    /// For whose eyes lists and logs are read.
    pub(super) fn viewer(&self, subject: &Subject) -> Viewer {
        if subject.kind == Kind::User && subject.role == Role::Admin {
            return Viewer::All;
        }
        Viewer::User {
            id: subject.user_id.to_string(),
            role: subject.role.name().to_owned(),
            participants: self.0.participants_may_view,
        }
    }
}
