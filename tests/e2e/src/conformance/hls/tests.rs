//! A playlist that is right, and for each rule one that is not.

use super::boxes::{self, Content, Init, Sample};
use super::group::{self, Member};
use super::playlist::{Attributes, Line, Media, Multivariant};
use super::segments::Bytes;
use super::{
    Findings, Options, Violation, bandwidth, codecs, iframes, low_latency, media, multivariant, reload,
    segments,
};
use std::collections::HashMap;

const MEDIA: &str = r#"#EXTM3U
#EXT-X-VERSION:9
#EXT-X-TARGETDURATION:4
#EXT-X-MEDIA-SEQUENCE:0
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MAP:URI="init-0.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-10-14T17:46:40.000Z
#EXTINF:2.000000,
0.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-10-14T17:46:42.000Z
#EXTINF:2.000000,
1.m4s
#EXT-X-DISCONTINUITY
#EXT-X-MAP:URI="init-1.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-10-14T17:46:50.000Z
#EXTINF:4.000000,
2.m4s
#EXT-X-ENDLIST
"#;

const LIVE: &str = r#"#EXTM3U
#EXT-X-VERSION:9
#EXT-X-TARGETDURATION:4
#EXT-X-MEDIA-SEQUENCE:0
#EXT-X-PLAYLIST-TYPE:EVENT
#EXT-X-PART-INF:PART-TARGET=0.5
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.5,CAN-SKIP-UNTIL=24
#EXT-X-MAP:URI="init-0.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-10-14T17:46:40.000Z
#EXT-X-PART:DURATION=0.5,URI="0.0.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.5,URI="0.1.m4s"
#EXT-X-PART:DURATION=0.2,URI="0.2.m4s"
#EXTINF:1.2,
0.m4s
#EXT-X-PART:DURATION=0.5,URI="1.0.m4s",INDEPENDENT=YES
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="1.1.m4s"
#EXT-X-RENDITION-REPORT:URI="../audio/playlist.m3u8",LAST-MSN=1,LAST-PART=0
"#;

const MASTER: &str = r#"#EXTM3U
#EXT-X-VERSION:7
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Ada",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="a.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=100,AVERAGE-BANDWIDTH=90,CODECS="avc1.42c01f,opus",RESOLUTION=320x180,FRAME-RATE=25.000,AUDIO="audio"
v.m3u8
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=50,CODECS="avc1.42c01f",RESOLUTION=320x180,URI="i.m3u8"
"#;

fn rules(check: impl FnOnce(&mut Findings<'_>)) -> Vec<&'static str> {
    let mut all: Vec<Violation> = Vec::new();
    check(&mut Findings::new("test", &mut all));
    let mut rules: Vec<_> = all.into_iter().map(|found| found.rule).collect();
    rules.sort_unstable();
    rules.dedup();
    rules
}

fn of_media(text: &str) -> Vec<&'static str> {
    rules(|found| media::rules(text, &Media::parse(text), found))
}

fn of_live(text: &str) -> Vec<&'static str> {
    let options = Options { low_latency: true, ..Options::default() };
    rules(|found| low_latency::rules(&Media::parse(text), &options, found))
}

fn of_master(text: &str) -> Vec<&'static str> {
    rules(|found| multivariant::rules(text, &Multivariant::parse(text), found))
}

/// Each change breaks that rule.
fn each(text: &str, check: fn(&str) -> Vec<&'static str>, changes: &[(&str, &str, &str)]) {
    assert_eq!(check(text), [""; 0], "unchanged");
    for (rule, from, to) in changes {
        let broken = text.replacen(from, to, 1);
        assert_ne!(broken, text, "{rule}: {from:?} is not there");
        let found = check(&broken);
        assert!(found.contains(rule), "{rule} is broken by {to:?}, found {found:?}");
    }
}

