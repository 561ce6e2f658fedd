//! Tokens whose signature by the secret was found right, with who they are of. To check one takes as long as all else that
//! a request for a segment needs, and a player sends the same one with each of its requests.
//!
//! Kept is only what cannot change while the service runs: whose signature it is, and the claims. That its time has come and
//! is not over is asked each time, and so must be whatever else may take a token back. Tokens by published keys are not
//! kept, because a key may be withdrawn.

use super::{Error, Subject};
use quick_cache::sync::Cache;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Tokens that are kept.
const KEPT: usize = 1024;
/// A longer one is checked each time: what is kept is at most 2 MiB.
const LONGEST_BYTES: usize = 2 << 10;

/// Who a good token is of, and when it is good, in seconds since the Unix epoch.
#[derive(Debug)]
pub(super) struct Good {
    pub(super) subject: Subject,
    exp: f64,
    nbf: Option<f64>,
}

impl Good {
    pub(super) fn new(subject: Subject, claims: &Map<String, Value>) -> Self {
        let number = |name| claims.get(name).and_then(Value::as_f64);
        Self { subject, exp: number("exp").unwrap_or(0.0), nbf: number("nbf") }
    }

    /// What the library asks of a token that it decodes.
    #[expect(clippy::cast_precision_loss, reason = "seconds are far below 2^53")]
    pub(super) fn in_time(&self, now: u64, leeway: u64) -> Result<(), Error> {
        if self.exp < now.saturating_sub(leeway) as f64 {
            return Err(Error::Expired);
        }
        match self.nbf {
            Some(nbf) if nbf > now.saturating_add(leeway) as f64 => Err(Error::NotYet),
            _ => Ok(()),
        }
    }
}

/// Good tokens, whole.
#[derive(Clone)]
pub(super) struct Known(Arc<Cache<Box<str>, Arc<Good>>>);

impl Default for Known {
    fn default() -> Self {
        Self(Arc::new(Cache::new(KEPT)))
    }
}

impl Known {
    /// Who a token is of that was checked before.
    pub(super) fn get(&self, token: &str) -> Option<Arc<Good>> {
        self.0.get(token)
    }

    /// Keeps who a good token is of. Bad ones are never kept: anybody can make as many as they like.
    pub(super) fn keep(&self, token: &str, good: Good) {
        if token.len() <= LONGEST_BYTES {
            self.0.insert(token.into(), Arc::new(good));
        }
    }

    /// A token that is of no use any more.
    pub(super) fn forget(&self, token: &str) {
        self.0.remove(token);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
