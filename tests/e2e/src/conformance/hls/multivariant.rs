//! A multivariant playlist by its text (RFC 8216bis 4.4.6).

use super::playlist::{Attributes, Multivariant};
use super::{Findings, tags};

const OF_STREAM: [&str; 19] = [
    "BANDWIDTH",
    "AVERAGE-BANDWIDTH",
    "SCORE",
    "CODECS",
    "SUPPLEMENTAL-CODECS",
    "RESOLUTION",
    "FRAME-RATE",
    "HDCP-LEVEL",
    "ALLOWED-CPC",
    "VIDEO-RANGE",
    "REQ-VIDEO-LAYOUT",
    "STABLE-VARIANT-ID",
    "AUDIO",
    "VIDEO",
    "SUBTITLES",
    "CLOSED-CAPTIONS",
    "PATHWAY-ID",
    "PROGRAM-ID",
    "URI",
];
const OF_MEDIA: [&str; 16] = [
    "TYPE",
    "URI",
    "GROUP-ID",
    "LANGUAGE",
    "ASSOC-LANGUAGE",
    "NAME",
    "STABLE-RENDITION-ID",
    "DEFAULT",
    "AUTOSELECT",
    "FORCED",
    "INSTREAM-ID",
    "BIT-DEPTH",
    "SAMPLE-RATE",
    "CHARACTERISTICS",
    "CHANNELS",
    "PATHWAY-ID",
];
/// Those whose values stand in quotes.
const QUOTED: [&str; 9] =
    ["CODECS", "AUDIO", "VIDEO", "SUBTITLES", "URI", "GROUP-ID", "LANGUAGE", "NAME", "CHANNELS"];

pub(super) fn rules(text: &str, list: &Multivariant, found: &mut Findings<'_>) {
    tags::rules(&list.lines, true, found);
    for (line, why) in &list.broken {
        found.add("syntax", *line, why);
    }
    for variant in &list.variants {
        attributes(&variant.attributes, &OF_STREAM[..18], found);
        stream(&variant.attributes, true, found);
        groups(list, &variant.attributes, found);
    }
    for iframes in &list.iframes {
        attributes(iframes, &OF_STREAM, found);
        stream(iframes, false, found);
        let uri = iframes.raw("URI").is_some();
        found.want(uri, "attribute-missing", iframes.line, || "no URI".to_owned());
    }
    renditions(list, found);
    second_parser(text, list, found);
}

/// Rules `attribute`, `quotes`.
fn attributes(of: &Attributes, known: &[&str], found: &mut Findings<'_>) {
    for name in of.names() {
        let ours = known.contains(&name) || name.starts_with("X-");
        found.want(ours, "attribute", of.line, || format!("{name} does not belong there"));
        let quoted = of.raw(name).is_some_and(|value| value.starts_with('"'));
        if known.contains(&name) {
            let none = name == "CLOSED-CAPTIONS";
            let wanted = QUOTED.contains(&name)
                || matches!(name, "CHARACTERISTICS" | "INSTREAM-ID" | "SUPPLEMENTAL-CODECS" | "PATHWAY-ID")
                || name.starts_with("STABLE-")
                || name.starts_with("ASSOC-");
            let free = none || matches!(name, "REQ-VIDEO-LAYOUT" | "ALLOWED-CPC");
            found.want(quoted == wanted || free, "quotes", of.line, || {
                format!("{name}={}", of.raw(name).unwrap_or_default())
            });
        }
    }
}

/// Rule `attribute-missing`: what Apple's authoring specification (9) makes a must, and the RFC a should, as well.
fn stream(of: &Attributes, whole: bool, found: &mut Findings<'_>) {
    let peak = of.whole("BANDWIDTH").unwrap_or(0);
    found.want(peak > 0, "attribute-missing", of.line, || "no BANDWIDTH".to_owned());
    let average = of.whole("AVERAGE-BANDWIDTH").unwrap_or(0);
    found.want(average > 0 || !whole, "attribute-missing", of.line, || "no AVERAGE-BANDWIDTH".to_owned());
    found.want(average <= peak, "bandwidth-order", of.line, || format!("{average} is above the peak"));
    let codecs = of.text("CODECS").unwrap_or_default();
    found.want(!codecs.is_empty(), "attribute-missing", of.line, || "no CODECS".to_owned());
    let sound = codecs.split(',').all(|codec| codec == "opus" || codec.starts_with("mp4a"));
    let mut wanted = vec!["RESOLUTION"];
    wanted.extend(whole.then_some("FRAME-RATE"));
    for name in wanted.into_iter().filter(|_| !sound) {
        found.want(of.raw(name).is_some(), "attribute-missing", of.line, || format!("no {name}"));
    }
}

/// Rule `group`: a variant's group is there (4.4.6.2).
fn groups(list: &Multivariant, of: &Attributes, found: &mut Findings<'_>) {
    for kind in ["AUDIO", "VIDEO", "SUBTITLES"] {
        let Some(group) = of.text(kind) else { continue };
        let known = |own: &&Attributes| own.raw("TYPE") == Some(kind) && own.text("GROUP-ID") == Some(group);
        let there = list.renditions.iter().any(|own| known(&own));
        found.want(there, "group", of.line, || format!("there is no {kind} group {group:?}"));
    }
}

/// Rules `attribute-missing`, `rendition`.
fn renditions(list: &Multivariant, found: &mut Findings<'_>) {
    for (at, own) in list.renditions.iter().enumerate() {
        attributes(own, &OF_MEDIA, found);
        for name in ["TYPE", "GROUP-ID", "NAME"] {
            found.want(own.raw(name).is_some(), "attribute-missing", own.line, || format!("no {name}"));
        }
        let alike = |other: &Attributes| {
            ["TYPE", "GROUP-ID", "NAME"].iter().all(|name| other.raw(name) == own.raw(name))
        };
        let twins = list.renditions.iter().take(at).any(alike);
        found.want(!twins, "rendition", own.line, || "two renditions of a group have one name".to_owned());
        let chosen = own.raw("AUTOSELECT") != Some("NO") || !own.yes("DEFAULT");
        found.want(chosen, "rendition", own.line, || "DEFAULT=YES with AUTOSELECT=NO".to_owned());
    }
}

/// Rule `second-parser`: the `m3u8-rs` crate reads the same.
fn second_parser(text: &str, list: &Multivariant, found: &mut Findings<'_>) {
    let parsed = match m3u8_rs::parse_master_playlist_res(text.as_bytes()) {
        Ok(parsed) => parsed,
        Err(error) => return found.add("second-parser", 0, format!("m3u8-rs: {error:?}")),
    };
    let (iframes, variants): (Vec<_>, Vec<_>) = parsed.variants.iter().partition(|own| own.is_i_frame);
    let theirs = (variants.len(), iframes.len(), parsed.alternatives.len());
    let ours = (list.variants.len(), list.iframes.len(), list.renditions.len());
    found.want(theirs == ours, "second-parser", 0, || format!("m3u8-rs reads {theirs:?}, not {ours:?}"));
}