#[test]
fn rules_on_a_media_playlist_can_fail() {
    each(
        MEDIA,
        of_media,
        &[
            ("first-line", "#EXTM3U\n", ""),
            ("known-tag", "#EXT-X-ENDLIST", "#EXT-X-FINISHED\n#EXT-X-ENDLIST"),
            ("place", "#EXT-X-ENDLIST", "#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-ENDLIST"),
            ("place", "#EXTINF", "#EXT-X-STREAM-INF:BANDWIDTH=1\n#EXTINF"),
            ("once", "#EXT-X-ENDLIST", "#EXT-X-TARGETDURATION:4\n#EXT-X-ENDLIST"),
            ("version", "VERSION:9", "VERSION:5"),
            ("syntax", "#EXTINF:2.000000,\n0.m4s", "0.m4s"),
            ("syntax", "#EXTINF:2.000000,", "#EXTINF:2.000000"),
            ("syntax", "init-0.mp4\"", "init-0.mp4"),
            ("target-duration", "4.000000", "4.500000"),
            ("target-duration", "#EXT-X-TARGETDURATION:4\n", ""),
            ("extinf", "4.000000", "0.000000"),
            ("map", "#EXT-X-MAP:URI=\"init-0.mp4\"\n", ""),
            ("map-discontinuity", "#EXT-X-DISCONTINUITY\n", ""),
            ("date", "#EXT-X-PROGRAM-DATE-TIME:2026-10-14T17:46:40.000Z\n", ""),
            ("date-sum", "46:42.000Z", "46:42.002Z"),
            ("date-sum", "46:50.000Z", "46:43.000Z"),
            ("endlist", "#EXT-X-ENDLIST\n", ""),
            ("playlist-type", "VOD", "LIVE"),
            ("media-sequence", "SEQUENCE:0", "SEQUENCE:3"),
            ("end-is-end", "#EXT-X-ENDLIST", "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"x\"\n#EXT-X-ENDLIST"),
            ("second-parser", "#EXTM3U\n", ""),
        ],
    );
    let moved = MEDIA.replacen("#EXT-X-MAP", "#EXT-X-DISCONTINUITY-SEQUENCE:2\n#EXT-X-MAP", 1);
    assert!(of_media(&moved).contains(&"discontinuity-sequence"));
    each(
        &iframes_of(MEDIA),
        of_media,
        &[
            ("date", "#EXT-X-PROGRAM-DATE-TIME:2026-10-14T17:46:40.000Z\n", ""),
            ("date-sum", "46:42.000Z", "46:42.002Z"),
        ],
    );
}

/// Its I-frame playlist, where each segment has one key frame.
fn iframes_of(text: &str) -> String {
    text.replacen("#EXT-X-INDEPENDENT-SEGMENTS", "#EXT-X-I-FRAMES-ONLY", 1)
}

#[test]
fn rules_on_a_multivariant_playlist_can_fail() {
    each(
        MASTER,
        of_master,
        &[
            ("place", "#EXT-X-MEDIA:", "#EXTINF:2,\n#EXT-X-MEDIA:"),
            ("attribute-missing", "BANDWIDTH=100,", ""),
            ("attribute-missing", ",RESOLUTION=320x180,FRAME-RATE", ",FRAME-RATE"),
            ("attribute-missing", ",FRAME-RATE=25.000", ""),
            ("attribute-missing", "AVERAGE-BANDWIDTH=90,", ""),
            ("attribute-missing", "CODECS=\"avc1.42c01f,opus\",", ""),
            ("attribute-missing", "NAME=\"Ada\",", ""),
            ("attribute-missing", ",URI=\"i.m3u8\"", ""),
            ("attribute", "FRAME-RATE", "RATE"),
            ("quotes", "\"avc1.42c01f,opus\"", "avc1"),
            ("bandwidth-order", "AVERAGE-BANDWIDTH=90", "AVERAGE-BANDWIDTH=110"),
            ("group", "GROUP-ID=\"audio\"", "GROUP-ID=\"sound\""),
            ("rendition", "AUTOSELECT=YES", "AUTOSELECT=NO"),
            ("syntax", "\nv.m3u8", "\n#EXT-X-VERSION:7"),
            ("syntax", "v.m3u8", "v.m3u8\nw.m3u8"),
            ("second-parser", "BANDWIDTH=50", "BANDWIDTH=many"),
        ],
    );
}

