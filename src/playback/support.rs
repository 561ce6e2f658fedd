//! Where a stored codec plays, told honestly. What stands here was observed in Chromium and Firefox; nothing was tried
//! on Safari, so native HLS is claimed only where Apple's authoring specification says so.

use crate::media::Codec;
use serde::Serialize;

/// Where something plays as it is served now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Support {
    /// In hls.js, in Chromium and Firefox.
    pub hls_js: bool,
    /// In a browser's own HLS player on Apple's systems.
    pub native_hls: bool,
    /// In shaka and dash.js.
    pub dash: bool,
    /// For people.
    pub note: &'static str,
}

const H264: Support = Support {
    hls_js: true,
    native_hls: true,
    dash: true,
    note: "plays in hls.js; Apple's own player takes H264 as well",
};
const VP9: Support = Support {
    hls_js: true,
    native_hls: false,
    dash: true,
    note: "plays in hls.js; Apple's own player is not reliable with VP9",
};
const AV1: Support = Support {
    hls_js: true,
    native_hls: false,
    dash: true,
    note: "plays in hls.js; Apple's own player takes AV1 only on devices that decode it in hardware",
};
const OPUS: Support = Support {
    hls_js: true,
    native_hls: false,
    dash: true,
    note: "plays in hls.js; Apple's own player is not reliable with Opus",
};
const VP8: Support = Support {
    hls_js: false,
    native_hls: false,
    dash: true,
    note: "no browser plays VP8 from HLS or MP4; from DASH it plays in shaka and dash.js, as WebM",
};
const NOTHING: Support = Support { hls_js: false, native_hls: false, dash: false, note: "there is no media" };

/// Where one track plays.
#[must_use]
pub fn of(codec: Codec) -> Support {
    match codec {
        Codec::H264 => H264,
        Codec::Vp9 => VP9,
        Codec::Av1 => AV1,
        Codec::Opus => OPUS,
        Codec::Vp8 => VP8,
    }
}

/// Where tracks play that are presented together: only where each of them does. The note is that of the first track
/// that plays in the fewest places.
#[must_use]
pub fn together(codecs: impl IntoIterator<Item = Codec>) -> Support {
    codecs
        .into_iter()
        .map(of)
        .min_by_key(|support| (support.dash, support.hls_js, support.native_hls))
        .unwrap_or(NOTHING)
}

impl Support {
    /// The players by name.
    #[must_use]
    pub fn players(&self) -> Vec<&'static str> {
        let named = [
            ("hls.js", self.hls_js),
            ("Apple HLS", self.native_hls),
            ("shaka", self.dash),
            ("dash.js", self.dash),
        ];
        let browsers = named.into_iter().filter(|(_, plays)| *plays).map(|(name, _)| name);
        let any = (self.note != NOTHING.note).then_some(["ffmpeg", "VLC"]);
        browsers.chain(any.into_iter().flatten()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opus_beside_h264_is_not_for_apple() {
        assert!(of(Codec::H264).native_hls);
        let both = together([Codec::H264, Codec::Opus]);
        assert_eq!(both.players(), ["hls.js", "shaka", "dash.js", "ffmpeg", "VLC"]);
    }

    #[test]
    fn vp8_plays_from_dash_alone() {
        let both = together([Codec::Opus, Codec::Vp8]);
        assert_eq!((both.hls_js, both.native_hls, both.dash), (false, false, true));
        assert_eq!(both.players(), ["shaka", "dash.js", "ffmpeg", "VLC"]);
        assert!(both.note.contains("VP8"));
    }

    #[test]
    fn nothing_plays_nowhere() {
        assert!(together([]).players().is_empty());
    }
}
