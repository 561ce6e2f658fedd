//! Our interceptor: it sits nearest to the application and takes everything off the chain.
//!
//! Packets and sender reports go with their arrival into the queue, so the stack's own tracks, which drop what is not
//! read at once, stay empty. Requests for lost packets and key frames go out the same way. The chain's other
//! interceptors, nearer to the wire, have seen every packet before and count it for their reports.

use super::Event;
use super::queue::Queue;
use super::streams::{Header, Streams};
use crate::clock::moment;
use crate::media::rtp::extension;
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
        // RFC 4588 4: a retransmission has the extensions of the original, or some of them.
        let extension = |id: Option<u8>| id.and_then(|id| packet.header.get_extension(id));
        let captured = extension(place.extensions.capture_time);
        let rotation = extension(place.extensions.orientation);
        let packet = Packet {
            sequence: place.sequence,
            timestamp: packet.header.timestamp,
            marker: packet.header.marker,
            arrival,
            payload: if place.media { packet.payload } else { bytes::Bytes::new() },
            recovered: place.recovered,
            captured: captured.and_then(|body| extension::capture_time(&body)),
            rotation: rotation.and_then(|body| extension::rotation(&body)),
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
        self.tick.get_or_insert(now + TICK);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Rotation;
    use crate::session::{Consumer, ConsumerType, Source};
    use bytes::Bytes;
    use serde_json::json;
    use tokio::sync::mpsc;

    fn consumer(id: &str, ssrc: u32, rtx: Option<u32>) -> Consumer {
        let rtx = rtx.map(|ssrc| json!({"ssrc": ssrc}));
        let rtp_parameters = serde_json::from_value(json!({
            "mid": id,
            "codecs": [{"mimeType":"video/H264","payloadType":102,"clockRate":90000,
                        "rtcpFeedback":[{"type":"nack","parameter":""}]}],
            "headerExtensions": [{"uri": extension::ORIENTATION, "id": 4},
                                 {"uri": extension::CAPTURE_TIME, "id": 7}],
            "encodings": [{"ssrc": ssrc, "rtx": rtx}]
        }))
        .unwrap();
        Consumer {
            id: id.into(),
            producer_id: "p".into(),
            peer_id: "a".into(),
            kind: crate::media::Kind::Video,
            source: Source::Camera,
            rtp_parameters,
            paused: false,
            kind_of: ConsumerType::Simple,
            layer: None,
        }
    }

    struct Bench {
        tap: Tap,
        streams: Arc<Streams>,
        events: mpsc::Receiver<Event>,
        start: Instant,
    }

    impl Bench {
        fn new() -> Self {
            let (sender, events) = mpsc::channel(64);
            let streams = Arc::new(Streams::default());
            streams.add(&consumer("c", 10, Some(20))).unwrap();
            let tap = Tap::new(streams.clone(), Arc::new(Queue::new(sender)));
            Self { tap, streams, events, start: Instant::now() }
        }

        fn at(&self, millis: u64) -> Instant {
            self.start + Duration::from_millis(millis)
        }

        fn read(&mut self, millis: u64, packet: StackPacket) {
            let message = AttributedPacket::new(packet);
            let now = self.at(millis);
            self.tap.handle_read(TaggedPacket { now, transport: Default::default(), message }).unwrap();
            assert!(self.tap.poll_read().is_none(), "nothing goes on to the stack's tracks");
        }

        fn rtp(&mut self, millis: u64, (ssrc, payload_type, sequence): (u32, u8, u16), payload: &[u8]) {
            let header = rtc::rtp::Header {
                version: 2,
                ssrc,
                payload_type,
                sequence_number: sequence,
                timestamp: 9000,
                marker: true,
                ..Default::default()
            };
            let payload = Bytes::copy_from_slice(payload);
            self.read(millis, StackPacket::Rtp(rtc::rtp::Packet { header, payload }));
        }

        fn timeout(&mut self, millis: u64) {
            self.tap.handle_timeout(self.at(millis)).unwrap();
        }

        /// What would be sent: NACKed numbers and key frame requests, by SSRC.
        fn sent(&mut self) -> Vec<(u32, Vec<u16>)> {
            let mut sent = Vec::new();
            while let Some(message) = self.tap.poll_write() {
                let StackPacket::Rtcp(packets) = message.message.packet else { panic!("RTP is sent") };
                for packet in packets {
                    if let Some(nack) = packet.as_any().downcast_ref::<TransportLayerNack>() {
                        sent.push((
                            nack.media_ssrc,
                            nack.nacks.iter().flat_map(|pair| pair.packet_list()).collect(),
                        ));
                    } else if let Some(pli) = packet.as_any().downcast_ref::<PictureLossIndication>() {
                        sent.push((pli.media_ssrc, vec![]));
                    } else {
                        panic!("{packet:?}");
                    }
                }
            }
            sent
        }

        fn packet(&mut self) -> Option<(u64, Vec<u8>, bool)> {
            match self.events.try_recv().ok()? {
                Event::Packet { consumer, packet } => {
                    assert_eq!((&*consumer, packet.timestamp, packet.marker), ("c", 9000, true));
                    Some((packet.sequence & 0xffff, packet.payload.to_vec(), packet.recovered))
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_lost_packet_is_asked_for_and_its_retransmission_undone() {
        let mut bench = Bench::new();
        bench.rtp(0, (10, 102, 1), b"one");
        bench.rtp(1, (10, 102, 4), b"four");
        let deadline = bench.tap.poll_timeout().unwrap();
        assert!((bench.at(11)..=bench.at(12)).contains(&deadline), "{:?}", deadline - bench.start);
        bench.timeout(12);
        assert_eq!(bench.sent(), [(10, vec![2, 3])]);
        bench.rtp(40, (20, 103, 999), b"\x00\x02two");
        bench.rtp(41, (20, 103, 1000), b"\x00\x02two");
        assert_eq!(bench.packet(), Some((1, b"one".to_vec(), false)));
        assert_eq!(bench.packet(), Some((4, b"four".to_vec(), false)));
        assert_eq!(bench.packet(), Some((2, b"two".to_vec(), true)));
        assert_eq!(bench.packet(), None);
        bench.timeout(90);
        assert_eq!(bench.sent(), [(10, vec![3])]);
    }

    #[test]
    fn probes_and_strangers_are_not_media() {
        let mut bench = Bench::new();
        bench.rtp(0, (20, 103, 1), b"");
        bench.rtp(0, (20, 103, 2), b"\x01");
        bench.rtp(0, (1234, 127, 1), b"probe");
        bench.rtp(0, (77, 102, 1), b"not announced yet");
        assert_eq!(bench.packet(), None);
        // Of another payload type, or nothing but padding: only the number counts.
        bench.rtp(1, (10, 13, 1), b"noise");
        bench.rtp(1, (10, 102, 2), b"");
        assert_eq!(bench.packet(), Some((1, vec![], false)));
        assert_eq!(bench.packet(), Some((2, vec![], false)));
    }

    #[test]
    fn binding_again_keeps_what_is_missing() {
        let mut bench = Bench::new();
        bench.rtp(0, (10, 102, 1), b"one");
        bench.rtp(0, (10, 102, 3), b"three");
        let info = StreamInfo { ssrc: 10, mime_type: "video/H264".into(), ..Default::default() };
        bench.tap.unbind_remote_stream(&info);
        bench.tap.bind_remote_stream(&info);
        bench.tap.bind_remote_stream(&StreamInfo { ssrc: 20, ..info });
        bench.timeout(20);
        assert_eq!(bench.sent(), [(10, vec![2])]);
        bench.rtp(30, (10, 102, 3), b"three");
        assert_eq!(bench.streams.statistics()["c"].duplicates, 1);
    }

    /// A packet as it comes off the wire, with extensions of the one-byte form (RFC 8285 4.2).
    fn wire(
        ssrc: u32,
        payload_type: u8,
        sequence: u16,
        extensions: &[u8],
        payload: &[u8],
    ) -> rtc::rtp::Packet {
        use rtc::shared::marshal::Unmarshal;
        let mut bytes = vec![0x90, 0x80 | payload_type];
        bytes.extend(sequence.to_be_bytes());
        bytes.extend(9000_u32.to_be_bytes());
        bytes.extend(ssrc.to_be_bytes());
        let words = extensions.len().div_ceil(4);
        bytes.extend([0xbe, 0xde, 0, words as u8]);
        bytes.extend(extensions);
        bytes.resize(16 + 4 * words, 0);
        bytes.extend(payload);
        rtc::rtp::Packet::unmarshal(&mut Bytes::from(bytes)).unwrap()
    }

    #[test]
    fn failure_17_orientation_and_capture_time_come_with_their_packet() {
        let mut bench = Bench::new();
        let time = [&[0x77][..], &[1, 2, 3, 4, 5, 6, 7, 8]].concat();
        let packets = [
            wire(10, 102, 1, &[&[0x40, 0x01][..], &time].concat(), b"one"),
            // Of another number, of a wrong length.
            wire(10, 102, 2, &[0x50, 0x02, 0x41, 0x02, 0x02], b"two"),
            // Sent again, with the extensions of the original.
            wire(20, 103, 3, &[0x40, 0x03], b"\x00\x03three"),
        ];
        for packet in packets {
            bench.read(0, StackPacket::Rtp(packet));
        }
        let mut come = Vec::new();
        while let Ok(Event::Packet { packet, .. }) = bench.events.try_recv() {
            come.push((packet.payload.to_vec(), packet.rotation, packet.captured));
        }
        let captured = Some(NtpTime(0x0102_0304_0506_0708));
        assert_eq!(
            come,
            [
                (b"one".to_vec(), Some(Rotation::Right), captured),
                (b"two".to_vec(), None, None),
                (b"three".to_vec(), Some(Rotation::Left), None),
            ]
        );
    }

    #[test]
    fn sender_reports_come_with_both_clocks() {
        let mut bench = Bench::new();
        for ssrc in [10, 99] {
            let report = StackReport { ssrc, ntp_time: 7 << 32, rtp_time: 9000, ..Default::default() };
            bench.read(5, StackPacket::Rtcp(vec![Box::new(report)]));
        }
        let report = SenderReport { ntp: NtpTime(7 << 32), rtp: 9000, arrival: moment(bench.at(5)) };
        assert_eq!(bench.events.try_recv(), Ok(Event::SenderReport { consumer: "c".into(), report }));
        assert!(bench.events.try_recv().is_err(), "of no consumer");
    }

    #[test]
    fn key_frames_are_asked_for_once_each_and_soon() {
        let mut bench = Bench::new();
        bench.streams.add(&consumer("d", 30, None)).unwrap();
        bench.timeout(0);
        bench.streams.want_keyframes(&["c", "c", "nobody"]);
        bench.streams.want_keyframes(&["c"]);
        let tick = bench.tap.poll_timeout().unwrap();
        assert!(tick <= bench.at(100));
        bench.timeout(100);
        assert_eq!(bench.sent(), [(10, vec![])]);
        bench.streams.want_keyframes(&["d"]);
        bench.rtp(101, (10, 102, 1), b"x");
        assert_eq!(bench.sent(), [(30, vec![])], "with the next packet, whosever it is");
    }

    #[test]
    fn a_closed_consumer_is_a_stranger() {
        let mut bench = Bench::new();
        bench.rtp(0, (10, 102, 1), b"one");
        assert!(bench.packet().is_some());
        assert!(bench.streams.remove("c"));
        assert!(!bench.streams.remove("c"));
        bench.rtp(1, (10, 102, 2), b"two");
        bench.rtp(2, (20, 103, 1), b"\x00\x03three");
        assert_eq!(bench.packet(), None);
        assert_eq!(bench.streams.add(&consumer("e", 10, Some(20))), Ok(()), "its streams are free again");
    }

    #[test]
    fn many_scattered_losses_are_asked_for_in_datagrams() {
        let mut bench = Bench::new();
        (0..900).step_by(2).for_each(|sequence| bench.rtp(0, (10, 102, sequence), b"x"));
        bench.timeout(20);
        let sent = bench.sent();
        assert!(sent.len() > 1 && sent.iter().all(|(_, list)| list.len() <= NACK_SIZE));
        assert_eq!(sent.iter().map(|(_, list)| list.len()).sum::<usize>(), 449);
    }
}