#[test]
fn rules_on_parts_can_fail() {
    each(
        LIVE,
        of_live,
        &[
            ("part-inf", "#EXT-X-PART-INF:PART-TARGET=0.5\n", ""),
            ("part-duration", "0.5,URI=\"0.1.m4s\"", "0.51,URI=\"0.1.m4s\""),
            ("part-duration", "0.5,URI=\"0.1.m4s\"", "0.42,URI=\"0.1.m4s\""),
            ("part-duration", "0.5,URI=\"1.0.m4s\"", "0.2,URI=\"1.0.m4s\""),
            ("part-sum", "EXTINF:1.2", "EXTINF:1.45"),
            ("part-sum", "EXTINF:1.2", "EXTINF:1.15"),
            ("part-hold-back", "BACK=1.5", "BACK=1.4"),
            ("can-skip-until", "UNTIL=24", "UNTIL=23"),
            ("hold-back", "PART-HOLD-BACK=1.5", "PART-HOLD-BACK=1.5,HOLD-BACK=8"),
            ("server-control", "CAN-BLOCK-RELOAD=YES,", ""),
            ("hint-missing", "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"1.1.m4s\"\n", ""),
        ],
    );
    let without: String =
        LIVE.lines().filter(|line| !line.contains("PART")).map(|line| format!("{line}\n")).collect();
    assert_eq!(of_live(&without), ["parts-missing"]);
    let later: String = (2..12).map(|n| format!("#EXTINF:2,\n{n}.m4s\n")).collect();
    let old = format!(
        "{}{later}",
        LIVE.replacen("#EXT-X-PART:DURATION=0.5,URI=\"1.0.m4s\",INDEPENDENT=YES\n", "", 1)
    );
    assert!(of_live(&old).contains(&"old-parts"));
}

#[test]
fn rules_on_reloads_can_fail() {
    let grown = LIVE.replacen(
        "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"1.1.m4s\"",
        "#EXT-X-PART:DURATION=0.5,URI=\"1.1.m4s\"\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"1.2.m4s\"",
        1,
    );
    let (old, new) = (Media::parse(LIVE), Media::parse(&grown));
    assert_eq!(rules(|found| reload::rules(&old, &new, found)), [""; 0]);
    for (rule, from, to) in [
        ("reload-target", "TARGETDURATION:4", "TARGETDURATION:5"),
        ("reload-grows", "TARGETDURATION:4", "TARGETDURATION:5"),
        ("reload-grows", "EXTINF:1.2,", "EXTINF:1.3,"),
        ("reload-grows", "\n0.m4s", "\n9.m4s"),
        ("reload-part-target", "PART-TARGET=0.5", "PART-TARGET=0.6"),
        ("reload-parts", "0.5,URI=\"0.1.m4s\"", "0.45,URI=\"0.1.m4s\""),
        ("reload-type", "EVENT", "VOD"),
        ("hint", "URI=\"1.1.m4s\"", "URI=\"1.one.m4s\""),
    ] {
        let broken = Media::parse(&grown.replacen(from, to, 1));
        let found = rules(|found| reload::rules(&old, &broken, found));
        assert!(found.contains(&rule), "{rule} is broken by {to:?}, found {found:?}");
    }
    let later = Media::parse(&grown.replacen("SEQUENCE:0", "SEQUENCE:1", 1));
    assert!(rules(|found| reload::rules(&later, &old, found)).contains(&"reload-sequence"));
    let ended = Media::parse(MEDIA);
    assert!(rules(|found| reload::rules(&ended, &old, found)).contains(&"reload-end"));
}

