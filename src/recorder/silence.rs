//! Whether all has fallen silent that should be heard. Pure.
//!
//! ICE can be well while no media comes. An SFU that sees us at another address, because a NAT has forgotten us, answers
//! our consent checks there; mediasoup goes on sending media to the address before until a check nominates the new one
//! (RFC 8445 8.1.1) or media of ours comes from it, of which there is none.

use crate::time::Moment;

/// Nothing for so long is a silence. Reports come of a stream at least as often, unless it is idle too.
const SILENT_MICROS: i64 = 5_000_000;
/// The longest pause between attempts to end it: perhaps nobody sends.
const LONGEST_MICROS: i64 = 60_000_000;

/// What is heard of a room over one connection.
#[derive(Debug)]
pub(super) struct Silence {
    /// When something is to be done about it, if nothing comes until then.
    due: Moment,
    /// Something has come over this connection.
    heard: bool,
    tried: u32,
}

impl Silence {
    /// Of a connection that begins.
    pub(super) fn new(now: Moment) -> Self {
        Self { due: now.plus(SILENT_MICROS), heard: false, tried: 0 }
    }

    /// Something came.
    pub(super) fn heard(&mut self, now: Moment) {
        *self = Self { heard: true, ..Self::new(now) };
    }

    /// Nothing has to come.
    pub(super) fn rest(&mut self, now: Moment) {
        *self = Self { heard: self.heard, ..Self::new(now) };
    }

    /// What came before comes no more: another path should be looked for.
    pub(super) fn is_due(&self, now: Moment) -> bool {
        self.heard && now >= self.due
    }

    /// One is looked for. If that does not help, the next attempt is later each time.
    pub(super) fn tried(&mut self, now: Moment) {
        self.tried = self.tried.saturating_add(1);
        let pause = SILENT_MICROS.saturating_mul(1 << self.tried.min(8));
        self.due = now.plus(pause.min(LONGEST_MICROS));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(number: i64) -> Moment {
        Moment(number * 1_000_000)
    }

    #[test]
    fn only_what_was_heard_can_fall_silent() {
        let mut silence = Silence::new(second(0));
        assert!(!silence.is_due(second(100)));
        silence.heard(second(100));
        assert!(!silence.is_due(second(104)) && silence.is_due(second(105)));
        silence.rest(second(105));
        assert!(!silence.is_due(second(109)) && silence.is_due(second(110)));
    }

    #[test]
    fn attempts_become_rare_and_begin_anew_when_something_comes() {
        let mut silence = Silence::new(second(0));
        silence.heard(second(0));
        let mut tried = Vec::new();
        for now in 0..250 {
            if silence.is_due(second(now)) {
                silence.tried(second(now));
                tried.push(now);
            }
        }
        assert_eq!(tried, [5, 15, 35, 75, 135, 195]);
        silence.heard(second(250));
        assert!(silence.is_due(second(255)));
    }
}
