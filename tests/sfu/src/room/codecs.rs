//! What the router can forward, and how a fixture's stream is described to it.

use crate::fixture::{Codec, Fixture};
use mediasoup::prelude::*;
use serde_json::{Value, json};

/// Payload type of everything that a fixture publisher sends. mediasoup maps it to the router's own.
pub(crate) const PAYLOAD_TYPE: u8 = 101;
/// Header extension id of the audio level in what a fixture publisher sends.
pub(crate) const AUDIO_LEVEL_ID: u8 = 10;
/// The same of the video orientation.
pub(crate) const ORIENTATION_ID: u8 = 11;
/// The same of the capture time.
pub(crate) const CAPTURE_TIME_ID: u8 = 13;

/// The router's codecs: Opus, VP8, VP9 profile 0, AV1 and the H264 profiles that browsers offer
/// (constrained baseline, baseline, main, constrained high, high), all in packetization mode 1.
pub(crate) fn router() -> Vec<RtpCodecCapability> {
    let mut codecs = vec![
        json!({"kind": "audio", "mimeType": "audio/opus", "clockRate": 48000, "channels": 2}),
        json!({"kind": "video", "mimeType": "video/VP8", "clockRate": 90000}),
        json!({"kind": "video", "mimeType": "video/VP9", "clockRate": 90000, "parameters": {"profile-id": 0}}),
    ];
    for profile in ["42e01f", "42001f", "4d0032", "640c1f", "64001f"] {
        codecs.push(json!({"kind": "video", "mimeType": "video/H264", "clockRate": 90000, "parameters": {
            "packetization-mode": 1, "profile-level-id": profile, "level-asymmetry-allowed": 1}}));
    }
    codecs.push(json!({"kind": "video", "mimeType": "video/AV1", "clockRate": 90000}));
    serde_json::from_value(Value::Array(codecs)).expect("the router's codecs are well formed")
}

/// The RTP parameters of a fixture's stream, or of a simulcast with an SSRC for each layer, smallest first.
pub(crate) fn parameters(
    fixture: &Fixture,
    ssrcs: &[u32],
    cname: &str,
    capture_times: bool,
) -> RtpParameters {
    let parameters = match fixture.codec {
        Codec::Opus => json!({"sprop-stereo": 1, "useinbandfec": 1}),
        Codec::H264 => json!({"packetization-mode": 1, "level-asymmetry-allowed": 1,
            "profile-level-id": fixture.profile_level_id.as_deref().unwrap_or("42e01f")}),
        Codec::Vp9 => json!({"profile-id": 0}),
        Codec::Vp8 | Codec::Av1 => json!({}),
    };
    let mut codec = json!({"mimeType": fixture.codec.mime_type(), "payloadType": PAYLOAD_TYPE,
        "clockRate": fixture.codec.clock_rate(), "parameters": parameters, "rtcpFeedback": []});
    let mut extensions = json!([]);
    if fixture.codec == Codec::Opus {
        codec["channels"] = json!(2);
        extensions = json!([{"uri": "urn:ietf:params:rtp-hdrext:ssrc-audio-level", "id": AUDIO_LEVEL_ID,
            "encrypt": false, "parameters": {}}]);
    } else {
        codec["rtcpFeedback"] =
            json!([{"type": "nack", "parameter": "pli"}, {"type": "ccm", "parameter": "fir"}]);
        extensions = json!([{"uri": "urn:3gpp:video-orientation", "id": ORIENTATION_ID, "encrypt": false,
            "parameters": {}}]);
    }
    if let (true, Some(list)) = (capture_times, extensions.as_array_mut()) {
        list.push(json!({"uri": "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
            "id": CAPTURE_TIME_ID, "encrypt": false, "parameters": {}}));
    }
    let encodings: Vec<Value> = ssrcs.iter().map(|ssrc| json!({"ssrc": ssrc})).collect();
    serde_json::from_value(json!({"codecs": [codec], "encodings": encodings,
        "headerExtensions": extensions, "rtcp": {"cname": cname, "reducedSize": true}}))
    .expect("a fixture's parameters are well formed")
}
