//! What we offer as a device that only consumes.

use super::parameters::{RtcpFeedback, RtpCapabilities, RtpCodecCapability, RtpHeaderExtension};
use crate::media::rtp::extension;
use crate::media::{Codec, Kind};
use serde_json::Value;

/// Header extensions that we ask for. Video orientation is among them because a browser negotiates with the router, not
/// with us: mediasoup's routers have it, so phones send their pictures unturned and say so in it, and whoever consumes
/// them without it gets them lying on their side (mediasoup documentation, "Tricks", "RTP Capabilities Filtering").
const EXTENSIONS: [&str; 6] = [
    "urn:ietf:params:rtp-hdrext:sdes:mid",
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
    "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    extension::CAPTURE_TIME,
    extension::ORIENTATION,
    "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
];

/// Our capabilities towards a router: its own payload types and extension numbers for what we record, because
/// mediasoup matches a consumer's extensions by number and name, and what is equal on both sides needs no mapping.
///
/// Extensions that the router only receives (`recvonly`) are left out: it never sends them.
#[must_use]
pub fn capabilities(router: &RtpCapabilities) -> RtpCapabilities {
    let recorded: Vec<&RtpCodecCapability> = router
        .codecs
        .iter()
        .filter(|codec| Codec::from_mime(&codec.mime_type).is_some_and(|known| known.kind() == codec.kind))
        .filter(|codec| codec.preferred_payload_type.is_some())
        .collect();
    let repairs = |codec: &&RtpCodecCapability| {
        is_rtx(&codec.mime_type)
            && recorded.iter().any(|main| {
                main.preferred_payload_type.map(u64::from)
                    == codec.parameters.get("apt").and_then(Value::as_u64)
            })
    };
    let codecs = router
        .codecs
        .iter()
        .filter(|codec| recorded.iter().any(|kept| std::ptr::eq(*kept, *codec)) || repairs(codec))
        .map(|codec| RtpCodecCapability { rtcp_feedback: feedback(codec), ..codec.clone() })
        .collect();
    let header_extensions = router
        .header_extensions
        .iter()
        .filter(|extension| EXTENSIONS.contains(&extension.uri.as_str()) && extension.direction != "recvonly")
        .map(|extension| RtpHeaderExtension { direction: "recvonly".to_owned(), ..extension.clone() })
        .collect();
    RtpCapabilities { codecs, header_extensions }
}

/// The subtype `rtx` (RFC 4588 8.6).
pub(super) fn is_rtx(mime: &str) -> bool {
    mime.rsplit('/').next().is_some_and(|name| name.eq_ignore_ascii_case("rtx"))
}

/// The feedback that we give, as far as the router takes it: audio is asked for again too.
fn feedback(codec: &RtpCodecCapability) -> Vec<RtcpFeedback> {
    let wanted: &[(&str, &str)] = match codec.kind {
        _ if is_rtx(&codec.mime_type) => &[],
        Kind::Audio => &[("nack", ""), ("transport-cc", "")],
        Kind::Video => &[("nack", ""), ("nack", "pli"), ("ccm", "fir"), ("transport-cc", "")],
    };
    let pair = |&(name, parameter): &(&str, &str)| RtcpFeedback {
        name: name.to_owned(),
        parameter: parameter.to_owned(),
    };
    wanted.iter().map(pair).filter(|ours| codec.rtcp_feedback.contains(ours)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn router() -> RtpCapabilities {
        serde_json::from_value(json!({
            "codecs": [
                {"kind":"audio","mimeType":"audio/opus","preferredPayloadType":100,"clockRate":48000,"channels":2,
                 "rtcpFeedback":[{"type":"nack","parameter":""},{"type":"transport-cc","parameter":""}]},
                {"kind":"audio","mimeType":"audio/PCMU","preferredPayloadType":0,"clockRate":8000},
                {"kind":"video","mimeType":"video/VP8","preferredPayloadType":101,"clockRate":90000,
                 "parameters":{"x-google-start-bitrate":1000},
                 "rtcpFeedback":[{"type":"nack","parameter":""},{"type":"nack","parameter":"pli"},
                  {"type":"ccm","parameter":"fir"},{"type":"goog-remb","parameter":""},
                  {"type":"transport-cc","parameter":""}]},
                {"kind":"video","mimeType":"video/rtx","preferredPayloadType":102,"clockRate":90000,
                 "parameters":{"apt":101},"rtcpFeedback":[]},
                {"kind":"video","mimeType":"video/H265","preferredPayloadType":103,"clockRate":90000},
                {"kind":"video","mimeType":"video/rtx","preferredPayloadType":104,"clockRate":90000,
                 "parameters":{"apt":103},"rtcpFeedback":[]}
            ],
            "headerExtensions": [
                {"kind":"audio","uri":"urn:ietf:params:rtp-hdrext:sdes:mid","preferredId":1,"direction":"sendrecv"},
                {"kind":"video","uri":"urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id","preferredId":2,
                 "direction":"recvonly"},
                {"kind":"video","uri":"urn:3gpp:video-orientation","preferredId":11,"direction":"sendrecv"},
                {"kind":"video","uri":"http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
                 "preferredId":5,"direction":"sendrecv"},
                {"kind":"audio","uri":"http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
                 "preferredId":5,"direction":"recvonly"},
                {"kind":"video","uri":"http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
                 "preferredId":13,"direction":"sendrecv"}
            ]
        }))
        .unwrap()
    }

    #[test]
    fn only_what_we_record_is_offered_with_the_routers_own_numbers() {
        let ours = capabilities(&router());
        let codecs: Vec<_> =
            ours.codecs.iter().map(|c| (c.mime_type.as_str(), c.preferred_payload_type.unwrap())).collect();
        assert_eq!(codecs, [("audio/opus", 100), ("video/VP8", 101), ("video/rtx", 102)]);
        assert_eq!(ours.codecs[1].parameters["x-google-start-bitrate"], 1000);
    }

    #[test]
    fn failure_17_orientation_is_asked_for_and_what_the_router_only_receives_is_not() {
        let ours = capabilities(&router());
        let ids: Vec<_> = ours.header_extensions.iter().map(|e| (e.kind, e.preferred_id)).collect();
        assert_eq!(ids, [(Kind::Audio, 1), (Kind::Video, 11), (Kind::Video, 5), (Kind::Video, 13)]);
    }

    #[test]
    fn feedback_is_for_loss_key_frames_and_bandwidth_and_none_for_rtx() {
        let ours = capabilities(&router());
        let lines = |i: usize| -> Vec<String> {
            let join = |f: &RtcpFeedback| format!("{} {}", f.name, f.parameter).trim_end().to_owned();
            ours.codecs[i].rtcp_feedback.iter().map(join).collect()
        };
        assert_eq!(lines(0), ["nack", "transport-cc"]);
        assert_eq!(lines(1), ["nack", "nack pli", "ccm fir", "transport-cc"]);
        assert!(lines(2).is_empty());
    }
}
