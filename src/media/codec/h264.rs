//! H.264: parameter sets, key frames, slices that show a B-frame (ITU-T H.264 7.3).
//!
//! Sets stay in band, as they came, and the active ones stand in the sample entry too. A change of them is a new
//! [`Config`] and so a new init segment.

use super::bits::Bits;
use super::{Config, Error, Inspection, visual};
use crate::media::Codec;
use bytes::Bytes;
use retina::codec::h26x::Framing;
use std::collections::BTreeMap;

/// The largest parameter set that an avcC can hold (ISO/IEC 14496-15 5.3.3.1: 16-bit lengths).
const MAX_SET: usize = u16::MAX as usize;
/// seq_parameter_set_id is at most 31, pic_parameter_set_id at most 255 (7.4.2.1, 7.4.2.2).
const MAX_SPS_ID: u32 = 31;
const MAX_PPS_ID: u32 = 255;

/// The parameter sets in force.
#[derive(Debug, Default)]
pub(super) struct Inspector {
    sps: BTreeMap<u32, Bytes>,
    /// Each with the id of the SPS it refers to.
    pps: BTreeMap<u32, (u32, Bytes)>,
}

impl Inspector {
    /// `frame` is an access unit of length-prefixed NAL units.
    pub(super) fn inspect(&mut self, mut frame: &[u8]) -> Result<Inspection, Error> {
        let mut idr = None;
        while !frame.is_empty() {
            let (unit, rest) = split_unit(frame).ok_or(Error::Truncated("a NAL unit"))?;
            frame = rest;
            let Some((&header, body)) = unit.split_first() else { continue };
            match header & 0x1f {
                kind @ (1 | 2 | 5) => {
                    let pps = read_slice(body)?;
                    if kind == 5 {
                        idr = idr.or(Some(pps));
                    }
                }
                7 => self.keep_sps(unit, body)?,
                8 => self.keep_pps(unit, body)?,
                _ => {}
            }
        }
        match idr {
            Some(pps) => self.config(pps).map(Inspection::key),
            None => Ok(Inspection::delta()),
        }
    }

    fn keep_sps(&mut self, unit: &[u8], body: &[u8]) -> Result<(), Error> {
        let id = sps_id(body).filter(|id| *id <= MAX_SPS_ID && unit.len() <= MAX_SET);
        let id = id.ok_or(Error::Malformed("a broken SPS"))?;
        if self.sps.get(&id).is_none_or(|sps| sps != unit) {
            // What refers to an SPS that changed must come again before it is used.
            self.pps.retain(|_, (sps, _)| *sps != id);
            self.sps.insert(id, Bytes::copy_from_slice(unit));
        }
        Ok(())
    }

    fn keep_pps(&mut self, unit: &[u8], body: &[u8]) -> Result<(), Error> {
        let mut bits = Bits::unit(body);
        let ids = bits.exp_golomb().zip(bits.exp_golomb());
        let ids = ids.filter(|(pps, sps)| *pps <= MAX_PPS_ID && *sps <= MAX_SPS_ID && unit.len() <= MAX_SET);
        let (pps, sps) = ids.ok_or(Error::Malformed("a broken PPS"))?;
        if self.pps.get(&pps).is_none_or(|(_, kept)| kept != unit) {
            self.pps.insert(pps, (sps, Bytes::copy_from_slice(unit)));
        }
        Ok(())
    }

