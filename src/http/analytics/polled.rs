//! Who watches now: asked of the database only while somebody listens, and once for all who listen to the same.

use crate::catalog::{Catalog, LiveViewings};
use crate::clock::{Clock, SystemClock};
use crate::id::RecordingId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// A session goes on when its last event came within so many microseconds: six of a player's heartbeats.
const WINDOW: i64 = 60_000_000;
/// How often it is asked.
const EVERY: Duration = Duration::from_secs(1);

/// What is watched, and where what was found is told.
type Channels = HashMap<Option<RecordingId>, watch::Sender<Option<LiveViewings>>>;

/// Keeps it.
#[derive(Clone, Default)]
pub(super) struct Polled(Arc<Mutex<Channels>>);

impl Polled {
    /// Who watches a recording, or any. Nothing is there before the database has answered; it ends when that fails.
    pub(super) fn follow(
        &self,
        catalog: &Catalog,
        of: Option<RecordingId>,
    ) -> watch::Receiver<Option<LiveViewings>> {
        let mut channels = self.channels();
        if let Some(told) = channels.get(&of) {
            return told.subscribe();
        }
        let (told, heard) = watch::channel(None);
        channels.insert(of, told.clone());
        drop(channels);
        let poll = Poll { polled: self.clone(), catalog: catalog.clone(), of, told };
        tokio::spawn(poll.run());
        heard
    }

    fn channels(&self) -> MutexGuard<'_, Channels> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Poll {
    polled: Polled,
    catalog: Catalog,
    of: Option<RecordingId>,
    told: watch::Sender<Option<LiveViewings>>,
}

impl Poll {
    /// Until nobody listens any more.
    async fn run(self) {
        while !self.is_over() {
            let since = SystemClock.wall().plus(-WINDOW);
            match self.catalog.live_viewings(self.of, since).await {
                Ok(found) => {
                    self.told.send_if_modified(|last| last.replace(found) != Some(found));
                }
                Err(error) => {
                    // Those who listen ask again, with more luck.
                    tracing::error!(%error, "it cannot be read who watches");
                    self.polled.channels().remove(&self.of);
                    return;
                }
            }
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = self.told.closed() => {}
            }
        }
    }

    /// Nobody listens, and whoever comes begins anew.
    fn is_over(&self) -> bool {
        let mut channels = self.polled.channels();
        let over = self.told.receiver_count() == 0;
        if over {
            channels.remove(&self.of);
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_poll_serves_all_who_listen_and_ends_with_them() {
        let catalog = Catalog::open("sqlite::memory:").await.unwrap();
        let polled = Polled::default();
        let mut one = polled.follow(&catalog, None);
        let mut two = polled.follow(&catalog, None);
        let other = polled.follow(&catalog, Some(RecordingId::new()));
        assert_eq!(polled.channels().len(), 2);
        for heard in [&mut one, &mut two] {
            let found = heard.wait_for(Option::is_some).await.unwrap();
            assert_eq!(*found, Some(LiveViewings::default()));
        }
        drop((one, two, other));
        while !polled.channels().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let again = polled.follow(&catalog, None).wait_for(Option::is_some).await.map(|found| *found);
        assert_eq!(again.unwrap(), Some(LiveViewings::default()));
    }

    #[tokio::test]
    async fn who_listens_when_the_database_is_gone_is_told_so() {
        let catalog = Catalog::open("sqlite::memory:").await.unwrap();
        let polled = Polled::default();
        catalog.close().await;
        let mut heard = polled.follow(&catalog, None);
        assert!(heard.changed().await.is_err());
        assert!(polled.channels().is_empty());
    }
}
