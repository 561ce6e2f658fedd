//! Shares, pages of sessions, history, and who watches now.

use super::tests::{AT, ada, all_media, beacon, recorded, rows, watched};
use super::*;
use crate::analytics::event::{Beacon, Event, Kind};
use crate::analytics::ranges::Ranges;
use crate::analytics::session::{Rendition, Source};
use crate::catalog::statement::sql;
use crate::catalog::testing::{Database, on_both};
use crate::catalog::tests::{done, new};
use crate::catalog::{Catalog, NewRecording, Viewer};
use crate::id::RecordingId;
use crate::time::WallTime;
use sqlx::Row as _;
use std::collections::BTreeMap;

on_both![
    shares_are_those_of_the_sessions,
    who_is_erased_leaves_no_player_behind,
    renditions_that_were_not_kept_are_known_after_folding_anew,
    shares_that_are_wrong_are_made_again,
    pages_have_each_session_once,
    selections_are_of_room_owner_source_and_who_may_see,
    a_history_has_each_recording_once,
    who_watches_now_is_counted_by_the_last_event,
];

fn user(name: &str) -> Watcher {
    Watcher::User(name.to_owned())
}

/// Appends to a session of this client, on this device.
async fn tell(
    catalog: &Catalog,
    recording: RecordingId,
    watcher: &Watcher,
    client: &str,
    device: &str,
    events: &[Event],
) {
    let media = all_media();
    let basis = Basis { media: &media, settled: true };
    let new = NewViews { recording, watcher, client, device, events, basis };
    catalog.append_views(&new, None).await.unwrap();
}

/// So many milliseconds later.
fn later(mut events: Vec<Event>, by: i64) -> Vec<Event> {
    for event in &mut events {
        let Event::Beacon(beacon) = event else { continue };
        beacon.at_ms += by;
    }
    events
}

/// Half a minute with a player: from the third event on in the second of these heights.
fn shown(heights: [i64; 2], player: &str) -> Vec<Event> {
    let mut events = watched();
    for (number, event) in events.iter_mut().enumerate() {
        let Event::Beacon(beacon) = event else { continue };
        beacon.height = Some(heights[usize::from(number >= 2)]);
        beacon.player = Some(player.to_owned());
    }
    events
}

/// Those that are kept, which are those of the rows.
async fn shares(catalog: &Catalog, recording: RecordingId) -> ViewingShares {
    let filter = ViewingFilter { recording: Some(recording), ..ViewingFilter::default() };
    let rows = catalog.viewings(&filter, 100).await.unwrap();
    let kept = catalog.viewing_shares(recording).await.unwrap();
    assert_eq!(kept, ViewingShares::of(&rows));
    let all = sql("SELECT sessions, ms FROM view_shares WHERE recording_id = $1 AND kind = 'all'")
        .bind(recording.to_string())
        .fetch_optional(&catalog.reader)
        .await
        .unwrap();
    if let Some(all) = all {
        assert_eq!(all.try_get::<i64, _>("sessions").unwrap(), rows.len() as i64);
        assert_eq!(all.try_get::<i64, _>("ms").unwrap(), kept.played_ms);
    }
    kept
}

async fn shares_are_those_of_the_sessions(database: Database) {
    let catalog = database.open().await;
    let (id, other) = (recorded(&catalog, "room").await, recorded(&catalog, "other").await);
    assert_eq!(shares(&catalog, id).await, ViewingShares::default());
    let of_ada = shown([360, 720], "hls.js");
    for event in &of_ada {
        tell(&catalog, id, &ada(), "s", "computer", std::slice::from_ref(event)).await;
        shares(&catalog, id).await;
    }
    tell(&catalog, id, &user("bob"), "s", "phone", &shown([720, 720], "shaka")).await;
    tell(&catalog, id, &user("eve"), "s", "phone", &watched()).await;
    tell(&catalog, other, &ada(), "s", "tv", &shown([1080, 1080], "dash.js")).await;
    let found = shares(&catalog, id).await;
    let renditions: Vec<_> = found.renditions.iter().map(|part| (part.of, part.sessions)).collect();
    assert_eq!(renditions, [(Rendition::Height(720), 2), (Rendition::Height(360), 1)]);
    let devices: Vec<_> =
        found.devices.iter().map(|part| (part.of.as_str(), part.sessions, part.ms)).collect();
    assert_eq!(devices, [("phone", 2, 60_000), ("computer", 1, 30_000)]);
    let players: Vec<_> = found.players.iter().map(|part| (part.of.as_str(), part.ms)).collect();
    assert_eq!(players, [("hls.js", 30_000), ("shaka", 30_000)]);
    assert_eq!(found.played_ms, 90_000);
    assert_eq!(found.rendition_ms, found.renditions.iter().map(|part| part.ms).sum::<i64>());
    let row =
        rows(&catalog).await.into_iter().find(|row| row.recording == id && row.watcher == ada()).unwrap();
    assert_eq!(row.numbers.renditions.values().sum::<i64>(), row.numbers.playing_ms);
    // What is sent again, and what changes with the media.
    tell(&catalog, id, &ada(), "s", "computer", &of_ada).await;
    assert_eq!(shares(&catalog, id).await, found);
    let half = Ranges::one(5000, 20_000);
    assert!(catalog.refold_viewing(row.id, Basis { media: &half, settled: true }).await.unwrap());
    assert_eq!(shares(&catalog, id).await.played_ms, 75_000);
    catalog.finish_recording(id, &done(110)).await.unwrap();
    catalog.condemn_recording(id, WallTime(1)).await.unwrap();
    catalog.purge_recording(id).await.unwrap();
    assert_eq!(shares(&catalog, id).await, ViewingShares::default());
    assert_eq!(shares(&catalog, other).await.played_ms, 30_000);
}

