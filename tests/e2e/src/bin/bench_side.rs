//! `make bench-side`: what recording costs, by Tureen and by FFmpeg on plain transports, of the same participants
//! of the same real room.
//!
//! `bench_side PARTICIPANTS SECONDS RUNS`. `TUREEN` is the program to measure (a release build), `BENCH_CACHE` the
//! folder where the made media is kept.

#[path = "../bench_side/cost.rs"]
mod cost;
#[path = "../bench_side/ffmpeg.rs"]
mod ffmpeg;
#[path = "../bench_side/server.rs"]
mod server;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use server::Server;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tureen_e2e::wait;
use tureen_sfu::{Fixture, MediaKind, Options, Publish, Publisher, Room, Sfu};

/// Between the moment when everybody is being recorded and the window in which CPU time is counted.
const SETTLE: Duration = Duration::from_secs(2);
/// Everybody must be recorded this long after the start.
const READY: Duration = Duration::from_secs(20);

/// What is asked for.
struct Plan {
    participants: usize,
    window: Duration,
    runs: usize,
    tureen: PathBuf,
    video: Fixture,
    audio: Fixture,
}

/// What one run gave.
pub struct Run {
    /// CPU seconds of the recording processes in the window.
    cpu: f64,
    /// Seconds of the window.
    window: f64,
    video: Count,
    audio: Count,
}

/// Samples that were recorded, and frames that were sent meanwhile.
#[derive(Default)]
pub struct Count {
    recorded: u64,
    sent: u64,
}

#[tokio::main]
async fn main() -> Result<()> {
    let plan = Plan::read()?;
    let Plan { participants, window, runs, .. } = &plan;
    println!(
        "{participants} participants, 720p30 H264 1.5 Mb/s and Opus, {} s, {runs} runs each",
        window.as_secs()
    );
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    println!("run  by      CPU s  CPU s/participant-min  video recorded/sent  audio recorded/sent  load");
    for run in 0..plan.runs {
        // Whoever is first finds another machine than whoever is second.
        for turn in 0..2 {
            let tureen = (run + turn) % 2 == 0;
            let done = if tureen { by_tureen(&plan).await } else { by_ffmpeg(&plan).await };
            let done = done.with_context(|| if tureen { "tureen" } else { "ffmpeg" })?;
            println!("{:<4} {}", run + 1, done.line(if tureen { "tureen" } else { "ffmpeg" }, &plan));
            if tureen { &mut ours } else { &mut theirs }.push(done.per_participant_minute(&plan));
        }
    }
    let (ours, theirs) = (cost::median(ours), cost::median(theirs));
    println!("\nmedian CPU seconds per participant-minute: tureen {ours:.3}, ffmpeg {theirs:.3}");
    println!("ffmpeg / tureen = {:.2}", theirs / ours);
    Ok(())
}

impl Plan {
    fn read() -> Result<Self> {
        let numbers: Vec<usize> =
            std::env::args().skip(1).map(|argument| argument.parse()).collect::<Result<_, _>>()?;
        let [participants, seconds, runs] = numbers.try_into().ok().context("PARTICIPANTS SECONDS RUNS")?;
        let variable =
            |name| std::env::var_os(name).map(PathBuf::from).with_context(|| format!("{name} is not set"));
        Ok(Self {
            participants,
            window: Duration::from_secs(seconds as u64),
            runs,
            tureen: variable("TUREEN")?,
            video: ffmpeg::media(&variable("BENCH_CACHE")?)?,
            audio: Fixture::named("opus.ogg")?,
        })
    }

    async fn publish(&self, room: &Arc<Room>) -> Result<Vec<Publisher>> {
        let mut publishers = Vec::new();
        for number in 0..self.participants {
            let publish = Publish {
                peer_id: format!("p{number}"),
                display_name: format!("P{number}"),
                video: Some(self.video.clone()),
                audio: Some(self.audio.clone()),
                ..Publish::default()
            };
            publishers.push(room.publish(publish).await?);
        }
        Ok(publishers)
    }
}

impl Run {
    fn per_participant_minute(&self, plan: &Plan) -> f64 {
        self.cpu / (plan.participants as f64 * self.window / 60.0)
    }

