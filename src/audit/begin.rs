//! How the audit of a process begins, what it does by itself, and how it ends.

use super::address::Trusted;
use super::appender::{Appender, Error, Writer};
use super::chain::Tip;
use super::entry::{Action, Entry, Outcome, Phase};
use super::heads_file::HeadsFile;
use super::key::Key;
use super::seal::SALT;
use super::sessions::Sessions;
use super::sign_ins::SignIns;
use super::{erase, retention};
use crate::catalog::{AuditBatch, AuditChain, AuditRow, Catalog, ChainNumber};
use crate::clock::Clock;
use crate::id::RecordingId;
use crate::time::WallTime;
use aws_lc_rs::rand;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Chains of which a new one says where they stand.
const PREVIOUS: u32 = 64;
/// Between looks for what is over.
const LOOK: Duration = Duration::from_secs(1);
/// Between looks for what is old.
const RETENTION: Duration = Duration::from_secs(3600);
/// Heads that a process may have missed before others take it for gone.
const MISSED: i64 = 3;
/// Rows of one step of what is done to many.
pub(super) const STEP: u32 = 256;

/// What the audit is told at its beginning.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where its key and its heads are kept.
    pub folder: PathBuf,
    /// The key; without one, that of the folder.
    pub key: Option<Key>,
    /// Between heads.
    pub heads_every: Duration,
    /// A viewing session ends when nothing was asked for so long.
    pub session_idle: Duration,
    /// Rows are removed when they are older.
    pub retention: Option<Duration>,
    /// Whose word is taken for where a request came from.
    pub proxies: Trusted,
}

/// The audit of this process.
#[derive(Clone)]
pub struct Audit {
    /// Where entries go.
    pub appender: Appender,
    /// Who watches.
    pub sessions: Sessions,
    /// Whose word is taken for where a request came from.
    pub proxies: Trusted,
    sign_ins: SignIns,
    catalog: Catalog,
    key: Key,
    clock: Arc<dyn Clock>,
    running: Arc<Running>,
}

struct Running {
    looking: CancellationToken,
    closing: CancellationToken,
    /// What looks, and what writes.
    tasks: Mutex<Option<(JoinHandle<()>, JoinHandle<()>)>>,
}

impl Audit {
    /// Begins a chain, and closes what earlier processes left open.
    ///
    /// # Errors
    /// What the database or the folder says.
    pub async fn begin(catalog: Catalog, clock: Arc<dyn Clock>, config: Config) -> Result<Self, Error> {
        let heads = HeadsFile::open(&config.folder).await?;
        let key = match config.key {
            Some(key) => key,
            None => Key::kept(&config.folder)?,
        };
        let place = heads.place();
        let (number, tip) = chain(&catalog, place, &*clock).await?;
        let (writer, appender, jobs) = Writer::new(
            catalog.clone(),
            Arc::clone(&clock),
            key.clone(),
            heads,
            config.heads_every,
            (number, tip),
        );
        let running = Running {
            looking: CancellationToken::new(),
            closing: CancellationToken::new(),
            tasks: Mutex::new(None),
        };
        let audit = Self {
            appender,
            sessions: Sessions::new(Arc::clone(&clock), config.session_idle),
            proxies: config.proxies,
            sign_ins: SignIns::new(Arc::clone(&clock)),
            catalog,
            key,
            clock,
            running: Arc::new(running),
        };
        let writing = tokio::spawn(writer.run(jobs, audit.running.closing.clone()));
        let missed = i64::try_from(config.heads_every.as_micros()).unwrap_or(i64::MAX).saturating_mul(MISSED);
        audit.close_orphans(number, place, missed).await?;
        let looking = tokio::spawn(audit.clone().look(number, place, missed, config.retention));
        *audit.running.tasks.lock().await = Some((looking, writing));
        Ok(audit)
    }

