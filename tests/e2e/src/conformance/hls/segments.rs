//! A media playlist beside the bytes that it lists.

use super::boxes::{Content, Init};
use super::playlist::{Attributes, Media, Segment};
use super::{Findings, codecs};
use std::collections::HashMap;

/// The largest hole between segments that players pass, in seconds (hls.js: `maxBufferHole` and a picture).
const LARGEST_HOLE: f64 = 0.25;
/// The init segment of pictures that stand in where there are none. Its size is no property of the media.
const STAND_IN: &str = "black.mp4";

/// What was read for a media playlist.
#[derive(Default)]
pub(super) struct Bytes {
    /// By the URI as it is written.
    pub inits: HashMap<String, Result<Init, String>>,
    /// One for each segment.
    pub segments: Vec<Result<Content, String>>,
    /// One for each part, in order.
    pub parts: Vec<Result<Content, String>>,
    /// Places, as in `segments`, of those whose parts one behind the other are not the segment's bytes.
    pub unequal: Vec<usize>,
}

impl Bytes {
    pub fn init_of(&self, segment: &Segment) -> Option<&Init> {
        self.inits.get(&segment.map.as_ref()?.uri)?.as_ref().ok()
    }

    /// Segments with their init segments and contents, as far as these could be read.
    fn read<'a>(&'a self, media: &'a Media) -> impl Iterator<Item = (&'a Segment, &'a Init, &'a Content)> {
        let all = media.segments.iter().zip(&self.segments);
        all.filter_map(|(segment, content)| Some((segment, self.init_of(segment)?, content.as_ref().ok()?)))
    }

    /// Every segment begins with a sync sample.
    pub fn independent(&self) -> bool {
        let mut all = self.segments.iter().flatten();
        all.all(|content| content.samples.first().is_some_and(|first| first.sync))
    }

    /// It has pictures.
    pub fn video(&self) -> bool {
        self.inits.values().flatten().any(|init| init.width > 0)
    }

    /// Where the first sample lies, in seconds.
    pub fn begins(&self, media: &Media) -> Option<f64> {
        self.read(media).next().map(|(_, init, content)| content.start as f64 / f64::from(init.timescale))
    }
}

pub(super) fn rules(media: &Media, bytes: &Bytes, found: &mut Findings<'_>) {
    readable(media, bytes, found);
    clock(media, bytes, found);
    for (segment, _, content) in bytes.read(media) {
        let sync = content.samples.first().is_some_and(|sample| sample.sync);
        found.want(sync || !media.independent, "independent", segment.line, || {
            "does not begin with a sync sample".to_owned()
        });
        found.want(content.holes == 0, "fragments", segment.line, || {
            format!("{} holes or overlaps inside it", content.holes)
        });
    }
    parts(media, bytes, found);
}

/// Rule `readable`.
fn readable(media: &Media, bytes: &Bytes, found: &mut Findings<'_>) {
    for (uri, init) in &bytes.inits {
        if let Err(why) = init {
            found.add("readable", 0, format!("{uri}: {why}"));
        }
    }
    for (segment, content) in media.segments.iter().zip(&bytes.segments) {
        if let Err(why) = content {
            found.add("readable", segment.line, why);
        }
    }
}

/// Rules `clock`: the sum of the durations is the media's own clock, within a sample, at the end of each segment; and
/// `hole`: the clock runs on from segment to segment, over discontinuities too.
fn clock(media: &Media, bytes: &Bytes, found: &mut Findings<'_>) {
    let begins = bytes.begins(media).unwrap_or(0.0);
    let base = if media.sequence == 0 && begins < 1.0 { 0.0 } else { begins };
    let ends = media.segments.iter().scan(base, |at, segment| {
        *at += segment.duration;
        Some(*at)
    });
    let mut before: Option<f64> = None;
    for (listed, (segment, content)) in ends.zip(media.segments.iter().zip(&bytes.segments)) {
        let (Some(init), Ok(content)) = (bytes.init_of(segment), content) else { continue };
        let seconds = |ticks: u64| ticks as f64 / f64::from(init.timescale);
        let (start, end, sample) =
            (seconds(content.start), seconds(content.end()), seconds(content.longest()));
        found.want((listed - end).abs() <= sample + 1e-6, "clock", segment.line, || {
            format!("the durations end at {listed:.6}, the media at {end:.6}, a sample lasts {sample:.6}")
        });
        if let Some(before) = before {
            let apart = start - before;
            found.want((-sample..=LARGEST_HOLE).contains(&apart), "hole", segment.line, || {
                format!("begins {apart:.3} s behind the end of the one before it")
            });
        }
        before = Some(end);
    }
}

