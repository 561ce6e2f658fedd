//! Starts and stops recordings, and knows which ones run.

use super::actor::{Actor, Command};
use super::attach::Way;
use super::error::Error;
use super::integrity::Integrity;
use super::link::{Link, Repairs};
use super::progress::Progress;
use super::recording::{Action, Recording};
use super::request::StartRequest;
use super::rules::{Limits, Rules};
use super::unasked;
use super::writer::Writer;
use crate::audit::Appender;
use crate::catalog::{Catalog, EndedBy, Pause};
use crate::clock::Clock;
use crate::id::RecordingId;
use crate::live::{Edge, Hub};
use crate::media::segment::Policy;
use crate::peer;
use crate::sfu::bridge::Lobby;
use crate::storage::Store;
use crate::time::{Moment, WallTime};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Writes that may wait for the disk: at 25 participants about a minute of fragments.
const WRITE_QUEUE: usize = 4096;
/// Pauses and resumptions that may wait to be heard.
const COMMANDS: usize = 4;
/// Recordings at one time, a guard rather than a goal.
pub const MOST_RUNNING: usize = 256;

/// A recording that runs.
#[derive(Clone, Debug)]
pub struct Started {
    /// Its id.
    pub recording_id: RecordingId,
    /// Its tick zero.
    pub started_at: WallTime,
    /// It had been started before, by a request of the same idempotency key.
    pub repeated: bool,
}

/// What becomes of running recordings when the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// They end.
    Complete,
    /// They are let go, to be taken up by the next process.
    Suspend,
}

/// A recording that ended.
#[derive(Clone, Debug)]
pub struct Stopped {
    /// When.
    pub stopped_at: WallTime,
    /// Its length.
    pub duration_micros: i64,
}

pub(super) struct Running {
    pub(super) room_id: String,
    /// Who asked for it, and by which idempotency key.
    key: Option<(String, String)>,
    stop: CancellationToken,
    suspend: CancellationToken,
    commands: mpsc::Sender<Command>,
    pub(super) progress: watch::Receiver<Progress>,
    done: watch::Receiver<Option<Stopped>>,
}

/// Our ends of what [`Running`] holds the others of.
pub(super) struct Ends {
    stop: CancellationToken,
    suspend: CancellationToken,
    commands: mpsc::Receiver<Command>,
    progress: watch::Sender<Progress>,
    done: watch::Sender<Option<Stopped>>,
}

/// A recording that is about to run.
pub(super) struct Begun {
    pub(super) recording: Recording,
    pub(super) writer: Writer,
    pub(super) way: Way,
    pub(super) link: Link,
    pub(super) rules: Rules,
    pub(super) limits: Limits,
    /// Tick zero, which pauses do not move.
    pub(super) began: Moment,
    pub(super) started_at: WallTime,
    /// What is to be stored first.
    pub(super) first: Vec<Action>,
}

/// What a supervisor works with.
pub struct Means {
    /// Rows.
    pub catalog: Catalog,
    /// Files.
    pub store: Store,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Of segments and fragments.
    pub policy: Policy,
    /// Of the receiver.
    pub peer: peer::Config,
    /// Where applications attach rooms.
    pub lobby: Lobby,
    /// Recordings at one time.
    pub most: usize,
    /// Records what recordings do by themselves; `None` where nobody asks who did what.
    pub audit: Option<Appender>,
}

pub(super) struct Shared {
    pub(super) means: Means,
    running: Mutex<HashMap<RecordingId, Running>>,
    edges: Hub,
    /// The verdicts on the recordings that ended, together.
    ended: Mutex<Integrity>,
    repairs: Arc<Repairs>,
    tasks: TaskTracker,
}

/// All recordings of this process.
#[derive(Clone)]
pub struct Supervisor(pub(super) Arc<Shared>);

impl std::fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Supervisor").field("running", &self.running_ids()).finish_non_exhaustive()
    }
}

