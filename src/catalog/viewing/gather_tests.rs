//! Many requests at once: each of them is kept or told why not, and the numbers are those of what was kept.

use super::tests::{ada, all_media, recorded, rows, watched};
use super::*;
use crate::analytics::event::{Event, Reported};
use crate::analytics::session::fold;
use crate::catalog::statement::sql;
use crate::catalog::testing::{Database, on_both};
use crate::catalog::{Catalog, Error};
use crate::id::RecordingId;
use std::sync::Arc;

on_both![
    many_share_commits_and_lose_nothing,
    one_that_cannot_be_kept_leaves_the_others,
    what_of_one_session_comes_at_once_counts_in_its_order,
    processes_that_write_the_same_sessions_at_once_lose_nothing,
    what_says_nothing_has_its_place,
];

fn arrived(recording: RecordingId, watcher: &Watcher, client: &str, events: &[Event]) -> Arrived {
    Arrived {
        recording,
        watcher: watcher.clone(),
        client: client.to_owned(),
        device: "computer".to_owned(),
        events: events.to_vec(),
        media: Arc::new(all_media()),
        settled: true,
    }
}

async fn of(catalog: &Catalog, client: &str) -> Viewing {
    rows(catalog).await.into_iter().find(|row| row.client == client).unwrap()
}

async fn many_share_commits_and_lose_nothing(database: Database) {
    let catalog = database.open().await;
    let gather = ViewGather::begin(catalog.clone());
    let id = recorded(&catalog, "room").await;
    let events = watched();
    let tasks = (0..60).map(|client| {
        let (gather, events) = (gather.clone(), events.clone());
        tokio::spawn(async move {
            let client = format!("s{client}");
            for part in events.chunks(2) {
                let appended = gather.append(arrived(id, &ada(), &client, part)).await.unwrap();
                assert_eq!((appended.taken, appended.known, appended.refused), (2, 0, 0));
                // It is there for everybody as soon as it is told.
                assert!(gather.knows(id, &ada(), &client));
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let found = rows(&catalog).await;
    assert_eq!(found.len(), 60);
    let wanted: ViewingNumbers = fold(&events, &all_media()).unwrap().into();
    for row in found {
        assert_eq!(row.numbers, wanted, "{}", row.client);
        assert_eq!(catalog.view_events(row.id).await.unwrap(), events);
    }
    assert!(gather.commits() < 180, "{}", gather.commits());
}

async fn one_that_cannot_be_kept_leaves_the_others(database: Database) {
    let catalog = database.open().await;
    let gather = ViewGather::begin(catalog.clone());
    let id = recorded(&catalog, "room").await;
    let events = watched();
    gather.append(arrived(id, &ada(), "broken", &events[..2])).await.unwrap();
    // What nobody can read, and has to when something comes late.
    sql("UPDATE view_events SET body = 'nothing'").execute(&catalog.writer).await.unwrap();
    let others = ViewGather::begin(catalog.clone());
    let gone = RecordingId::new();
    let (first, lost, broken, last, nothing) = tokio::join!(
        others.append(arrived(id, &ada(), "first", &events)),
        others.append(arrived(gone, &ada(), "lost", &events)),
        others.append(arrived(id, &ada(), "broken", &events[2..])),
        others.append(arrived(id, &Watcher::Untracked, "last", &events)),
        others.append(arrived(id, &ada(), "nothing", &[])),
    );
    assert_eq!((first.unwrap().taken, last.unwrap().taken, nothing.unwrap().taken), (6, 6, 0));
    assert!(matches!(lost, Err(Error::Missing { .. })));
    assert!(matches!(broken, Err(Error::Corrupt { .. })));
    assert_eq!(rows(&catalog).await.len(), 3);
    assert_eq!(of(&catalog, "first").await.numbers, of(&catalog, "last").await.numbers);
}

async fn what_of_one_session_comes_at_once_counts_in_its_order(database: Database) {
    let catalog = database.open().await;
    let id = recorded(&catalog, "room").await;
    let (events, media) = (watched(), all_media());
    let basis = Basis { media: &media, settled: true };
    let watcher = ada();
    let told = |events| together::Told {
        new: NewViews { recording: id, watcher: &watcher, client: "s", device: "computer", events, basis },
        kept: None,
    };
    let all = [told(&events[..3]), told(&events[2..4]), told(&events[..1]), told(&events[4..])];
    let answers: Vec<Appended> =
        catalog.append_many(&all).await.into_iter().map(|answer| answer.unwrap()).collect();
    let counts: Vec<(u32, u32)> = answers.iter().map(|answer| (answer.taken, answer.known)).collect();
    assert_eq!(counts, [(3, 0), (1, 1), (0, 1), (2, 0)]);
    let folded: Vec<bool> = answers.iter().map(|answer| answer.folded.is_some()).collect();
    assert_eq!(folded, [false, false, false, true]);
    assert!(answers.iter().all(|answer| answer.position_ms == Some(30_000)));
    let row = of(&catalog, "s").await;
    assert_eq!(row.numbers, fold(&events, &media).unwrap().into());
    assert_eq!(catalog.view_events(row.id).await.unwrap(), events);
}

async fn processes_that_write_the_same_sessions_at_once_lose_nothing(database: Database) {
    let (one, two) = (database.open().await, database.open().await);
    let gathers = [ViewGather::begin(one.clone()), ViewGather::begin(two)];
    let (first, second) = (recorded(&one, "one").await, recorded(&one, "two").await);
    let events = watched();
    let mut tasks = Vec::new();
    for (turn, event) in events.iter().enumerate() {
        for client in 0..8 {
            let (id, gather) = (if client % 2 == 0 { first } else { second }, gathers[turn % 2].clone());
            let event = event.clone();
            tasks.push(tokio::spawn(async move {
                gather.append(arrived(id, &ada(), &format!("s{client}"), &[event])).await.unwrap().taken
            }));
        }
    }
    for task in tasks {
        assert_eq!(task.await.unwrap(), 1);
    }
    let wanted: ViewingNumbers = fold(&events, &all_media()).unwrap().into();
    let found = rows(&one).await;
    assert_eq!(found.len(), 8);
    assert!(found.iter().all(|row| row.numbers == wanted));
}

async fn what_says_nothing_has_its_place(database: Database) {
    let catalog = database.open().await;
    let gather = ViewGather::begin(catalog.clone());
    let id = recorded(&catalog, "room").await;
    let mut events = watched();
    for at_ms in [1_764_000_000_000, 1_764_000_000_001] {
        let silent = Event::Report(Reported { at_ms, ..Reported::default() });
        let appended = gather.append(arrived(id, &ada(), "s", std::slice::from_ref(&silent))).await.unwrap();
        assert_eq!((appended.taken, appended.position_ms), (1, None));
        events.push(silent);
    }
    let told = gather.append(arrived(id, &ada(), "s", &watched())).await.unwrap();
    assert_eq!((told.taken, told.position_ms), (6, Some(30_000)));
    let row = of(&catalog, "s").await;
    assert_eq!(catalog.view_events(row.id).await.unwrap().len(), 8);
    assert_eq!(row.numbers, fold(&events, &all_media()).unwrap().into());
    let (media, length_ms) = (all_media(), 60_000);
    let totals = catalog.view_totals(id, Whole { media: &media, length_ms }).await.unwrap();
    assert_eq!((totals.sums().sessions, totals.sums().played_ms, totals.viewers), (1, 30_000, 1));
}
