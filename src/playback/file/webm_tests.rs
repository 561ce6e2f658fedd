use super::*;
use crate::catalog::Shown;
use crate::id::TrackId;
use crate::media::Container;
use crate::media::Sample as Stored;
use crate::playback::file::select::{Moment, Wanted, Which};
use crate::playback::file::{Files, WINDOW, stream};
use crate::playback::film::{Shot, keyed, steady};
use crate::playback::fixture::Fixture;
use crate::playback::samples::Snapshot;
use futures_util::TryStreamExt;
use matroska_demuxer::{Frame, MatroskaFile};
use std::io::Cursor;
use std::sync::Arc;

/// A recording with its file.
struct Made {
    it: Fixture,
    file: Arc<WebM>,
    whole: Vec<u8>,
}

async fn views(it: &Fixture, tracks: &[TrackId]) -> (Room, Vec<(View, i64)>) {
    let room = Room::load(&it.catalog, it.recording).await.unwrap();
    let snapshot = Snapshot::now(&room, tracks);
    let zeros = tracks.iter().filter_map(|id| room.zero_micros(room.track(*id).unwrap().participant));
    let zero = zeros.min().unwrap();
    let mut views = Vec::new();
    for id in tracks {
        let offset = room.zero_micros(room.track(*id).unwrap().participant).unwrap() - zero;
        views.push((View::load(&it.catalog, &room, *id, &snapshot).await.unwrap(), offset));
    }
    (room, views)
}

async fn bytes(it: &Fixture, file: &Arc<WebM>, range: Range<u64>) -> Vec<u8> {
    let layout: Arc<dyn Layout> = Arc::clone(file) as _;
    let parts: Vec<Bytes> = stream(layout, it.store.clone(), range).try_collect().await.unwrap();
    parts.concat()
}

async fn made(it: Fixture, tracks: &[TrackId]) -> Made {
    let (room, views) = views(&it, tracks).await;
    let file = Arc::new(WebM::of(&it.store, &room, &views, 0).await.unwrap().unwrap());
    let whole = bytes(&it, &file, 0..file.len()).await;
    assert_eq!(whole.len() as u64, file.len());
    Made { it, file, whole }
}

/// Track, time in milliseconds, and bytes of every block.
fn blocks(whole: &[u8]) -> Vec<(u64, u64, Vec<u8>)> {
    let mut file = MatroskaFile::open(Cursor::new(whole.to_vec())).unwrap();
    let (mut all, mut frame) = (Vec::new(), Frame::default());
    while file.next_frame(&mut frame).unwrap() {
        all.push((frame.track, frame.timestamp, std::mem::take(&mut frame.data)));
    }
    all
}

/// Bytes of a track's blocks equal those that were stored, and each lies where it should to the millisecond.
fn equals(blocks: &[(u64, u64, Vec<u8>)], track: u64, stored: &[Stored], codec: Codec, zero: i64) {
    let own: Vec<_> = blocks.iter().filter(|(number, ..)| *number == track).collect();
    assert_eq!(own.len(), stored.len(), "{codec:?}");
    for ((_, at, data), sample) in own.iter().zip(stored) {
        assert_eq!(data.as_slice(), &sample.data[..]);
        let micros = sample.at.to_micros(codec.timescale()) - zero;
        assert!((*at as i64 * 1000 - micros).abs() <= 501, "{at} ms for {micros} us");
    }
}

#[tokio::test]
async fn every_stored_sample_is_in_the_file_once() {
    for codec in [Codec::Vp8, Codec::Vp9, Codec::Av1] {
        let it = Fixture::new().await;
        let ada = it.participant("Ada", 0).await;
        let (video, pictures) = it.film(ada, codec, "camera", &steady(codec, 0, 9_000, 20)).await;
        let (audio, sounds) =
            it.film(ada, Codec::Opus, "microphone", &steady(Codec::Opus, 0, 4_800, 20)).await;
        it.finish(21_000).await;
        let made = made(it, &[video, audio]).await;
        assert_eq!(made.file.media_type(), "video/webm");
        let all = blocks(&made.whole);
        assert!(all.is_sorted_by_key(|(_, at, _)| *at));
        equals(&all, 1, &pictures, codec, 100_000);
        equals(&all, 2, &sounds, Codec::Opus, 100_000);
        let file = MatroskaFile::open(Cursor::new(made.whole.clone())).unwrap();
        let [seen, heard] = file.tracks() else { panic!("two tracks") };
        assert_eq!((seen.name(), heard.codec_id()), (Some("Ada"), "A_OPUS"));
        assert_eq!(seen.codec_private().is_some(), codec == Codec::Av1);
        assert!((file.info().duration().unwrap() - 20_000.0).abs() < 2.0);
    }
}

#[tokio::test]
async fn a_thousand_ranges_are_those_of_the_whole() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let (video, _) = it.film(ada, Codec::Vp8, "camera", &steady(Codec::Vp8, 0, 0, 60)).await;
    let (audio, _) = it.film(ada, Codec::Opus, "microphone", &steady(Codec::Opus, 0, 0, 60)).await;
    it.finish(60_000).await;
    let made = made(it, &[video, audio]).await;
    let len = made.file.len();
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    for _ in 0..1000 {
        let start = random(len);
        let most = if random(4) == 0 { len } else { 2000 };
        let end = (start + 1 + random(most)).min(len);
        let found = bytes(&made.it, &made.file, start..end).await;
        assert_eq!(found, &made.whole[start as usize..end as usize], "{start}..{end}");
    }
}

