//! Waiting for a condition instead of for a time.

use std::future::Future;
use std::time::Duration;
use tokio::time::Instant;

/// How often a condition is looked at.
const STEP: Duration = Duration::from_millis(40);

/// Polls until `look` returns something.
///
/// # Panics
/// After `limit`, naming what was waited for.
pub async fn until<T, F>(what: &str, limit: Duration, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {limit:?} in vain: {what}");
        tokio::time::sleep(STEP).await;
    }
}