impl Supervisor {
    /// A supervisor without recordings.
    #[must_use]
    pub fn new(means: Means) -> Self {
        Self(Arc::new(Shared {
            means,
            running: Mutex::default(),
            edges: Hub::default(),
            ended: Mutex::default(),
            repairs: Arc::default(),
            tasks: TaskTracker::new(),
        }))
    }

    /// Joins the room and records until [`stop`](Self::stop), the room's end or a limit.
    ///
    /// # Errors
    /// Every way in which it can fail to begin; nothing is left behind then.
    pub async fn start(&self, request: StartRequest) -> Result<Started, Error> {
        if let Some(started) = self.repeated(&request).await? {
            return Ok(started);
        }
        let id = RecordingId::new();
        let ends = self.reserve(id, &request)?;
        match self.begin(id, request, ends).await {
            Ok(started) => Ok(started),
            Err(error) => {
                self.running().remove(&id);
                Err(error)
            }
        }
    }

    /// The recording that a request of the same key started before.
    async fn repeated(&self, request: &StartRequest) -> Result<Option<Started>, Error> {
        let Some(key) = &request.idempotency_key else { return Ok(None) };
        let Some(row) = self.0.means.catalog.recording_of_key(&request.started_by, key).await? else {
            return Ok(None);
        };
        let same = (&row.room_id, &row.title, &row.description, &row.metadata)
            == (&request.room_id, &request.title, &request.description, &request.metadata)
            && request.is_kept_as(&row.source)
            && self.0.means.catalog.has_targets(row.id, &request.webhooks).await?;
        let started = Started { recording_id: row.id, started_at: row.started_at, repeated: true };
        if same { Ok(Some(started)) } else { Err(Error::KeyReused) }
    }

    /// Takes a place for a recording.
    pub(super) fn reserve(&self, id: RecordingId, request: &StartRequest) -> Result<Ends, Error> {
        let (stop, suspend) = (CancellationToken::new(), CancellationToken::new());
        let (progress, progress_seen) = watch::channel(Progress { attached: true, ..Progress::default() });
        let (done, done_seen) = watch::channel(None);
        let (commands, asked) = mpsc::channel(COMMANDS);
        let key = request.idempotency_key.clone().map(|key| (request.started_by.clone(), key));
        let mut running = self.running();
        if key.is_some() && running.values().any(|other| other.key == key) {
            return Err(Error::InProgress);
        }
        let in_room = running.iter().find(|(_, other)| other.room_id == request.room_id);
        if let Some((other, _)) = in_room.filter(|_| !request.parallel) {
            return Err(Error::AlreadyRecording(*other));
        }
        if running.len() >= self.0.means.most {
            return Err(Error::TooMany(self.0.means.most));
        }
        running.insert(
            id,
            Running {
                room_id: request.room_id.clone(),
                key,
                stop: stop.clone(),
                suspend: suspend.clone(),
                commands,
                progress: progress_seen,
                done: done_seen,
            },
        );
        Ok(Ends { stop, suspend, commands: asked, progress, done })
    }

    async fn begin(&self, id: RecordingId, request: StartRequest, ends: Ends) -> Result<Started, Error> {
        let shared = &self.0;
        // Another process may record the room: it should not see us come and go. That none begins meanwhile is the database's.
        if !request.parallel
            && let Some(running) = shared.means.catalog.running_in_room(&request.room_id).await?
        {
            return Err(Error::AlreadyRecording(running));
        }
        let way = self.way(id, &request);
        let joined = way.join().await?;
        let (start, started_at) = (shared.means.clock.now(), shared.means.clock.wall());
        let mut recording = Recording::new(id, shared.means.policy, start, started_at);
        if let Err(error) =
            shared.means.catalog.create_recording(&request.row(id, started_at, shared.means.policy)).await
        {
            Link::up(joined).leave().await;
            return Err(error.into());
        }
        let mut first = Vec::new();
        for peer in &joined.peers {
            recording.peer_joined(peer, start, &mut first);
        }
        let (rules, limits) = (request.rules, request.limits);
        let writer = Writer::new(id, shared.means.store.clone(), shared.means.catalog.clone(), self.edge(id));
        let link = Link::up(joined);
        let begun = Begun { recording, writer, way, link, rules, limits, began: start, started_at, first };
        self.launch(begun, ends).await;
        tracing::info!(recording.id = %id, room.id = %request.room_id, "recording");
        Ok(Started { recording_id: id, started_at, repeated: false })
    }

