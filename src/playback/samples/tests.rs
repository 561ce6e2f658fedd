use super::*;
use crate::catalog::Shown;
use crate::media;
use crate::playback::film::{Shot, steady};
use crate::playback::fixture::Fixture;
use proptest::prelude::*;

/// A sample with its bytes.
type Read = (Sample, Bytes);

async fn view(it: &Fixture, track: TrackId) -> View {
    let room = Room::load(&it.catalog, it.recording).await.unwrap();
    let now = Snapshot::now(&room, &[track]);
    View::load(&it.catalog, &now.restrict(room), track, &now).await.unwrap()
}

async fn read(it: &Fixture, view: &View) -> Vec<Read> {
    let (mut reader, mut all) = (view.reader(&it.store), Vec::new());
    while let Some(samples) = reader.next().await.unwrap() {
        for sample in samples {
            let bytes = match sample.data {
                Data::Stored { file, offset } | Data::Again { file, offset } => {
                    let range = offset..offset + u64::from(sample.size);
                    it.store.read(&view.files()[usize::from(file)], range).await.unwrap()
                }
                Data::Silence => View::silence(),
                Data::Black => view.black(),
            };
            assert_eq!(bytes.len(), sample.size as usize);
            all.push((sample, bytes));
        }
    }
    all
}

/// Every sample begins where the one before it ends.
#[track_caller]
fn contiguous(read: &[Read]) {
    for pair in read.windows(2) {
        let ((before, _), (sample, _)) = (&pair[0], &pair[1]);
        assert_eq!(before.at + Ticks(before.duration.into()), sample.at);
        assert!(before.duration > 0);
    }
}

fn stored(read: &[Read]) -> Vec<&Bytes> {
    let own = read.iter().filter(|(sample, _)| matches!(sample.data, Data::Stored { .. }));
    own.map(|(_, bytes)| bytes).collect()
}

fn bytes(samples: &[media::Sample]) -> Vec<&Bytes> {
    samples.iter().map(|sample| &sample.data).collect()
}

#[tokio::test]
async fn what_was_stored_is_read_in_order() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    // Twice as many entries as are read at once.
    let (track, made) = it.film(ada, Codec::Vp9, "camera", &steady(Codec::Vp9, 0, 90_000, 280)).await;
    it.finish(281_000).await;
    let view = view(&it, track).await;
    let read = read(&it, &view).await;
    contiguous(&read);
    assert_eq!(stored(&read), bytes(&made));
    let times: Vec<_> = read.iter().map(|(own, _)| (own.at.0 + 90_000, own.duration, own.sync)).collect();
    assert_eq!(times, made.iter().map(|own| (own.at.0, own.duration, own.sync)).collect::<Vec<_>>());
    assert_eq!((view.first(), view.end()), (Ticks(0), Ticks(280 * 90_000)));
    let Parameters::Run(run) = &view.parameters()[0] else { panic!("no run") };
    assert_eq!((run.number, view.parameters().len()), (0, 1));
}

#[tokio::test]
async fn fills_are_samples_too() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let shot = |run, start, count| Shot { run, start, samples: vec![(9000, false, 50); count] };
    let mut shots = [shot(0, 180_000, 20), shot(0, 450_000, 20), shot(1, 900_000, 10)];
    for shot in &mut shots {
        shot.samples[0] = (9000, true, 400);
    }
    let (camera, made) = it.film(ada, Codec::H264, "camera", &shots).await;
    it.gap(camera, 0, Shown::Still, 360_000, 90_000).await;
    it.gap(camera, 1, Shown::Black, 630_000, 270_000).await;
    let (sound, heard) = it.film(ada, Codec::Opus, "microphone", &steady(Codec::Opus, 0, 0, 2)).await;
    it.finish(12_000).await;

    let pictures = view(&it, camera).await;
    let all = read(&it, &pictures).await;
    contiguous(&all);
    assert_eq!(stored(&all), bytes(&made));
    let of = |from: i64, to: i64| {
        let inside = all.iter().filter(move |(own, _)| own.at >= Ticks(from) && own.at < Ticks(to));
        inside.map(|(own, bytes)| (own.data, own.parameters, own.sync, bytes.clone())).collect::<Vec<_>>()
    };
    let black = View::black(&pictures);
    assert_eq!(of(0, 180_000), vec![(Data::Black, 0, true, black.clone()); 4], "the lead");
    let key = all.iter().find(|(own, _)| own.at == Ticks(180_000)).unwrap();
    let Data::Stored { file, offset } = key.0.data else { panic!("not stored") };
    assert_eq!(of(360_000, 450_000), vec![(Data::Again { file, offset }, 1, true, key.1.clone()); 2]);
    assert_eq!(of(630_000, 900_000), vec![(Data::Black, 0, true, black); 6]);
    let numbers = pictures.parameters().iter().map(|own| match own {
        Parameters::Run(run) => Some(run.number),
        Parameters::Black => None,
    });
    assert_eq!(numbers.collect::<Vec<_>>(), [None, Some(0), Some(1)]);

    let view = view(&it, sound).await;
    let all = read(&it, &view).await;
    contiguous(&all);
    assert_eq!(stored(&all), bytes(&heard));
    let silence = &all[100..];
    assert!(silence.iter().all(|(own, bytes)| own.data == Data::Silence && bytes == &View::silence()));
    // As far as the picture: 11 s of it, 2 of them stored.
    assert_eq!((silence.len(), view.end()), (450, Ticks(11 * 48_000)));
}

