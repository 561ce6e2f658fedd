use super::testing::{Database, on_both};
use super::*;
use crate::id::{ParticipantId, RecordingId, TrackId};
use crate::media::{Codec, Kind, Rotation};
use crate::time::{Ticks, Timescale, WallTime};
use serde_json::json;

on_both![
    a_recording_lives_from_start_to_finish,
    one_recording_of_a_room_runs_at_a_time,
    of_many_starts_at_once_one_wins,
    tracks_runs_and_segments_come_back_as_they_were_written,
    every_way_to_end_is_kept_and_none_of_a_running_recording,
    segments_are_written_all_or_none,
    participants_leave_and_return,
    a_participant_is_renamed_and_whoever_may_see_is_known_anew,
    lists_filter_and_page,
    lists_know_participants_and_states,
    purging_leaves_no_row_behind,
    a_database_is_opened_again_with_all_its_rows,
];

pub(super) fn new(room: &str, second: i64) -> NewRecording {
    NewRecording {
        id: RecordingId::new(),
        room_id: room.to_owned(),
        title: format!("lesson of {room}"),
        started_by: "teacher-1".to_owned(),
        started_at: WallTime(second * 1_000_000),
        source: json!({"mode": "protoo"}),
        metadata: json!({"course": 7}),
        format: "mp4".to_owned(),
        ..NewRecording::default()
    }
}

pub(super) fn done(second: i64) -> Finish {
    Finish {
        status: Status::Completed,
        stopped_at: WallTime(second * 1_000_000),
        duration_micros: 5_500_000,
        bytes: 1234,
        ended_by: EndedBy::Stop,
        error: None,
    }
}

/// A recording with one participant and one H264 track.
pub(super) async fn with_track(catalog: &Catalog) -> (RecordingId, ParticipantId, TrackId) {
    let recording = new("room", 100);
    catalog.create_recording(&recording).await.unwrap();
    let participant = NewParticipant {
        id: ParticipantId::new(),
        recording: recording.id,
        peer_id: "peer-1".to_owned(),
        display_name: "Ada".to_owned(),
        user_id: Some("ada".to_owned()),
        joined_at: WallTime(100_500_000),
    };
    catalog.add_participant(&participant).await.unwrap();
    let track = NewTrack {
        id: TrackId::new(),
        recording: recording.id,
        participant: participant.id,
        kind: Kind::Video,
        source: "camera".to_owned(),
        codec: Codec::H264,
        producer_id: "producer-1".to_owned(),
        layer: None,
        picture: None,
    };
    catalog.add_track(&track).await.unwrap();
    (recording.id, participant.id, track.id)
}

pub(super) fn run(track: TrackId, number: u32) -> NewRun {
    NewRun {
        track,
        number,
        init: 0..700,
        first: Ticks(9000),
        wall: WallTime(100_600_000),
        codecs: "avc3.42e01f".to_owned(),
        width: 640 * (number + 1),
        height: 480 * (number + 1),
        rotation: if number == 1 { Rotation::Left } else { Rotation::None },
        channels: 0,
        timescale: Timescale::VIDEO,
        listed_micros: 0,
    }
}

pub(super) fn segment(track: TrackId, number: u32) -> NewSegment {
    NewSegment {
        track,
        run: 0,
        number,
        start: Ticks(9000 + i64::from(number) * 180_000),
        duration: Ticks(180_000),
        range: 700 + u64::from(number) * 1000..700 + u64::from(number + 1) * 1000,
        samples: 60,
        sync: number != 1,
        wall: WallTime(100_600_000 + i64::from(number) * 2_000_000),
    }
}

async fn a_recording_lives_from_start_to_finish(database: Database) {
    let catalog = database.open().await;
    let made = new("room", 100);
    catalog.create_recording(&made).await.unwrap();
    let row = catalog.recording(made.id).await.unwrap().unwrap();
    assert_eq!(row.status, Status::Recording);
    assert_eq!(row.metadata, json!({"course": 7}));
    assert_eq!(catalog.orphans().await.unwrap().len(), 1);
    catalog.finish_recording(made.id, &done(106)).await.unwrap();
    let row = catalog.recording(made.id).await.unwrap().unwrap();
    assert_eq!((row.status, row.duration_micros, row.bytes), (Status::Completed, Some(5_500_000), 1234));
    assert!(catalog.orphans().await.unwrap().is_empty());
    assert!(catalog.recording(RecordingId::new()).await.unwrap().is_none());
}

async fn one_recording_of_a_room_runs_at_a_time(database: Database) {
    let catalog = database.open().await;
    let first = new("room", 100);
    catalog.create_recording(&first).await.unwrap();
    assert_eq!(catalog.running_in_room("room").await.unwrap(), Some(first.id));
    let second = new("room", 101);
    let refused = catalog.create_recording(&second).await;
    assert!(matches!(refused, Err(Error::RoomBusy { running }) if running == first.id));
    catalog.create_recording(&new("other room", 101)).await.unwrap();
    catalog.finish_recording(first.id, &done(102)).await.unwrap();
    assert_eq!(catalog.running_in_room("room").await.unwrap(), None);
    catalog.create_recording(&second).await.unwrap();
}

