//! mediasoup's parameters as JSON carries them (mediasoup v3 documentation, "RTP Parameters and Capabilities"
//! and `WebRtcTransport`).

use crate::media::Kind;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// Entries that can be read, in order; what cannot be read (an unknown kind, a missing name) is left out.
fn lenient<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let entries = Option::<Vec<Value>>::deserialize(deserializer)?.unwrap_or_default();
    Ok(entries.into_iter().filter_map(|entry| serde_json::from_value(entry).ok()).collect())
}

/// `null` reads as the default.
fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// What a router or an endpoint can do: codecs and header extensions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RtpCapabilities {
    /// Codecs, RTX included.
    #[serde(default, deserialize_with = "lenient")]
    pub codecs: Vec<RtpCodecCapability>,
    /// RTP header extensions (RFC 8285).
    #[serde(default, deserialize_with = "lenient")]
    pub header_extensions: Vec<RtpHeaderExtension>,
}

/// One codec of [`RtpCapabilities`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RtpCodecCapability {
    /// Audio or video.
    pub kind: Kind,
    /// `video/VP8`, `audio/opus`, `video/rtx`.
    pub mime_type: String,
    /// RTP payload type, 96 to 127 for dynamic ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred_payload_type: Option<u8>,
    /// RTP clock rate in Hz.
    pub clock_rate: u32,
    /// Audio channels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<u8>,
    /// Format parameters: numbers or text, `apt` of RTX among them.
    #[serde(default, deserialize_with = "nullable")]
    pub parameters: Map<String, Value>,
    /// RTCP feedback (RFC 4585 4.2).
    #[serde(default, deserialize_with = "lenient")]
    pub rtcp_feedback: Vec<RtcpFeedback>,
}

/// One kind of RTCP feedback: `nack`, `nack pli`, `transport-cc`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RtcpFeedback {
    /// `nack`, `ccm`, `transport-cc`, `goog-remb`.
    #[serde(rename = "type")]
    pub name: String,
    /// `pli`, `fir` or empty.
    #[serde(default, deserialize_with = "nullable")]
    pub parameter: String,
}

/// One header extension of [`RtpCapabilities`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RtpHeaderExtension {
    /// Audio or video.
    pub kind: Kind,
    /// What it means.
    pub uri: String,
    /// Number in the packets.
    pub preferred_id: u16,
    /// Encrypted (RFC 6904); never so with mediasoup.
    #[serde(default, deserialize_with = "nullable")]
    pub preferred_encrypt: bool,
    /// `sendrecv`, `sendonly`, `recvonly` or `inactive`, from the owner's point of view.
    #[serde(default = "sendrecv", deserialize_with = "nullable")]
    pub direction: String,
}

fn sendrecv() -> String {
    "sendrecv".to_owned()
}

/// How one consumer's RTP stream looks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RtpParameters {
    /// Media identification (RFC 9143), unique in its transport.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mid: Option<String>,
    /// The media codec and its RTX.
    #[serde(default, deserialize_with = "lenient")]
    pub codecs: Vec<RtpCodecParameters>,
    /// Header extensions in use.
    #[serde(default, deserialize_with = "lenient")]
    pub header_extensions: Vec<RtpHeaderExtensionParameters>,
    /// One entry for a consumer, whatever its producer sends.
    #[serde(default, deserialize_with = "lenient")]
    pub encodings: Vec<RtpEncoding>,
    /// RTCP.
    #[serde(default, deserialize_with = "nullable")]
    pub rtcp: RtcpParameters,
}

/// One codec of [`RtpParameters`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RtpCodecParameters {
    /// `video/VP8`, `audio/opus`, `video/rtx`.
    pub mime_type: String,
    /// RTP payload type.
    pub payload_type: u8,
    /// RTP clock rate in Hz.
    pub clock_rate: u32,
    /// Audio channels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<u8>,
    /// Format parameters: numbers or text.
    #[serde(default, deserialize_with = "nullable")]
    pub parameters: Map<String, Value>,
    /// RTCP feedback (RFC 4585 4.2).
    #[serde(default, deserialize_with = "lenient")]
    pub rtcp_feedback: Vec<RtcpFeedback>,
}

/// One header extension of [`RtpParameters`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RtpHeaderExtensionParameters {
    /// What it means.
    pub uri: String,
    /// Number in the packets.
    pub id: u16,
    /// Encrypted (RFC 6904).
    #[serde(default, deserialize_with = "nullable")]
    pub encrypt: bool,
}

/// The streams of one encoding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RtpEncoding {
    /// Stream of media.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssrc: Option<u32>,
    /// Stream of retransmissions (RFC 4588).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtx: Option<Rtx>,
    /// Layers, as `L1T3` or `S3T3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scalability_mode: Option<String>,
}

/// The retransmission stream of an encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rtx {
    /// Its SSRC.
    pub ssrc: u32,
}

/// RTCP of [`RtpParameters`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RtcpParameters {
    /// Canonical name: equal for all streams of one participant (RFC 3550 6.5.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cname: Option<String>,
    /// Reduced-size RTCP (RFC 5506).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reduced_size: Option<bool>,
}

/// What we need to receive on one transport of the SFU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransportParameters {
    /// mediasoup's transport id. `transportId` in one of the signalling dialects.
    #[serde(alias = "transportId")]
    pub id: String,
    /// Credentials.
    pub ice_parameters: IceParameters,
    /// Addresses to try.
    #[serde(deserialize_with = "lenient")]
    pub ice_candidates: Vec<IceCandidate>,
    /// Fingerprints of its certificate.
    pub dtls_parameters: DtlsParameters,
}

