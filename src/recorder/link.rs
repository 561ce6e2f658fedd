//! A recording's hold on its room: joined, or on the way back to it.

use super::attach::{Joined, Way};
use super::error::Error;
use super::outbox::{Outbox, Request};
use crate::peer::{self, Peer};
use crate::session::Consumer;
use crate::sfu::{self, Room};
use crate::time::Moment;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Saying goodbye to a room that does not answer.
const FAREWELL: Duration = Duration::from_secs(2);
/// The room's part of looking for another path. Nothing else is done for the recording meanwhile.
const RESTARTING: Duration = Duration::from_secs(2);
/// One attempt to join.
const ATTEMPT: Duration = Duration::from_secs(15);
/// Before the second attempt; each next pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause: who comes back is found within a second and a half, for as long as a restart may take.
const LONGEST_PAUSE: Duration = Duration::from_millis(1500);
/// After so many attempts the room is looked for at leisure.
const EAGER_ATTEMPTS: u32 = 200;
const LEISURELY_PAUSE: Duration = Duration::from_secs(10);

/// What was done to stay attached, by all recordings of a process.
#[derive(Debug, Default)]
pub(super) struct Repairs {
    restarted: AtomicU64,
    rejoined: AtomicU64,
}

impl Repairs {
    /// ICE was restarted.
    pub(super) fn restarted(&self) {
        self.restarted.fetch_add(1, Relaxed);
    }

    /// A room was joined again.
    pub(super) fn rejoined(&self) {
        self.rejoined.fetch_add(1, Relaxed);
    }

    /// How often the one and the other.
    pub(super) fn counts(&self) -> [u64; 2] {
        [&self.restarted, &self.rejoined].map(|count| count.load(Relaxed))
    }
}

/// Joined or not.
pub(super) enum Link {
    /// Events and packets come.
    Up(Up),
    /// Nothing comes. Attempts to join follow each other.
    Down(Down),
}

/// A room that was joined.
pub(super) struct Up {
    /// The room.
    pub(super) room: Box<dyn Room>,
    /// The receiver.
    pub(super) peer: Peer,
    events: mpsc::Receiver<peer::Event>,
    /// The id of the receiving transport in the room.
    transport_id: String,
    /// What the room is told beside all else.
    pub(super) outbox: Outbox,
    /// The room knows our DTLS fingerprint.
    connected: bool,
    /// The media path is lost.
    pub(super) dark: Option<Dark>,
}

/// A media path that is lost while the signalling is not.
pub(super) struct Dark {
    /// Since when.
    pub(super) since: Moment,
    /// The receiver's word for it.
    pub(super) reason: String,
    /// When another path is looked for (again). `None`: the room cannot help.
    pub(super) restart_at: Option<Moment>,
}

/// A room that was lost.
pub(super) struct Down {
    way: Way,
    /// Since when.
    pub(super) since: Moment,
    /// Why; the newest failure to come back, if there was one.
    pub(super) reason: String,
    attempt: u32,
    joining: Joining,
}

/// Ends the attempt when it is dropped; the room is left then.
struct Joining(JoinHandle<Result<Joined, Error>>);

impl Drop for Joining {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What comes from a link.
#[allow(clippy::large_enum_variant, reason = "made and taken apart at once")]
pub(super) enum Heard {
    /// Something happened in the room.
    Room(sfu::Event),
    /// So many events of the peer are in the batch. None: the peer is no more.
    Peer(usize),
    /// The room answered a request of the outbox: `false` where it knows no such request.
    Answered(Request, Result<bool, sfu::Error>),
    /// An attempt to join came to an end.
    Joined(Box<Result<Joined, String>>),
}

impl Link {
    /// Of a room that was joined.
    pub(super) fn up(joined: Joined) -> Self {
        let Joined { room, peer, events, transport_id, .. } = joined;
        let outbox = Outbox::default();
        Self::Up(Up { room, peer, events, transport_id, outbox, connected: false, dark: None })
    }

    /// To a room that must be joined, from now on.
    pub(super) fn down(way: Way, since: Moment, reason: String) -> Self {
        let joining = Joining::begin(&way, 0, None);
        Self::Down(Down { way, since, reason, attempt: 0, joining })
    }

    /// Lets go, and begins to join anew. The goodbye comes first: it must not be taken for one of the next session.
    pub(super) fn lose(&mut self, way: Way, since: Moment, reason: String) {
        let (hand, before) = oneshot::channel();
        let joining = Joining::begin(&way, 0, Some(before));
        let next = Self::Down(Down { way, since, reason, attempt: 0, joining });
        if let Self::Up(up) = std::mem::replace(self, next) {
            let _ = hand.send(up);
        }
    }