    /// What running recordings have stored that the catalogue does not tell yet.
    #[must_use]
    pub fn edges(&self) -> &Hub {
        &self.0.edges
    }

    pub(super) fn edge(&self, id: RecordingId) -> Edge {
        self.0.edges.open(id)
    }

    pub(super) fn stores(&self) -> (Catalog, Store) {
        (self.0.means.catalog.clone(), self.0.means.store.clone())
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.0.means.clock
    }

    pub(super) fn policy(&self) -> Policy {
        self.0.means.policy
    }

    pub(super) fn way(&self, id: RecordingId, request: &StartRequest) -> Way {
        Way {
            recording: id,
            room_id: request.room_id.clone(),
            source: request.source.clone(),
            layers: request.layers,
            peer: self.0.means.peer.clone(),
            lobby: self.0.means.lobby.clone(),
        }
    }

    /// Lets a recording run.
    pub(super) async fn launch(&self, begun: Begun, ends: Ends) {
        let Begun { recording, writer, way, link, rules, limits, began, started_at, first } = begun;
        let id = recording.id();
        let (writes, queue) = mpsc::channel(WRITE_QUEUE);
        let writer = tokio::spawn(writer.run(queue));
        for action in first {
            if let Action::Write(write) = action {
                let _ = writes.send(write).await;
            }
        }
        let Ends { stop, suspend, commands, progress, done } = ends;
        let clock = Arc::clone(&self.0.means.clock);
        let actor = Actor {
            way,
            link,
            recording,
            rules,
            limits,
            began,
            writes,
            progress,
            commands,
            stop,
            suspend,
            repairs: Arc::clone(&self.0.repairs),
            clock,
        };
        let supervisor = self.clone();
        self.0.tasks.spawn(async move {
            let end = actor.run().await;
            let stored = writer.await;
            let stopped = supervisor.end(id, started_at, &end, stored).await;
            supervisor.forget(id);
            supervisor.0.edges.close(id);
            done.send_replace(Some(stopped));
        });
    }

    /// Stops a recording and waits until everything is stored.
    ///
    /// # Errors
    /// [`Error::NotRunning`].
    pub async fn stop(&self, id: RecordingId) -> Result<Stopped, Error> {
        let mut done = {
            let running = self.running();
            let entry = running.get(&id).ok_or(Error::NotRunning)?;
            entry.stop.cancel();
            entry.done.clone()
        };
        wait(&mut done).await
    }

    /// It is another process's: nothing of it is written here any more.
    pub(super) fn let_go(&self, id: RecordingId) {
        if let Some(running) = self.running().get(&id) {
            running.suspend.cancel();
        }
    }

    /// Lets a recording stand still: nothing is stored until [`resume`](Self::resume).
    ///
    /// # Errors
    /// [`Error::NotRunning`], [`Error::AlreadyPaused`].
    pub async fn pause(&self, id: RecordingId) -> Result<Pause, Error> {
        let (answer, answered) = oneshot::channel();
        self.command(id, Command::Pause(answer)).await?;
        answered.await.map_err(|_| Error::NotRunning)?.ok_or(Error::AlreadyPaused)
    }

    /// Lets a paused recording go on; since when, and after how many microseconds.
    ///
    /// # Errors
    /// [`Error::NotRunning`], [`Error::NotPaused`].
    pub async fn resume(&self, id: RecordingId) -> Result<(WallTime, i64), Error> {
        let (answer, answered) = oneshot::channel();
        self.command(id, Command::Resume(answer)).await?;
        answered.await.map_err(|_| Error::NotRunning)?.ok_or(Error::NotPaused)
    }

