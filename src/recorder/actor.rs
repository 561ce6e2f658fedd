//! Runs one recording: pumps events of the room and of the peer into the state machine and carries its actions out.
//!
//! A room that is lost is joined again and again; the recording goes on meanwhile, with nothing in it.

mod consent;

use super::attach::{Joined, Way};
use super::link::{Dark, Heard, Link, Repairs};
use super::progress::Progress;
use super::recording::{Action, Recording};
use super::rules::{Limits, Rules};
use super::silence::Silence;
use super::writer::Write;
use crate::catalog::{EndedBy, Pause};
use crate::clock::Clock;
use crate::peer;
use crate::session::Consumer;
use crate::sfu::{self, Offer, PeerInfo};
use crate::time::{Moment, WallTime};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// Packets taken in one go, so that a burst costs one wake-up.
const BATCH: usize = 256;
/// Packets taken before an event that ends what they belong to.
const MOST_DRAINED: usize = 4096;
/// How often holes are given up and key frames asked for.
const TICK: Duration = Duration::from_millis(50);
/// How long the media path may be dark before the room is joined anew. The peer tells of it after 5 s, and often it
/// comes back, or another one is found.
const DARK_MICROS: i64 = 5_000_000;
/// Until another path is looked for once more: this machine may have got another address meanwhile.
const RESTART_MICROS: i64 = 2_000_000;
/// How long a lost room is looked for, unless the recording says otherwise.
const RECONNECT: Duration = Duration::from_secs(300);

/// Why a recording ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It was asked to stop.
    Stopped,
    /// This one of its limits was reached.
    Limit(EndedBy),
    /// The room ended it: closed, or kicked us.
    Room(String),
    /// The room was lost for too long.
    Lost(String),
    /// It could not be stored.
    Storage,
    /// The process ends, and another one goes on with it.
    Suspended,
}

impl End {
    /// As it is kept.
    pub(super) fn ended_by(&self) -> EndedBy {
        match self {
            // A recording that is let go has not ended.
            Self::Stopped | Self::Suspended => EndedBy::Stop,
            Self::Limit(limit) => *limit,
            Self::Room(_) => EndedBy::Room,
            Self::Lost(_) => EndedBy::ReconnectTimeout,
            Self::Storage => EndedBy::Storage,
        }
    }

    /// Why it was not as it was meant to.
    pub(super) fn error(&self) -> Option<String> {
        match self {
            Self::Stopped | Self::Suspended | Self::Limit(_) => None,
            Self::Room(reason) => Some(format!("the room ended the recording: {reason}")),
            Self::Lost(reason) => Some(format!("the room was lost and not found again: {reason}")),
            Self::Storage => Some("it could not be stored".to_owned()),
        }
    }
}

/// What may be asked of a running recording. Answered when it is stored.
#[derive(Debug)]
pub(super) enum Command {
    /// Stand still. `None` when it does already.
    Pause(oneshot::Sender<Option<Pause>>),
    /// Go on: since when, and after how many microseconds. `None` when it does already.
    Resume(oneshot::Sender<Option<(WallTime, i64)>>),
    /// The media of whoever is called so may be recorded no more, or again: their peer ids.
    Admit { who: String, admitted: bool, answer: oneshot::Sender<Vec<String>> },
}

/// What the actor works with.
pub(super) struct Actor {
    /// Where the room is.
    pub(super) way: Way,
    /// The hold on it.
    pub(super) link: Link,
    /// The state machine.
    pub(super) recording: Recording,
    /// Whom and what to record.
    pub(super) rules: Rules,
    /// When to end.
    pub(super) limits: Limits,
    /// When the recording began; pauses do not move it.
    pub(super) began: Moment,
    /// The writer's queue.
    pub(super) writes: mpsc::Sender<Write>,
    /// Where progress is told.
    pub(super) progress: watch::Sender<Progress>,
    /// Pauses and resumes it.
    pub(super) commands: mpsc::Receiver<Command>,
    /// Ends the recording.
    pub(super) stop: CancellationToken,
    /// Lets go of the recording, for another process.
    pub(super) suspend: CancellationToken,
    /// Counts what is done to stay attached.
    pub(super) repairs: Arc<Repairs>,
    /// Time.
    pub(super) clock: Arc<dyn Clock>,
}

