//! The SDP offer that a mediasoup send side would write, had it one (RFC 8829, RFC 8866).
//!
//! mediasoup itself speaks no SDP. A WebRTC stack does, so the consumers of one transport are written as the media
//! sections of an offer from an ICE-lite endpoint. Everything in it comes from the network: each value is reduced to
//! what its place in the grammar can hold, so none can add a line or an attribute of its own.

use super::capabilities::is_rtx;
use super::consumer::Consumer;
use super::parameters::{
    DtlsFingerprint, IceCandidate, RtpCodecParameters, RtpParameters, TransportParameters,
};
use crate::media::Kind;
use serde_json::{Map, Value};
use std::fmt::Write;
use std::net::IpAddr;

/// Candidates written at most.
const MAX_CANDIDATES: usize = 16;

/// Why a consumer cannot be written as a media section.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It has no codec besides RTX.
    #[error("consumer {0} has no codec")]
    Codec(String),
    /// It has no SSRC.
    #[error("consumer {0} has no SSRC")]
    Ssrc(String),
}

/// One media section: a consumer, open or gone. Its place in the offer never changes (RFC 8829 5.2.2).
#[derive(Clone, Debug)]
pub struct Section {
    /// mediasoup's consumer id, which becomes the track's name.
    pub consumer: String,
    /// `false` once the consumer is closed: port 0, out of the bundle.
    pub open: bool,
    mid: String,
    kind: Kind,
    ssrc: u32,
    rtx: Option<u32>,
    parameters: RtpParameters,
}

impl Section {
    /// The section of a consumer.
    ///
    /// # Errors
    ///
    /// [`Error`] if it lacks a codec or an SSRC. Where the mid is missing its id stands in.
    pub fn new(consumer: &Consumer) -> Result<Self, Error> {
        consumer.media_codec().ok_or_else(|| Error::Codec(consumer.id.clone()))?;
        let ssrc = consumer.ssrc().ok_or_else(|| Error::Ssrc(consumer.id.clone()))?;
        let mid =
            consumer.mid().map(token).filter(|mid| !mid.is_empty()).unwrap_or_else(|| token(&consumer.id));
        Ok(Self {
            consumer: consumer.id.clone(),
            open: true,
            mid,
            kind: consumer.kind,
            ssrc,
            rtx: consumer.rtx_ssrc().filter(|rtx| *rtx != ssrc),
            parameters: consumer.rtp_parameters.clone(),
        })
    }
}

/// The offer of a transport with these sections, in the order they were ever opened. `version` grows with each offer
/// of one session (RFC 8866 5.2).
#[must_use]
pub fn offer(remote: &TransportParameters, sections: &[Section], version: u64) -> String {
    let mut sdp =
        format!("v=0\r\no=mediasoup 10000 {version} IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=ice-lite\r\n");
    if let Some(fingerprint) = preferred(&remote.dtls_parameters.fingerprints) {
        line(
            &mut sdp,
            format_args!("a=fingerprint:{} {}", token(&fingerprint.algorithm), token(&fingerprint.value)),
        );
    }
    line(&mut sdp, format_args!("a=msid-semantic: WMS *"));
    let open: String = sections.iter().filter(|s| s.open).map(|s| format!(" {}", s.mid)).collect();
    line(&mut sdp, format_args!("a=group:BUNDLE{open}"));
    for section in sections {
        media(&mut sdp, remote, section);
    }
    sdp
}

fn media(sdp: &mut String, remote: &TransportParameters, section: &Section) {
    let kind = match section.kind {
        Kind::Audio => "audio",
        Kind::Video => "video",
    };
    let codecs: Vec<_> = section.parameters.codecs.iter().filter_map(|c| Some((c, subtype(c)?))).collect();
    let types: String = codecs.iter().map(|(codec, _)| format!(" {}", codec.payload_type)).collect();
    let port = if section.open { 7 } else { 0 };
    line(sdp, format_args!("m={kind} {port} UDP/TLS/RTP/SAVPF{types}"));
    line(sdp, format_args!("c=IN IP4 127.0.0.1"));
    for (codec, name) in codecs {
        codec_lines(sdp, codec, &name);
    }
    // RFC 8285 4: numbers are 1 to 255.
    let extensions = section.parameters.header_extensions.iter();
    for extension in extensions.filter(|e| (1..=255).contains(&e.id) && !token(&e.uri).is_empty()) {
        line(sdp, format_args!("a=extmap:{} {}", extension.id, token(&extension.uri)));
    }
    let cname = section.parameters.rtcp.cname.as_deref().map(token).filter(|name| !name.is_empty());
    let cname = cname.as_deref().unwrap_or("-");
    line(sdp, format_args!("a=setup:actpass"));
    line(sdp, format_args!("a=mid:{}", section.mid));
    line(sdp, format_args!("a=msid:{cname} {}", token(&section.consumer)));
    line(sdp, format_args!("a={}", if section.open { "sendonly" } else { "inactive" }));
    line(sdp, format_args!("a=ice-ufrag:{}", token(&remote.ice_parameters.username_fragment)));
    line(sdp, format_args!("a=ice-pwd:{}", token(&remote.ice_parameters.password)));
    for candidate in usable(&remote.ice_candidates) {
        let IceCandidate { priority, port, .. } = candidate;
        let (foundation, address) = (token(&candidate.foundation), &candidate.address);
        line(sdp, format_args!("a=candidate:{foundation} 1 udp {priority} {address} {port} typ host"));
    }
    line(sdp, format_args!("a=end-of-candidates"));
    line(sdp, format_args!("a=ssrc:{} cname:{cname}", section.ssrc));
    if let Some(rtx) = section.rtx {
        line(sdp, format_args!("a=ssrc:{rtx} cname:{cname}"));
        line(sdp, format_args!("a=ssrc-group:FID {} {rtx}", section.ssrc));
    }
    line(sdp, format_args!("a=rtcp-mux"));
    line(sdp, format_args!("a=rtcp-rsize"));
}

