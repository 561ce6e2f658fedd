//! A session as its beacons tell it: exact, or, of older clients, by the arrival of positions.

use super::clock::{Clock, at_rate, of_rate};
use super::player::{Phase, Player, Signal};
use super::summary::{Errors, Outcome};
use super::watched::Watched;
use super::{MOST_RATE, Pushed};
use crate::analytics::event::{Beacon, Kind};
use serde::{Deserialize, Serialize};

/// A heartbeat comes every 10 s, and once a minute where a browser slows the timers of a hidden page down. After a longer
/// silence nothing is known of what was watched in it.
pub const SILENCE_MS: i64 = 90_000;
/// How much further than clock and rate allow a playhead may have come, beside a twentieth of the way: positions and
/// clocks are read one after the other, and rounded.
pub const TOLERANCE_MS: i64 = 500;
/// A playhead that came so far moves.
const MOVED_MS: i64 = 250;
/// Up to so fast a client is believed that never tells its rate and has no clock of its own.
const UNTOLD_RATE: i64 = 2000;

/// The playhead at a moment of the sender's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Point {
    now: i64,
    position: i64,
}

/// How far the playhead came between two events.
enum Step {
    /// Milliseconds of media, 0 or more.
    Played(i64),
    /// It was moved, and nobody said so.
    Jumped,
    /// There was a [`SILENCE_MS`].
    Silent,
}

/// The fold: one event after the other in the sender's order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Beacons {
    /// With numbers and a clock; else arrival stands for both.
    exact: bool,
    clock: Clock,
    last: Beacon,
    point: Option<Point>,
    rate: Option<i64>,
    player: Player,
    watched: Watched,
    startup_ms: Option<i64>,
    live: Option<bool>,
    errors: Errors,
    position_ms: Option<i64>,
    jumps: u32,
    silences: u32,
    participant: Option<String>,
    software: Option<String>,
}

/// The sender's order.
pub(super) fn order(beacon: &Beacon) -> (u64, &Beacon) {
    // The members of a beacon begin with its arrival.
    (beacon.sequence().map_or(0, |(seq, _)| seq), beacon)
}

impl Beacons {
    /// Begins with the first in the sender's order; `first_at` is the first arrival of all.
    pub(super) fn new(first: &Beacon, first_at: i64) -> Self {
        let mut beacons = Self {
            exact: first.sequence().is_some(),
            clock: Clock::new(first_at),
            last: first.clone(),
            point: None,
            rate: None,
            player: Player::default(),
            watched: Watched::default(),
            startup_ms: None,
            live: None,
            errors: Errors::default(),
            position_ms: None,
            jumps: 0,
            silences: 0,
            participant: None,
            software: None,
        };
        beacons.take(first);
        beacons
    }

    /// The next one.
    pub(super) fn push(&mut self, beacon: &Beacon) -> Pushed {
        if *beacon == self.last {
            return Pushed::Known;
        }
        if self.exact && beacon.seq == self.last.seq && beacon.at_ms > self.last.at_ms {
            return Pushed::Known;
        }
        let is_same = self.exact && beacon.seq == self.last.seq;
        if is_same || order(beacon) < order(&self.last) || beacon.at_ms < self.clock.first_at {
            return Pushed::OutOfOrder;
        }
        self.last = beacon.clone();
        self.take(beacon);
        Pushed::Taken
    }

    fn take(&mut self, beacon: &Beacon) {
        let told = beacon.t_ms.filter(|_| self.exact).unwrap_or(beacon.at_ms);
        let now = self.clock.tick(told, beacon.at_ms);
        if self.player.plays() {
            self.played(beacon, now);
        } else if beacon.event == Kind::Progress {
            self.moved(beacon, now);
        }
        self.signal(beacon.event, now);
        self.note(beacon);
        if let Some(position) = beacon.position_ms {
            self.point = Some(Point { now, position });
            self.position_ms = Some(position);
        }
    }

