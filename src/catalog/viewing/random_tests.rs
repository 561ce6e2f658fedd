//! Whatever comes, in whatever order, with whatever is kept of what came before: the numbers are those of the events that
//! are there, and folding anew changes nothing.

use super::*;
use crate::analytics::event::{Beacon, Event, Kind};
use crate::analytics::ranges::Ranges;
use crate::analytics::session::fold;
use crate::catalog::testing::{Database, on_both};
use crate::catalog::tests::new;

on_both![the_numbers_are_those_of_the_events_that_are_there];

const KINDS: [Kind; 8] = [
    Kind::Play,
    Kind::Playing,
    Kind::Pause,
    Kind::Seeking,
    Kind::Waiting,
    Kind::Progress,
    Kind::Error,
    Kind::Ended,
];

/// Xorshift: the same numbers every time.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }

    pub(super) fn event(&mut self) -> Event {
        let told = self.below(10) > 0;
        let seq = self.below(40);
        let t_ms = self.below(90_000) as i64;
        Event::Beacon(Beacon {
            at_ms: 1_764_000_000_000 + self.below(90_000) as i64,
            seq: told.then_some(seq),
            event: KINDS[self.below(8) as usize],
            t_ms: told.then_some(t_ms),
            position_ms: Some(self.below(80_000) as i64),
            ..Beacon::default()
        })
    }
}

async fn the_numbers_are_those_of_the_events_that_are_there(database: Database) {
    let catalog = database.open().await;
    let media = Ranges::one(0, 40_000).union(&Ranges::one(50_000, 70_000));
    let basis = Basis { media: &media, settled: true };
    let watcher = Watcher::User("ada".to_owned());
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for round in 0..10 {
        let made = new(&format!("room {round}"), 100);
        catalog.create_recording(&made).await.unwrap();
        let mut kept: Option<Folded> = None;
        for _ in 0..10 {
            let count = 1 + random.below(5);
            let events: Vec<Event> = (0..count).map(|_| random.event()).collect();
            let told = NewViews {
                recording: made.id,
                watcher: &watcher,
                client: "s",
                device: "other",
                events: &events,
                basis,
            };
            // Nothing is kept, or what was some time ago.
            let given = if random.below(3) == 0 { None } else { kept.clone() };
            let appended = catalog.append_views(&told, given).await.unwrap();
            if random.below(4) > 0 && appended.folded.is_some() {
                kept = appended.folded;
            }
        }
        let filter = ViewingFilter { recording: Some(made.id), ..ViewingFilter::default() };
        let row = catalog.viewings(&filter, 2).await.unwrap().remove(0);
        let events = catalog.view_events(row.id).await.unwrap();
        assert_eq!(row.numbers, ViewingNumbers::from(fold(&events, &media).unwrap()), "{events:#?}");
        assert!(!catalog.refold_viewing(row.id, basis).await.unwrap());
    }
}
