use super::*;
use crate::catalog::Shown;
use crate::id::{ParticipantId, TrackId};
use crate::media::{self, Codec};
use crate::playback::file::select::{Moment, Wanted, Which};
use crate::playback::file::{Files, WINDOW, stream};
use crate::playback::film::{Shot, keyed, steady};
use crate::playback::fixture::{Fixture, START};
use futures_util::StreamExt;
use mp4_atom::{Any, Decode, Moov};
use std::io::Cursor;

const ALL: Wanted =
    Wanted { which: Which::Presented(None), start: Moment::Media(0), end: None, duration: None, exact: true };

fn files(it: &Fixture) -> Files {
    Files::new(it.source(), 64 << 20)
}

async fn bytes(it: &Fixture, file: &File, range: Range<u64>) -> Vec<u8> {
    let read: Vec<_> = stream(Arc::clone(&file.layout), it.store.clone(), range).collect().await;
    read.into_iter().flat_map(|bytes| bytes.unwrap().to_vec()).collect()
}

async fn whole(it: &Fixture, wanted: &Wanted) -> Vec<u8> {
    let opened = files(it).mp4(it.recording, wanted, &[]).await.unwrap();
    bytes(it, &opened.file, 0..opened.file.layout.len()).await
}

fn moov(file: &[u8]) -> Moov {
    let mut cursor = Cursor::new(file);
    let Any::Ftyp(_) = Any::decode(&mut cursor).unwrap() else { panic!("no ftyp") };
    let Any::Moov(moov) = Any::decode(&mut cursor).unwrap() else { panic!("no moov") };
    moov
}

/// The samples of a track by the mp4 crate: when, how long, whether a key frame, and the bytes.
fn read(file: &[u8], track: u32) -> Vec<(u64, u32, bool, Bytes)> {
    let mut reader = ::mp4::Mp4Reader::read_header(Cursor::new(file), file.len() as u64).unwrap();
    let count = reader.sample_count(track).unwrap();
    let mut all = Vec::new();
    for number in 1..=count {
        let own = reader.read_sample(track, number).unwrap().unwrap();
        all.push((own.start_time, own.duration, own.is_sync, own.bytes));
    }
    all
}

fn made(samples: &[media::Sample]) -> Vec<(u64, u32, bool, Bytes)> {
    let first = samples[0].at.0;
    let of = |own: &media::Sample| ((own.at.0 - first) as u64, own.duration, own.sync, own.data.clone());
    samples.iter().map(of).collect()
}

fn edits(moov: &Moov, number: usize) -> Vec<(u64, Option<u64>)> {
    let Some(edts) = &moov.trak[number].edts else { return Vec::new() };
    let list = &edts.elst.as_ref().unwrap().entries;
    list.iter().map(|own| (own.segment_duration, own.media_time)).collect()
}

/// A recording of a participant, of so many seconds.
async fn call(codec: Codec, seconds: u32) -> (Fixture, ParticipantId, [(TrackId, Vec<media::Sample>); 2]) {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let picture = it.film(ada, codec, "camera", &steady(codec, 0, 90_000, seconds)).await;
    let sound = it.film(ada, Codec::Opus, "microphone", &steady(Codec::Opus, 0, 48_000, seconds)).await;
    it.finish(i64::from(seconds) * 1000 + 1000).await;
    (it, ada, [picture, sound])
}

#[tokio::test]
async fn every_stored_sample_is_in_the_file() {
    for codec in [Codec::H264, Codec::Vp9, Codec::Av1] {
        let (it, _, [(_, pictures), (_, sound)]) = call(codec, 10).await;
        let file = whole(&it, &ALL).await;
        assert!(read(&file, 1) == made(&pictures), "{codec:?}");
        assert!(read(&file, 2) == made(&sound), "{codec:?}");
        let moov = moov(&file);
        assert_eq!((moov.mvhd.duration, edits(&moov, 0), edits(&moov, 1)), (900_000, vec![], vec![]));
        let epoch = 2_082_844_800_000_000;
        assert_eq!(moov.mvhd.creation_time, ((START.0 + epoch + 1_000_000) / 1_000_000) as u64);
    }
}

