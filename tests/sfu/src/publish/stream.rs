//! One stream of a fixture publisher: a producer on a plain transport, and the task that feeds it. A simulcast is
//! one producer too, with a task, an SSRC and a random timestamp for each of its layers.
//!
//! Frame `i` is due at `start + i * frame_ticks / clock_rate`, a deadline that no delay moves: the
//! pace never drifts, and streams with one start stay in step. A frame's RTP timestamp belongs to the
//! instant when it is due, and the sender reports say so.

use super::ledger::{self, Ledger, SentFrame};
use super::{Clock, KeyFrames, Publish, Reports};
use crate::fixture::{Codec, Fixture};
use crate::room::{Owner, Room, codecs};
use crate::rtp::rtcp::{self, SenderReport};
use crate::rtp::{Header, Packetizer};
use anyhow::{Context, Result};
use mediasoup::prelude::*;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

const REPORT_EVERY: Duration = Duration::from_secs(1);

/// A stream that is being sent.
pub(super) struct Stream {
    pub(super) producer: Producer,
    /// Lowest first; one unless it is a simulcast.
    layers: Vec<Layer>,
}

/// One encoding of a producer.
struct Layer {
    commands: mpsc::UnboundedSender<Command>,
    record: Arc<Record>,
    task: JoinHandle<()>,
}

/// What the task leaves behind.
struct Record {
    ledger: Mutex<Ledger>,
    packets: AtomicU64,
    keyframe_requests: AtomicU64,
}

enum Command {
    Pause(oneshot::Sender<()>),
    Resume,
}

impl Stream {
    /// Makes the producer of one fixture or, lowest layer first, of several; sending begins with the clock.
    pub(super) async fn start(
        room: &Room,
        publish: &Publish,
        fixtures: &[Fixture],
        clock: Clock,
    ) -> Result<Stream> {
        let first = fixtures.first().context("nothing to send")?;
        let socket = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?);
        let mut options = PlainTransportOptions::new(crate::sfu::listen(None));
        options.comedia = true; // mediasoup learns our port from the first packet, RTP and RTCP on one
        let transport = room.router.create_plain_transport(options).await?;
        socket.connect((Ipv4Addr::LOCALHOST, transport.tuple().local_port())).await?;
        let seeds: Vec<(u64, u64)> = fixtures.iter().map(|_| uuid::Uuid::new_v4().as_u64_pair()).collect();
        let ssrcs: Vec<u32> = seeds.iter().map(|seed| (seed.0 as u32).max(1)).collect();
        let parameters = codecs::parameters(first, &ssrcs, &publish.peer_id, publish.capture_times);
        let kind = if first.codec == Codec::Opus { MediaKind::Audio } else { MediaKind::Video };
        let mut options = ProducerOptions::new(kind, parameters);
        options.app_data = AppData::new(Owner(publish.peer_id.clone()));
        let producer = transport.produce(options).await.context("the router refused a fixture's stream")?;
        let simulcast = fixtures.len() > 1;
        let layers = (0_u8..).zip(fixtures.iter().zip(ssrcs.iter().zip(&seeds)));
        let layers = layers.map(|(layer, (fixture, (ssrc, seed)))| {
            let ledger = Ledger {
                producer_id: producer.id().to_string(),
                kind: fixture.codec.kind(),
                codec: fixture.codec,
                layer: simulcast.then_some(layer),
                ssrc: *ssrc,
                began_at: clock.wall_us,
                first_timestamp: publish.first_timestamp.unwrap_or(seed.1 as u32),
                frames: Vec::new(),
            };
            let sequence = publish.first_sequence.unwrap_or((seed.1 >> 32) as u16);
            Layer::start(publish, fixture.clone(), clock, ledger, sequence, Arc::clone(&socket))
        });
        Ok(Stream { layers: layers.collect(), producer })
    }

    /// One of each layer.
    pub(super) fn ledgers(&self) -> Vec<Ledger> {
        self.layers.iter().map(|layer| layer.record.ledger.lock().unwrap().clone()).collect()
    }

    /// Of all layers.
    pub(super) fn keyframe_requests(&self) -> u64 {
        self.layers.iter().map(|layer| layer.record.keyframe_requests.load(Ordering::Relaxed)).sum()
    }

    /// Stops sending, waits until mediasoup has taken in all that was sent, and pauses the producer.
    pub(super) async fn pause(&self) -> Result<()> {
        self.halt().await;
        self.producer.pause().await.context("pausing a producer")
    }

    /// The producer first, so that nothing sent is lost.
    pub(super) async fn resume(&self) -> Result<()> {
        self.producer.resume().await.context("resuming a producer")?;
        for layer in &self.layers {
            let _ = layer.commands.send(Command::Resume);
        }
        Ok(())
    }

    /// Stops one layer, as a browser does that lacks bandwidth: its packets end, the producer knows nothing.
    pub(super) async fn layer_off(&self, layer: u8) -> Result<()> {
        let layer = self.layers.get(usize::from(layer)).context("no such layer")?;
        layer.halt(&self.producer).await;
        Ok(())
    }

    /// Sends the layer again, from its file's next key frame on.
    pub(super) fn layer_on(&self, layer: u8) -> Result<()> {
        let layer = self.layers.get(usize::from(layer)).context("no such layer")?;
        let _ = layer.commands.send(Command::Resume);
        Ok(())
    }

    /// Stops for good; the producer lives until its handles are dropped.
    pub(super) async fn stop(self) -> Vec<Ledger> {
        self.halt().await;
        self.ledgers()
    }

    async fn halt(&self) {
        for layer in &self.layers {
            layer.halt(&self.producer).await;
        }
    }
}

