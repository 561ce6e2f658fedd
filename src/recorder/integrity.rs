//! How true a recording is to what was sent: counted while it is made, kept with each track, and summed up in a grade.
//!
//! Only media counts. A fill hides a gap from the viewer and not from the verdict, and what its sender did not send
//! (muted, camera off) is no damage.

use super::track::Counts;
use crate::media::Kind;
use crate::media::timeline::sync::Anomaly;
use serde::{Deserialize, Serialize};

/// A picture that stands for less than this is no freeze: screens and slow cameras send few.
const FREEZE_MICROS: i64 = 500_000;
/// Up to this share of damaged time, in parts of a million, and this freeze a track is good, and fair.
const GOOD: (i64, i64) = (1_000, 1_000_000);
const FAIR: (i64, i64) = (10_000, 5_000_000);

/// In one word, the best first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// Nothing that was sent is missing.
    #[default]
    Intact,
    /// At most 0.1 % of the time is damaged, and no freeze is longer than 1 s.
    Good,
    /// At most 1 % of the time is damaged, and no freeze is longer than 5 s.
    Fair,
    /// Worse.
    Poor,
}

/// The verdict on a track, or on all tracks of a recording. Times in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Integrity {
    /// In one word.
    pub grade: Grade,
    /// Packets that were sent to us.
    pub packets_expected: u64,
    /// Those that came.
    pub packets_received: u64,
    /// Those that came because they were asked for again.
    pub packets_recovered: u64,
    /// Those that never came.
    pub packets_lost: u64,
    /// Stretches in which something was sent that cannot be decoded.
    pub damaged_spans: u64,
    /// Their length together.
    pub damaged_us: i64,
    /// The longest time for which a picture stood, or sound was missing, although its sender had not stopped it.
    pub longest_freeze_us: i64,
    /// The longest distance between two key frames.
    pub longest_key_gap_us: i64,
    /// Times at which a clock of the sender was set, jumped or stood still.
    pub clock_anomalies: u64,
    /// Media stored.
    pub media_us: i64,
}

impl Integrity {
    /// Of several tracks.
    #[must_use]
    pub fn of_all(tracks: impl IntoIterator<Item = Self>) -> Self {
        tracks.into_iter().fold(Self::default(), |sum, one| Self {
            grade: sum.grade.max(one.grade),
            packets_expected: sum.packets_expected + one.packets_expected,
            packets_received: sum.packets_received + one.packets_received,
            packets_recovered: sum.packets_recovered + one.packets_recovered,
            packets_lost: sum.packets_lost + one.packets_lost,
            damaged_spans: sum.damaged_spans + one.damaged_spans,
            damaged_us: sum.damaged_us + one.damaged_us,
            longest_freeze_us: sum.longest_freeze_us.max(one.longest_freeze_us),
            longest_key_gap_us: sum.longest_key_gap_us.max(one.longest_key_gap_us),
            clock_anomalies: sum.clock_anomalies + one.clock_anomalies,
            media_us: sum.media_us.max(one.media_us),
        })
    }

    fn graded(self) -> Self {
        let share = i128::from(self.damaged_us) * 1_000_000 / i128::from(self.media_us.max(1));
        let within = |(most, freeze): (i64, i64)| {
            share <= i128::from(most) && (self.longest_freeze_us <= freeze || self.damaged_spans == 0)
        };
        let grade = if self.packets_lost == 0 && self.damaged_spans == 0 {
            Grade::Intact
        } else if within(GOOD) {
            Grade::Good
        } else if within(FAIR) {
            Grade::Fair
        } else {
            Grade::Poor
        };
        Self { grade, ..self }
    }
}

/// Counts what a track sees. Times in microseconds of the recording's timeline.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    kind: Kind,
    found: Integrity,
    /// Something came to harm since the frame before.
    damaged: bool,
    /// Where media stopped although it should come.
    stopped: Option<i64>,
    last_key: Option<i64>,
}

