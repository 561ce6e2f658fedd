//! What of a recording was watched, as a set of intervals of its timeline.

use serde::{Deserialize, Serialize};

/// Intervals that a set has at most after [`Ranges::insert`] and [`Ranges::union`]. A viewer who seeks without pause for
/// an hour comes near it.
pub const MOST_INTERVALS: usize = 1024;
/// The first byte of [`Ranges::encode`]: the form of what follows.
const FORM: u8 = 1;
/// Longest encoding that is read.
const MOST_BYTES: usize = 64 * 1024;

/// Milliseconds of the recording's timeline from `start` up to and without `end`, which is above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "(i64, i64)", into = "(i64, i64)")]
pub struct Interval {
    /// The first.
    pub start: i64,
    /// The one behind the last.
    pub end: i64,
}

impl From<(i64, i64)> for Interval {
    fn from((start, end): (i64, i64)) -> Self {
        Self { start, end }
    }
}

impl From<Interval> for (i64, i64) {
    fn from(interval: Interval) -> Self {
        (interval.start, interval.end)
    }
}

impl Interval {
    /// Its length in milliseconds.
    #[must_use]
    pub fn length(self) -> i64 {
        self.end.saturating_sub(self.start).max(0)
    }
}

/// A set of milliseconds of the recording's timeline: sorted intervals that neither overlap nor touch, none before 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Vec<Interval>", into = "Vec<Interval>")]
pub struct Ranges(Vec<Interval>);

impl From<Vec<Interval>> for Ranges {
    fn from(list: Vec<Interval>) -> Self {
        list.into_iter().collect()
    }
}

impl From<Ranges> for Vec<Interval> {
    fn from(ranges: Ranges) -> Self {
        ranges.0
    }
}

impl FromIterator<Interval> for Ranges {
    fn from_iter<T: IntoIterator<Item = Interval>>(list: T) -> Self {
        let mut ranges = Self::default();
        for interval in list {
            ranges.insert(interval.start, interval.end);
        }
        ranges
    }
}

/// Why bytes are not a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadRanges {
    /// The first byte is not known.
    #[error("watched ranges of an unknown form")]
    Form,
    /// They end within a number, or a number is too large.
    #[error("watched ranges with a broken number")]
    Number,
    /// Intervals are empty, or touch.
    #[error("watched ranges that are not in order")]
    Order,
    /// There are more than are ever written.
    #[error("watched ranges of more than {MOST_BYTES} bytes")]
    TooLong,
}

impl Ranges {
    /// One interval, or none when `end` is not above `start`.
    #[must_use]
    pub fn one(start: i64, end: i64) -> Self {
        [Interval { start, end }].into_iter().collect()
    }

    /// Adds an interval. What lies before 0 is cut off, an empty one changes nothing. When there are more than
    /// [`MOST_INTERVALS`] afterwards, the two with the shortest gap between them become one: the set then says that this
    /// gap was watched too.
    pub fn insert(&mut self, start: i64, end: i64) {
        let start = start.max(0);
        if end <= start {
            return;
        }
        let first = self.0.partition_point(|interval| interval.end < start);
        let behind = self.0.partition_point(|interval| interval.start <= end);
        let touched = self.0.get(first..behind).unwrap_or_default();
        let start = touched.first().map_or(start, |interval| interval.start.min(start));
        let end = touched.last().map_or(end, |interval| interval.end.max(end));
        self.0.splice(first..behind.max(first), [Interval { start, end }]);
        self.bound();
    }

