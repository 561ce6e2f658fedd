//! Runs one recording: pumps events of the room and of the peer into the state machine and carries its actions out.

use super::progress::Progress;
use super::recording::{Action, Recording};
use super::writer::Write;
use crate::catalog::Pause;
use crate::clock::Clock;
use crate::peer::{self, Peer};
use crate::session::Consumer;
use crate::sfu::{self, Offer, Room};
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
/// How long the media path may be dark before the recording ends. The peer tells of it after 5 s, and often it comes
/// back.
const DARK_MICROS: i64 = 30_000_000;
/// Saying goodbye to a room that does not answer.
const FAREWELL: Duration = Duration::from_secs(2);

/// Why a recording ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It was asked to stop, or its time was over.
    Stopped,
    /// The room ended it: closed, connection lost, kicked.
    Room(String),
    /// The media path ended and did not come back.
    Transport(String),
    /// It could not be stored.
    Storage,
}

/// What may be asked of a running recording. Answered when it is stored.
#[derive(Debug)]
pub(super) enum Command {
    /// Stand still. `None` when it does already.
    Pause(oneshot::Sender<Option<Pause>>),
    /// Go on: since when, and after how many microseconds. `None` when it does already.
    Resume(oneshot::Sender<Option<(WallTime, i64)>>),
}

/// What the actor works with.
pub(super) struct Actor {
    /// The room, joined.
    pub(super) room: Box<dyn Room>,
    /// The receiving peer.
    pub(super) peer: Peer,
    /// Its events.
    pub(super) events: mpsc::Receiver<peer::Event>,
    /// The id of the receiving transport in the room.
    pub(super) transport_id: String,
    /// The state machine.
    pub(super) recording: Recording,
    /// The writer's queue.
    pub(super) writes: mpsc::Sender<Write>,
    /// Where progress is told.
    pub(super) progress: watch::Sender<Progress>,
    /// Pauses and resumes it.
    pub(super) commands: mpsc::Receiver<Command>,
    /// Ends the recording.
    pub(super) stop: CancellationToken,
    /// Time.
    pub(super) clock: Arc<dyn Clock>,
}

impl Actor {
    /// Runs until the recording ends. Everything received until then is in the writer's queue.
    pub(super) async fn run(mut self) -> End {
        let mut state = Pump { connected: false, actions: Vec::new(), dark: None };
        let end = self.pump(&mut state).await;
        self.recording.finish(self.clock.now(), &mut state.actions);
        // Whatever the end was, what is in the queue is stored; a writer that failed has closed it.
        let _ = self.carry_out(&mut state.actions).await;
        self.progress.send_replace(self.recording.progress(self.clock.now()));
        let _ = tokio::time::timeout(FAREWELL, self.room.leave()).await;
        let _ = tokio::time::timeout(FAREWELL, self.peer.close()).await;
        end
    }

