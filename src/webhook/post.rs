//! Delivers what is due, a bounded number at once, and writes down what came of it.

use super::attempt::{self, Outcome};
use super::schedule;
use crate::catalog::{self, Catalog, Delivery};
use crate::clock::Clock;
use crate::id::{RecordingId, TargetId};
use crate::reach::{Clients, Reach};
use crate::time::WallTime;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Attempts at one time, and of these to one target: a slow one leaves room for others.
const AT_ONCE: usize = 32;
const AT_ONCE_PER_TARGET: u32 = 4;
/// HTTP clients that are kept, each with its connections: of so many targets at one time, connections are used again.
const CLIENTS: usize = 64;
/// Deliveries that are looked at in one step; of one target no more than may run, so that it hides no other.
const LOOKED_AT: u32 = 512;
/// At most so long nothing is looked at.
const LONGEST_REST: Duration = Duration::from_secs(30);
/// When the catalogue fails.
const AFTER_FAILURE: Duration = Duration::from_secs(2);
/// How often what nobody needs any more is removed.
const SWEEP: Duration = Duration::from_secs(3600);
/// For the last events of a service that ends; what is not delivered then is when it starts again.
const FAREWELL: Duration = Duration::from_secs(3);

/// How to deliver.
#[derive(Clone)]
pub struct Config {
    /// Signs what goes to targets without a secret of their own.
    pub secret: Option<String>,
    /// A delivery is given up after this time.
    pub retry_for: Duration,
    /// Where targets may be.
    pub reach: Reach,
}

/// What came of attempts since the process began.
#[derive(Debug, Default)]
pub struct Stats {
    delivered: AtomicU64,
    failed: AtomicU64,
    dead: AtomicU64,
}

impl Stats {
    /// Deliveries taken, attempts failed, deliveries given up.
    #[must_use]
    pub fn counts(&self) -> [u64; 3] {
        [&self.delivered, &self.failed, &self.dead].map(|count| count.load(Relaxed))
    }
}

/// What must go one after another.
type Lane = (TargetId, RecordingId);

/// Delivers what is due.
pub struct Office {
    catalog: Catalog,
    clock: Arc<dyn Clock>,
    config: Config,
    stats: Arc<Stats>,
    clients: Clients,
}

impl Office {
    /// One that does not deliver yet.
    #[must_use]
    pub fn new(catalog: Catalog, clock: Arc<dyn Clock>, config: Config, stats: Arc<Stats>) -> Self {
        Self { catalog, clock, config, stats, clients: Clients::new(CLIENTS) }
    }

    /// Delivers until `stop`; then what is due is tried once more, for a moment.
    pub async fn run(self, stop: CancellationToken) {
        let office = Arc::new(self);
        let working = office.work();
        tokio::pin!(working);
        tokio::select! {
            () = &mut working => {}
            () = stop.cancelled() => {
                // The counters of what is on its way tell when nothing is.
                let _ = tokio::time::timeout(FAREWELL, async {
                    tokio::select! {
                        () = &mut working => {}
                        () = office.nothing_due() => {}
                    }
                })
                .await;
            }
        }
    }

