//! The stack's media engine and interceptor chain, as a mediasoup router needs them.

use super::Error;
use super::queue::Queue;
use super::streams::Streams;
use super::tap::Tap;
use crate::media::Kind;
use crate::session::offer::fmtp;
use crate::session::{RtpCapabilities, RtpCodecCapability};
use rtc::interceptor::{Registry, Slot};
use rtc::peer_connection::configuration::interceptor_registry::{
    configure_rtcp_reports, configure_simulcast_extension_headers, configure_twcc_receiver_only,
};
use rtc::peer_connection::configuration::media_engine::MediaEngine;
use rtc::rtp_transceiver::rtp_sender::{RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RtpCodecKind};
use std::sync::Arc;

/// Beyond every arrival recorder (receiver reports are at 10,000), nearest to the application.
const TAP: usize = 12_500;

/// Codecs with the router's own payload types, and the chain: transport-wide feedback, reports, the tap. Not the
/// stack's own NACK generator, which neither undoes RTX nor drops what comes twice.
pub(super) fn build(
    router: &RtpCapabilities,
    streams: Arc<Streams>,
    queue: Arc<Queue>,
) -> Result<(MediaEngine, Registry), Error> {
    let refused =
        |error: rtc::shared::error::Error| Error::Stack { during: "configuring", reason: error.to_string() };
    let mut engine = MediaEngine::default();
    for codec in &router.codecs {
        // One payload type for two codecs is the router's fault; the other codecs still work.
        if let Err(error) = register(&mut engine, codec) {
            tracing::warn!(codec = codec.mime_type, %error, "a codec of the router cannot be registered");
        }
    }
    let registry = configure_twcc_receiver_only(Registry::new(), &mut engine).map_err(refused)?;
    configure_simulcast_extension_headers(&mut engine).map_err(refused)?;
    let registry = configure_rtcp_reports(registry).with(Slot::from(TAP), Tap::new(streams, queue));
    Ok((engine, registry))
}

fn register(engine: &mut MediaEngine, codec: &RtpCodecCapability) -> Result<(), rtc::shared::error::Error> {
    let Some(payload_type) = codec.preferred_payload_type else { return Ok(()) };
    let feedback = codec.rtcp_feedback.iter();
    let rtp_codec = RTCRtpCodec {
        mime_type: codec.mime_type.clone(),
        clock_rate: codec.clock_rate,
        channels: u16::from(codec.channels.unwrap_or_default()),
        sdp_fmtp_line: fmtp(&codec.parameters),
        rtcp_feedback: feedback
            .map(|f| RTCPFeedback { typ: f.name.clone(), parameter: f.parameter.clone() })
            .collect(),
    };
    let kind = match codec.kind {
        Kind::Audio => RtpCodecKind::Audio,
        Kind::Video => RtpCodecKind::Video,
    };
    engine.register_codec(RTCRtpCodecParameters { rtp_codec, payload_type }, kind)
}