    /// A sign-in failed. Many of one address are summed up.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn sign_in_failed(&self, entry: Entry) -> Result<(), Error> {
        match self.sign_ins.failed(entry) {
            Some(entry) => self.appender.append(entry).await,
            None => Ok(()),
        }
    }

    /// Erases a person: their values and salts go, all chains stay valid. How many rows named them.
    ///
    /// # Errors
    /// What the database says; [`Error::Changed`].
    pub async fn erase(&self, person: &str) -> Result<u64, Error> {
        erase::erase(&self.catalog, person).await
    }

    /// Removes rows from before a time, as far as they are the first of their chain. How many.
    ///
    /// # Errors
    /// What the database says.
    pub async fn remove_before(&self, before: WallTime) -> Result<u64, Error> {
        retention::remove_before(&self.catalog, &self.appender, &self.key, &*self.clock, before).await
    }

    /// Ends all sessions and the chain, when nobody asks any more.
    pub async fn end(&self) {
        self.running.looking.cancel();
        let Some((looking, writing)) = self.running.tasks.lock().await.take() else { return };
        let _ = looking.await;
        for entry in self.sessions.ended(true).into_iter().chain(self.sign_ins.over(true)) {
            self.appender.append_later(entry);
        }
        self.running.closing.cancel();
        let _ = writing.await;
    }

    /// What the audit does by itself, until it ends.
    async fn look(self, own: ChainNumber, place: Uuid, missed: i64, retention: Option<Duration>) {
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut old = interval(RETENTION);
        old.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.running.looking.cancelled() => return,
                _ = ticks.tick() => {
                    for entry in self.sessions.ended(false).into_iter().chain(self.sign_ins.over(false)) {
                        self.appender.append_later(entry);
                    }
                }
                _ = old.tick() => {
                    if let Err(error) = self.close_orphans(own, place, missed).await {
                        tracing::warn!(%error, "cannot end what other processes left open in the audit");
                    }
                    if let Some(age) = retention {
                        let age = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
                        match self.remove_before(self.clock.wall().plus(-age)).await {
                            Ok(0) => {}
                            Ok(rows) => tracing::info!(rows, "removed old rows of the audit"),
                            Err(error) => tracing::warn!(%error, "cannot remove old rows of the audit"),
                        }
                    }
                }
            }
        }
    }

    /// What began in a process that is gone has ended, nobody knows when or with how much: its end says so.
    async fn close_orphans(&self, own: ChainNumber, place: Uuid, missed: i64) -> Result<(), Error> {
        loop {
            let now = self.clock.wall();
            let orphans = self.catalog.audit_orphans(own, place, now.plus(-missed), STEP).await?;
            if orphans.is_empty() {
                return Ok(());
            }
            tracing::info!(sessions = orphans.len(), "ending what an earlier process left open in the audit");
            let ends = orphans.iter().map(|row| self.appender.send(orphan(row, now), row.session_id.clone()));
            futures_util::future::try_join_all(ends).await?;
        }
    }
}

fn orphan(start: &AuditRow, now: WallTime) -> Entry {
    Entry {
        phase: Phase::End,
        outcome: Outcome::Partial,
        who: start.who.clone(),
        role: start.role.clone(),
        address: start.address.clone(),
        user_agent: start.user_agent.clone(),
        target: start.target.clone(),
        recording: start.recording_id.as_deref().and_then(|id| id.parse::<RecordingId>().ok()),
        room: start.room_id.clone(),
        session: start.session_id.as_deref().and_then(|id| id.parse().ok()),
        share: start.share_id.clone(),
        route: start.route.clone(),
        detail: Some(json!({ "orphan": { "chain": start.chain, "seq": start.seq } })),
        ..Entry::new(now, Action::from_name(&start.action).unwrap_or(Action::Stream))
    }
}

/// Begins a chain. Its first row says where the others stand: none of them can be cut short behind that.
pub(super) async fn chain(
    catalog: &Catalog,
    place: Uuid,
    clock: &dyn Clock,
) -> Result<(ChainNumber, Tip), Error> {
    let tips = catalog.audit_tips(PREVIOUS).await?;
    let previous: Vec<_> = tips
        .iter()
        .map(|tip| json!({ "chain": tip.chain, "seq": tip.seq, "hash": hex::encode(&tip.hash) }))
        .collect();
    let mut begin = Entry::system(clock.wall(), Action::AuditBegin).row();
    begin.detail = json!({ "previous": previous, "version": env!("CARGO_PKG_VERSION") }).to_string();
    let new = AuditChain {
        id: Uuid::now_v7(),
        place,
        began_at: begin.at,
        ended_at: None,
        previous: begin.detail.clone(),
    };
    let number = catalog.begin_audit_chain(&new).await?;
    let (mut tip, mut salts) = (Tip::new(new.id), [0; 3 * SALT]);
    rand::fill(&mut salts).map_err(|_| Error::Unavailable)?;
    tip.link(&mut begin, &salts).map_err(|_| Error::Unavailable)?;
    catalog.append_audit(AuditBatch { chain: number, rows: &[begin], ends: &[] }).await?;
    Ok((number, tip))
}

/// Where a chain's first row says that others stood.
pub(super) fn previous(detail: &str) -> Vec<(Uuid, i64, Vec<u8>)> {
    let value: serde_json::Value = serde_json::from_str(detail).unwrap_or_default();
    let one = |value: &serde_json::Value| {
        let text = |name| value.get(name)?.as_str();
        Some((text("chain")?.parse().ok()?, value.get("seq")?.as_i64()?, hex::decode(text("hash")?).ok()?))
    };
    value.get("previous").and_then(|list| list.as_array()).into_iter().flatten().filter_map(one).collect()
}
