//! Sessions as players would have them, and what is made of them.

mod beacon;
mod properties;
mod reports;
mod requests;

use super::*;
use crate::analytics::event::{Kind, Reported, Segment};

/// When the first event of a test arrives.
const AT: i64 = 1_764_000_000_000;

/// All of a long recording is media.
fn media() -> Ranges {
    Ranges::one(0, 10_000_000)
}

fn set(list: &[(i64, i64)]) -> Ranges {
    list.iter().fold(Ranges::default(), |mut ranges, (start, end)| {
        ranges.insert(*start, *end);
        ranges
    })
}

/// The differences of two sets together, in milliseconds.
fn apart(one: &Ranges, two: &Ranges) -> i64 {
    one.subtract(two).total() + two.subtract(one).total()
}

/// The fold, which is the same when events are pushed in this order, backwards, or twice.
fn summary(events: &[Event]) -> Summary {
    let folded = fold(events, &media()).unwrap();
    let mut session = Session::default();
    for (index, event) in events.iter().enumerate() {
        if session.push(event) == Pushed::OutOfOrder {
            session = Session::of(&events[..=index]);
        }
    }
    assert_eq!(session.summary(&media()).as_ref(), Some(&folded));
    let kept = serde_json::to_string(&session).unwrap();
    assert_eq!(serde_json::from_str::<Session>(&kept).unwrap(), session);
    let twice = events.iter().rev().chain(events);
    assert_eq!(fold(twice, &media()).as_ref(), Some(&folded));
    folded
}

/// A beacon that arrives 40 ms after it was sent.
fn beacon(seq: u64, t_ms: i64, event: Kind, position_ms: i64) -> Beacon {
    let (seq, t_ms, position_ms) = (Some(seq), Some(t_ms), Some(position_ms));
    Beacon { at_ms: AT + t_ms.unwrap_or_default() + 40, seq, event, t_ms, position_ms, ..Beacon::default() }
}

/// `(t, event, position)`, numbered.
fn beacons(list: &[(i64, Kind, i64)]) -> Vec<Event> {
    let of = |(seq, (t, event, position)): (usize, &(i64, Kind, i64))| {
        Event::Beacon(beacon(seq as u64, *t, *event, *position))
    };
    list.iter().enumerate().map(of).collect()
}
