//! What one writer made certain, and several processes on one PostgreSQL must not lose. Each open catalogue here stands for
//! a process.

use super::testing::Database;
use super::tests::{done, new};
use super::*;
use crate::id::RecordingId;
use crate::time::WallTime;
use serde_json::json;
use std::collections::HashSet;

fn happens(recording: RecordingId, number: u64) -> NewEvent {
    NewEvent { recording, kind: EventKind::TrackStarted, data: json!({ "number": number }) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_by_position_misses_no_event_of_any_process() {
    const WRITERS: usize = 6;
    const EACH: u64 = 40;
    let database = Database::postgres().await;
    let reader = database.open().await;
    let mut recordings = Vec::new();
    for room in ["one", "two"] {
        let made = new(room, 100);
        reader.create_recording(&made).await.unwrap();
        recordings.push(made.id);
    }
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let (catalog, recording) = (database.open().await, recordings[writer % 2]);
        writers.spawn(async move {
            for number in 0..EACH {
                catalog.add_event(&happens(recording, number)).await.unwrap();
            }
        });
    }
    let (mut seen, mut after) = (Vec::new(), 0);
    let whole = 2 + WRITERS * EACH as usize;
    let mut over = false;
    loop {
        let found = reader.events_after(after, &EventFilter::default(), 1000).await.unwrap();
        after = found.last().map_or(after, |event| event.position);
        let none = found.is_empty();
        seen.extend(found);
        if none && over {
            break;
        }
        // What was written before the last writer ended is there in the look that follows.
        over = writers.is_empty();
        while let Some(done) = writers.try_join_next() {
            done.unwrap();
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(seen.len(), whole, "each event was seen by who only looks forward");
    for recording in recordings {
        let own = seen.iter().filter(|event| event.recording == recording);
        let sequences: Vec<u64> = own.map(|event| event.sequence).collect();
        assert_eq!(sequences, (1..=sequences.len() as u64).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn of_many_processes_that_start_in_a_room_one_wins() {
    let database = Database::postgres().await;
    let mut starts = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let catalog = database.open().await;
        starts.spawn(async move { catalog.create_recording(&new("room", 100)).await });
    }
    let mut won = 0;
    for start in starts.join_all().await {
        match start {
            Ok(()) => won += 1,
            Err(error) => assert!(matches!(error, Error::RoomBusy { .. }), "{error:?}"),
        }
    }
    assert_eq!(won, 1);
}

#[tokio::test]
async fn a_delivery_is_claimed_by_one_process() {
    let database = Database::postgres().await;
    let (one, two) = (database.open().await, database.open().await);
    for catalog in [&one, &two] {
        catalog.enrol("folder").await.unwrap();
    }
    let made = NewRecording {
        webhooks: vec![NewTarget { url: "http://a.example/".to_owned(), secret: None, kinds: vec![] }],
        ..new("room", 100)
    };
    one.create_recording(&made).await.unwrap();
    let next = two.next_deliveries(10, 10).await.unwrap().remove(0);
    assert!(one.claim_delivery(next.id).await.unwrap());
    assert!(one.claim_delivery(next.id).await.unwrap(), "it is its own");
    assert!(!two.claim_delivery(next.id).await.unwrap());
    assert!(two.next_deliveries(10, 10).await.unwrap().is_empty(), "nor is it looked at");
    assert_eq!(one.next_deliveries(10, 10).await.unwrap().len(), 1);
    // Of a process that is gone it is free again, and after a failure too.
    one.retire().await.unwrap();
    assert_eq!(two.next_deliveries(10, 10).await.unwrap().len(), 1);
    assert!(two.claim_delivery(next.id).await.unwrap());
    let failure = Failure { status: Some(500), error: "no".to_owned() };
    two.not_delivered(next.id, &failure, WallTime(1), Some(WallTime(2))).await.unwrap();
    one.enrol("folder").await.unwrap();
    assert!(one.claim_delivery(next.id).await.unwrap());
    one.delivered(next.id, 200, WallTime(3)).await.unwrap();
    assert!(!two.claim_delivery(next.id).await.unwrap(), "it is settled");
}

#[tokio::test]
async fn what_a_living_process_runs_is_not_taken_from_it() {
    let database = Database::postgres().await;
    let (one, two, elsewhere) = (database.open().await, database.open().await, database.open().await);
    one.enrol("folder").await.unwrap();
    two.enrol("folder").await.unwrap();
    elsewhere.enrol("another folder").await.unwrap();
    let made = new("room", 100);
    one.create_recording(&made).await.unwrap();
    assert!(one.is_mine(made.id).await.unwrap() && !two.is_mine(made.id).await.unwrap());
    assert!(two.orphans().await.unwrap().is_empty());
    assert!(!two.take_over(made.id).await.unwrap());
    let (mut of_one, mut of_two) = (Watch::default(), Watch::default());
    for _ in 0..10 {
        assert!(one.beat().await.unwrap() && two.beat().await.unwrap() && elsewhere.beat().await.unwrap());
        assert_eq!(two.bury(&mut of_two).await.unwrap(), 0);
        assert_eq!(one.bury(&mut of_one).await.unwrap(), 0);
    }
    // It is killed: it counts no more.
    let mut looks = 0;
    while two.bury(&mut of_two).await.unwrap() == 0 {
        assert!(elsewhere.beat().await.unwrap());
        assert!(two.orphans().await.unwrap().is_empty());
        looks += 1;
        assert!(looks < 10);
    }
    assert!(looks >= 3, "not at once: {looks}");
    assert!(elsewhere.orphans().await.unwrap().is_empty(), "who has not its files leaves it alone");
    let orphans = two.orphans().await.unwrap();
    assert_eq!(orphans.iter().map(|row| row.id).collect::<Vec<_>>(), [made.id]);
    // Of several who look at the same time one takes it.
    let three = database.open().await;
    three.enrol("folder").await.unwrap();
    let taken = tokio::join!(two.take_over(made.id), three.take_over(made.id));
    assert_ne!(taken.0.unwrap(), taken.1.unwrap());
    // It was not dead, only cut off: it is told, and sees what it has lost.
    assert!(!one.beat().await.unwrap());
    assert!(!one.is_mine(made.id).await.unwrap());
    assert!(one.beat().await.unwrap());
    assert!(!one.take_over(made.id).await.unwrap());
    one.finish_recording(made.id, &done(105)).await.unwrap();
    assert!(two.orphans().await.unwrap().is_empty());
}

#[tokio::test]
async fn only_who_has_the_files_removes_them() {
    let database = Database::postgres().await;
    let (one, two) = (database.open().await, database.open().await);
    one.enrol("folder").await.unwrap();
    two.enrol("another folder").await.unwrap();
    let made = new("room", 100);
    one.create_recording(&made).await.unwrap();
    one.finish_recording(made.id, &done(105)).await.unwrap();
    assert!(matches!(two.condemn_recording(made.id, WallTime(1)).await, Err(Error::Elsewhere)));
    assert!(matches!(two.erase(made.id, "ada").await, Err(Error::Elsewhere)));
    // Hiding touches no file.
    two.delete_recording(made.id, WallTime(1)).await.unwrap();
    one.condemn_recording(made.id, WallTime(1)).await.unwrap();
    assert!(two.garbage().await.unwrap().is_empty());
    assert_eq!(one.garbage().await.unwrap().len(), 1);
}

#[tokio::test]
async fn events_of_another_process_wake_who_waits() {
    let database = Database::postgres().await;
    let (one, two) = (database.open().await, database.open().await);
    let mut written = two.events_written();
    written.mark_unchanged();
    let made = new("room", 100);
    one.create_recording(&made).await.unwrap();
    written.changed().await.unwrap();
    assert_eq!(two.events(made.id, 0, &[], 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn rules_that_two_processes_change_at_once_are_those_of_one() {
    let database = Database::postgres().await;
    let (one, two) = (database.open().await, database.open().await);
    let made = NewRecording { source: json!({"mode": "bridge", "url": "kept"}), ..new("room", 100) };
    one.create_recording(&made).await.unwrap();
    let (a, b) = (json!({"exclude": ["a"]}), json!({"exclude": ["b"]}));
    let (first, second) = tokio::join!(one.set_rules(made.id, &a), two.set_rules(made.id, &b));
    first.unwrap();
    second.unwrap();
    let source = one.recording(made.id).await.unwrap().unwrap().source;
    assert!(source["rules"] == a || source["rules"] == b);
    assert_eq!(source["url"], "kept");
}

#[tokio::test]
async fn people_read_times_in_views() {
    use super::statement::sql;
    use sqlx::Row as _;
    let database = Database::postgres().await;
    let catalog = database.open().await;
    let made = NewRecording { started_at: WallTime(1_700_000_000_123_456), ..new("room", 0) };
    catalog.create_recording(&made).await.unwrap();
    let views = sql(
        "SELECT CAST(table_name AS TEXT) AS name FROM information_schema.views WHERE table_schema = 'public'",
    );
    let views = views.fetch_all(&catalog.reader).await.unwrap();
    let names: HashSet<String> = views.iter().map(|row| row.get("name")).collect();
    for table in [
        "recordings",
        "participants",
        "tracks",
        "gaps",
        "pauses",
        "speaker_turns",
        "events",
        "webhook_deliveries",
    ] {
        assert!(names.contains(&format!("report_{table}")), "{names:?}");
    }
    let row = sql("SELECT CAST(started_at AT TIME ZONE 'UTC' AS TEXT) AS at FROM report_recordings");
    let row = row.fetch_one(&catalog.reader).await.unwrap();
    assert_eq!(row.get::<String, _>("at"), "2023-11-14 22:13:20.123456");
}
