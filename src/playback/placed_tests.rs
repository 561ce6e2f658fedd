use super::*;
use crate::catalog::{Cause, Change, Gap, Shown};
use crate::id::ParticipantId;
use crate::live::NewPart;
use crate::media::Codec;
use crate::playback::fixture::Fixture;

fn places(fixture: &Fixture, edges: &Hub) -> Places {
    Places::new(fixture.catalog.clone(), Rows::new(fixture.catalog.clone()), edges.clone())
}

/// A camera that is off from 5 s to 9 s, of somebody whose media begins at 1 s.
async fn camera(fixture: &Fixture) -> (ParticipantId, TrackId) {
    let ada = fixture.participant("Ada", 0).await;
    let segments = [(0, 1000, 2000), (0, 3000, 2000), (1, 9000, 2000)];
    let camera = fixture.track(ada, Codec::H264, "camera", &segments).await;
    let gap = Gap {
        track: camera,
        number: 0,
        after: 1,
        cause: Cause::Off,
        shown: Shown::Black,
        start: Ticks(450_000),
        duration: Ticks(360_000),
        open: false,
        listed_micros: 5_000_000,
    };
    fixture.catalog.write(&[Change::Media(&[], &[gap])], &[]).await.unwrap();
    (ada, camera)
}

impl Places {
    async fn at(&self, fixture: &Fixture, track: TrackId, file: File) -> Option<Placed> {
        self.find(fixture.recording, track, file, Instant::now()).await.unwrap()
    }
}

fn span(found: Option<Placed>) -> Option<(i64, i64, Option<i64>, bool, bool)> {
    let Placed { segment, zero_ms } = found?;
    assert!((segment.video, zero_ms) == (true, 1000), "{segment:?}");
    Some((segment.start_ms, segment.end_ms, segment.height, segment.fill, segment.last))
}

#[tokio::test]
async fn files_are_found_by_their_names() {
    let fixture = Fixture::new().await;
    let (_, camera) = camera(&fixture).await;
    fixture.finish(11_000).await;
    let places = places(&fixture, &Hub::default());
    let fill = |number, part| File::Fill(Named { after: Some(1), number, part });
    for (file, wanted) in [
        (File::Segment(0), Some((1000, 3000, Some(480), false, false))),
        (File::Segment(1), Some((3000, 5000, Some(480), false, false))),
        (File::Segment(2), Some((9000, 11_000, Some(240), false, true))),
        (File::Segment(3), None),
        (fill(0, None), Some((5000, 7000, None, true, false))),
        (fill(1, None), Some((7000, 9000, None, true, false))),
        (fill(0, Some(1)), Some((5500, 6000, None, true, false))),
        (fill(0, Some(4)), None),
        (fill(2, None), None),
        (File::At(0), Some((1000, 3000, Some(480), false, false))),
        (File::At(8 * 90_000), Some((9000, 11_000, Some(240), false, true))),
        (File::At(4 * 90_000), Some((5000, 7000, None, true, false))),
        (File::At(1), None),
        (File::At(u64::MAX), None),
        (File::Init, Some((1000, 1000, None, false, false))),
    ] {
        assert_eq!(span(places.at(&fixture, camera, file).await), wanted, "{file:?}");
    }
    let other = places.find(fixture.recording, TrackId::new(), File::Segment(0), Instant::now()).await;
    assert!(matches!(other, Err(Error::NoTrack(_))));
    assert_eq!(places.zero_ms(fixture.recording).await.unwrap(), 1000);
}

#[tokio::test]
async fn what_a_running_recording_gets_is_found_at_once() {
    let fixture = Fixture::new().await;
    let (_, camera) = camera(&fixture).await;
    let edges = Hub::default();
    let places = places(&fixture, &edges);
    assert_eq!(
        span(places.at(&fixture, camera, File::Segment(2)).await),
        Some((9000, 11_000, Some(240), false, false))
    );
    assert_eq!(places.at(&fixture, camera, File::Segment(3)).await, None);
    let mut next = fixture.catalog.segment(camera, 2).await.unwrap().unwrap();
    (next.number, next.start) = (3, Ticks(990_000));
    fixture.catalog.add_segments(&[next]).await.unwrap();
    assert_eq!(
        span(places.at(&fixture, camera, File::Segment(3)).await),
        Some((11_000, 13_000, Some(240), false, false))
    );
    // A part has its own place while it is remembered, and its segment's afterwards.
    edges.open(fixture.recording).publish((0..2).map(|number| NewPart {
        track: camera,
        run: 1,
        segment: 3,
        start: Ticks(990_000 + number * 45_000),
        duration: Ticks(45_000),
        sync: number == 0,
        range: 0..1,
    }));
    let part = File::Part { segment: 3, number: 1 };
    assert_eq!(
        span(places.at(&fixture, camera, part).await),
        Some((11_500, 12_000, Some(240), false, false))
    );
    edges.close(fixture.recording);
    assert_eq!(
        span(places.at(&fixture, camera, part).await),
        Some((11_000, 13_000, Some(240), false, false))
    );
}