    fn line(&self, name: &str, plan: &Plan) -> String {
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let counted = |count: &Count| format!("{}/{}", count.recorded, count.sent);
        format!(
            "{name:<6} {:>6.2} {:>22.3} {:>20} {:>20}  {}",
            self.cpu,
            self.per_participant_minute(plan),
            counted(&self.video),
            counted(&self.audio),
            load.split(' ').next().unwrap_or_default(),
        )
    }
}

/// The recorder joins first, so that all that is sent is its to record.
async fn by_tureen(plan: &Plan) -> Result<Run> {
    let folder = tempfile::tempdir()?;
    let sfu = Sfu::start(Options::default()).await?;
    let room = sfu.room("bench").await?;
    let server = Server::start(&plan.tureen, folder.path(), 0).await?;
    let pids = [server.pid().context("tureen ended")?];
    let id = server.start_recording("bench", "bench", &sfu.url("bench")).await?;
    let publishers = plan.publish(&room).await?;
    let manifest = format!("/{id}/manifest.json");
    wait::until("every track is stored", READY, || async {
        let stored = samples(&server.get(&manifest).await.ok()?);
        let all = stored.len() == 2 * plan.participants && stored.iter().all(|(_, samples)| *samples > 0);
        all.then_some(())
    })
    .await;
    let (cpu, window) = cost::during(&pids, SETTLE, plan.window).await?;
    let mut run = Run { cpu, window, video: Count::default(), audio: Count::default() };
    for publisher in &publishers {
        for ledger in publisher.leave().await {
            let count = if ledger.kind == "video" { &mut run.video } else { &mut run.audio };
            count.sent += ledger.frames.len() as u64;
        }
    }
    server.post(&format!("/{id}/stop"), None).await?;
    for (kind, samples) in samples(&server.get(&manifest).await?) {
        let count = if kind == "video" { &mut run.video } else { &mut run.audio };
        count.recorded += samples;
    }
    server.end().await?;
    sfu.stop().await;
    Ok(run)
}

/// Kind and number of samples of every track.
fn samples(manifest: &Value) -> Vec<(String, u64)> {
    let participants = manifest["participants"].as_array().into_iter().flatten();
    participants
        .flat_map(|participant| participant["tracks"].as_array().into_iter().flatten())
        .map(|track| {
            (track["kind"].as_str().unwrap_or("?").to_owned(), track["samples"].as_u64().unwrap_or(0))
        })
        .collect()
}

/// One FFmpeg for each participant. A plain transport needs a producer, so these join first, and what they sent
/// before is not counted: of video before the first key frame after the consumer was resumed.
async fn by_ffmpeg(plan: &Plan) -> Result<Run> {
    let folder = tempfile::tempdir()?;
    let sfu = Sfu::start(Options::default()).await?;
    let room = sfu.room("bench").await?;
    let publishers = plan.publish(&room).await?;
    let mut recorders = Vec::new();
    for publisher in &publishers {
        recorders.push(ffmpeg::Recorder::start(&room, publisher.peer_id(), folder.path()).await?);
    }
    wait::until("everybody has a segment", READY, || async {
        recorders.iter().all(ffmpeg::Recorder::has_a_segment).then_some(())
    })
    .await;
    let pids: Vec<u32> = recorders.iter().filter_map(ffmpeg::Recorder::pid).collect();
    ensure!(pids.len() == recorders.len(), "an ffmpeg ended");
    let (cpu, window) = cost::during(&pids, SETTLE, plan.window).await?;
    let mut run = Run { cpu, window, video: Count::default(), audio: Count::default() };
    let mut since = Vec::new();
    for (publisher, recorder) in publishers.iter().zip(&recorders) {
        let video = publisher.ledger(MediaKind::Video).await;
        let first = video.iter().position(|frame| frame.key && frame.sent_at >= recorder.resumed_at);
        since.push((first.context("no key frame was sent")?, recorder.resumed_at));
    }
    for (publisher, (first, resumed_at)) in publishers.iter().zip(since) {
        for ledger in publisher.leave().await {
            if ledger.kind == "video" {
                run.video.sent += ledger.frames[first..].len() as u64;
            } else {
                run.audio.sent += ledger.frames.iter().filter(|f| f.sent_at >= resumed_at).count() as u64;
            }
        }
    }
    for recorder in recorders {
        let (video, audio) = recorder.end().await?;
        run.video.recorded += video;
        run.audio.recorded += audio;
    }
    sfu.stop().await;
    Ok(run)
}
