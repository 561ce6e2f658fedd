use super::statement::sql;
use super::testing::{Database, on_both};
use super::tests::{done, new, run, segment, with_track};
use super::*;
use crate::id::{ParticipantId, RecordingId, TrackId};
use crate::media::{Codec, Kind};
use crate::time::WallTime;
use serde_json::json;
use sqlx::Row as _;

on_both![
    a_person_is_in_no_column_of_any_table_any_more,
    who_was_there_with_two_devices_is_erased_with_both,
    nobody_and_nothing_else_is_erased,
];

async fn join(
    catalog: &Catalog,
    recording: RecordingId,
    peer: &str,
    name: &str,
    user: Option<&str>,
) -> TrackId {
    let participant = NewParticipant {
        id: ParticipantId::new(),
        recording,
        peer_id: peer.to_owned(),
        display_name: name.to_owned(),
        user_id: user.map(str::to_owned),
        joined_at: WallTime(100_500_000),
    };
    let event = NewEvent {
        recording,
        kind: EventKind::ParticipantJoined,
        data: json!({"participant_id": participant.id, "peer_id": peer, "display_name": name, "user_id": user}),
    };
    catalog.write(&[Change::Participant(&participant)], &[event]).await.unwrap();
    let track = NewTrack {
        id: TrackId::new(),
        recording,
        participant: participant.id,
        kind: Kind::Audio,
        source: "microphone".to_owned(),
        codec: Codec::Opus,
        producer_id: format!("producer of {peer}"),
        layer: None,
        picture: None,
    };
    catalog.add_track(&track).await.unwrap();
    let turn = Turn {
        recording,
        participant: participant.id,
        start_micros: track.id.0.as_u128() as i64 & 0xffff,
        end_micros: None,
    };
    catalog.put_turn(&turn).await.unwrap();
    track.id
}