    /// From the sets that a slice names by its PPS.
    fn config(&self, pps_id: u32) -> Result<Config, Error> {
        let (sps_id, pps) = self.pps.get(&pps_id).ok_or(Error::ParametersMissing)?;
        let sps = self.sps.get(sps_id).ok_or(Error::ParametersMissing)?;
        let parameters = retina::codec::h264::parameters_from_sps_and_pps(sps, pps, Framing::FourByteLength)
            .map_err(Error::ParameterSets)?;
        let (width, height) = parameters.pixel_dimensions();
        let pasp = parameters.pixel_aspect_ratio().filter(|(h, v)| h != v);
        let entry = mp4_atom::Avc1 {
            visual: visual(width, height)?,
            avcc: self.avcc(*sps_id, sps)?,
            pasp: pasp.map(|(h_spacing, v_spacing)| mp4_atom::Pasp { h_spacing, v_spacing }),
            ..mp4_atom::Avc1::default()
        };
        Ok(Config {
            codec: Codec::H264,
            width,
            height,
            channels: 0,
            string: parameters.rfc6381_codec().to_owned(),
            entry: entry.into(),
        })
    }

    /// ISO/IEC 14496-15 5.3.3.1: the SPS and every PPS that refers to it.
    fn avcc(&self, sps_id: u32, sps: &[u8]) -> Result<mp4_atom::Avcc, Error> {
        let [_, profile, compatibility, level, ..] = *sps else { return Err(Error::Truncated("an SPS")) };
        let pictures = self.pps.values().filter(|(sps, _)| *sps == sps_id).map(|(_, pps)| pps.to_vec());
        Ok(mp4_atom::Avcc {
            configuration_version: 1,
            avc_profile_indication: profile,
            profile_compatibility: compatibility,
            avc_level_indication: level,
            length_size: 4,
            sequence_parameter_sets: vec![sps.to_vec()],
            // The count is one byte, so at most 255 of the 256 that could be.
            picture_parameter_sets: pictures.take(usize::from(u8::MAX)).collect(),
            ext: extension(sps)?,
        })
    }
}

/// The unit after its length of four bytes, and the rest.
fn split_unit(frame: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = frame.split_first_chunk()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

/// The PPS that a slice header names (7.3.3). B slices are refused.
fn read_slice(body: &[u8]) -> Result<u32, Error> {
    let mut bits = Bits::unit(body);
    let header = bits.exp_golomb().zip(bits.exp_golomb()).zip(bits.exp_golomb());
    let ((_, kind), pps) = header.ok_or(Error::Truncated("a slice header"))?;
    // Table 7-6: 1 is B, and 6 says that all slices of the picture are.
    if matches!(kind, 1 | 6) {
        return Err(Error::Reordered);
    }
    if kind > 9 || pps > MAX_PPS_ID {
        return Err(Error::Malformed("a broken slice header"));
    }
    Ok(pps)
}

/// seq_parameter_set_id: after profile, constraints and level (7.3.2.1.1).
fn sps_id(body: &[u8]) -> Option<u32> {
    let mut bits = Bits::unit(body);
    bits.bits(24)?;
    bits.exp_golomb()
}

/// What avcC says besides of the high profiles, which have a chroma format in their SPS (ISO/IEC 14496-15 5.3.3.1).
fn extension(sps: &[u8]) -> Result<Option<mp4_atom::AvccExt>, Error> {
    let truncated = || Error::Truncated("an SPS");
    let mut bits = Bits::unit(sps.get(1..).ok_or_else(truncated)?);
    let profile = bits.byte().ok_or_else(truncated)?;
    if !matches!(profile, 100 | 110 | 122 | 144) {
        return Ok(None);
    }
    let mut read = || {
        bits.bits(16)?;
        bits.exp_golomb()?;
        let chroma = bits.exp_golomb()?;
        if chroma == 3 {
            bits.flag()?;
        }
        Some((chroma, bits.exp_golomb()?, bits.exp_golomb()?))
    };
    let (chroma, luma_depth, chroma_depth) = read().ok_or_else(truncated)?;
    if chroma > 3 || luma_depth > 6 || chroma_depth > 6 {
        return Err(Error::Malformed("a broken SPS"));
    }
    Ok(Some(mp4_atom::AvccExt {
        chroma_format: chroma as u8,
        bit_depth_luma: luma_depth as u8 + 8,
        bit_depth_chroma: chroma_depth as u8 + 8,
        sequence_parameter_sets_ext: Vec::new(),
    }))
}
