//! Sums across recordings: from what is kept by day and from sessions alike.

use super::stale::DAY;
use super::tests::watched;
use super::*;
use crate::analytics::event::Event;
use crate::analytics::ranges::Ranges;
use crate::catalog::testing::{Database, on_both};
use crate::catalog::tests::new;
use crate::catalog::{Catalog, NewRecording};
use crate::id::RecordingId;
use crate::time::WallTime;

on_both![groups_are_of_what_matches, pages_follow_each_other, nothing_of_nothing];

/// The day of [`watched`].
const FIRST: i64 = 1_764_000_000_000_000 / DAY;

async fn watch(catalog: &Catalog, id: RecordingId, who: &str, day: i64, times: usize) {
    let watcher = match who {
        "nobody" => Watcher::Untracked,
        "guest" => Watcher::Guest("0f".to_owned()),
        who => Watcher::User(who.to_owned()),
    };
    let media = Ranges::one(0, i64::MAX);
    let mut events = watched();
    for event in &mut events {
        if let Event::Beacon(beacon) = event {
            beacon.at_ms += day * DAY / 1000;
        }
    }
    for time in 0..times {
        let client = format!("{day}-{time}");
        let new = NewViews {
            recording: id,
            watcher: &watcher,
            client: &client,
            device: "other",
            events: &events,
            basis: Basis { media: &media, settled: true },
        };
        catalog.append_views(&new, None).await.unwrap();
    }
}

async fn recordings(catalog: &Catalog) -> [RecordingId; 3] {
    let mut ids = [RecordingId::new(); 3];
    for (id, (room, owner)) in
        ids.iter_mut().zip([("algebra", "tess"), ("algebra", "tom"), ("biology", "tess")])
    {
        let made = NewRecording { started_by: owner.to_owned(), parallel: true, ..new(room, 100) };
        catalog.create_recording(&made).await.unwrap();
        *id = made.id;
    }
    let [one, two, three] = ids;
    watch(catalog, one, "ada", 0, 2).await;
    watch(catalog, one, "nobody", 0, 2).await;
    watch(catalog, one, "ada", 1, 1).await;
    watch(catalog, two, "ada", 1, 1).await;
    watch(catalog, two, "guest", 1, 1).await;
    watch(catalog, three, "bob", 2, 1).await;
    ids
}

/// Values with sessions and viewers: of sums by day, and of sessions, which must say the same.
async fn groups(catalog: &Catalog, filter: ViewFilter, by: ViewGrouping) -> Vec<(String, u64, u64)> {
    let order = if by == ViewGrouping::Day { ViewOrder::Value } else { ViewOrder::Sessions };
    let mut answers = Vec::new();
    // A moment that is no day's beginning, and before which nothing was.
    let from = filter.from.unwrap_or(WallTime(0)).plus(1);
    for filter in [filter.clone(), ViewFilter { from: Some(from), ..filter }] {
        let page = catalog.view_groups(&filter, by, order, None, 100).await.unwrap();
        assert!(page.next.is_none());
        for group in &page.groups {
            let sessions = group.sums.sessions as i64;
            assert_eq!((group.sums.played_ms, group.sums.stalled_ms), (30_000 * sessions, 2000 * sessions));
        }
        let told =
            |group: &ViewGroup| (group.value.clone().unwrap_or_default(), group.sums.sessions, group.viewers);
        answers.push(page.groups.iter().map(told).collect::<Vec<_>>());
    }
    assert_eq!(answers[0], answers[1], "{by:?}");
    answers.swap_remove(0)
}