impl Layer {
    fn start(
        publish: &Publish,
        fixture: Fixture,
        clock: Clock,
        ledger: Ledger,
        sequence: u16,
        socket: Arc<UdpSocket>,
    ) -> Layer {
        let (ssrc, first_timestamp) = (ledger.ssrc, ledger.first_timestamp);
        let record = Arc::new(Record {
            ledger: Mutex::new(ledger),
            packets: AtomicU64::new(0),
            keyframe_requests: AtomicU64::new(0),
        });
        let (commands, received) = mpsc::unbounded_channel();
        let is_video = fixture.codec.kind() == "video";
        let (frame_ticks, rate) = (fixture.frame_ticks, fixture.codec.clock_rate());
        let sender = Sender {
            packetizer: Packetizer::new(&fixture, publish.vp9),
            digests: ledger::digests(&fixture.frames),
            first_index: first_index(publish.start_at_frame, &fixture),
            fixture,
            clock,
            // Every frame of sound is a key frame; only pictures can lack them.
            key_frames: if is_video { publish.key_frames } else { KeyFrames::All },
            delay: if is_video { publish.video_delay } else { Duration::ZERO },
            skew_ppm: publish.skew_ppm,
            reports: publish.reports,
            reported: 0,
            capture_times: publish.capture_times,
            cname: publish.peer_id.clone(),
            turns: publish.turns.clone(),
            header: Header {
                marker: false,
                payload_type: codecs::PAYLOAD_TYPE,
                sequence,
                timestamp: 0,
                ssrc,
            },
            first_timestamp,
            next: frames_in(
                if is_video { publish.video_after } else { publish.audio_after },
                frame_ticks,
                rate,
            ),
            wait_for_key: false,
            keys_sent: 0,
            octets: 0,
            next_report: clock.start,
            socket,
            record: Arc::clone(&record),
        };
        let task = tokio::spawn(sender.run(received));
        Layer { commands, record, task }
    }

    /// Stops sending and waits until mediasoup has taken in all that was sent.
    async fn halt(&self, producer: &Producer) {
        let (done, halted) = oneshot::channel();
        if self.commands.send(Command::Pause(done)).is_ok() {
            let _ = halted.await;
        }
        let sent = self.record.packets.load(Ordering::Relaxed);
        let ssrc = self.record.ledger.lock().unwrap().ssrc;
        let deadline = Instant::now() + Duration::from_secs(1);
        while Instant::now() < deadline {
            let stats = producer.get_stats().await.unwrap_or_default();
            if stats.iter().filter(|s| s.ssrc == ssrc).map(|s| s.packet_count).sum::<u64>() >= sent {
                return;
            }
        }
        tracing::warn!(sent, "mediasoup did not take in all packets of a stream");
    }
}

