//! Whatever becomes of sessions, what is kept of them together is what their rows come to.

use super::random_tests::Random;
use super::stale::DAY;
use super::*;
use crate::analytics::event::{Beacon, Event};
use crate::analytics::ranges::Ranges;
use crate::catalog::statement::sql;
use crate::catalog::testing::{Database, on_both};
use crate::catalog::tests::{done, new};
use crate::catalog::{Catalog, Error};
use crate::id::RecordingId;
use crate::time::WallTime;
use std::collections::{BTreeMap, BTreeSet};

on_both![
    what_is_kept_is_what_the_rows_come_to,
    what_was_changed_by_hand_is_found_and_made_again,
    what_there_was_before_is_counted,
];

async fn of(catalog: &Catalog, id: RecordingId) -> Vec<Viewing> {
    let filter = ViewingFilter { recording: Some(id), ..ViewingFilter::default() };
    catalog.viewings(&filter, 10_000).await.unwrap()
}

/// At a moment of four days, also for what has a number, so that sessions last over midnight.
fn event(random: &mut Random) -> Event {
    let Event::Beacon(beacon) = random.event() else { unreachable!() };
    let at_ms = beacon.at_ms + random.below(4 * 86_400_000) as i64;
    Event::Beacon(Beacon { at_ms, ..beacon })
}

async fn append(catalog: &Catalog, random: &mut Random, id: RecordingId, media: &Ranges) {
    let watchers = [
        Watcher::User("ada".to_owned()),
        Watcher::User("bob".to_owned()),
        Watcher::Guest("0f".to_owned()),
        Watcher::Untracked,
    ];
    let client = format!("s{}", random.below(4));
    let count = 1 + random.below(4);
    let events: Vec<Event> = (0..count).map(|_| event(random)).collect();
    let new = NewViews {
        recording: id,
        watcher: &watchers[random.below(4) as usize],
        client: &client,
        device: "other",
        events: &events,
        basis: Basis { media, settled: true },
    };
    catalog.append_views(&new, None).await.unwrap();
}

/// The answer of what is kept is that of the rows.
async fn agree(catalog: &Catalog, ids: &[RecordingId], whole: Whole<'_>) {
    let mut rows = Vec::new();
    for id in ids {
        let own = of(catalog, *id).await;
        assert_eq!(catalog.view_totals(*id, whole).await.unwrap(), ViewTotals::of(&own, whole));
        rows.extend(own);
    }
    let mut days: BTreeMap<i64, (u64, i64, u64, BTreeSet<String>)> = BTreeMap::new();
    for row in &rows {
        let day = days.entry(row.numbers.first_at.0 / DAY).or_default();
        day.0 += 1;
        day.1 += row.numbers.played_ms;
        day.2 += u64::from(row.numbers.stalls);
        let alone = if row.watcher == Watcher::Untracked { row.id.to_string() } else { String::new() };
        day.3.insert(row.watcher.text() + &alone);
    }
    let wanted: Vec<_> = days
        .into_iter()
        .map(|(day, (sessions, played, stalls, viewers))| {
            (day, sessions, played, stalls, viewers.len() as u64)
        })
        .collect();
    let filter = ViewFilter::default();
    let page = catalog.view_groups(&filter, ViewGrouping::Day, ViewOrder::Value, None, 400).await.unwrap();
    let told: Vec<_> = page
        .groups
        .iter()
        .map(|group| {
            let day = group.value.as_ref().unwrap().parse::<i64>().unwrap();
            (day, group.sums.sessions, group.sums.played_ms, group.sums.stalls, group.viewers)
        })
        .collect();
    assert_eq!(told, wanted);
}

async fn rebuilt(catalog: &Catalog, ids: &[RecordingId], whole: Whole<'_>) -> u64 {
    let mut changed = 0;
    for day in catalog.view_days(0, 1000).await.unwrap() {
        changed += catalog.rebuild_view_day(day).await.unwrap();
    }
    for id in ids {
        changed += catalog.rebuild_views(*id, Some(whole)).await.unwrap();
    }
    changed
}

