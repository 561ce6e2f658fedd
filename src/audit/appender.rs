//! The one writer of a process's chain.
//!
//! Whoever has something to record sends it here and waits; what came while a commit was under way shares the next one.
//! So a row costs its share of one durable commit, however many ask.
//!
//! When the database does not take a row, who waits is told so ([`Error::Unavailable`]) and the row has no place: the next
//! one takes it. Whether a commit that failed was made after all is looked up before anything else is written. Until the
//! database takes rows again, [`Appender::ready`] says no.

use super::chain::Tip;
use super::encode::HASH;
use super::entry::{Action, Entry};
use super::head::{self, ENDED, RUNNING};
use super::heads_file::HeadsFile;
use super::key::Key;
use super::seal::SALT;
use crate::catalog::{self, AuditBatch, AuditRow, Catalog, ChainNumber};
use crate::clock::Clock;
use aws_lc_rs::rand;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

/// Entries that wait for the next commit. More wait to be taken in, as long as [`PATIENCE`].
const QUEUE: usize = 1024;
/// Entries of one commit.
const BATCH: usize = 512;
/// Entries that nobody waits for. Beyond, they are counted as lost and logged.
const LATE: usize = 8192;
/// How long anybody waits for a row to be durable.
const PATIENCE: Duration = Duration::from_secs(5);
/// Rows after which a head is signed before its time.
const HEAD_ROWS: i64 = 1000;
/// Between attempts while the database takes nothing.
const RETRY: Duration = Duration::from_secs(1);

/// Why something was not recorded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database does not take it, or not in time.
    #[error("the audit cannot be written")]
    Unavailable,
    /// Rows cannot be read or written.
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
    /// Files of the audit cannot be read or made.
    #[error("cannot use the folder of the audit")]
    Folder(#[from] std::io::Error),
    /// The key.
    #[error(transparent)]
    Key(#[from] super::key::KeyError),
    /// A row of a person holds what was never written.
    #[error("row {0} was changed: see tureen audit verify")]
    Changed(i64),
}

/// What was written.
#[derive(Debug, Default)]
pub struct Stats {
    /// Rows that are durable.
    pub rows: AtomicU64,
    /// Commits that they took.
    pub commits: AtomicU64,
    /// Commits that failed.
    pub failures: AtomicU64,
    /// Entries that were given up.
    pub lost: AtomicU64,
    failing: AtomicBool,
}

/// Something to record, and who waits for it.
pub(super) struct Job {
    pub(super) entry: Entry,
    /// A session of a process that is gone, which this ends.
    pub(super) ends: Option<String>,
    pub(super) done: Option<oneshot::Sender<Result<(), Error>>>,
}

/// Where entries go. Clones write the same chain.
#[derive(Clone, Debug)]
pub struct Appender {
    to: mpsc::Sender<Job>,
    late: Arc<Late>,
    stats: Arc<Stats>,
}

#[derive(Default)]
struct Late {
    queue: Mutex<VecDeque<Job>>,
    more: Notify,
}

impl std::fmt::Debug for Late {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Late")
    }
}

impl Appender {
    /// Records something. When it returns, the row is durable.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn append(&self, entry: Entry) -> Result<(), Error> {
        self.send(entry, None).await
    }

    pub(super) async fn send(&self, entry: Entry, ends: Option<String>) -> Result<(), Error> {
        let (done, answer) = oneshot::channel();
        let job = Job { entry, ends, done: Some(done) };
        let recorded = async {
            self.to.send(job).await.map_err(|_| Error::Unavailable)?;
            answer.await.map_err(|_| Error::Unavailable)?
        };
        timeout(PATIENCE, recorded).await.map_err(|_| Error::Unavailable)?
    }

    /// Records something that has happened and that nobody waits for: with the next commit, and again until it succeeds.
    pub fn append_later(&self, entry: Entry) {
        let mut queue = self.late.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.len() < LATE {
            queue.push_back(Job { entry, ends: None, done: None });
        } else {
            self.stats.lost.fetch_add(1, Ordering::Relaxed);
            tracing::error!(audit.action = entry.action.name(), "an entry of the audit is lost");
        }
        drop(queue);
        self.late.more.notify_one();
    }

    /// Whether rows are taken at the moment.
    #[must_use]
    pub fn ready(&self) -> bool {
        !self.stats.failing.load(Ordering::Relaxed)
    }

    /// What was written so far.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.stats
    }
}

