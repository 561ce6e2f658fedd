//! Init segments: `ftyp` and `moov` of one track without samples (ISO/IEC 14496-12 4.3, 8.2; CMAF 7.3.1), and the
//! box that says whose track it is.

use super::{Error, read};
use crate::id::{RecordingId, TrackId};
use crate::media::{Codec, Kind, Rotation, codec};
use crate::time::{Ticks, WallTime};
use bytes::Bytes;
use mp4_atom::{
    Dinf, Dref, DrefEntry, Encode, FourCC, Ftyp, Hdlr, Matrix, Mdhd, Mdia, Minf, Mvex, Mvhd, Pasp, Smhd,
    Stbl, Stco, Stsd, Tkhd, Trak, Trex, Url, Vmhd,
};
use serde::{Deserialize, Serialize};

/// The type of our `uuid` box (ISO/IEC 14496-12 4.2). Its body behind the type is one JSON object.
pub const ORIGIN: [u8; 16] =
    [0x68, 0xbd, 0x46, 0x75, 0xe9, 0x37, 0x46, 0x1b, 0x81, 0x71, 0xa8, 0x3d, 0x0a, 0x9e, 0x1d, 0x98];
/// Version of that object. Fields may be added without a new one.
const VERSION: u32 = 1;
/// The longest mediasoup peer id that is written, in bytes.
const LONGEST_PARTICIPANT: usize = 4096;
/// Seconds from 1904, where the times of ISO/IEC 14496-12 8.2.2 begin, to 1970.
const MP4_EPOCH: i64 = 2_082_844_800;

/// Where the samples behind an init segment come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The recording.
    pub recording: RecordingId,
    /// The track.
    pub track: TrackId,
    /// Number of the init segment within the track, from 0.
    pub run: u32,
    /// Tick of the first sample on the recording's timeline.
    pub first: Ticks,
    /// Wall clock of that sample.
    pub wall: WallTime,
    /// mediasoup's id of the peer.
    pub participant: String,
}

/// The stored form of an [`Origin`].
#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    recording: RecordingId,
    track: TrackId,
    run: u32,
    first: i64,
    wall: WallTime,
    participant: String,
}

/// Writes an init segment for samples of this configuration. The timescale is the codec's.
///
/// # Errors
/// A sample entry that mp4-atom refuses, or a participant's name that is too long.
pub fn write(config: &codec::Config, origin: &Origin) -> Result<Bytes, Error> {
    write_turned(config, Rotation::None, origin)
}

/// The same for pictures that a player must turn.
///
/// # Errors
/// As [`write()`].
pub fn write_turned(config: &codec::Config, rotation: Rotation, origin: &Origin) -> Result<Bytes, Error> {
    let created = u64::try_from(origin.wall.0.div_euclid(1_000_000).saturating_add(MP4_EPOCH)).unwrap_or(0);
    let mut moov = moov(config, rotation, created)?;
    let body = [ORIGIN.as_slice(), &store(origin)?].concat();
    put(&mut moov, b"uuid", &body);
    file(config, &moov)
}

/// The same for samples that come from nowhere, such as those of a fill.
///
/// # Errors
/// As [`write()`].
pub fn unnamed(config: &codec::Config) -> Result<Bytes, Error> {
    file(config, &moov(config, Rotation::None, 0)?)
}

fn file(config: &codec::Config, moov: &[u8]) -> Result<Bytes, Error> {
    let mut out = Vec::new();
    brands(config.codec).encode(&mut out).map_err(Error::Init)?;
    put(&mut out, b"moov", moov);
    Ok(out.into())
}