    async fn pump(&mut self, state: &mut Pump) -> End {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let ended = tokio::select! {
                () = self.stop.cancelled() => Some(End::Stopped),
                Some(command) = self.commands.recv() => {
                    if !self.command(command, state).await {
                        return End::Storage;
                    }
                    None
                }
                event = self.room.next() => self.room_event(event, state).await,
                taken = self.events.recv_many(&mut batch, BATCH) => {
                    if taken == 0 {
                        Some(End::Transport("the peer ended".to_owned()))
                    } else {
                        batch.drain(..).for_each(|event| self.peer_event(event, state));
                        None
                    }
                }
                _ = tick.tick() => {
                    let now = self.clock.now();
                    self.recording.poll(now, &mut state.actions);
                    self.progress.send_replace(self.recording.progress(now));
                    state.dark_too_long(now)
                }
            };
            if let Some(end) = ended {
                return end;
            }
            if !self.carry_out(&mut state.actions).await {
                return End::Storage;
            }
        }
    }

    async fn room_event(&mut self, event: sfu::Event, state: &mut Pump) -> Option<End> {
        let now = self.clock.now();
        match event {
            sfu::Event::PeerJoined(peer) => self.recording.peer_joined(&peer, now, &mut state.actions),
            sfu::Event::PeerLeft(peer) => self.recording.peer_left(&peer, now, &mut state.actions),
            sfu::Event::ConsumerOffered { token, consumer } => self.consume(token, consumer, state).await,
            sfu::Event::ConsumerPaused(id) => self.recording.consumer_paused(&id, now),
            sfu::Event::ConsumerResumed(id) => self.recording.consumer_resumed(&id, now),
            sfu::Event::ConsumerClosed(id) => {
                // What it sent before it was closed.
                self.drain(state);
                self.recording.consumer_closed(&id, &mut state.actions);
                if let Err(error) = self.peer.remove(&id).await {
                    tracing::warn!(consumer.id = %id, %error, "a closed consumer could not be taken out");
                }
            }
            sfu::Event::ConsumerLayers { consumer, spatial, .. } => {
                self.recording.layer_told(&consumer, spatial);
            }
            sfu::Event::Closed(reason) => return Some(End::Room(reason.to_string())),
            other => tracing::trace!(?other, "room event"),
        }
        None
    }

    /// What has come already.
    fn drain(&mut self, state: &mut Pump) {
        for _ in 0..MOST_DRAINED {
            let Ok(event) = self.events.try_recv() else { return };
            self.peer_event(event, state);
        }
    }

    /// `false` when the writer is gone.
    async fn command(&mut self, command: Command, state: &mut Pump) -> bool {
        self.drain(state);
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
        }
        self.progress.send_replace(self.recording.progress(now));
        state.actions.push(Action::Write(Write::Reached(told)));
        self.carry_out(&mut state.actions).await
    }

    /// Arms the receiver first and answers then, because the answer makes the SFU send.
    async fn consume(&mut self, token: Offer, consumer: Consumer, state: &mut Pump) {
        if consumer.codec().is_none() {
            tracing::warn!(consumer.id = %consumer.id, "a codec that is not recorded is offered");
            self.room.reject(token, "codec not recorded").await;
            return;
        }
        if let Err(error) = self.arm(&consumer, state).await {
            tracing::error!(consumer.id = %consumer.id, error = %error, "a consumer could not be added");
            self.room.reject(token, "cannot receive").await;
            return;
        }
        self.recording.consumer_opened(&consumer, self.clock.now(), &mut state.actions);
        if let Err(error) = self.room.accept(token).await {
            tracing::warn!(%error, "the room did not take our answer");
        }
    }

    async fn arm(&mut self, consumer: &Consumer, state: &mut Pump) -> Result<(), String> {
        self.peer.add(consumer).await.map_err(|error| error.to_string())?;
        if !state.connected {
            let dtls = self.peer.dtls_parameters();
            self.room
                .connect_transport(&self.transport_id, &dtls)
                .await
                .map_err(|error| error.to_string())?;
            state.connected = true;
        }
        Ok(())
    }

    fn peer_event(&mut self, event: peer::Event, state: &mut Pump) {
        match event {
            peer::Event::Packet { consumer, packet } => {
                self.recording.packet(&consumer, packet, &mut state.actions);
            }
            peer::Event::Overflow { dropped } => {
                tracing::warn!(dropped, "packets came faster than they were taken");
                self.recording.overflowed(&mut state.actions);
            }
            peer::Event::Connected => {
                tracing::info!("media path connected");
                state.dark = None;
            }
            peer::Event::Disconnected(reason) => {
                tracing::warn!(reason, "the media path is dark");
                state.dark.get_or_insert((self.clock.now(), reason));
            }
            peer::Event::SenderReport { consumer, report } => {
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
                    self.peer.request_keyframes(&ids).await;
                }
            }
        }
        true
    }
}

struct Pump {
    connected: bool,
    actions: Vec<Action>,
    /// Since when no media can come, and why.
    dark: Option<(Moment, String)>,
}

impl Pump {
    fn dark_too_long(&self, now: Moment) -> Option<End> {
        let (since, reason) = self.dark.as_ref()?;
        (now.since(*since) >= DARK_MICROS).then(|| End::Transport(reason.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_darkness_does_not_end_a_recording() {
        let mut pump = Pump { connected: true, actions: Vec::new(), dark: None };
        assert_eq!(pump.dark_too_long(Moment(i64::MAX)), None);
        pump.dark = Some((Moment(1_000_000), "no packets".to_owned()));
        assert_eq!(pump.dark_too_long(Moment(30_999_999)), None);
        assert_eq!(pump.dark_too_long(Moment(31_000_000)), Some(End::Transport("no packets".to_owned())));
    }
}
