use super::fetch::Source;
use super::fixture::{Fixture, INIT};
use super::room::Room;
use super::{Error, presentation};
use crate::id::{ParticipantId, TrackId};
use crate::media::Codec;
use crate::media::fmp4::read;
use crate::media::hls::multivariant;
use crate::time::Ticks;

impl Fixture {
    async fn room(&self) -> Room {
        Room::load(&self.catalog, self.recording).await.unwrap()
    }

    fn source(&self) -> Source {
        Source { catalog: self.catalog.clone(), store: self.store.clone() }
    }

    async fn playlist(&self, track: TrackId) -> String {
        presentation::media(&self.catalog, &self.room().await, track, "").await.unwrap().render()
    }

    async fn multivariant(
        &self,
        participant: Option<ParticipantId>,
    ) -> Result<multivariant::Snapshot, Error> {
        presentation::multivariant(&self.catalog, &self.room().await, participant, "?token=t").await
    }
}

/// The lines of a playlist without dates, which [`dates_go_on_without_a_jump`] looks at.
fn lines(playlist: &str) -> Vec<&str> {
    playlist.lines().filter(|line| !line.contains("DATE-TIME")).skip(2).collect()
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
    let (video, audio) = (found.video.unwrap(), found.audio.unwrap());
    assert_eq!(video.uri, format!("{camera}/playlist.m3u8?token=t"));
    assert_eq!((video.codecs, video.width), (vec!["avc3.42e01f".to_owned()], 640));
    assert!((video.frame_rate.unwrap() - 10.0).abs() < 1e-9);
    assert!(video.bandwidth >= video.average_bandwidth && video.average_bandwidth > 0);
    assert_eq!(audio.uri, format!("{voice}/playlist.m3u8?token=t"));
    assert_eq!((audio.name.as_str(), audio.channels), ("Ada", 2));
    let found = it.multivariant(Some(bob)).await.unwrap();
    assert!(found.video.is_none() && found.audio.is_some());
    // The screen is a view of its own, on the same clock.
    assert!(it.playlist(screen).await.contains("0.m4s"));
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
    assert!(found.video.is_none() && found.audio.is_some());
}

#[tokio::test]
async fn before_the_first_segment_there_is_nothing_yet_and_after_the_end_nothing() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let track = it.track(ada, Codec::H264, "camera", &[]).await;
    assert!(matches!(it.multivariant(Some(ada)).await, Err(Error::NothingYet)));
    let room = it.room().await;
    let playlist = presentation::media(&it.catalog, &room, track, "").await;
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
    let video = it.multivariant(Some(ben)).await.unwrap().video.unwrap();
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
    let fill = source.fill(it.recording, video, None, 0).await.unwrap();
    let found = read::scan(&fill.bytes).fragments.remove(0);
    assert_eq!((found.start, found.duration, found.samples.len()), (Ticks(0), Ticks(90_000), 2));
    assert!(fill.bytes.ends_with(b"vp9-0-0"));
    let fill = source.fill(it.recording, video, Some(0), 1).await.unwrap();
    assert_eq!(read::scan(&fill.bytes).fragments[0].start, Ticks(5 * 90_000));
    let fill = source.fill(it.recording, audio, Some(0), 1).await.unwrap();
    let found = read::scan(&fill.bytes).fragments.remove(0);
    assert_eq!((found.start, found.duration, found.samples.len()), (Ticks(192_000), Ticks(96_000), 100));
    let none = source.fill(it.recording, audio, Some(0), 2).await;
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
        let date = segment.program_date_time.unwrap().timestamp_millis();
        assert!((date - at).abs() <= 1, "{text}");
        at = date + (f64::from(segment.duration) * 1000.0).round() as i64;
        total += f64::from(segment.duration);
        assert!(segment.duration.round() as u64 <= playlist.target_duration);
    }
    assert!((total - 8.5).abs() < 1e-3, "{text}");
}
