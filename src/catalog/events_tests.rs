use super::testing::{Database, on_both};
use super::*;
use crate::id::{EventId, RecordingId};
use crate::time::WallTime;
use serde_json::json;

on_both![
    each_recording_counts_from_one_and_the_log_has_one_order,
    failure_31_every_end_is_queued_for_every_target_with_the_end_itself,
    what_fails_holds_up_its_own_recording_and_target_only,
    what_waits_for_one_target_hides_no_other,
    a_recordings_own_targets_are_known_again,
    a_target_that_is_gone_is_told_nothing_until_somebody_redelivers,
    a_replay_goes_behind_what_waits,
    events_of_a_removed_recording_go_when_nobody_waits_for_them,
    the_configured_target_may_move_and_end,
    rows_and_what_is_told_of_them_are_written_together_or_not_at_all,
];

fn target(address: &str, kinds: &[EventKind]) -> NewTarget {
    NewTarget { url: address.to_owned(), secret: None, kinds: kinds.to_vec() }
}

async fn begin(catalog: &Catalog, room: &str, webhooks: &[NewTarget]) -> RecordingId {
    let new = NewRecording {
        id: RecordingId::new(),
        room_id: room.to_owned(),
        title: "Lesson".to_owned(),
        started_by: "teacher".to_owned(),
        metadata: json!({"course": 7}),
        webhooks: webhooks.to_vec(),
        ..NewRecording::default()
    };
    catalog.create_recording(&new).await.unwrap();
    new.id
}

async fn happen(catalog: &Catalog, recording: RecordingId, kind: EventKind, number: u64) {
    let data = json!({ "number": number });
    catalog.add_event(&NewEvent { recording, kind, data }).await.unwrap();
}

fn finish(status: Status) -> Finish {
    let error = (status == Status::Failed).then(|| "no space left".to_owned());
    Finish {
        status,
        stopped_at: WallTime(9_000_000),
        duration_micros: 9_000_000,
        bytes: 12,
        ended_by: if status == Status::Failed { EndedBy::Storage } else { EndedBy::AloneTimeout },
        error,
    }
}

/// Kinds and sequence numbers.
fn told(events: &[Event]) -> Vec<(&'static str, u64)> {
    events.iter().map(|event| (event.kind.name(), event.sequence)).collect()
}

async fn each_recording_counts_from_one_and_the_log_has_one_order(database: Database) {
    let catalog = database.open().await;
    let written = catalog.events_written();
    let (one, two) = (begin(&catalog, "one", &[]).await, begin(&catalog, "two", &[]).await);
    for number in 0..3 {
        happen(&catalog, one, EventKind::TrackStarted, number).await;
        happen(&catalog, two, EventKind::TrackStalled, number).await;
    }
    catalog.finish_recording(two, &finish(Status::Failed)).await.unwrap();
    catalog.finish_recording(one, &finish(Status::Completed)).await.unwrap();
    // The end is told once, whoever else writes it again.
    catalog.finish_recording(one, &finish(Status::Failed)).await.unwrap();
    assert_eq!(*written.borrow(), 10);
    let of_one = catalog.events(one, 0, &[], 100).await.unwrap();
    assert_eq!(
        told(&of_one),
        [
            ("recording.started", 1),
            ("track.started", 2),
            ("track.started", 3),
            ("track.started", 4),
            ("recording.completed", 5)
        ]
    );
    assert_eq!(of_one[0].data["metadata"]["course"], 7);
    assert_eq!(of_one[4].data["duration_us"], 9_000_000);
    assert_eq!(of_one[4].data["ended_by"], "alone_timeout");
    let all = catalog.events_after(0, &EventFilter::default(), 100).await.unwrap();
    assert_eq!(all.len(), 10);
    assert!(all.windows(2).all(|pair| pair[0].position < pair[1].position && pair[0].id < pair[1].id));
    let stalls = EventFilter {
        recording: Some(two),
        kinds: vec![EventKind::TrackStalled, EventKind::RecordingFailed],
        ..EventFilter::default()
    };
    let found = catalog.events_after(all[4].position, &stalls, 100).await.unwrap();
    assert_eq!(told(&found), [("track.stalled", 3), ("track.stalled", 4), ("recording.failed", 5)]);
    assert_eq!(found[2].data["error"], "no space left");
    assert_eq!(found[2].data["ended_by"], "storage");
    assert_eq!(catalog.position_of(all[4].id).await.unwrap(), all[4].position);
    assert_eq!(catalog.position_of(EventId::new()).await.unwrap(), all[9].position, "made after all of them");
    assert_eq!(catalog.newest_event().await.unwrap(), all[9].position);
}

