//! What signalling and peer share, pure: mediasoup's parameters, what we offer as a consuming device, the
//! consumers that come of it, and the SDP offer that stands for them towards a WebRTC stack.
//!
//! The types are lenient where mediasoup's own are strict: unknown fields are ignored, an entry of a list that
//! cannot be read is left out, and optional fields may be missing. They are read from the network and hold
//! nothing that was checked beyond its type.

mod capabilities;
mod consumer;
pub mod offer;
mod parameters;

pub use capabilities::capabilities;
pub use consumer::{Consumer, ConsumerType, Layers, Source};
pub use parameters::{
    DtlsFingerprint, DtlsParameters, DtlsRole, IceCandidate, IceParameters, RtcpFeedback, RtcpParameters,
    RtpCapabilities, RtpCodecCapability, RtpCodecParameters, RtpEncoding, RtpHeaderExtension,
    RtpHeaderExtensionParameters, RtpParameters, Rtx, TransportParameters,
};
