//! mediasoup's parameters as they come, and the offer that is written of them.

use crate::media::Kind;
use crate::session::offer::{Section, offer};
use crate::session::{
    Consumer, ConsumerType, RtpCapabilities, RtpParameters, Source, TransportParameters, capabilities,
};

/// Attributes that a section has besides those of its codecs, extensions and candidates.
const SECTION_LINES: usize = 20;

/// Of a consumer.
pub const PARAMETERS: &str = r#"{"mid":"0","codecs":[{"mimeType":"video/VP8","payloadType":101,"clockRate":90000,"channels":2,"parameters":{"x":1,"b":true,"t":"y"},"rtcpFeedback":[{"type":"nack","parameter":"pli"}]},{"mimeType":"video/rtx","payloadType":102,"clockRate":90000,"parameters":{"apt":101}}],"headerExtensions":[{"uri":"urn:3gpp:video-orientation","id":11,"encrypt":false}],"encodings":[{"ssrc":1,"rtx":{"ssrc":2},"scalabilityMode":"S3T3"}],"rtcp":{"cname":"x","reducedSize":true}}"#;
/// Of a router.
pub const ROUTER: &str = r#"{"codecs":[{"kind":"audio","mimeType":"audio/opus","preferredPayloadType":100,"clockRate":48000,"channels":2,"rtcpFeedback":[{"type":"nack"}]},{"kind":"video","mimeType":"video/rtx","preferredPayloadType":102,"clockRate":90000,"parameters":{"apt":101}}],"headerExtensions":[{"kind":"video","uri":"urn:3gpp:video-orientation","preferredId":11,"direction":"sendrecv"}]}"#;
/// Of a transport.
pub const TRANSPORT: &str = r#"{"id":"t","iceParameters":{"usernameFragment":"u","password":"p","iceLite":true},"iceCandidates":[{"foundation":"f","priority":1,"ip":"10.0.0.1","protocol":"udp","port":1}],"dtlsParameters":{"role":"auto","fingerprints":[{"algorithm":"sha-256","value":"AA"}]}}"#;

fn transport() -> TransportParameters {
    serde_json::from_str(TRANSPORT).expect("parameters")
}

pub fn run(data: &[u8]) {
    let Some((kind, text)) = data.split_first() else { return };
    if let Ok(router) = serde_json::from_slice::<RtpCapabilities>(text) {
        let ours = capabilities(&router);
        assert!(ours.codecs.len() <= router.codecs.len());
    }
    let Ok(parameters) = serde_json::from_slice::<RtpParameters>(text) else { return };
    let consumer = Consumer {
        id: "c".to_owned(),
        producer_id: "p".to_owned(),
        peer_id: "a".to_owned(),
        kind: if kind & 1 == 0 { Kind::Video } else { Kind::Audio },
        source: Source::Camera,
        rtp_parameters: parameters,
        paused: false,
        kind_of: ConsumerType::Simple,
        layer: None,
    };
    offered(&consumer);
    if let Ok(remote) = serde_json::from_slice::<TransportParameters>(text) {
        write(&remote, &consumer);
    }
}

/// All that is asked of a consumer.
pub fn offered(consumer: &Consumer) {
    let _ = (consumer.codec(), consumer.clock_rate(), consumer.cname(), consumer.nack());
    write(&transport(), consumer);
}

fn write(remote: &TransportParameters, consumer: &Consumer) {
    let Ok(section) = Section::new(consumer) else { return };
    let sdp = offer(remote, &[section], 1);
    let parameters = &consumer.rtp_parameters;
    let codecs: usize = parameters.codecs.iter().map(|codec| 2 + codec.rtcp_feedback.len()).sum();
    let most = SECTION_LINES + codecs + parameters.header_extensions.len() + remote.ice_candidates.len();
    assert!(sdp.split("\r\n").count() <= most + 8, "the network adds no line");
    assert!(sdp.split("\r\n").all(|line| !line.contains(['\r', '\n'])));
}

pub fn seeds() -> Vec<Vec<u8>> {
    [PARAMETERS, ROUTER, TRANSPORT].map(|text| [b"\0", text.as_bytes()].concat()).into()
}
