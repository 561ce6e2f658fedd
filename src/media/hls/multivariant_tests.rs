use super::*;
use m3u8_rs::{AlternativeMediaType, Playlist};
use proptest::prelude::*;

fn video() -> Variant {
    Variant {
        uri: "video.m3u8".into(),
        codecs: vec!["avc3.42c01f".into(), "avc3.42c02a".into()],
        width: 1280,
        height: 720,
        frame_rate: Some(29.97),
        bandwidth: 2_500_000,
        average_bandwidth: 1_800_000,
    }
}

fn audio() -> Rendition {
    Rendition {
        uri: "audio.m3u8".into(),
        name: "Ada".into(),
        codec: "opus".into(),
        channels: 2,
        bandwidth: 40_000,
        average_bandwidth: 32_000,
    }
}

fn parsed(text: &str) -> m3u8_rs::MasterPlaylist {
    let Ok(([], Playlist::MasterPlaylist(playlist))) = m3u8_rs::parse_playlist(text.as_bytes()) else {
        panic!("not a multivariant playlist:\n{text}")
    };
    playlist
}

#[test]
fn a_person_with_camera_and_microphone() {
    let text = render(&Snapshot {
        video: vec![video()],
        audio: Some(audio()),
        independent: true,
        iframes: Vec::new(),
    });
    insta::assert_snapshot!(text, @r#"
    #EXTM3U
    #EXT-X-VERSION:7
    #EXT-X-INDEPENDENT-SEGMENTS
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Ada",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="audio.m3u8"
    #EXT-X-STREAM-INF:BANDWIDTH=2540000,AVERAGE-BANDWIDTH=1832000,CODECS="avc3.42c01f,avc3.42c02a,opus",RESOLUTION=1280x720,FRAME-RATE=29.970,AUDIO="audio"
    video.m3u8
    "#);
    let playlist = parsed(&text);
    let [variant] = playlist.variants.as_slice() else { panic!("not one variant") };
    assert_eq!((variant.bandwidth, variant.average_bandwidth), (2_540_000, Some(1_832_000)));
    let [rendition] = playlist.alternatives.as_slice() else { panic!("not one rendition") };
    assert_eq!(rendition.media_type, AlternativeMediaType::Audio);
    assert_eq!(variant.audio.as_ref(), Some(&rendition.group_id));
    assert!(playlist.independent_segments);
}

#[test]
fn sound_alone_is_the_variant() {
    let text =
        render(&Snapshot { video: Vec::new(), audio: Some(audio()), independent: true, iframes: Vec::new() });
    insta::assert_snapshot!(text, @r#"
    #EXTM3U
    #EXT-X-VERSION:7
    #EXT-X-INDEPENDENT-SEGMENTS
    #EXT-X-STREAM-INF:BANDWIDTH=40000,AVERAGE-BANDWIDTH=32000,CODECS="opus"
    audio.m3u8
    "#);
    assert!(parsed(&text).alternatives.is_empty());
}

#[test]
fn a_picture_alone_of_which_little_is_known() {
    let bare = Variant { uri: "v.m3u8".into(), codecs: vec!["vp09.00.31.08".into()], ..Variant::default() };
    let text = render(&Snapshot { video: vec![bare], audio: None, independent: false, iframes: Vec::new() });
    insta::assert_snapshot!(text, @r#"
    #EXTM3U
    #EXT-X-VERSION:7
    #EXT-X-STREAM-INF:BANDWIDTH=1,AVERAGE-BANDWIDTH=1,CODECS="vp09.00.31.08"
    v.m3u8
    "#);
    assert_eq!(parsed(&text).variants[0].bandwidth, 1);
}

#[test]
fn a_frame_rate_that_is_no_number_is_left_out() {
    for rate in [f64::NAN, f64::INFINITY, 0.0, -1.0] {
        let odd = Variant { frame_rate: Some(rate), ..video() };
        let text =
            render(&Snapshot { video: vec![odd], audio: None, independent: false, iframes: Vec::new() });
        assert!(!text.contains("FRAME-RATE"), "{text}");
    }
}

#[test]
fn a_peak_is_never_below_the_average() {
    let odd = Variant { bandwidth: 1000, average_bandwidth: 2000, ..video() };
    let text = render(&Snapshot { video: vec![odd], audio: None, independent: false, iframes: Vec::new() });
    assert!(text.contains("BANDWIDTH=2000,AVERAGE-BANDWIDTH=2000"), "{text}");
}

#[test]
fn names_are_made_harmless_but_stay_names() {
    for (given, printed) in [
        ("Zoë \"Z\" O'Neil", "Zoë 'Z' O'Neil"),
        ("a\r\n#EXT-X-ENDLIST\n\u{feff}b\u{2028}c\u{85}", "a#EXT-X-ENDLISTbc"),
        ("a,b=c", "a,b=c"),
        (" \n ", "Audio"),
    ] {
        let named = Rendition { name: given.into(), ..audio() };
        let text = render(&Snapshot {
            video: vec![video()],
            audio: Some(named),
            independent: false,
            iframes: Vec::new(),
        });
        assert_eq!(parsed(&text).alternatives[0].name, printed);
    }
}

proptest! {
    #[test]
    fn no_name_adds_a_line_or_an_attribute(name in any::<String>()) {
        let plain = render(&Snapshot { video: vec![video()], audio: Some(audio()), independent: true, iframes: Vec::new() });
        let named = Rendition { name, ..audio() };
        let text = render(&Snapshot { video: vec![video()], audio: Some(named), independent: true, iframes: Vec::new() });
        prop_assert_eq!(text.lines().count(), plain.lines().count());
        prop_assert_eq!(text.matches('"').count(), plain.matches('"').count());
        prop_assert!(!text.contains('\r'));
    }
}

#[test]
fn layers_are_variants_with_one_sound() {
    let low = Variant { uri: "low.m3u8".into(), width: 160, height: 90, bandwidth: 50_000, ..video() };
    let text = render(&Snapshot {
        video: vec![video(), low],
        audio: Some(audio()),
        independent: true,
        iframes: Vec::new(),
    });
    assert_eq!(text.matches("#EXT-X-MEDIA:").count(), 1, "{text}");
    assert_eq!(text.matches("AUDIO=\"audio\"").count(), 2, "{text}");
    assert!(text.find("video.m3u8") < text.find("low.m3u8"), "{text}");
}
