use super::*;
use crate::catalog::Shown;
use crate::media::{Rotation, codec};
use crate::time::Ticks;

const SECOND: i64 = 90_000;

fn gap(track: TrackId, number: u32, cause: Cause, seconds: i64, open: bool) -> Gap {
    Gap {
        track,
        number,
        after: 0,
        cause,
        shown: Shown::Black,
        start: Ticks(10 * SECOND),
        duration: Ticks(seconds * SECOND),
        open,
        listed_micros: 0,
    }
}

fn run() -> Run {
    Run {
        number: 0,
        init: bytes::Bytes::new(),
        range: 0..0,
        config: codec::Config {
            string: "vp09.00.10.08".to_owned(),
            width: 640,
            height: 360,
            channels: 0,
            codec: Codec::Vp9,
            entry: mp4_atom::Codec::Unknown(mp4_atom::FourCC::new(b"vp09"), Vec::new()),
        },
        rotation: Rotation::None,
        first: Ticks(0),
        wall: WallTime(1_000_000),
        listed_micros: 0,
    }
}

struct Told {
    teller: Teller,
    participant: ParticipantId,
    track: TrackId,
}

/// Ada, and a camera of hers that was announced.
fn told() -> Told {
    let recording = RecordingId::new();
    let mut teller = Teller { recording, people: HashMap::new(), sources: HashMap::new() };
    let (participant, track) = (ParticipantId::new(), TrackId::new());
    let joined = teller.joined(&NewParticipant {
        id: participant,
        recording,
        peer_id: "ada".to_owned(),
        display_name: "Ada".to_owned(),
        user_id: Some("user-1".to_owned()),
        joined_at: WallTime(0),
    });
    assert_eq!(joined.kind, EventKind::ParticipantJoined);
    assert_eq!((&joined.data["user_id"], &joined.data["returned"]), (&json!("user-1"), &json!(false)));
    teller.announced(&NewTrack {
        id: track,
        recording,
        participant,
        kind: Kind::Video,
        source: "camera".to_owned(),
        codec: Codec::Vp9,
        producer_id: "p".to_owned(),
        layer: None,
        picture: None,
    });
    Told { teller, participant, track }
}

fn name(event: Option<NewEvent>) -> Option<&'static str> {
    event.map(|event| event.kind.name())
}

#[test]
fn a_stall_is_told_once_and_ends_when_media_comes() {
    let Told { mut teller, track, .. } = told();
    let started = teller.ran(track, &run()).unwrap();
    assert_eq!(started.kind, EventKind::TrackStarted);
    assert_eq!((&started.data["peer_id"], &started.data["width"]), (&json!("ada"), &json!(640)));
    assert_eq!(name(teller.flowed(track)), None);
    let stalled = teller.gap(&gap(track, 0, Cause::Loss, 1, true)).unwrap();
    assert_eq!((stalled.kind, &stalled.data["cause"]), (EventKind::TrackStalled, &json!("loss")));
    assert_eq!(stalled.data["offset_us"], 10_000_000);
    assert_eq!(name(teller.gap(&gap(track, 0, Cause::Loss, 4, true))), None, "it only grows");
    // Its producer turns out to be off: the gap ends and another one begins, but no media came.
    assert_eq!(name(teller.gap(&gap(track, 0, Cause::Loss, 4, false))), None);
    let off = teller.gap(&gap(track, 1, Cause::Off, 2, true)).unwrap();
    assert_eq!((off.kind, &off.data["cause"]), (EventKind::TrackStalled, &json!("off")));
    assert_eq!(name(teller.gap(&gap(track, 1, Cause::Off, 9, false))), None);
    let resumed = teller.ran(track, &run()).unwrap();
    assert_eq!((resumed.kind, &resumed.data["cause"]), (EventKind::TrackResumed, &json!("off")));
    assert_eq!(name(teller.ran(track, &run())), None, "another resolution is nothing to tell");
}

#[test]
fn a_stall_that_was_over_before_it_was_known_is_told_and_a_short_one_is_not() {
    let Told { mut teller, track, .. } = told();
    assert_eq!(name(teller.gap(&gap(track, 0, Cause::Off, 5, true))), None, "nothing had begun");
    teller.ran(track, &run());
    assert_eq!(name(teller.gap(&gap(track, 0, Cause::Loss, 0, false))), None);
    assert_eq!(name(teller.gap(&gap(track, 1, Cause::Loss, 3, false))), Some("track.stalled"));
    assert_eq!(name(teller.flowed(track)), Some("track.resumed"));
}

#[test]
fn tracks_stop_with_their_participant_and_start_again_when_both_come_back() {
    let Told { mut teller, participant, track } = told();
    let names = |events: Vec<NewEvent>| events.iter().map(|event| event.kind.name()).collect::<Vec<_>>();
    assert_eq!(names(teller.left(participant, WallTime(1))), ["participant.left"]);
    teller.ran(track, &run());
    assert_eq!(names(teller.left(participant, WallTime(2))), ["track.stopped", "participant.left"]);
    let back = teller.returned(participant);
    assert_eq!((&back.data["returned"], &back.data["peer_id"]), (&json!(true), &json!("ada")));
    assert_eq!(name(teller.gap(&gap(track, 0, Cause::Off, 5, true))), None, "it has stopped");
    let again = teller.ran(track, &run()).unwrap();
    assert_eq!((again.kind, &again.data["returned"]), (EventKind::TrackStarted, &json!(true)));
    let stopped = teller.stopped(track, WallTime(3_000_000), Some("B-frames")).unwrap();
    assert_eq!(stopped.data["error"], "B-frames");
    assert_eq!(stopped.data["stopped_at"], "1970-01-01T00:00:03.000Z");
    assert_eq!(name(teller.stopped(track, WallTime(4), None)), None);
}