    /// What comes next. Cancel-safe.
    pub(super) async fn next(&mut self, batch: &mut Vec<peer::Event>, most: usize) -> Heard {
        match self {
            Self::Up(up) => loop {
                up.outbox.ask(&mut *up.room);
                return tokio::select! {
                    event = up.room.next() => Heard::Room(event),
                    taken = up.events.recv_many(batch, most) => Heard::Peer(taken),
                    answered = up.outbox.answered() => match answered {
                        Some((request, answer)) => Heard::Answered(request, answer),
                        None => continue,
                    },
                };
            },
            Self::Down(down) => {
                let joined = (&mut down.joining.0).await;
                let joined = joined
                    .map_err(|error| error.to_string())
                    .and_then(|joined| joined.map_err(|error| error.to_string()));
                Heard::Joined(Box::new(joined))
            }
        }
    }

    /// A packet or the like that has come already.
    pub(super) fn try_next(&mut self) -> Option<peer::Event> {
        match self {
            Self::Up(up) => up.events.try_recv().ok(),
            Self::Down(_) => None,
        }
    }

    /// The attempt failed: the next one follows after a while.
    pub(super) fn retry(&mut self, reason: String) {
        if let Self::Down(down) = self {
            tracing::info!(attempt = down.attempt, reason, "the room cannot be joined yet");
            down.attempt += 1;
            down.reason = reason;
            down.joining = Joining::begin(&down.way, down.attempt, None);
        }
    }

    /// Says goodbye, if there is somebody to say it to.
    pub(super) async fn leave(self) {
        if let Self::Up(up) = self {
            up.leave().await;
        }
    }
}

impl Up {
    async fn leave(self) {
        let Self { mut room, peer, .. } = self;
        let _ = tokio::time::timeout(FAREWELL, room.leave()).await;
        let _ = tokio::time::timeout(FAREWELL, peer.close()).await;
    }

    /// Ready for a consumer's first packet.
    ///
    /// # Errors
    /// What the receiver or the room says.
    pub(super) async fn arm(&mut self, consumer: &Consumer) -> Result<(), String> {
        self.peer.add(consumer).await.map_err(|error| error.to_string())?;
        if !self.connected {
            let dtls = self.peer.dtls_parameters();
            let connected = self.room.connect_transport(&self.transport_id, &dtls).await;
            connected.map_err(|error| error.to_string())?;
            self.connected = true;
        }
        Ok(())
    }
}

impl Up {
    /// Looks for another path for the media, with the room's help, and without anything being joined or consumed anew.
    /// `false` when the room cannot help.
    ///
    /// # Errors
    /// What the room or the receiver says.
    pub(super) async fn restart_ice(&mut self) -> Result<bool, String> {
        if !self.connected {
            return Ok(false);
        }
        let asked = tokio::time::timeout(RESTARTING, self.room.restart_ice(&self.transport_id)).await;
        let answer = asked.map_err(|_| "the room does not answer".to_owned())?;
        let Some(ice) = answer.map_err(|error| error.to_string())? else { return Ok(false) };
        self.peer.restart_ice(ice).await.map_err(|error| error.to_string())?;
        Ok(true)
    }
}

impl Joining {
    fn begin(way: &Way, attempt: u32, hand: Option<oneshot::Receiver<Up>>) -> Self {
        let (way, pause) = (way.clone(), before(attempt));
        Self(tokio::spawn(async move {
            if let Some(hand) = hand
                && let Ok(up) = hand.await
            {
                up.leave().await;
            }
            tokio::time::sleep(pause).await;
            let joined = tokio::time::timeout(ATTEMPT, way.join()).await;
            joined.unwrap_or_else(|_| Err(Error::SfuUnreachable("no answer in time".to_owned())))
        }))
    }
}

/// The pause before an attempt, from 0.
pub(super) fn before(attempt: u32) -> Duration {
    jittered(pause(attempt))
}

fn pause(attempt: u32) -> Duration {
    match attempt {
        0 => Duration::ZERO,
        EAGER_ATTEMPTS.. => LEISURELY_PAUSE,
        _ => FIRST_PAUSE.saturating_mul(1 << (attempt - 1).min(8)).min(LONGEST_PAUSE),
    }
}

/// Shorter by up to a fifth: recordings of one SFU that restarts do not all come at once.
fn jittered(pause: Duration) -> Duration {
    let (random, _) = uuid::Uuid::new_v4().as_u64_pair();
    pause.mul_f64(1.0 - 0.2 * (random as f64 / u64::MAX as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_short_for_minutes() {
        let millis: Vec<u128> = (0..6).map(|attempt| pause(attempt).as_millis()).collect();
        assert_eq!(millis, [0, 250, 500, 1000, 1500, 1500]);
        assert_eq!(pause(EAGER_ATTEMPTS - 1), LONGEST_PAUSE);
        assert_eq!((pause(EAGER_ATTEMPTS), pause(u32::MAX)), (LEISURELY_PAUSE, LEISURELY_PAUSE));
        for _ in 0..100 {
            let jittered = jittered(LONGEST_PAUSE);
            assert!(jittered <= LONGEST_PAUSE && jittered >= LONGEST_PAUSE.mul_f64(0.8));
        }
    }
}