async fn failure_31_every_end_is_queued_for_every_target_with_the_end_itself(database: Database) {
    let catalog = database.open().await;
    catalog.configure_webhook(Some("http://all.example/")).await.unwrap();
    let ends = [EventKind::RecordingCompleted, EventKind::RecordingFailed];
    let wanted = [target("http://ends.example/", &ends), target("http://a.example/", &[])];
    for status in [Status::Completed, Status::Failed] {
        let recording = begin(&catalog, "room", &wanted).await;
        catalog.finish_recording(recording, &finish(status)).await.unwrap();
    }
    catalog.close().await;
    let catalog = database.open().await;
    // Two events to two of the targets, and the end alone to the third.
    assert_eq!(catalog.delivery_counts().await.unwrap(), (10, 0));
    let mut ended = 0;
    loop {
        let first = catalog.next_deliveries(100, 100).await.unwrap();
        let Some(next) = first.first() else { break };
        ended += u32::from(ends.contains(&next.event.kind));
        catalog.delivered(next.id, 204, WallTime(1)).await.unwrap();
    }
    assert_eq!(ended, 6, "three targets, two ends");
}

async fn what_fails_holds_up_its_own_recording_and_target_only(database: Database) {
    let catalog = database.open().await;
    let wanted = [target("http://a.example/", &[]), target("http://b.example/", &[])];
    let (one, two) = (begin(&catalog, "one", &wanted).await, begin(&catalog, "two", &wanted[..1]).await);
    happen(&catalog, one, EventKind::TrackStarted, 0).await;
    let first = catalog.next_deliveries(100, 100).await.unwrap();
    assert_eq!(first.len(), 3, "one of each: {:?}", first.iter().map(|one| one.id).collect::<Vec<_>>());
    assert!(first.iter().all(|next| next.event.sequence == 1));
    let failing = first.iter().find(|next| next.event.recording == one && next.url.contains("a.")).unwrap();
    let failure = Failure { status: Some(500), error: "no".to_owned() };
    let later = failing.due_at.plus(3_600_000_000);
    catalog.not_delivered(failing.id, &failure, failing.due_at, Some(later)).await.unwrap();
    let other = first.iter().find(|next| next.event.recording == one && next.url.contains("b.")).unwrap();
    catalog.delivered(other.id, 200, WallTime(1)).await.unwrap();
    let second = catalog.next_deliveries(100, 100).await.unwrap();
    let of = |address: &str, recording| {
        let found =
            second.iter().find(|next| next.url.contains(address) && next.event.recording == recording);
        found.map(|next| (next.event.sequence, next.attempts))
    };
    assert_eq!((of("a.", one), of("b.", one), of("a.", two)), (Some((1, 1)), Some((2, 0)), Some((1, 0))));
    assert_eq!(second.last().unwrap().id, failing.id, "the most urgent come first");
    // Given up, it lets the next one go.
    catalog.not_delivered(failing.id, &failure, later, None).await.unwrap();
    let third = catalog.next_deliveries(100, 100).await.unwrap();
    let freed = third.iter().find(|next| next.url.contains("a.") && next.event.recording == one).unwrap();
    assert_eq!(freed.event.sequence, 2);
    let dead = catalog.dead_deliveries(&DeadFilter::default(), 10).await.unwrap();
    assert_eq!((dead.len(), dead[0].attempts, dead[0].status), (1, 2, Some(500)));
    // Repeated, it is in its old place.
    assert_eq!(
        catalog
            .redeliver(&DeadFilter { ids: vec![dead[0].id + 1000], ..DeadFilter::default() })
            .await
            .unwrap(),
        0
    );
    assert_eq!(
        catalog.redeliver(&DeadFilter { recording: Some(one), ..DeadFilter::default() }).await.unwrap(),
        1
    );
    let fourth = catalog.next_deliveries(100, 100).await.unwrap();
    let back = fourth.iter().find(|next| next.url.contains("a.") && next.event.recording == one).unwrap();
    assert_eq!((back.event.sequence, back.attempts), (1, 0));
}

