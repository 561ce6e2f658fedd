use super::*;
use crate::analytics::event::{Beacon, Event, Kind};
use crate::analytics::ranges::Ranges;
use crate::analytics::session::fold;
use crate::catalog::statement::sql;
use crate::catalog::testing::{Database, on_both};
use crate::catalog::tests::{done, new, with_track};
use crate::catalog::{Catalog, Error};
use crate::id::RecordingId;
use crate::time::WallTime;
use sqlx::Row as _;

on_both![
    events_are_kept_once_and_counted,
    no_order_of_arrival_makes_other_numbers,
    processes_that_share_a_session_count_all_of_it,
    a_session_has_so_many_events_and_no_more,
    sessions_are_found_by_recording_viewer_and_time,
    folding_anew_changes_what_the_media_changes_and_nothing_else,
    who_watched_is_erased_from_rows_and_events,
    who_was_shown_is_erased_with_the_recording_s_participant,
    a_recording_goes_with_its_sessions,
    salts_are_kept_for_two_days,
];

/// When the first event arrives.
pub(super) const AT: i64 = 1_764_000_000_000;

pub(super) fn beacon(seq: u64, t_ms: i64, event: Kind, position_ms: i64) -> Event {
    Event::Beacon(Beacon {
        at_ms: AT + t_ms,
        seq: Some(seq),
        event,
        t_ms: Some(t_ms),
        position_ms: Some(position_ms),
        ..Beacon::default()
    })
}

/// Watches half a minute, with a stall of two seconds.
pub(super) fn watched() -> Vec<Event> {
    vec![
        beacon(0, 0, Kind::Play, 0),
        beacon(1, 500, Kind::Playing, 0),
        beacon(2, 10_500, Kind::Progress, 10_000),
        beacon(3, 15_500, Kind::Waiting, 15_000),
        beacon(4, 17_500, Kind::Playing, 15_000),
        beacon(5, 32_500, Kind::Quit, 30_000),
    ]
}

pub(super) fn all_media() -> Ranges {
    Ranges::one(0, i64::MAX)
}

pub(super) fn ada() -> Watcher {
    Watcher::User("ada".to_owned())
}

/// Appends to the session `s` of a viewer.
async fn append(
    catalog: &Catalog,
    recording: RecordingId,
    watcher: &Watcher,
    events: &[Event],
    kept: Option<Folded>,
) -> Appended {
    let media = all_media();
    let basis = Basis { media: &media, settled: true };
    let new = NewViews { recording, watcher, client: "s", device: "computer", events, basis };
    catalog.append_views(&new, kept).await.unwrap()
}

pub(super) async fn recorded(catalog: &Catalog, room: &str) -> RecordingId {
    let made = new(room, 100);
    catalog.create_recording(&made).await.unwrap();
    made.id
}

pub(super) async fn rows(catalog: &Catalog) -> Vec<Viewing> {
    catalog.viewings(&ViewingFilter::default(), 100).await.unwrap()
}

