//! Tokens whose signature was found right, with what they say. To check one takes as long as all else that a request for
//! a segment needs, and a player sends the same one with each of its requests.
//!
//! Kept is only what cannot change while the keys are the same: whose signature it is, and the claims. That its time has
//! come and is not over is asked each time, and so must be whatever else may take a token back.

use super::Claims;
use quick_cache::sync::Cache;
use std::sync::Arc;

/// Tokens that are kept.
const KEPT: usize = 1024;
/// A longer one is checked each time: what is kept is at most 2 MiB.
const LONGEST_BYTES: usize = 2 << 10;

/// Claims by the whole token.
#[derive(Clone)]
pub(super) struct Known(Arc<Cache<Box<str>, Arc<Claims>>>);

impl Default for Known {
    fn default() -> Self {
        Self(Arc::new(Cache::new(KEPT)))
    }
}

impl Known {
    /// What a token says that was checked before.
    pub(super) fn get(&self, token: &str) -> Option<Arc<Claims>> {
        self.0.get(token)
    }

    /// Keeps what a good token says. Bad ones are never kept: anybody can make as many as they like.
    pub(super) fn keep(&self, token: &str, claims: &Claims) {
        if token.len() <= LONGEST_BYTES {
            self.0.insert(token.into(), Arc::new(claims.clone()));
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
