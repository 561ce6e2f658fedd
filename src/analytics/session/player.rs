//! What a player does, from what it says of itself: stalls, seeks, pauses and the start.

use serde::{Deserialize, Serialize};

/// What so shortly follows something else belongs to it: a media element is paused where it ends, and may wait just
/// before it tells that it seeks.
pub const TOGETHER_MS: i64 = 250;

/// What a player says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// It was told to play.
    Start,
    /// Media is shown.
    Playing,
    /// It was told to stand still.
    Pause,
    /// The playhead is being moved.
    Seek,
    /// It was moved.
    Sought,
    /// Media is missing.
    Wait,
    /// It waits for something else.
    Hold,
    /// The end was reached.
    End,
    /// It went wrong, or the viewer left.
    Stop,
}

/// What it does then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Phase {
    /// Nothing yet.
    #[default]
    Idle,
    /// It was told to play.
    Starting,
    /// Media is shown.
    Playing,
    /// Media stopped.
    Stalled,
    /// It waits before it plays, or while it seeks.
    Waiting,
    /// It stands still.
    Paused,
    /// The playhead is moved.
    Seeking,
    /// It is over.
    Stopped,
}

/// Counts of one session. Times are milliseconds since its first event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Player {
    pub(super) phase: Phase,
    /// Media was shown.
    pub(super) begun: bool,
    /// It stands still, whatever else it does.
    paused: bool,
    /// A seek is told, and its end is not.
    seeking: bool,
    /// There was a seek, and nothing was shown since: what is waited for is its target.
    settling: bool,
    started: Option<i64>,
    paused_at: Option<i64>,
    stalled_at: Option<i64>,
    pub(super) startup_ms: Option<i64>,
    pub(super) stalls: u32,
    pub(super) stalled_ms: i64,
    pub(super) seeks: u32,
    pub(super) pauses: u32,
    pub(super) ended: bool,
}

impl Player {
    /// Media is shown.
    pub(super) fn plays(&self) -> bool {
        self.phase == Phase::Playing
    }

    /// Where it is has still to be found: nothing was shown since the start or since a seek.
    pub(super) fn settles(&self) -> bool {
        !self.begun || self.settling
    }

    /// It says something.
    pub(super) fn signal(&mut self, now: i64, signal: Signal) {
        match signal {
            Signal::Start => self.start(now),
            Signal::Playing => self.play(now),
            Signal::Pause => self.pause(now),
            Signal::Seek => self.seek(now),
            Signal::Sought => self.seeking = false,
            Signal::Wait => self.wait(now),
            Signal::Hold => {
                self.resume(now);
                self.phase = Phase::Waiting;
            }
            Signal::End => self.end(now),
            Signal::Stop => {
                self.resume(now);
                self.phase = Phase::Stopped;
            }
        }
    }

    fn start(&mut self, now: i64) {
        if matches!(self.phase, Phase::Playing | Phase::Stalled) {
            return;
        }
        self.started = self.started.or(Some(now));
        self.paused = false;
        self.phase = Phase::Starting;
    }

    fn play(&mut self, now: i64) {
        self.resume(now);
        if !self.begun {
            self.startup_ms = self.started.map(|started| (now - started).max(0));
        }
        (self.begun, self.paused, self.seeking, self.settling) = (true, false, false, false);
        self.phase = Phase::Playing;
    }

    fn pause(&mut self, now: i64) {
        self.resume(now);
        // hls.js says so at the end of a seek while it stands still.
        self.seeking = false;
        if self.begun && !self.paused && self.phase != Phase::Stopped {
            self.pauses += 1;
            self.paused_at = Some(now);
        }
        self.paused = true;
        self.phase = Phase::Paused;
    }

    fn seek(&mut self, now: i64) {
        let waited = self.stalled_at.map(|at| now - at);
        if waited.is_some_and(|waited| waited <= TOGETHER_MS) {
            self.stalls = self.stalls.saturating_sub(1);
            self.stalled_at = None;
        }
        self.resume(now);
        // Before anything was shown it is a part of the start: a player goes where its viewer had stopped.
        if self.begun && !self.seeking {
            self.seeks += 1;
        }
        (self.seeking, self.settling) = (true, true);
        self.phase = Phase::Seeking;
    }

