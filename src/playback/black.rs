//! The black pictures that stand where a camera was off: one key frame of each codec, 256x144, 8 bits, made once by
//! `black/make.sh`. Behind an init segment of their own, because their size is not that of the track.

use crate::media::codec::{Inspection, Inspector};
use crate::media::fmp4::{self, init};
use crate::media::{Codec, Frame};
use bytes::Bytes;

/// A key frame as a sample holds it; `None` for sound.
#[must_use]
pub fn picture(codec: Codec) -> Option<Bytes> {
    let bytes: &[u8] = match codec {
        Codec::H264 => include_bytes!("black/h264.bin"),
        Codec::Vp8 => include_bytes!("black/vp8.bin"),
        Codec::Vp9 => include_bytes!("black/vp9.bin"),
        Codec::Av1 => include_bytes!("black/av1.bin"),
        Codec::Opus => return None,
    };
    Some(Bytes::from_static(bytes))
}

/// The init segment before it; `None` for sound.
///
/// # Errors
/// None with the pictures that are built in.
pub fn init(codec: Codec) -> Result<Option<Bytes>, fmp4::Error> {
    let Some(Inspection { config: Some(config), .. }) = inspect(codec) else { return Ok(None) };
    init::unnamed(&config).map(Some)
}

/// Width and height of all of them.
pub const SIZE: (u32, u32) = (256, 144);

/// The RFC 6381 string; empty for sound.
#[must_use]
pub fn codecs(codec: Codec) -> String {
    inspect(codec).and_then(|found| found.config).map(|config| config.string).unwrap_or_default()
}

fn inspect(codec: Codec) -> Option<Inspection> {
    let frame = Frame { data: picture(codec)?, ..Frame::default() };
    Inspector::new(codec).inspect(&frame).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_picture_is_a_small_key_frame_that_says_what_it_is() {
        for (codec, string) in [
            (Codec::H264, "avc1.42c00c"),
            (Codec::Vp8, "vp08.00."),
            (Codec::Vp9, "vp09.00."),
            (Codec::Av1, "av01.0."),
        ] {
            let found = inspect(codec).unwrap();
            let config = found.config.unwrap();
            assert!(found.sync, "{codec:?}");
            assert_eq!((config.width, config.height), SIZE, "{codec:?}");
            let said = config.string.to_ascii_lowercase();
            assert!(said.starts_with(string), "{said}");
            assert!(codec == Codec::H264 || said.ends_with(".08"), "8 bits: {said}");
            assert!(picture(codec).unwrap().len() < 256);
            assert!(init(codec).unwrap().unwrap().len() < 1024);
        }
        assert!(picture(Codec::Opus).is_none() && init(Codec::Opus).unwrap().is_none());
    }
}