#[tokio::test]
async fn fills_and_another_size_are_in_the_file() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let mut shots = steady(Codec::Vp9, 0, 360_000, 4);
    shots.extend(steady(Codec::Vp9, 1, 900_000, 2));
    shots.extend(steady(Codec::Vp9, 6, 1_080_000, 2));
    let (camera, pictures) = it.film(ada, Codec::Vp9, "camera", &shots).await;
    it.gap(camera, 1, Shown::Still, 720_000, 180_000).await;
    let (_, sound) = it.film(ada, Codec::Opus, "microphone", &steady(Codec::Opus, 0, 0, 8)).await;
    it.finish(14_000).await;
    let file = whole(&it, &ALL).await;
    let moov = moov(&file);
    let track = read(&file, 1);
    // 4 s of black in front, then what is stored with 2 s of its key frame in between.
    assert_eq!(track.len(), 8 + 120 + 4 + 60 + 60);
    let of = |from: usize, count: usize| track[from..from + count].iter().map(|own| own.3.clone());
    let black = crate::playback::black::picture(Codec::Vp9).unwrap();
    assert!(of(0, 8).all(|own| own == black));
    assert!(of(8, 120).eq(pictures[..120].iter().map(|own| own.data.clone())));
    assert!(of(128, 4).all(|own| own == pictures[60].data));
    assert!(of(132, 120).eq(pictures[120..].iter().map(|own| own.data.clone())));
    let silence = &read(&file, 2)[400..];
    assert!(silence.len() == 300 && silence.iter().all(|own| own.3 == View::silence()));
    assert_eq!(read(&file, 2)[..400].to_vec(), made(&sound));
    let stbl = &moov.trak[0].mdia.minf.stbl;
    assert_eq!(stbl.stsd.codecs.len(), 4, "black, two sizes, and one that is turned");
    let numbers = stbl.stsc.entries.iter().map(|own| own.sample_description_index);
    let mut numbers: Vec<_> = numbers.collect();
    numbers.dedup();
    assert_eq!(numbers, [2, 1, 3, 4], "the one that is used for longest is the first");
    assert_eq!((moov.trak[0].tkhd.width.integer(), moov.trak[0].tkhd.height.integer()), (320, 180));
}

#[tokio::test]
async fn a_clip_is_exact_by_its_edit_lists() {
    let (it, _, [(camera, pictures), (_, sound)]) = call(Codec::H264, 20).await;
    let wanted = Wanted { start: Moment::Media(5_310_000), duration: Some(2_500_000), ..ALL };
    let file = whole(&it, &wanted).await;
    let moov = moov(&file);
    // Pictures from the key frame at 4 s on; sound from 80 ms before the packet that holds 5.31 s.
    assert_eq!(edits(&moov, 0), [(225_000, Some(117_900))]);
    assert_eq!(edits(&moov, 1), [(225_000, Some(480 + 3840))]);
    let (track, heard) = (read(&file, 1), read(&file, 2));
    assert!(track == made(&pictures[120..120 + track.len()]) && track[0].2);
    assert!(heard == made(&sound[261..261 + heard.len()]));
    assert_eq!((track.len(), heard.len()), (115, 130));

    let loose = Wanted { exact: false, ..wanted.clone() };
    let moov = self::moov(&whole(&it, &loose).await);
    // Nothing is hidden in front.
    let begun = vec![(342_900, Some(0))];
    assert_eq!((edits(&moov, 0), edits(&moov, 1)), (begun.clone(), begun));
    assert_eq!(moov.trak[1].mdia.mdhd.duration, 191 * 960, "the sound begins with the key frame too");

    // By the wall clock: the first media is a second after the recording's start.
    let wall = Wanted {
        start: Moment::Wall(START.plus(6_310_000)),
        end: Some(Moment::Wall(START.plus(8_810_000))),
        duration: None,
        ..wanted
    };
    assert!(whole(&it, &wall).await == file);
    let alone = Wanted { which: Which::Tracks(vec![camera]), ..ALL };
    assert_eq!(self::moov(&whole(&it, &alone).await).trak.len(), 1);
}

#[tokio::test]
async fn two_pictures_with_other_key_frames_stay_in_step() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let (one, first) = it.film(ada, Codec::H264, "camera", &keyed(&[0, 8, 10], 14)).await;
    let (two, second) = it.film(ada, Codec::H264, "screen", &keyed(&[0, 9], 14)).await;
    it.finish(14_000).await;
    let wanted = Wanted {
        which: Which::Tracks(vec![one, two]),
        start: Moment::Media(10_700_000),
        end: Some(Moment::Media(12_800_000)),
        exact: false,
        ..ALL
    };
    let file = whole(&it, &wanted).await;
    let moov = moov(&file);
    // The file begins at 9 s; the first picture, whose key frame is at 10 s, waits for it.
    assert_eq!(edits(&moov, 0), [(90_000, None), (252_000, Some(0))]);
    assert_eq!(edits(&moov, 1), [(342_000, Some(0))]);
    let (one, two) = (read(&file, 1), read(&file, 2));
    assert!(one[0].2 && one == made(&first[20..20 + one.len()]));
    assert!(two[0].2 && two == made(&second[18..18 + two.len()]));
    // Exactly, both begin at once and hide what is before.
    let moov = self::moov(&whole(&it, &Wanted { exact: true, ..wanted }).await);
    assert_eq!(edits(&moov, 0), [(189_000, Some(63_000))]);
    assert_eq!(edits(&moov, 1), [(189_000, Some(153_000))]);
}

