//! A remote wall clock as a witness of a stream's media clock.
//!
//! Sender reports (RFC 3550 6.4.1) and abs-capture-time both say: at this instant of that wall clock the media clock
//! stood here. Two things follow from such a pair that came in at a known moment of our own:
//!
//! - the **relation** of the two remote clocks, which does not depend on how long the packet took, and
//! - the **delay** against our clock, of which only the least over a while is of use.
//!
//! A median keeps single outliers out of the relation. When several in a row agree on another one, either the wall
//! clock was set (then the delays moved the other way by as much, and the pair is corrected by it), or the media clock
//! did stand still or was anchored otherwise (then the new relation is the true one).

use super::least::Least;
use crate::time::Moment;
use std::collections::VecDeque;

/// Relations of which the median is taken.
const MEDIAN_OF: usize = 5;
/// A relation that is this far from the median is an outlier, or the first of another epoch.
const STRANGE_MICROS: i64 = 300_000;
/// So many outliers in a row that agree are believed.
const BELIEVED: usize = 3;
/// Delays are compared over this time.
const WINDOW_MICROS: i64 = 60_000_000;

/// What a pair of clocks showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Nothing of note.
    Usual,
    /// An outlier.
    Outlier,
    /// The wall clock was set by so many microseconds. It is corrected.
    Stepped(i64),
    /// The media clock lies elsewhere against the wall clock, by so many microseconds.
    Moved(i64),
}

/// One remote wall clock beside one media clock. All values are microseconds.
#[derive(Clone, Debug)]
pub struct Reference {
    needed: usize,
    relations: VecDeque<i64>,
    /// Relations, and arrivals against media time.
    strange: VecDeque<(i64, i64)>,
    delays: Least,
    /// What the wall clock was set by since the beginning.
    steps: i64,
}

impl Reference {
    /// One that has an opinion after `needed` pairs.
    #[must_use]
    pub fn new(needed: usize) -> Self {
        Self {
            needed: needed.max(1),
            relations: VecDeque::new(),
            strange: VecDeque::new(),
            delays: Least::new(WINDOW_MICROS),
            steps: 0,
        }
    }

    /// At `wall` the media clock stood at `media`, and we heard of it at `arrival`.
    pub fn push(&mut self, wall: i64, media: i64, arrival: Moment) -> Seen {
        let relation = wall.saturating_sub(self.steps).saturating_sub(media);
        // Arrival against media time. Less the relation it is the delay against the wall clock.
        let late = arrival.0.saturating_sub(media);
        let median = median(&self.relations).unwrap_or(relation);
        if near(relation, median) {
            self.strange.clear();
            self.take(relation, late, arrival);
            return Seen::Usual;
        }
        self.strange.push_back((relation, late));
        if self.strange.len() > BELIEVED {
            self.strange.pop_front();
        }
        let agree = self.strange.iter().all(|(other, _)| near(*other, relation));
        if self.strange.len() < BELIEVED || !agree {
            return Seen::Outlier;
        }
        self.believe(median, arrival)
    }

    /// The strange ones are the new truth.
    fn believe(&mut self, before: i64, arrival: Moment) -> Seen {
        let strange = std::mem::take(&mut self.strange);
        let relations: VecDeque<i64> = strange.iter().map(|(relation, _)| *relation).collect();
        let lates: VecDeque<i64> = strange.iter().map(|(_, late)| *late).collect();
        let now = median(&relations).unwrap_or(before);
        let moved = now.saturating_sub(before);
        let delay = median(&lates).unwrap_or_default().saturating_sub(now);
        let was = self.delays.get().unwrap_or(delay);
        let stepped = near(delay.saturating_sub(was), moved.saturating_neg());
        let shift = if stepped { moved } else { 0 };
        self.steps = self.steps.saturating_add(shift);
        self.relations.clear();
        for (relation, late) in strange {
            self.take(relation.saturating_sub(shift), late, arrival);
        }
        if stepped { Seen::Stepped(moved) } else { Seen::Moved(moved) }
    }

