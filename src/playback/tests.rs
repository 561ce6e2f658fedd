use super::filled::Named;
use super::fixture::{Fixture, INIT, START};
use super::presentation::Choice;
use super::room::{Room, Subject};
use super::{Error, VIEW_VERSION, black, film, playlist, presentation};
use crate::catalog::{Cause, Gap, NewRun, Pause, Shown};
use crate::id::{ParticipantId, TrackId};
use crate::media::Codec;
use crate::media::fmp4::read;
use crate::media::hls::multivariant;
use crate::time::Ticks;

impl Fixture {
    async fn room(&self) -> Room {
        Room::load(&self.catalog, self.recording).await.unwrap()
    }

    async fn playlist(&self, track: TrackId) -> String {
        let list = playlist::of(&self.catalog, None, self.recording, track).await.unwrap();
        list.render().with("", false)
    }

    async fn multivariant(&self, choice: impl Into<Choice>) -> Result<multivariant::Snapshot, Error> {
        presentation::multivariant(&self.catalog, &self.store, &self.room().await, choice, "?token=t").await
    }

    /// The tracks of a presentation, pictures first.
    async fn shown(&self, choice: impl Into<Choice>) -> Vec<TrackId> {
        let found = self.multivariant(choice).await.unwrap();
        let uris = found.video.into_iter().map(|own| own.uri).chain(found.audio.map(|own| own.uri));
        uris.map(|uri| uri.split('/').next().unwrap().parse().unwrap()).collect()
    }
}

fn of(participant: ParticipantId, subject: Subject) -> Choice {
    Choice { participant: Some(participant), subject: Some(subject) }
}

/// The lines of a playlist without dates, which [`dates_go_on_without_a_jump`] looks at, and without marks.
fn lines(playlist: &str) -> Vec<&str> {
    let told = |line: &&str| !line.contains("DATE-TIME") && !line.contains("DATERANGE");
    playlist.lines().filter(told).skip(2).collect()
}

#[tokio::test]
async fn a_participant_starts_at_their_own_first_media() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 4900).await;
    let video = it.track(ada, Codec::H264, "camera", &[(0, 5100, 2000), (0, 7100, 2000)]).await;
    let audio = it.track(ada, Codec::Opus, "microphone", &[(0, 5000, 2000), (0, 7000, 2000)]).await;
    let room = it.room().await;
    assert_eq!(room.zero_micros(ada), Some(5_000_000));
    let source = it.source();
    let start = |track, number| {
        let source = source.clone();
        let recording = it.recording;
        async move {
            let fetched = source.segment(recording, track, number).await.unwrap();
            read::scan(&fetched.bytes).fragments.remove(0).start
        }
    };
    assert_eq!((start(audio, 0).await, start(audio, 1).await), (Ticks(0), Ticks(96_000)));
    assert_eq!((start(video, 0).await, start(video, 1).await), (Ticks(9000), Ticks(189_000)));
    let init = source.init(it.recording, video, 0).await.unwrap();
    assert_eq!((&init.bytes[..], init.settled), (INIT, true));
}

#[tokio::test]
async fn one_participant_is_presented_with_their_own_sound() {
    let it = Fixture::new().await;
    let (bob, ada) = (it.participant("Bob", 0).await, it.participant("Ada", 100).await);
    it.track(bob, Codec::Opus, "microphone", &[(0, 0, 2000)]).await;
    let screen = it.track(ada, Codec::Vp9, "screen", &[(0, 100, 2000)]).await;
    let camera = it.track(ada, Codec::H264, "camera", &[(0, 500, 2000)]).await;
    let voice = it.track(ada, Codec::Opus, "microphone", &[(0, 200, 2000)]).await;
    // Without an argument the first with a picture, whoever came before.
    let found = it.multivariant(None).await.unwrap();
    let (video, audio) = (found.video.into_iter().next().unwrap(), found.audio.unwrap());
    assert_eq!(video.uri, format!("{camera}/playlist.m3u8?token=t"));
    assert_eq!((video.codecs, video.width), (vec!["avc3.42e01f".to_owned()], 640));
    assert!((video.frame_rate.unwrap() - 10.0).abs() < 1e-9);
    assert!(video.bandwidth >= video.average_bandwidth && video.average_bandwidth > 0);
    assert_eq!(audio.uri, format!("{voice}/playlist.m3u8?token=t"));
    assert_eq!((audio.name.as_str(), audio.channels), ("Ada", 2));
    let found = it.multivariant(Some(bob)).await.unwrap();
    assert!(found.video.is_empty() && found.audio.is_some());
    // The screen is a view of its own, on the same clock.
    assert!(it.playlist(screen).await.contains("0.m4s"));
}

