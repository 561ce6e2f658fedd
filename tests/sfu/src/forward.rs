//! Other ways out of the router than WebRTC: a tap for tests, and plain RTP as mediasoup's users hand it
//! to FFmpeg today.

use crate::room::Room;
use crate::sfu::listen;
use anyhow::{Context, Result, ensure};
use mediasoup::prelude::*;
use serde::Deserialize;
use serde_json::json;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// Collects every RTP packet that the router forwards of one producer.
pub struct Tap {
    _consumer: Consumer,
    _transport: DirectTransport,
    packets: Arc<Mutex<Vec<Vec<u8>>>>,
    count: watch::Receiver<usize>,
}

impl Tap {
    /// Everything so far, in order of arrival.
    pub fn packets(&self) -> Vec<Vec<u8>> {
        self.packets.lock().unwrap().clone()
    }

    /// Waits until there are so many packets.
    pub async fn wait_for(&mut self, count: usize) {
        self.count.wait_for(|&seen| seen >= count).await.expect("the tap counts as long as it lives");
    }
}

/// Where FFmpeg listens for one stream.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ports {
    /// For RTP.
    pub port: u16,
    /// For RTCP.
    pub rtcp_port: u16,
}

/// One participant as plain RTP: a transport and a consumer for each stream.
pub struct PlainFeed {
    consumers: Vec<Consumer>,
    _transports: Vec<PlainTransport>,
    sdp: String,
}

impl PlainFeed {
    /// What to give to `ffmpeg -protocol_whitelist file,udp,rtp -i`.
    pub fn sdp(&self) -> &str {
        &self.sdp
    }

    /// Begins to send, with a key frame asked for.
    pub async fn resume(&self) -> Result<()> {
        for consumer in &self.consumers {
            consumer.resume().await?;
            if consumer.kind() == MediaKind::Video {
                consumer.request_key_frame().await?;
            }
        }
        Ok(())
    }
}

impl Room {
    /// Taps a participant's newest producer of a kind.
    pub async fn tap(&self, peer_id: &str, kind: MediaKind) -> Result<Tap> {
        let producer = self.producer(peer_id, kind).context("the participant has no such producer")?;
        let transport = self.router.create_direct_transport(DirectTransportOptions::default()).await?;
        let mut options = ConsumerOptions::new(producer.id(), self.plain_capabilities());
        options.paused = true;
        let consumer = transport.consume(options).await?;
        let packets: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let (seen, count) = watch::channel(0);
        let into = Arc::clone(&packets);
        consumer
            .on_rtp(move |packet| {
                let mut packets = into.lock().unwrap();
                packets.push(packet.to_vec());
                seen.send_replace(packets.len());
            })
            .detach();
        consumer.resume().await?;
        Ok(Tap { _consumer: consumer, _transport: transport, packets, count })
    }

    /// Sends a participant's media to ports of 127.0.0.1, paused until [`PlainFeed::resume`].
    pub async fn plain_feed(
        &self,
        peer_id: &str,
        audio: Option<Ports>,
        video: Option<Ports>,
    ) -> Result<PlainFeed> {
        ensure!(audio.is_some() || video.is_some(), "neither audio nor video is asked for");
        let mut feed = PlainFeed { consumers: Vec::new(), _transports: Vec::new(), sdp: String::new() };
        feed.sdp =
            "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=tureen-sfu\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n".to_owned();
        for (kind, ports) in [(MediaKind::Audio, audio), (MediaKind::Video, video)] {
            let Some(ports) = ports else { continue };
            let producer =
                self.producer(peer_id, kind).with_context(|| format!("{peer_id} has no {kind:?}"))?;
            let mut options = PlainTransportOptions::new(listen(None));
            options.rtcp_mux = false;
            let transport = self.router.create_plain_transport(options).await?;
            let remote = json!({"ip": IpAddr::V4(Ipv4Addr::LOCALHOST), "port": ports.port, "rtcpPort": ports.rtcp_port});
            transport.connect(serde_json::from_value(remote)?).await?;
            let mut options = ConsumerOptions::new(producer.id(), self.plain_capabilities());
            options.paused = true;
            let consumer = transport.consume(options).await?;
            media_section(&mut feed.sdp, &consumer, ports)?;
            feed.consumers.push(consumer);
            feed._transports.push(transport);
        }
        Ok(feed)
    }

    /// The router's codecs without retransmission, feedback and header extensions: a receiver of plain
    /// RTP answers nothing.
    fn plain_capabilities(&self) -> RtpCapabilities {
        let mut all = json!(self.router.rtp_capabilities());
        all["headerExtensions"] = json!([]);
        if let Some(codecs) = all["codecs"].as_array_mut() {
            codecs.retain(|codec| !codec["mimeType"].as_str().unwrap_or_default().ends_with("/rtx"));
            for codec in codecs {
                codec["rtcpFeedback"] = json!([]);
            }
        }
        serde_json::from_value(all).expect("a router's capabilities are well formed")
    }
}

fn media_section(sdp: &mut String, consumer: &Consumer, ports: Ports) -> Result<()> {
    let codec = json!(consumer.rtp_parameters().codecs.first().context("a consumer without codec")?);
    let (kind, name) =
        codec["mimeType"].as_str().and_then(|m| m.split_once('/')).context("a codec without type")?;
    let (payload_type, rate) = (&codec["payloadType"], &codec["clockRate"]);
    let channels = codec["channels"].as_u64().map(|n| format!("/{n}")).unwrap_or_default();
    write!(sdp, "m={kind} {} RTP/AVP {payload_type}\r\na=rtcp:{}\r\n", ports.port, ports.rtcp_port)?;
    write!(sdp, "a=rtpmap:{payload_type} {name}/{rate}{channels}\r\n")?;
    let parameters: Vec<String> = codec["parameters"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| {
            format!("{key}={}", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        })
        .collect();
    if !parameters.is_empty() {
        write!(sdp, "a=fmtp:{payload_type} {}\r\n", parameters.join(";"))?;
    }
    sdp.push_str("a=sendonly\r\n");
    Ok(())
}