async fn who_is_erased_leaves_no_player_behind(database: Database) {
    let catalog = database.open().await;
    let id = recorded(&catalog, "room").await;
    tell(&catalog, id, &user("ruth"), "s", "phone", &shown([360, 720], "player of ruth")).await;
    tell(&catalog, id, &user("bob"), "s", "phone", &shown([360, 720], "player of bob")).await;
    catalog.erase_watcher("ruth").await.unwrap();
    let found = shares(&catalog, id).await;
    let players: Vec<_> = found.players.iter().map(|part| part.of.as_str()).collect();
    assert_eq!((players.as_slice(), found.played_ms), (&["player of bob"][..], 60_000));
    let names = sql("SELECT name FROM view_shares").fetch_all(&catalog.reader).await.unwrap();
    assert!(names.iter().all(|row| !row.try_get::<String, _>("name").unwrap().contains("ruth")));
}

async fn renditions_that_were_not_kept_are_known_after_folding_anew(database: Database) {
    let catalog = database.open().await;
    let id = recorded(&catalog, "room").await;
    tell(&catalog, id, &ada(), "s", "phone", &shown([360, 720], "hls.js")).await;
    let before = shares(&catalog, id).await;
    // As a row is that was there before they were kept.
    sql("UPDATE view_sessions SET renditions = '[]'").execute(&catalog.writer).await.unwrap();
    assert!(shares(&catalog, id).await.renditions.is_empty());
    assert_eq!(rows(&catalog).await[0].numbers.renditions, BTreeMap::new());
    let (session, media) = (rows(&catalog).await[0].id, all_media());
    assert!(catalog.refold_viewing(session, Basis { media: &media, settled: true }).await.unwrap());
    assert_eq!(shares(&catalog, id).await, before);
}

async fn shares_that_are_wrong_are_made_again(database: Database) {
    let catalog = database.open().await;
    let (id, empty) = (recorded(&catalog, "room").await, recorded(&catalog, "empty").await);
    tell(&catalog, id, &ada(), "s", "phone", &shown([360, 720], "hls.js")).await;
    tell(&catalog, id, &user("bob"), "s", "tv", &watched()).await;
    let right = shares(&catalog, id).await;
    assert_eq!(catalog.rebuild_viewing_shares(id).await.unwrap(), 0);
    assert_eq!(catalog.rebuild_viewing_shares(empty).await.unwrap(), 0);
    assert_eq!(catalog.rebuild_viewing_shares(RecordingId::new()).await.unwrap(), 0);
    for wrong in [
        sql("UPDATE view_shares SET ms = ms + 5 WHERE kind = 'all' AND ms > 0"),
        sql("DELETE FROM view_shares WHERE kind = 'player'"),
        sql("UPDATE view_shares SET name = 'fridge' WHERE name = 'tv'"),
    ] {
        wrong.execute(&catalog.writer).await.unwrap();
    }
    // One is another, one was missing, one is too many and one too few.
    assert_eq!(catalog.rebuild_viewing_shares(id).await.unwrap(), 4);
    assert_eq!(shares(&catalog, id).await, right);
    assert_eq!(catalog.rebuild_viewing_shares(id).await.unwrap(), 0);
}

/// All pages, and that none but the last is short.
async fn all_pages(catalog: &Catalog, selection: &ViewingSelection, limit: u32) -> Vec<i64> {
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let page = catalog.viewing_page(selection, cursor, limit).await.unwrap();
        all.extend(page.rows.iter().map(|row| row.id));
        let Some(next) = page.next else { return all };
        assert_eq!(page.rows.len(), limit as usize);
        assert_eq!(next.to_string().parse::<ViewingCursor>().unwrap(), next);
        cursor = Some(next);
    }
}