#[tokio::test]
async fn a_screen_is_a_presentation_of_its_own_with_its_own_sound() {
    let it = Fixture::new().await;
    let (bob, ada) = (it.participant("Bob", 0).await, it.participant("Ada", 0).await);
    it.track(bob, Codec::H264, "camera", &[(0, 0, 2000)]).await;
    let three = [(0, 0, 2000), (0, 2000, 2000), (0, 4000, 2000)];
    let camera = it.track(ada, Codec::H264, "camera", &three).await;
    let voice = it.track(ada, Codec::Opus, "microphone", &three).await;
    let screen = it.track(ada, Codec::Vp9, "screen", &[(0, 1000, 2000), (1, 3000, 2000)]).await;
    let sound = it.track(ada, Codec::Opus, "screen", &[(0, 1000, 2000), (0, 3000, 1500)]).await;
    // A second one is not presented.
    it.track(ada, Codec::H264, "screen", &[(0, 2000, 2000)]).await;
    it.finish(6000).await;
    assert_eq!(it.shown(of(ada, Subject::Screen)).await, [screen, sound]);
    assert_eq!(it.shown(of(ada, Subject::Camera)).await, [camera, voice]);
    assert_eq!(it.shown(Some(ada)).await, [camera, voice]);
    // Without a participant that of whoever has one.
    let anybodys = Choice { participant: None, subject: Some(Subject::Screen) };
    assert_eq!(it.shown(anybodys).await, [screen, sound]);
    // Its sound is broken where the screen is and reaches as far as that.
    assert_eq!(words(&it.playlist(screen).await), "black lead-0 | init-0 0 | init-1 1");
    assert_eq!(words(&it.playlist(sound).await), "init-0 lead-0 | 0 | 1 fill-1-0");
    assert_eq!(words(&it.playlist(voice).await), "init-0 0 1 2");
}

#[tokio::test]
async fn each_picture_and_each_sound_is_in_one_presentation() {
    let it = Fixture::new().await;
    let [ada, ben, cleo] =
        [it.participant("Ada", 0).await, it.participant("Ben", 0).await, it.participant("Cleo", 0).await];
    // A screen and a voice, and nothing of a camera.
    let voice = it.track(ada, Codec::Opus, "microphone", &[(0, 0, 2000)]).await;
    let screen = it.track(ada, Codec::Vp9, "screen", &[(0, 0, 2000)]).await;
    it.track(ada, Codec::Opus, "screen", &[(0, 0, 2000)]).await;
    assert_eq!(it.shown(Some(ada)).await, [screen, voice]);
    assert_eq!(it.shown(of(ada, Subject::Camera)).await, [voice]);
    // A camera without a voice does not take the sound of the screen.
    let camera = it.track(ben, Codec::H264, "camera", &[(0, 0, 2000)]).await;
    let screen = it.track(ben, Codec::Vp9, "screen", &[(0, 0, 2000)]).await;
    let sound = it.track(ben, Codec::Opus, "screen", &[(0, 0, 2000)]).await;
    assert_eq!(it.shown(Some(ben)).await, [camera]);
    assert_eq!(it.shown(of(ben, Subject::Screen)).await, [screen, sound]);
    // A screen alone stands for whoever shows it.
    let screen = it.track(cleo, Codec::Vp9, "screen", &[(0, 0, 2000)]).await;
    let sound = it.track(cleo, Codec::Opus, "screen", &[(0, 0, 2000)]).await;
    assert_eq!(it.shown(Some(cleo)).await, [screen, sound]);
    assert!(matches!(it.multivariant(of(cleo, Subject::Camera)).await, Err(Error::NothingYet)));
}

#[tokio::test]
async fn layers_of_a_screen_are_variants() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let whole = [(0, 0, 2000), (0, 2000, 2000)];
    it.track(ada, Codec::H264, "camera", &whole).await;
    let low = it.layer_of(ada, "screen", 0, None, &whole).await;
    // Its sender stops it: the lower one is shown to the end, with the sound.
    let high = it.layer_of(ada, "screen", 1, Some(low), &[(0, 0, 2000)]).await;
    let sound = it.track(ada, Codec::Opus, "screen", &[(0, 0, 1500)]).await;
    it.finish(4000).await;
    assert_eq!(it.shown(of(ada, Subject::Screen)).await, [high, low, sound]);
    assert!(it.playlist(high).await.contains(&format!("../{low}/1.m4s")));
    assert_eq!(words(&it.playlist(sound).await), "init-0 0 | fill-0-0 fill-0-1");
}