#[test]
fn a_source_that_gave_nothing_is_told_when_it_is_over() {
    let Told { mut teller, track, .. } = told();
    let stopped = teller.stopped(track, WallTime(3), Some("no packet came")).unwrap();
    assert_eq!(
        (&stopped.data["started_at"], &stopped.data["error"]),
        (&Value::Null, &json!("no packet came"))
    );
}

#[test]
fn a_grade_that_falls_is_told_and_one_that_rises_is_not() {
    let Told { mut teller, track, .. } = told();
    let verdict = |grade, lost| Integrity { grade, packets_lost: lost, ..Integrity::default() };
    assert_eq!(name(teller.judged(track, &verdict(Grade::Intact, 0))), None);
    let fallen = teller.judged(track, &verdict(Grade::Fair, 3)).unwrap();
    assert_eq!(fallen.kind, EventKind::IntegrityDegraded);
    assert_eq!((&fallen.data["from"], &fallen.data["to"]), (&json!("intact"), &json!("fair")));
    assert_eq!(fallen.data["integrity"]["packets_lost"], 3);
    assert_eq!(name(teller.judged(track, &verdict(Grade::Good, 4))), None);
    assert_eq!(name(teller.judged(track, &verdict(Grade::Fair, 9))), None, "told already");
    assert_eq!(name(teller.judged(track, &verdict(Grade::Poor, 99))), Some("integrity.degraded"));
}

#[test]
fn events_after_a_new_name_tell_it() {
    let Told { mut teller, participant, track } = told();
    teller.named(&Names {
        participant,
        recording: teller.recording,
        display_name: "Ada Lovelace".to_owned(),
        user_id: Some("user-2".to_owned()),
    });
    let started = teller.ran(track, &run()).unwrap();
    assert_eq!(
        (&started.data["peer_id"], &started.data["display_name"], &started.data["user_id"]),
        (&json!("ada"), &json!("Ada Lovelace"), &json!("user-2"))
    );
}

#[tokio::test]
async fn a_teller_of_a_recording_that_goes_on_knows_what_was_told() {
    let it = crate::playback::fixture::Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let camera = it.track(ada, Codec::H264, "camera", &[(0, 0, 2000)]).await;
    it.catalog.set_integrity(camera, &json!({"grade": "fair"})).await.unwrap();
    let mut teller = Teller::new(it.recording, &it.catalog).await.unwrap();
    assert_eq!(name(teller.ran(camera, &run())), None, "its start was told");
    let fair = Integrity { grade: Grade::Fair, ..Integrity::default() };
    assert_eq!(name(teller.judged(camera, &fair)), None);
    let left = teller.left(ada, WallTime(5));
    assert_eq!(left[0].data["display_name"], "Ada");
    assert_eq!((left.len(), left[0].kind), (2, EventKind::TrackStopped));
    it.catalog.add_media(&[], &[gap(camera, 0, Cause::Loss, 4, true)]).await.unwrap();
    let mut stalled = Teller::new(it.recording, &it.catalog).await.unwrap();
    assert_eq!(name(stalled.gap(&gap(camera, 0, Cause::Loss, 9, true))), None, "its stall was told");
    assert_eq!(name(stalled.ran(camera, &run())), Some("track.resumed"));
    it.catalog.participant_left(ada, WallTime(6)).await.unwrap();
    let mut gone = Teller::new(it.recording, &it.catalog).await.unwrap();
    assert_eq!(name(gone.stopped(camera, WallTime(7), None)), None, "its stop was told");
}

#[tokio::test]
async fn failure_31_a_recording_that_is_found_interrupted_is_told_to_its_end() {
    let it = crate::playback::fixture::Fixture::new().await;
    it.catalog.configure_webhook(Some("https://app.example.org/")).await.unwrap();
    let ada = it.participant("Ada", 0).await;
    it.track(ada, Codec::H264, "camera", &[(0, 0, 2000)]).await;
    let row = it.catalog.recording(it.recording).await.unwrap().unwrap();
    crate::recorder::recovery::close(&it.catalog, &it.store, &row).await.unwrap();
    let log = it.catalog.events(it.recording, 0, &[], 10).await.unwrap();
    let kinds: Vec<_> = log.iter().map(|event| event.kind).collect();
    assert_eq!(
        kinds,
        [EventKind::RecordingStarted, EventKind::TrackStopped, EventKind::RecordingCompleted],
        "{log:?}"
    );
    assert!(log[2].data["error"].as_str().unwrap().contains("interrupted"));
    assert_eq!(it.catalog.delivery_counts().await.unwrap(), (2, 0));
}