async fn count(catalog: &Catalog) -> (i64, i64) {
    let row = sql("SELECT (SELECT COUNT(*) FROM view_sessions) AS sessions,
                          (SELECT COUNT(*) FROM view_events) AS events")
    .fetch_one(&catalog.reader)
    .await
    .unwrap();
    (row.try_get("sessions").unwrap(), row.try_get("events").unwrap())
}

async fn events_are_kept_once_and_counted(database: Database) {
    let catalog = database.open().await;
    let id = recorded(&catalog, "room").await;
    let events = watched();
    let first = append(&catalog, id, &ada(), &events[..3], None).await;
    assert_eq!((first.taken, first.known, first.position_ms), (3, 0, Some(10_000)));
    let kept = first.folded.unwrap();
    assert!(kept.weight() > 1000);
    let second = append(&catalog, id, &ada(), &events[2..], Some(kept)).await;
    assert_eq!((second.taken, second.known, second.position_ms), (3, 1, Some(30_000)));
    let again = append(&catalog, id, &ada(), &events, second.folded).await;
    assert_eq!((again.taken, again.known, again.refused), (0, 6, 0));
    assert_eq!((again.position_ms, again.folded.is_none()), (Some(30_000), true));

    let found = rows(&catalog).await;
    assert_eq!(found.len(), 1);
    let row = &found[0];
    assert_eq!((row.recording, &row.watcher, row.client.as_str()), (id, &ada(), "s"));
    assert_eq!((row.device.as_str(), row.settled), ("computer", true));
    assert_eq!(row.numbers, fold(&events, &all_media()).unwrap().into());
    assert_eq!((row.numbers.seen.total(), row.numbers.stalls, row.numbers.stalled_ms), (30_000, 1, 2000));
    assert_eq!(row.numbers.first_at, WallTime(AT * 1000));
    assert_eq!(catalog.view_events(row.id).await.unwrap(), events);
    let sums = catalog.viewing_sums(id).await.unwrap();
    assert_eq!((sums.sessions, sums.viewers, sums.played_ms), (1, 1, 30_000));
    assert_eq!(sums.last_at, Some(WallTime((AT + 32_500) * 1000)));
    // What is not there cannot be watched, and nothing of nothing is kept.
    let media = all_media();
    let basis = Basis { media: &media, settled: true };
    let lost = NewViews {
        recording: RecordingId::new(),
        watcher: &ada(),
        client: "s",
        device: "other",
        events: &events,
        basis,
    };
    assert!(matches!(catalog.append_views(&lost, None).await, Err(Error::Missing { .. })));
    append(&catalog, id, &Watcher::Untracked, &[], None).await;
    assert_eq!(count(&catalog).await, (1, 6));
}

async fn no_order_of_arrival_makes_other_numbers(database: Database) {
    let catalog = database.open().await;
    let events = watched();
    let parts = [&events[..2], &events[2..4], &events[4..]];
    let wanted: ViewingNumbers = fold(&events, &all_media()).unwrap().into();
    for (index, order) in
        [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]].into_iter().enumerate()
    {
        for keeps in [true, false] {
            let id = recorded(&catalog, &format!("room {index} {keeps}")).await;
            let mut kept = None;
            for part in order {
                let appended = append(&catalog, id, &ada(), parts[part], kept).await;
                kept = appended.folded.filter(|_| keeps);
            }
            let filter = ViewingFilter { recording: Some(id), ..ViewingFilter::default() };
            let found = catalog.viewings(&filter, 2).await.unwrap();
            assert_eq!(found[0].numbers, wanted, "{order:?}");
        }
    }
}

async fn processes_that_share_a_session_count_all_of_it(database: Database) {
    let (one, two) = (database.open().await, database.open().await);
    let id = recorded(&one, "room").await;
    let events = watched();
    let (mut of_one, mut of_two) = (None, None);
    for pair in events.chunks(2) {
        // What each keeps is older than what the other has added.
        of_one = append(&one, id, &ada(), &pair[..1], of_one).await.folded;
        of_two = append(&two, id, &ada(), &pair[1..], of_two).await.folded;
    }
    assert_eq!(rows(&one).await[0].numbers, fold(&events, &all_media()).unwrap().into());
    let guest = Watcher::Guest("g".to_owned());
    let (first, second) =
        tokio::join!(append(&one, id, &guest, &events, None), append(&two, id, &guest, &events, None),);
    assert_eq!((first.taken + second.taken, first.known + second.known), (6, 6));
}

async fn a_session_has_so_many_events_and_no_more(database: Database) {
    let catalog = database.open().await;
    let id = recorded(&catalog, "room").await;
    let events = watched();
    append(&catalog, id, &ada(), &events[..1], None).await;
    sql("UPDATE view_sessions SET next_number = $1")
        .bind(MOST_VIEW_EVENTS - 2)
        .execute(&catalog.writer)
        .await
        .unwrap();
    let last = append(&catalog, id, &ada(), &events, None).await;
    assert_eq!((last.taken, last.known, last.refused), (2, 1, 3));
    let none = append(&catalog, id, &ada(), &events[4..], last.folded).await;
    assert_eq!((none.taken, none.refused), (0, 2));
}