#[tokio::test]
async fn a_track_that_begins_later_waits() {
    let it = Fixture::new().await;
    let (ada, ben) = (it.participant("Ada", 0).await, it.participant("Ben", 0).await);
    let (one, _) = it.film(ada, Codec::Opus, "microphone", &steady(Codec::Opus, 0, 0, 8)).await;
    let (two, _) = it.film(ben, Codec::Opus, "microphone", &steady(Codec::Opus, 0, 96_480, 8)).await;
    it.finish(11_000).await;
    let both = Wanted { which: Which::Tracks(vec![two, one]), ..ALL };
    let moov = moov(&whole(&it, &both).await);
    assert_eq!(edits(&moov, 0), [(180_900, None), (720_000, Some(0))]);
    assert_eq!(edits(&moov, 1), []);
    let part = Wanted { start: Moment::Media(1_500_000), duration: Some(1_000_000), ..both };
    let moov = self::moov(&whole(&it, &part).await);
    assert_eq!(edits(&moov, 0), [(45_900, None), (44_100, Some(0))]);
    assert_eq!(edits(&moov, 1), [(90_000, Some(3840))]);
}

#[tokio::test]
async fn what_cannot_be_one_file_is_refused() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let first = it.film(ada, Codec::Vp9, "camera", &steady(Codec::Vp9, 0, 0, 2)).await.0;
    let open = async |wanted: &Wanted| files(&it).mp4(it.recording, wanted, &[]).await.map(|_| ());
    let whole = Wanted { which: Which::Presented(Some(ada)), ..ALL };
    assert!(open(&whole).await.is_ok());
    let second = it.film(ada, Codec::H264, "camera", &steady(Codec::H264, 0, 270_000, 2)).await.0;
    let Err(Error::SeveralFiles { tracks, .. }) = open(&whole).await else { panic!("one file") };
    assert!(tracks.len() == 2 && tracks.contains(&first) && tracks.contains(&second));
    assert!(open(&Wanted { which: Which::Tracks(vec![second]), ..ALL }).await.is_ok());
    // Both as two tracks, if that is asked for.
    assert!(open(&Wanted { which: Which::Tracks(vec![first, second]), ..ALL }).await.is_ok());

    let ben = it.participant("Ben", 0).await;
    let vp8 = it.film(ben, Codec::Vp8, "camera", &steady(Codec::Vp8, 0, 0, 2)).await.0;
    for which in [Which::Tracks(vec![vp8]), Which::Presented(Some(ben))] {
        let refused = open(&Wanted { which, ..ALL }).await;
        assert!(matches!(refused, Err(Error::NotInContainer { codec: "VP8", .. })), "{refused:?}");
    }
    // Not even when the sound could be.
    it.film(ben, Codec::Opus, "microphone", &steady(Codec::Opus, 0, 0, 2)).await;
    let refused = open(&Wanted { which: Which::Presented(Some(ben)), ..ALL }).await;
    assert!(matches!(refused, Err(Error::NotInContainer { tracks, .. }) if tracks.len() == 2));
    for start in [5_000_000, i64::MAX] {
        let behind = Wanted { which: Which::Tracks(vec![first]), start: Moment::Media(start), ..ALL };
        assert!(matches!(open(&behind).await, Err(Error::Outside { .. })), "{start}");
    }
    let backwards = Wanted {
        end: Some(Moment::Media(1)),
        start: Moment::Media(1),
        which: Which::Tracks(vec![first]),
        ..ALL
    };
    assert!(matches!(open(&backwards).await, Err(Error::Outside { .. })));
    let stranger = Wanted { which: Which::Tracks(vec![TrackId::new()]), ..ALL };
    assert!(matches!(open(&stranger).await, Err(Error::NoTrack(_))));
}

