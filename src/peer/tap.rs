//! Our interceptor: it sits nearest to the application and takes everything off the chain.
//!
//! Packets and sender reports go with their arrival into the queue, so the stack's own tracks, which drop what is not
//! read at once, stay empty. Requests for lost packets and key frames go out the same way. The chain's other
//! interceptors, nearer to the wire, have seen every packet before and count it for their reports.

use super::Event;
use super::queue::Queue;
use super::streams::{Header, Streams};
use crate::clock::moment;
use crate::media::rtp::packet::{Packet, SenderReport};
use crate::time::{Moment, NtpTime};
use rtc::interceptor::{AttributedPacket, Interceptor, Packet as StackPacket, StreamInfo, TaggedPacket};
use rtc::rtcp;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::sender_report::SenderReport as StackReport;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::{
    TransportLayerNack, nack_pairs_from_sequence_numbers,
};
use rtc::sansio::Protocol;
use rtc::shared::error::Error;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The SSRC that our feedback names as its sender. We send no media, so any will do.
const OWN_SSRC: u32 = 1;
/// Sequence numbers in one request: scattered, they take 4 bytes each and must fit a datagram.
const NACK_SIZE: usize = 256;
/// How often waiting requests and events are looked at when no packet comes.
const TICK: Duration = Duration::from_millis(100);

pub(super) struct Tap {
    streams: Arc<Streams>,
    queue: Arc<Queue>,
    out: VecDeque<TaggedPacket>,
    /// The latest instant told, to give deadlines in the stack's clock.
    now: Option<Instant>,
    tick: Option<Instant>,
}

impl Tap {
    pub(super) fn new(streams: Arc<Streams>, queue: Arc<Queue>) -> Self {
        Self { streams, queue, out: VecDeque::new(), now: None, tick: None }
    }

    fn rtp(&mut self, mut packet: rtc::rtp::Packet, arrival: Moment) {
        let mut header = Header {
            ssrc: packet.header.ssrc,
            sequence: packet.header.sequence_number,
            payload_type: packet.header.payload_type,
        };
        let primary = self.streams.repaired_by(header.ssrc);
        if let Some(ssrc) = primary {
            // RFC 4588 4: the original sequence number comes before the payload. Probes have neither.
            let Some((original, rest)) = packet.payload.split_first_chunk::<2>() else { return };
            let at = packet.payload.len() - rest.len();
            header = Header { ssrc, sequence: u16::from_be_bytes(*original), ..header };
            packet.payload = packet.payload.slice(at..);
        }
        let Some(place) = self.streams.take(header, primary.is_some(), arrival) else { return };
        let packet = Packet {
            sequence: place.sequence,
            timestamp: packet.header.timestamp,
            marker: packet.header.marker,
            arrival,
            payload: if place.media { packet.payload } else { bytes::Bytes::new() },
            recovered: place.recovered,
        };
        self.queue.media(Event::Packet { consumer: place.consumer, packet });
    }

    fn rtcp(&mut self, packets: &[Box<dyn rtcp::Packet>], arrival: Moment) {
        for report in packets.iter().filter_map(|packet| packet.as_any().downcast_ref::<StackReport>()) {
            if let Some(consumer) = self.streams.consumer(report.ssrc) {
                let report = SenderReport { ntp: NtpTime(report.ntp_time), rtp: report.rtp_time, arrival };
                self.queue.media(Event::SenderReport { consumer, report });
            }
        }
    }

    /// Write what there is to ask for.
    fn ask(&mut self, now: Instant) {
        for (media_ssrc, missing) in self.streams.due(moment(now)) {
            for part in missing.chunks(NACK_SIZE) {
                let nacks = nack_pairs_from_sequence_numbers(part);
                self.write(now, Box::new(TransportLayerNack { sender_ssrc: OWN_SSRC, media_ssrc, nacks }));
            }
        }
        for media_ssrc in self.streams.keyframes() {
            self.write(now, Box::new(PictureLossIndication { sender_ssrc: OWN_SSRC, media_ssrc }));
        }
    }

    fn write(&mut self, now: Instant, packet: Box<dyn rtcp::Packet>) {
        let message = AttributedPacket::new(StackPacket::Rtcp(vec![packet]));
        self.out.push_back(TaggedPacket { now, transport: Default::default(), message });
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Tap {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, message: TaggedPacket) -> Result<(), Error> {
        let now = message.now;
        self.now = Some(now);
        match message.message.packet {
            StackPacket::Rtp(packet) => self.rtp(packet, moment(now)),
            StackPacket::Rtcp(packets) => self.rtcp(&packets, moment(now)),
            _ => {}
        }
        self.ask(now);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        None
    }

    fn handle_write(&mut self, message: TaggedPacket) -> Result<(), Error> {
        self.out.push_back(message);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.out.pop_front()
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        self.now = Some(now);
        self.tick = Some(now + TICK);
        self.ask(now);
        self.queue.retry();
        Ok(())
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        let now = self.now?;
        let wait = |deadline: Moment| {
            let micros = deadline.since(moment(now)).max(0).unsigned_abs();
            now + Duration::from_micros(micros)
        };
        let tick = self.tick.unwrap_or(now);
        Some(self.streams.deadline().map_or(tick, |deadline| wait(deadline).min(tick)))
    }

    fn close(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

/// What the stack binds and unbinds is of no matter here: the consumers say what is received.
impl Interceptor for Tap {
    fn bind_remote_stream(&mut self, _: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
    fn bind_local_stream(&mut self, _: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _: &StreamInfo) {}
}