async fn pages_have_each_session_once(database: Database) {
    let catalog = database.open().await;
    let (one, two) = (recorded(&catalog, "one").await, recorded(&catalog, "two").await);
    // Several begin at the same moment.
    for number in 0..12 {
        let id = if number % 3 == 0 { one } else { two };
        let at = (number / 4) * 1000;
        tell(&catalog, id, &ada(), &format!("s{number}"), "tv", &later(watched(), at)).await;
    }
    let newest_first: Vec<i64> = rows(&catalog).await.iter().map(|row| row.id).collect();
    assert_eq!(newest_first.len(), 12);
    let everything = ViewingSelection::default();
    for limit in [1, 4, 5, 11, 12, 13] {
        assert_eq!(all_pages(&catalog, &everything, limit).await, newest_first, "{limit}");
    }
    let of = ViewingFilter { recording: Some(one), watchers: Some(vec![ada()]), ..ViewingFilter::default() };
    let of_one = ViewingSelection { of, ..ViewingSelection::default() };
    assert_eq!(all_pages(&catalog, &of_one, 2).await.len(), 4);
    let of = ViewingFilter { watchers: Some(Vec::new()), ..ViewingFilter::default() };
    let nobody = ViewingSelection { of, ..ViewingSelection::default() };
    assert!(all_pages(&catalog, &nobody, 2).await.is_empty());
    for wrong in ["", "1", "x.1", "1.x", "1.", "."] {
        assert!(
            wrong.parse::<ViewingCursor>().is_err() && wrong.parse::<HistoryCursor>().is_err(),
            "{wrong}"
        );
    }
    assert_eq!(catalog.viewing(newest_first[0]).await.unwrap().unwrap().id, newest_first[0]);
    assert!(catalog.viewing(-1).await.unwrap().is_none());
}

async fn selections_are_of_room_owner_source_and_who_may_see(database: Database) {
    let catalog = database.open().await;
    let mut ids = Vec::new();
    for (room, owner) in [("one", "tom"), ("one", "ann"), ("two", "ann")] {
        let made = NewRecording { started_by: owner.to_owned(), ..new(room, 100) };
        catalog.create_recording(&made).await.unwrap();
        // One of a room runs at a time.
        catalog.finish_recording(made.id, &done(110)).await.unwrap();
        tell(&catalog, made.id, &ada(), "s", "tv", &watched()).await;
        ids.push(made.id);
    }
    let position = Event::Beacon(Beacon {
        at_ms: AT + 90_000,
        event: Kind::Progress,
        position_ms: Some(1000),
        ..Beacon::default()
    });
    tell(&catalog, ids[2], &user("bob"), "old", "tv", &[position]).await;
    let found = async |selection: ViewingSelection| {
        let page = catalog.viewing_page(&selection, None, 10).await.unwrap();
        let mut found: Vec<usize> =
            page.rows.iter().map(|row| ids.iter().position(|id| *id == row.recording).unwrap()).collect();
        found.sort_unstable();
        found
    };
    let none = ViewingSelection::default;
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(found(none()).await, [0, 1, 2, 2]);
    assert_eq!(found(ViewingSelection { room_id: text("one"), ..none() }).await, [0, 1]);
    assert_eq!(found(ViewingSelection { owner: text("ann"), ..none() }).await, [1, 2, 2]);
    assert_eq!(found(ViewingSelection { owner: text("ann"), room_id: text("two"), ..none() }).await, [2, 2]);
    assert_eq!(found(ViewingSelection { source: Some(Source::Progress), ..none() }).await, [2]);
    assert!(found(ViewingSelection { source: Some(Source::Reports), ..none() }).await.is_empty());
    let viewer = Viewer::User { id: "tom".to_owned(), role: "teacher".to_owned(), participants: true };
    assert_eq!(found(ViewingSelection { viewer, ..none() }).await, [0]);
    assert!(found(ViewingSelection { owner: text("' OR '1'='1"), ..none() }).await.is_empty());
}

