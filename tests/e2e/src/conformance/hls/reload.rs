//! A playlist beside itself, some time later (RFC 8216bis 6.2.1, 6.2.2).

use super::Findings;
use super::playlist::{Line, Media};

/// Tags that a later playlist need not repeat.
const PASSING: [&str; 7] = [
    "EXT-X-PART",
    "EXT-X-PRELOAD-HINT",
    "EXT-X-RENDITION-REPORT",
    "EXT-X-ENDLIST",
    "EXT-X-SKIP",
    "EXT-X-PLAYLIST-TYPE",
    "EXT-X-SERVER-CONTROL",
];

pub(super) fn rules(old: &Media, new: &Media, found: &mut Findings<'_>) {
    found.want(old.target == new.target, "reload-target", 0, || {
        format!("EXT-X-TARGETDURATION was {:?} and is {:?}", old.target, new.target)
    });
    found.want(new.sequence >= old.sequence, "reload-sequence", 0, || {
        format!("EXT-X-MEDIA-SEQUENCE was {} and is {}", old.sequence, new.sequence)
    });
    found.want(new.part_target == old.part_target || new.ended, "reload-part-target", 0, || {
        format!("PART-TARGET was {:?} and is {:?}", old.part_target, new.part_target)
    });
    found.want(!old.ended || new.ended, "reload-end", 0, || "EXT-X-ENDLIST is gone".to_owned());
    found.want(old.kind == new.kind, "reload-type", 0, || {
        format!("EXT-X-PLAYLIST-TYPE was {:?} and is {:?}", old.kind, new.kind)
    });
    if old.kind.is_some() {
        grows(old, new, found);
    }
    parts(old, new, found);
    hinted(old, new, found);
}

/// Rule `reload-grows`: what an EVENT or VOD playlist said it still says, and first of all.
fn grows(old: &Media, new: &Media, found: &mut Findings<'_>) {
    let lasting = |media: &Media| -> Vec<(usize, String)> {
        let lines = media.lines.iter().filter_map(|line| match line {
            Line::Tag(tag) if PASSING.contains(&tag.name.as_str()) => None,
            // Where no parts come any more there is nothing to promise of them.
            Line::Tag(tag) if tag.name == "EXT-X-PART-INF" && new.ended => None,
            Line::Tag(tag) => Some((tag.line, format!("{}:{}", tag.name, tag.value))),
            Line::Uri(line, uri) => Some((*line, uri.clone())),
        });
        lines.collect()
    };
    let (before, now) = (lasting(old), lasting(new));
    let differs =
        before.iter().enumerate().find(|(at, (_, was))| now.get(*at).map(|(_, is)| is) != Some(was));
    if let Some((at, (line, was))) = differs {
        let is = now.get(at).map_or("nothing", |(_, text)| text);
        found.add("reload-grows", *line, format!("was {was:?} and is {is:?}"));
    }
}

/// Rule `reload-parts`: a part that is listed twice is the same twice.
fn parts(old: &Media, new: &Media, found: &mut Findings<'_>) {
    let now = new.parts();
    for (msn, number, was) in old.parts() {
        let is = now.iter().find(|(segment, part, _)| (*segment, *part) == (msn, number));
        let same = is.is_none_or(|(.., is)| is.uri == was.uri && is.duration == was.duration);
        found.want(same, "reload-parts", was.line, || format!("part {number} of {msn} is another now"));
    }
}

/// Rule `hint`: what was hinted came next (4.4.5.3), unless the end came. A hint tells what is expected: nobody knows
/// beforehand when a camera goes off or on.
fn hinted(old: &Media, new: &Media, found: &mut Findings<'_>) {
    let hint = old.hints.iter().find(|hint| hint.raw("TYPE") == Some("PART"));
    let Some((hint, uri)) = hint.and_then(|hint| Some((hint, hint.text("URI")?))) else { return };
    let next_segment = old.sequence + old.skipped.unwrap_or(0) + old.segments.len() as u64;
    let next = (next_segment, old.open.len() as u64);
    let now = new.parts();
    // The open segment may have been closed there: then the hint was of the first part of the next.
    let came = now.iter().find(|(msn, part, _)| (*msn, *part) == next).or_else(|| {
        let closed = new.segments.len() as u64 + new.sequence > next_segment;
        now.iter().find(|(msn, part, _)| closed && (*msn, *part) == (next_segment + 1, 0))
    });
    if let Some((.., part)) = came {
        let changed = of_fill(uri) != of_fill(&part.uri);
        found.want(part.uri == uri || changed, "hint", hint.line, || {
            format!("hinted was {uri}, {} came", part.uri)
        });
    }
}

/// It stands in where there is no media.
fn of_fill(uri: &str) -> bool {
    uri.starts_with("fill-") || uri.starts_with("lead-")
}
