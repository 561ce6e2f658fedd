use super::*;
use crate::catalog::{Cause, Gap, Shown};
use crate::id::TrackId;
use crate::live::{NewPart, Sure};
use crate::media::Codec;
use crate::media::fmp4::read;
use crate::time::Ticks;

/// A running recording whose third segment has one part: the first half of the second segment's bytes.
async fn running() -> (TestApp, TrackId) {
    let app = TestApp::new().await;
    let ada = app.fixture.participant("Ada", 900).await;
    let track = app.fixture.track(ada, Codec::Vp9, "camera", &[(0, 1000, 2000), (0, 3000, 2000)]).await;
    part(&app, track, 0).await;
    (app, track)
}

async fn part(app: &TestApp, track: TrackId, number: i64) {
    let stored = app.fixture.catalog.segment(track, 1).await.unwrap().unwrap();
    let key = Key::media(app.fixture.recording, track);
    let bytes = app.fixture.store.read(&key, stored.range.clone()).await.unwrap();
    let first = read::scan(&bytes).fragments.remove(0);
    let duration = Ticks(45_000);
    app.edges.open(app.fixture.recording).publish([NewPart {
        track,
        run: 0,
        segment: 2,
        start: Ticks(450_000 + number * duration.0),
        duration,
        sync: number == 0,
        range: stored.range.start..stored.range.start + first.range.end - first.range.start,
    }]);
}

#[tokio::test]
async fn a_playlist_waits_and_tells_what_is_new() {
    let (app, track) = running().await;
    let at = app.at(&format!("/stream/{track}/playlist.m3u8"));
    let now = app.get(&at, Role::Student).await;
    assert!(now.text().contains("CAN-BLOCK-RELOAD=YES") && now.text().contains("URI=\"2.0.m4s\""));
    let second = format!("{at}?_HLS_msn=2&_HLS_part=1");
    let mut next = Box::pin(app.get(&second, Role::Student));
    assert!(futures_util::poll!(&mut next).is_pending());
    part(&app, track, 1).await;
    assert!(next.await.text().contains("URI=\"2.1.m4s\""));
    for (query, status, field) in [
        ("?_HLS_part=1", 400, "_HLS_part"),
        ("?_HLS_msn=9", 400, "_HLS_msn"),
        ("?_HLS_msn=18446744073709551615", 400, "_HLS_msn"),
    ] {
        let answer = app.get(&format!("{at}{query}"), Role::Student).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()["field"].as_str()),
            (status, Some(field)),
            "{query}"
        );
    }
    for query in
        ["?_HLS_msn=-1", "?_HLS_msn=18446744073709551616", "?_HLS_msn=x", "?_HLS_msn=2&_HLS_part=0x1"]
    {
        assert_eq!(app.get(&format!("{at}{query}"), Role::Student).await.status, 400, "{query}");
    }
    app.fixture.finish(6000).await;
    app.edges.close(app.fixture.recording);
    let ended = app.get(&format!("{at}?_HLS_msn=9&_HLS_part=3"), Role::Student).await;
    assert!(ended.status == 200 && ended.text().ends_with("#EXT-X-ENDLIST\n"));
}

#[tokio::test]
async fn a_part_is_served_and_the_next_is_waited_for() {
    let (app, track) = running().await;
    let at = |name: &str| app.at(&format!("/stream/{track}/{name}"));
    let first = app.get(&at("2.0.m4s"), Role::Student).await;
    assert_eq!((first.status.as_u16(), first.header("content-type")), (200, "video/mp4"));
    // Counted from Ada's first media: the bytes are those of the segment that begins 2 s after it.
    assert_eq!(read::scan(&first.body).fragments[0].start, Ticks(180_000));
    let second = at("2.1.m4s");
    let mut next = Box::pin(app.get(&second, Role::Student));
    assert!(futures_util::poll!(&mut next).is_pending());
    part(&app, track, 1).await;
    assert_eq!(next.await.status, 200);
    for name in ["2.3.m4s", "3.1.m4s", "9.0.m4s", "1.0.m4s", "4294967295.4294967295.m4s"] {
        assert_eq!(app.get(&at(name), Role::Student).await.status, 404, "{name}");
    }
    // The announced part of a segment that was closed instead will never be.
    let announced = at("2.2.m4s");
    let mut never = Box::pin(app.get(&announced, Role::Student));
    assert!(futures_util::poll!(&mut never).is_pending());
    app.edges.close(app.fixture.recording);
    assert_eq!(never.await.status, 404);
}

#[tokio::test]
async fn a_fill_is_served_in_parts_and_the_next_is_waited_for() {
    let (app, track) = running().await;
    let edge = app.edges.open(app.fixture.recording);
    let gap = |open: bool, millis: i64| Gap {
        track,
        number: 0,
        after: 1,
        cause: Cause::Off,
        shown: Shown::Black,
        start: Ticks(450_000),
        duration: Ticks(millis * 90),
        open,
        listed_micros: 0,
    };
    app.fixture.catalog.add_media(&[], &[gap(true, 2600)]).await.unwrap();
    edge.touch([track]);
    let at = |name: &str| app.at(&format!("/stream/{track}/{name}"));
    let mut joined = Vec::new();
    for part in 0..4 {
        let answer = app.get(&at(&format!("fill-1-0.{part}.m4s")), Role::Student).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "video/mp4"));
        let found = read::scan(&answer.body).fragments.remove(0);
        assert_eq!((found.start, found.duration), (Ticks(360_000 + part * 45_000), Ticks(45_000)));
        joined.extend_from_slice(&answer.body);
    }
    assert_eq!(app.get(&at("fill-1-0.m4s"), Role::Student).await.body, joined);
    // Of the second one there is one part, so the next is announced, and nothing else is.
    assert_eq!(app.get(&at("fill-1-1.0.m4s"), Role::Student).await.status, 200);
    for name in ["fill-1-1.m4s", "fill-1-1.2.m4s", "fill-1-3.0.m4s", "fill-0-0.0.m4s", "lead-0.0.m4s"] {
        assert_eq!(app.get(&at(name), Role::Student).await.status, 404, "{name}");
    }
    let (second, third) = (at("fill-1-1.1.m4s"), at("fill-1-1.2.m4s"));
    let mut next = Box::pin(app.get(&second, Role::Student));
    assert!(futures_util::poll!(&mut next).is_pending());
    edge.reach(track, Sure { gap: 0, reached: Ticks(450_000 + 3000 * 90) });
    assert_eq!(next.await.status, 200);
    // The camera is on again: what was announced will never be.
    let mut never = Box::pin(app.get(&third, Role::Student));
    assert!(futures_util::poll!(&mut never).is_pending());
    app.fixture.catalog.add_media(&[], &[gap(false, 3000)]).await.unwrap();
    edge.touch([track]);
    assert_eq!(never.await.status, 404);
    let whole = app.get(&at("fill-1-1.m4s"), Role::Student).await;
    assert_eq!(read::scan(&whole.body).fragments.len(), 2);
}