#[tokio::test]
async fn a_screen_that_is_not_there_is_told_as_others_are() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    it.track(ada, Codec::H264, "camera", &[(0, 0, 2000)]).await;
    let ask = || it.multivariant(of(ada, Subject::Screen));
    assert!(matches!(ask().await, Err(Error::NothingYet)));
    it.track(ada, Codec::Vp8, "screen", &[(0, 0, 2000)]).await;
    let Err(Error::NotPlayable { codecs, .. }) = ask().await else { panic!("it plays") };
    assert_eq!(codecs, "vp8", "what plays beside it is not meant");
    it.finish(2000).await;
    let stranger = it.multivariant(of(ParticipantId::new(), Subject::Screen)).await;
    assert!(matches!(stranger, Err(Error::NoParticipant(_))));
    let ben = it.participant("Ben", 0).await;
    assert!(matches!(it.multivariant(of(ben, Subject::Screen)).await, Err(Error::Nothing)));
}

#[tokio::test]
async fn vp8_is_left_out_and_the_sound_stays() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    it.track(ada, Codec::Vp8, "camera", &[(0, 0, 2000)]).await;
    let Err(Error::NotPlayable { codecs, .. }) = it.multivariant(Some(ada)).await else { panic!("it plays") };
    assert_eq!(codecs, "vp8");
    it.track(ada, Codec::Opus, "microphone", &[(0, 0, 2000)]).await;
    let found = it.multivariant(None).await.unwrap();
    assert!(found.video.is_empty() && found.audio.is_some());
}

#[tokio::test]
async fn before_the_first_segment_there_is_nothing_yet_and_after_the_end_nothing() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let track = it.track(ada, Codec::H264, "camera", &[]).await;
    assert!(matches!(it.multivariant(Some(ada)).await, Err(Error::NothingYet)));
    let playlist = playlist::of(&it.catalog, None, it.recording, track).await;
    assert!(matches!(playlist, Err(Error::NothingYet)));
    let stranger = it.multivariant(Some(ParticipantId::new())).await;
    assert!(matches!(stranger, Err(Error::NoParticipant(_))));
    it.finish(1000).await;
    assert!(matches!(it.multivariant(None).await, Err(Error::Nothing)));
}

#[tokio::test]
async fn a_playlist_grows_while_it_is_made_and_then_ends() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let track = it.track(ada, Codec::H264, "camera", &[(0, 300, 2000), (0, 2300, 2000)]).await;
    let running = it.playlist(track).await;
    assert_eq!(
        lines(&running),
        [
            "#EXT-X-TARGETDURATION:4",
            "#EXT-X-MEDIA-SEQUENCE:0",
            "#EXT-X-PLAYLIST-TYPE:EVENT",
            "#EXT-X-INDEPENDENT-SEGMENTS",
            "#EXT-X-MAP:URI=\"init-0.mp4\"",
            "#EXTINF:2.000000,",
            "0.m4s",
            "#EXTINF:2.000000,",
            "1.m4s",
        ]
    );
    it.finish(4300).await;
    let ended = it.playlist(track).await;
    assert!(ended.contains("TYPE:VOD") && ended.ends_with("#EXT-X-ENDLIST\n"));
}

#[tokio::test]
async fn failure_17_another_turn_is_another_init_segment_and_sizes_are_as_shown() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let turned =
        it.track(ada, Codec::H264, "camera", &[(0, 0, 2000), (2, 2000, 2000), (6, 4000, 2000)]).await;
    let playlist = it.playlist(turned).await;
    let maps: Vec<_> = lines(&playlist).into_iter().filter(|line| line.contains("MAP")).collect();
    assert_eq!(maps, ["#EXT-X-MAP:URI=\"init-0.mp4\"", "#EXT-X-MAP:URI=\"init-6.mp4\""]);
    let ben = it.participant("Ben", 0).await;
    it.track(ben, Codec::H264, "camera", &[(6, 0, 2000)]).await;
    let video = it.multivariant(Some(ben)).await.unwrap().video.remove(0);
    assert_eq!((video.width, video.height), (480, 640));
}