/// Whoever reads a running recording goes on with the file that they began, whatever was added to it.
#[tokio::test]
async fn a_tag_opens_the_same_file_again() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let sound = it.film(ada, Codec::Opus, "microphone", &steady(Codec::Opus, 0, 480_000, 8)).await.0;
    let first = files(&it).mp4(it.recording, &ALL, &[]).await.unwrap().file;
    let old = bytes(&it, &first, 0..first.layout.len()).await;
    assert!(!first.settled && first.modified.is_none());

    it.film(ada, Codec::H264, "camera", &steady(Codec::H264, 0, 450_000, 8)).await;
    let now = files(&it).mp4(it.recording, &ALL, &["other", "a-1-r_x"]).await.unwrap().file;
    assert_ne!(now.tag, first.tag);
    // By another process, also after the end.
    for _ in 0..2 {
        let again = files(&it).mp4(it.recording, &ALL, &[&first.tag]).await.unwrap().file;
        assert_eq!(again.tag, first.tag);
        assert!(bytes(&it, &again, 0..again.layout.len()).await == old);
        it.finish(20_000).await;
    }
    let ended = files(&it).mp4(it.recording, &ALL, &[]).await.unwrap().file;
    let same = files(&it).mp4(it.recording, &ALL, &[]).await.unwrap().file;
    assert!(ended.tag == same.tag && ended.settled && ended.modified.is_some());
    // Of another part, or of other tracks, a tag means nothing.
    let part = Wanted { duration: Some(1_000_000), ..ALL };
    let other = files(&it).mp4(it.recording, &part, &[&first.tag]).await.unwrap().file;
    assert_ne!(other.tag, first.tag);
    let ben = it.participant("Ben", 0).await;
    it.film(ben, Codec::Opus, "microphone", &steady(Codec::Opus, 0, 0, 2)).await;
    let bens = Wanted { which: Which::Presented(Some(ben)), ..ALL };
    assert_ne!(files(&it).mp4(it.recording, &bens, &[&first.tag]).await.unwrap().file.tag, first.tag);
    let one = Wanted { which: Which::Tracks(vec![sound]), ..ALL };
    assert!(files(&it).mp4(it.recording, &one, &[]).await.unwrap().file.settled);
}

/// An hour: ranges are parts of the whole, tables are small, and little is held while it is read.
#[expect(clippy::print_stdout, reason = "figures are part of what it shows")]
#[tokio::test]
async fn ranges_of_an_hour_are_parts_of_it() {
    let (it, _, [(_, pictures), (_, sound)]) = call(Codec::H264, 3600).await;
    let files = files(&it);
    let begun = std::time::Instant::now();
    let opened = files.mp4(it.recording, &ALL, &[]).await.unwrap();
    let made = begun.elapsed();
    let file = opened.file;
    let all = bytes(&it, &file, 0..file.layout.len()).await;
    assert_eq!(all.len() as u64, file.layout.len());
    let samples = pictures.len() + sound.len();
    let held = file.layout.held();
    println!("{samples} samples: tables in {made:?}, {:.1} bytes a sample", held as f64 / samples as f64);
    assert!(held <= samples * 16, "{held} bytes for {samples} samples");
    assert_eq!(files.cached(), held + file.tag.len());

    // Places that are like random, of any length and at every bound of a window.
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut next = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    for number in 0..1000 {
        let start = next(all.len() as u64);
        let most = if number % 50 == 0 { 3 * WINDOW } else { 20_000 };
        let end = (start + 1 + next(most)).min(all.len() as u64);
        let found = bytes(&it, &file, start..end).await;
        assert!(found == all[start as usize..end as usize], "{start}..{end}");
    }

    let moov = moov(&all);
    assert_eq!(moov.mvhd.duration, 3600 * 90_000);
    let sums = moov.trak.iter().map(|own| match &own.mdia.minf.stbl.stsz.samples {
        mp4_atom::StszSamples::Different { sizes } => sizes.iter().map(|size| u64::from(*size)).sum(),
        mp4_atom::StszSamples::Identical { .. } => 0u64,
    });
    let stored = pictures.iter().chain(&sound).map(|own| own.data.len() as u64).sum::<u64>();
    assert_eq!(sums.sum::<u64>(), stored);
}

/// What a range is put together from: never more than a window of it at once.
#[tokio::test]
async fn a_window_is_all_that_is_held() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    // Pictures of 3 MB.
    let samples = vec![(45_000, true, 3 << 20); 4];
    it.film(ada, Codec::H264, "camera", &[Shot { run: 0, start: 0, samples }]).await;
    it.finish(2000).await;
    let file = files(&it).mp4(it.recording, &ALL, &[]).await.unwrap().file;
    let mut read = Box::pin(stream(Arc::clone(&file.layout), it.store.clone(), 0..file.layout.len()));
    let mut sum = 0;
    while let Some(bytes) = read.next().await {
        let bytes = bytes.unwrap();
        assert!(bytes.len() as u64 <= WINDOW);
        sum += bytes.len() as u64;
    }
    assert_eq!(sum, file.layout.len());
}