#[test]
fn delta_updates_and_reports_can_fail() {
    let long: String = (0..30).map(|n| format!("#EXTINF:2,\n{n}.m4s\n")).collect();
    let head = "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:0\n\
                #EXT-X-SERVER-CONTROL:CAN-SKIP-UNTIL=24\n";
    let full = Media::parse(&format!("{head}{long}"));
    let short = |skipped: usize, from: usize| {
        let rest: String = (from..30).map(|n| format!("#EXTINF:2,\n{n}.m4s\n")).collect();
        Media::parse(&format!("{head}#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}\n{rest}"))
    };
    let of = |delta: &Media| rules(|found| low_latency::delta(&full, delta, found));
    assert_eq!(of(&short(18, 18)), [""; 0]);
    assert_eq!(of(&short(18, 17)), ["delta"], "a segment twice");
    assert_eq!(of(&short(18, 19)), ["delta"], "a segment left out");
    assert_eq!(of(&short(28, 28)), ["delta"], "more than may be skipped");
    assert_eq!(of(&full), ["delta"], "nothing skipped");

    let range = |end: &str| {
        format!(
            "#EXT-X-DATERANGE:ID=\"gap\",START-DATE=\"2026-10-14T17:46:40.000Z\"{end}\n#EXTINF:2,\n2.m4s\n"
        )
    };
    let told = |end: &str| long.replacen("#EXTINF:2,\n2.m4s\n", &range(end), 1);
    let full = Media::parse(&format!("{head}{}", told("")));
    let rest: String = (18..30).map(|n| format!("#EXTINF:2,\n{n}.m4s\n")).collect();
    let of = |ranges: &str| {
        let delta = Media::parse(&format!("{head}#EXT-X-SKIP:SKIPPED-SEGMENTS=18\n{ranges}{rest}"));
        rules(|found| low_latency::delta(&full, &delta, found))
    };
    let (own, ended) = (range(""), range(",DURATION=2"));
    let own = own.lines().next().unwrap();
    assert_eq!(of(&format!("{own}\n")), [""; 0]);
    assert_eq!(of(""), ["delta"], "a date range left out");
    assert_eq!(of(&format!("{}\n", ended.lines().next().unwrap())), ["delta"], "another one in its place");

    let live = Media::parse(LIVE);
    let others = |url: &str, after: &Media| {
        let list = [(url.to_owned(), live.clone(), after.clone())];
        let list: Vec<(String, &Media, &Media)> =
            list.iter().map(|(url, a, b)| (url.clone(), a, b)).collect();
        rules(|found| low_latency::reports(&live, |uri| uri.replace("../", "at/"), &list, found))
    };
    assert_eq!(others("at/audio/playlist.m3u8", &live), [""; 0]);
    assert_eq!(others("at/video/playlist.m3u8", &live), ["rendition-report"]);
    let behind =
        Media::parse(&LIVE.replacen("#EXT-X-PART:DURATION=0.5,URI=\"1.0.m4s\",INDEPENDENT=YES\n", "", 1));
    assert_eq!(others("at/audio/playlist.m3u8", &behind), ["rendition-report"]);
}

fn content(start: u64, sync: bool, samples: u64) -> Result<Content, String> {
    let sample = |n: u64| Sample { duration: 3600, size: 1000, sync: sync && n == 0, end: 1000 * (n + 1) };
    Ok(Content { size: samples * 1000, start, samples: (0..samples).map(sample).collect(), holes: 0 })
}

/// The bytes of [`MEDIA`] at 25 pictures a second.
fn bytes() -> Bytes {
    let init = |width: u32, height: u32| {
        Ok(Init { timescale: 90_000, codec: "avc1.42c01f".to_owned(), width, height })
    };
    let inits =
        HashMap::from([("init-0.mp4".to_owned(), init(160, 90)), ("init-1.mp4".to_owned(), init(320, 180))]);
    let segments = vec![content(0, true, 50), content(180_000, true, 50), content(360_000, true, 100)];
    Bytes { inits, segments, parts: Vec::new(), unequal: Vec::new() }
}