#[tokio::test]
async fn gaps_are_filled_with_silence_and_stills() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let video = it.track(ada, Codec::Vp9, "camera", &[(0, 1000, 2000), (0, 5500, 2000)]).await;
    let audio = it.track(ada, Codec::Opus, "microphone", &[(0, 0, 2000), (1, 6000, 1000)]).await;
    it.finish(7500).await;
    let of = |text: String| -> Vec<String> {
        text.lines().filter(|line| line.contains("m4s") || line.contains("INF")).map(str::to_owned).collect()
    };
    assert_eq!(
        of(it.playlist(video).await),
        [
            "#EXTINF:1.000000,",
            "lead-0.m4s",
            "#EXTINF:2.000000,",
            "0.m4s",
            "#EXTINF:2.000000,",
            "fill-0-0.m4s",
            "#EXTINF:0.500000,",
            "fill-0-1.m4s",
            "#EXTINF:2.000000,",
            "1.m4s"
        ]
    );
    assert_eq!(
        of(it.playlist(audio).await),
        [
            "#EXTINF:2.000000,",
            "0.m4s",
            "#EXTINF:2.000000,",
            "fill-0-0.m4s",
            "#EXTINF:2.000000,",
            "fill-0-1.m4s",
            "#EXTINF:1.000000,",
            "1.m4s",
            "#EXTINF:0.500000,",
            "fill-1-0.m4s"
        ]
    );
    let source = it.source();
    let fill = source.fill(it.recording, video, whole(None, 0)).await.unwrap();
    let found = read::scan(&fill.bytes).fragments.remove(0);
    assert_eq!((found.start, found.duration, found.samples.len()), (Ticks(0), Ticks(45_000), 1));
    assert_eq!(read::scan(&fill.bytes).fragments.len(), 2);
    assert!(fill.bytes.ends_with(&black::picture(Codec::Vp9).unwrap()), "a lead of a second is black");
    assert!(fill.tag.ends_with(&format!("-v{VIEW_VERSION}")), "{}: it may be made in another way", fill.tag);
    let fill = source.fill(it.recording, video, whole(Some(0), 1)).await.unwrap();
    assert_eq!(read::scan(&fill.bytes).fragments[0].start, Ticks(5 * 90_000));
    assert!(fill.bytes.ends_with(b"vp9-0-0"));
    let fill = source.fill(it.recording, audio, whole(Some(0), 1)).await.unwrap();
    let found = read::scan(&fill.bytes).fragments;
    assert_eq!((found[0].start, found[0].duration, found.len()), (Ticks(192_000), Ticks(24_000), 4));
    assert!(found.iter().all(|own| own.samples.len() == 25));
    let none = source.fill(it.recording, audio, whole(Some(0), 2)).await;
    assert!(matches!(none, Err(Error::NoSegment(2))));
}

#[tokio::test]
async fn a_change_of_parameters_is_a_discontinuity_in_picture_and_sound() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let video = it
        .track(ada, Codec::H264, "camera", &[(0, 0, 2000), (1, 2000, 2000), (2, 4000, 2000), (4, 6000, 2000)])
        .await;
    let sound = [(0, 0, 2000), (0, 2000, 2000), (0, 4000, 2000), (0, 6000, 2000)];
    let audio = it.track(ada, Codec::Opus, "microphone", &sound).await;
    let marks = |text: String| -> Vec<String> {
        let kept = |line: &&str| line.contains("DISCONT") || line.contains("MAP") || line.ends_with("m4s");
        text.lines().filter(kept).map(str::to_owned).collect()
    };
    assert_eq!(
        marks(it.playlist(video).await),
        [
            "#EXT-X-MAP:URI=\"init-0.mp4\"",
            "0.m4s",
            "#EXT-X-DISCONTINUITY",
            "#EXT-X-MAP:URI=\"init-1.mp4\"",
            "1.m4s",
            "#EXT-X-DISCONTINUITY",
            "#EXT-X-MAP:URI=\"init-2.mp4\"",
            "2.m4s",
            // Run 4 has the parameters of run 2, so its init segment serves on.
            "3.m4s"
        ]
    );
    assert_eq!(
        marks(it.playlist(audio).await),
        [
            "#EXT-X-MAP:URI=\"init-0.mp4\"",
            "0.m4s",
            "#EXT-X-DISCONTINUITY",
            "1.m4s",
            "#EXT-X-DISCONTINUITY",
            "2.m4s",
            "3.m4s"
        ]
    );
}