/// The children of `moov`.
fn moov(config: &codec::Config, rotation: Rotation, created: u64) -> Result<Vec<u8>, Error> {
    let mut moov = Vec::new();
    let timescale = config.codec.timescale().0;
    let mvhd = Mvhd {
        creation_time: created,
        modification_time: created,
        timescale,
        volume: 1.into(),
        next_track_id: 2,
        ..Mvhd::default()
    };
    mvhd.encode(&mut moov).map_err(Error::Init)?;
    track(config, rotation, created).encode(&mut moov).map_err(Error::Init)?;
    let trex = Trex { track_id: 1, default_sample_description_index: 1, ..Trex::default() };
    Mvex { mehd: None, trex: vec![trex] }.encode(&mut moov).map_err(Error::Init)?;
    Ok(moov)
}

/// A box from its body. Bodies are small here: [`write()`] bounds all that varies.
fn put(out: &mut Vec<u8>, kind: &[u8; 4], body: &[u8]) {
    out.extend_from_slice(&(body.len() as u32 + 8).to_be_bytes());
    out.extend_from_slice(kind);
    out.extend_from_slice(body);
}

/// `iso6` for `default-base-is-moof`, `cmfc` for CMAF; AV1-ISOBMFF 2.1 wants its own brand.
fn brands(codec: Codec) -> Ftyp {
    let mut compatible_brands = vec![b"iso6".into(), b"cmfc".into(), b"dash".into(), b"mp41".into()];
    if codec == Codec::Av1 {
        compatible_brands.push(b"av01".into());
    }
    Ftyp { major_brand: b"iso6".into(), minor_version: 0, compatible_brands }
}

/// The matrix of `tkhd` (8.3.2, 6.2.2) that turns a picture clockwise and moves it back to where it was: x' = ax + cy + x,
/// y' = bx + dy + y, with y downwards. Factors have 16 bits behind the point.
pub(in crate::media) fn matrix(rotation: Rotation, width: u32, height: u32) -> Matrix {
    const ONE: i32 = 1 << 16;
    let side = |pixels: u32| i32::from(u16::try_from(pixels).unwrap_or(u16::MAX)).wrapping_shl(16);
    let (width, height) = (side(width), side(height));
    let [a, b, c, d, x, y] = match rotation {
        Rotation::None => return Matrix::default(),
        Rotation::Right => [0, ONE, -ONE, 0, height, 0],
        Rotation::Half => [-ONE, 0, 0, -ONE, width, height],
        Rotation::Left => [0, -ONE, ONE, 0, 0, width],
    };
    Matrix { a, b, c, d, x, y, ..Matrix::default() }
}

/// The turn that the first four factors of a matrix say; `None` when they say something else.
pub(super) fn turn(matrix: [u32; 4]) -> Option<Rotation> {
    let all = [Rotation::None, Rotation::Right, Rotation::Half, Rotation::Left];
    all.into_iter().find(|rotation| {
        let Matrix { a, b, c, d, .. } = self::matrix(*rotation, 0, 0);
        [a, b, c, d].map(|factor| factor as u32) == matrix
    })
}

fn track(config: &codec::Config, rotation: Rotation, created: u64) -> Trak {
    let video = config.codec.kind() == Kind::Video;
    let side = |pixels: u32| u16::try_from(pixels).unwrap_or(u16::MAX).into();
    Trak {
        tkhd: Tkhd {
            creation_time: created,
            modification_time: created,
            track_id: 1,
            enabled: true,
            in_movie: true,
            volume: u8::from(!video).into(),
            width: side(config.width),
            height: side(config.height),
            matrix: matrix(rotation, config.width, config.height),
            ..Tkhd::default()
        },
        mdia: Mdia {
            mdhd: Mdhd {
                creation_time: created,
                modification_time: created,
                timescale: config.codec.timescale().0,
                duration: 0,
                language: "und".into(),
            },
            hdlr: Hdlr {
                handler: FourCC::new(if video { b"vide" } else { b"soun" }),
                name: if video { "Tureen video" } else { "Tureen audio" }.into(),
            },
            minf: Minf {
                vmhd: video.then(Vmhd::default),
                smhd: (!video).then(Smhd::default),
                dinf: Dinf { dref: Dref { entries: vec![DrefEntry::Url(Url::default())] } },
                stbl: Stbl {
                    stsd: Stsd { codecs: vec![entry(&config.entry, rotation)] },
                    // Empty, but it must be there (8.7.5).
                    stco: Some(Stco::default()),
                    ..Stbl::default()
                },
                ..Minf::default()
            },
        },
        ..Trak::default()
    }
}

