//! What many viewers make together: how many saw each part of a recording, where they left it, how much of it they saw,
//! and how many watched at once.

use super::ranges::Ranges;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Parts of a curve that shows a whole recording.
pub const PARTS: usize = 200;
/// Parts of the longest curve: the seconds of eight days.
const MOST_PARTS: usize = 691_200;
/// Who saw so much of the media has completed it, in thousandths: credits and goodbyes are left out.
pub const COMPLETED_PERMILLE: i64 = 900;

/// How many viewers saw each of the equal parts of a recording. A viewer saw a part when the middle of it is in what they
/// saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Curve {
    /// Length of the recording in milliseconds.
    pub length_ms: i64,
    /// How many viewers there are.
    pub viewers: u32,
    /// How many saw each part, in order.
    pub seen: Vec<u32>,
}

/// Where viewers left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fall {
    /// The beginning of the part that they did not see, in milliseconds.
    pub at_ms: i64,
    /// How many fewer saw it than the part before.
    pub lost: u32,
}

impl Curve {
    /// Over `parts` equal parts of a recording of `length_ms`, of what each viewer saw.
    #[must_use]
    pub fn of<'a>(viewers: impl IntoIterator<Item = &'a Ranges>, length_ms: i64, parts: usize) -> Self {
        let length_ms = length_ms.max(1);
        let parts = parts.clamp(1, MOST_PARTS);
        let mut count = 0_u32;
        let mut changes = vec![0_i64; parts];
        for seen in viewers {
            count = count.saturating_add(1);
            add(&mut changes, seen.steps(length_ms, parts as i64));
        }
        Self { length_ms, viewers: count, seen: sum(&changes) }
    }

    /// Over the seconds of a recording, from what [`Ranges::edges`] of 1000 ms told of each viewer: the changes may come
    /// in any order, and already summed up.
    #[must_use]
    pub fn of_edges(edges: impl IntoIterator<Item = (i64, i32)>, length_ms: i64, viewers: u32) -> Self {
        let length_ms = length_ms.max(1);
        let seconds = usize::try_from(length_ms.saturating_add(999) / 1000).unwrap_or(MOST_PARTS);
        let mut changes = vec![0_i64; seconds.min(MOST_PARTS)];
        add(&mut changes, edges);
        Self { length_ms, viewers, seen: sum(&changes) }
    }

    /// The share of the viewers who saw each part, in thousandths.
    pub fn permille(&self) -> impl Iterator<Item = u32> + '_ {
        let share = |seen: &u32| u64::from(*seen) * 1000 / u64::from(self.viewers.max(1));
        self.seen.iter().map(move |seen| u32::try_from(share(seen)).unwrap_or(u32::MAX))
    }

    /// The largest falls from a part to the next, largest first, of equal ones the earliest; at most `most`.
    #[must_use]
    pub fn falls(&self, most: usize) -> Vec<Fall> {
        let neighbours = self.seen.iter().zip(self.seen.iter().skip(1)).enumerate();
        let falls = neighbours.filter(|(_, (before, after))| after < before);
        let mut falls: Vec<Fall> = falls
            .map(|(part, (before, after))| Fall { at_ms: self.start(part + 1), lost: before - after })
            .collect();
        falls.sort_by_key(|fall| (std::cmp::Reverse(fall.lost), fall.at_ms));
        falls.truncate(most);
        falls
    }

    /// Where a part begins, in milliseconds.
    #[must_use]
    pub fn start(&self, part: usize) -> i64 {
        let parts = i128::try_from(self.seen.len().max(1)).unwrap_or(1);
        let start = i128::from(self.length_ms) * i128::try_from(part).unwrap_or(0) / parts;
        i64::try_from(start).unwrap_or(i64::MAX)
    }
}

fn add(changes: &mut [i64], edges: impl IntoIterator<Item = (i64, i32)>) {
    for (part, change) in edges {
        if let Some(sum) = usize::try_from(part).ok().and_then(|part| changes.get_mut(part)) {
            *sum = sum.saturating_add(i64::from(change));
        }
    }
}

