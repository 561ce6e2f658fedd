//! What lies in front of the clusters: the EBML head, and of the segment its information and its tracks.

use super::layout::Cue;
use super::{Error, ebml};
use crate::media::fmp4::read;
use crate::media::{Codec, Kind, Rotation};

const EBML: u32 = 0x1a45_dfa3;
const SEGMENT: u32 = 0x1853_8067;
const INFO: u32 = 0x1549_a966;
const TRACKS: u32 = 0x1654_ae6b;

/// Nanoseconds in a tick: see the module's first invariant.
const TIMESTAMP_SCALE: u64 = 1_000_000;
/// What a decoder of Opus needs before a sound is right: 80 ms, in nanoseconds (RFC 7845 4.6).
const SEEK_PREROLL: u64 = 80_000_000;

/// A track as a head tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// 1 to 127.
    pub number: u8,
    /// What it holds; `None` is refused.
    pub codec: Option<Codec>,
    /// Pixels as coded; 0 for sound.
    pub width: u32,
    /// Pixels as coded; 0 for sound.
    pub height: u32,
    /// How pictures must be turned.
    pub rotation: Rotation,
    /// 0 for pictures.
    pub channels: u8,
    /// What a decoder must know (`CodecPrivate`): of AV1 the body of its `av1C` box.
    pub private: Vec<u8>,
    /// What people call it; may be empty.
    pub name: String,
}

/// A whole head of a stream without an end.
///
/// # Errors
/// [`Error::Codec`], [`Error::Missing`].
pub fn stream(tracks: &[Entry]) -> Result<Vec<u8>, Error> {
    let mut out = ebml_head();
    ebml::id(&mut out, SEGMENT);
    out.extend_from_slice(&ebml::UNKNOWN);
    out.extend(info(None));
    out.extend(self::tracks(tracks)?);
    Ok(out)
}

/// The EBML head (RFC 8794 11.2.2; RFC 9559 4.2): readers of version 2 understand simple blocks.
#[must_use]
pub fn ebml_head() -> Vec<u8> {
    let mut out = Vec::new();
    ebml::master(&mut out, EBML, |out| {
        ebml::uint(out, 0x4286, 1); // EBMLVersion
        ebml::uint(out, 0x42f7, 1); // EBMLReadVersion
        ebml::uint(out, 0x42f2, 4); // EBMLMaxIDLength
        ebml::uint(out, 0x42f3, 8); // EBMLMaxSizeLength
        ebml::string(out, 0x4282, "webm"); // DocType
        ebml::uint(out, 0x4287, 4); // DocTypeVersion
        ebml::uint(out, 0x4285, 2); // DocTypeReadVersion
    });
    out
}

/// `Info` (RFC 9559 5.1.2), with the length in milliseconds if it is known.
#[must_use]
pub fn info(millis: Option<i64>) -> Vec<u8> {
    let mut out = Vec::new();
    ebml::master(&mut out, INFO, |out| {
        ebml::uint(out, 0x002a_d7b1, TIMESTAMP_SCALE);
        if let Some(millis) = millis {
            #[expect(clippy::cast_precision_loss, reason = "a length in milliseconds")]
            ebml::float(out, 0x4489, millis as f64);
        }
        ebml::string(out, 0x4d80, "Tureen"); // MuxingApp
        ebml::string(out, 0x5741, "Tureen"); // WritingApp
    });
    out
}

/// `Tracks` (RFC 9559 5.1.4).
///
/// # Errors
/// [`Error::Codec`] for what WebM does not hold, [`Error::Missing`] for AV1 without its configuration.
pub fn tracks(entries: &[Entry]) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    for entry in entries {
        track(&mut body, entry)?;
    }
    let mut out = Vec::new();
    ebml::binary(&mut out, TRACKS, &body);
    Ok(out)
}

fn track(out: &mut Vec<u8>, entry: &Entry) -> Result<(), Error> {
    let codec = entry.codec.ok_or(Error::Codec("nothing"))?;
    let name = codec_id(codec)?;
    let private = match codec {
        Codec::Opus => opus_head(entry.channels),
        Codec::Av1 if entry.private.is_empty() => return Err(Error::Missing("av1C")),
        _ => entry.private.clone(),
    };
    ebml::master(out, 0xae, |out| {
        ebml::uint(out, 0xd7, entry.number.clamp(1, 127).into()); // TrackNumber
        ebml::uint(out, 0x73c5, entry.number.clamp(1, 127).into()); // TrackUID
        ebml::uint(out, 0x83, if codec.kind() == Kind::Video { 1 } else { 2 }); // TrackType
        ebml::uint(out, 0x9c, 0); // FlagLacing
        ebml::string(out, 0x0022_b59c, "und"); // Language
        if !entry.name.is_empty() {
            ebml::string(out, 0x536e, &entry.name); // Name
        }
        ebml::string(out, 0x86, name); // CodecID
        if !private.is_empty() {
            ebml::binary(out, 0x63a2, &private); // CodecPrivate
        }
        match codec.kind() {
            Kind::Video => video(out, entry),
            Kind::Audio => {
                ebml::uint(out, 0x56aa, 0); // CodecDelay: see codec::opus
                ebml::uint(out, 0x56bb, SEEK_PREROLL);
                ebml::master(out, 0xe1, |out| {
                    ebml::float(out, 0xb5, f64::from(codec.timescale().0)); // SamplingFrequency
                    ebml::uint(out, 0x9f, entry.channels.max(1).into()); // Channels
                });
            }
        }
    });
    Ok(())
}

