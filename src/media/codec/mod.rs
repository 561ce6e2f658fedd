//! What is inside a frame: parameter sets, the key frame test, the sample entry, the RFC 6381 string.

use crate::media::Codec;

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
    /// The `codecs` parameter (RFC 6381), such as `avc3.42e01f`, `vp09.00.31.08`, `av01.0.04M.08`, `opus`, `vp08.00.31.08`.
    pub string: String,
    /// The sample entry (ISO/IEC 14496-12 8.5.2) as mp4-atom writes it.
    pub entry: mp4_atom::Codec,
}
