//! A media playlist by its text (RFC 8216bis 4.4.3, 4.4.4, 6.2.1).

use super::playlist::{Media, Segment};
use super::{Findings, tags};

/// Dates are printed in whole milliseconds, which may be cut off.
const DATE_MICROS: i64 = 1_001;

pub(super) fn rules(text: &str, media: &Media, found: &mut Findings<'_>) {
    tags::rules(&media.lines, false, found);
    for (line, why) in &media.broken {
        found.add("syntax", *line, why);
    }
    target(media, found);
    maps(media, found);
    dates(media, found);
    ends(media, found);
    second_parser(text, media, found);
}

/// Rules `target-duration`, `extinf`.
fn target(media: &Media, found: &mut Findings<'_>) {
    let Some(target) = media.target else {
        return found.add("target-duration", 0, "there is no EXT-X-TARGETDURATION");
    };
    for segment in &media.segments {
        let rounded = segment.duration.round();
        found.want(rounded <= target as f64, "target-duration", segment.line, || {
            format!("{} s rounds to more than {target}", segment.duration)
        });
        found.want(segment.duration > 0.0, "extinf", segment.line, || "it lasts no time".to_owned());
    }
}

/// Rules `map` and `map-discontinuity`: an init segment before the first segment, and where another one begins so does
/// another encoding.
fn maps(media: &Media, found: &mut Findings<'_>) {
    let mut before: Option<&Segment> = None;
    for segment in &media.segments {
        found.want(segment.map.is_some(), "map", segment.line, || "no EXT-X-MAP is in force".to_owned());
        let same = |other: &&Segment| {
            let place = |of: &Segment| of.map.as_ref().map(|map| (map.uri.clone(), map.range));
            place(other) == place(segment)
        };
        let changes = before.is_some_and(|other| !same(&other));
        found.want(!changes || segment.discontinuity, "map-discontinuity", segment.line, || {
            "another init segment without EXT-X-DISCONTINUITY".to_owned()
        });
        before = Some(segment);
    }
}

/// Rules `date`, `date-sum`: dates go on with the durations but at a discontinuity, where they may only jump ahead.
fn dates(media: &Media, found: &mut Findings<'_>) {
    if media.skipped.is_some() {
        return;
    }
    let Some(first) = media.segments.first() else { return };
    found.want(first.date.is_some(), "date", first.line, || "the first segment has no date".to_owned());
    let mut expected: Option<f64> = None;
    for segment in &media.segments {
        if let (Some(date), Some(due)) = (segment.date, expected) {
            let off = date - due.round() as i64;
            let good = if segment.discontinuity { off >= -DATE_MICROS } else { off.abs() <= DATE_MICROS };
            found.want(good, "date-sum", segment.line, || {
                format!("its date is {off} us from the date and durations before it")
            });
        }
        let begins = segment.date.map(|date| date as f64).or(expected);
        expected = begins.map(|begins| begins + segment.duration * 1e6);
    }
}

/// Rules `playlist-type`, `endlist`, `end-is-end`.
fn ends(media: &Media, found: &mut Findings<'_>) {
    match media.kind.as_deref() {
        Some("VOD") => {
            found.want(media.ended, "endlist", 0, || "VOD without EXT-X-ENDLIST".to_owned());
        }
        Some("EVENT") | None => {}
        Some(other) => found.add("playlist-type", 0, format!("{other} is no type")),
    }
    if media.kind.is_some() {
        found.want(media.sequence == 0, "media-sequence", 0, || {
            format!("nothing may leave an {:?} playlist, yet it begins at {}", media.kind, media.sequence)
        });
        found.want(media.discontinuity_sequence == 0, "discontinuity-sequence", 0, || {
            format!("nothing left it, yet EXT-X-DISCONTINUITY-SEQUENCE is {}", media.discontinuity_sequence)
        });
    }
    let hint = media.hints.first().filter(|_| media.ended);
    if let Some(hint) = hint {
        found.add("end-is-end", hint.line, "a hint of more behind the end");
    }
}

/// Rule `second-parser`: the `m3u8-rs` crate reads the same.
fn second_parser(text: &str, media: &Media, found: &mut Findings<'_>) {
    let parsed = match m3u8_rs::parse_media_playlist_res(text.as_bytes()) {
        Ok(parsed) => parsed,
        Err(error) => return found.add("second-parser", 0, format!("m3u8-rs: {error:?}")),
    };
    let theirs = (parsed.segments.len(), parsed.end_list, parsed.target_duration, parsed.media_sequence);
    let ours = (media.segments.len(), media.ended, media.target.unwrap_or(0), media.sequence);
    found.want(theirs == ours, "second-parser", 0, || format!("m3u8-rs reads {theirs:?}, not {ours:?}"));
    for (theirs, ours) in parsed.segments.iter().zip(&media.segments) {
        let same = theirs.uri == ours.uri
            && theirs.discontinuity == ours.discontinuity
            && (f64::from(theirs.duration) - ours.duration).abs() < 1e-3;
        found.want(same, "second-parser", ours.line, || "m3u8-rs reads another segment".to_owned());
    }
}