#[test]
fn rules_on_media_can_fail() {
    let listed = Media::parse(MEDIA);
    let of = |bytes: &Bytes| rules(|found| segments::rules(&listed, bytes, found));
    assert_eq!(of(&bytes()), [""; 0]);
    let broken = |change: fn(&mut Bytes)| {
        let mut bytes = bytes();
        change(&mut bytes);
        of(&bytes)
    };
    assert_eq!(broken(|bytes| bytes.segments[1] = content(180_000, false, 50)), ["independent"]);
    assert_eq!(broken(|bytes| bytes.segments[1] = content(180_000, true, 45)), ["clock"]);
    assert_eq!(broken(|bytes| bytes.segments[2] = content(400_000, true, 89)), ["hole"]);
    assert_eq!(broken(|bytes| bytes.segments[0].as_mut().unwrap().holes = 1), ["fragments"]);
    assert_eq!(broken(|bytes| bytes.segments[2] = Err("torn".to_owned())), ["readable"]);
    assert_eq!(broken(|bytes| bytes.unequal.push(0)), ["part-bytes"]);

    let live = Media::parse(LIVE);
    let of = |parts: Vec<Result<Content, String>>| {
        let bytes = Bytes { inits: bytes().inits, segments: Vec::new(), parts, unequal: Vec::new() };
        rules(|found| segments::rules(&live, &bytes, found))
    };
    assert_eq!(of(vec![content(0, true, 12), content(0, false, 12)]), [""; 0]);
    assert_eq!(of(vec![content(0, false, 12)]), ["part-independent"]);
    assert_eq!(of(vec![content(0, true, 10)]), ["part-media"]);
}

#[test]
fn rules_on_declarations_can_fail() {
    let listed = Media::parse(MEDIA);
    let of = |text: &str| {
        let variant = Multivariant::parse(text).variants.remove(0).attributes;
        rules(|found| {
            segments::declared(&variant, &listed, &bytes(), found);
            let rates = bandwidth::Rates { peak: 95.0, average: 88.0 };
            bandwidth::rules(&variant, &[rates, bandwidth::Rates::default()], found);
        })
    };
    assert_eq!(of(MASTER), [""; 0]);
    for (rule, from, to) in [
        ("codecs", "avc1.42c01f,opus", "avc1.64001f,opus"),
        ("resolution", "320x180", "640x360"),
        ("frame-rate", "25.000", "30.000"),
        ("bandwidth", "BANDWIDTH=100", "BANDWIDTH=90"),
        ("bandwidth", "BANDWIDTH=100", "BANDWIDTH=110"),
        ("average-bandwidth", "AVERAGE-BANDWIDTH=90", "AVERAGE-BANDWIDTH=70"),
    ] {
        let found = of(&MASTER.replacen(from, to, 1));
        assert!(found.contains(&rule), "{rule} is broken by {to:?}, found {found:?}");
    }
}

#[test]
fn every_format_is_declared_and_nothing_more() {
    let of = |listed: &str, formats: &[&str]| {
        let text = MASTER.replacen("avc1.42c01f,opus", listed, 1);
        let variant = Multivariant::parse(&text).variants.remove(0).attributes;
        rules(|found| codecs::rules(&variant, formats.iter().copied(), found)).is_empty()
    };
    for (listed, formats, good) in [
        ("avc1.42C01F,opus", &["avc1.42c01f"][..], true),
        ("avc1.42c01f,opus", &["avc1.42c01f", "avc1.42c00c", "opus"], true),
        ("avc1.42c01f", &["avc1.42c01f", "avc1.42c028"], false),
        ("avc1.42c01f", &["avc1.42c01f", "avc1.64001f"], false),
        ("avc1.42c01f", &["avc1.42001f"], false),
        ("avc1.64001f", &["avc1.42c01f", "avc1.64001e"], true),
        ("avc1.640028", &["avc1.42c01f", "avc1.64001e"], false),
        ("avc1.42c01f,avc1.64001e", &["avc1.42c01f", "avc1.64001e"], true),
        ("avc1.42c01f", &["avc1.42c01f", "vp09.00.10.08"], false),
        ("vp09.00.20.08.01.01.01.01.00,opus", &["vp09.00.20.08", "vp09.00.11.08"], true),
        ("vp09.00.20.08", &["vp09.02.20.10"], false),
        ("vp09.00.21.08", &["vp09.00.20.08"], false),
        ("av01.0.04M.08", &["av01.0.04M.08", "av01.0.00M.08"], true),
        ("av01.0.04M.08", &["av01.0.04H.08"], false),
        ("av01.0.04M.08", &["av01.0.05M.08"], false),
        ("av01.0.04M.08", &["av01.1.04M.10"], false),
        ("vp09.zero", &["vp09.00.20.08"], false),
    ] {
        assert_eq!(of(listed, formats), good, "{listed} for {formats:?}");
    }
}

