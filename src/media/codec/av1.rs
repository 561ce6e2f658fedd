//! AV1: the sequence header and as much of the frame header as tells a key frame (AV1 Bitstream and Decoding
//! Process 5.5 and 5.9), and the sample entry (AV1 Codec ISO Media File Format Binding 2.3).

use super::bits::Bits;
use super::obu::{self, Obu};
use super::{Config, Error, Inspection, visual};
use crate::media::Codec;

/// What the frame headers need of the last sequence header.
#[derive(Debug, Default)]
pub(super) struct Inspector {
    reduced: bool,
}

impl Inspector {
    /// `unit` is a temporal unit whose OBUs have size fields. A sync sample holds a sequence header and its first
    /// frame is a key frame that is shown (AV1-ISOBMFF 2.5).
    pub(super) fn inspect(&mut self, unit: &[u8]) -> Result<Inspection, Error> {
        let mut sequence: Option<(Sequence, Obu<'_>)> = None;
        for obu in obu::split(unit) {
            let obu = obu.map_err(|()| Error::Malformed("a broken OBU"))?;
            match obu.header.kind {
                obu::SEQUENCE if sequence.is_none() => {
                    let read = Sequence::parse(obu.payload)
                        .ok_or(Error::Malformed("a broken AV1 sequence header"))?;
                    self.reduced = read.reduced;
                    sequence = Some((read, obu));
                }
                obu::FRAME | obu::FRAME_HEADER => {
                    let shown = self.shown_key(obu.payload).ok_or(Error::Truncated("an AV1 frame header"))?;
                    return match sequence {
                        Some((sequence, obu)) if shown => sequence.config(obu.whole).map(Inspection::key),
                        _ => Ok(Inspection::delta()),
                    };
                }
                _ => {}
            }
        }
        Ok(Inspection::delta())
    }

    /// The front of uncompressed_header() (5.9.2).
    fn shown_key(&self, payload: &[u8]) -> Option<bool> {
        if self.reduced {
            return Some(true);
        }
        let mut bits = Bits::new(payload);
        let existing = bits.flag()?;
        Some(!existing && bits.bits(2)? == 0 && bits.flag()?)
    }
}

/// sequence_header_obu() (5.5.1), as far as a file needs it.
#[derive(Clone, Copy, Debug, Default)]
struct Sequence {
    profile: u8,
    reduced: bool,
    level: u8,
    tier: bool,
    width: u32,
    height: u32,
    color: Color,
}

/// color_config() (5.5.2).
#[derive(Clone, Copy, Debug, Default)]
struct Color {
    high_depth: bool,
    twelve: bool,
    mono: bool,
    subsampling: (bool, bool),
    position: u8,
}

impl Sequence {
    fn parse(payload: &[u8]) -> Option<Self> {
        let bits = &mut Bits::new(payload);
        let profile = bits.bits(3).filter(|profile| *profile <= 2)? as u8;
        let mut sequence = Self { profile, ..Self::default() };
        let _still_picture = bits.flag()?;
        sequence.reduced = bits.flag()?;
        if sequence.reduced {
            sequence.level = bits.bits(5)? as u8;
        } else {
            (sequence.level, sequence.tier) = operating_points(bits)?;
        }
        let (width, height) = (bits.bits(4)? + 1, bits.bits(4)? + 1);
        sequence.width = bits.bits(width)? + 1;
        sequence.height = bits.bits(height)? + 1;
        skip_tools(bits, sequence.reduced)?;
        sequence.color = Color::parse(bits, sequence.profile)?;
        Some(sequence)
    }

    fn config(&self, whole: &[u8]) -> Result<Config, Error> {
        let color = &self.color;
        let entry = mp4_atom::Av01 {
            visual: visual(self.width, self.height)?,
            av1c: mp4_atom::Av1c {
                seq_profile: self.profile,
                seq_level_idx_0: self.level,
                seq_tier_0: self.tier,
                high_bitdepth: color.high_depth,
                twelve_bit: color.twelve,
                monochrome: color.mono,
                chroma_subsampling_x: color.subsampling.0,
                chroma_subsampling_y: color.subsampling.1,
                chroma_sample_position: color.position,
                initial_presentation_delay: None,
                config_obus: whole.to_vec(),
            },
            ..mp4_atom::Av01::default()
        };
        let depth = match (color.high_depth, color.twelve) {
            (false, _) => 8,
            (true, false) => 10,
            (true, true) => 12,
        };
        let tier = if self.tier { 'H' } else { 'M' };
        Ok(Config {
            codec: Codec::Av1,
            width: self.width,
            height: self.height,
            channels: 0,
            string: format!("av01.{}.{:02}{tier}.{depth:02}", self.profile, self.level),
            entry: entry.into(),
        })
    }
}

/// From timing_info_present_flag to the last operating point: level and tier of the first.
fn operating_points(bits: &mut Bits<'_>) -> Option<(u8, bool)> {
    let mut delay_bits = None;
    if bits.flag()? {
        bits.bits(32)?;
        bits.bits(32)?;
        if bits.flag()? {
            bits.exp_golomb()?;
        }
        if bits.flag()? {
            delay_bits = Some(bits.bits(5)? + 1);
            bits.bits(32)?;
            bits.bits(10)?;
        }
    }
    let display_delay = bits.flag()?;
    let points = bits.bits(5)? + 1;
    let mut first = None;
    for _ in 0..points {
        bits.bits(12)?;
        let level = bits.bits(5)? as u8;
        let tier = level > 7 && bits.flag()?;
        if let Some(delay) = delay_bits
            && bits.flag()?
        {
            bits.bits(delay)?;
            bits.bits(delay)?;
            bits.flag()?;
        }
        if display_delay && bits.flag()? {
            bits.bits(4)?;
        }
        first = first.or(Some((level, tier)));
    }
    first
}

/// From frame_id_numbers_present_flag to enable_restoration.
fn skip_tools(bits: &mut Bits<'_>, reduced: bool) -> Option<()> {
    if !reduced && bits.flag()? {
        bits.bits(7)?;
    }
    bits.bits(3)?;
    if !reduced {
        bits.bits(4)?;
        let order_hint = bits.flag()?;
        if order_hint {
            bits.bits(2)?;
        }
        let screen_content = bits.flag()? || bits.flag()?;
        if screen_content && !bits.flag()? {
            bits.flag()?;
        }
        if order_hint {
            bits.bits(3)?;
        }
    }
    bits.bits(3).map(|_| ())
}

impl Color {
    fn parse(bits: &mut Bits<'_>, profile: u8) -> Option<Self> {
        let high_depth = bits.flag()?;
        let twelve = profile == 2 && high_depth && bits.flag()?;
        let mono = profile != 1 && bits.flag()?;
        let description =
            if bits.flag()? { (bits.bits(8)?, bits.bits(8)?, bits.bits(8)?) } else { (2, 2, 2) };
        let mut color = Self { high_depth, twelve, mono, subsampling: (true, true), position: 0 };
        // Primaries of BT.709, sRGB transfer, identity matrix: RGB.
        if !mono && description == (1, 13, 0) {
            color.subsampling = (false, false);
            return Some(color);
        }
        let _range = bits.flag()?;
        if mono {
            return Some(color);
        }
        color.subsampling = match profile {
            0 => (true, true),
            1 => (false, false),
            _ if twelve => {
                let horizontal = bits.flag()?;
                (horizontal, horizontal && bits.flag()?)
            }
            _ => (true, false),
        };
        if color.subsampling == (true, true) {
            color.position = bits.bits(2)? as u8;
        }
        Some(color)
    }
}
