//! Header extensions (RFC 8285) that say something of the media: when it was captured, and how a picture must be turned.
//!
//! Their numbers are the consumer's ([`Ids`]); taking them off the packet is the WebRTC stack's affair. What has not the
//! length that it should have is as if it were not there.

use crate::media::Rotation;
use crate::time::NtpTime;

/// Absolute capture time (WebRTC's `abs-capture-time`).
pub const CAPTURE_TIME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time";
/// Coordination of video orientation (3GPP TS 26.114 7.4.5).
pub const ORIENTATION: &str = "urn:3gpp:video-orientation";

/// The numbers under which one stream's packets carry them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    /// Of [`CAPTURE_TIME`].
    pub capture_time: Option<u8>,
    /// Of [`ORIENTATION`].
    pub orientation: Option<u8>,
}

impl Ids {
    /// From what was negotiated: names and numbers, of which 1 to 255 can be (RFC 8285 4.1.2, 4.2).
    #[must_use]
    pub fn new<'a>(negotiated: impl IntoIterator<Item = (&'a str, u16)>) -> Self {
        let mut ids = Self::default();
        for (uri, id) in negotiated {
            let id = u8::try_from(id).ok().filter(|id| *id > 0);
            match uri {
                CAPTURE_TIME => ids.capture_time = ids.capture_time.or(id),
                ORIENTATION => ids.orientation = ids.orientation.or(id),
                _ => {}
            }
        }
        ids
    }
}

/// When the media was captured, by the capturing side's clock: 8 bytes as in an NTP timestamp. Behind them may come 8
/// more, by how much that clock is behind the sender's; what one participant captures has one clock, so they are of no use
/// here. A time of zero is none.
#[must_use]
pub fn capture_time(body: &[u8]) -> Option<NtpTime> {
    let (time, rest) = body.split_first_chunk::<8>()?;
    let known = NtpTime(u64::from_be_bytes(*time));
    (matches!(rest.len(), 0 | 8) && known.0 != 0).then_some(known)
}

/// How the picture must be turned clockwise: one byte, `0000CFRR`. C, which camera it is, and F, a mirrored picture, which
/// no browser sends, are passed over.
#[must_use]
pub fn rotation(body: &[u8]) -> Option<Rotation> {
    let [byte] = body else { return None };
    Some(match byte & 3 {
        0 => Rotation::None,
        1 => Rotation::Right,
        2 => Rotation::Half,
        _ => Rotation::Left,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::WallTime;
    use proptest::prelude::*;

    #[test]
    fn both_forms_of_the_capture_time_are_read() {
        let wall = WallTime(1_792_000_000_123_456);
        let short = NtpTime::from_wall(wall).0.to_be_bytes();
        let long = [short, [0xff; 8]].concat();
        assert_eq!(capture_time(&short).unwrap().to_wall(), wall);
        assert_eq!(capture_time(&long), capture_time(&short));
        for wrong in [&short[..7], &long[..9], &long[..15], &[&long[..], &[0]].concat(), &[0; 8], &[]] {
            assert_eq!(capture_time(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn the_two_low_bits_are_quarters_clockwise() {
        let degrees = |byte| rotation(&[byte]).unwrap().degrees();
        assert_eq!([0, 1, 2, 3].map(degrees), [0, 90, 180, 270]);
        assert_eq!([0x0c, 0x09, 0xf6, 0xff].map(degrees), [0, 90, 180, 270], "whatever the other bits");
        assert_eq!((rotation(&[]), rotation(&[1, 1])), (None, None));
        assert_eq!(Rotation::from_degrees(270), Some(Rotation::Left));
        assert_eq!(Rotation::from_degrees(45), None);
    }

    #[test]
    fn numbers_come_from_what_was_negotiated() {
        let ids = Ids::new([("urn:x", 1), (ORIENTATION, 11), (CAPTURE_TIME, 13), (CAPTURE_TIME, 14)]);
        assert_eq!(ids, Ids { capture_time: Some(13), orientation: Some(11) });
        assert_eq!(Ids::new([(ORIENTATION, 0), (CAPTURE_TIME, 256)]), Ids::default());
    }

    proptest! {
        #[test]
        fn failure_34_any_body_is_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..20)) {
            prop_assert_eq!(rotation(&body).is_some(), body.len() == 1);
            prop_assert!(capture_time(&body).is_none() || matches!(body.len(), 8 | 16));
        }
    }
}
