//! What the recorder stored, read from its files as they lie: sample index and media.

use sha2::{Digest, Sha256};
use std::path::Path;
use tureen::media::Codec;
use tureen::media::fmp4::index::{Entry, Index};
use tureen::media::fmp4::read;
use tureen::time::Ticks;

/// SHA-256 of a unit: an H264 NAL unit, an AV1 OBU without its size field, a VP8 or VP9 frame, an Opus packet.
pub type Hash = [u8; 32];

/// A stored track.
pub struct Stored {
    /// Index entries.
    pub entries: Vec<Entry>,
    media: Vec<u8>,
}

impl Stored {
    /// Reads `{media}/recordings/{recording}/{track}.{mp4,idx}`.
    #[must_use]
    pub fn read(media: &Path, recording: &str, track: &str) -> Self {
        let folder = media.join("recordings").join(recording);
        let read = |extension: &str| {
            let path = folder.join(format!("{track}.{extension}"));
            std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        Self { entries: Index::parse(&read("idx")).entries, media: read("mp4") }
    }

    /// The bytes of every sample.
    pub fn samples(&self) -> impl Iterator<Item = &[u8]> {
        self.entries.iter().map(|entry| {
            let from = usize::try_from(entry.offset).unwrap();
            &self.media[from..from + entry.size as usize]
        })
    }

    /// When each sample begins, in ticks of the recording, as its fragment says.
    #[must_use]
    pub fn ticks(&self) -> Vec<Ticks> {
        let mut ticks = Vec::with_capacity(self.entries.len());
        for fragment in read::scan(&self.media).fragments {
            let mut at = fragment.start;
            for sample in fragment.samples {
                ticks.push(at);
                at = at + Ticks(sample.duration.into());
            }
        }
        ticks
    }

    /// The same in microseconds.
    #[must_use]
    pub fn times(&self, codec: Codec) -> Vec<u64> {
        self.ticks().into_iter().map(|at| at.to_micros(codec.timescale()).unsigned_abs()).collect()
    }

    /// SHA-256 of the bytes of every sample, in hexadecimal.
    #[must_use]
    pub fn sample_hashes(&self) -> Vec<String> {
        let hex = |bytes: Hash| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        self.samples().map(|sample| hex(hash(sample))).collect()
    }

    /// Hashes of the units of every sample.
    #[must_use]
    pub fn hashes(&self, codec: Codec) -> Vec<Vec<Hash>> {
        self.samples().map(|sample| unit_hashes(codec, sample)).collect()
    }
}

/// Hashes of the units of one sample.
#[must_use]
pub fn unit_hashes(codec: Codec, sample: &[u8]) -> Vec<Hash> {
    units(codec, sample).iter().map(|unit| hash(unit)).collect()
}

fn hash(unit: &[u8]) -> Hash {
    Sha256::digest(unit).into()
}

fn units(codec: Codec, sample: &[u8]) -> Vec<Vec<u8>> {
    match codec {
        Codec::H264 => nal_units(sample),
        Codec::Av1 => obus(sample),
        Codec::Vp8 | Codec::Vp9 | Codec::Opus => vec![sample.to_vec()],
    }
}

/// ISO/IEC 14496-15 5.3.3 with lengths of four bytes.
fn nal_units(mut rest: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let (unit, next) = after.split_at(u32::from_be_bytes(*length) as usize);
        found.push(unit.to_vec());
        rest = next;
    }
    assert!(rest.is_empty(), "a sample ends with its last NAL unit");
    found
}

/// AV1 5.3: header, optional extension, size, payload; returned without the size, with its flag cleared.
fn obus(mut rest: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    while let Some(&header) = rest.first() {
        assert_eq!(header & 0b10, 0b10, "stored OBUs have sizes");
        let head = if header & 0b100 == 0 { 1 } else { 2 };
        let (size, length) = leb128(&rest[head..]);
        let payload = head + length..head + length + size;
        let mut unit = vec![header & !0b10];
        unit.extend_from_slice(&rest[1..head]);
        unit.extend_from_slice(&rest[payload.clone()]);
        found.push(unit);
        rest = &rest[payload.end..];
    }
    found
}

fn leb128(bytes: &[u8]) -> (usize, usize) {
    let mut value = 0;
    for (n, byte) in bytes.iter().enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * n);
        if byte & 0x80 == 0 {
            return (value, n + 1);
        }
    }
    panic!("an OBU's size is cut off");
}
