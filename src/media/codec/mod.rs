//! What is inside a frame: parameter sets, the key frame test, the sample entry, the RFC 6381 string.

mod av1;
mod bits;
mod h264;
pub(in crate::media) mod obu;
mod opus;
#[cfg(test)]
mod tests;
mod vp;
mod vp8;
mod vp9;

use crate::media::{Codec, Frame};

/// What a decoder must know before the first sample of a stretch: it makes the init segment, and a change of it
/// makes a new one.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The codec.
    pub codec: Codec,
    /// Width in pixels; 0 for audio.
    pub width: u32,
    /// Height in pixels; 0 for audio.
    pub height: u32,
    /// Channels; 0 for video.
    pub channels: u8,
    /// The `codecs` parameter (RFC 6381), such as `avc1.42E01F`, `vp09.00.31.08`, `av01.0.04M.08`, `opus`, `vp08.00.31.08`.
    pub string: String,
    /// The sample entry (ISO/IEC 14496-12 8.5.2) as mp4-atom writes it.
    pub entry: mp4_atom::Codec,
}

/// What one frame says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspection {
    /// A decoder can start here.
    pub sync: bool,
    /// What the frame declares: on every key frame, and on the first of Opus. `None` when it declares nothing.
    pub config: Option<Config>,
    /// Opus: its length in ticks of 48 kHz, from its first bytes. `None` for video.
    pub duration: Option<u32>,
}

impl Inspection {
    /// A picture that builds on earlier ones.
    fn delta() -> Self {
        Self { sync: false, config: None, duration: None }
    }

    fn key(config: Config) -> Self {
        Self { sync: true, config: Some(config), duration: None }
    }
}

/// Why a frame cannot be stored.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Pictures come in another order than they are shown (B slices): the track cannot be timed and is refused.
    #[error("the stream has B-frames: pictures do not come in the order they are shown")]
    Reordered,
    /// A key frame whose parameter sets have not come: ask for another key frame.
    #[error("a key frame comes without its parameter sets")]
    ParametersMissing,
    /// The frame ends too early.
    #[error("the frame ends inside {0}")]
    Truncated(&'static str),
    /// The frame says what its specification forbids.
    #[error("{0}")]
    Malformed(&'static str),
    /// Legal, but a sample entry cannot say it.
    #[error("{0} is not supported")]
    Unsupported(&'static str),
    /// The H.264 parameter sets cannot be read.
    #[error("the parameter sets cannot be read")]
    ParameterSets(#[source] retina::Error),
}

/// Looks into the frames of one stream.
#[derive(Debug)]
pub struct Inspector(Format);

#[derive(Debug)]
enum Format {
    H264(h264::Inspector),
    Vp8,
    Vp9,
    Av1(av1::Inspector),
    Opus(opus::Inspector),
}

impl Inspector {
    /// A stream of which nothing came yet.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        Self(match codec {
            Codec::H264 => Format::H264(h264::Inspector::default()),
            Codec::Vp8 => Format::Vp8,
            Codec::Vp9 => Format::Vp9,
            Codec::Av1 => Format::Av1(av1::Inspector::default()),
            Codec::Opus => Format::Opus(opus::Inspector::default()),
        })
    }

    /// Reads the headers of one frame, as the depacketizer made it.
    ///
    /// # Errors
    /// The frame cannot be stored. After [`Error::Reordered`] no frame of the stream can be; after any other
    /// error the stream goes on with the next key frame.
    pub fn inspect(&mut self, frame: &Frame) -> Result<Inspection, Error> {
        let data = frame.data.as_ref();
        match &mut self.0 {
            Format::H264(inspector) => inspector.inspect(data),
            Format::Vp8 => vp8::inspect(data),
            Format::Vp9 => vp9::inspect(data),
            Format::Av1(inspector) => inspector.inspect(data),
            Format::Opus(inspector) => inspector.inspect(data),
        }
    }
}

/// The common part of a video sample entry (ISO/IEC 14496-12 12.1.3).
fn visual(width: u32, height: u32) -> Result<mp4_atom::Visual, Error> {
    let side = |pixels: u32| {
        u16::try_from(pixels).ok().filter(|side| *side > 0).ok_or(Error::Unsupported("this picture size"))
    };
    Ok(mp4_atom::Visual {
        data_reference_index: 1,
        width: side(width)?,
        height: side(height)?,
        ..mp4_atom::Visual::default()
    })
}
