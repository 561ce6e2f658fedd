//! Participants that publish fixtures by themselves: frame-exact, looping, in real time.
//!
//! All fixture participants begin at a whole second of wall time, with the file at its beginning, so
//! flashes and beeps of all of them coincide, and with those of the browser publisher.

mod ledger;
mod stream;

pub use ledger::{Ledger, SentFrame};

use crate::fixture::{Codec, Fixture};
use crate::protoo::Event;
use crate::room::{Room, peer::Peer};
use crate::rtp::Vp9Mode;
use anyhow::{Context, Result, ensure};
use mediasoup::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use stream::Stream;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Which key frames of the file are sent. Pictures go on in any case, as if nothing were missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyFrames {
    /// Every one. Requests for more are counted and ignored.
    #[default]
    All,
    /// The first, then never again.
    OnlyFirst,
    /// None: mediasoup forwards nothing to a consumer of H264, VP8 or VP9.
    Never,
    /// None until more than so many have been asked for, then every one.
    AfterRequests(u64),
}

impl KeyFrames {
    fn allow(self, sent: u64, requests: u64) -> bool {
        match self {
            KeyFrames::All => true,
            KeyFrames::OnlyFirst => sent == 0,
            KeyFrames::Never => false,
            KeyFrames::AfterRequests(ignored) => requests > ignored,
        }
    }
}

/// What a sender's reports are like (RFC 3550 6.4.1). All are true to its clock but the outliers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reports {
    /// One each second.
    #[default]
    Regular,
    /// None.
    Off,
    /// None in the first so many seconds.
    After(u32),
    /// Every third says that its RTP timestamp was so many milliseconds later than it was.
    Outliers(i32),
}

/// A participant to be.
#[derive(Debug, Clone, Default)]
pub struct Publish {
    /// Its id in the room, and the CNAME of its streams.
    pub peer_id: String,
    /// Its name for people.
    pub display_name: String,
    /// What it shows.
    pub video: Option<Fixture>,
    /// What it shows as a simulcast, smallest layer first, instead of `video`.
    pub simulcast: Vec<Fixture>,
    /// What it says.
    pub audio: Option<Fixture>,
    /// The first picture to send; sound begins at the same instant of its file.
    pub start_at_frame: u32,
    /// Which key frames are sent.
    pub key_frames: KeyFrames,
    /// How VP9 is packetized.
    pub vp9: Vp9Mode,
    /// What it says of its clock.
    pub reports: Reports,
    /// How long pictures take on its uplink: they are sent so much later, under the timestamps of their capture.
    pub video_delay: Duration,
    /// Its packets tell when they were captured.
    pub capture_times: bool,
    /// So much of the sound's beginning is left out.
    pub audio_after: Duration,
    /// So much of the picture's beginning is left out.
    pub video_after: Duration,
    /// How much faster than the true time its clock goes, in parts in a million; pictures and sound alike.
    pub skew_ppm: i32,
    /// From these pictures on, counted from the first that was due, the camera is held so: quarters by which a
    /// receiver must turn the picture clockwise (3GPP TS 26.114 7.4.5). Without any, the pictures do not say.
    pub turns: Vec<(u64, u8)>,
    /// RTP timestamp of the first frame of every stream; random if not given.
    pub first_timestamp: Option<u32>,
    /// Sequence number of the first packet of every stream; random if not given.
    pub first_sequence: Option<u16>,
}

/// One instant on both clocks, the beginning of all streams of a participant.
#[derive(Debug, Clone, Copy)]
struct Clock {
    start: Instant,
    wall_us: u64,
}

impl Clock {
    /// The next whole second of wall time that is at least 50 ms away.
    fn next_second() -> Clock {
        let now = Instant::now();
        let wall =
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_micros() as u64;
        let wall_us = (wall + 50_000).next_multiple_of(1_000_000);
        Clock { start: now + Duration::from_micros(wall_us - wall), wall_us }
    }

    /// Wall time now, by the monotonic clock since the beginning: steps of the host's clock do not show.
    fn wall_now(&self) -> u64 {
        self.wall_us + self.start.elapsed().as_micros() as u64
    }
}

/// A participant that publishes. It stays until [`Publisher::leave`].
pub struct Publisher {
    room: Arc<Room>,
    peer: Arc<Peer>,
    publish: Publish,
    clock: Clock,
    streams: Mutex<Streams>,
}

#[derive(Default)]
struct Streams {
    audio: Option<Stream>,
    video: Option<Stream>,
    screen: Option<Stream>,
    ended: Vec<Ledger>,
}

impl Streams {
    fn live(&self) -> impl Iterator<Item = &Stream> {
        self.audio.iter().chain(&self.video).chain(&self.screen)
    }
}

impl Room {
    /// Brings in a participant that publishes fixtures. Returns when its producers exist; the first
    /// frame is due within about a second.
    pub async fn publish(self: &Arc<Room>, publish: Publish) -> Result<Publisher> {
        ensure!(!publish.peer_id.is_empty(), "a participant needs a peer_id");
        let sound = |fixture: &Fixture| fixture.codec == Codec::Opus;
        ensure!(publish.audio.as_ref().is_none_or(sound), "audio must be Opus");
        ensure!(!publish.video.iter().chain(&publish.simulcast).any(sound), "video must not be Opus");
        ensure!(publish.video.is_none() || publish.simulcast.is_empty(), "video or simulcast, not both");
        let peer = Arc::new(Peer::new(&publish.peer_id, stream::nowhere(), None));
        self.enter(Arc::clone(&peer));
        self.join(&peer, |state| {
            state.display_name = publish.display_name.clone();
            state.device =
                json!({"flag": "fixture", "name": "Fixture", "version": env!("CARGO_PKG_VERSION")});
        });
        self.tell_others(&peer.id, &Event::NewPeer(peer.info()));
        let audio = publish.audio.clone();
        let video: Vec<Fixture> = publish.video.iter().chain(&publish.simulcast).cloned().collect();
        let streams = Mutex::new(Streams::default());
        let clock = Clock::next_second();
        let publisher = Publisher { room: Arc::clone(self), peer, publish, clock, streams };
        let mut streams = publisher.streams.lock().await;
        if let Some(fixture) = audio {
            streams.audio = Some(publisher.open("audio", &[fixture], clock).await?);
        }
        if !video.is_empty() {
            streams.video = Some(publisher.open("video", &video, clock).await?);
        }
        drop(streams);
        Ok(publisher)
    }
}