impl Drop for Layer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// `start_at_frame` counts pictures of 40 ms; sound begins at the same instant of its own file.
fn first_index(start_at_frame: u32, fixture: &Fixture) -> u64 {
    let ticks = u64::from(start_at_frame) * u64::from(fixture.codec.clock_rate()) / 25;
    ticks / u64::from(fixture.frame_ticks)
}

/// Frames in a time, the last one begun.
fn frames_in(time: Duration, frame_ticks: u32, clock_rate: u32) -> u64 {
    let ticks = time.as_micros() * u128::from(clock_rate) / 1_000_000;
    ticks.div_ceil(u128::from(frame_ticks)) as u64
}

/// The task's own state.
struct Sender {
    fixture: Fixture,
    digests: Vec<Vec<[u8; 32]>>,
    packetizer: Packetizer,
    clock: Clock,
    key_frames: KeyFrames,
    delay: Duration,
    skew_ppm: i32,
    reports: Reports,
    /// Reports so far, those left out among them.
    reported: u32,
    capture_times: bool,
    cname: String,
    turns: Vec<(u64, u8)>,
    header: Header,
    first_timestamp: u32,
    first_index: u64,
    /// Frames since the clock's start, sent or left out.
    next: u64,
    wait_for_key: bool,
    keys_sent: u64,
    octets: u32,
    next_report: Instant,
    /// Shared by the layers of a simulcast: any of them hears what mediasoup asks of all.
    socket: Arc<UdpSocket>,
    record: Arc<Record>,
}

