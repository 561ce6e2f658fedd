//! Init segments and media segments as `mp4-atom` reads them (ISO/IEC 14496-12).

use mp4_atom::{Any, Atom, Codec, DecodeMaybe, Header, Mdat, Moof, Moov, ReadFrom, Trak};
use std::io::Cursor;

/// What an init segment declares.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Init {
    /// Ticks in a second.
    pub timescale: u32,
    /// RFC 6381.
    pub codec: String,
    /// As shown; 0 of sound.
    pub width: u32,
    /// As shown; 0 of sound.
    pub height: u32,
}

/// A sample of a segment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample {
    pub duration: u64,
    pub size: u64,
    pub sync: bool,
    /// Where its bytes end, from the start of what was read.
    pub end: u64,
}

/// A media segment, a part, or the beginning of one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Content {
    /// Bytes.
    pub size: u64,
    /// Ticks of its first sample.
    pub start: u64,
    /// All samples.
    pub samples: Vec<Sample>,
    /// Where a fragment does not begin at the end of the one before it.
    pub holes: usize,
}

impl Content {
    pub fn end(&self) -> u64 {
        self.start + self.samples.iter().map(|sample| sample.duration).sum::<u64>()
    }

    pub fn longest(&self) -> u64 {
        self.samples.iter().map(|sample| sample.duration).max().unwrap_or(0)
    }
}

pub(super) fn init(bytes: &[u8]) -> Result<Init, String> {
    let mut cursor = Cursor::new(bytes);
    let mut moov: Option<Moov> = None;
    while let Ok(any) = Any::read_from(&mut cursor) {
        if let Any::Moov(found) = any {
            moov = Some(found);
        }
        if cursor.position() >= bytes.len() as u64 {
            break;
        }
    }
    let moov = moov.ok_or("no moov")?;
    let [track] = moov.trak.as_slice() else { return Err(format!("{} tracks", moov.trak.len())) };
    describe(track)
}

fn describe(track: &Trak) -> Result<Init, String> {
    let entry = track.mdia.minf.stbl.stsd.codecs.first().ok_or("no sample entry")?;
    let (codec, width, height) = match entry {
        Codec::Avc1(avc) => {
            let own = &avc.avcc;
            let profile = [own.avc_profile_indication, own.profile_compatibility, own.avc_level_indication];
            let [profile, compatibility, level] = profile;
            let text = format!("avc1.{profile:02x}{compatibility:02x}{level:02x}");
            (text, avc.visual.width, avc.visual.height)
        }
        Codec::Vp09(vp9) => {
            let own = &vp9.vpcc;
            let text = format!("vp09.{:02}.{:02}.{:02}", own.profile, own.level, own.bit_depth);
            (text, vp9.visual.width, vp9.visual.height)
        }
        Codec::Av01(av1) => {
            let own = &av1.av1c;
            let depth = if own.twelve_bit {
                12
            } else if own.high_bitdepth {
                10
            } else {
                8
            };
            let tier = if own.seq_tier_0 { 'H' } else { 'M' };
            let text = format!("av01.{}.{:02}{tier}.{depth:02}", own.seq_profile, own.seq_level_idx_0);
            (text, av1.visual.width, av1.visual.height)
        }
        Codec::Opus(_) => ("opus".to_owned(), 0, 0),
        Codec::Mp4a(_) => ("mp4a".to_owned(), 0, 0),
        other => return Err(format!("a sample entry that HLS does not carry: {other:?}")),
    };
    // A turn by a quarter (6.2.2): shown with its sides exchanged.
    let turned = track.tkhd.matrix.a == 0 && track.tkhd.matrix.d == 0;
    let (width, height) = if turned { (height, width) } else { (width, height) };
    let timescale = track.mdia.mdhd.timescale;
    if timescale == 0 {
        return Err("a timescale of zero".to_owned());
    }
    Ok(Init { timescale, codec, width: width.into(), height: height.into() })
}

/// Reads fragments; `torn` allows the last `mdat` to be cut off, as a byte range of an I-frame does.
pub(super) fn content(bytes: &[u8], torn: bool) -> Result<Content, String> {
    let mut content = Content { size: bytes.len() as u64, ..Content::default() };
    let mut cursor = Cursor::new(bytes);
    let mut due: Option<u64> = None;
    while (cursor.position() as usize) < bytes.len() {
        let at = cursor.position();
        let head = Header::decode_maybe(&mut cursor).map_err(|error| error.to_string())?;
        let head = head.ok_or("a box is cut off")?;
        let body = cursor.position();
        let size = head.size.ok_or("a box without a size")? as u64;
        let end = body + size;
        if end > bytes.len() as u64 && !(torn && head.kind == Mdat::KIND) {
            return Err(format!("{:?} at {at} is cut off", head.kind));
        }
        if head.kind == Moof::KIND {
            cursor.set_position(at);
            let moof = Moof::read_from(&mut cursor).map_err(|error| format!("moof: {error}"))?;
            let start = fragment(&moof, at, &mut content)?;
            match due {
                None => content.start = start,
                Some(due) if due != start => content.holes += 1,
                Some(_) => {}
            }
            due = Some(start + moof_ticks(&moof));
        }
        cursor.set_position(end);
    }
    if content.samples.is_empty() { Err("no samples".to_owned()) } else { Ok(content) }
}

fn moof_ticks(moof: &Moof) -> u64 {
    let default = |traf: &mp4_atom::Traf| traf.tfhd.default_sample_duration.unwrap_or(0);
    let of = |traf: &mp4_atom::Traf| -> u64 {
        let entries = traf.trun.iter().flat_map(|run| run.samples.iter());
        entries.map(|entry| u64::from(entry.duration.unwrap_or_else(|| default(traf)))).sum()
    };
    moof.traf.iter().map(of).sum()
}

/// Adds the samples of a fragment whose `moof` begins at `at`; its decode time.
fn fragment(moof: &Moof, at: u64, content: &mut Content) -> Result<u64, String> {
    let [traf] = moof.traf.as_slice() else { return Err(format!("{} tracks in a moof", moof.traf.len())) };
    let start = traf.tfdt.as_ref().ok_or("no tfdt")?.base_media_decode_time;
    let head = &traf.tfhd;
    let mut place = at;
    for run in &traf.trun {
        if let Some(offset) = run.data_offset {
            place = at.checked_add_signed(offset.into()).ok_or("an offset before the file")?;
        }
        for entry in run.samples.iter() {
            let flags = entry.flags.or(head.default_sample_flags).unwrap_or(0);
            let size = entry.size.or(head.default_sample_size).ok_or("a sample without a size")?;
            let duration = entry.duration.or(head.default_sample_duration).ok_or("no duration")?;
            let size = u64::from(size);
            place += size;
            // sample_is_non_sync_sample (8.8.3.1).
            let sync = flags & 0x1_0000 == 0;
            content.samples.push(Sample { duration: duration.into(), size, sync, end: place });
        }
    }
    Ok(start)
}