    async fn nothing_due(&self) {
        loop {
            let now = self.clock.wall();
            let due = self.catalog.next_deliveries(1, 1).await;
            if due.is_ok_and(|due| due.first().is_none_or(|first| first.due_at > now)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn work(self: &Arc<Self>) {
        let mut changed = self.catalog.events_written();
        let mut sweep = tokio::time::interval(SWEEP);
        let mut busy: HashSet<Lane> = HashSet::new();
        let mut running: JoinSet<Lane> = JoinSet::new();
        loop {
            changed.mark_unchanged();
            let rest = match self.begin(&mut busy, &mut running).await {
                Ok(rest) => rest,
                Err(error) => {
                    tracing::error!(%error, "webhooks cannot be looked up");
                    AFTER_FAILURE
                }
            };
            tokio::select! {
                Some(done) = running.join_next() => match done {
                    Ok(lane) => {
                        busy.remove(&lane);
                    }
                    Err(error) => {
                        // Which lane it was is not known: what runs is waited for, then all may be tried.
                        tracing::error!(%error, "an attempt to deliver a webhook broke");
                        while running.join_next().await.is_some() {}
                        busy.clear();
                    }
                },
                told = changed.changed() => if told.is_err() { return },
                _ = sweep.tick() => {
                    if let Err(error) = self.catalog.sweep_events().await {
                        tracing::warn!(%error, "old events cannot be removed");
                    }
                }
                () = tokio::time::sleep(rest) => {}
            }
        }
    }

    /// Begins what is due; how long there is nothing else to begin.
    async fn begin(
        self: &Arc<Self>,
        busy: &mut HashSet<Lane>,
        running: &mut JoinSet<Lane>,
    ) -> Result<Duration, catalog::Error> {
        let now = self.clock.wall();
        for delivery in self.catalog.next_deliveries(LOOKED_AT, AT_ONCE_PER_TARGET).await? {
            if delivery.due_at > now {
                let rest = u64::try_from(delivery.due_at.since(now)).unwrap_or(0);
                return Ok(Duration::from_micros(rest).min(LONGEST_REST));
            }
            let lane = (delivery.target, delivery.event.recording);
            let to_target = busy.iter().filter(|(target, _)| *target == delivery.target).count();
            if running.len() >= AT_ONCE || to_target >= AT_ONCE_PER_TARGET as usize || !busy.insert(lane) {
                continue;
            }
            let office = Arc::clone(self);
            running.spawn(async move {
                office.deliver(&delivery).await;
                lane
            });
        }
        Ok(LONGEST_REST)
    }

    async fn deliver(&self, delivery: &Delivery) {
        match self.catalog.claim_delivery(delivery.id).await {
            Ok(true) => {}
            // Another process tries it.
            Ok(false) => return,
            Err(error) => {
                tracing::error!(%error, delivery = delivery.id, "a webhook cannot be claimed");
                tokio::time::sleep(AFTER_FAILURE).await;
                return;
            }
        }
        let Config { secret, reach, .. } = &self.config;
        let outcome =
            attempt::attempt(&self.clients, reach, delivery, secret.as_deref(), self.clock.wall()).await;
        // What cannot be written down is tried again: at least once is the promise.
        if let Err(error) = self.settle(delivery, outcome).await {
            tracing::error!(%error, delivery = delivery.id, "the outcome of a webhook cannot be stored");
            tokio::time::sleep(AFTER_FAILURE).await;
        }
    }

    async fn settle(&self, delivery: &Delivery, outcome: Outcome) -> Result<(), catalog::Error> {
        let now = self.clock.wall();
        match outcome {
            Outcome::Taken(status) => {
                self.stats.delivered.fetch_add(1, Relaxed);
                self.catalog.delivered(delivery.id, status, now).await
            }
            Outcome::Failed(failure, asked) => {
                self.stats.failed.fetch_add(1, Relaxed);
                let attempts = delivery.attempts.saturating_add(1);
                let due = self.again(delivery.created_at, now, attempts, asked);
                if due.is_none() {
                    self.stats.dead.fetch_add(1, Relaxed);
                }
                let (event, kind) = (delivery.event.id, delivery.event.kind.name());
                let (error, dead) = (&failure.error, due.is_none());
                tracing::warn!(%event, kind, target.id = %delivery.target, attempts, error, dead, "a webhook failed");
                self.catalog.not_delivered(delivery.id, &failure, now, due).await
            }
            Outcome::Gone(failure) => {
                self.stats.failed.fetch_add(1, Relaxed);
                let dead = self.catalog.end_target(delivery.target, &failure, now).await?;
                self.stats.dead.fetch_add(dead, Relaxed);
                tracing::warn!(target.id = %delivery.target, dead, "a webhook's target is gone");
                Ok(())
            }
        }
    }

    fn again(
        &self,
        created: WallTime,
        now: WallTime,
        attempts: u32,
        asked: Option<Duration>,
    ) -> Option<WallTime> {
        // Random bits enough for a spread.
        let chance = f64::from(uuid::Uuid::new_v4().as_fields().0) / f64::from(u32::MAX);
        let pause = schedule::pause(attempts, chance, asked);
        schedule::next(created, now, attempts, self.config.retry_for, pause)
    }
}