async fn what_waits_for_one_target_hides_no_other(database: Database) {
    let catalog = database.open().await;
    catalog.configure_webhook(Some("http://all.example/")).await.unwrap();
    let mut begun = Vec::new();
    for room in ["one", "two", "three", "four"] {
        begun.push(begin(&catalog, room, &[]).await);
    }
    begun.push(begin(&catalog, "five", &[target("http://a.example/", &[])]).await);
    let next = catalog.next_deliveries(4, 2).await.unwrap();
    let found: Vec<_> = next.iter().map(|next| (next.url.as_str(), next.event.recording)).collect();
    let all = "http://all.example/";
    assert_eq!(found, [(all, begun[0]), (all, begun[1]), ("http://a.example/", begun[4])]);
    assert!(catalog.claim_delivery(next[0].id).await.unwrap());
    assert_eq!(
        catalog.next_deliveries(1, 1).await.unwrap()[0].id,
        next[0].id,
        "what this process tries counts"
    );
}

async fn a_recordings_own_targets_are_known_again(database: Database) {
    let catalog = database.open().await;
    catalog.configure_webhook(Some("http://all.example/")).await.unwrap();
    let secret = NewTarget { secret: Some("whsec_a".to_owned()), ..target("http://a.example/", &[]) };
    let ends = target("http://a.example/", &[EventKind::RecordingCompleted, EventKind::RecordingFailed]);
    let recording = begin(&catalog, "one", &[secret.clone(), ends.clone()]).await;
    let bare = begin(&catalog, "two", &[]).await;
    for (of, wanted, same) in [
        (recording, vec![secret.clone(), ends.clone()], true),
        (recording, vec![ends.clone(), secret.clone()], true),
        (recording, vec![secret.clone()], false),
        (recording, vec![secret.clone(), ends.clone(), ends.clone()], false),
        (
            recording,
            vec![NewTarget { secret: Some("whsec_b".to_owned()), ..secret.clone() }, ends.clone()],
            false,
        ),
        (recording, vec![secret.clone(), target("http://a.example/", &[])], false),
        (recording, vec![secret.clone(), NewTarget { url: "http://b.example/".to_owned(), ..ends }], false),
        (bare, Vec::new(), true),
        (bare, vec![secret], false),
    ] {
        assert_eq!(catalog.has_targets(of, &wanted).await.unwrap(), same, "{wanted:?}");
    }
}

async fn a_target_that_is_gone_is_told_nothing_until_somebody_redelivers(database: Database) {
    let catalog = database.open().await;
    let recording = begin(&catalog, "one", &[target("http://a.example/", &[])]).await;
    happen(&catalog, recording, EventKind::TrackStarted, 0).await;
    let next = catalog.next_deliveries(1, 1).await.unwrap().remove(0);
    let gone = Failure { status: Some(410), error: "gone".to_owned() };
    assert_eq!(catalog.end_target(next.target, &gone, WallTime(5)).await.unwrap(), 2);
    happen(&catalog, recording, EventKind::TrackStalled, 0).await;
    assert_eq!(catalog.delivery_counts().await.unwrap(), (0, 2));
    assert_eq!(
        catalog.replay(&Replay { recording: Some(recording), ..Replay::default() }, 10).await.unwrap(),
        0
    );
    assert_eq!(
        catalog.redeliver(&DeadFilter { ids: vec![next.id], ..DeadFilter::default() }).await.unwrap(),
        1
    );
    happen(&catalog, recording, EventKind::TrackResumed, 0).await;
    assert_eq!(catalog.delivery_counts().await.unwrap(), (2, 1));
}

