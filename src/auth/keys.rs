//! Keys that an issuer publishes: fetched, kept, and fetched again when they may have changed.
//!
//! A set is taken for current for [`FRESH`]; then it is fetched again behind the back of whoever asks. A key identifier
//! that is not in it may be of a key that was added since, so the set is fetched at once; strangers can make up
//! identifiers, so never more often than each [`PAUSE`]. While the issuer does not answer the old keys serve on, but
//! not for longer than configured, because a key that was stolen is withdrawn by taking it out of the set.

use super::Error;
use super::jwks::{self, Key};
use super::token::Algorithm;
use crate::clock::Clock;
use crate::time::Moment;
use async_trait::async_trait;
use jsonwebtoken::DecodingKey;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Mutex;

/// How long a set is taken for current.
const FRESH: Duration = Duration::from_secs(300);
/// Between two attempts to fetch it.
const PAUSE: Duration = Duration::from_secs(10);

/// Where key sets come from.
#[async_trait]
pub trait Source: Send + Sync {
    /// The text of the set as it is now.
    ///
    /// # Errors
    /// Why it cannot be had, for the log.
    async fn fetch(&self) -> Result<Vec<u8>, String>;
}

/// The keys of an issuer. Cheap to clone.
#[derive(Clone)]
pub struct Keys(Arc<Shared>);

struct Shared {
    source: Box<dyn Source>,
    clock: Arc<dyn Clock>,
    stale: Duration,
    state: RwLock<State>,
    fetching: Mutex<()>,
    fetched: AtomicU64,
    failed: AtomicU64,
}

#[derive(Default)]
struct State {
    keys: Arc<[Key]>,
    /// Of the set.
    fetched_at: Option<Moment>,
    /// The last time that it was asked for.
    tried_at: Option<Moment>,
}

enum Age {
    Fresh,
    Stale,
    Void,
}

impl Keys {
    /// Keys from `source` that serve on for `stale` when it does not answer. None is fetched yet.
    #[must_use]
    pub fn new(source: Box<dyn Source>, clock: Arc<dyn Clock>, stale: Duration) -> Self {
        Self(Arc::new(Shared {
            source,
            clock,
            stale: stale.max(FRESH),
            state: RwLock::default(),
            fetching: Mutex::default(),
            fetched: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }))
    }

    /// How often sets were fetched, and could not be.
    #[must_use]
    pub fn counts(&self) -> [u64; 2] {
        [self.0.fetched.load(Relaxed), self.0.failed.load(Relaxed)]
    }

    /// The key of this identifier and algorithm. Without an identifier there must be just one of the algorithm.
    ///
    /// # Errors
    /// [`Error::UnknownKey`], [`Error::NoKeys`].
    pub(super) async fn key(&self, id: Option<&str>, algorithm: Algorithm) -> Result<DecodingKey, Error> {
        let (age, found) = self.0.look(id, algorithm);
        match (age, found) {
            (Age::Fresh, Some(key)) => return Ok(key),
            (Age::Stale, Some(key)) => {
                let keys = self.clone();
                tokio::spawn(async move { keys.0.refresh().await });
                return Ok(key);
            }
            _ => {}
        }
        self.0.refresh().await;
        match self.0.look(id, algorithm) {
            (Age::Void, _) => Err(Error::NoKeys),
            (_, found) => found.ok_or(Error::UnknownKey),
        }
    }

    /// Fetches the set, unless that was just tried.
    pub async fn refresh(&self) {
        self.0.refresh().await;
    }
}

impl Shared {
    fn look(&self, id: Option<&str>, algorithm: Algorithm) -> (Age, Option<DecodingKey>) {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let age = match state.fetched_at.map(|at| elapsed(at, self.clock.now())) {
            Some(age) if age < FRESH => Age::Fresh,
            Some(age) if age < self.stale => Age::Stale,
            _ => Age::Void,
        };
        let fits = |key: &&Key| key.algorithm == algorithm && (id.is_none() || key.id.as_deref() == id);
        let mut fitting = state.keys.iter().filter(fits);
        let found = fitting.next();
        let ambiguous = id.is_none() && fitting.next().is_some();
        (age, found.filter(|_| !ambiguous).map(|key| key.decoding.clone()))
    }

    /// One at a time; whoever waited for another one's attempt makes none.
    async fn refresh(&self) {
        let _alone = self.fetching.lock().await;
        let now = self.clock.now();
        {
            let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
            if state.tried_at.is_some_and(|at| elapsed(at, now) < PAUSE) {
                return;
            }
            state.tried_at = Some(now);
        }
        let found = self.source.fetch().await.and_then(|text| jwks::parse(&text));
        match found {
            Ok(keys) => {
                self.fetched.fetch_add(1, Relaxed);
                if keys.is_empty() {
                    tracing::warn!("JWT_JWKS_URL: the set has no key that can be used");
                }
                let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
                state.keys = keys.into();
                state.fetched_at = Some(now);
            }
            Err(error) => {
                self.failed.fetch_add(1, Relaxed);
                tracing::warn!(error, "JWT_JWKS_URL: the keys cannot be fetched");
            }
        }
    }
}

fn elapsed(since: Moment, now: Moment) -> Duration {
    Duration::from_micros(u64::try_from(now.0.saturating_sub(since.0)).unwrap_or(0))
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