/// The sample entry with the number of the one data reference there is (8.5.2: counted from 1).
///
/// A picture that is turned by a quarter is declared a pixel wider by the shape of its pixels (12.1.4). Chromium turns
/// each picture as its own init segment says, but asks anew how wide and high they are only when their size changes: a
/// phone that is turned in mid-call would be squeezed into the shape from before.
pub(in crate::media) fn entry(entry: &mp4_atom::Codec, rotation: Rotation) -> mp4_atom::Codec {
    let mut entry = entry.clone();
    let quarter = matches!(rotation, Rotation::Right | Rotation::Left);
    let visual = |visual: &mut mp4_atom::Visual, pasp: &mut Option<Pasp>| {
        visual.data_reference_index = 1;
        if quarter {
            let width = u32::from(visual.width);
            *pasp = Some(Pasp { h_spacing: width + 1, v_spacing: width });
        }
    };
    match &mut entry {
        mp4_atom::Codec::Avc1(avc1) => visual(&mut avc1.visual, &mut avc1.pasp),
        mp4_atom::Codec::Avc3(avc3) => visual(&mut avc3.visual, &mut avc3.pasp),
        mp4_atom::Codec::Vp08(vp08) => visual(&mut vp08.visual, &mut vp08.pasp),
        mp4_atom::Codec::Vp09(vp09) => visual(&mut vp09.visual, &mut vp09.pasp),
        mp4_atom::Codec::Av01(av01) => visual(&mut av01.visual, &mut av01.pasp),
        mp4_atom::Codec::Opus(opus) => opus.audio.data_reference_index = 1,
        _ => {}
    }
    entry
}

fn store(origin: &Origin) -> Result<Vec<u8>, Error> {
    let length = origin.participant.len();
    if length > LONGEST_PARTICIPANT {
        return Err(Error::ParticipantTooLong { length, limit: LONGEST_PARTICIPANT });
    }
    let stored = Stored {
        version: VERSION,
        recording: origin.recording,
        track: origin.track,
        run: origin.run,
        first: origin.first.0,
        wall: origin.wall,
        participant: origin.participant.clone(),
    };
    serde_json::to_vec(&stored).map_err(Error::Origin)
}

/// Reads back whose track a file (or an init segment alone) holds; `None` when it has no such box.
///
/// # Errors
/// A box of our type that holds something else, or comes from a later version.
pub fn origin(bytes: &[u8]) -> Result<Option<Origin>, Error> {
    let moov = read::walk(bytes).find(|found| &found.kind == b"moov");
    let body = moov.and_then(|moov| moov.children().find_map(|found| origin_body(&found)));
    body.map(restore).transpose()
}

/// The JSON of a box, if it is ours.
pub(super) fn origin_body<'a>(found: &read::Found<'a>) -> Option<&'a [u8]> {
    if &found.kind == b"uuid" { found.body.strip_prefix(&ORIGIN) } else { None }
}

fn restore(body: &[u8]) -> Result<Origin, Error> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let Versioned { version } = serde_json::from_slice(body).map_err(Error::Origin)?;
    if version != VERSION {
        return Err(Error::OriginVersion(version));
    }
    let stored: Stored = serde_json::from_slice(body).map_err(Error::Origin)?;
    Ok(Origin {
        recording: stored.recording,
        track: stored.track,
        run: stored.run,
        first: Ticks(stored.first),
        wall: stored.wall,
        participant: stored.participant,
    })
}

#[cfg(test)]
#[path = "init_tests.rs"]
mod tests;