    /// One wrong pair among right ones moves neither the median nor, taken with it, the delay.
    fn take(&mut self, relation: i64, late: i64, arrival: Moment) {
        if self.relations.len() == MEDIAN_OF {
            self.relations.pop_front();
        }
        self.relations.push_back(relation);
        self.delays.push(arrival, late.saturating_sub(median(&self.relations).unwrap_or(relation)));
    }

    /// The least delay against our clock.
    #[must_use]
    pub fn delay(&self) -> Option<i64> {
        self.delays.get()
    }

    /// What must be added to media time to get our time, given the least delay that is known of this wall clock by any
    /// stream. `None` before enough pairs came.
    #[must_use]
    pub fn offset(&self, least_delay: Option<i64>) -> Option<i64> {
        if self.relations.len() < self.needed {
            return None;
        }
        let own = self.delays.get()?;
        Some(median(&self.relations)?.saturating_add(least_delay.map_or(own, |other| other.min(own))))
    }

    /// The media clock begins anew somewhere else; what is known of the wall clock stays.
    pub fn restart(&mut self) {
        self.relations.clear();
        self.strange.clear();
    }
}

fn near(one: i64, other: i64) -> bool {
    one.saturating_sub(other).saturating_abs() <= STRANGE_MICROS
}

fn median(values: &VecDeque<i64>) -> Option<i64> {
    let mut sorted: Vec<i64> = values.iter().copied().collect();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALL: i64 = 1_700_000_000_000_000;

    /// Media time zero is captured at moment zero and wall time `WALL`.
    fn seconds(
        reference: &mut Reference,
        range: std::ops::Range<i64>,
        wall_step: i64,
        media_step: i64,
    ) -> Vec<Seen> {
        range
            .map(|second| {
                let at = second * 1_000_000;
                reference.push(WALL + at + wall_step, at + media_step, Moment(at + 20_000))
            })
            .collect()
    }

    #[test]
    fn delay_does_not_enter_and_outliers_are_left_out() {
        let mut reference = Reference::new(3);
        seconds(&mut reference, 0..2, 0, 0);
        assert_eq!(reference.offset(None), None);
        seconds(&mut reference, 2..5, 0, 0);
        assert_eq!(reference.offset(None), Some(20_000));
        // Two seconds late on its way, and then one that is plainly wrong.
        assert_eq!(reference.push(WALL + 5_000_000, 5_000_000, Moment(7_000_000)), Seen::Usual);
        assert_eq!(reference.push(WALL + 90_000_000, 6_000_000, Moment(6_020_000)), Seen::Outlier);
        assert_eq!(reference.offset(None), Some(20_000));
        assert_eq!(reference.offset(Some(-WALL + 5_000)), Some(5_000), "another stream knows better");
    }

    #[test]
    fn a_wall_clock_that_is_set_changes_nothing() {
        for step in [86_400_000_000, -86_400_000_000, 2_000_000, -2_000_000] {
            let mut reference = Reference::new(3);
            seconds(&mut reference, 0..10, 0, 0);
            let seen = seconds(&mut reference, 10..20, step, 0);
            assert_eq!(seen[..4], [Seen::Outlier, Seen::Outlier, Seen::Stepped(step), Seen::Usual]);
            assert_eq!(reference.offset(None), Some(20_000), "{step}");
        }
    }

    #[test]
    fn a_media_clock_that_stood_still_is_believed() {
        let mut reference = Reference::new(3);
        seconds(&mut reference, 0..10, 0, 0);
        let seen = seconds(&mut reference, 28..33, 0, -18_000_000);
        assert_eq!(seen[..3], [Seen::Outlier, Seen::Outlier, Seen::Moved(18_000_000)]);
        assert_eq!(reference.offset(None), Some(18_020_000));
    }
}