/// ICE credentials (RFC 8445 5.3).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IceParameters {
    /// ufrag.
    pub username_fragment: String,
    /// pwd.
    pub password: String,
    /// mediasoup is always lite (RFC 8445 2.5).
    #[serde(default, deserialize_with = "nullable")]
    pub ice_lite: bool,
}

/// Without the password, which would end up in logs.
impl std::fmt::Debug for IceParameters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IceParameters")
            .field("username_fragment", &self.username_fragment)
            .finish_non_exhaustive()
    }
}

/// One address of the SFU (RFC 8839 5.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", try_from = "RawCandidate")]
pub struct IceCandidate {
    /// Groups candidates of one origin.
    pub foundation: String,
    /// Greater is preferred.
    pub priority: u32,
    /// IP address, or a host name.
    pub address: String,
    /// `udp` or `tcp`.
    pub protocol: String,
    /// UDP or TCP port.
    pub port: u16,
}

/// As it comes: the address is `address`, the older `ip`, or both.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawCandidate {
    #[serde(default)]
    foundation: Option<String>,
    #[serde(default)]
    priority: Option<u32>,
    #[serde(default)]
    address: Option<String>,
    #[serde(default)]
    ip: Option<String>,
    #[serde(default)]
    protocol: Option<String>,
    port: u16,
}

impl TryFrom<RawCandidate> for IceCandidate {
    type Error = &'static str;

    fn try_from(raw: RawCandidate) -> Result<Self, Self::Error> {
        Ok(Self {
            foundation: raw.foundation.unwrap_or_else(|| "candidate".to_owned()),
            priority: raw.priority.unwrap_or(1),
            address: raw.address.or(raw.ip).ok_or("an ICE candidate without an address")?,
            protocol: raw.protocol.unwrap_or_else(|| "udp".to_owned()).to_ascii_lowercase(),
            port: raw.port,
        })
    }
}

/// One side's DTLS role and certificate fingerprints (RFC 8122 5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DtlsParameters {
    /// Who opens the handshake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<DtlsRole>,
    /// One per hash algorithm.
    #[serde(default, deserialize_with = "lenient")]
    pub fingerprints: Vec<DtlsFingerprint>,
}

/// DTLS roles as mediasoup names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DtlsRole {
    /// The other side decides.
    Auto,
    /// Opens the handshake.
    Client,
    /// Waits for it.
    Server,
}

/// The hash of a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DtlsFingerprint {
    /// `sha-256`, in lower case.
    pub algorithm: String,
    /// Bytes in upper-case hexadecimal with colons.
    pub value: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_candidate_has_its_address_by_either_name() {
        for candidate in [
            json!({"foundation":"u","priority":1,"ip":"10.0.0.1","protocol":"udp","port":4000,"type":"host"}),
            json!({"foundation":"u","priority":1,"address":"10.0.0.1","port":4000}),
            json!({"foundation":"u","priority":1,"ip":"10.0.0.1","address":"10.0.0.1","protocol":"UDP","port":4000}),
        ] {
            let read: IceCandidate = serde_json::from_value(candidate).unwrap();
            assert_eq!((read.address.as_str(), read.port, read.protocol.as_str()), ("10.0.0.1", 4000, "udp"));
        }
        assert!(serde_json::from_value::<IceCandidate>(json!({"port": 1})).is_err());
    }

    #[test]
    fn capabilities_keep_what_can_be_read() {
        let read: RtpCapabilities = serde_json::from_value(json!({
            "codecs": [
                {"kind":"audio","mimeType":"audio/opus","preferredPayloadType":100,"clockRate":48000,"channels":2,
                 "parameters":{},"rtcpFeedback":[{"type":"nack"},{"type":"transport-cc","parameter":null}, 7]},
                {"kind":"smell","mimeType":"smell/rose","clockRate":1},
                {"kind":"video"},
                null
            ],
            "headerExtensions": [
                {"kind":"audio","uri":"urn:ietf:params:rtp-hdrext:sdes:mid","preferredId":1},
                {"uri":"urn:nothing"}
            ],
            "fecMechanisms": []
        }))
        .unwrap();
        assert_eq!(read.codecs.len(), 1);
        assert_eq!(read.codecs[0].rtcp_feedback.len(), 2);
        assert_eq!(read.header_extensions.len(), 1);
        assert_eq!(read.header_extensions[0].direction, "sendrecv");
        assert!(!read.header_extensions[0].preferred_encrypt);
    }

    #[test]
    fn a_transport_is_read_by_either_name_of_its_id() {
        for name in ["id", "transportId"] {
            let read: TransportParameters = serde_json::from_value(json!({
                name: "t1",
                "iceParameters": {"usernameFragment":"u","password":"p","iceLite":true},
                "iceCandidates": [{"ip":"10.0.0.1","port":1}, {"port":"none"}],
                "dtlsParameters": {"role":"auto","fingerprints":[{"algorithm":"sha-256","value":"AA"}]},
                "sctpParameters": null
            }))
            .unwrap();
            assert_eq!((read.id.as_str(), read.ice_candidates.len()), ("t1", 1));
        }
    }

    #[test]
    fn the_password_is_not_printed() {
        let read = IceParameters { username_fragment: "u".into(), password: "hidden".into(), ice_lite: true };
        assert!(!format!("{read:?}").contains("hidden"));
    }
}