fn codec_lines(sdp: &mut String, codec: &RtpCodecParameters, name: &str) {
    let payload_type = codec.payload_type;
    let channels =
        codec.channels.filter(|count| *count > 1).map(|count| format!("/{count}")).unwrap_or_default();
    line(sdp, format_args!("a=rtpmap:{payload_type} {name}/{}{channels}", codec.clock_rate));
    let parameters = fmtp(&codec.parameters);
    if !parameters.is_empty() {
        line(sdp, format_args!("a=fmtp:{payload_type} {parameters}"));
    }
    for feedback in &codec.rtcp_feedback {
        let text = format!("{} {}", token(&feedback.name), token(&feedback.parameter));
        line(sdp, format_args!("a=rtcp-fb:{payload_type} {}", text.trim_end()));
    }
}

/// Format parameters as one line has them: `a=1;b=text` (RFC 8866 6.15). Values that are neither text, number nor
/// truth are left out.
#[must_use]
pub fn fmtp(parameters: &Map<String, Value>) -> String {
    let mut text = String::new();
    for (name, value) in parameters {
        let value = match value {
            Value::String(text) => value_text(text),
            Value::Number(number) => number.to_string(),
            Value::Bool(truth) => u8::from(*truth).to_string(),
            _ => continue,
        };
        let separator = if text.is_empty() { "" } else { ";" };
        let _ = write!(text, "{separator}{}={value}", value_text(name));
    }
    text
}

/// UDP candidates with an IP address: the offer resolves no names and opens no TCP connections.
pub(crate) fn usable(candidates: &[IceCandidate]) -> impl Iterator<Item = &IceCandidate> {
    candidates
        .iter()
        .filter(|c| c.protocol == "udp" && c.port != 0 && c.address.parse::<IpAddr>().is_ok())
        .take(MAX_CANDIDATES)
}

/// The fingerprint to check against: SHA-256 if there is one.
fn preferred(fingerprints: &[DtlsFingerprint]) -> Option<&DtlsFingerprint> {
    fingerprints.iter().find(|f| f.algorithm.eq_ignore_ascii_case("sha-256")).or_else(|| fingerprints.first())
}

/// The name of a codec after the slash.
fn subtype(codec: &RtpCodecParameters) -> Option<String> {
    if is_rtx(&codec.mime_type) {
        return Some("rtx".to_owned());
    }
    let (_, name) = codec.mime_type.split_once('/')?;
    Some(token(name).replace('/', "")).filter(|name| !name.is_empty())
}

/// Visible ASCII only, so that a value stays one word (RFC 8866 9, `non-ws-string`).
fn token(text: &str) -> String {
    text.chars().filter(char::is_ascii_graphic).collect()
}

/// As [`token`], and nothing that would end a format parameter.
fn value_text(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_graphic() && *c != ';').collect()
}

fn line(sdp: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = write!(sdp, "{text}\r\n");
}

#[cfg(test)]
mod tests {
    use super::super::consumer::tests::video;
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn remote() -> TransportParameters {
        serde_json::from_value(json!({
            "id": "t",
            "iceParameters": {"usernameFragment":"uf","password":"pw","iceLite":true},
            "iceCandidates": [
                {"foundation":"udpcandidate","priority":1076302079,"address":"127.0.0.1","protocol":"udp","port":44444},
                {"foundation":"tcpcandidate","priority":1076276479,"address":"127.0.0.1","protocol":"tcp","port":44444},
                {"foundation":"name","priority":1,"address":"sfu.example.org","protocol":"udp","port":44444}
            ],
            "dtlsParameters": {"role":"auto","fingerprints":[
                {"algorithm":"sha-1","value":"00:11"},{"algorithm":"sha-256","value":"AA:BB"}]}
        }))
        .unwrap()
    }