async fn a_replay_goes_behind_what_waits(database: Database) {
    let catalog = database.open().await;
    let ends = target("http://ends.example/", &[EventKind::RecordingCompleted]);
    let recording = begin(&catalog, "one", &[ends, target("http://a.example/", &[])]).await;
    happen(&catalog, recording, EventKind::TrackStarted, 0).await;
    catalog.finish_recording(recording, &finish(Status::Completed)).await.unwrap();
    let before = catalog.delivery_counts().await.unwrap().0;
    assert_eq!(before, 4);
    let range = Replay { recording: Some(recording), from_sequence: Some(2), ..Replay::default() };
    assert_eq!(catalog.replay(&range, 100).await.unwrap(), 3);
    assert_eq!(catalog.replay(&Replay { to_sequence: Some(1), ..range.clone() }, 100).await.unwrap(), 0);
    assert_eq!(catalog.replay(&range, 2).await.unwrap(), 2, "as many as may be");
    let events = catalog.events(recording, 0, &[], 10).await.unwrap();
    let by_id = Replay { events: vec![events[2].id], ..Replay::default() };
    assert_eq!(catalog.replay(&by_id, 100).await.unwrap(), 2);
    let at = Some(events[2].at);
    for (from, to) in [(Some(WallTime(0)), Some(WallTime(1))), (at, at)] {
        let never = Replay { from, to, ..Replay::default() };
        assert_eq!(catalog.replay(&never, 100).await.unwrap(), 0, "`to` is not included");
    }
    let mut order = Vec::new();
    while let Some(next) =
        catalog.next_deliveries(10, 10).await.unwrap().into_iter().find(|next| next.url.contains("//a."))
    {
        order.push(next.event.sequence);
        catalog.delivered(next.id, 200, WallTime(1)).await.unwrap();
    }
    assert_eq!(order, [1, 2, 3, 2, 3, 2, 3]);
}

async fn events_of_a_removed_recording_go_when_nobody_waits_for_them(database: Database) {
    let catalog = database.open().await;
    let kept = begin(&catalog, "kept", &[]).await;
    let recording = begin(&catalog, "one", &[target("http://a.example/", &[])]).await;
    catalog.finish_recording(recording, &finish(Status::Completed)).await.unwrap();
    catalog.purge_recording(recording).await.unwrap();
    for left in [2, 1] {
        assert_eq!(catalog.delivery_counts().await.unwrap().0, left);
        catalog.sweep_events().await.unwrap();
        assert_eq!(catalog.events(recording, 0, &[], 10).await.unwrap().len(), 2);
        let next = catalog.next_deliveries(10, 10).await.unwrap().remove(0);
        catalog.delivered(next.id, 200, WallTime(i64::MAX)).await.unwrap();
    }
    assert_eq!(catalog.sweep_events().await.unwrap(), 2);
    assert!(catalog.events(recording, 0, &[], 10).await.unwrap().is_empty());
    assert_eq!(catalog.events(kept, 0, &[], 10).await.unwrap().len(), 1);
}

async fn the_configured_target_may_move_and_end(database: Database) {
    let catalog = database.open().await;
    catalog.configure_webhook(Some("http://old.example/")).await.unwrap();
    let recording = begin(&catalog, "one", &[]).await;
    catalog.configure_webhook(Some("http://new.example/")).await.unwrap();
    let next = catalog.next_deliveries(10, 10).await.unwrap();
    assert_eq!((next.len(), next[0].url.as_str()), (1, "http://new.example/"), "what waits moves too");
    catalog.configure_webhook(None).await.unwrap();
    happen(&catalog, recording, EventKind::TrackStarted, 0).await;
    assert_eq!(catalog.delivery_counts().await.unwrap(), (1, 0));
}

async fn rows_and_what_is_told_of_them_are_written_together_or_not_at_all(database: Database) {
    let catalog = database.open().await;
    let recording = begin(&catalog, "one", &[]).await;
    let event = NewEvent { recording, kind: EventKind::ParticipantLeft, data: json!({}) };
    let nobody = Change::Left(crate::id::ParticipantId::new(), WallTime(1));
    assert!(matches!(catalog.write(&[nobody], &[event]).await, Err(Error::Missing { .. })));
    assert_eq!(catalog.events(recording, 0, &[], 10).await.unwrap().len(), 1);
    happen(&catalog, recording, EventKind::TrackStarted, 0).await;
    assert_eq!(told(&catalog.events(recording, 1, &[], 10).await.unwrap()), [("track.started", 2)]);
}
