//! Media presentation descriptions (ISO/IEC 23009-1 5.3) of one participant: that person's picture in one or more sizes,
//! and that person's sound. Segments are told one by one (`SegmentTimeline`, 5.3.9.6) and asked for by their time.

use super::xml::Xml;
use crate::media::{Container, Kind};
use crate::time::{Timescale, WallTime};

/// Everything that a description says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// What the recording is called. Users chose it, so it may hold anything.
    pub title: String,
    /// It still grows; `None` when nothing will be added.
    pub live: Option<Live>,
    /// Length of all periods in microseconds: told when nothing will be added.
    pub duration_micros: i64,
    /// No segment is longer, in microseconds.
    pub longest_micros: i64,
    /// In order, each from its start to the start of the next one.
    pub periods: Vec<Period>,
}

/// What only a presentation that grows says (5.3.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// The presentation's zero on the clock that is told. It stays the same.
    pub available_from: WallTime,
    /// The newest media on that clock: another time means another description.
    pub published: WallTime,
    /// What that clock shows now: players go by it. What stands for it, where it is told later.
    pub now: String,
    /// How often to ask again, in microseconds.
    pub update_micros: i64,
    /// How far behind the wall clock to play, in microseconds.
    pub delay_micros: i64,
}

/// A stretch in which no track changes its init segment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Period {
    /// From the presentation's zero, in microseconds.
    pub start_micros: i64,
    /// At most one picture and one sound.
    pub sets: Vec<AdaptationSet>,
}

/// What a player chooses one of.
#[derive(Clone, Debug, PartialEq)]
pub struct AdaptationSet {
    /// Pictures or sound.
    pub kind: Kind,
    /// Of its segments.
    pub container: Container,
    /// What a player's menu calls it: the participant's name. Users chose it, so it may hold anything.
    pub label: String,
    /// Every segment starts with a key frame.
    pub independent: bool,
    /// The choices.
    pub representations: Vec<Representation>,
}

/// One track, or one layer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Representation {
    /// Unique in its period: no white space.
    pub id: String,
    /// RFC 6381 string.
    pub codecs: String,
    /// Pixels; 0 when not known, and for sound.
    pub width: u32,
    /// Pixels; 0 when not known, and for sound.
    pub height: u32,
    /// Pictures in a second, if known.
    pub frame_rate: Option<f64>,
    /// How many channels; 0 for pictures.
    pub channels: u8,
    /// Bits in a second of its heaviest segment.
    pub bandwidth: u64,
    /// Ticks in a second.
    pub timescale: u32,
    /// The tick that lies at the period's start.
    pub offset: i64,
    /// Where its init segment is.
    pub init: String,
    /// Where its segments are, `$Time$` being the tick at which one begins.
    pub media: String,
    /// All segments in order, each up to the next one.
    pub segments: Vec<Span>,
}

/// A segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its first tick.
    pub time: i64,
    /// Its ticks.
    pub duration: i64,
}

/// The most characters of a text that people chose.
const LONGEST_TEXT: usize = 256;

/// The description's text.
#[must_use]
pub fn render(snapshot: &Snapshot) -> String {
    let representations = || snapshot.periods.iter().flat_map(|period| &period.sets);
    let count: usize = representations().map(|set| set.representations.len()).sum();
    let mut xml = Xml::new(1024 + 1024 * count);
    let webm = representations().any(|set| set.container == Container::WebM);
    let profile = if webm { "full" } else { "isoff-live" };
    xml.start("MPD")
        .attribute("xmlns", "urn:mpeg:dash:schema:mpd:2011")
        .attribute("profiles", format_args!("urn:mpeg:dash:profile:{profile}:2011"))
        .attribute("type", if snapshot.live.is_some() { "dynamic" } else { "static" });
    match &snapshot.live {
        Some(live) => {
            xml.attribute("availabilityStartTime", live.available_from)
                .attribute("publishTime", live.published)
                .attribute("minimumUpdatePeriod", seconds(live.update_micros))
                .attribute("suggestedPresentationDelay", seconds(live.delay_micros));
        }
        None => {
            xml.attribute("mediaPresentationDuration", seconds(snapshot.duration_micros));
        }
    }
    xml.attribute("minBufferTime", seconds(MIN_BUFFER_MICROS))
        .attribute("maxSegmentDuration", seconds(snapshot.longest_micros));
    let title = text(&snapshot.title);
    if !title.is_empty() {
        xml.start("ProgramInformation").start("Title").text(&title).end().end();
    }
    for period in &snapshot.periods {
        self::period(&mut xml, period);
    }
    if let Some(live) = &snapshot.live {
        xml.start("UTCTiming")
            .attribute("schemeIdUri", "urn:mpeg:dash:utc:direct:2014")
            .attribute("value", &live.now)
            .end();
    }
    xml.finish()
}

