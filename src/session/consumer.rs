//! One stream that the SFU sends us.

use super::capabilities::is_rtx;
use super::parameters::{RtpCodecParameters, RtpParameters};
use crate::media::{Codec, Kind};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a producer captures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A person's picture.
    Camera,
    /// A person's voice.
    Microphone,
    /// A shared screen, its picture or its sound.
    Screen,
}

impl Source {
    /// From the `appData` that the application gave its producer: `source`, or `share` of the older demo; else from
    /// the kind alone.
    #[must_use]
    pub fn from_app_data(app_data: &Value, kind: Kind) -> Self {
        let named = app_data.get("source").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
        let shared =
            app_data.get("share").is_some_and(|share| !matches!(share, Value::Null | Value::Bool(false)));
        if shared || ["screen", "display", "desktop"].iter().any(|word| named.contains(word)) {
            return Self::Screen;
        }
        match kind {
            Kind::Audio => Self::Microphone,
            Kind::Video => Self::Camera,
        }
    }

    /// From its name in the API.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Camera, Self::Microphone, Self::Screen].into_iter().find(|source| source.name() == name)
    }

    /// As the API and the catalogue write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Camera => "camera",
            Self::Microphone => "microphone",
            Self::Screen => "screen",
        }
    }
}

/// Which spatial layers of a picture are recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layers {
    /// The highest that comes, as one track.
    #[default]
    Max,
    /// Each as a track of its own.
    All,
}

impl Layers {
    /// From its name in the API. `top` is another word for `max`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "max" | "top" => Some(Self::Max),
            "all" => Some(Self::All),
            _ => None,
        }
    }

    /// As the API and the bridge's protocol write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Max => "max",
            Self::All => "all",
        }
    }
}

/// mediasoup's consumer types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ConsumerType {
    /// One stream of the producer, forwarded.
    #[default]
    Simple,
    /// One of several streams of the producer at a time.
    Simulcast,
    /// Layers of one stream (VP9 or AV1).
    Svc,
}

impl ConsumerType {
    /// From mediasoup's name of it; what is not known is taken as simple.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        match name {
            "simulcast" => Self::Simulcast,
            "svc" => Self::Svc,
            _ => Self::Simple,
        }
    }
}

/// A mediasoup consumer: one producer's media as it is sent to us.
#[derive(Clone, Debug, PartialEq)]
pub struct Consumer {
    /// mediasoup's consumer id.
    pub id: String,
    /// mediasoup's producer id.
    pub producer_id: String,
    /// The participant whose producer it is, as the application names it.
    pub peer_id: String,
    /// Audio or video.
    pub kind: Kind,
    /// What is captured.
    pub source: Source,
    /// Codec, streams, header extensions.
    pub rtp_parameters: RtpParameters,
    /// The producer is paused: nothing comes until it resumes.
    pub paused: bool,
    /// How its layers come.
    pub kind_of: ConsumerType,
    /// The one spatial layer that this consumer is for, where each layer has a consumer. Without the sender's layer the
    /// SFU sends another one meanwhile.
    pub layer: Option<u8>,
}

impl Consumer {
    /// The parameters of its media codec, RTX left aside.
    #[must_use]
    pub fn media_codec(&self) -> Option<&RtpCodecParameters> {
        self.rtp_parameters.codecs.iter().find(|codec| !is_rtx(&codec.mime_type))
    }

    /// Its codec, if we record it.
    #[must_use]
    pub fn codec(&self) -> Option<Codec> {
        Codec::from_mime(&self.media_codec()?.mime_type)
    }

    /// RTP clock rate in Hz.
    #[must_use]
    pub fn clock_rate(&self) -> Option<u32> {
        Some(self.media_codec()?.clock_rate)
    }

    /// RTP payload type of the media codec.
    #[must_use]
    pub fn payload_type(&self) -> Option<u8> {
        Some(self.media_codec()?.payload_type)
    }

    /// SSRC of the media.
    #[must_use]
    pub fn ssrc(&self) -> Option<u32> {
        self.rtp_parameters.encodings.first()?.ssrc
    }