/// Writes the chain.
pub(super) struct Writer {
    pub(super) catalog: Catalog,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) key: Key,
    pub(super) heads: HeadsFile,
    pub(super) every: Duration,
    pub(super) chain: ChainNumber,
    pub(super) tip: Tip,
    /// The last row that a head was signed of.
    held: i64,
    /// A commit that failed may have been made: then this is the tip.
    unsure: Option<Tip>,
    late: Arc<Late>,
    stats: Arc<Stats>,
}

impl Writer {
    /// The writer of a chain that has begun, and the way to it.
    pub(super) fn new(
        catalog: Catalog,
        clock: Arc<dyn Clock>,
        key: Key,
        heads: HeadsFile,
        every: Duration,
        chain: (ChainNumber, Tip),
    ) -> (Self, Appender, mpsc::Receiver<Job>) {
        let (to, jobs) = mpsc::channel(QUEUE);
        let (late, stats) = (Arc::new(Late::default()), Arc::new(Stats::default()));
        let appender = Appender { to, late: Arc::clone(&late), stats: Arc::clone(&stats) };
        let (chain, tip) = chain;
        (
            Self { catalog, clock, key, heads, every, chain, tip, held: 0, unsure: None, late, stats },
            appender,
            jobs,
        )
    }

    /// Writes until `closing`, then what is left, and ends the chain.
    pub(super) async fn run(mut self, mut jobs: mpsc::Receiver<Job>, closing: CancellationToken) {
        let mut heads = interval(self.every);
        heads.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut retry = interval(RETRY);
        retry.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let late = Arc::clone(&self.late);
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                count = jobs.recv_many(&mut batch, BATCH) => {
                    if count == 0 {
                        break;
                    }
                    self.write(&mut batch).await;
                }
                () = late.more.notified() => self.write(&mut batch).await,
                _ = retry.tick(), if !self.is_ready() => self.write(&mut batch).await,
                _ = heads.tick() => self.head(RUNNING).await,
                () = closing.cancelled(), if !jobs.is_closed() => jobs.close(),
            }
            if self.tip.seq - self.held >= HEAD_ROWS {
                self.head(RUNNING).await;
            }
        }
        let ended = Entry::system(self.clock.wall(), Action::AuditEnd);
        batch.push(Job { entry: ended, ends: None, done: None });
        self.write(&mut batch).await;
        self.head(ENDED).await;
        if let Err(error) = self.catalog.end_audit_chain(self.chain, self.clock.wall()).await {
            tracing::warn!(%error, "cannot note that the audit's chain has ended");
        }
    }

    fn is_ready(&self) -> bool {
        !self.stats.failing.load(Ordering::Relaxed)
    }

    /// Takes a batch, and what nobody waits for, in.
    async fn write(&mut self, batch: &mut Vec<Job>) {
        loop {
            let room = BATCH.saturating_sub(batch.len());
            let late: Vec<Job> = {
                let mut queue = self.late.queue.lock().unwrap_or_else(PoisonError::into_inner);
                let count = room.min(queue.len());
                queue.drain(..count).collect()
            };
            let more = late.len() == room && room > 0;
            // What happened first is written first, as far as that is known.
            drop(batch.splice(0..0, late));
            let written = timeout(PATIENCE, self.commit(batch)).await.unwrap_or(Err(Error::Unavailable));
            let failed = written.is_err();
            if let Err(error) = &written {
                self.stats.failures.fetch_add(1, Ordering::Relaxed);
                let cause = std::error::Error::source(error).map(ToString::to_string);
                tracing::error!(%error, cause, "the audit cannot be written");
            }
            self.stats.failing.store(failed, Ordering::Relaxed);
            let mut back = VecDeque::new();
            for job in batch.drain(..) {
                match job.done {
                    Some(done) => drop(done.send(if failed { Err(Error::Unavailable) } else { Ok(()) })),
                    None if failed => back.push_back(job),
                    None => {}
                }
            }
            if failed {
                let mut queue = self.late.queue.lock().unwrap_or_else(PoisonError::into_inner);
                back.append(&mut queue);
                *queue = back;
            }
            if failed || !more {
                return;
            }
        }
    }

    async fn commit(&mut self, batch: &[Job]) -> Result<(), Error> {
        self.settle().await?;
        if batch.is_empty() {
            // Whether the database answers again.
            return Ok(self.catalog.see_audit_chain(self.chain, self.clock.wall()).await?);
        }
        let mut tip = self.tip;
        let mut rows: Vec<AuditRow> = Vec::with_capacity(batch.len());
        for job in batch {
            let mut row = job.entry.row();
            let mut salts = [0; 3 * SALT];
            rand::fill(&mut salts).map_err(|_| Error::Unavailable)?;
            tip.link(&mut row, &salts).map_err(|_| Error::Unavailable)?;
            rows.push(row);
        }
        let ends: Vec<String> = batch.iter().filter_map(|job| job.ends.clone()).collect();
        self.unsure = Some(tip);
        self.catalog.append_audit(AuditBatch { chain: self.chain, rows: &rows, ends: &ends }).await?;
        (self.tip, self.unsure) = (tip, None);
        self.stats.rows.fetch_add(rows.len() as u64, Ordering::Relaxed);
        self.stats.commits.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// After a commit that failed: whether it was made.
    async fn settle(&mut self) -> Result<(), Error> {
        let Some(attempted) = self.unsure else { return Ok(()) };
        let stored = self.catalog.audit_tip(self.chain).await?;
        let hash = |hash: Vec<u8>| <[u8; HASH]>::try_from(hash).ok();
        let stored =
            stored.and_then(|tip| Some(Tip { chain: tip.chain, seq: tip.seq, hash: hash(tip.hash)? }));
        let stored = stored.unwrap_or_else(|| Tip::new(self.tip.chain));
        if stored == attempted {
            self.tip = attempted;
        } else if stored != self.tip {
            tracing::error!(
                audit.chain = %self.tip.chain, audit.seq = stored.seq,
                "the end of the audit's chain was changed by somebody else: another chain begins"
            );
            self.held = 0;
            (self.chain, self.tip) =
                super::begin::chain(&self.catalog, self.heads.place(), &*self.clock).await?;
        }
        self.unsure = None;
        Ok(())
    }

    /// Signs where the chain stands, and tells it in all places. What the database does not take, the others have.
    async fn head(&mut self, kind: &str) {
        let head = head::sign(&self.key, self.tip, self.clock.wall(), kind);
        self.held = head.seq;
        tracing::info!(
            audit.chain = %head.chain, audit.seq = head.seq, audit.hash = hex::encode(&head.hash),
            audit.at = head.at.0, audit.kind = kind, audit.key = hex::encode(&head.key),
            audit.signature = hex::encode(&head.signature), "audit head"
        );
        if let Err(error) = self.heads.add(&head).await {
            tracing::error!(%error, "cannot keep a head of the audit in its file");
        }
        let stored = async {
            self.catalog.add_audit_head(self.chain, &head).await?;
            self.catalog.see_audit_chain(self.chain, head.at).await
        };
        match timeout(PATIENCE, stored).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "cannot keep a head of the audit in the database"),
            Err(_) => tracing::warn!("the database did not take a head of the audit in time"),
        }
    }
}