#[tokio::test]
async fn a_cut_begins_at_the_key_frame_before_and_says_what_to_show() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let (camera, _) = it.film(ada, Codec::Av1, "camera", &steady(Codec::Av1, 0, 0, 20)).await;
    let (sound, _) = it.film(ada, Codec::Opus, "microphone", &steady(Codec::Opus, 0, 0, 20)).await;
    it.finish(20_000).await;
    let cut = async |track, start, duration| {
        let mut view = view(&it, track).await;
        view.cut(&it.store, start, duration).await.unwrap();
        let read = read(&it, &view).await;
        contiguous(&read);
        let ends = read.first().zip(read.last()).map(|((first, _), (last, _))| {
            (first.at.0, first.sync, last.at.0, last.at.0 + i64::from(last.duration))
        });
        (view.first().0, view.start().0, view.end().0, ends)
    };
    // 5.3 s lie in the segment from 4 s on; 7.05 s inside the picture at 7.033.
    assert_eq!(
        cut(camera, 5_300_000, Some(1_750_000)).await,
        (360_000, 477_000, 634_500, Some((360_000, true, 633_000 - 30, 636_000)))
    );
    assert_eq!(
        cut(sound, 5_310_000, Some(30_000)).await,
        (254_400, 254_880, 256_320, Some((254_400, true, 255_360, 256_320)))
    );
    assert_eq!(cut(camera, 0, None).await.2, 20 * 90_000);
    assert_eq!(cut(camera, 19_990_000, Some(i64::MAX)).await.3.map(|ends| ends.3), Some(20 * 90_000));
    for (start, duration) in [(20_000_000, None), (i64::MAX, Some(1)), (1_000_000, Some(0))] {
        assert_eq!(cut(camera, start, duration).await.3, None, "{start}");
    }
    // A key frame that still stands is shown from the moment on that was asked for.
    assert_eq!(cut(camera, 4_010_000, Some(10_000)).await.3, Some((360_900, true, 360_900, 362_970)));
    let mut whole = view(&it, camera).await;
    whole.cut(&it.store, 5_300_000, None).await.unwrap();
    whole.begin_at_key_frame();
    assert_eq!((whole.first(), whole.start()), (Ticks(360_000), Ticks(360_000)));
}

#[tokio::test]
async fn a_snapshot_stays_as_it_was_while_the_recording_goes_on() {
    let it = Fixture::new().await;
    let (ada, ben) = (it.participant("Ada", 0).await, it.participant("Ben", 0).await);
    let shots = steady(Codec::Vp9, 0, 900_000, 8);
    let (track, _) = it.film(ada, Codec::Vp9, "camera", &shots).await;
    it.film(ben, Codec::Opus, "microphone", &steady(Codec::Opus, 0, 0, 20)).await;
    it.gap(track, 3, Shown::Black, 18 * 90_000, 5 * 90_000).await;
    let room = Room::load(&it.catalog, it.recording).await.unwrap();
    let now = Snapshot::now(&room, &[track]);
    let text = now.to_string();
    let before = read(&it, &view(&it, track).await).await;
    assert_eq!(before.len(), 240, "the open end is left out");

    // Sound of the same participant that lies before it, and the end.
    it.film(ada, Codec::Opus, "microphone", &steady(Codec::Opus, 0, 480_000 - 96_000, 20)).await;
    it.finish(40_000).await;
    let room = Room::load(&it.catalog, it.recording).await.unwrap();
    let then = Snapshot::parse(&text, &room).unwrap();
    assert_eq!(then, now);
    let view = View::load(&it.catalog, &then.restrict(room.clone()), track, &then).await.unwrap();
    assert_eq!(read(&it, &view).await, before);
    assert!(read(&it, &self::view(&it, track).await).await.len() > before.len());
    for text in [
        "",
        "r",
        "e_",
        "x_1.2.3",
        "r_00000000.1.0",
        &text.replace(".4.", ".5."),
        &text.replace(".4.", ".+4."),
    ] {
        assert_eq!(Snapshot::parse(text, &room), None, "{text}");
    }
}