fn sum(changes: &[i64]) -> Vec<u32> {
    let depths = changes.iter().scan(0_i64, |depth, change| {
        *depth = depth.saturating_add(*change);
        Some(*depth)
    });
    depths.map(|depth| u32::try_from(depth.max(0)).unwrap_or(u32::MAX)).collect()
}

/// How much of the media a viewer saw, in thousandths, rounded down. Of a recording without media nothing can be seen.
#[must_use]
pub fn completion_permille(seen: &Ranges, media: &Ranges) -> i64 {
    let total = media.total();
    if total > 0 { seen.intersect(media).total().saturating_mul(1000) / total } else { 0 }
}

/// Whether a viewer who saw so much of the media has completed it.
#[must_use]
pub fn completed(permille: i64) -> bool {
    permille >= COMPLETED_PERMILLE
}

/// Of so many viewers, the sum of their [`completion_permille`] and how many completed it: the mean, and the share of those,
/// both in thousandths. Both are 0 of no viewers.
#[must_use]
pub fn rates(viewers: i64, permille: i64, completed: i64) -> (i64, i64) {
    if viewers > 0 { (permille / viewers, completed.saturating_mul(1000) / viewers) } else { (0, 0) }
}

/// The same of each viewer's [`completion_permille`]. `None`: there is no viewer.
#[must_use]
pub fn completion(viewers: impl IntoIterator<Item = i64>) -> Option<(i64, i64)> {
    let (mut count, mut total, mut many) = (0_i64, 0_i64, 0_i64);
    for permille in viewers {
        count = count.saturating_add(1);
        total = total.saturating_add(permille);
        many += i64::from(completed(permille));
    }
    (count > 0).then(|| rates(count, total, many))
}

/// The most sessions at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peak {
    /// How many.
    pub sessions: u32,
    /// The first moment at which there were so many, as the sessions count.
    pub at_ms: i64,
}

/// The most of the sessions that ran at once, each from its start up to its end; one that has no length counts for a
/// millisecond.
#[must_use]
pub fn peak(sessions: impl IntoIterator<Item = (i64, i64)>) -> Peak {
    peak_within(sessions, i64::MIN..i64::MAX)
}

