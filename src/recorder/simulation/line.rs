//! One stream from its capture to its track.

use super::super::testing::{self, START_WALL, Stored};
use super::super::track::{Output, Track};
use super::moment;
use super::network::{Network, Random};
use crate::media::Codec;
use crate::media::rtp::loss;
use crate::media::rtp::packet::{Packet, SenderReport};
use crate::media::timeline::sync::Anomaly;
use crate::time::{Moment, NtpTime};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

/// What becomes of the sender's reports at the SFU, which writes its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::recorder) enum Reports {
    /// None come.
    Absent,
    /// They tell when the newest packet came to the SFU, which is what mediasoup did before #1887.
    OfArrival,
    /// They tell when it was captured.
    OfCapture,
}

/// A sender. Times in microseconds since the recording's start, by the recorder's clock.
#[derive(Clone, Debug)]
pub(in crate::recorder) struct Sender {
    pub(in crate::recorder) codec: Codec,
    pub(in crate::recorder) begin: i64,
    /// Between two frames.
    pub(in crate::recorder) period: i64,
    /// By how much its media clock is too fast.
    pub(in crate::recorder) skew_ppm: i64,
    /// From capture to the SFU: `(from when on, delay)`, rising in time.
    pub(in crate::recorder) uplink: Vec<(i64, i64)>,
    pub(in crate::recorder) reports: Reports,
    /// Reports come from here on.
    pub(in crate::recorder) reports_from: i64,
    /// Parts of a thousand that are wrong by seconds.
    pub(in crate::recorder) report_outliers: u64,
    /// The SFU's wall clock is set: `(when, by)`.
    pub(in crate::recorder) wall_step: (i64, i64),
    pub(in crate::recorder) capture_times: bool,
    /// Nothing is sent; the media clock goes on.
    pub(in crate::recorder) pauses: Vec<Range<i64>>,
    /// Nothing is captured, and the media clock stands.
    pub(in crate::recorder) stall: Range<i64>,
    /// At this time the media clock is set by so many microseconds.
    pub(in crate::recorder) media_step: (i64, i64),
    pub(in crate::recorder) first_timestamp: u32,
    /// Key frames by itself, in frames; 0 for never but the first.
    pub(in crate::recorder) key_every: u64,
    /// Requests for a key frame that it does not hear.
    pub(in crate::recorder) deaf: u32,
    /// Packets of a picture.
    pub(in crate::recorder) packets: u64,
}

impl Sender {
    pub(in crate::recorder) fn camera() -> Self {
        Self { codec: Codec::Vp8, period: 40_000, packets: 3, ..Self::microphone() }
    }

    pub(in crate::recorder) fn microphone() -> Self {
        Self {
            codec: Codec::Opus,
            begin: 100_000,
            period: 20_000,
            skew_ppm: 0,
            uplink: vec![(0, 15_000)],
            reports: Reports::OfCapture,
            reports_from: 0,
            report_outliers: 0,
            wall_step: (i64::MAX, 0),
            capture_times: false,
            pauses: Vec::new(),
            stall: 0..0,
            media_step: (i64::MAX, 0),
            first_timestamp: 0xfff0_0000,
            key_every: 0,
            deaf: 0,
            packets: 1,
        }
    }

    /// The media clock at a time, in microseconds since it began.
    fn media(&self, at: i64) -> i64 {
        let stalled = (at.min(self.stall.end) - self.stall.start).max(0);
        let stalled = if self.stall.is_empty() { 0 } else { stalled };
        let stepped = if at >= self.media_step.0 { self.media_step.1 } else { 0 };
        let passed = at - self.begin - stalled;
        passed + passed / 1000 * self.skew_ppm / 1000 + stepped
    }

    fn timestamp(&self, at: i64) -> u32 {
        let ticks = i128::from(self.media(at)) * i128::from(self.codec.timescale().0) / 1_000_000;
        self.first_timestamp.wrapping_add(ticks as u32)
    }

    fn delay(&self, at: i64) -> i64 {
        self.uplink.iter().rev().find(|(from, _)| at >= *from).map_or(0, |(_, delay)| *delay)
    }

    fn wall(&self, at: i64) -> NtpTime {
        let step = if at >= self.wall_step.0 { self.wall_step.1 } else { 0 };
        NtpTime::from_wall(START_WALL.plus(7_777_000 + at + step))
    }
}

/// What can happen to a stream, by its packet's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// A frame is due.
    Capture,
    /// Its packets are at the SFU: the frame's number and capture, and whether it is a key frame.
    Forward { frame: u64, captured: i64, key: bool },
    /// The packet comes to the recorder.
    Arrive { sequence: u64, repair: bool },
    /// A request for this packet comes to the SFU.
    Repair { sequence: u64 },
    /// The SFU writes a report.
    Report,
    /// It comes to the recorder.
    Reported { of: i64, timestamp: u32 },
    /// A request for a key frame comes to the sender.
    KeyframeRequest,
    /// Time for the recorder to look.
    Poll,
}

