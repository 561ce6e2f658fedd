//! The state machine: a sample in, fragments and segments out.

use super::policy::Lengths;
use super::{Error, Policy, Segment};
use crate::media::fmp4::index::{Flags, OFFSET_LIMIT};
use crate::media::fmp4::{
    self,
    fragment::{self, Fragment},
};
use crate::media::{Kind, Sample};
use crate::time::{Ticks, Timescale};

/// Bytes of samples after which a fragment closes, whatever its duration.
const FULL: u64 = 32 << 20;
/// Samples after which it does: a sample can be as short as a tick.
const MANY: usize = 5000;
/// The largest sample, so that a fragment with it always fits in its boxes.
const LARGEST: u64 = 1 << 30;
/// The latest decode time: millions of years, yet far from where additions overflow.
const LATEST: i64 = 1 << 60;

/// What comes out, in the order in which it is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// To be appended to the file. Offsets of its entries are offsets in the file.
    Fragment(Fragment),
    /// Closed; after its last fragment.
    Segment(Segment),
}

/// The open segment, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Its number.
    pub number: u32,
    /// Decode time of its first sample.
    pub start: Ticks,
    /// How long it is so far, samples of the open fragment included.
    pub duration: Ticks,
    /// How many samples it has.
    pub samples: u32,
    /// It starts with a sync sample.
    pub sync: bool,
}

/// Cuts one run of one track.
#[derive(Clone, Debug)]
pub struct Segmenter {
    lengths: Lengths,
    kind: Kind,
    /// Number of the next segment to open.
    number: u32,
    /// `mfhd` number of the next fragment.
    sequence: u32,
    /// Offset in the file of the next fragment.
    offset: u64,
    /// Where the next sample must start, once there was one.
    next: Option<Ticks>,
    /// Samples of the open fragment.
    pending: Vec<Sample>,
    /// Their length in ticks and in bytes.
    held: (i64, u64),
    open: Option<Open>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    at: Position,
    /// Offset in the file of its first fragment.
    from: u64,
}

impl Segmenter {
    /// For a run whose first fragment will lie at `origin_offset` of its file, behind the init segment. Segments
    /// count from 0; see [`Self::numbered`].
    #[must_use]
    pub fn new(policy: Policy, timescale: Timescale, kind: Kind, origin_offset: u64) -> Self {
        Self {
            lengths: policy.in_ticks(timescale),
            kind,
            number: 0,
            sequence: 1,
            offset: origin_offset,
            next: None,
            pending: Vec::new(),
            held: (0, 0),
            open: None,
        }
    }

    /// The same with the number of its first segment, to go on where the run before ended
    /// ([`Self::next_number`]).
    #[must_use]
    pub fn numbered(mut self, first: u32) -> Self {
        self.number = first;
        self
    }

    /// Takes the next sample, which must start where the last one ended. What it closes is added to `out`.
    ///
    /// # Errors
    /// A sample that breaks a rule, see [`Error`]; the segmenter and `out` are then as they were.
    pub fn push(&mut self, sample: Sample, out: &mut Vec<Output>) -> Result<(), Error> {
        self.check(&sample)?;
        let ends = self.ends_before(&sample);
        if !ends && !self.overfills(&sample) {
            return self.append(sample, out);
        }
        let (before, length) = (self.clone(), out.len());
        let closed = if ends { self.flush(out) } else { self.close_fragment(out) };
        let result = closed.and_then(|()| self.append(sample, out));
        if result.is_err() {
            *self = before;
            out.truncate(length);
        }
        result
    }

