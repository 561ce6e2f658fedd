//! Through what the reports of a session tell, in the order of time.

use super::MOST_RATE;
use super::clock::{at_rate, of_rate};
use super::player::{Phase, Player, Signal};
use super::reports::{Fact, Mark, Place};
use super::summary::{Errors, Outcome};
use super::watched::Watched;
use crate::analytics::cmcd::{EventKind, State};

/// After a longer silence nothing is known of what was watched in it. hls.js loads up to 600 s ahead, and then asks for
/// nothing and may report nothing until the end.
pub const REPORT_SILENCE_MS: i64 = 660_000;
/// A playhead that a request tells may be so much ahead of where the clock has it: `bl` is rounded, requests take their
/// way.
const TOLERANCE_MS: i64 = 2000;

/// A playhead at a moment.
#[derive(Clone, Copy, Debug)]
struct Head {
    now: i64,
    position: i64,
    /// How much later it may be.
    within: i64,
}

/// The state of the walk. Times are milliseconds since the first record.
#[derive(Debug)]
pub(super) struct Walk {
    /// Where the recording ends, if that is known.
    end: Option<i64>,
    player: Player,
    watched: Watched,
    /// The playhead, as of the last time that it was known.
    head: Option<Head>,
    /// It plays since then, and where is not known yet.
    since: Option<i64>,
    /// The last fact.
    heard: Option<i64>,
    rate: i64,
    startup_ms: Option<i64>,
    live: Option<bool>,
    errors: Errors,
    failures: u32,
    position_ms: Option<i64>,
    jumps: u32,
    silences: u32,
    /// No request ever told a place.
    lost: bool,
}

impl Walk {
    /// Of a recording that ends at `end`, if that is known.
    pub(super) fn new(end: Option<i64>) -> Self {
        Self {
            end,
            player: Player::default(),
            watched: Watched::default(),
            head: None,
            since: None,
            heard: None,
            rate: 1000,
            startup_ms: None,
            live: None,
            errors: Errors::default(),
            failures: 0,
            position_ms: None,
            jumps: 0,
            silences: 0,
            lost: true,
        }
    }

    /// The next fact.
    pub(super) fn step(&mut self, now: i64, fact: &Fact<'_>) {
        let before = self.heard.replace(now).unwrap_or(now);
        if self.player.plays() && now - before > REPORT_SILENCE_MS {
            self.play_until(before);
            (self.head, self.since) = (None, None);
            self.silences = self.silences.saturating_add(1);
        }
        match fact {
            Fact::Anchor(place) => self.anchor(now, *place),
            Fact::Mark(mark) => self.mark(now, mark),
        }
    }

    /// The playhead was told.
    fn anchor(&mut self, now: i64, place: Place) {
        self.lost = false;
        match (place, self.player.plays()) {
            (Place::Exact(position), true) => self.fix(now, position),
            (Place::Exact(position), false) if self.head.is_none() || self.player.settles() => {
                self.head = Some(Head { now, position, within: 0 });
            }
            // The first segment that is asked for is where it goes; those behind it follow.
            (Place::Within(start, end), false) if self.head.is_none() => {
                self.head = Some(Head { now, position: start, within: end - start });
            }
            (Place::Within(start, end), true) if self.head.is_none() && self.since.is_some() => {
                self.head = self.since.map(|since| Head { now: since, position: start, within: end - start });
            }
            _ => {}
        }
    }

    /// The playhead was told while it plays.
    fn fix(&mut self, now: i64, position: i64) {
        if let Some(head) = self.head {
            let most = at_rate(now - head.now, self.rate);
            // Of a place within a segment the time since says where.
            let from = head.position + (position - most - head.position).clamp(0, head.within.max(0));
            let moved = position - from;
            if moved < -TOLERANCE_MS || moved > most + TOLERANCE_MS {
                self.jumps = self.jumps.saturating_add(1);
            } else {
                self.add(from, position.max(from), now - head.now);
            }
        } else if let Some(since) = self.since {
            let from = (position - at_rate(now - since, self.rate)).max(0);
            self.add(from, position, now - since);
        }
        self.since = None;
        self.head = Some(Head { now, position, within: 0 });
    }