impl Watch {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, found: Integrity::default(), damaged: false, stopped: None, last_key: None }
    }

    /// Goes on after an earlier process, whose media ended at `end`.
    pub(super) fn restored(kind: Kind, found: Integrity, end: Option<i64>) -> Self {
        Self { found, stopped: end, ..Self::new(kind) }
    }

    /// Packets are lost, or what came cannot be used.
    pub(super) fn damage(&mut self) {
        self.damaged = true;
    }

    /// Something came to harm since the frame before.
    pub(super) fn is_damaged(&self) -> bool {
        self.damaged
    }

    /// A clock of the sender did something.
    pub(super) fn clock(&mut self, _: Anomaly) {
        self.found.clock_anomalies += 1;
    }

    /// A frame follows the one before it after `step`, when `usual` is what it should be.
    pub(super) fn step(&mut self, step: i64, usual: i64) {
        self.span(step.saturating_sub(usual));
        let long = match self.kind {
            Kind::Video => step >= FREEZE_MICROS,
            Kind::Audio => false, // A long step of sound is one that sent nothing, unless something was lost.
        };
        if long {
            self.found.longest_freeze_us = self.found.longest_freeze_us.max(step);
        }
    }

    /// Media stops at `end`; `off` when its sender stopped it.
    pub(super) fn stop(&mut self, end: i64, off: bool) {
        self.stopped = (!off).then_some(end);
    }

    /// Media comes again at `at`.
    pub(super) fn resume(&mut self, at: i64) {
        let Some(end) = self.stopped.take() else {
            self.damaged = false;
            return;
        };
        let gap = at.saturating_sub(end).max(0);
        self.damaged = true;
        self.span(gap);
    }

    /// A sample is stored.
    pub(super) fn sample(&mut self, at: i64, sync: bool) {
        if sync && self.kind == Kind::Video {
            let gap = self.last_key.map_or(0, |before| at.saturating_sub(before));
            self.found.longest_key_gap_us = self.found.longest_key_gap_us.max(gap);
            self.last_key = Some(at);
        }
    }

    /// What was between two frames, if something came to harm there.
    fn span(&mut self, missing: i64) {
        if std::mem::take(&mut self.damaged) && missing > 0 {
            self.found.damaged_spans += 1;
            self.found.damaged_us = self.found.damaged_us.saturating_add(missing);
            self.found.longest_freeze_us = self.found.longest_freeze_us.max(missing);
        }
    }

    pub(super) fn verdict(&self, counts: &Counts) -> Integrity {
        let found = Integrity {
            packets_expected: counts.packets + counts.lost,
            packets_received: counts.packets,
            packets_recovered: counts.recovered,
            packets_lost: counts.lost,
            media_us: counts.duration_micros,
            ..self.found
        };
        found.graded()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(lost: u64) -> Counts {
        Counts { packets: 1000, lost, duration_micros: 100_000_000, ..Counts::default() }
    }

    #[test]
    fn what_is_lost_shows_in_the_grade() {
        let mut watch = Watch::new(Kind::Video);
        watch.step(40_000, 40_000);
        assert_eq!(watch.verdict(&counts(0)).grade, Grade::Intact);
        watch.damage();
        watch.step(80_000, 40_000);
        let verdict = watch.verdict(&counts(2));
        assert_eq!((verdict.grade, verdict.damaged_spans, verdict.damaged_us), (Grade::Good, 1, 40_000));
        assert_eq!((verdict.packets_expected, verdict.packets_lost), (1002, 2));
        watch.stop(5_000_000, false);
        watch.resume(5_600_000);
        assert_eq!(watch.verdict(&counts(2)).grade, Grade::Fair);
        watch.stop(8_000_000, false);
        watch.resume(14_000_000);
        let verdict = watch.verdict(&counts(2));
        assert_eq!((verdict.grade, verdict.longest_freeze_us), (Grade::Poor, 6_000_000));
    }

    #[test]
    fn what_the_sender_stopped_is_no_damage() {
        let mut watch = Watch::new(Kind::Video);
        watch.sample(0, true);
        watch.stop(1_000_000, true);
        watch.resume(61_000_000);
        watch.sample(61_000_000, true);
        let verdict = watch.verdict(&counts(0));
        assert_eq!((verdict.grade, verdict.damaged_us), (Grade::Intact, 0));
        assert_eq!(verdict.longest_key_gap_us, 61_000_000);
    }

    #[test]
    fn a_recording_is_as_good_as_its_worst_track() {
        let one =
            Integrity { packets_lost: 3, grade: Grade::Fair, longest_freeze_us: 7, ..Integrity::default() };
        let all = Integrity::of_all([one, Integrity { packets_lost: 1, ..Integrity::default() }]);
        assert_eq!((all.grade, all.packets_lost, all.longest_freeze_us), (Grade::Fair, 4, 7));
    }
}
