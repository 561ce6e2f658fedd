//! Starts and stops recordings, and knows which ones run.

use super::actor::{Actor, Command, End};
use super::attach::{self, SourceSpec};
use super::integrity::Integrity;
use super::progress::Progress;
use super::recording::Recording;
use super::writer::{self, Writer};
use crate::catalog::{self, Catalog, Finish, NewRecording, Pause, Status};
use crate::clock::Clock;
use crate::id::RecordingId;
use crate::media::segment::Policy;
use crate::peer;
use crate::session::Layers;
use crate::sfu::bridge::Lobby;
use crate::storage::Store;
use crate::time::WallTime;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Writes that may wait for the disk: at 25 participants about a minute of fragments.
const WRITE_QUEUE: usize = 4096;
/// Pauses and resumptions that may wait to be heard.
const COMMANDS: usize = 4;
/// Recordings at one time, a guard rather than a goal.
const MAX_RUNNING: usize = 256;

/// What to record.
#[derive(Clone, Debug)]
pub struct StartRequest {
    /// The room, any string.
    pub room_id: String,
    /// Title.
    pub title: String,
    /// Description.
    pub description: Option<String>,
    /// The user who asked for it.
    pub started_by: String,
    /// Where to attach.
    pub source: SourceSpec,
    /// Which spatial layers become tracks.
    pub layers: Layers,
    /// The application's own data.
    pub metadata: serde_json::Value,
    /// Stop by itself after this time.
    pub max_duration: Option<Duration>,
}

/// A recording that runs.
#[derive(Clone, Debug)]
pub struct Started {
    /// Its id.
    pub recording_id: RecordingId,
    /// Its tick zero.
    pub started_at: WallTime,
}

/// A recording that ended.
#[derive(Clone, Debug)]
pub struct Stopped {
    /// When.
    pub stopped_at: WallTime,
    /// Its length.
    pub duration_micros: i64,
}

/// Why a recording could not be started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The room is being recorded by this one.
    #[error("the room is already being recorded by {0}")]
    AlreadyRecording(RecordingId),
    /// The source does not make sense.
    #[error("bad source: {0}")]
    BadSource(String),
    /// Nobody answers there, or not as an SFU does.
    #[error("the SFU cannot be reached: {0}")]
    SfuUnreachable(String),
    /// The SFU answers and says no.
    #[error("the SFU refused: {0}")]
    SfuRefused(String),
    /// No application has come with this room.
    #[error("no application has attached this room")]
    NotAttached,
    /// Layers cannot be had one by one where this is attached.
    #[error(
        "layers cannot be recorded one by one here: each needs a consumer of its own, which {0} does not give"
    )]
    LayersUnsupported(&'static str),
    /// Too many recordings at once.
    #[error("too many recordings are running")]
    TooMany,
    /// No such recording is running.
    #[error("the recording is not running")]
    NotRunning,
    /// It stands still already.
    #[error("the recording is paused already")]
    AlreadyPaused,
    /// It does not stand still.
    #[error("the recording is not paused")]
    NotPaused,
    /// The catalogue failed.
    #[error("the catalogue failed")]
    Catalog(#[from] catalog::Error),
    /// The WebRTC stack failed.
    #[error("the receiver could not be made")]
    Peer(#[from] peer::Error),
    /// The recording ended but its end could not be learnt.
    #[error("the recording's end is not known")]
    Lost,
}

struct Running {
    room_id: String,
    stop: CancellationToken,
    commands: mpsc::Sender<Command>,
    progress: watch::Receiver<Progress>,
    done: watch::Receiver<Option<Stopped>>,
}

/// Our ends of what [`Running`] holds the others of.
struct Ends {
    stop: CancellationToken,
    commands: mpsc::Receiver<Command>,
    progress: watch::Sender<Progress>,
    done: watch::Sender<Option<Stopped>>,
}

struct Shared {
    catalog: Catalog,
    store: Store,
    clock: Arc<dyn Clock>,
    policy: Policy,
    peer: peer::Config,
    lobby: Lobby,
    running: Mutex<HashMap<RecordingId, Running>>,
    /// The verdicts on the recordings that ended, together.
    ended: Mutex<Integrity>,
    tasks: TaskTracker,
}

/// All recordings of this process.
#[derive(Clone)]
pub struct Supervisor(Arc<Shared>);

impl std::fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Supervisor").field("running", &self.running_ids()).finish_non_exhaustive()
    }
}

impl Supervisor {
    /// A supervisor without recordings.
    #[must_use]
    pub fn new(
        catalog: Catalog,
        store: Store,
        clock: Arc<dyn Clock>,
        policy: Policy,
        peer: peer::Config,
        lobby: Lobby,
    ) -> Self {
        Self(Arc::new(Shared {
            catalog,
            store,
            clock,
            policy,
            peer,
            lobby,
            running: Mutex::default(),
            ended: Mutex::default(),
            tasks: TaskTracker::new(),
        }))
    }

    /// Joins the room and records until [`stop`](Self::stop), the room's end or the time limit.
    ///
    /// # Errors
    /// Every way in which it can fail to begin; nothing is left behind then.
    pub async fn start(&self, request: StartRequest) -> Result<Started, Error> {
        let id = RecordingId::new();
        let stop = CancellationToken::new();
        let (progress, progress_seen) = watch::channel(Progress::default());
        let (done, done_seen) = watch::channel(None);
        let (commands, asked) = mpsc::channel(COMMANDS);
        self.reserve(
            id,
            Running {
                room_id: request.room_id.clone(),
                stop: stop.clone(),
                commands,
                progress: progress_seen,
                done: done_seen,
            },
        )?;
        let ends = Ends { stop, commands: asked, progress, done };
        match self.begin(id, request, ends).await {
            Ok(started) => Ok(started),
            Err(error) => {
                self.running().remove(&id);
                Err(error)
            }
        }
    }