#[tokio::test]
async fn dates_go_on_without_a_jump() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    // A gap of 120 ms is too short for a still: the next entry reaches back over it.
    let track =
        it.track(ada, Codec::H264, "camera", &[(0, 1000, 2000), (0, 3120, 2000), (0, 9000, 500)]).await;
    let text = it.playlist(track).await;
    let playlist = m3u8_rs::parse_media_playlist_res(text.as_bytes()).unwrap();
    let mut at = playlist.segments[0].program_date_time.unwrap().timestamp_millis();
    let mut total = 0.0;
    for segment in &playlist.segments {
        // Of fills only the first has a date.
        let date = segment.program_date_time.map_or(at, |date| date.timestamp_millis());
        assert!((date - at).abs() <= 1, "{text}");
        at = date + (f64::from(segment.duration) * 1000.0).round() as i64;
        total += f64::from(segment.duration);
        assert!(segment.duration.round() as u64 <= playlist.target_duration);
    }
    assert!((total - 8.5).abs() < 1e-3, "{text}");
}

/// A fill by its name.
fn whole(after: Option<u32>, number: u32) -> Named {
    Named { after, number, part: None }
}

/// A row of a gap of pictures, in milliseconds; the sound is cut for it at `listed_ms`.
fn gap(track: TrackId, number: u32, after: u32, shown: Shown, place: (i64, i64), listed_ms: i64) -> Gap {
    Gap {
        track,
        number,
        after,
        cause: if shown == Shown::Black { Cause::Off } else { Cause::Loss },
        shown,
        start: Ticks(place.0 * 90),
        duration: Ticks(place.1 * 90),
        open: false,
        listed_micros: listed_ms * 1000,
    }
}

/// What a playlist lists, a word for each line that matters: `B` a discontinuity, maps, URIs.
fn words(playlist: &str) -> String {
    let word = |line: &str| match line {
        "#EXT-X-DISCONTINUITY" => Some("|".to_owned()),
        _ => line
            .strip_prefix("#EXT-X-MAP:URI=")
            .map(|map| map.replace(['"'], "").replace(".mp4", ""))
            .or_else(|| line.strip_suffix(".m4s").map(str::to_owned)),
    };
    playlist.lines().filter_map(word).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn failure_14_a_camera_that_was_off_is_black_between() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let camera = it.track(ada, Codec::H264, "camera", &[(0, 0, 2000), (2, 7500, 2000)]).await;
    let sound: Vec<_> = (0..5).map(|n| (0, n * 2000, if n < 4 { 2000 } else { 1500 })).collect();
    let voice = it.track(ada, Codec::Opus, "microphone", &sound).await;
    it.catalog.add_media(&[], &[gap(camera, 0, 0, Shown::Black, (2000, 5500), 2000)]).await.unwrap();
    it.finish(9500).await;
    let picture = it.playlist(camera).await;
    assert_eq!(words(&picture), "init-0 0 | black fill-0-0 fill-0-1 fill-0-2 | init-0 1");
    assert_eq!(words(&it.playlist(voice).await), "init-0 0 | 1 2 3 | 4");
    let source = it.source();
    let init = source.black(it.recording, camera).await.unwrap();
    assert_eq!(Some(init.bytes), black::init(Codec::H264).unwrap());
    assert!(matches!(source.black(it.recording, voice).await, Err(Error::NoBlack)));
    let fill = source.fill(it.recording, camera, whole(Some(0), 2)).await.unwrap();
    let found = read::scan(&fill.bytes).fragments;
    assert_eq!((found[0].start, found.len()), (Ticks(6 * 90_000), 3));
    assert!(fill.bytes.ends_with(&black::picture(Codec::H264).unwrap()));
}

