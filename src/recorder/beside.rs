//! Several processes on one catalogue: each says that it lives, and takes up what one that died left, if it has the files.

use super::recovery::Error;
use super::supervisor::Supervisor;
use crate::catalog::Watch;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often a process says that it lives. One that did not for four times is dead.
const BEAT: Duration = Duration::from_secs(5);

impl Supervisor {
    /// Until `stop`: recordings of dead processes whose last media is not older than `within` go on here, others are closed.
    pub async fn live_beside_others(self, within: Duration, stop: CancellationToken) {
        let mut watch = Watch::default();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(BEAT) => {}
            }
            if let Err(error) = self.look(&mut watch, within).await {
                tracing::warn!(%error, "cannot tell other processes that this one lives");
            }
        }
    }

    /// One look at the others.
    async fn look(&self, watch: &mut Watch, within: Duration) -> Result<(), Error> {
        let (catalog, _) = self.stores();
        if !catalog.beat().await? {
            // Whoever took us for dead may have taken some of them up: there is one writer of a file (invariant S3).
            for id in self.running_ids() {
                if !catalog.is_mine(id).await? {
                    tracing::error!(recording.id = %id, "another process has taken up a recording that ran here");
                    self.let_go(id);
                }
            }
        }
        let dead = catalog.bury(watch).await?;
        if dead > 0 {
            tracing::warn!(dead, "other processes do not live any more");
        }
        self.adopt(within).await?;
        Ok(())
    }
}