async fn of_many_starts_at_once_one_wins(database: Database) {
    let catalog = database.open().await;
    let starts = (0..20).map(|_| {
        let catalog = catalog.clone();
        tokio::spawn(async move { catalog.create_recording(&new("room", 100)).await })
    });
    let mut won = 0;
    for start in starts.collect::<Vec<_>>() {
        match start.await.unwrap() {
            Ok(()) => won += 1,
            Err(error) => assert!(matches!(error, Error::RoomBusy { .. }), "{error:?}"),
        }
    }
    assert_eq!(won, 1);
}

async fn tracks_runs_and_segments_come_back_as_they_were_written(database: Database) {
    let catalog = database.open().await;
    let (recording, participant, track) = with_track(&catalog).await;
    let row = catalog.tracks(recording).await.unwrap().remove(0);
    assert_eq!((row.participant, row.codec, row.start), (participant, Codec::H264, None));
    catalog.start_track(track, WallTime(100_600_000), Ticks(9000)).await.unwrap();
    catalog.add_run(&run(track, 0)).await.unwrap();
    catalog.add_run(&NewRun { init: 3700..4400, ..run(track, 1) }).await.unwrap();
    let segments: Vec<_> = (0..3).map(|number| segment(track, number)).collect();
    catalog.add_segments(&segments).await.unwrap();
    assert_eq!(catalog.segments(track).await.unwrap(), segments);
    assert_eq!(catalog.segment(track, 1).await.unwrap().as_ref(), segments.get(1));
    assert_eq!(catalog.segment(track, 3).await.unwrap(), None);
    assert_eq!(catalog.runs(track).await.unwrap()[0], run(track, 0));
    assert_eq!(catalog.runs_of_recording(recording).await.unwrap().len(), 2);
    assert_eq!(
        catalog.totals(recording).await.unwrap(),
        [Totals {
            track,
            segments: 3,
            bytes: 3000,
            samples: 180,
            media: Ticks(540_000),
            end: Ticks(549_000)
        }]
    );
    catalog.finish_recording(recording, &done(110)).await.unwrap();
    let row = catalog.tracks(recording).await.unwrap().remove(0);
    assert_eq!((row.start, row.ended_at), (Some(Ticks(9000)), Some(WallTime(110_000_000))));
    let row = catalog.recording(recording).await.unwrap().unwrap();
    assert_eq!(row.resolution.as_deref(), Some("1280x960"));
    assert_eq!(row.codecs.as_deref(), Some("avc3.42e01f"));
}

async fn every_way_to_end_is_kept_and_none_of_a_running_recording(database: Database) {
    let catalog = database.open().await;
    for by in EndedBy::ALL {
        let made = new("room", 100);
        catalog.create_recording(&made).await.unwrap();
        assert_eq!(catalog.recording(made.id).await.unwrap().unwrap().ended_by, None);
        catalog.finish_recording(made.id, &Finish { ended_by: *by, ..done(110) }).await.unwrap();
        assert_eq!(catalog.recording(made.id).await.unwrap().unwrap().ended_by, Some(*by));
        let told = catalog.events(made.id, 1, &[], 10).await.unwrap();
        assert_eq!(told[0].data["ended_by"], by.name());
        assert_eq!(json!(by), by.name(), "one word in rows and in JSON");
    }
}

async fn segments_are_written_all_or_none(database: Database) {
    let catalog = database.open().await;
    let (_, _, track) = with_track(&catalog).await;
    catalog.add_run(&run(track, 0)).await.unwrap();
    let twice = [segment(track, 0), segment(track, 1), segment(track, 0)];
    assert!(catalog.add_segments(&twice).await.is_err());
    assert!(catalog.segments(track).await.unwrap().is_empty());
    // A segment of a run that has no row is refused too.
    assert!(catalog.add_segments(&[NewSegment { run: 9, ..segment(track, 0) }]).await.is_err());
    catalog.add_segments(&[segment(track, 0)]).await.unwrap();
}

async fn participants_leave_and_return(database: Database) {
    let catalog = database.open().await;
    let (recording, participant, track) = with_track(&catalog).await;
    catalog.participant_left(participant, WallTime(101_000_000)).await.unwrap();
    let row = catalog.participants(recording).await.unwrap().remove(0);
    assert_eq!((row.display_name.as_str(), row.left_at), ("Ada", Some(WallTime(101_000_000))));
    catalog.participant_returned(participant).await.unwrap();
    assert_eq!(catalog.participants(recording).await.unwrap()[0].left_at, None);
    catalog.end_track(track, WallTime(102_000_000), Some("B-frames".to_owned())).await.unwrap();
    assert_eq!(catalog.tracks(recording).await.unwrap()[0].error.as_deref(), Some("B-frames"));
    let unknown = catalog.participant_left(ParticipantId::new(), WallTime(0)).await;
    assert!(matches!(unknown, Err(Error::Missing { what: "participant" })));
}