#[tokio::test]
async fn a_gap_of_a_layer_is_told_by_what_is_shown_there() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let whole: Vec<_> = (0..8).map(|n| (0, n * 2000, 2000)).collect();
    let low = it.layer(ada, 0, None, &[whole[..4].to_vec(), whole[6..].to_vec()].concat()).await;
    let high = it.layer(ada, 1, Some(low), &[whole[..2].to_vec(), whole[7..].to_vec()].concat()).await;
    let rows = [
        gap(low, 0, 3, Shown::Black, (8000, 4000), 8000),
        gap(high, 0, 1, Shown::Black, (4000, 4000), 8000),
        gap(high, 1, 1, Shown::Black, (8000, 6000), 8000),
    ];
    it.catalog.add_media(&[], &rows).await.unwrap();
    it.finish(16_000).await;
    let room = Room::load(&it.catalog, it.recording).await.unwrap();
    let told = |id: TrackId| {
        let track = room.track(id).unwrap();
        room.gaps_of(id).map(|gap| room.shows_lower_layer(track, gap)).collect::<Vec<_>>()
    };
    assert_eq!(told(low), [false], "there is none below");
    assert_eq!(told(high), [true, false], "the lower one lives, and for most of the second one it does not");
}

#[tokio::test]
async fn a_discontinuity_of_the_picture_is_never_put_before_sound_that_was_listed() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let sound: Vec<_> = (0..6).map(|n| (0, n * 2000, 2000)).collect();
    let voice = it.track(ada, Codec::Opus, "microphone", &sound).await;
    let camera = it.track(ada, Codec::H264, "camera", &[(0, 0, 2000)]).await;
    assert_eq!(words(&it.playlist(voice).await), "init-0 0 1 2 3 4 5");
    // The camera goes off at 2 s, which is told when the sound could be cut at 4 s.
    let off = gap(camera, 0, 0, Shown::Black, (2000, 4000), 4000);
    let told = Gap { open: true, duration: Ticks(2205 * 90), ..off.clone() };
    it.catalog.add_media(&[], &[told]).await.unwrap();
    assert_eq!(words(&it.playlist(voice).await), "init-0 0 1 | 2 3 4 5");
    assert_eq!(words(&it.playlist(camera).await), "init-0 0 fill-0-0");
    it.catalog.add_media(&[], &[Gap { open: true, ..off.clone() }]).await.unwrap();
    assert_eq!(words(&it.playlist(voice).await), "init-0 0 1 | 2 3 4 5");
    assert_eq!(words(&it.playlist(camera).await), "init-0 0 fill-0-0 | black fill-0-1");
    // It comes back at 6 s: a run that has begun counts, although no segment of it is closed.
    it.catalog.add_media(&[], &[off]).await.unwrap();
    let first = it.catalog.runs(camera).await.unwrap().remove(0);
    let run = NewRun { number: 1, first: Ticks(6 * 90_000), listed_micros: 6_000_000, ..first };
    it.catalog.add_run(&run).await.unwrap();
    assert_eq!(words(&it.playlist(voice).await), "init-0 0 1 | 2 | 3 4 5");
    assert_eq!(words(&it.playlist(camera).await), "init-0 0 fill-0-0 | black fill-0-1");
}

#[tokio::test]
async fn failure_6_a_camera_10_s_late_has_a_black_lead() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let sound: Vec<_> = (0..6).map(|n| (0, 1000 + n * 2000, 2000)).collect();
    let voice = it.track(ada, Codec::Opus, "microphone", &sound).await;
    let camera = it.track(ada, Codec::Av1, "camera", &[(0, 11_000, 2000)]).await;
    it.finish(13_000).await;
    let picture = it.playlist(camera).await;
    assert_eq!(words(&picture), "black lead-0 lead-1 lead-2 | init-0 0");
    assert!(
        picture.contains("#EXTINF:4.000000,\nlead-1.m4s")
            && picture.contains("#EXTINF:2.000000,\nlead-2.m4s")
    );
    assert_eq!(words(&it.playlist(voice).await), "init-0 0 1 2 3 4 | 5");
    let fill = it.source().fill(it.recording, camera, whole(None, 1)).await.unwrap();
    assert!(fill.bytes.ends_with(&black::picture(Codec::Av1).unwrap()));
}