impl Publisher {
    /// The participant's id.
    pub fn peer_id(&self) -> &str {
        &self.peer.id
    }

    /// Mutes: sending stops and the producers pause, which consumers are told.
    pub async fn pause(&self) -> Result<()> {
        for stream in self.streams.lock().await.live() {
            stream.pause().await?;
        }
        Ok(())
    }

    /// Ends a pause. RTP time has gone on; video begins with the file's next key frame.
    pub async fn resume(&self) -> Result<()> {
        for stream in self.streams.lock().await.live() {
            stream.resume().await?;
        }
        Ok(())
    }

    /// Mutes sound alone.
    pub async fn pause_audio(&self) -> Result<()> {
        self.streams.lock().await.audio.as_ref().context("no sound is sent")?.pause().await
    }

    /// Pauses the picture alone.
    pub async fn pause_video(&self) -> Result<()> {
        self.streams.lock().await.video.as_ref().context("no video is sent")?.pause().await
    }

    /// Camera off: the video producer closes.
    pub async fn close_video(&self) -> Result<()> {
        let mut streams = self.streams.lock().await;
        let stream = streams.video.take().context("no video is sent")?;
        let id = stream.producer.id();
        let ledgers = stream.stop().await;
        streams.ended.extend(ledgers);
        self.room.unpublish(&self.peer, id)
    }

    /// Camera on again: a new producer with a new SSRC and a new clock, at a whole second.
    pub async fn open_video(&self, fixture: Fixture) -> Result<()> {
        let mut streams = self.streams.lock().await;
        ensure!(streams.video.is_none(), "video is sent already");
        streams.video = Some(self.open("video", &[fixture], Clock::next_second()).await?);
        Ok(())
    }

    /// Shares a screen beside what is sent already, from a whole second on.
    pub async fn share_screen(&self, fixture: Fixture) -> Result<()> {
        let mut streams = self.streams.lock().await;
        ensure!(streams.screen.is_none(), "a screen is shared already");
        streams.screen = Some(self.open("screen", &[fixture], Clock::next_second()).await?);
        Ok(())
    }

    /// Leaves the room. Gives the ledgers of all its streams.
    pub async fn leave(&self) -> Vec<Ledger> {
        let mut streams = self.streams.lock().await;
        let all = [streams.audio.take(), streams.video.take(), streams.screen.take()];
        for stream in all.into_iter().flatten() {
            let ledgers = stream.stop().await;
            streams.ended.extend(ledgers);
        }
        self.room.leave(&self.peer);
        std::mem::take(&mut streams.ended)
    }

    /// The ledgers of all streams so far, ended ones first.
    pub async fn ledgers(&self) -> Vec<Ledger> {
        let streams = self.streams.lock().await;
        let mut ledgers = streams.ended.clone();
        ledgers.extend(streams.live().flat_map(Stream::ledgers));
        ledgers
    }

    /// All frames of a kind that were sent so far, over all producers of that kind.
    pub async fn ledger(&self, kind: MediaKind) -> Vec<SentFrame> {
        let kind = if kind == MediaKind::Audio { "audio" } else { "video" };
        self.ledgers().await.into_iter().filter(|l| l.kind == kind).flat_map(|l| l.frames).collect()
    }

    /// All frames of a simulcast's layer that were sent so far.
    pub async fn layer(&self, layer: u8) -> Vec<SentFrame> {
        let ledgers = self.ledgers().await.into_iter();
        ledgers.filter(|ledger| ledger.layer == Some(layer)).flat_map(|ledger| ledger.frames).collect()
    }

    /// Stops sending a layer of a simulcast, 0 the smallest.
    pub async fn layer_off(&self, layer: u8) -> Result<()> {
        self.streams.lock().await.video.as_ref().context("no video is sent")?.layer_off(layer).await
    }

    /// Sends the layer again, from the file's next key frame on.
    pub async fn layer_on(&self, layer: u8) -> Result<()> {
        self.streams.lock().await.video.as_ref().context("no video is sent")?.layer_on(layer)
    }

    /// How often mediasoup has asked for a key frame of the video that is being sent.
    pub async fn keyframe_requests(&self) -> u64 {
        self.streams.lock().await.video.as_ref().map_or(0, Stream::keyframe_requests)
    }

    /// Wall time of the first frame, microseconds since 1970.
    pub fn began_at(&self) -> u64 {
        self.clock.wall_us
    }

    async fn open(&self, source: &str, fixtures: &[Fixture], clock: Clock) -> Result<Stream> {
        let stream = Stream::start(&self.room, &self.publish, fixtures, clock).await?;
        self.room.published(&self.peer, stream.producer.clone(), json!({"source": source})).await;
        Ok(stream)
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.room.leave(&self.peer);
    }
}