/// `Video` (RFC 9559 5.1.4.1.28). Pictures are turned by a projection that only rolls (5.1.4.1.28.46), counter-clockwise.
fn video(out: &mut Vec<u8>, entry: &Entry) {
    ebml::master(out, 0xe0, |out| {
        ebml::uint(out, 0xb0, entry.width.into()); // PixelWidth
        ebml::uint(out, 0xba, entry.height.into()); // PixelHeight
        let roll = match entry.rotation {
            Rotation::None => return,
            Rotation::Right => -90.0,
            Rotation::Half => 180.0,
            Rotation::Left => 90.0,
        };
        ebml::master(out, 0x7670, |out| {
            ebml::uint(out, 0x7671, 0); // ProjectionType: rectangular
            ebml::float(out, 0x7675, roll); // ProjectionPoseRoll
        });
    });
}

/// Matroska's name of a codec.
///
/// # Errors
/// [`Error::Codec`] for what is not WebM.
pub fn codec_id(codec: Codec) -> Result<&'static str, Error> {
    match codec {
        Codec::Vp8 => Ok("V_VP8"),
        Codec::Vp9 => Ok("V_VP9"),
        Codec::Av1 => Ok("V_AV1"),
        Codec::Opus => Ok("A_OPUS"),
        Codec::H264 => Err(Error::Codec("H264")),
    }
}

/// The identification header (RFC 7845 5.1) of a stream at 48 kHz whose start is not trimmed: see `codec::opus`.
fn opus_head(channels: u8) -> Vec<u8> {
    let mut head = b"OpusHead\x01".to_vec();
    head.push(channels.max(1));
    head.extend_from_slice(&0_u16.to_le_bytes()); // pre-skip
    head.extend_from_slice(&48_000_u32.to_le_bytes());
    head.extend_from_slice(&[0, 0, 0]); // gain, mapping family
    head
}

const SEEK_HEAD: u32 = 0x114d_9b74;
const CUES: u32 = 0x1c53_bb6b;
/// Bytes of a seek head of three places: each identifier and each position has a fixed length.
const SEEK_HEAD_LEN: u64 = 5 + 3 * SEEK_LEN;
const SEEK_LEN: u64 = 3 + 7 + 11;

/// Everything in front of the clusters of a file: what a stream has, how long it is, and where players can jump to.
///
/// # Errors
/// As [`tracks`].
pub fn file(entries: &[Entry], millis: i64, clusters: u64, cues: &[Cue]) -> Result<Vec<u8>, Error> {
    let (info, tracks) = (info(Some(millis)), tracks(entries)?);
    let (info_len, tracks_len) = (info.len() as u64, tracks.len() as u64);
    // Their length does not depend on what they say.
    let cues_len = self::cues(cues, 0).len() as u64;
    let places = [SEEK_HEAD_LEN, SEEK_HEAD_LEN + info_len, SEEK_HEAD_LEN + info_len + tracks_len];
    let [_, _, before_cues] = places;
    let first = before_cues + cues_len;
    let mut out = ebml_head();
    ebml::id(&mut out, SEGMENT);
    ebml::size_in(&mut out, first + clusters, 8);
    ebml::master(&mut out, SEEK_HEAD, |out| {
        for (element, place) in [INFO, TRACKS, CUES].into_iter().zip(places) {
            ebml::master(out, 0x4dbb, |out| {
                ebml::binary(out, 0x53ab, &element.to_be_bytes()); // SeekID
                ebml::uint_fixed(out, 0x53ac, place); // SeekPosition
            });
        }
    });
    out.extend(info);
    out.extend(tracks);
    out.extend(self::cues(cues, first));
    Ok(out)
}

/// `Cues` (RFC 9559 5.1.5), the first cluster being `first` bytes behind the start of the segment's body.
fn cues(cues: &[Cue], first: u64) -> Vec<u8> {
    let mut out = Vec::new();
    ebml::master(&mut out, CUES, |out| {
        for cue in cues {
            ebml::master(out, 0xbb, |out| {
                ebml::uint_fixed(out, 0xb3, cue.at); // CueTime
                ebml::master(out, 0xb7, |out| {
                    ebml::uint(out, 0xf7, cue.track.into()); // CueTrack
                    ebml::uint_fixed(out, 0xf1, first + cue.cluster); // CueClusterPosition
                });
            });
        }
    });
    out
}

/// The body of the `av1C` box of an init segment: what `CodecPrivate` of AV1 holds.
///
/// # Errors
/// [`Error::Missing`].
pub fn av1_configuration(init: &[u8]) -> Result<Vec<u8>, Error> {
    let found = || {
        let moov = read::walk(init).find(|found| &found.kind == b"moov")?;
        let media = moov.child(b"trak")?.child(b"mdia")?.child(b"minf")?;
        let list = media.child(b"stbl")?.child(b"stsd")?;
        // Of the list version, flags and count come first (8.5.2), of the entry its fixed fields (12.1.3).
        let entry = read::walk(list.body.get(8..)?).find(|entry| &entry.kind == b"av01")?;
        let own = read::walk(entry.body.get(78..)?).find(|own| &own.kind == b"av1C")?;
        Some(own.body.to_vec())
    };
    found().ok_or(Error::Missing("av1C"))
}