#[tokio::test]
async fn failure_12_the_served_sound_is_as_long_as_the_wall_clock() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let voice = it.track(ada, Codec::Opus, "microphone", &[(0, 0, 2000), (1, 42_000, 1000)]).await;
    let of_sound = |number, after, from: i64, millis: i64| Gap {
        start: Ticks(from * 48),
        duration: Ticks(millis * 48),
        ..gap(voice, number, after, Shown::Silence, (0, 0), 0)
    };
    let rows = [of_sound(0, 0, 2000, 40_000), of_sound(1, 1, 43_000, 17_000)];
    it.catalog.add_media(&[], &rows).await.unwrap();
    it.finish(60_000).await;
    let text = it.playlist(voice).await;
    let playlist = m3u8_rs::parse_media_playlist_res(text.as_bytes()).unwrap();
    let listed: f64 = playlist.segments.iter().map(|segment| f64::from(segment.duration)).sum();
    assert!((listed - 60.0).abs() < 1e-3, "{text}");
    let mut served = 0;
    for segment in &playlist.segments {
        let stem = segment.uri.strip_suffix(".m4s").unwrap();
        let source = it.source();
        let fetched = match stem.strip_prefix("fill-").and_then(|rest| rest.split_once('-')) {
            Some((after, number)) => {
                let after = Some(after.parse().unwrap());
                source.fill(it.recording, voice, whole(after, number.parse().unwrap())).await.unwrap()
            }
            None => source.segment(it.recording, voice, stem.parse().unwrap()).await.unwrap(),
        };
        for fragment in read::scan(&fetched.bytes).fragments {
            assert_eq!(fragment.start, Ticks(served), "decode times go on");
            served += fragment.duration.0;
        }
    }
    assert_eq!(served, 60 * 48_000);
    // Media alone is counted.
    assert_eq!(it.room().await.totals_of(voice).unwrap().media, Ticks(3 * 48_000));
}

#[tokio::test]
async fn a_pause_of_the_recording_is_a_discontinuity_in_every_track_and_dates_jump() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    // Paused at 4 s for a minute; the key frame comes 300 ms after the sound.
    let camera = it.track(ada, Codec::Vp9, "camera", &[(0, 0, 2000), (0, 2000, 2020), (0, 4320, 2000)]).await;
    let sound = [(0, 0, 2000), (0, 2000, 1990), (0, 4010, 2000)];
    let voice = it.track(ada, Codec::Opus, "microphone", &sound).await;
    let late = it.track(ada, Codec::Vp9, "screen", &[(0, 5000, 1000)]).await;
    let pause = Pause {
        recording: it.recording,
        number: 0,
        at_micros: 4_000_000,
        began_at: START.plus(4_000_000),
        ended_at: None,
    };
    it.catalog.add_pause(&pause).await.unwrap();
    it.catalog.end_pause(it.recording, 0, START.plus(64_000_000)).await.unwrap();
    it.finish(6_320).await;
    assert_eq!(words(&it.playlist(camera).await), "init-0 0 1 | fill-1-0 2");
    assert_eq!(words(&it.playlist(voice).await), "init-0 0 1 | 2 fill-2-0");
    assert_eq!(words(&it.playlist(late).await), "black lead-0 | lead-1 | init-0 0");
    for track in [camera, voice, late] {
        let text = it.playlist(track).await;
        let playlist = m3u8_rs::parse_media_playlist_res(text.as_bytes()).unwrap();
        let mut at = 0.0;
        for segment in &playlist.segments {
            if let Some(date) = segment.program_date_time {
                let since = date.timestamp_millis() as f64 / 1000.0 - START.0 as f64 / 1e6;
                let paused = if at > 3.95 { 60.0 } else { 0.0 };
                assert!((since - at - paused).abs() < 0.025, "{since} at {at}: {text}");
            }
            at += f64::from(segment.duration);
        }
        assert!(at > 5.9, "{text}");
    }
    assert_eq!(it.room().await.wall(4_000_000), START.plus(64_000_000));
    assert_eq!(it.room().await.wall(3_999_999), START.plus(3_999_999));
}

#[tokio::test]
async fn a_still_is_as_heavy_as_what_is_served_of_it() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let mut shots = film::steady(Codec::H264, 0, 0, 4);
    shots.extend(film::steady(Codec::H264, 0, 720_000, 4));
    // The key frame that stands is not one that is like all others.
    shots[1].samples[0].2 = 9000;
    let (camera, _) = it.film(ada, Codec::H264, "camera", &shots).await;
    it.gap(camera, 1, Shown::Still, 360_000, 360_000).await;
    it.finish(12_000).await;
    let source = it.source();
    let mut bytes = 0;
    for number in 0..4 {
        bytes += source.segment(it.recording, camera, number).await.unwrap().bytes.len();
    }
    for number in 0..2 {
        bytes += source.fill(it.recording, camera, whole(Some(1), number)).await.unwrap().bytes.len();
    }
    let video = it.multivariant(None).await.unwrap().video.remove(0);
    assert_eq!(video.average_bandwidth, bytes as u64 * 8 / 12);
    assert!(bytes > 8 * 9000);
}