#[tokio::test]
async fn a_lower_layer_stands_in_where_a_layer_has_nothing() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let film =
        async |shots: &[Shot], layer| it.film_layer(ada, Codec::Vp9, "camera", shots, Some(layer)).await;
    let whole = steady(Codec::Vp9, 0, 0, 10);
    let (low, below) = film(&whole, (0, None)).await;
    let mut shots = whole[..2].to_vec();
    shots.extend(whole[4..].iter().map(|shot| Shot { run: 1, ..shot.clone() }));
    let (high, above) = film(&shots, (1, Some(low))).await;
    it.gap(high, 1, Shown::Still, 360_000, 360_000).await;
    it.finish(10_000).await;
    let view = view(&it, high).await;
    let all = read(&it, &view).await;
    contiguous(&all);
    let expected = [&bytes(&above[..120])[..], &bytes(&below[120..240]), &bytes(&above[120..])].concat();
    assert_eq!(stored(&all), expected);
    assert_eq!((view.files().len(), view.parameters().len(), all.len()), (2, 3, 300));
    let mut part = view.clone();
    part.cut(&it.store, 5_000_000, Some(4_000_000)).await.unwrap();
    assert_eq!(stored(&read(&it, &part).await), expected[120..270]);
}

#[tokio::test]
async fn an_index_that_does_not_fit_is_told() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let (track, _) = it.film(ada, Codec::Opus, "microphone", &steady(Codec::Opus, 0, 0, 4)).await;
    it.finish(4000).await;
    let path = it.folder.path().join(format!("recordings/{}/{track}.idx", it.recording));
    let whole = std::fs::read(&path).unwrap();
    let mut zero = whole.clone();
    zero[150 * 16 + 12..][..4].fill(0);
    let mut twice = whole.clone();
    twice.splice(160..160, whole[160..176].to_vec());
    for (bad, segment) in [(whole[..199 * 16].to_vec(), 1), (zero, 1), (twice, 0), (Vec::new(), 0)] {
        std::fs::write(&path, bad).unwrap();
        let view = view(&it, track).await;
        let mut reader = view.reader(&it.store);
        let error = loop {
            match reader.next().await {
                Ok(found) => assert!(found.is_some(), "it was read"),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, Error::Index { segment: found, .. } if found == segment), "{error}");
    }
}

/// Runs of segments with gaps between them, in thousandths of a second and samples.
fn takes() -> impl Strategy<Value = (bool, Vec<(i64, u8, bool, usize)>)> {
    (any::<bool>(), prop::collection::vec((0..9000i64, 0..3u8, any::<bool>(), 2..30usize), 1..7))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever there is: everything stored once and in order, no hole, and cuts are parts of the whole.
    #[test]
    fn views_are_whole((video, takes) in takes(), from in 0..30_000i64, length in 1..20_000i64) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let it = Fixture::new().await;
            let ada = it.participant("Ada", 0).await;
            let codec = if video { Codec::H264 } else { Codec::Opus };
            let (step, scale) = if video { (3000, 90) } else { (960, 48) };
            let (mut shots, mut gaps, mut at, mut run) = (Vec::<Shot>::new(), Vec::new(), 0, 0);
            for (number, (gap, kind, anew, count)) in takes.into_iter().enumerate() {
                if number > 0 && (anew || gap > 0) {
                    run += 1;
                    let shown = match (video, kind) {
                        (false, _) => Shown::Silence,
                        (true, 0) => Shown::Black,
                        (true, _) => Shown::Still,
                    };
                    gaps.push((number as u32 - 1, shown, at, gap * scale));
                    at += gap * scale;
                }
                let samples = (0..count).map(|n| (step + n as u32 % 7, !video || n % 11 == 0, 20 + n * 3)).collect();
                shots.push(Shot { run, start: at, samples });
                at = shots.last().unwrap().end();
            }
            let (track, made) = it.film(ada, codec, "any", &shots).await;
            for (after, shown, start, duration) in gaps {
                it.gap(track, after, shown, start, duration).await;
            }
            it.finish(at / scale).await;
            let whole = view(&it, track).await;
            let all = read(&it, &whole).await;
            contiguous(&all);
            assert_eq!(stored(&all), bytes(&made));
            assert_eq!((all[0].0.at, whole.end()), (Ticks(0), Ticks(at)));
            assert_eq!(all.last().map(|(own, _)| own.at + Ticks(own.duration.into())), Some(whole.end()));
            assert!(all.iter().all(|(own, _)| usize::from(own.parameters) < whole.parameters().len()));

            let mut part = whole.clone();
            part.cut(&it.store, from * 1000, Some(length * 1000)).await.unwrap();
            let cut = read(&it, &part).await;
            let end = |own: &Sample| own.at + Ticks(own.duration.into());
            let inside = all.iter().filter(|(own, _)| end(own) > part.first() && own.at < part.end());
            let begun = inside.map(|(own, bytes)| {
                let at = own.at.max(part.first());
                (Sample { at, duration: (end(own) - at).0 as u32, ..*own }, bytes.clone())
            });
            let expected: Vec<Read> = begun.collect();
            assert_eq!(cut.is_empty(), part.is_empty());
            if let Some((first, _)) = cut.first() {
                assert_eq!(cut, expected);
                assert!(first.sync && first.at <= part.start());
                assert!(video || all.iter().any(|(own, _)| own == first), "sound is never cut");
                let nearer = |own: &&Read| own.0.sync && own.0.at > first.at && own.0.at <= part.start();
                assert!(!all.iter().any(|own| nearer(&own)));
            }
        });
    }
}