impl Actor {
    /// Runs until the recording ends. Everything received until then is in the writer's queue.
    pub(super) async fn run(mut self) -> End {
        let now = self.clock.now();
        let mut state = Pump { actions: Vec::new(), heard: now, company: now, silence: Silence::new(now) };
        let end = self.pump(&mut state).await;
        let now = self.clock.now();
        match end {
            End::Suspended => self.recording.lost(&mut state.actions),
            _ => self.recording.finish(now, &mut state.actions),
        }
        // Whatever the end was, what is in the queue is stored; a writer that failed has closed it.
        let _ = self.carry_out(&mut state.actions).await;
        self.tell(now);
        self.link.leave().await;
        end
    }

    async fn pump(&mut self, state: &mut Pump) -> End {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let ended = tokio::select! {
                () = self.stop.cancelled() => Some(End::Stopped),
                () = self.suspend.cancelled() => Some(End::Suspended),
                Some(command) = self.commands.recv() => {
                    if !self.command(command, state).await {
                        return End::Storage;
                    }
                    None
                }
                heard = self.link.next(&mut batch, BATCH) => self.heard(heard, &mut batch, state).await,
                _ = tick.tick() => self.tick(state).await,
            };
            if let Some(end) = ended {
                return end;
            }
            if !self.carry_out(&mut state.actions).await {
                return End::Storage;
            }
        }
    }

    async fn heard(&mut self, heard: Heard, batch: &mut Vec<peer::Event>, state: &mut Pump) -> Option<End> {
        match heard {
            Heard::Room(event) => return self.room_event(event, state).await,
            Heard::Peer(0) => self.lost("the peer ended".to_owned(), state),
            Heard::Answered(request, answer) => self.answered(&request, answer, state),
            Heard::Peer(_) => batch.drain(..).for_each(|event| self.peer_event(event, state)),
            Heard::Joined(joined) => match *joined {
                Ok(joined) => self.joined(joined, state),
                Err(reason) => self.link.retry(reason),
            },
        }
        None
    }

    async fn tick(&mut self, state: &mut Pump) -> Option<End> {
        let now = self.clock.now();
        self.recording.poll(now, &mut state.actions);
        self.tell(now);
        let over = |limit: Option<Duration>, since: Moment| {
            limit
                .is_some_and(|limit| now.since(since) >= i64::try_from(limit.as_micros()).unwrap_or(i64::MAX))
        };
        match &self.link {
            Link::Down(down) if over(Some(self.limits.reconnect.unwrap_or(RECONNECT)), down.since) => {
                return Some(End::Lost(down.reason.clone()));
            }
            // Who is there is not known.
            Link::Down(_) => state.company = now,
            Link::Up(_) => {
                if self.recording.participants_here() > 0 {
                    state.company = now;
                }
                self.look_for_a_path(now, state).await;
            }
        }
        if over(self.limits.max_duration, self.began) {
            return Some(End::Limit(EndedBy::MaxDuration));
        }
        if over(self.limits.alone, state.company) {
            return Some(End::Limit(EndedBy::AloneTimeout));
        }
        over(self.limits.idle, state.heard).then_some(End::Limit(EndedBy::IdleTimeout))
    }

    /// When the media path is dark, or all is silent that should be heard, another path is looked for. After a while, and
    /// where the room cannot help, it is joined anew.
    async fn look_for_a_path(&mut self, now: Moment, state: &mut Pump) {
        if !self.recording.expects_media() {
            state.silence.rest(now);
        }
        let Link::Up(up) = &mut self.link else { return };
        match &mut up.dark {
            Some(dark) if now.since(dark.since) >= DARK_MICROS => {
                let reason = dark.reason.clone();
                self.lost(reason, state);
                return;
            }
            Some(dark) if dark.restart_at.is_some_and(|at| at <= now) => {
                dark.restart_at = Some(now.plus(RESTART_MICROS));
            }
            None if state.silence.is_due(now) => {
                tracing::warn!("nothing comes any more, although the media path seems to be well");
            }
            Some(_) | None => return,
        }
        state.silence.tried(now);
        let helped = up.restart_ice().await;
        if helped != Ok(true)
            && let Some(dark) = &mut up.dark
        {
            dark.restart_at = None;
        }
        let dark = up.dark.is_some();
        match helped {
            Ok(true) => {
                tracing::info!("another media path is looked for: ICE is restarted");
                self.repairs.restarted();
            }
            Ok(false) if dark => {}
            Ok(false) => self.lost("nothing came any more".to_owned(), state),
            Err(reason) => tracing::warn!(reason, "ICE could not be restarted"),
        }
    }

    fn tell(&self, now: Moment) {
        let attached = matches!(self.link, Link::Up(_));
        self.progress.send_replace(Progress { attached, ..self.recording.progress(now) });
    }

    /// Nothing comes from this room any more: another hold on it is looked for.
    fn lost(&mut self, reason: String, state: &mut Pump) {
        self.drain(state);
        tracing::warn!(reason, "the room is lost and looked for again");
        self.recording.speaks(None, self.clock.now(), &mut state.actions);
        self.recording.lost(&mut state.actions);
        self.link.lose(self.way.clone(), self.clock.now(), reason);
    }

    fn joined(&mut self, joined: Joined, state: &mut Pump) {
        tracing::info!("the room is joined again");
        self.repairs.rejoined();
        state.silence = Silence::new(self.clock.now());
        self.recording.rejoined(&joined.peers, self.clock.now(), &mut state.actions);
        self.link = Link::up(joined);
    }

    async fn room_event(&mut self, event: sfu::Event, state: &mut Pump) -> Option<End> {
        let now = self.clock.now();
        match event {
            sfu::Event::PeerJoined(peer) => self.peer_joined(&peer, state).await,
            sfu::Event::PeerRenamed(peer) => self.peer_renamed(&peer, state).await,
            sfu::Event::PeerLeft(peer) => self.recording.peer_left(&peer, now, &mut state.actions),
            sfu::Event::ConsumerOffered { token, consumer } => self.consume(token, consumer, state).await,
            sfu::Event::ConsumerPaused(id) => self.recording.consumer_paused(&id, now),
            sfu::Event::ConsumerResumed(id) => self.recording.consumer_resumed(&id, now),
            sfu::Event::ConsumerClosed(id) => self.close(&id, state).await,
            sfu::Event::ConsumerLayers { consumer, spatial, .. } => {
                self.recording.layer_told(&consumer, spatial);
            }
            sfu::Event::Closed(reason @ sfu::Reason::Ended { .. }) => {
                return Some(End::Room(reason.to_string()));
            }
            sfu::Event::Closed(reason) => self.lost(reason.to_string(), state),
            sfu::Event::ActiveSpeaker(peer) => {
                self.recording.speaks(peer.as_deref(), now, &mut state.actions);
            }
            other => tracing::trace!(?other, "room event"),
        }
        None
    }

    async fn peer_joined(&mut self, peer: &PeerInfo, state: &mut Pump) {
        // It may be known already, by other names.
        self.peer_renamed(peer, state).await;
        self.recording.peer_joined(peer, self.clock.now(), &mut state.actions);
    }

    /// By a user id that was not known before somebody may be left out, or let in.
    async fn peer_renamed(&mut self, peer: &PeerInfo, state: &mut Pump) {
        let before = self.admitted();
        self.recording.peer_renamed(peer, &mut state.actions);
        self.admit_only(&before, state).await;
    }

    /// A consumer is no more. What it sent before is taken.
    async fn close(&mut self, id: &str, state: &mut Pump) {
        self.drain(state);
        self.take_out(id, state).await;
    }

    /// Nothing of a consumer is taken any more.
    async fn take_out(&mut self, id: &str, state: &mut Pump) {
        // One that was refused is not known.
        if self.recording.consumer_closed(id, &mut state.actions)
            && let Link::Up(up) = &mut self.link
            && let Err(error) = up.peer.remove(id).await
        {
            tracing::warn!(consumer.id = %id, %error, "a closed consumer could not be taken out");
        }
    }

    /// What has come already.
    fn drain(&mut self, state: &mut Pump) {
        for _ in 0..MOST_DRAINED {
            let Some(event) = self.link.try_next() else { return };
            self.peer_event(event, state);
        }
    }

    /// `false` when the writer is gone.
    async fn command(&mut self, command: Command, state: &mut Pump) -> bool {
        // Not for consent: what waits may have been sent after it was taken back.
        if !matches!(command, Command::Admit { .. }) {
            self.drain(state);
        }
        let now = self.clock.now();
        let (told, stored) = oneshot::channel();
        match command {
            Command::Pause(answer) => {
                let pause = self.recording.pause(now, &mut state.actions);
                tokio::spawn(async move {
                    let _ = stored.await;
                    answer.send(pause)
                });
            }
            Command::Resume(answer) => {
                let resumed = self.recording.resume(now, &mut state.actions);
                tokio::spawn(async move {
                    let _ = stored.await;
                    answer.send(resumed)
                });
            }
            Command::Admit { who, admitted, answer } => {
                let peers = self.admit(&who, admitted, state).await;
                tokio::spawn(async move {
                    let _ = stored.await;
                    answer.send(peers)
                });
            }
        }
        self.tell(now);
        state.actions.push(Action::Write(Write::Reached(told)));
        self.carry_out(&mut state.actions).await
    }

    /// Arms the receiver first and answers then, because the answer makes the SFU send.
    async fn consume(&mut self, token: Offer, consumer: Consumer, state: &mut Pump) {
        let Link::Up(up) = &mut self.link else { return };
        if !self.rules.admits(&consumer, self.recording.user_of(&consumer.peer_id)) {
            tracing::info!(consumer.id = %consumer.id, "a consumer is not to be recorded");
            up.room.reject(token, "not recorded").await;
            return;
        }
        if consumer.codec().is_none() {
            tracing::warn!(consumer.id = %consumer.id, "a codec that is not recorded is offered");
            up.room.reject(token, "codec not recorded").await;
            return;
        }
        if let Err(error) = up.arm(&consumer).await {
            tracing::error!(consumer.id = %consumer.id, error = %error, "a consumer could not be added");
            up.room.reject(token, "cannot receive").await;
            return;
        }
        self.recording.consumer_opened(&consumer, self.clock.now(), &mut state.actions);
        if let Err(error) = up.room.accept(token).await {
            tracing::warn!(%error, "the room did not take our answer");
        }
    }

    fn peer_event(&mut self, event: peer::Event, state: &mut Pump) {
        match event {
            peer::Event::Packet { consumer, packet } => {
                state.heard = self.clock.now();
                state.silence.heard(state.heard);
                self.recording.packet(&consumer, packet, &mut state.actions);
            }
            peer::Event::Overflow { dropped } => {
                tracing::warn!(dropped, "packets came faster than they were taken");
                self.recording.overflowed(&mut state.actions);
            }
            peer::Event::Connected => {
                tracing::info!("media path connected");
                if let Link::Up(up) = &mut self.link {
                    up.dark = None;
                }
            }
            peer::Event::Disconnected(reason) => {
                tracing::warn!(reason, "the media path is dark");
                if let Link::Up(up) = &mut self.link {
                    let since = self.clock.now();
                    up.dark.get_or_insert(Dark { since, reason, restart_at: Some(since) });
                }
            }
            peer::Event::SenderReport { consumer, report } => {
                state.silence.heard(self.clock.now());
                self.recording.report(&consumer, &report, &mut state.actions);
            }
        }
    }

    /// `false` when the writer is gone.
    async fn carry_out(&mut self, actions: &mut Vec<Action>) -> bool {
        for action in actions.drain(..) {
            match action {
                Action::Write(write) => {
                    if self.writes.send(write).await.is_err() {
                        return false;
                    }
                }
                Action::RequestKeyframes(consumers) => {
                    let ids: Vec<&str> = consumers.iter().map(String::as_str).collect();
                    if let Link::Up(up) = &self.link {
                        up.peer.request_keyframes(&ids).await;
                    }
                }
            }
        }
        true
    }
}

struct Pump {
    actions: Vec<Action>,
    /// When the last packet came.
    heard: Moment,
    /// When somebody else was last in the room.
    company: Moment,
    /// Whether what should come comes.
    silence: Silence,
}