async fn sessions_are_found_by_recording_viewer_and_time(database: Database) {
    let catalog = database.open().await;
    let (one, two) = (recorded(&catalog, "one").await, recorded(&catalog, "two").await);
    let guest = Watcher::Guest("0f".to_owned());
    let erased = Watcher::Erased("7e".to_owned());
    for (hour, (id, watcher)) in
        [(one, &ada()), (one, &guest), (two, &ada()), (two, &Watcher::Untracked), (two, &erased)]
            .into_iter()
            .enumerate()
    {
        let Event::Beacon(beacon) = beacon(0, 0, Kind::Play, 0) else { unreachable!() };
        let at_ms = AT + hour as i64 * 3_600_000;
        append(&catalog, id, watcher, &[Event::Beacon(Beacon { at_ms, ..beacon })], None).await;
    }
    let found = async |filter: ViewingFilter| {
        let rows = catalog.viewings(&filter, 10).await.unwrap();
        rows.into_iter().map(|row| (row.recording, row.watcher)).collect::<Vec<_>>()
    };
    let filter = ViewingFilter::default;
    let of_one = found(ViewingFilter { recording: Some(one), ..filter() }).await;
    assert_eq!(of_one, [(one, guest.clone()), (one, ada())]);
    let of_ada = found(ViewingFilter { watchers: Some(vec![ada()]), ..filter() }).await;
    assert_eq!(of_ada, [(two, ada()), (one, ada())]);
    assert!(found(ViewingFilter { watchers: Some(vec![]), ..filter() }).await.is_empty());
    let hour = |hours: i64| Some(WallTime((AT + hours * 3_600_000) * 1000));
    let span = found(ViewingFilter { from: hour(1), to: hour(4), ..filter() }).await;
    assert_eq!(span, [(two, Watcher::Untracked), (two, ada()), (one, guest.clone())]);
    let both = Some(vec![guest.clone(), erased.clone()]);
    assert_eq!(
        found(ViewingFilter { watchers: both, ..filter() }).await,
        [(two, erased), (one, guest.clone())]
    );
    assert!(catalog.has_viewing(one, &guest, "s").await.unwrap());
    assert!(!catalog.has_viewing(two, &guest, "s").await.unwrap());
    let mut ids = vec![one, two];
    ids.sort();
    assert_eq!(catalog.viewed_recordings(None, 10).await.unwrap(), ids);
    assert_eq!(catalog.viewed_recordings(Some(ids[0]), 10).await.unwrap(), [ids[1]]);
}

async fn folding_anew_changes_what_the_media_changes_and_nothing_else(database: Database) {
    let catalog = database.open().await;
    let id = recorded(&catalog, "room").await;
    append(&catalog, id, &ada(), &watched(), None).await;
    let before = rows(&catalog).await;
    let session = before[0].id;
    let media = all_media();
    assert!(!catalog.refold_viewing(session, Basis { media: &media, settled: true }).await.unwrap());
    assert_eq!(rows(&catalog).await, before);
    let half = Ranges::one(5000, 20_000);
    assert!(catalog.refold_viewing(session, Basis { media: &half, settled: false }).await.unwrap());
    assert_eq!(rows(&catalog).await[0].numbers.seen, half);
    assert_eq!(catalog.unsettled_viewings(id, 10).await.unwrap(), [session]);
    assert!(!catalog.refold_viewing(session, Basis { media: &half, settled: true }).await.unwrap());
    assert!(catalog.unsettled_viewings(id, 10).await.unwrap().is_empty());
    assert!(!catalog.refold_viewing(session + 1, Basis { media: &half, settled: true }).await.unwrap());
}

/// Every text of the tables.
async fn everything(catalog: &Catalog) -> String {
    let mut all = String::new();
    for table in [
        sql("SELECT * FROM view_sessions"),
        sql("SELECT * FROM view_events"),
        sql("SELECT * FROM view_day_viewers"),
        sql("SELECT * FROM view_viewers"),
        sql("SELECT * FROM view_stale_viewers"),
    ] {
        for row in table.fetch_all(&catalog.reader).await.unwrap() {
            for column in 0..row.len() {
                if let Ok(Some(text)) = row.try_get::<Option<String>, _>(column) {
                    all.push_str(&text);
                    all.push('\n');
                }
            }
        }
    }
    all
}

/// As [`watched`], with the texts that a client may tell.
fn named(who: &str, shown: &str) -> Vec<Event> {
    let mut events = watched();
    for event in &mut events {
        let Event::Beacon(beacon) = event else { continue };
        beacon.player = Some(format!("player of {who}"));
        beacon.participant = Some(shown.to_owned());
        beacon.code = Some(format!("code of {who}"));
    }
    events
}

