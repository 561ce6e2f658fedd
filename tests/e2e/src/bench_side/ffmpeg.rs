//! The other recorder: one FFmpeg for each participant, fed by plain transports, as mediasoup's users record today.
//! It also makes the media that is sent.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::process::{Child, Command};
use tokio::time::Instant;
use tureen_e2e::readers;
use tureen_sfu::{Fixture, PlainFeed, Ports, Room};

/// FFmpeg waits up to ten seconds for packets before it looks at a signal.
const LAST: Duration = Duration::from_secs(25);

/// 20 s of 720p at 30 frames a second and 1.5 Mb/s: constrained baseline, a key frame with its parameter sets every
/// two seconds, one slice a picture. Made once.
pub fn media(cache: &Path) -> Result<Fixture> {
    let path = cache.join("720p30.h264");
    if !path.exists() {
        std::fs::create_dir_all(cache)?;
        let part = cache.join("720p30.part");
        let made = std::process::Command::new("ffmpeg")
            .args(["-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30:duration=20"])
            .args(["-vf", "noise=alls=6:allf=t", "-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "veryfast"])
            .args(["-tune", "zerolatency", "-profile:v", "baseline", "-b:v", "1500k", "-maxrate", "1500k"])
            .args(["-bufsize", "1500k", "-x264-params"])
            .arg("keyint=60:min-keyint=60:scenecut=0:bframes=0:sliced-threads=0:slices=1:repeat-headers=1:aud=0")
            .args(["-bsf:v", "h264_mp4toannexb", "-f", "h264"])
            .arg(&part)
            .status()
            .context("ffmpeg")?;
        ensure!(made.success(), "ffmpeg did not make the media");
        std::fs::rename(&part, &path)?;
    }
    let mut fixture = Fixture::load(&path)?;
    ensure!(fixture.frames.len() == 600, "{} has {} frames", path.display(), fixture.frames.len());
    fixture.frame_ticks = 90_000 / 30;
    Ok(fixture)
}

/// An FFmpeg that writes HLS.
pub struct Recorder {
    child: Child,
    _feed: PlainFeed,
    playlist: PathBuf,
    log: PathBuf,
    /// When the consumers began to send, in microseconds since 1970.
    pub resumed_at: u64,
}

impl Recorder {
    pub async fn start(room: &Arc<Room>, peer: &str, folder: &Path) -> Result<Self> {
        let folder = folder.join(peer);
        std::fs::create_dir_all(&folder)?;
        let (audio, video) = (ports()?, ports()?);
        let feed = room.plain_feed(peer, Some(audio), Some(video)).await?;
        let sdp = folder.join("in.sdp");
        std::fs::write(&sdp, feed.sdp())?;
        let (playlist, log) = (folder.join("index.m3u8"), folder.join("log"));
        let child = Command::new("ffmpeg")
            .args(["-v", "warning", "-nostdin", "-protocol_whitelist", "file,udp,rtp", "-i"])
            .arg(&sdp)
            .args(["-map", "0", "-c", "copy", "-f", "hls", "-hls_time", "2", "-hls_list_size", "0"])
            .args(["-hls_segment_type", "fmp4", "-hls_playlist_type", "event"])
            .arg(&playlist)
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log)?)
            .kill_on_drop(true)
            .spawn()
            .context("ffmpeg")?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while !(listens(audio.port)? && listens(video.port)?) {
            ensure!(Instant::now() < deadline, "ffmpeg does not listen: {}", said(&log));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        feed.resume().await?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        let resumed_at = u64::try_from(now.as_micros())?;
        Ok(Self { child, _feed: feed, playlist, log, resumed_at })
    }

    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Whether the first segment is in the playlist.
    pub fn has_a_segment(&self) -> bool {
        std::fs::read_to_string(&self.playlist).is_ok_and(|playlist| playlist.contains("#EXTINF"))
    }

    /// Asks it to end; how many packets of video and of audio ffprobe finds in what it wrote.
    pub async fn end(mut self) -> Result<(u64, u64)> {
        let pid = self.pid().with_context(|| format!("ffmpeg ended: {}", said(&self.log)))?;
        Command::new("kill").args(["-INT", &pid.to_string()]).status().await?;
        let ended = tokio::time::timeout(LAST, self.child.wait()).await;
        ended.with_context(|| format!("ffmpeg does not end within {LAST:?}"))??;
        let playlist = self.playlist.display().to_string();
        let found = tokio::task::spawn_blocking(move || readers::ffprobe(&playlist, &[])).await?;
        let packets = |kind: &str| {
            let streams = found["streams"].as_array().into_iter().flatten();
            let of_kind = streams.filter(|stream| stream["codec_type"] == kind);
            let number =
                |stream: &Value| stream["nb_read_packets"].as_str().and_then(|n| n.parse::<u64>().ok());
            of_kind.filter_map(number).sum()
        };
        Ok((packets("video"), packets("audio")))
    }
}

fn said(log: &Path) -> String {
    std::fs::read_to_string(log).unwrap_or_default()
}

/// Two free ports, an even one and the next (RFC 3550 11).
fn ports() -> Result<Ports> {
    for _ in 0..200 {
        let first = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = first.local_addr()?.port();
        if port % 2 == 0 && port < u16::MAX && UdpSocket::bind((Ipv4Addr::LOCALHOST, port + 1)).is_ok() {
            return Ok(Ports { port, rtcp_port: port + 1 });
        }
    }
    anyhow::bail!("no pair of free ports")
}

/// Whether any process has bound a UDP port: the second column of the kernel's table ends with it.
fn listens(port: u16) -> Result<bool> {
    let wanted = format!(":{port:04X}");
    let bound = |table: &str| {
        table.lines().filter_map(|line| line.split_whitespace().nth(1)).any(|local| local.ends_with(&wanted))
    };
    let (four, six) = (std::fs::read_to_string("/proc/net/udp")?, std::fs::read_to_string("/proc/net/udp6"));
    Ok(bound(&four) || six.is_ok_and(|table| bound(&table)))
}