    fn rate(&self) -> i64 {
        self.rate.unwrap_or(if self.exact { 1000 } else { UNTOLD_RATE }).min(MOST_RATE)
    }

    fn step(&self, from: Point, now: i64, position: i64) -> Step {
        if now - from.now > SILENCE_MS {
            return Step::Silent;
        }
        let most = at_rate(now - from.now, self.rate());
        let moved = position - from.position;
        if moved < -TOLERANCE_MS || moved > most + most / 20 + TOLERANCE_MS {
            return Step::Jumped;
        }
        Step::Played(moved.max(0))
    }

    /// It played since the last event.
    fn played(&mut self, beacon: &Beacon, now: i64) {
        let Some(from) = self.point else { return };
        let passed = now - from.now;
        let to = match beacon.event {
            // Where it left, or else where it must have been by then.
            Kind::Seeking => {
                beacon.from_ms.or_else(|| Some(from.position + at_rate(passed, self.rate.unwrap_or(1000))))
            }
            _ => beacon.position_ms,
        };
        match to.map(|to| self.step(from, now, to)) {
            Some(Step::Played(moved)) => self.watched.add(from.position, from.position + moved, passed),
            Some(Step::Jumped) => self.jumps = self.jumps.saturating_add(1),
            Some(Step::Silent) => self.silences = self.silences.saturating_add(1),
            None => {}
        }
    }

    /// A heartbeat says that it plays, though nothing said that it began to: that was lost, or is never told. So far as
    /// it moved, it played; from a pause on only that it does is known.
    fn moved(&mut self, beacon: &Beacon, now: i64) {
        let Some((from, position)) = self.point.zip(beacon.position_ms) else {
            return self.player.signal(now, Signal::Playing);
        };
        let Step::Played(moved) = self.step(from, now, position) else { return };
        if moved < MOVED_MS {
            return;
        }
        if matches!(self.player.phase, Phase::Paused | Phase::Stopped) {
            return self.player.signal(now, Signal::Playing);
        }
        let took = of_rate(moved, self.rate()).min(now - from.now);
        self.player.signal(now - took, Signal::Playing);
        self.watched.add(from.position, position, took);
    }

    fn signal(&mut self, event: Kind, now: i64) {
        let signal = match event {
            Kind::Play => Signal::Start,
            Kind::Playing => Signal::Playing,
            Kind::Pause => Signal::Pause,
            Kind::Seeking => Signal::Seek,
            Kind::Seeked => Signal::Sought,
            Kind::Waiting => Signal::Wait,
            Kind::Ended => Signal::End,
            Kind::Error | Kind::Quit => Signal::Stop,
            Kind::Progress | Kind::Rate => return,
        };
        self.player.signal(now, signal);
    }

    fn note(&mut self, beacon: &Beacon) {
        self.rate = beacon.rate.or(self.rate);
        self.watched.shows(beacon.kbps, beacon.height);
        self.startup_ms = self.startup_ms.or(beacon.startup_ms);
        self.live = beacon.live.or(self.live);
        if beacon.event == Kind::Error {
            self.errors.add(beacon.code.as_deref());
        }
        for (kept, told) in
            [(&mut self.participant, &beacon.participant), (&mut self.software, &beacon.player)]
        {
            if told.is_some() {
                kept.clone_from(told);
            }
        }
    }

    /// What it came to.
    pub(super) fn outcome(&self) -> Outcome {
        Outcome {
            started_ms: self.clock.origin,
            ended_ms: self.clock.origin.saturating_add(self.clock.elapsed),
            watched: self.watched.clone(),
            startup_ms: self.startup_ms.or(self.player.startup_ms),
            stalls: self.player.stalls,
            stalled_ms: self.player.stalled_ms,
            seeks: self.player.seeks,
            pauses: self.player.pauses,
            ended: self.player.ended,
            errors: self.errors.clone(),
            live: self.live,
            position_ms: self.position_ms,
            jumps: self.jumps,
            silences: self.silences,
            unsure_ms: 0,
            participant: self.participant.clone(),
            player: self.software.clone(),
        }
    }
}