    fn reserve(&self, id: RecordingId, entry: Running) -> Result<(), Error> {
        let mut running = self.running();
        if let Some((other, _)) = running.iter().find(|(_, other)| other.room_id == entry.room_id) {
            return Err(Error::AlreadyRecording(*other));
        }
        if running.len() >= MAX_RUNNING {
            return Err(Error::TooMany);
        }
        running.insert(id, entry);
        Ok(())
    }

    async fn begin(&self, id: RecordingId, request: StartRequest, ends: Ends) -> Result<Started, Error> {
        let Ends { stop, commands, progress, done } = ends;
        let shared = &self.0;
        let joined = attach::join(id, &request, &shared.peer, &shared.lobby).await?;
        let (start, started_at) = (shared.clock.now(), shared.clock.wall());
        let mut recording = Recording::new(id, shared.policy, start, started_at);
        shared.catalog.create_recording(&new_recording(id, &request, started_at)).await?;

        let (writes, queue) = mpsc::channel(WRITE_QUEUE);
        let writer = tokio::spawn(Writer::new(id, shared.store.clone(), shared.catalog.clone()).run(queue));
        let mut first = Vec::new();
        for peer in &joined.peers {
            recording.peer_joined(peer, start, &mut first);
        }
        for action in first {
            if let super::recording::Action::Write(write) = action {
                let _ = writes.send(write).await;
            }
        }
        let actor = Actor {
            room: joined.room,
            peer: joined.peer,
            events: joined.events,
            transport_id: joined.transport_id,
            recording,
            writes,
            progress,
            commands,
            stop: stop.clone(),
            clock: Arc::clone(&shared.clock),
        };
        if let Some(limit) = request.max_duration {
            stop_after(stop, limit);
        }
        let supervisor = self.clone();
        shared.tasks.spawn(async move {
            let end = actor.run().await;
            let stored = writer.await;
            let stopped = supervisor.end(id, started_at, &end, stored).await;
            supervisor.forget(id);
            done.send_replace(Some(stopped));
        });
        tracing::info!(recording.id = %id, room.id = %request.room_id, "recording");
        Ok(Started { recording_id: id, started_at })
    }

    async fn end(
        &self,
        id: RecordingId,
        started_at: WallTime,
        end: &End,
        stored: Result<Result<u64, writer::Error>, tokio::task::JoinError>,
    ) -> Stopped {
        let clock = &self.0.clock;
        let progress =
            self.running().get(&id).map(|running| running.progress.borrow().clone()).unwrap_or_default();
        let (bytes, failure) = match stored {
            Ok(Ok(bytes)) => (bytes, None),
            Ok(Err(error)) => (0, Some(error.to_string())),
            Err(error) => (0, Some(format!("the writer ended: {error}"))),
        };
        let reason = match end {
            End::Stopped => None,
            End::Room(reason) => Some(format!("the room ended the recording: {reason}")),
            End::Transport(reason) => Some(format!("the media path was lost: {reason}")),
            End::Storage => Some("it could not be stored".to_owned()),
        };
        let error = failure.clone().or(reason);
        let kept = progress.total().samples > 0;
        // What was recorded before a room went away is a recording; one without a sample, after an error, is not.
        let status =
            if failure.is_some() || (error.is_some() && !kept) { Status::Failed } else { Status::Completed };
        let stopped = Stopped {
            stopped_at: started_at.plus(progress.elapsed_micros + progress.paused_micros),
            duration_micros: progress.elapsed_micros,
        };
        if let Some(error) = &error {
            tracing::warn!(recording.id = %id, error, "a recording ended before it was stopped");
        }
        let finish = Finish {
            status,
            stopped_at: stopped.stopped_at,
            duration_micros: stopped.duration_micros,
            bytes,
            error,
        };
        if let Err(error) = self.0.catalog.finish_recording(id, &finish).await {
            tracing::error!(recording.id = %id, %error, at = %clock.wall(), "a recording's end could not be stored");
        }
        stopped
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
        &self.0.lobby
    }

    /// Recordings that run now.
    #[must_use]
    pub fn running_ids(&self) -> Vec<RecordingId> {
        self.running().keys().copied().collect()
    }

    /// Stops everything and waits until it is stored.
    pub async fn shutdown(&self) {
        for running in self.running().values() {
            running.stop.cancel();
        }
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    fn running(&self) -> MutexGuard<'_, HashMap<RecordingId, Running>> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn wait(done: &mut watch::Receiver<Option<Stopped>>) -> Result<Stopped, Error> {
    let stopped = done.wait_for(Option::is_some).await.map_err(|_| Error::Lost)?;
    stopped.clone().ok_or(Error::Lost)
}

fn stop_after(stop: CancellationToken, limit: Duration) {
    tokio::spawn(async move {
        tokio::select! {
            () = tokio::time::sleep(limit) => stop.cancel(),
            () = stop.cancelled() => {}
        }
    });
}

fn new_recording(id: RecordingId, request: &StartRequest, started_at: WallTime) -> NewRecording {
    let (mode, url) = (request.source.mode(), request.source.url());
    NewRecording {
        id,
        room_id: request.room_id.clone(),
        title: request.title.clone(),
        description: request.description.clone(),
        started_by: request.started_by.clone(),
        started_at,
        source: serde_json::json!({ "mode": mode, "url": url, "layers": request.layers.name() }),
        metadata: request.metadata.clone(),
        format: "cmaf".to_owned(),
    }
}