#[tokio::test]
async fn little_is_held_of_a_long_recording() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let (video, pictures) = it.film(ada, Codec::Vp9, "camera", &steady(Codec::Vp9, 0, 0, 200)).await;
    it.finish(200_000).await;
    let made = made(it, &[video]).await;
    let each = made.file.held() as f64 / pictures.len() as f64;
    // 16 for the sample; cues and clusters are one in 60.
    assert!(each <= 18.0, "{each} bytes for each of {}", pictures.len());
}

/// Of silence a window would be tens of thousands of parts, which take more memory than their bytes.
#[tokio::test]
async fn a_window_of_silence_has_few_parts() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let (audio, _) = it.film(ada, Codec::Opus, "microphone", &steady(Codec::Opus, 0, 0, 2)).await;
    it.gap(audio, 0, Shown::Silence, 96_000, 900 * 48_000).await;
    it.finish(902_000).await;
    let made = made(it, &[audio]).await;
    assert_eq!(blocks(&made.whole).len(), 100 + 900 * 50);
    let range = 0..WINDOW.min(made.file.len());
    assert!(range.end == WINDOW);
    let parts = made.file.parts(range).await.unwrap();
    assert!(parts.len() <= MOST_PARTS + 1, "{} parts", parts.len());
    let bytes: u64 = parts.iter().map(Part::len).sum();
    assert!((16 << 10..WINDOW).contains(&bytes), "{bytes} bytes");
}

#[tokio::test]
async fn fills_are_in_the_file_and_sizes_change_in_band() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let shot = |run, start: i64| Shot { run, start, samples: vec![(90_000, true, 50), (90_000, false, 20)] };
    let (video, pictures) = it.film(ada, Codec::Vp8, "camera", &[shot(0, 0), shot(1, 540_000)]).await;
    it.gap(video, 0, Shown::Black, 180_000, 360_000).await;
    it.finish(8000).await;
    let made = made(it, &[video]).await;
    let all = blocks(&made.whole);
    let black = black::picture(Codec::Vp8).unwrap();
    let fills: Vec<u64> = all.iter().filter(|(_, _, data)| *data == black).map(|(_, at, _)| *at).collect();
    assert_eq!(fills, (0..8).map(|n| 2000 + n * 500).collect::<Vec<_>>());
    let rest: Vec<_> = all.into_iter().filter(|(_, _, data)| *data != black).collect();
    equals(&rest, 1, &pictures, Codec::Vp8, 0);
}

#[tokio::test]
async fn a_part_begins_with_a_key_frame() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let (video, pictures) = it.film(ada, Codec::Vp8, "camera", &steady(Codec::Vp8, 0, 0, 20)).await;
    it.finish(20_000).await;
    let (room, mut views) = views(&it, &[video]).await;
    let (view, _) = &mut views[0];
    view.cut(&it.store, 5_000_000, Some(3_000_000)).await.unwrap();
    view.begin_at_key_frame();
    let file = Arc::new(WebM::of(&it.store, &room, &views, 4_000_000).await.unwrap().unwrap());
    let all = blocks(&bytes(&it, &file, 0..file.len()).await);
    let wanted: Vec<Stored> =
        pictures.into_iter().filter(|sample| (360_000..720_000).contains(&sample.at.0)).collect();
    equals(&all, 1, &wanted, Codec::Vp8, 4_000_000);
}

#[tokio::test]
async fn two_pictures_with_other_key_frames_stay_in_step() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let (one, first) = it.film(ada, Codec::Vp8, "camera", &keyed(&[0, 8, 10], 14)).await;
    let (two, second) = it.film(ada, Codec::Vp8, "screen", &keyed(&[0, 9], 14)).await;
    it.finish(14_000).await;
    let wanted = Wanted {
        which: Which::Tracks(vec![one, two]),
        start: Moment::Media(10_700_000),
        end: None,
        duration: None,
        exact: true,
    };
    let files = Files::new(it.source(), 1 << 20);
    let file = files.open(it.recording, &wanted, Container::WebM, &[]).await.unwrap().file;
    let range = 0..file.layout.len();
    let parts: Vec<Bytes> =
        stream(Arc::clone(&file.layout), it.store.clone(), range).try_collect().await.unwrap();
    let all = blocks(&parts.concat());
    // It begins with the earlier key frame, at 9 s. No two pictures of a track are of one time.
    equals(&all, 1, &first[20..], Codec::Vp8, 9_000_000);
    equals(&all, 2, &second[18..], Codec::Vp8, 9_000_000);
}

#[tokio::test]
async fn sound_alone_is_audio_and_h264_is_refused() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let (audio, sounds) = it.film(ada, Codec::Opus, "microphone", &steady(Codec::Opus, 0, 0, 10)).await;
    let (video, _) = it.film(ada, Codec::H264, "camera", &steady(Codec::H264, 0, 0, 10)).await;
    it.finish(10_000).await;
    let (room, both) = views(&it, &[video, audio]).await;
    assert!(matches!(
        WebM::of(&it.store, &room, &both, 0).await,
        Err(Error::NotInContainer { codec: "H264", .. })
    ));
    assert!(WebM::of(&it.store, &room, &[], 0).await.unwrap().is_none());
    let made = made(it, &[audio]).await;
    assert_eq!(made.file.media_type(), "audio/webm");
    equals(&blocks(&made.whole), 1, &sounds, Codec::Opus, 0);
}