impl Sender {
    async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        let mut buffer = [0; 2048];
        let mut paused = false;
        loop {
            let due = self.clock.start + self.since_start(self.next) + self.delay;
            tokio::select! {
                biased;
                command = commands.recv() => match command {
                    Some(Command::Pause(done)) => { paused = true; let _ = done.send(()); }
                    Some(Command::Resume) => { paused = false; self.catch_up(); }
                    None => return,
                },
                received = self.socket.recv(&mut buffer) => if let Ok(length) = received {
                    let requests = rtcp::keyframe_requests(&buffer[..length]);
                    self.record.keyframe_requests.fetch_add(requests, Ordering::Relaxed);
                },
                () = tokio::time::sleep_until(due), if !paused => {
                    self.send_next().await;
                    self.next += 1;
                }
            }
        }
    }

    /// Frames that were due in a pause are left out; video goes on with a key frame.
    fn catch_up(&mut self) {
        while self.clock.start + self.since_start(self.next) + self.delay < Instant::now() {
            self.next += 1;
        }
        self.wait_for_key = self.fixture.codec != Codec::Opus;
    }

    fn since_start(&self, frame: u64) -> Duration {
        let ticks = u128::from(frame) * u128::from(self.fixture.frame_ticks);
        let nanos = ticks * 1_000_000_000 / u128::from(self.fixture.codec.clock_rate());
        // A clock that goes faster is there sooner.
        Duration::from_nanos((nanos * 1_000_000 / self.speed()) as u64)
    }

    /// Millionths of true time.
    fn speed(&self) -> u128 {
        u128::from(1_000_000_u32.saturating_add_signed(self.skew_ppm).max(1))
    }

    async fn send_next(&mut self) {
        let index = ((self.next + self.first_index) % self.fixture.frames.len() as u64) as usize;
        let key = self.fixture.frames[index].key;
        let requests = self.record.keyframe_requests.load(Ordering::Relaxed);
        if (self.wait_for_key && !key) || (key && !self.key_frames.allow(self.keys_sent, requests)) {
            return;
        }
        self.wait_for_key = false;
        self.keys_sent += u64::from(key);
        let ticks = self.next.wrapping_mul(u64::from(self.fixture.frame_ticks)) as u32;
        self.header.timestamp = self.first_timestamp.wrapping_add(ticks);
        let payloads = self.packetizer.push(&self.fixture.frames[index]);
        let packets = payloads.len() as u32;
        for (i, payload) in payloads.into_iter().enumerate() {
            let last = i as u32 + 1 == packets;
            self.send(last, index, &payload).await;
        }
        let due_at = self.clock.wall_us + self.since_start(self.next).as_micros() as u64;
        self.record.ledger.lock().unwrap().frames.push(SentFrame {
            index: index as u32,
            rtp_timestamp: self.header.timestamp,
            sent_at: self.clock.wall_now(),
            due_at,
            key,
            packets,
            units: self.digests[index].clone(),
        });
        if Instant::now() >= self.next_report {
            self.next_report = self.next_report.max(Instant::now() - REPORT_EVERY) + REPORT_EVERY;
            self.reported += 1;
            self.report().await;
        }
    }

    async fn send(&mut self, last: bool, index: usize, payload: &[u8]) {
        let sound = self.fixture.codec == Codec::Opus;
        self.header.marker = last && !sound;
        // RFC 6464: -dBov. The beep is in the first 4 packets of each second.
        let level = if index % 50 < 4 { 9 } else { 53 };
        let level = sound.then_some((codecs::AUDIO_LEVEL_ID, vec![level]));
        let turn = self.turn(index).filter(|_| last && !sound);
        let turn = turn.map(|turn| (codecs::ORIENTATION_ID, vec![turn]));
        let due = self.clock.wall_us + self.since_start(self.next).as_micros() as u64;
        let captured = (codecs::CAPTURE_TIME_ID, rtcp::ntp(due).to_vec());
        let captured = self.capture_times.then_some(captured);
        let extensions: Vec<_> = level.into_iter().chain(turn).chain(captured).collect();
        let extensions: Vec<_> = extensions.iter().map(|(id, value)| (*id, &value[..])).collect();
        let packet = self.header.packet(&extensions, payload);
        if let Err(error) = self.socket.send(&packet).await {
            tracing::warn!(%error, "a packet was not sent");
        }
        self.header.sequence = self.header.sequence.wrapping_add(1);
        self.octets = self.octets.wrapping_add(payload.len() as u32);
        self.record.packets.fetch_add(1, Ordering::Relaxed);
    }

    /// How the camera is held, where a browser would say it: with every key frame, and when it changes.
    fn turn(&self, index: usize) -> Option<u8> {
        let (since, turn) = self.turns.iter().rev().find(|(from, _)| *from <= self.next)?;
        (self.fixture.frames[index].key || *since == self.next).then_some(*turn)
    }

    async fn report(&self) {
        let now = self.clock.start.elapsed();
        let late = match self.reports {
            Reports::Regular => 0,
            Reports::Off => return,
            Reports::After(seconds) if now < Duration::from_secs(seconds.into()) => return,
            Reports::After(_) => 0,
            Reports::Outliers(millis) if self.reported.is_multiple_of(3) => i64::from(millis),
            Reports::Outliers(_) => 0,
        };
        let rate = u128::from(self.fixture.codec.clock_rate());
        let ticks = now.as_micros() * rate * self.speed() / 1_000_000_000_000;
        let ticks = (ticks as i64).wrapping_add(late * rate as i64 / 1000);
        let report = SenderReport {
            ssrc: self.header.ssrc,
            wall_us: self.clock.wall_us + now.as_micros() as u64,
            timestamp: self.first_timestamp.wrapping_add(ticks as u32),
            packets: self.record.packets.load(Ordering::Relaxed) as u32,
            octets: self.octets,
        };
        if let Err(error) = self.socket.send(&report.compound(&self.cname)).await {
            tracing::warn!(%error, "a sender report was not sent");
        }
    }
}

/// Where a participant that is not at a WebSocket is said to be.
pub(super) fn nowhere() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}
