//! VP9's uncompressed header (VP9 bitstream specification 6.2) and superframe index (Annex B).

use super::bits::Bits;
use super::{Config, Error, Inspection, visual, vp};
use crate::media::Codec;

const SYNC_CODE: u32 = 0x49_8342;
/// color_space (7.2.2): CS_RGB.
const RGB: u32 = 7;

/// What a key frame's header declares.
#[derive(Clone, Copy, Debug)]
struct Key {
    profile: u8,
    depth: u8,
    color_space: u32,
    full_range: bool,
    subsampling: (bool, bool),
    width: u32,
    height: u32,
}

/// What a picture's first frame is.
enum First {
    Key(Key),
    Delta,
}

pub(super) fn inspect(picture: &[u8]) -> Result<Inspection, Error> {
    let mut layers = layers(picture);
    let first = layers.next().unwrap_or_default();
    match header(first)? {
        First::Delta => Ok(Inspection::delta()),
        First::Key(mut key) => {
            // Upper spatial layers are predicted from the first; the largest is what is shown.
            for (width, height) in layers.filter_map(layer_size) {
                if u64::from(width) * u64::from(height) > u64::from(key.width) * u64::from(key.height) {
                    (key.width, key.height) = (width, height);
                }
            }
            config(&key).map(Inspection::key)
        }
    }
}

/// The frames of a superframe, or the one frame that the picture is (Annex B.2).
fn layers(picture: &[u8]) -> impl Iterator<Item = &[u8]> {
    let sizes = index(picture);
    let count = sizes.as_ref().map_or(1, Vec::len);
    let mut rest = picture;
    (0..count).map_while(move |number| {
        let Some(sizes) = &sizes else { return Some(picture) };
        let (frame, after) = rest.split_at_checked(*sizes.get(number)?)?;
        rest = after;
        Some(frame)
    })
}

/// Sizes in the superframe index, when the picture ends with one.
fn index(picture: &[u8]) -> Option<Vec<usize>> {
    let (&marker, before) = picture.split_last()?;
    if marker & 0xe0 != 0xc0 {
        return None;
    }
    let (count, width) = (usize::from(marker & 0x07) + 1, usize::from(marker >> 3 & 0x03) + 1);
    let index = before.get(before.len().checked_sub(count * width + 1)?..)?;
    let (&front, sizes) = index.split_first()?;
    let size = |bytes: &[u8]| bytes.iter().rev().fold(0, |size, byte| size << 8 | usize::from(*byte));
    (front == marker).then(|| sizes.chunks_exact(width).map(size).collect())
}

fn header(frame: &[u8]) -> Result<First, Error> {
    let mut bits = Bits::new(frame);
    let (profile, existing) = preamble(&mut bits).ok_or(Error::Malformed("not a VP9 frame header"))?;
    if existing {
        return Ok(First::Delta);
    }
    let truncated = Error::Truncated("a VP9 frame header");
    let (Some(inter), Some(_shown), Some(_resilient)) = (bits.flag(), bits.flag(), bits.flag()) else {
        return Err(truncated);
    };
    if inter {
        return Ok(First::Delta);
    }
    if bits.bits(24).ok_or(Error::Truncated("a VP9 frame header"))? != SYNC_CODE {
        return Err(Error::Malformed("a VP9 key frame without its sync code"));
    }
    key(&mut bits, profile).map(First::Key).ok_or(truncated)
}

/// frame_marker, profile and show_existing_frame.
fn preamble(bits: &mut Bits<'_>) -> Option<(u8, bool)> {
    if bits.bits(2)? != 2 {
        return None;
    }
    let (low, high) = (bits.flag()?, bits.flag()?);
    let profile = u8::from(low) | u8::from(high) << 1;
    if profile == 3 && bits.flag()? {
        return None;
    }
    Some((profile, bits.flag()?))
}

/// color_config() and frame_size() (6.2.2, 6.2.3).
fn key(bits: &mut Bits<'_>, profile: u8) -> Option<Key> {
    let depth = match profile {
        0 | 1 => 8,
        _ if bits.flag()? => 12,
        _ => 10,
    };
    let odd = profile & 1 == 1;
    let color_space = bits.bits(3)?;
    let full_range = color_space == RGB || bits.flag()?;
    let subsampling = match (color_space == RGB, odd) {
        (true, _) => (false, false),
        (false, true) => (bits.flag()?, bits.flag()?),
        (false, false) => (true, true),
    };
    if odd {
        bits.flag()?;
    }
    let (width, height) = (bits.bits(16)? + 1, bits.bits(16)? + 1);
    Some(Key { profile, depth, color_space, full_range, subsampling, width, height })
}

/// The size that an upper layer's inter frame states, unless it takes that of a reference (6.2.5).
fn layer_size(frame: &[u8]) -> Option<(u32, u32)> {
    let mut bits = Bits::new(frame);
    let (profile, existing) = preamble(&mut bits)?;
    if existing {
        return None;
    }
    let (inter, shown, resilient) = (bits.flag()?, bits.flag()?, bits.flag()?);
    if !inter {
        (bits.bits(24)? == SYNC_CODE).then_some(())?;
        return key(&mut bits, profile).map(|key| (key.width, key.height));
    }
    let intra_only = !shown && bits.flag()?;
    if !resilient {
        bits.bits(2)?;
    }
    if intra_only {
        return None;
    }
    // refresh_frame_flags, then index and sign of three references, then whether one of them gives the size.
    bits.bits(8 + 3 * 4)?;
    for _ in 0..3 {
        if bits.flag()? {
            return None;
        }
    }
    Some((bits.bits(16)? + 1, bits.bits(16)? + 1))
}

fn config(key: &Key) -> Result<Config, Error> {
    let level = vp::level(key.width, key.height);
    let chroma_subsampling = match key.subsampling {
        (true, true) => 1,
        (true, false) => 2,
        (false, false) => 3,
        (false, true) => return Err(Error::Unsupported("VP9 with chroma of half the height")),
    };
    // color_space (7.2.2) in the numbers of ITU-T H.273.
    let (color_primaries, transfer_characteristics, matrix_coefficients) = match key.color_space {
        1 | 3 => (6, 6, 6),
        2 => (1, 1, 1),
        4 => (7, 7, 7),
        5 => (9, if key.depth == 12 { 15 } else { 14 }, 9),
        RGB => (1, 13, 0),
        _ => (2, 2, 2),
    };
    let entry = mp4_atom::Vp09 {
        visual: visual(key.width, key.height)?,
        vpcc: mp4_atom::VpcC {
            profile: key.profile,
            level,
            bit_depth: key.depth,
            chroma_subsampling,
            video_full_range_flag: key.full_range,
            color_primaries,
            transfer_characteristics,
            matrix_coefficients,
            codec_initialization_data: Vec::new(),
        },
        ..mp4_atom::Vp09::default()
    };
    Ok(Config {
        codec: Codec::Vp9,
        width: key.width,
        height: key.height,
        channels: 0,
        string: format!("vp09.{:02}.{level:02}.{:02}", key.profile, key.depth),
        entry: entry.into(),
    })
}