    /// Closes the open fragment and segment now: the parameters change, or the track ends.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn flush(&mut self, out: &mut Vec<Output>) -> Result<(), Error> {
        if !self.pending.is_empty() {
            self.close_fragment(out)?;
        }
        let Some(Open { at, from }) = self.open.take() else { return Ok(()) };
        out.push(Output::Segment(Segment {
            number: at.number,
            start: at.start,
            duration: at.duration,
            range: from..self.offset,
            samples: at.samples,
            sync: at.sync,
        }));
        Ok(())
    }

    /// Closes the open segment before the first sample at or behind `at` that is in no fragment yet. Where the segment
    /// would have none before it, that is where it begins, and nothing changes.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn cut(&mut self, at: Ticks, out: &mut Vec<Output>) -> Result<(), Error> {
        let before = self.pending.partition_point(|sample| sample.at < at);
        let empty = before == 0 && self.open.is_none_or(|open| open.from == self.offset);
        if empty || before == self.pending.len() {
            return Ok(());
        }
        let (kept, length) = (self.clone(), out.len());
        let behind = self.pending.split_off(before);
        let (ticks, bytes) = behind.iter().fold((0, 0), |(ticks, bytes), sample| {
            (ticks + i64::from(sample.duration), bytes + sample.data.len() as u64)
        });
        self.held = (self.held.0 - ticks, self.held.1.saturating_sub(bytes));
        if let Some(open) = &mut self.open {
            open.at.duration = open.at.duration - Ticks(ticks);
            open.at.samples = open.at.samples.saturating_sub(u32::try_from(behind.len()).unwrap_or(0));
        }
        let mut done = self.flush(out);
        for sample in behind {
            done = done.and_then(|()| self.append(sample, out));
        }
        if done.is_err() {
            *self = kept;
            out.truncate(length);
        }
        done
    }

    /// Whether [`cut`](Self::cut) finds a sample at or behind `at`.
    #[must_use]
    pub fn holds(&self, at: Ticks) -> bool {
        self.pending.last().is_some_and(|last| last.at >= at)
    }

    /// Where the samples begin that are in no fragment yet.
    #[must_use]
    pub fn pending(&self) -> Option<Ticks> {
        self.pending.first().map(|first| first.at)
    }

    /// Video whose open segment has reached its target, or did not start with a key frame: ask for one. Stays
    /// true until it comes; whoever asks keeps count of how often.
    #[must_use]
    pub fn wants_keyframe(&self) -> bool {
        let overdue = |open: &Open| !open.at.sync || open.at.duration.0 >= self.lengths.target;
        self.kind == Kind::Video && self.open.as_ref().is_some_and(overdue)
    }

    /// The open segment, `None` before the first sample and after [`Self::flush`].
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.open.map(|open| open.at)
    }

    /// Number of the next segment to open.
    #[must_use]
    pub fn next_number(&self) -> u32 {
        self.number
    }

    /// Offset in the file at which the next fragment will lie.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    fn check(&self, sample: &Sample) -> Result<(), Error> {
        let at = sample.at.0;
        if sample.duration == 0 {
            return Err(Error::NoDuration { at });
        }
        // Refused here, because they would make the fragment that holds them impossible to write.
        if at < 0 {
            return Err(fmp4::Error::NegativeTime(at).into());
        }
        if at > LATEST {
            return Err(fmp4::Error::TimeOutOfRange.into());
        }
        if sample.data.len() as u64 > LARGEST {
            return Err(fmp4::Error::FragmentTooLarge(sample.data.len() as u64).into());
        }
        if i64::from(sample.duration) > self.lengths.longest {
            return Err(Error::SampleTooLong { at, duration: sample.duration, limit: self.lengths.longest });
        }
        match self.next {
            Some(next) if next != sample.at => Err(Error::NotContiguous { expected: next.0, found: at }),
            _ => Ok(()),
        }
    }

    /// Whether the open segment closes before this sample (rules 2 to 5 of the module).
    fn ends_before(&self, sample: &Sample) -> bool {
        let Some(Open { at, .. }) = &self.open else { return false };
        let due = at.duration.0 + self.lengths.tolerance(sample.duration) >= self.lengths.target;
        let regular = match self.kind {
            Kind::Audio => due,
            Kind::Video => sample.sync && (due || !at.sync),
        };
        regular || at.duration.0 + i64::from(sample.duration) > self.lengths.longest
    }

    /// Whether the open fragment would be too long with this sample (rule 1).
    fn overfills(&self, sample: &Sample) -> bool {
        !self.pending.is_empty() && self.held.0 + i64::from(sample.duration) > self.lengths.fragment
    }

    fn append(&mut self, sample: Sample, out: &mut Vec<Output>) -> Result<(), Error> {
        let (open, number, held) = (self.open, self.number, self.held);
        let duration = Ticks(sample.duration.into());
        let next = sample.at + duration;
        let now = match &mut self.open {
            Some(now) => now,
            closed => {
                self.number = number.checked_add(1).ok_or(Error::OutOfNumbers)?;
                let none = Ticks(0);
                let at = Position { number, start: sample.at, duration: none, samples: 0, sync: sample.sync };
                closed.insert(Open { at, from: self.offset })
            }
        };
        now.at.duration = now.at.duration + duration;
        now.at.samples += 1;
        self.held = (held.0 + duration.0, held.1 + sample.data.len() as u64);
        self.pending.push(sample);
        if self.fragment_is_due(duration)
            && let Err(error) = self.close_fragment(out)
        {
            self.pending.pop();
            (self.open, self.number, self.held) = (open, number, held);
            return Err(error);
        }
        self.next = Some(next);
        Ok(())
    }

    /// Another sample like the last would be too much.
    fn fragment_is_due(&self, last: Ticks) -> bool {
        let (ticks, bytes) = self.held;
        ticks + last.0 > self.lengths.fragment || bytes >= FULL || self.pending.len() >= MANY
    }

    /// Writes the pending samples. Changes nothing when it fails.
    fn close_fragment(&mut self, out: &mut Vec<Output>) -> Result<(), Error> {
        let sequence = self.sequence.checked_add(1).ok_or(Error::OutOfNumbers)?;
        let mut fragment = fragment::write(self.sequence, &self.pending)?;
        let end = self.offset + fragment.bytes.len() as u64;
        if end > OFFSET_LIMIT {
            return Err(Error::FileTooLarge);
        }
        for entry in &mut fragment.entries {
            entry.offset += self.offset;
        }
        let opens = self.open.is_some_and(|open| open.from == self.offset);
        if let Some(entry) = fragment.entries.first_mut().filter(|_| opens) {
            let cut = if fragment.sync { Flags::default() } else { Flags::CUT };
            entry.flags = entry.flags.with(Flags::SEGMENT).with(cut);
        }
        out.push(Output::Fragment(fragment));
        (self.sequence, self.offset) = (sequence, end);
        self.pending.clear();
        self.held = (0, 0);
        Ok(())
    }
}

#[cfg(test)]
#[path = "segmenter_tests.rs"]
mod tests;