    fn wait(&mut self, now: i64) {
        if self.phase == Phase::Stalled {
            return;
        }
        let should_play = matches!(self.phase, Phase::Playing | Phase::Starting) && !self.paused;
        if self.begun && !self.settling && should_play {
            self.stalls += 1;
            self.stalled_at = Some(now);
            self.phase = Phase::Stalled;
        } else if self.phase != Phase::Paused {
            self.phase = Phase::Waiting;
        }
    }

    fn end(&mut self, now: i64) {
        self.resume(now);
        if self.phase == Phase::Paused && self.paused_at.is_some_and(|at| now - at <= TOGETHER_MS) {
            self.pauses = self.pauses.saturating_sub(1);
            self.paused_at = None;
        }
        self.ended = true;
        self.phase = Phase::Stopped;
    }

    /// A stall is over.
    fn resume(&mut self, now: i64) {
        if let Some(at) = self.stalled_at.take() {
            self.stalled_ms = self.stalled_ms.saturating_add((now - at).max(0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Signal::{End, Pause, Playing, Seek, Sought, Start, Stop, Wait};
    use super::*;

    fn after(signals: &[(i64, Signal)]) -> Player {
        let mut player = Player::default();
        for (now, signal) in signals {
            player.signal(*now, *signal);
        }
        player
    }

    #[test]
    fn the_first_wait_is_the_start_and_the_next_a_stall() {
        let player = after(&[(0, Start), (10, Wait), (700, Playing), (5000, Wait), (6500, Playing)]);
        assert_eq!((player.startup_ms, player.stalls, player.stalled_ms), (Some(700), 1, 1500));
    }

    #[test]
    fn a_wait_in_a_seek_is_none() {
        let player =
            after(&[(0, Start), (1, Playing), (5000, Seek), (5001, Wait), (5900, Sought), (6000, Wait)]);
        let player = {
            let mut player = player;
            player.signal(7000, Playing);
            player
        };
        assert_eq!((player.stalls, player.seeks, player.pauses), (0, 1, 0));
        let early = after(&[(0, Playing), (5000, Wait), (5100, Seek), (6000, Playing)]);
        assert_eq!((early.stalls, early.stalled_ms, early.seeks), (0, 0, 1));
        let late = after(&[(0, Playing), (5000, Wait), (8000, Seek), (9000, Playing)]);
        assert_eq!((late.stalls, late.stalled_ms, late.seeks), (1, 3000, 1));
    }

    #[test]
    fn a_wait_in_a_pause_is_none_and_behind_one_it_is() {
        let player = after(&[(0, Playing), (10, Pause), (20, Wait), (5000, Start), (5010, Playing)]);
        assert_eq!((player.stalls, player.pauses), (0, 1));
        let player = after(&[(0, Playing), (10, Pause), (5000, Start), (5010, Wait), (5500, Playing)]);
        assert_eq!((player.stalls, player.stalled_ms), (1, 490));
        let sought =
            [(0, Playing), (10, Pause), (20, Seek), (30, Sought), (50, Start), (60, Wait), (90, Playing)];
        assert_eq!((after(&sought).stalls, after(&sought).seeks, after(&sought).pauses), (0, 1, 1));
    }

    #[test]
    fn the_pause_at_the_end_is_none() {
        let player = after(&[(0, Playing), (9000, Pause), (9004, End)]);
        assert_eq!((player.pauses, player.ended, player.plays()), (0, true, false));
        assert_eq!(after(&[(0, Playing), (9000, Pause), (19_000, End)]).pauses, 1);
    }

    #[test]
    fn a_stall_ends_with_what_comes_next() {
        for next in [Pause, Seek, End, Stop, Playing] {
            let player = after(&[(0, Playing), (1000, Wait), (3000, next), (9000, Playing)]);
            assert_eq!((player.stalls, player.stalled_ms), (1, 2000), "{next:?}");
        }
    }

    #[test]
    fn what_is_told_again_counts_once() {
        let twice =
            [(0, Start), (0, Start), (5, Playing), (9, Playing), (10, Wait), (20, Wait), (30, Playing)];
        assert_eq!(
            (after(&twice).stalls, after(&twice).stalled_ms, after(&twice).startup_ms),
            (1, 20, Some(5))
        );
        let twice = [(0, Playing), (9, Seek), (10, Seek), (20, Playing), (30, Pause), (40, Pause)];
        assert_eq!((after(&twice).seeks, after(&twice).pauses), (1, 1));
    }
}