/// The same of the moments of a span at which a session began. There are the most at one of these.
#[must_use]
pub fn peak_within(sessions: impl IntoIterator<Item = (i64, i64)>, span: Range<i64>) -> Peak {
    let changes = |(start, end): (i64, i64)| [(start, 1_i64), (end.max(start.saturating_add(1)), -1)];
    let mut changes: Vec<(i64, i64)> = sessions.into_iter().flat_map(changes).collect();
    // An end before a start of the same moment: they do not run at once.
    changes.sort_unstable();
    let (mut running, mut peak) = (0_i64, Peak::default());
    for (at_ms, change) in changes {
        running += change;
        if change > 0 && running > i64::from(peak.sessions) && span.contains(&at_ms) {
            peak = Peak { sessions: u32::try_from(running).unwrap_or(u32::MAX), at_ms };
        }
    }
    peak
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_curve_falls_where_viewers_leave() {
        let viewers =
            [Ranges::one(0, 100_000), Ranges::one(0, 50_000), Ranges::one(0, 50_000), Ranges::one(0, 10_000)];
        let curve = Curve::of(&viewers, 100_000, PARTS);
        assert_eq!((curve.seen.len(), curve.viewers), (200, 4));
        assert_eq!(
            (curve.seen[19], curve.seen[20], curve.seen[99], curve.seen[100], curve.seen[199]),
            (4, 3, 3, 1, 1)
        );
        let falls = curve.falls(5);
        assert_eq!(falls, [Fall { at_ms: 50_000, lost: 2 }, Fall { at_ms: 10_000, lost: 1 }]);
        assert_eq!(curve.falls(1).len(), 1);
        assert_eq!(curve.permille().next(), Some(1000));
        assert_eq!(curve.permille().last(), Some(250));
    }

    #[test]
    fn nobody_makes_a_flat_curve() {
        let curve = Curve::of([], 100_000, PARTS);
        assert!(curve.permille().all(|share| share == 0) && curve.falls(3).is_empty());
        assert_eq!(completion([]), None);
        assert_eq!(peak([]), Peak::default());
        assert_eq!(Curve::of([&Ranges::one(0, 5)], 0, 0).seen.len(), 1);
        assert_eq!(Curve::of_edges([], i64::MAX, 0).seen.len(), MOST_PARTS);
    }

    #[test]
    fn completion_is_of_the_media() {
        let media: Ranges = Ranges::one(0, 40_000).union(&Ranges::one(60_000, 120_000));
        assert_eq!(completion_permille(&Ranges::one(0, 60_000), &media), 400);
        assert_eq!(completion_permille(&Ranges::one(0, 999_999), &media), 1000);
        assert_eq!(completion_permille(&Ranges::one(0, 9), &Ranges::default()), 0);
        assert_eq!(completion([400, 1000, 900]), Some((766, 666)));
    }

    #[test]
    fn sessions_that_follow_each_other_do_not_run_at_once() {
        assert_eq!(peak([(0, 10), (10, 20), (20, 30)]), Peak { sessions: 1, at_ms: 0 });
        assert_eq!(peak([(0, 10), (5, 20), (7, 7), (9, 30)]), Peak { sessions: 3, at_ms: 7 });
    }

    #[test]
    fn the_peak_of_a_day_counts_who_came_before_it() {
        let sessions = [(0, 150), (10, 130), (120, 140), (160, 170)];
        assert_eq!(peak_within(sessions, 100..200), Peak { sessions: 3, at_ms: 120 });
        assert_eq!(peak_within(sessions, 150..200), Peak { sessions: 1, at_ms: 160 });
        assert_eq!(peak_within(sessions, 200..300), Peak::default());
    }

    proptest! {
        #[test]
        fn the_peak_is_the_most_of_its_days(
            sessions in prop::collection::vec((0_i64..5000, 0_i64..3000), 0..30)
        ) {
            let spans = || sessions.iter().map(|(start, length)| (*start, start + length));
            let days = (0..8).map(|day| peak_within(spans(), day * 1000..(day + 1) * 1000));
            let most = days.filter(|peak| peak.sessions > 0).min_by_key(|peak| (std::cmp::Reverse(peak.sessions), peak.at_ms));
            prop_assert_eq!(most.unwrap_or_default(), peak(spans()));
        }

        #[test]
        fn the_seconds_are_the_same_from_ranges_and_from_edges(
            viewers in prop::collection::vec(prop::collection::vec((0_i64..60_000, 0_i64..60_000), 0..4), 0..5)
        ) {
            let of = |list: &Vec<(i64, i64)>| list.iter().fold(Ranges::default(), |mut ranges, (start, end)| {
                ranges.insert(*start, *end);
                ranges
            });
            let viewers: Vec<Ranges> = viewers.iter().map(of).collect();
            let edges: Vec<(i64, i32)> = viewers.iter().flat_map(|seen| seen.edges(1000)).collect();
            let from_edges = Curve::of_edges(edges.into_iter().rev(), 60_000, viewers.len() as u32);
            prop_assert_eq!(from_edges, Curve::of(&viewers, 60_000, 60));
        }

        #[test]
        fn a_curve_is_what_each_viewer_saw(seen in prop::collection::vec((0_i64..5000, 0_i64..5000), 0..6), parts in 1_usize..60) {
            let ranges = seen.iter().fold(Ranges::default(), |mut ranges, (start, end)| {
                ranges.insert(*start, *end);
                ranges
            });
            let curve = Curve::of([&ranges], 5000, parts);
            for (part, count) in curve.seen.iter().enumerate() {
                let middle = (2 * part as i64 + 1) * 5000;
                let twice = 2 * parts as i64;
                let is_in = ranges.iter().any(|i| i.start * twice <= middle && middle < i.end * twice);
                prop_assert_eq!(*count, u32::from(is_in));
            }
        }
    }
}