#[test]
fn a_peak_is_that_of_a_stretch_of_half_to_one_and_a_half_targets() {
    let rates = bandwidth::measure(&[(1000, 2.0), (9000, 2.0), (300, 0.1)], 4.0);
    assert_eq!(rates.peak, 9000.0 * 8.0 / 2.0, "the short last one does not count alone");
    assert!((rates.average - 82_400.0 / 4.1).abs() < 1e-6);
    assert_eq!(bandwidth::measure(&[(1000, 1.0)], 4.0).peak, 8000.0, "with less than that, the average");
}

#[test]
fn rules_on_playlists_beside_each_other_can_fail() {
    let first = Media::parse(MEDIA);
    let of = |text: &str, video: bool, begins: f64| {
        let other = Media::parse(text);
        let member =
            |media, video, begins| Member { place: "p".to_owned(), media, video, begins: Some(begins) };
        rules(|found| group::rules(&[member(&first, true, 0.0), member(&other, video, begins)], found))
    };
    assert_eq!(of(MEDIA, true, 0.0), [""; 0]);
    assert_eq!(of(&MEDIA.replacen("TARGETDURATION:4", "TARGETDURATION:5", 1), false, 0.0), ["target-equal"]);
    assert_eq!(of(&MEDIA.replacen("VOD", "EVENT", 1), false, 0.0), ["type-equal"]);
    assert_eq!(of(&MEDIA.replacen("#EXT-X-DISCONTINUITY\n", "", 1), false, 0.0), ["discontinuities"]);
    let later = MEDIA.replacen("2.000000", "3.000000", 1);
    assert_eq!(of(&later, false, 0.0), [""; 0], "sound may have it a segment late");
    assert_eq!(of(&later, true, 0.0), ["discontinuities"]);
    assert_eq!(of(&MEDIA.replacen("46:40.000Z", "46:40.100Z", 1), false, 0.0), ["dates-apart"]);
}

#[test]
fn rules_on_iframes_beside_their_variant_can_fail() {
    let variant = Media::parse(MEDIA);
    let of = |text: &str, begins: f64| {
        let own = Media::parse(&iframes_of(text));
        let member =
            |media, begins| Member { place: "p".to_owned(), media, video: true, begins: Some(begins) };
        rules(|found| group::iframes(&member(&variant, 0.0), &member(&own, begins), found))
    };
    assert_eq!(of(MEDIA, 0.0), [""; 0]);
    assert_eq!(of(MEDIA, 0.5), ["iframe-begin"]);
    let lead = "#EXT-X-PROGRAM-DATE-TIME:2026-10-14T17:46:40.000Z\n#EXTINF:2.000000,\n0.m4s\n";
    assert_eq!(of(&MEDIA.replacen(lead, "", 1), 2.0), ["discontinuities", "iframe-begin"]);
    assert_eq!(of(&MEDIA.replacen("#EXT-X-DISCONTINUITY\n", "", 1), 0.0), ["discontinuities"]);
    assert_eq!(of(&MEDIA.replacen("2.000000", "3.000000", 1), 0.0), ["discontinuities"]);
    assert_eq!(of(&MEDIA.replacen("4.000000", "8.500000", 1), 0.0), ["iframe-length"]);
    assert_eq!(of(&MEDIA.replacen("46:40.000Z", "46:40.100Z", 1), 0.0), ["dates-apart"]);
    let other = MEDIA.replacen("TARGETDURATION:4", "TARGETDURATION:9", 1);
    assert_eq!(of(&other, 0.0), [""; 0], "of VOD it may be another");
    assert_eq!(of(&other.replacen("VOD", "EVENT", 1), 0.0), ["target-equal", "type-equal"]);
}

