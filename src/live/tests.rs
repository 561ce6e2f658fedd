use super::*;

fn part(track: TrackId, segment: u32, at: i64) -> NewPart {
    NewPart {
        track,
        run: 0,
        segment,
        start: Ticks(at),
        duration: Ticks(45_000),
        sync: at == 0,
        range: at.unsigned_abs()..at.unsigned_abs() + 10,
    }
}

#[test]
fn parts_are_numbered_within_their_segment_and_the_oldest_are_forgotten() {
    let (hub, id, track) = (Hub::default(), RecordingId::new(), TrackId::new());
    let edge = hub.open(id);
    edge.publish((0..40).map(|n| part(track, n / 2, i64::from(n) * 45_000)));
    let parts = hub.get(id).unwrap().parts(track);
    let places: Vec<(u32, u32)> = parts.iter().map(|part| (part.segment, part.number)).collect();
    assert_eq!(places.first(), Some(&(4, 0)));
    assert_eq!(places.last(), Some(&(19, 1)));
    assert_eq!(places.len(), 32);
    assert_eq!(edge.parts(TrackId::new()), []);
}

#[tokio::test]
async fn whoever_waits_is_woken_by_what_concerns_them() {
    let (hub, id, track, other) = (Hub::default(), RecordingId::new(), TrackId::new(), TrackId::new());
    let edge = hub.open(id);
    let (mut own, mut others) = (edge.watch(track), edge.watch(other));
    edge.publish([part(track, 0, 0)]);
    assert!(own.has_changed().unwrap() && !others.has_changed().unwrap());
    own.mark_unchanged();
    edge.touch([other]);
    assert!(!own.has_changed().unwrap() && others.has_changed().unwrap());
    others.mark_unchanged();
    edge.reach(track, Sure { gap: 2, reached: Ticks(900) });
    assert!(own.has_changed().unwrap() && !others.has_changed().unwrap());
    assert_eq!((edge.sure(track), edge.sure(other)), (Some(Sure { gap: 2, reached: Ticks(900) }), None));
    own.mark_unchanged();
    edge.touch_all();
    assert!(own.has_changed().unwrap());
    own.mark_unchanged();
    let waiting = tokio::spawn(async move { own.changed().await.is_err() });
    hub.close(id);
    assert!(waiting.await.unwrap(), "the end wakes whoever waits");
    assert!(hub.get(id).is_none());
}

#[test]
fn rows_count_by_the_tracks_that_they_are_of_and_fragments_do_not() {
    let (edge, track, other) = (Edge::default(), TrackId::new(), TrackId::new());
    assert_eq!(edge.rows([track, other]), 0);
    edge.touch([track]);
    edge.publish([part(track, 0, 0)]);
    edge.reach(other, Sure { gap: 0, reached: Ticks(900) });
    assert_eq!((edge.rows([track]), edge.rows([other]), edge.rows([track, other])), (1, 0, 1));
    // Also for those of which nothing was told yet.
    edge.touch_all();
    assert_eq!((edge.rows([track]), edge.rows([TrackId::new()])), (2, 1));
}

#[test]
fn whoever_looks_for_a_track_does_not_make_it_one() {
    let (edge, track) = (Edge::default(), TrackId::new());
    assert!(edge.watched(track).is_none() && edge.watched(track).is_none());
    let watch = edge.watch(track);
    edge.touch([track]);
    assert!(watch.has_changed().unwrap() && edge.watched(track).is_some());
}