/// Rules `part-media`, `part-independent`, `part-bytes`.
fn parts(media: &Media, bytes: &Bytes, found: &mut Findings<'_>) {
    for ((_, _, part), content) in media.parts().into_iter().zip(&bytes.parts) {
        let content = match content {
            Ok(content) => content,
            Err(why) => {
                found.add("readable", part.line, why);
                continue;
            }
        };
        let init = part.map.as_ref().and_then(|map| bytes.inits.get(&map.uri)?.as_ref().ok());
        if let Some(init) = init {
            let length = (content.end() - content.start) as f64 / f64::from(init.timescale);
            let sample = content.longest() as f64 / f64::from(init.timescale);
            found.want((length - part.duration).abs() <= sample, "part-media", part.line, || {
                format!("lasts {length:.6} s by its samples and {} as listed", part.duration)
            });
        }
        let sync = content.samples.first().is_some_and(|sample| sample.sync);
        found.want(sync == part.independent, "part-independent", part.line, || {
            format!("INDEPENDENT is {}, its first sample's sync is {sync}", part.independent)
        });
    }
    for at in &bytes.unequal {
        let line = media.segments.get(*at).map_or(0, |segment| segment.line);
        found.add("part-bytes", line, "its parts one behind the other are not the segment");
    }
}

/// Rules `codecs`, `resolution`, `frame-rate`: what a variant declares of this playlist.
pub(super) fn declared(of: &Attributes, media: &Media, bytes: &Bytes, found: &mut Findings<'_>) {
    codecs::rules(of, bytes.inits.values().flatten().map(|init| init.codec.as_str()), found);
    let own = bytes.inits.iter().filter(|(uri, _)| !uri.contains(STAND_IN));
    let largest = own.filter_map(|(_, init)| init.as_ref().ok()).max_by_key(|init| init.width * init.height);
    let Some(largest) = largest.filter(|largest| largest.width > 0) else { return };
    let size = format!("{}x{}", largest.width, largest.height);
    found.want(of.raw("RESOLUTION") == Some(&size), "resolution", of.line, || {
        format!("RESOLUTION is {:?}, the pictures are {size}", of.raw("RESOLUTION"))
    });
    frame_rate(of, media, bytes, found);
}

fn frame_rate(of: &Attributes, media: &Media, bytes: &Bytes, found: &mut Findings<'_>) {
    let Some(declared) = of.float("FRAME-RATE") else { return };
    // The most of any segment that is long enough to tell: it is the maximum that is declared (4.4.6.2). One that stands in
    // has two pictures a second, and a picture that stood for long makes its segment's rate low.
    let rates = bytes.read(media).filter_map(|(_, init, content)| {
        let seconds = (content.end() - content.start) as f64 / f64::from(init.timescale);
        (seconds >= 0.5).then(|| content.samples.len() as f64 / seconds)
    });
    let measured = rates.fold(0.0, f64::max);
    if measured > 0.0 {
        found.want((declared / measured - 1.0).abs() <= 0.05, "frame-rate", of.line, || {
            format!("FRAME-RATE is {declared}, measured are {measured:.3}")
        });
    }
}

/// Rule `codecs` for a rendition beside a variant.
pub(super) fn declared_sound(of: &Attributes, bytes: &Bytes, found: &mut Findings<'_>) {
    let codecs: Vec<&str> = of.text("CODECS").unwrap_or_default().split(',').collect();
    for init in bytes.inits.values().flatten() {
        let listed = codecs.iter().any(|codec| codec.starts_with(&init.codec));
        found.want(listed, "codecs", of.line, || format!("{} of the sound is not in {codecs:?}", init.codec));
    }
}