#[test]
fn rules_on_iframes_can_fail() {
    let text = "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:4\n#EXT-X-I-FRAMES-ONLY\n#EXT-X-MAP:URI=\"init-0.mp4\"\n\
                #EXTINF:2,\n#EXT-X-BYTERANGE:1000@0\n0.m4s\n#EXTINF:2,\n#EXT-X-BYTERANGE:1000@0\n1.m4s\n#EXT-X-ENDLIST\n";
    let one =
        |start: u64, sync: bool| content(start, sync, 1).map(|content| Content { size: 1000, ..content });
    let of = |text: &str, segments: Vec<Result<Content, String>>| {
        let bytes = Bytes { inits: bytes().inits, segments, parts: Vec::new(), unequal: Vec::new() };
        rules(|found| iframes::rules(&Media::parse(text), &bytes, found))
    };
    let good = || vec![one(0, true), one(180_000, true)];
    assert_eq!(of(text, good()), [""; 0]);
    assert_eq!(of(&text.replacen("#EXT-X-I-FRAMES-ONLY\n", "", 1), good()), ["iframes-only"]);
    assert_eq!(of(text, vec![one(0, false), one(180_000, true)]), ["iframe-range"]);
    let long = one(0, true).map(|content| Content { size: 1200, ..content });
    assert_eq!(of(text, vec![long, one(180_000, true)]), ["iframe-range"]);
    assert_eq!(of(text, vec![one(0, true), one(270_000, true)]), ["iframe-clock"]);
}

#[test]
fn fragments_read_back() {
    use mp4_atom::{Encode, Mfhd, Moof, Tfdt, Tfhd, Traf, Trun, TrunEntry, TrunSamples};
    let fragment = |start: u64, key: bool| {
        let sample = |key: bool| TrunEntry {
            duration: Some(3600),
            size: Some(10),
            flags: Some(if key { 0x200_0000 } else { 0x101_0000 }),
            cts: None,
        };
        let moof = |offset: i32| Moof {
            mfhd: Mfhd { sequence_number: 1 },
            traf: vec![Traf {
                tfhd: Tfhd { track_id: 1, default_base_is_moof: true, ..Tfhd::default() },
                tfdt: Some(Tfdt { base_media_decode_time: start }),
                trun: vec![Trun {
                    data_offset: Some(offset),
                    samples: TrunSamples::Explicit(vec![sample(key), sample(false)]),
                }],
                ..Traf::default()
            }],
        };
        let mut head = Vec::new();
        moof(0).encode(&mut head).unwrap();
        let offset = i32::try_from(head.len()).unwrap() + 8;
        let mut bytes = Vec::new();
        moof(offset).encode(&mut bytes).unwrap();
        mp4_atom::Mdat { data: vec![7; 20] }.encode(&mut bytes).unwrap();
        (bytes, u64::try_from(offset).unwrap())
    };
    let (first, offset) = fragment(900, true);
    let read = boxes::content(&first, false).unwrap();
    assert_eq!((read.start, read.end(), read.holes), (900, 900 + 7200, 0));
    let sync: Vec<bool> = read.samples.iter().map(|sample| sample.sync).collect();
    assert_eq!((sync, read.samples[0].end), (vec![true, false], offset + 10));
    let torn = &first[..usize::try_from(offset).unwrap() + 10];
    assert!(boxes::content(torn, false).is_err(), "a segment may not be torn");
    assert_eq!(boxes::content(torn, true).unwrap().size, read.samples[0].end);
    let (apart, _) = fragment(9000, false);
    assert_eq!(boxes::content(&[first, apart].concat(), false).unwrap().holes, 1);
    assert!(boxes::content(b"", false).is_err() && boxes::init(b"garbage!").is_err());
}

#[test]
fn attribute_lists_are_read_strictly() {
    let of = |value: &str| {
        let lines = super::playlist::lines(&format!("#EXT-X-MAP:{value}"));
        let [Line::Tag(tag)] = lines.as_slice() else { panic!("one tag") };
        Attributes::parse(tag)
    };
    let good = of("A=1,B-2=\"x,y=z\",C=YES").unwrap();
    assert_eq!((good.whole("A"), good.text("B-2"), good.yes("C")), (Some(1), Some("x,y=z"), true));
    for bad in ["A", "A=1,", "A=1,A=2", "a=1", "A=\"x", "A=\"x\"y"] {
        assert!(of(bad).is_err(), "{bad}");
    }
}