    /// It played up to now, and nothing told where it came.
    fn play_until(&mut self, now: i64) {
        match self.head {
            Some(head) => {
                let to = head.position + at_rate((now - head.now).max(0), self.rate);
                self.add(head.position, to, now - head.now);
                self.head = Some(Head { now, position: to, within: 0 });
            }
            None if self.since.is_some() => self.jumps = self.jumps.saturating_add(1),
            None => {}
        }
        self.since = None;
    }

    fn add(&mut self, from: i64, to: i64, passed: i64) {
        self.watched.add(from, to, of_rate(to - from, self.rate).min(passed));
        self.position_ms = Some(to);
    }

    /// The player told something.
    fn mark(&mut self, now: i64, mark: &Mark) {
        let rate = mark.rate.map_or(self.rate, |rate| rate.min(MOST_RATE));
        if rate != self.rate && self.player.plays() {
            let plays_on = self.since.is_some() && self.head.is_none();
            self.play_until(now);
            self.since = plays_on.then_some(now);
        }
        self.rate = rate;
        if let Some(state) = mark.state {
            self.state(now, state);
        }
        self.watched.shows(mark.kbps, None);
        self.live = mark.live.or(self.live);
        self.startup_ms = self.startup_ms.or(mark.startup_ms);
        if mark.kind == EventKind::Error {
            match mark.codes.as_slice() {
                [] => self.errors.add(None),
                codes => codes.iter().for_each(|code| self.errors.add(Some(code))),
            }
        }
    }

    fn state(&mut self, now: i64, state: State) {
        let played = self.player.plays();
        if state == State::Playing && !played {
            // Nothing but the reports came: a recording is watched from its beginning.
            let from_zero = !self.player.begun && self.lost && self.live != Some(true);
            let zero = from_zero.then_some(Head { now, position: 0, within: 0 });
            self.head = self.head.or(zero).map(|head| Head { now, ..head });
            self.since = self.head.is_none().then_some(now);
        } else if state != State::Playing && played {
            // All of it was loaded, so that no request told where a seek went: but it came to the end.
            if let Some(end) = self.end.filter(|_| state == State::Ended && self.head.is_none()) {
                self.fix(now, end);
            }
            self.play_until(now);
        }
        let signal = match state {
            State::Starting => Signal::Start,
            State::Playing => Signal::Playing,
            State::Seeking => Signal::Seek,
            State::Rebuffering => Signal::Wait,
            State::Waiting => Signal::Hold,
            State::Paused => Signal::Pause,
            State::Ended => Signal::End,
            State::Failed | State::Quit => Signal::Stop,
            State::Preloading => return,
        };
        let is_new_failure = state == State::Failed && self.player.phase != Phase::Stopped;
        self.failures = self.failures.saturating_add(u32::from(is_new_failure));
        if state == State::Seeking && self.player.phase != Phase::Seeking {
            (self.head, self.since) = (None, None);
        }
        self.player.signal(now, signal);
    }

    /// Nothing more came. `origin` is the server's time of the first record.
    pub(super) fn finish(mut self, origin: i64) -> Outcome {
        if self.player.plays() {
            self.play_until(self.heard.unwrap_or_default());
        }
        self.errors.at_least(self.failures);
        Outcome {
            started_ms: origin,
            ended_ms: origin.saturating_add(self.heard.unwrap_or_default()),
            startup_ms: self.player.startup_ms.or(self.startup_ms),
            stalls: self.player.stalls,
            stalled_ms: self.player.stalled_ms,
            seeks: self.player.seeks,
            pauses: self.player.pauses,
            ended: self.player.ended,
            errors: self.errors,
            live: self.live,
            position_ms: self.position_ms.or(self.head.map(|head| head.position)),
            jumps: self.jumps,
            silences: self.silences,
            unsure_ms: 0,
            participant: None,
            player: None,
            watched: self.watched,
        }
    }
}