/// Every text of every table, as one.
async fn everything(catalog: &Catalog) -> String {
    let tables = [
        sql("SELECT * FROM recordings"),
        sql("SELECT * FROM recording_participants"),
        sql("SELECT * FROM tracks"),
        sql("SELECT * FROM speaker_turns"),
        sql("SELECT * FROM events"),
        sql("SELECT * FROM webhook_deliveries"),
        sql("SELECT * FROM webhook_targets"),
        sql("SELECT * FROM gaps"),
        sql("SELECT * FROM pauses"),
        sql("SELECT * FROM view_sessions"),
        sql("SELECT * FROM view_events"),
    ];
    let mut all = String::new();
    for table in tables {
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

async fn a_person_is_in_no_column_of_any_table_any_more(database: Database) {
    let catalog = database.open().await;
    let made = NewRecording {
        source: json!({"mode": "bridge", "rules": {"participants": ["peer-ann", "peer-bob"], "exclude": []}}),
        metadata: json!({"seats": {"peer-ann": 1, "peer-bob": 2}, "speaker": "Ann Example", "users": ["u-ann", "u-bob"]}),
        webhooks: vec![NewTarget { url: "http://a.example/".to_owned(), secret: None, kinds: vec![] }],
        ..new("room", 100)
    };
    catalog.create_recording(&made).await.unwrap();
    let ann = join(&catalog, made.id, "peer-ann", "Ann Example", Some("u-ann")).await;
    let bob = join(&catalog, made.id, "peer-bob", "Bob Example", Some("u-bob")).await;
    for (track, width) in [(ann, 1), (bob, 0)] {
        catalog.add_run(&NewRun { width: 640 * width, ..run(track, 0) }).await.unwrap();
        catalog.add_segments(&[segment(track, 0)]).await.unwrap();
    }
    catalog.finish_recording(made.id, &done(110)).await.unwrap();
    assert_eq!(catalog.recording(made.id).await.unwrap().unwrap().resolution.as_deref(), Some("640x480"));
    let before = everything(&catalog).await;
    for name in ["peer-ann", "Ann Example", "u-ann", "producer of peer-ann"] {
        assert!(before.contains(name), "{name}");
    }

    let erased = catalog.erase(made.id, "peer-ann").await.unwrap();
    assert_eq!(erased.tracks, [ann]);
    let after = everything(&catalog).await;
    for name in ["peer-ann", "Ann Example", "u-ann"] {
        assert!(!after.contains(name), "{name} in {after}");
    }
    for name in ["peer-bob", "Bob Example", "u-bob", "producer of peer-bob"] {
        assert!(after.contains(name), "{name}");
    }
    // What was closed says what is left, and the log has no hole.
    let row = catalog.recording(made.id).await.unwrap().unwrap();
    assert_eq!((row.resolution, row.bytes), (None, 1700));
    assert_eq!(row.metadata, json!({"seats": {"peer-bob": 2}, "speaker": null, "users": ["u-bob"]}));
    assert_eq!(row.source["rules"]["participants"], json!(["peer-bob"]));
    let events = catalog.events(made.id, 0, &[], 100).await.unwrap();
    let sequences: Vec<u64> = events.iter().map(|event| event.sequence).collect();
    assert_eq!(sequences, [1, 2, 3, 4, 5]);
    assert_eq!((&events[1].data["erased"], &events[1].data["display_name"]), (&json!(true), &json!(null)));
    assert_eq!(events[1].data["participant_id"], json!(erased.participants[0]));
    assert_eq!(events[4].kind, EventKind::ParticipantErased);
    assert_eq!(events[4].data, json!({"participants": erased.participants, "tracks": [ann]}));
    // Applications that were told of them are told that they are erased.
    assert_eq!(catalog.delivery_counts().await.unwrap().0, 5);
    assert!(catalog.segments(ann).await.unwrap().is_empty());
    assert_eq!(catalog.segments(bob).await.unwrap().len(), 1);
    assert_eq!(catalog.turns(made.id).await.unwrap().len(), 1);
    assert_eq!(catalog.garbage().await.unwrap(), [Garbage { recording: made.id, track: Some(ann) }]);
    catalog.removed_track(made.id, ann).await.unwrap();
    assert!(catalog.garbage().await.unwrap().is_empty());
    assert!(matches!(catalog.erase(made.id, "peer-ann").await, Err(Error::Missing { what: "participant" })));
}

async fn who_was_there_with_two_devices_is_erased_with_both(database: Database) {
    let catalog = database.open().await;
    let made = new("room", 100);
    catalog.create_recording(&made).await.unwrap();
    let mut tracks = vec![
        join(&catalog, made.id, "phone", "Ann", Some("u-ann")).await,
        join(&catalog, made.id, "laptop", "Ann E.", Some("u-ann")).await,
    ];
    // Two of whom nobody knows who they are, are not the same.
    let others = [
        join(&catalog, made.id, "guest-1", "", None).await,
        join(&catalog, made.id, "guest-2", "", None).await,
    ];
    catalog.finish_recording(made.id, &done(110)).await.unwrap();
    let mut erased = catalog.erase(made.id, "phone").await.unwrap();
    erased.tracks.sort();
    tracks.sort();
    assert_eq!((erased.participants.len(), erased.tracks), (2, tracks));
    assert_eq!(catalog.erase(made.id, "guest-1").await.unwrap().tracks, [others[0]]);
    assert_eq!(catalog.participants(made.id).await.unwrap().len(), 1);
}

async fn nobody_and_nothing_else_is_erased(database: Database) {
    let catalog = database.open().await;
    let (id, participant, track) = with_track(&catalog).await;
    let other = new("other room", 100);
    catalog.create_recording(&other).await.unwrap();
    let kept = join(&catalog, other.id, "peer-1", "Ada", Some("ada")).await;
    assert!(matches!(catalog.erase(id, "ada").await, Err(Error::StillRunning)));
    for end in [id, other.id] {
        catalog.finish_recording(end, &done(110)).await.unwrap();
    }
    for nobody in ["", "%", "nobody", "' OR '1'='1", &RecordingId::new().to_string()] {
        assert!(matches!(catalog.erase(id, nobody).await, Err(Error::Missing { .. })), "{nobody}");
    }
    assert!(matches!(catalog.erase(RecordingId::new(), "ada").await, Err(Error::Missing { .. })));
    // Of a hidden recording too, and by the recorder's own id.
    catalog.delete_recording(id, WallTime(1)).await.unwrap();
    assert_eq!(catalog.erase(id, &participant.to_string()).await.unwrap().tracks, [track]);
    assert_eq!(catalog.tracks(other.id).await.unwrap()[0].id, kept);
    assert_eq!(catalog.participants(other.id).await.unwrap()[0].display_name, "Ada");
}