    /// What is in either, with the same bound as [`Ranges::insert`].
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut all: Vec<Interval> = self.0.iter().chain(&other.0).copied().collect();
        all.sort_unstable_by_key(|interval| interval.start);
        let mut out = Self(Vec::with_capacity(all.len()));
        for interval in all {
            match out.0.last_mut() {
                Some(last) if interval.start <= last.end => last.end = last.end.max(interval.end),
                _ => out.0.push(interval),
            }
        }
        out.bound();
        out
    }

    /// What is in both. Exact: it may have as many intervals as the two together.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        let (mut mine, mut theirs) = (self.iter().peekable(), other.iter().peekable());
        let mut out = Vec::new();
        while let (Some(one), Some(two)) = (mine.peek(), theirs.peek()) {
            let (start, end) = (one.start.max(two.start), one.end.min(two.end));
            if start < end {
                out.push(Interval { start, end });
            }
            if one.end < two.end {
                mine.next()
            } else {
                theirs.next()
            };
        }
        Self(out)
    }

    /// What is in this one and not in the other. Exact, as [`Ranges::intersect`].
    #[must_use]
    pub fn subtract(&self, other: &Self) -> Self {
        let mut holes = other.iter().peekable();
        let mut out = Vec::new();
        for interval in self.iter() {
            let mut at = interval.start;
            while let Some(hole) = holes.peek().filter(|hole| hole.start < interval.end) {
                if hole.start > at {
                    out.push(Interval { start: at, end: hole.start });
                }
                at = at.max(hole.end);
                if hole.end > interval.end {
                    break;
                }
                holes.next();
            }
            if at < interval.end {
                out.push(Interval { start: at, end: interval.end });
            }
        }
        Self(out)
    }

    /// Milliseconds in it.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.0.iter().fold(0_i64, |sum, interval| sum.saturating_add(interval.length()))
    }

    /// How much of an interval is in it, in milliseconds.
    #[must_use]
    pub fn overlap(&self, start: i64, end: i64) -> i64 {
        let first = self.0.partition_point(|interval| interval.end <= start);
        let inside = self.0.iter().skip(first).take_while(|interval| interval.start < end);
        inside.map(|one| (one.end.min(end) - one.start.max(start)).max(0)).fold(0, i64::saturating_add)
    }

    /// Whether a millisecond is in it.
    #[must_use]
    pub fn contains(&self, at: i64) -> bool {
        let before = self.0.partition_point(|interval| interval.end <= at);
        self.0.get(before).is_some_and(|interval| interval.start <= at)
    }

    /// Nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many intervals it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The millisecond behind the last that is in it; 0 of an empty set.
    #[must_use]
    pub fn end(&self) -> i64 {
        self.0.last().map_or(0, |interval| interval.end)
    }

    /// Its intervals in order.
    pub fn iter(&self) -> impl Iterator<Item = Interval> + '_ {
        self.0.iter().copied()
    }

    /// Its differences for a curve: at which step of `resolution` milliseconds it begins (+1) and ends (-1), in order. A
    /// step is in it when its middle is: so no step counts twice, and on average nothing is rounded away.
    pub fn edges(&self, resolution: i64) -> impl Iterator<Item = (i64, i32)> + '_ {
        self.steps(resolution.max(1), 1)
    }

    /// As [`Ranges::edges`], of the `parts` equal parts of `length` milliseconds (and those behind).
    pub(super) fn steps(&self, length: i64, parts: i64) -> impl Iterator<Item = (i64, i32)> + '_ {
        let intervals = self.iter().map(move |interval| {
            (first_step(interval.start, length, parts), first_step(interval.end, length, parts))
        });
        intervals
            .filter(|(first, behind)| first < behind)
            .flat_map(|(first, behind)| [(first, 1), (behind, -1)])
    }

    /// For storage: a byte that says the form, then for each interval the gap before it and its length, as LEB128.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1 + self.0.len() * 6);
        out.push(FORM);
        let mut end = 0;
        for interval in &self.0 {
            write_number(&mut out, interval.start.abs_diff(end));
            write_number(&mut out, interval.end.abs_diff(interval.start));
            end = interval.end;
        }
        out
    }

    /// Reads [`Ranges::encode`]. No bytes at all are the empty set.
    ///
    /// # Errors
    /// [`BadRanges`] for everything that was not written by it.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadRanges> {
        if bytes.len() > MOST_BYTES {
            return Err(BadRanges::TooLong);
        }
        let Some((form, mut rest)) = bytes.split_first() else { return Ok(Self::default()) };
        if *form != FORM {
            return Err(BadRanges::Form);
        }
        let mut out: Vec<Interval> = Vec::new();
        while !rest.is_empty() {
            let (gap, length) = (read_number(&mut rest)?, read_number(&mut rest)?);
            if length == 0 || (gap == 0 && !out.is_empty()) {
                return Err(BadRanges::Order);
            }
            let before = out.last().map_or(0, |interval| interval.end);
            let start = before.checked_add(gap).ok_or(BadRanges::Number)?;
            let end = start.checked_add(length).ok_or(BadRanges::Number)?;
            out.push(Interval { start, end });
        }
        Ok(Self(out))
    }

    /// See [`Ranges::insert`].
    fn bound(&mut self) {
        while self.0.len() > MOST_INTERVALS {
            let gaps = self.0.iter().zip(self.0.iter().skip(1)).map(|(one, two)| two.start - one.end);
            let Some((index, _)) = gaps.enumerate().min_by_key(|(_, gap)| *gap) else { return };
            let end = self.0.remove(index + 1).end;
            if let Some(before) = self.0.get_mut(index) {
                before.end = end;
            }
        }
    }
}

/// The first of the equal parts of `length` whose middle is not before `at`: the least `k` with
/// `(2k + 1) * length / (2 * parts) >= at`.
fn first_step(at: i64, length: i64, parts: i64) -> i64 {
    let (at, length, parts) = (i128::from(at), i128::from(length.max(1)), i128::from(parts.max(1)));
    let step = -(length - 2 * parts * at).div_euclid(2 * length);
    i64::try_from(step.max(0)).unwrap_or(i64::MAX)
}

fn write_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn read_number(bytes: &mut &[u8]) -> Result<i64, BadRanges> {
    let mut number = 0_i64;
    // Nine groups of seven bits make 63: more would not fit.
    for group in 0..9 {
        let (byte, rest) = bytes.split_first().ok_or(BadRanges::Number)?;
        *bytes = rest;
        number |= i64::from(byte & 0x7f) << (7 * group);
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(BadRanges::Number)
}

#[cfg(test)]
#[path = "ranges_tests.rs"]
mod tests;
