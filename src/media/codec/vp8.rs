//! VP8's frame header (RFC 6386 9.1).

use super::{Config, Error, Inspection, visual, vp};
use crate::media::Codec;

const START_CODE: [u8; 3] = [0x9d, 0x01, 0x2a];

pub(super) fn inspect(frame: &[u8]) -> Result<Inspection, Error> {
    let (&[first, _, _], rest) = frame.split_first_chunk().ok_or(Error::Truncated("a VP8 frame tag"))?;
    if first & 0x01 != 0 {
        return Ok(Inspection::delta());
    }
    let (start, rest) = rest.split_first_chunk().ok_or(Error::Truncated("a VP8 start code"))?;
    if *start != START_CODE {
        return Err(Error::Malformed("a VP8 key frame without its start code"));
    }
    let (&[w0, w1, h0, h1], _) = rest.split_first_chunk().ok_or(Error::Truncated("a VP8 picture size"))?;
    // The upper two bits are a hint to scale up what is shown.
    let width = u32::from(u16::from_le_bytes([w0, w1]) & 0x3fff);
    let height = u32::from(u16::from_le_bytes([h0, h1]) & 0x3fff);
    let profile = first >> 1 & 0x07;
    if profile > 3 {
        return Err(Error::Malformed("a VP8 version above 3"));
    }
    config(profile, width, height).map(Inspection::key)
}

fn config(profile: u8, width: u32, height: u32) -> Result<Config, Error> {
    let level = vp::level(width, height);
    let entry = mp4_atom::Vp08 {
        visual: visual(width, height)?,
        vpcc: mp4_atom::VpcC {
            profile,
            level,
            bit_depth: 8,
            // 4:2:0; VP8's only colour space is that of BT.601 (RFC 6386 9.2).
            chroma_subsampling: 1,
            video_full_range_flag: false,
            color_primaries: 6,
            transfer_characteristics: 6,
            matrix_coefficients: 6,
            codec_initialization_data: Vec::new(),
        },
        ..mp4_atom::Vp08::default()
    };
    Ok(Config {
        codec: Codec::Vp8,
        width,
        height,
        channels: 0,
        string: format!("vp08.{profile:02}.{level:02}.08"),
        entry: entry.into(),
    })
}