async fn a_participant_is_renamed_and_whoever_may_see_is_known_anew(database: Database) {
    let catalog = database.open().await;
    let (recording, participant, _) = with_track(&catalog).await;
    let standing = async || catalog.standing(recording, "user-2", "student", None).await.unwrap().unwrap();
    let generation = catalog.generation(recording);
    assert!(!standing().await.participant);
    let names = Names {
        participant,
        recording,
        display_name: "Ada Lovelace".to_owned(),
        user_id: Some("user-2".to_owned()),
    };
    catalog.write(&[Change::Names(&names)], &[]).await.unwrap();
    let row = catalog.participants(recording).await.unwrap().remove(0);
    assert_eq!((row.display_name.as_str(), row.user_id.as_deref()), ("Ada Lovelace", Some("user-2")));
    assert!(standing().await.participant);
    assert!(catalog.generation(recording) > generation, "what was concluded before is dropped");
    let unknown = Names { participant: ParticipantId::new(), ..names };
    let unknown = catalog.write(&[Change::Names(&unknown)], &[]).await;
    assert!(matches!(unknown, Err(Error::Missing { what: "participant" })));
}

async fn lists_filter_and_page(database: Database) {
    let catalog = database.open().await;
    for second in 0..25 {
        let room = format!("room-{}", second % 2);
        let made = NewRecording {
            title: if second == 3 { "100%_done".to_owned() } else { format!("Lesson {second}") },
            ..new(&room, second)
        };
        catalog.create_recording(&made).await.unwrap();
        catalog.finish_recording(made.id, &done(second + 1)).await.unwrap();
    }
    let page = |filter: Filter| {
        let catalog = catalog.clone();
        async move { catalog.list(&filter).await.unwrap() }
    };
    let first = page(Filter { limit: 10, ..Filter::default() }).await;
    assert_eq!((first.rows.len(), first.total), (10, Total::Exactly(25)));
    assert_eq!(first.rows[0].title, "Lesson 24");

    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let next = page(Filter { limit: 10, cursor, ..Filter::default() }).await;
        seen.extend(next.rows.into_iter().map(|row| row.id));
        cursor = next.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 25);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 25);

    let of_room = Filter { room_id: Some("room-1".to_owned()), limit: 100, ..Filter::default() };
    assert_eq!(page(of_room).await.total, Total::Exactly(12));
    let span = Filter {
        from: Some(WallTime(5_000_000)),
        to: Some(WallTime(8_000_000)),
        limit: 100,
        ..Filter::default()
    };
    assert_eq!(page(span).await.total, Total::Exactly(3));
    for (q, total) in [("lesson 1", 11), ("LESSON 24", 1), ("100%_d", 1), ("%", 1), ("_", 1), ("' OR 1=1", 0)]
    {
        let found = page(Filter { q: Some(q.to_owned()), limit: 100, ..Filter::default() }).await;
        assert_eq!(found.total, Total::Exactly(total), "{q}");
    }
}

async fn lists_know_participants_and_states(database: Database) {
    let catalog = database.open().await;
    let (recording, _, _) = with_track(&catalog).await;
    let total = |filter: Filter| {
        let catalog = catalog.clone();
        async move { catalog.list(&filter).await.unwrap().total }
    };
    for (user, expected) in [("ada", 1), ("teacher-1", 1), ("nobody", 0)] {
        assert_eq!(
            total(Filter { user_id: Some(user.to_owned()), ..Filter::default() }).await,
            Total::Exactly(expected)
        );
    }
    catalog.finish_recording(recording, &done(110)).await.unwrap();
    catalog.delete_recording(recording, WallTime(111_000_000)).await.unwrap();
    assert_eq!(total(Filter::default()).await, Total::Exactly(0));
    assert_eq!(total(Filter { status: Some(Status::Deleted), ..Filter::default() }).await, Total::Exactly(1));
}

async fn purging_leaves_no_row_behind(database: Database) {
    let catalog = database.open().await;
    let (recording, _, track) = with_track(&catalog).await;
    catalog.add_run(&run(track, 0)).await.unwrap();
    catalog.add_segments(&[segment(track, 0)]).await.unwrap();
    catalog.purge_recording(recording).await.unwrap();
    assert!(catalog.tracks(recording).await.unwrap().is_empty());
    assert!(catalog.participants(recording).await.unwrap().is_empty());
    assert!(catalog.runs(track).await.unwrap().is_empty());
    assert!(catalog.segments(track).await.unwrap().is_empty());
    assert!(matches!(catalog.purge_recording(recording).await, Err(Error::Missing { .. })));
}

async fn a_database_is_opened_again_with_all_its_rows(database: Database) {
    let first = database.open().await;
    let made = new("room", 100);
    first.create_recording(&made).await.unwrap();
    first.close().await;
    let again = database.open().await;
    assert_eq!(again.orphans().await.unwrap()[0].id, made.id);
}

#[test]
fn cursors_print_and_parse() {
    let cursor = Cursor { started_at: WallTime(-5), id: RecordingId::new() };
    assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
    for text in ["", ".", "1", "x.y", "1.y"] {
        assert!(text.parse::<Cursor>().is_err());
    }
}