    #[test]
    fn an_offer_reads_as_a_mediasoup_send_side_would_write_it() {
        insta::assert_snapshot!(offer(&remote(), &[Section::new(&video()).unwrap()], 3).replace("\r\n", "\n"), @r"
        v=0
        o=mediasoup 10000 3 IN IP4 0.0.0.0
        s=-
        t=0 0
        a=ice-lite
        a=fingerprint:sha-256 AA:BB
        a=msid-semantic: WMS *
        a=group:BUNDLE 0
        m=video 7 UDP/TLS/RTP/SAVPF 101 102
        c=IN IP4 127.0.0.1
        a=rtpmap:101 VP8/90000
        a=fmtp:101 x-google-start-bitrate=1000
        a=rtcp-fb:101 transport-cc
        a=rtcp-fb:101 ccm fir
        a=rtcp-fb:101 nack
        a=rtcp-fb:101 nack pli
        a=rtpmap:102 rtx/90000
        a=fmtp:102 apt=101
        a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid
        a=setup:actpass
        a=mid:0
        a=msid:someone c1
        a=sendonly
        a=ice-ufrag:uf
        a=ice-pwd:pw
        a=candidate:udpcandidate 1 udp 1076302079 127.0.0.1 44444 typ host
        a=end-of-candidates
        a=ssrc:111 cname:someone
        a=ssrc:222 cname:someone
        a=ssrc-group:FID 111 222
        a=rtcp-mux
        a=rtcp-rsize
        ");
    }

    #[test]
    fn a_closed_section_keeps_its_place_and_leaves_the_bundle() {
        let mut first = Section::new(&video()).unwrap();
        first.open = false;
        let mut other = video();
        other.rtp_parameters.mid = Some("1".into());
        let sdp = offer(&remote(), &[first, Section::new(&other).unwrap()], 1);
        assert!(sdp.contains("a=group:BUNDLE 1\r\n"));
        let ports: Vec<_> = sdp.lines().filter(|l| l.starts_with("m=")).map(|l| &l[..9]).collect();
        assert_eq!(ports, ["m=video 0", "m=video 7"]);
        assert_eq!(sdp.matches("a=inactive").count(), 1);
    }

    #[test]
    fn a_consumer_without_codec_or_ssrc_is_refused() {
        let mut consumer = video();
        consumer.rtp_parameters.encodings.clear();
        assert_eq!(Section::new(&consumer).unwrap_err(), Error::Ssrc("c1".into()));
        consumer.rtp_parameters.codecs.remove(0);
        assert_eq!(Section::new(&consumer).unwrap_err(), Error::Codec("c1".into()));
    }

    #[test]
    fn text_numbers_and_truths_are_format_parameters() {
        let parameters = json!({"a":1,"b":"x y;z","c":true,"d":null,"e":[1],"profile-level-id":"42e01f"});
        assert_eq!(fmtp(parameters.as_object().unwrap()), "a=1;b=xyz;c=1;profile-level-id=42e01f");
    }

    proptest! {
        /// Whatever the network says, it can add no line: every line is one that the writer begins.
        #[test]
        fn failure_34_no_value_adds_a_line(text in "\\PC*[\r\n]{1,2}(a=|m=|\\PC){0,8}[\r\n]?\\PC*") {
            let mut remote = remote();
            remote.ice_parameters.username_fragment.clone_from(&text);
            remote.ice_parameters.password.clone_from(&text);
            remote.ice_candidates[0].foundation.clone_from(&text);
            remote.ice_candidates[2].address.clone_from(&text);
            remote.dtls_parameters.fingerprints[1].value.clone_from(&text);
            let mut consumer = video();
            consumer.id.clone_from(&text);
            let parameters = &mut consumer.rtp_parameters;
            parameters.mid = Some(text.clone());
            parameters.rtcp.cname = Some(text.clone());
            parameters.header_extensions[0].uri.clone_from(&text);
            parameters.codecs[0].mime_type = format!("video/{text}");
            parameters.codecs[0].parameters = [(text.clone(), Value::String(text.clone()))].into_iter().collect();
            parameters.codecs[0].rtcp_feedback[0].name.clone_from(&text);
            let hostile = offer(&remote, &[Section::new(&consumer).unwrap()], 1);
            let plain = offer(&super::tests::remote(), &[Section::new(&video()).unwrap()], 1);
            prop_assert!(hostile.lines().count() <= plain.lines().count());
            for line in hostile.split("\r\n").filter(|line| !line.is_empty()) {
                prop_assert!(!line.contains(['\r', '\n']));
            }
        }
    }
}
