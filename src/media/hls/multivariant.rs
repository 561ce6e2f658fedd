//! Multivariant playlists (RFC 8216 4.3.4) of one participant: that person's video with that person's sound.

use super::{label, line, quoted};
use std::fmt::Write;

/// Everything that a multivariant playlist says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// The picture: one, or its layers with the highest first.
    pub video: Vec<Variant>,
    /// The sound: a rendition beside the picture, or the variant itself when there is none.
    pub audio: Option<Rendition>,
    /// Every segment of all tracks starts with a key frame.
    pub independent: bool,
    /// The key frames of the picture alone, of each variant that has ended.
    pub iframes: Vec<Iframes>,
}

/// A playlist of key frames.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Iframes {
    /// The playlist.
    pub uri: String,
    /// RFC 6381 string.
    pub codec: String,
    /// Pixels; 0 when not known.
    pub width: u32,
    /// Pixels; 0 when not known.
    pub height: u32,
    /// Bits in a second at most.
    pub bandwidth: u64,
}

/// A picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Variant {
    /// Its media playlist.
    pub uri: String,
    /// The RFC 6381 string of its largest encoding, if any; those of other sizes are not told. The sound's is added.
    pub codecs: Vec<String>,
    /// Pixels; 0 when not known.
    pub width: u32,
    /// Pixels; 0 when not known.
    pub height: u32,
    /// Pictures in a second, if known.
    pub frame_rate: Option<f64>,
    /// Bits in a second of its heaviest segment, without sound.
    pub bandwidth: u64,
    /// Bits in a second of the whole, without sound.
    pub average_bandwidth: u64,
}

/// A sound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rendition {
    /// Its media playlist.
    pub uri: String,
    /// What a player's menu calls it: the participant's name. Users chose it, so it may hold anything.
    pub name: String,
    /// RFC 6381 string.
    pub codec: String,
    /// How many channels; 0 when not known.
    pub channels: u8,
    /// Bits in a second of its heaviest segment.
    pub bandwidth: u64,
    /// Bits in a second of the whole.
    pub average_bandwidth: u64,
}

/// The only group of renditions.
const GROUP: &str = "audio";

/// The playlist's text. Without video and audio it has no variant; callers answer 404 before that.
#[must_use]
pub fn render(snapshot: &Snapshot) -> String {
    let mut out = String::from("#EXTM3U\n#EXT-X-VERSION:7\n");
    if snapshot.independent {
        out.push_str("#EXT-X-INDEPENDENT-SEGMENTS\n");
    }
    match (snapshot.video.as_slice(), &snapshot.audio) {
        ([], Some(audio)) => variant(&mut out, &alone(audio), None),
        (pictures, audio) => {
            if let (Some(audio), [_, ..]) = (audio, pictures) {
                rendition(&mut out, audio);
            }
            for picture in pictures {
                variant(&mut out, picture, audio.as_ref());
            }
        }
    }
    snapshot.iframes.iter().for_each(|iframes| key_frames(&mut out, iframes));
    out
}

/// `EXT-X-I-FRAME-STREAM-INF` (4.3.4.3).
fn key_frames(out: &mut String, iframes: &Iframes) {
    // Writing to a String cannot fail.
    let _ = write!(out, "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH={}", iframes.bandwidth.max(1));
    let codec = quoted(&iframes.codec);
    if !codec.is_empty() {
        let _ = write!(out, ",CODECS=\"{codec}\"");
    }
    if iframes.width > 0 && iframes.height > 0 {
        let _ = write!(out, ",RESOLUTION={}x{}", iframes.width, iframes.height);
    }
    let _ = writeln!(out, ",URI=\"{}\"", quoted(&iframes.uri));
}

/// Sound without a picture.
fn alone(audio: &Rendition) -> Variant {
    Variant {
        uri: audio.uri.clone(),
        codecs: vec![audio.codec.clone()],
        bandwidth: audio.bandwidth,
        average_bandwidth: audio.average_bandwidth,
        ..Variant::default()
    }
}

/// `EXT-X-MEDIA` (4.3.4.1).
fn rendition(out: &mut String, audio: &Rendition) {
    let name = Some(label(&audio.name)).filter(|name| !name.is_empty()).unwrap_or_else(|| "Audio".to_owned());
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"{GROUP}\",NAME=\"{name}\",DEFAULT=YES,AUTOSELECT=YES"
    );
    if audio.channels > 0 {
        let _ = write!(out, ",CHANNELS=\"{}\"", audio.channels);
    }
    let _ = writeln!(out, ",URI=\"{}\"", quoted(&audio.uri));
}

/// `EXT-X-STREAM-INF` (4.3.4.2). A bandwidth covers the renditions too, and is never zero.
fn variant(out: &mut String, video: &Variant, audio: Option<&Rendition>) {
    let mut peak = video.bandwidth;
    let mut average = video.average_bandwidth;
    let mut codecs: Vec<String> = Vec::new();
    if let Some(audio) = audio {
        peak = peak.saturating_add(audio.bandwidth);
        average = average.saturating_add(audio.average_bandwidth);
    }
    let strings = video.codecs.iter().chain(audio.map(|audio| &audio.codec));
    for codec in strings.map(|codec| quoted(codec)).filter(|codec| !codec.is_empty()) {
        if !codecs.contains(&codec) {
            codecs.push(codec);
        }
    }
    let average = average.max(1);
    let _ = write!(out, "#EXT-X-STREAM-INF:BANDWIDTH={},AVERAGE-BANDWIDTH={average}", peak.max(average));
    if !codecs.is_empty() {
        let _ = write!(out, ",CODECS=\"{}\"", codecs.join(","));
    }
    if video.width > 0 && video.height > 0 {
        let _ = write!(out, ",RESOLUTION={}x{}", video.width, video.height);
    }
    if let Some(rate) = video.frame_rate.filter(|rate| rate.is_finite() && *rate > 0.0) {
        let _ = write!(out, ",FRAME-RATE={rate:.3}");
    }
    if audio.is_some() {
        let _ = write!(out, ",AUDIO=\"{GROUP}\"");
    }
    let _ = writeln!(out, "\n{}", line(&video.uri));
}

#[cfg(test)]
#[path = "multivariant_tests.rs"]
mod tests;