    /// Takes consent into account: whether the media of whoever has this participant's id, peer id or user id may be
    /// recorded from now on. Gives their peer ids when it is so, and kept.
    ///
    /// # Errors
    /// [`Error::NotRunning`].
    pub async fn admit(&self, id: RecordingId, who: &str, admitted: bool) -> Result<Vec<String>, Error> {
        let (answer, answered) = oneshot::channel();
        self.command(id, Command::Admit { who: who.to_owned(), admitted, answer }).await?;
        answered.await.map_err(|_| Error::NotRunning)
    }

    async fn command(&self, id: RecordingId, command: Command) -> Result<(), Error> {
        let commands = self.running().get(&id).ok_or(Error::NotRunning)?.commands.clone();
        commands.send(command).await.map_err(|_| Error::NotRunning)
    }

    /// Waits until a recording ends by itself.
    ///
    /// # Errors
    /// [`Error::NotRunning`].
    pub async fn ended(&self, id: RecordingId) -> Result<Stopped, Error> {
        let mut done = self.running().get(&id).ok_or(Error::NotRunning)?.done.clone();
        wait(&mut done).await
    }

    /// The progress of a running recording.
    #[must_use]
    pub fn progress(&self, id: RecordingId) -> Option<watch::Receiver<Progress>> {
        self.running().get(&id).map(|running| running.progress.clone())
    }

    /// Takes an ended recording from the running ones; its verdict stays.
    fn forget(&self, id: RecordingId) {
        let mut running = self.running();
        if let Some(one) = running.remove(&id) {
            let mut ended = self.0.ended.lock().unwrap_or_else(PoisonError::into_inner);
            *ended = Integrity::of_all([*ended, one.progress.borrow().integrity()]);
        }
    }

    /// The verdicts on all recordings of this process so far, together: counts only grow.
    #[must_use]
    pub fn integrity(&self) -> Integrity {
        let running = self.running();
        let ended = *self.0.ended.lock().unwrap_or_else(PoisonError::into_inner);
        Integrity::of_all(running.values().map(|one| one.progress.borrow().integrity()).chain([ended]))
    }

    /// Where applications come to attach rooms.
    #[must_use]
    pub fn lobby(&self) -> &Lobby {
        &self.0.means.lobby
    }

    /// How often ICE was restarted and a room joined again, by all recordings of this process so far.
    #[must_use]
    pub fn repairs(&self) -> [u64; 2] {
        self.0.repairs.counts()
    }

    /// How many have lost their room and look for it.
    #[must_use]
    pub fn detached(&self) -> usize {
        self.running().values().filter(|one| !one.progress.borrow().attached).count()
    }

    /// Recordings that run now.
    #[must_use]
    pub fn running_ids(&self) -> Vec<RecordingId> {
        self.running().keys().copied().collect()
    }

    /// [`shutdown`](Self::shutdown) was called.
    pub(super) fn is_ending(&self) -> bool {
        self.0.tasks.is_closed()
    }

    /// Ends everything, or lets it go, and waits until it is stored.
    pub async fn shutdown(&self, how: Shutdown) {
        for (id, running) in self.running().iter() {
            match how {
                Shutdown::Complete => {
                    unasked::ended(self.0.means.audit.as_ref(), *id, &running.room_id, EndedBy::Stop);
                    running.stop.cancel();
                }
                Shutdown::Suspend => running.suspend.cancel(),
            }
        }
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    pub(super) fn running(&self) -> MutexGuard<'_, HashMap<RecordingId, Running>> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn wait(done: &mut watch::Receiver<Option<Stopped>>) -> Result<Stopped, Error> {
    let stopped = done.wait_for(Option::is_some).await.map_err(|_| Error::Lost)?;
    stopped.clone().ok_or(Error::Lost)
}