/// A stream and all that became of it.
pub(in crate::recorder) struct Line {
    pub(in crate::recorder) sender: Sender,
    pub(in crate::recorder) track: Track,
    repair: loss::Stream,
    /// What the SFU keeps: the packet and when it was sent.
    history: BTreeMap<u64, (Packet, i64)>,
    /// The newest frame at the SFU: capture and arrival there.
    newest: Option<(i64, i64)>,
    next: u64,
    frame: u64,
    key_wanted: bool,
    asked: Option<Moment>,
    outputs: Vec<Output>,
    /// When each frame was captured.
    pub(in crate::recorder) captured: HashMap<u64, i64>,
    /// Packets that were forwarded, and those that the network took.
    pub(in crate::recorder) forwarded: u64,
    pub(in crate::recorder) taken: u64,
    pub(in crate::recorder) requests: u64,
    pub(in crate::recorder) repairs_asked: u64,
}

impl Line {
    pub(super) fn new(sender: Sender) -> Self {
        Self {
            track: testing::track(sender.codec),
            repair: loss::Stream::new(sender.codec.kind(), true),
            history: BTreeMap::new(),
            newest: None,
            next: 65_000,
            frame: 0,
            key_wanted: true,
            asked: None,
            outputs: Vec::new(),
            captured: HashMap::new(),
            forwarded: 0,
            taken: 0,
            requests: 0,
            repairs_asked: 0,
            sender,
        }
    }

    pub(super) fn step(
        &mut self,
        now: i64,
        event: Event,
        network: &Network,
        random: &mut Random,
    ) -> Vec<(i64, Event)> {
        match event {
            Event::Capture => self.capture(now),
            Event::Forward { frame, captured, key } => {
                self.forward(now, (frame, captured, key), network, random)
            }
            Event::Arrive { sequence, repair } => self.arrive(now, sequence, repair, network),
            Event::Repair { sequence } => {
                let kept = self.history.contains_key(&sequence);
                let times = if kept { network.arrivals(now, true, random) } else { Vec::new() };
                times.into_iter().map(|at| (at, Event::Arrive { sequence, repair: true })).collect()
            }
            Event::Report => self.write_report(now, network, random),
            Event::Reported { of, timestamp } => {
                let report = SenderReport { ntp: self.sender.wall(of), rtp: timestamp, arrival: moment(now) };
                self.track.report(&report, &mut self.outputs).unwrap();
                Vec::new()
            }
            Event::KeyframeRequest => {
                self.requests += 1;
                self.key_wanted |= self.requests > u64::from(self.sender.deaf);
                Vec::new()
            }
            Event::Poll => Vec::new(),
        }
    }

    fn capture(&mut self, now: i64) -> Vec<(i64, Event)> {
        let sender = &self.sender;
        let mut next = vec![(now + sender.period, Event::Capture)];
        if sender.stall.contains(&now) || sender.pauses.iter().any(|pause| pause.contains(&now)) {
            return next;
        }
        let due = sender.key_every > 0 && self.frame.is_multiple_of(sender.key_every);
        let key = due || std::mem::take(&mut self.key_wanted);
        let frame = self.frame;
        self.frame += 1;
        self.captured.insert(frame, now);
        next.push((now + sender.delay(now), Event::Forward { frame, captured: now, key }));
        next
    }

    fn forward(
        &mut self,
        now: i64,
        (frame, captured, key): (u64, i64, bool),
        network: &Network,
        random: &mut Random,
    ) -> Vec<(i64, Event)> {
        self.newest = Some((captured, now));
        let mut events = Vec::new();
        if now < 0 {
            return events; // Nobody records yet.
        }
        for part in 0..self.sender.packets {
            let sequence = self.next;
            self.next += 1;
            let packet = self.packet(sequence, (frame, captured, key), part);
            self.history.insert(sequence, (packet, now));
            self.forwarded += 1;
            let times = network.arrivals(now, false, random);
            self.taken += u64::from(times.is_empty());
            events.extend(times.into_iter().map(|at| (at, Event::Arrive { sequence, repair: false })));
        }
        let kept = if self.sender.codec == Codec::Opus { 1_000_000 } else { 2_000_000 };
        self.history.retain(|_, (_, sent)| now - *sent < kept + 200_000);
        events
    }