async fn a_history_has_each_recording_once(database: Database) {
    let catalog = database.open().await;
    let mut ids = Vec::new();
    for number in 0..5 {
        let id = recorded(&catalog, &format!("room {number}")).await;
        for session in 0..2 {
            let at = number * 60_000 + session * 1000;
            tell(&catalog, id, &ada(), &format!("s{session}"), "tv", &later(watched(), at)).await;
        }
        tell(&catalog, id, &user("bob"), "s", "tv", &later(watched(), 900_000)).await;
        ids.push(id);
    }
    let filter = HistoryFilter { watchers: vec![ada()], ..HistoryFilter::default() };
    let newest: Vec<RecordingId> = ids.iter().copied().rev().collect();
    for limit in [1, 2, 5, 6] {
        let (mut all, mut cursor) = (Vec::new(), None);
        loop {
            let page = catalog.viewing_history(&filter, cursor, limit).await.unwrap();
            all.extend(page.rows);
            let Some(next) = page.next else { break };
            assert_eq!(next.to_string().parse::<HistoryCursor>().unwrap(), next);
            cursor = Some(next);
        }
        assert_eq!(all.iter().map(|row| row.recording).collect::<Vec<_>>(), newest);
        assert!(all.iter().all(|row| row.sessions == 2));
        assert_eq!((all[0].room_id.as_str(), all[0].title.as_str()), ("room 4", "lesson of room 4"));
        let last = WallTime((AT + 4 * 60_000 + 1000 + 32_500) * 1000);
        assert_eq!(all[0].last_at, last);
    }
    let sessions = catalog.viewings_of(&[ada()], &ids[..2], 0, 10).await.unwrap();
    assert_eq!(sessions.len(), 4);
    let rest = catalog.viewings_of(&[ada()], &ids[..2], sessions[2].id, 10).await.unwrap();
    assert_eq!(rest, sessions[3..]);
    assert!(catalog.viewings_of(&[], &ids, 0, 10).await.unwrap().is_empty());
    assert!(catalog.viewings_of(&[ada()], &[], 0, 10).await.unwrap().is_empty());
    let found = async |filter: HistoryFilter| {
        let page = catalog.viewing_history(&filter, None, 10).await.unwrap();
        page.rows.iter().map(|row| row.recording).collect::<Vec<_>>()
    };
    let one = HistoryFilter { recording: Some(ids[1]), ..filter.clone() };
    assert_eq!(found(one).await, [ids[1]]);
    assert!(found(HistoryFilter::default()).await.is_empty());
    // Whoever may not see a recording any more is not told of it; of what is hidden nobody is.
    let viewer = Viewer::User { id: "ada".to_owned(), role: "student".to_owned(), participants: true };
    assert!(found(HistoryFilter { viewer, ..filter.clone() }).await.is_empty());
    catalog.finish_recording(ids[4], &done(110)).await.unwrap();
    catalog.delete_recording(ids[4], WallTime(1)).await.unwrap();
    assert_eq!(found(filter).await, newest[1..]);
}

async fn who_watches_now_is_counted_by_the_last_event(database: Database) {
    let (catalog, other) = (database.open().await, database.open().await);
    let (one, two) = (recorded(&catalog, "one").await, recorded(&catalog, "two").await);
    let first = |at: i64| later(vec![beacon(0, 0, Kind::Play, 0)], at);
    tell(&catalog, one, &ada(), "a", "tv", &first(0)).await;
    tell(&other, one, &ada(), "b", "tv", &first(10_000)).await;
    tell(&other, two, &user("bob"), "c", "tv", &first(20_000)).await;
    for client in ["d", "e"] {
        tell(&catalog, two, &Watcher::Untracked, client, "tv", &first(30_000)).await;
    }
    let now = async |of: Option<RecordingId>, since: i64| {
        let found = catalog.live_viewings(of, WallTime((AT + since) * 1000)).await.unwrap();
        (found.sessions, found.viewers)
    };
    assert_eq!(now(None, 0).await, (5, 4));
    assert_eq!(now(Some(one), 0).await, (2, 1));
    assert_eq!(now(Some(one), 5000).await, (1, 1));
    assert_eq!(now(Some(two), 25_000).await, (2, 2));
    assert_eq!(now(None, 30_001).await, (0, 0));
}

#[tokio::test]
async fn lists_are_found_by_indexes() {
    let database = Database::sqlite();
    let catalog = database.open().await;
    let of = |recording, watchers| ViewingFilter { recording, watchers, ..ViewingFilter::default() };
    for (filter, index) in [
        (of(None, None), "view_sessions_by_time"),
        (of(Some(RecordingId::new()), None), "view_sessions_by_recording"),
        (of(None, Some(vec![ada()])), "view_sessions_by_viewer"),
    ] {
        let selection = ViewingSelection { of: filter, ..ViewingSelection::default() };
        let plan = catalog.viewing_plan(&selection, 50).await.unwrap().join("\n");
        assert!(plan.contains(index) && !plan.contains("TEMP B-TREE FOR ORDER BY"), "{plan}");
    }
}