    /// SSRC of the retransmissions, where they have their own (RFC 4588).
    #[must_use]
    pub fn rtx_ssrc(&self) -> Option<u32> {
        Some(self.rtp_parameters.encodings.first()?.rtx?.ssrc)
    }

    /// Canonical name, equal for one participant's streams.
    #[must_use]
    pub fn cname(&self) -> Option<&str> {
        self.rtp_parameters.rtcp.cname.as_deref()
    }

    /// Media identification on its transport.
    #[must_use]
    pub fn mid(&self) -> Option<&str> {
        self.rtp_parameters.mid.as_deref()
    }

    /// The SFU answers generic NACKs for it (RFC 4585 6.2.1). Audio has them only when the application asks for them.
    #[must_use]
    pub fn nack(&self) -> bool {
        self.media_codec().is_some_and(|codec| {
            codec.rtcp_feedback.iter().any(|f| f.name == "nack" && f.parameter.is_empty())
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::json;

    pub(crate) fn video() -> Consumer {
        let rtp_parameters = serde_json::from_value(json!({
            "mid": "0",
            "codecs": [
                {"mimeType":"video/VP8","payloadType":101,"clockRate":90000,"parameters":{"x-google-start-bitrate":1000},
                 "rtcpFeedback":[{"type":"transport-cc","parameter":""},{"type":"ccm","parameter":"fir"},
                                 {"type":"nack","parameter":""},{"type":"nack","parameter":"pli"}]},
                {"mimeType":"video/rtx","payloadType":102,"clockRate":90000,"parameters":{"apt":101},"rtcpFeedback":[]}
            ],
            "headerExtensions": [
                {"uri":"urn:ietf:params:rtp-hdrext:sdes:mid","id":1,"encrypt":false,"parameters":{}}
            ],
            "encodings": [{"ssrc":111,"rtx":{"ssrc":222},"scalabilityMode":"S3T3"}],
            "rtcp": {"cname":"someone","reducedSize":true,"mux":true}
        }))
        .unwrap();
        Consumer {
            id: "c1".into(),
            producer_id: "p1".into(),
            peer_id: "alice".into(),
            kind: Kind::Video,
            source: Source::Camera,
            rtp_parameters,
            paused: false,
            kind_of: ConsumerType::Simulcast,
            layer: None,
        }
    }

    #[test]
    fn the_media_codec_is_not_the_rtx() {
        let mut consumer = video();
        consumer.rtp_parameters.codecs.reverse();
        assert_eq!(consumer.codec(), Some(Codec::Vp8));
        assert_eq!((consumer.payload_type(), consumer.clock_rate()), (Some(101), Some(90_000)));
        assert_eq!((consumer.ssrc(), consumer.rtx_ssrc()), (Some(111), Some(222)));
        assert_eq!((consumer.cname(), consumer.mid()), (Some("someone"), Some("0")));
        assert!(consumer.nack());
    }

    #[test]
    fn empty_parameters_answer_nothing() {
        let consumer = Consumer { rtp_parameters: RtpParameters::default(), ..video() };
        assert_eq!((consumer.codec(), consumer.ssrc(), consumer.rtx_ssrc()), (None, None, None));
        assert!(!consumer.nack());
    }

    #[test]
    fn a_source_is_read_from_either_generation_of_app_data() {
        let of = |data: Value, kind| Source::from_app_data(&data, kind);
        assert_eq!(of(json!({"source":"screensharing"}), Kind::Video), Source::Screen);
        assert_eq!(of(json!({"share":true}), Kind::Video), Source::Screen);
        assert_eq!(of(json!({"source":"screensharing"}), Kind::Audio), Source::Screen);
        assert_eq!(of(json!({"share":false}), Kind::Video), Source::Camera);
        assert_eq!(of(json!({"peerId":"a","source":"video"}), Kind::Video), Source::Camera);
        assert_eq!(of(json!({}), Kind::Audio), Source::Microphone);
        assert_eq!(of(Value::Null, Kind::Video), Source::Camera);
    }
}