async fn groups_are_of_what_matches(database: Database) {
    let catalog = database.open().await;
    let [one, two, three] = recordings(&catalog).await;
    let all = ViewFilter::default;
    let text = |id: RecordingId| id.to_string();
    let day = |day: i64| (FIRST + day).to_string();
    assert_eq!(groups(&catalog, all(), ViewGrouping::None).await, [(String::new(), 8, 5)]);
    let days = groups(&catalog, all(), ViewGrouping::Day).await;
    assert_eq!(days, [(day(0), 4, 3), (day(1), 3, 2), (day(2), 1, 1)]);
    let found = groups(&catalog, all(), ViewGrouping::Recording).await;
    assert_eq!(found, [(text(one), 5, 3), (text(two), 2, 2), (text(three), 1, 1)]);
    let rooms = groups(&catalog, all(), ViewGrouping::Room).await;
    assert_eq!(rooms, [("algebra".to_owned(), 7, 4), ("biology".to_owned(), 1, 1)]);
    let viewers = groups(&catalog, all(), ViewGrouping::Viewer).await;
    let viewers: Vec<(&str, u64, u64)> =
        viewers.iter().map(|(value, sessions, viewers)| (value.as_str(), *sessions, *viewers)).collect();
    assert_eq!(viewers[..2], [("u:ada", 4, 1), ("n", 2, 2)]);
    assert_eq!(viewers.len(), 4);

    let of_tess = ViewFilter { owner: Some("tess".to_owned()), ..all() };
    assert_eq!(groups(&catalog, of_tess.clone(), ViewGrouping::None).await, [(String::new(), 6, 4)]);
    let days = groups(&catalog, of_tess.clone(), ViewGrouping::Day).await;
    assert_eq!(days, [(day(0), 4, 3), (day(1), 1, 1), (day(2), 1, 1)]);
    let of_biology = ViewFilter { room: Some("biology".to_owned()), ..of_tess };
    assert_eq!(groups(&catalog, of_biology, ViewGrouping::Recording).await, [(text(three), 1, 1)]);
    let of_ada = ViewFilter { viewer: Some("ada".to_owned()), ..all() };
    let found = groups(&catalog, of_ada, ViewGrouping::Recording).await;
    assert_eq!(found, [(text(one), 3, 1), (text(two), 1, 1)]);
    let at = |day: i64| Some(WallTime((FIRST + day) * DAY));
    let span = ViewFilter { from: at(1), to: at(2), ..all() };
    assert_eq!(groups(&catalog, span.clone(), ViewGrouping::None).await, [(String::new(), 3, 2)]);
    let found = groups(&catalog, span, ViewGrouping::Recording).await;
    assert_eq!(found, [(text(two), 2, 2), (text(one), 1, 1)]);
    let of_two = ViewFilter { recording: Some(two), ..all() };
    assert_eq!(groups(&catalog, of_two, ViewGrouping::Day).await, [(day(1), 2, 2)]);
}

async fn pages_follow_each_other(database: Database) {
    let catalog = database.open().await;
    recordings(&catalog).await;
    for by in [ViewGrouping::Day, ViewGrouping::Recording, ViewGrouping::Room, ViewGrouping::Viewer] {
        for order in [
            ViewOrder::Value,
            ViewOrder::Sessions,
            ViewOrder::Playtime,
            ViewOrder::Stalled,
            ViewOrder::Errors,
        ] {
            let filter = ViewFilter::default();
            let whole = catalog.view_groups(&filter, by, order, None, 100).await.unwrap().groups;
            let (mut parts, mut cursor) = (Vec::new(), None);
            loop {
                let page = catalog.view_groups(&filter, by, order, cursor.as_ref(), 1).await.unwrap();
                parts.extend(page.groups);
                let Some(next) = page.next else { break };
                // As a client gives it back.
                cursor = Some(next.to_string().parse::<ViewCursor>().unwrap());
            }
            assert_eq!(parts, whole, "{by:?} {order:?}");
        }
    }
    assert!("7".parse::<ViewCursor>().is_err() && "x.7".parse::<ViewCursor>().is_err());
}

async fn nothing_of_nothing(database: Database) {
    let catalog = database.open().await;
    let none = groups(&catalog, ViewFilter::default(), ViewGrouping::None).await;
    assert_eq!(none, [(String::new(), 0, 0)]);
    for by in [ViewGrouping::Day, ViewGrouping::Recording, ViewGrouping::Room, ViewGrouping::Viewer] {
        assert!(groups(&catalog, ViewFilter::default(), by).await.is_empty());
    }
}