async fn what_is_kept_is_what_the_rows_come_to(database: Database) {
    let catalog = database.open().await;
    let medias = [Ranges::one(0, 80_000), Ranges::one(0, 30_000).union(&Ranges::one(50_000, 70_000))];
    let mut random = Random(0x1234_5678_9abc_def1);
    let mut ids = Vec::new();
    for room in 0..3 {
        let made = new(&format!("room {room}"), 100);
        catalog.create_recording(&made).await.unwrap();
        ids.push(made.id);
    }
    let mut media = &medias[0];
    for step in 0..150 {
        let id = ids[random.below(ids.len() as u64) as usize];
        match random.below(20) {
            0..14 => append(&catalog, &mut random, id, media).await,
            14..17 => {
                // What of it is media has changed.
                let of_session = &medias[random.below(2) as usize];
                if let Some(row) = of(&catalog, id).await.first() {
                    let basis = Basis { media: of_session, settled: true };
                    catalog.refold_viewing(row.id, basis).await.unwrap();
                }
            }
            17 => media = &medias[random.below(2) as usize],
            18 => {
                let user = ["ada", "bob"][random.below(2) as usize];
                catalog.erase_watcher(user).await.unwrap();
            }
            _ => {
                if let Some(row) = of(&catalog, id).await.last() {
                    sql("DELETE FROM view_sessions WHERE id = $1")
                        .bind(row.id)
                        .execute(&catalog.writer)
                        .await
                        .unwrap();
                }
            }
        }
        if step % 10 == 9 {
            agree(&catalog, &ids, Whole { media, length_ms: 80_000 }).await;
        }
    }
    let whole = Whole { media, length_ms: 80_000 };
    assert_eq!(rebuilt(&catalog, &ids, whole).await, 0);
    agree(&catalog, &ids, whole).await;
    // Another length is another curve.
    agree(&catalog, &ids, Whole { media, length_ms: 90_000 }).await;
    let gone = ids.pop().unwrap();
    catalog.finish_recording(gone, &done(110)).await.unwrap();
    catalog.condemn_recording(gone, WallTime(1)).await.unwrap();
    catalog.purge_recording(gone).await.unwrap();
    agree(&catalog, &ids, whole).await;
    let nothing = catalog.view_totals(gone, whole).await.unwrap();
    assert_eq!(nothing, ViewTotals::of(&[], whole));
    assert!(catalog.view_rates(gone).await.unwrap().is_none());
}

async fn what_was_changed_by_hand_is_found_and_made_again(database: Database) {
    let catalog = database.open().await;
    let media = Ranges::one(0, 80_000);
    let whole = Whole { media: &media, length_ms: 80_000 };
    let made = new("room", 100);
    catalog.create_recording(&made).await.unwrap();
    let mut random = Random(7);
    for _ in 0..20 {
        append(&catalog, &mut random, made.id, &media).await;
    }
    let ids = [made.id];
    assert_eq!(rebuilt(&catalog, &ids, whole).await, 0);
    for (damage, changed) in [
        (sql("UPDATE view_days SET stalls = stalls + 1"), None),
        (sql("UPDATE view_totals SET sessions = sessions + 1"), None),
        (sql("DELETE FROM view_day_viewers WHERE viewer = 'u:ada'"), None),
        (sql("UPDATE view_day_counts SET viewers = viewers + 1"), None),
        (sql("UPDATE view_recordings SET viewers = viewers + 1"), Some(1)),
        (sql("UPDATE view_viewers SET permille = permille + 1 WHERE viewer = 'u:ada'"), Some(1)),
        (sql("UPDATE view_peaks SET sessions = sessions + 1"), None),
    ] {
        damage.execute(&catalog.writer).await.unwrap();
        let found = rebuilt(&catalog, &ids, whole).await;
        assert!(changed.map_or(found > 0, |changed| found == changed), "{found}");
        assert_eq!(rebuilt(&catalog, &ids, whole).await, 0);
        agree(&catalog, &ids, whole).await;
    }
}

async fn what_there_was_before_is_counted(database: Database) {
    let catalog = database.open().await;
    let media = Ranges::one(0, 80_000);
    let whole = Whole { media: &media, length_ms: 80_000 };
    let made = new("room", 100);
    catalog.create_recording(&made).await.unwrap();
    let mut random = Random(11);
    for _ in 0..20 {
        append(&catalog, &mut random, made.id, &media).await;
    }
    let ids = [made.id];
    agree(&catalog, &ids, whole).await;
    // As after an upgrade: nothing is kept, and everything is to be made.
    for table in [
        sql("DELETE FROM view_days"),
        sql("DELETE FROM view_totals"),
        sql("DELETE FROM view_day_viewers"),
        sql("DELETE FROM view_viewers"),
        sql("DELETE FROM view_recordings"),
        sql("DELETE FROM view_peaks"),
    ] {
        table.execute(&catalog.writer).await.unwrap();
    }
    assert!(rebuilt(&catalog, &ids, whole).await > 0);
    agree(&catalog, &ids, whole).await;
    catalog.finish_recording(made.id, &done(110)).await.unwrap();
    assert!(catalog.stale_views(10).await.unwrap().is_empty());
    append(&catalog, &mut random, made.id, &media).await;
    assert_eq!(catalog.stale_views(10).await.unwrap(), ids);
    let lost = NewViews {
        recording: RecordingId::new(),
        watcher: &Watcher::Untracked,
        client: "s",
        device: "other",
        events: &[event(&mut random)],
        basis: Basis { media: &media, settled: true },
    };
    assert!(matches!(catalog.append_views(&lost, None).await, Err(Error::Missing { .. })));
    agree(&catalog, &ids, whole).await;
}