    fn packet(&self, sequence: u64, (frame, captured, key): (u64, i64, bool), part: u64) -> Packet {
        let number = frame.to_be_bytes();
        let payload: Vec<u8> = match (self.sender.codec, part) {
            (Codec::Opus, _) => [&[0xfc][..], &number].concat(),
            (_, 0) => {
                // RFC 7741 4.2: S; RFC 6386 9.1: frame tag, and for a key frame start code and size.
                let head: &[u8] = &[0x10, u8::from(!key) | 0x10, 0, 0];
                let size: &[u8] = if key { &[0x9d, 0x01, 0x2a, 64, 1, 180, 0] } else { &[] };
                [head, size, &number].concat()
            }
            _ => [&[0x00][..], &number].concat(),
        };
        Packet {
            sequence,
            timestamp: self.sender.timestamp(captured),
            marker: part + 1 == self.sender.packets,
            payload: payload.into(),
            captured: self.sender.capture_times.then(|| self.sender.wall(captured)),
            ..Packet::default()
        }
    }

    fn arrive(&mut self, now: i64, sequence: u64, repair: bool, network: &Network) -> Vec<(i64, Event)> {
        let Some((packet, _)) = self.history.get(&sequence) else { return self.ask(now, network) };
        let mut packet = packet.clone();
        if let Some(taken) = self.repair.push(sequence as u16, repair, moment(now)) {
            (packet.sequence, packet.recovered) = (taken.sequence, taken.recovered);
            packet.arrival = moment(now);
            self.track.push(packet, &mut self.outputs).unwrap();
        }
        self.ask(now, network)
    }

    /// Requests for what is missing.
    fn ask(&mut self, now: i64, network: &Network) -> Vec<(i64, Event)> {
        let mut events = Vec::new();
        for wanted in self.repair.due(moment(now)) {
            self.repairs_asked += 1;
            // The number nearest to the newest one.
            let newest = self.next;
            let sequence = newest - u64::from((newest as u16).wrapping_sub(wanted));
            events.push((now + network.delay, Event::Repair { sequence }));
        }
        events
    }

    fn write_report(&mut self, now: i64, network: &Network, random: &mut Random) -> Vec<(i64, Event)> {
        let mut events = vec![(now + 1_000_000, Event::Report)];
        let Some((captured, came)) = self.newest.filter(|_| now >= self.sender.reports_from) else {
            return events;
        };
        // mediasoup writes none of a stream that is silent.
        if self.sender.reports == Reports::Absent || now - came > 2_000_000 {
            return events;
        }
        let reference = if self.sender.reports == Reports::OfArrival { came } else { captured };
        let ticks = (now - reference) * i64::from(self.sender.codec.timescale().0) / 1_000_000;
        let timestamp = self.sender.timestamp(captured).wrapping_add(ticks as u32);
        let wrong = if random.permille(self.sender.report_outliers) { random.below(20_000_000) } else { 0 };
        events.push((
            now + network.delay + random.below(network.jitter),
            Event::Reported { of: now + wrong, timestamp },
        ));
        events
    }

    /// Time passes at the recorder; whether it asks for a key frame.
    pub(super) fn poll(&mut self, now: Moment) -> bool {
        self.track.poll(now, &mut self.outputs).unwrap();
        let rested = self.asked.is_none_or(|asked| now.since(asked) >= 1_000_000);
        let asks = self.track.wants_keyframe() && rested;
        if asks {
            self.asked = Some(now);
        }
        asks
    }

    pub(super) fn finish(&mut self) {
        self.track.detach(&mut self.outputs).unwrap();
    }

    /// What a clock did, by the recorder's judgement.
    pub(in crate::recorder) fn anomalies(&self) -> Vec<Anomaly> {
        let clock = |output: &Output| match output {
            Output::Clock(anomaly) => Some(*anomaly),
            _ => None,
        };
        self.outputs.iter().filter_map(clock).collect()
    }

    pub(in crate::recorder) fn statistics(&self) -> loss::Statistics {
        self.repair.statistics()
    }

    /// The stored track, and for each sample its frame's number and its start on the recording's timeline in
    /// microseconds.
    pub(in crate::recorder) fn stored(self) -> (Stored, Vec<(u64, i64)>) {
        let scale = self.sender.codec.timescale();
        let stored = testing::stored(self.outputs);
        let mut found = Vec::new();
        let mut runs = stored.runs.iter().peekable();
        let mut at = 0;
        for entry in &stored.entries {
            while let Some(run) = runs.next_if(|run| run.range.end <= entry.offset) {
                at = run.first.0;
            }
            let from = entry.offset as usize;
            let data = &stored.file[from..from + entry.size as usize];
            let number = match self.sender.codec {
                Codec::Opus => &data[1..9],
                _ if entry.sync() => &data[10..18],
                _ => &data[3..11],
            };
            let number = u64::from_be_bytes(number.try_into().unwrap());
            found.push((number, crate::time::Ticks(at).to_micros(scale)));
            at += i64::from(entry.duration);
        }
        (stored, found)
    }
}