async fn who_watched_is_erased_from_rows_and_events(database: Database) {
    let catalog = database.open().await;
    // No letters that a random token may have.
    let ruth = Watcher::User("ruth".to_owned());
    let (one, two) = (recorded(&catalog, "one").await, recorded(&catalog, "two").await);
    for id in [one, two] {
        append(&catalog, id, &ruth, &named("ruth", "eve"), None).await;
        append(&catalog, id, &Watcher::User("bob".to_owned()), &named("bob", "eve"), None).await;
    }
    // What is kept of viewers together names them too, until somebody is erased.
    let media = all_media();
    let whole = Whole { media: &media, length_ms: 60_000 };
    assert_eq!(catalog.view_totals(one, whole).await.unwrap().viewers, 2);
    assert!(everything(&catalog).await.contains("u:ruth"));
    let before = rows(&catalog).await;
    assert_eq!(catalog.erase_watcher("ruth").await.unwrap(), 2);
    assert_eq!(catalog.erase_watcher("ruth").await.unwrap(), 0);
    let after = everything(&catalog).await;
    assert!(!after.contains("ruth") && after.contains("player of bob"), "{after}");
    let mut tokens = Vec::new();
    for old in before.iter().filter(|row| row.watcher == ruth) {
        let now = rows(&catalog).await.into_iter().find(|row| row.id == old.id).unwrap();
        let Watcher::Erased(token) = &now.watcher else { panic!("{:?}", now.watcher) };
        tokens.push(token.clone());
        assert_ne!(now.client, old.client);
        let names = ViewingNumbers { participant: None, player: None, ..old.numbers.clone() };
        assert_eq!(now.numbers, names);
        let media = all_media();
        assert!(!catalog.refold_viewing(now.id, Basis { media: &media, settled: true }).await.unwrap());
    }
    assert_ne!(tokens[0], tokens[1]);
    assert_eq!(catalog.view_totals(one, whole).await.unwrap().viewers, 2);
    // They may come again, and are somebody else.
    let again = append(&catalog, one, &ruth, &watched(), None).await;
    assert_eq!(again.taken, 6);
    assert_eq!(count(&catalog).await.0, 5);
}

async fn who_was_shown_is_erased_with_the_recording_s_participant(database: Database) {
    let catalog = database.open().await;
    let (id, participant, _) = with_track(&catalog).await;
    let other = recorded(&catalog, "other").await;
    catalog.finish_recording(id, &done(110)).await.unwrap();
    let shown = participant.to_string();
    let kept = append(&catalog, id, &Watcher::User("bob".to_owned()), &named("bob", &shown), None).await;
    append(&catalog, id, &ada(), &named("her", "peer-2"), None).await;
    append(&catalog, other, &ada(), &named("her", "peer-1"), None).await;
    catalog.erase(id, "peer-1").await.unwrap();
    let found = rows(&catalog).await;
    let here: Vec<&Viewing> = found.iter().filter(|row| row.recording == id).collect();
    assert!(here.iter().all(|row| row.watcher != ada() && !row.settled));
    assert!(here.iter().any(|row| matches!(row.watcher, Watcher::Erased(_))));
    let bobs = here.iter().find(|row| row.watcher == Watcher::User("bob".to_owned())).unwrap();
    assert_eq!((bobs.numbers.participant.as_deref(), bobs.numbers.seen.total()), (None, 30_000));
    assert_eq!(bobs.numbers.player.as_deref(), Some("player of bob"));
    for event in catalog.view_events(bobs.id).await.unwrap() {
        assert!(!serde_json::to_string(&event).unwrap().contains(&shown));
    }
    // What was kept of the session knew the name, and does not hold any more.
    let late = beacon(6, 33_000, Kind::Quit, 30_000);
    append(&catalog, id, &Watcher::User("bob".to_owned()), &[late], kept.folded).await;
    assert!(!everything(&catalog).await.contains(&shown));
    // In another recording nothing was erased.
    let there = found.iter().find(|row| row.recording == other).unwrap();
    assert_eq!((&there.watcher, there.settled), (&ada(), true));
}

async fn a_recording_goes_with_its_sessions(database: Database) {
    let catalog = database.open().await;
    let (one, two) = (recorded(&catalog, "one").await, recorded(&catalog, "two").await);
    for id in [one, two] {
        append(&catalog, id, &ada(), &watched(), None).await;
    }
    catalog.finish_recording(one, &done(110)).await.unwrap();
    catalog.condemn_recording(one, WallTime(1)).await.unwrap();
    catalog.purge_recording(one).await.unwrap();
    assert_eq!(count(&catalog).await, (1, 6));
    assert_eq!(rows(&catalog).await[0].recording, two);
}

async fn salts_are_kept_for_two_days(database: Database) {
    let catalog = database.open().await;
    let salts = async |day, fresh| catalog.view_salts(day, fresh).await.unwrap();
    assert_eq!(salts(10, "a").await, ("a".to_owned(), None));
    assert_eq!(salts(10, "b").await, ("a".to_owned(), None));
    assert_eq!(salts(11, "c").await, ("c".to_owned(), Some("a".to_owned())));
    assert_eq!(salts(12, "d").await, ("d".to_owned(), Some("c".to_owned())));
    let left = sql("SELECT COUNT(*) AS salts FROM view_salts").fetch_one(&catalog.reader).await.unwrap();
    assert_eq!(left.try_get::<i64, _>("salts").unwrap(), 2);
    assert_eq!(salts(20, "e").await, ("e".to_owned(), None));
}
