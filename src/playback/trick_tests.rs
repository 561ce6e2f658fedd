use super::*;
use crate::catalog::{Cause, Gap};
use crate::media::Codec;
use crate::media::fmp4::read;
use crate::playback::filled::Named;
use crate::playback::film::Shot;
use crate::playback::fixture::Fixture;
use crate::playback::playlist::QUERY;
use bytes::Bytes;
use m3u8_rs::MediaPlaylist;

/// The I-frame playlist of a track, and its media playlist.
async fn both(it: &Fixture, track: TrackId) -> (MediaPlaylist, MediaPlaylist) {
    let parsed = |text: String| m3u8_rs::parse_media_playlist_res(text.as_bytes()).unwrap();
    let (keys, peak) = of(&it.catalog, &it.store, it.recording, track, None).await.unwrap();
    assert!(peak > 0);
    let media = playlist::of(&it.catalog, None, it.recording, track).await.unwrap();
    (parsed(keys.replace(QUERY, "")), parsed(media.render().with("", false)))
}

/// How long a playlist is, and where it has discontinuities, in microseconds.
fn shape(playlist: &MediaPlaylist) -> (i64, Vec<i64>) {
    let (mut at, mut breaks) = (0, Vec::new());
    for segment in &playlist.segments {
        if segment.discontinuity {
            breaks.push(at);
        }
        at += (f64::from(segment.duration) * 1e6).round() as i64;
    }
    (at, breaks)
}

/// What a playlist of `own` names.
async fn fetch(it: &Fixture, own: TrackId, uri: &str) -> Bytes {
    let (track, name) = match uri.strip_prefix("../").and_then(|rest| rest.split_once('/')) {
        Some((track, name)) => (track.parse().unwrap(), name),
        None => (own, uri),
    };
    let (source, stem) = (it.source(), name.strip_suffix(".m4s").unwrap());
    let (after, number) = match stem.split('-').collect::<Vec<_>>()[..] {
        ["lead", number] => (None, number),
        ["fill", after, number] => (Some(after.parse().unwrap()), number),
        _ => return source.segment(it.recording, track, stem.parse().unwrap()).await.unwrap().bytes,
    };
    let named = Named { after, number: number.parse().unwrap(), part: None };
    source.fill(it.recording, track, named).await.unwrap().bytes
}

/// Each range ends with the key frame that its resource begins with.
async fn are_key_frames(it: &Fixture, track: TrackId, playlist: &MediaPlaylist) {
    let step = playlist.segments.len() / 16 + 1;
    for segment in playlist.segments.iter().step_by(step).chain(playlist.segments.last()) {
        let bytes = fetch(it, track, &segment.uri).await;
        let first = &read::scan(&bytes).fragments[0].samples[0];
        let range = segment.byte_range.as_ref().unwrap();
        let expected = (first.offset + u64::from(first.size), Some(0));
        assert_eq!((range.length, range.offset), expected, "{}", segment.uri);
        assert!(first.sync, "{}", segment.uri);
    }
}

/// The entries are those of the media playlist.
async fn is_as_the_media_playlist(it: &Fixture, track: TrackId) -> (i64, Vec<i64>) {
    let (keys, media) = both(it, track).await;
    let names = |list: &MediaPlaylist| list.segments.iter().map(|own| own.uri.clone()).collect::<Vec<_>>();
    let maps = |list: &MediaPlaylist| {
        list.segments.iter().map(|own| own.map.as_ref().map(|map| map.uri.clone())).collect::<Vec<_>>()
    };
    assert_eq!((names(&keys), maps(&keys)), (names(&media), maps(&media)));
    assert_eq!(shape(&keys), shape(&media));
    are_key_frames(it, track, &keys).await;
    shape(&keys)
}

fn gap(track: TrackId, number: u32, after: u32, shown: Shown, start_ms: i64, millis: i64) -> Gap {
    Gap {
        track,
        number,
        after,
        cause: Cause::Off,
        shown,
        start: Ticks(start_ms * 90),
        duration: Ticks(millis * 90),
        open: false,
        listed_micros: 0,
    }
}

#[tokio::test]
async fn key_frames_of_a_camera_that_comes_3_h_late_begin_with_its_lead() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    it.track(ada, Codec::Opus, "microphone", &[(0, 0, 2000)]).await;
    let camera = it.track(ada, Codec::Vp9, "camera", &[(0, 10_800_000, 2000)]).await;
    it.finish(10_802_000).await;
    let shape = is_as_the_media_playlist(&it, camera).await;
    assert_eq!(shape, (10_802_000_000, vec![10_800_000_000]));
}

#[tokio::test]
async fn key_frames_have_both_discontinuities_of_a_camera_that_was_off() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let camera = it.track(ada, Codec::H264, "camera", &[(0, 0, 2000), (2, 7500, 2000)]).await;
    let off = gap(camera, 0, 0, Shown::Black, 2000, 5500);
    it.catalog.add_media(&[], &[off]).await.unwrap();
    it.finish(9500).await;
    let shape = is_as_the_media_playlist(&it, camera).await;
    assert_eq!(shape, (9_500_000, vec![2_000_000, 7_500_000]));
}

#[tokio::test]
async fn the_last_key_frame_before_a_loss_is_listed_again() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    // Two key frames in a segment, the second of which is shown on.
    let samples = vec![(90_000, true, 500), (45_000, true, 300), (45_000, false, 20)];
    let shots =
        [Shot { run: 0, start: 0, samples: samples.clone() }, Shot { run: 0, start: 630_000, samples }];
    let (camera, _) = it.film(ada, Codec::Vp9, "camera", &shots).await;
    it.gap(camera, 0, Shown::Still, 180_000, 450_000).await;
    it.finish(9000).await;
    assert_eq!(is_as_the_media_playlist(&it, camera).await, (9_000_000, Vec::new()));
}

#[tokio::test]
async fn key_frames_of_layers_are_those_of_the_ladder() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let whole: Vec<_> = (0..8).map(|n| (0, n * 2000, 2000)).collect();
    let low = it.layer(ada, 0, None, &[whole[..4].to_vec(), whole[6..].to_vec()].concat()).await;
    let high = it.layer(ada, 1, Some(low), &[whole[..2].to_vec(), whole[7..].to_vec()].concat()).await;
    let rows = [gap(low, 0, 3, Shown::Black, 8000, 4000), gap(high, 0, 1, Shown::Black, 4000, 10_000)];
    it.catalog.add_media(&[], &rows).await.unwrap();
    it.finish(16_000).await;
    let shapes = (is_as_the_media_playlist(&it, low).await, is_as_the_media_playlist(&it, high).await);
    assert_eq!(shapes.0, shapes.1);
    let breaks = [4_000_000, 8_000_000, 12_000_000, 14_000_000];
    assert_eq!(shapes.0, (16_000_000, breaks.to_vec()));
}

#[tokio::test]
async fn a_key_frame_stands_over_segments_that_begin_without_one() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let shot = |start, sync| Shot { run: 0, start, samples: vec![(90_000, sync, 50), (90_000, false, 20)] };
    let shots = [shot(0, true), shot(180_000, false), shot(360_000, true)];
    let (camera, _) = it.film(ada, Codec::Vp8, "camera", &shots).await;
    it.finish(6000).await;
    let (keys, media) = both(&it, camera).await;
    assert_eq!((keys.segments.len(), media.segments.len()), (2, 3));
    assert_eq!(shape(&keys), shape(&media));
    are_key_frames(&it, camera, &keys).await;
}