/// What a player must hold to play at the bandwidths told: those are measured over stretches of this length.
const MIN_BUFFER_MICROS: i64 = 2_000_000;

/// A period is known by its start: that does not change while the presentation grows.
fn period(xml: &mut Xml, period: &Period) {
    let id = format_args!("p{}", period.start_micros);
    xml.start("Period").attribute("id", id).attribute("start", seconds(period.start_micros));
    for set in &period.sets {
        self::set(xml, set);
    }
    xml.end();
}

fn set(xml: &mut Xml, set: &AdaptationSet) {
    let (id, kind) = match set.kind {
        Kind::Video => (1, "video"),
        Kind::Audio => (2, "audio"),
    };
    let container = match set.container {
        Container::Mp4 => "mp4",
        Container::WebM => "webm",
    };
    xml.start("AdaptationSet")
        .attribute("id", id)
        .attribute("contentType", kind)
        .attribute("mimeType", format_args!("{kind}/{container}"))
        .attribute("segmentAlignment", true);
    if set.independent {
        xml.attribute("startWithSAP", 1);
    }
    if set.kind == Kind::Audio {
        // Nobody told which language is spoken.
        xml.attribute("lang", "und");
    }
    let label = text(&set.label);
    if !label.is_empty() {
        xml.start("Label").text(&label).end();
    }
    xml.start("Role").attribute("schemeIdUri", "urn:mpeg:dash:role:2011").attribute("value", "main").end();
    for representation in &set.representations {
        self::representation(xml, representation, set.kind);
    }
    xml.end();
}

fn representation(xml: &mut Xml, own: &Representation, kind: Kind) {
    let side = |pixels: u32| Some(pixels).filter(|pixels| *pixels > 0);
    xml.start("Representation")
        .attribute("id", &own.id)
        .attribute("bandwidth", own.bandwidth.max(1))
        .attribute("codecs", &own.codecs);
    match kind {
        Kind::Video => {
            xml.optional("width", side(own.width))
                .optional("height", side(own.height))
                .optional("frameRate", own.frame_rate.and_then(frame_rate));
        }
        Kind::Audio => {
            xml.attribute("audioSamplingRate", Timescale::OPUS.0);
            if own.channels > 0 {
                xml.start("AudioChannelConfiguration")
                    .attribute("schemeIdUri", "urn:mpeg:dash:23003:3:audio_channel_configuration:2011")
                    .attribute("value", own.channels)
                    .end();
            }
        }
    }
    xml.start("SegmentTemplate")
        .attribute("timescale", own.timescale)
        .attribute("presentationTimeOffset", own.offset.max(0))
        .attribute("initialization", &own.init)
        .attribute("media", &own.media);
    timeline(xml, &own.segments);
    xml.end().end();
}

/// Segments as runs of one length (5.3.9.6.2): a time is told where it does not follow from what is before it.
fn timeline(xml: &mut Xml, segments: &[Span]) {
    xml.start("SegmentTimeline");
    let mut reached = None;
    for run in
        segments.chunk_by(|a, b| a.duration == b.duration && a.time.checked_add(a.duration) == Some(b.time))
    {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
        let time = Some(first.time.max(0)).filter(|time| reached != Some(*time));
        xml.start("S").optional("t", time).attribute("d", first.duration.max(1));
        xml.optional("r", Some(run.len() - 1).filter(|more| *more > 0)).end();
        reached = last.time.checked_add(last.duration);
    }
    xml.end();
}

/// `PT1.5S` (XML Schema 3.2.6).
fn seconds(micros: i64) -> String {
    let micros = micros.max(0);
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    format!("PT{}S", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A ratio of whole numbers (5.3.7.2), to the thousandth.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
fn frame_rate(rate: f64) -> Option<String> {
    let thousandths = (rate * 1000.0).round();
    let known = thousandths.is_finite() && (1.0..=1e7).contains(&thousandths);
    let thousandths = known.then_some(thousandths as u32)?;
    Some(if thousandths % 1000 == 0 {
        (thousandths / 1000).to_string()
    } else {
        format!("{thousandths}/1000")
    })
}

/// A text that people chose, on one line and not too long.
fn text(chosen: &str) -> String {
    let line = chosen.chars().filter(|c| !c.is_control()).take(LONGEST_TEXT).collect::<String>();
    line.trim().to_owned()
}

#[cfg(test)]
#[path = "mpd_tests.rs"]
mod tests;
