//! `make soak`: a room recorded for long over a lightly lossy network, and then looked at for what only time shows:
//! memory that grows, gaps that come back, consent that lapses.
//!
//! `MINUTES` (40), `SOAK_DIR` (else a temporary folder). Ends with status 1 if anything was amiss.

#[path = "../bench_side/server.rs"]
mod server;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use server::Server;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::Instant;
use tureen::media::Codec;
use tureen_e2e::compare::{Hole, holes, places};
use tureen_e2e::recorder::program;
use tureen_e2e::stored::Stored;
use tureen_sfu::relay::{Network, Path as Way, Relay};
use tureen_sfu::{Fixture, KeyFrames, Ledger, Options, Publish, Publisher, Sfu};

const ROOM: &str = "soak";
const SAMPLE: Duration = Duration::from_secs(10);
/// Holes in one stream that could be this machine's fault. More are a pattern.
const STRAY_HOLES: usize = 2;
/// Growth of memory once it has settled, in KiB a minute, of a run of 20 minutes and more. Shorter ones show little
/// but the allocator's habits.
const GROWTH: f64 = 50.0;
const GROWTH_IN_SHORT_RUNS: f64 = 1024.0;
/// Lengths of segments of a publisher with a key frame every two seconds.
const REGULAR: std::ops::RangeInclusive<f64> = 1.9..=2.7;

/// Who publishes: name, picture, its codec, sound.
const CAST: [(&str, &str, Codec, &str); 3] = [
    ("ada", "h264-baseline.h264", Codec::H264, "opus.ogg"),
    ("grace", "vp9.ivf", Codec::Vp9, "opus-b.ogg"),
    ("cleo", "vp8.ivf", Codec::Vp8, "opus.ogg"),
];

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(faults) if faults.is_empty() => {
            println!("\nThe soak held.");
            ExitCode::SUCCESS
        }
        Ok(faults) => {
            faults.iter().for_each(|fault| println!("\nFAULT: {fault}"));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("\nThe soak ended: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<Vec<String>> {
    let minutes: u64 = std::env::var("MINUTES").map_or(Ok(40), |text| text.parse()).context("MINUTES")?;
    let temporary = tempfile::Builder::new().prefix("tureen-soak-").tempdir()?;
    let folder = std::env::var_os("SOAK_DIR").map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    std::fs::create_dir_all(&folder)?;
    let relay = Relay::new(72);
    let sfu = Sfu::start(Options { relay: Some(relay.clone()), ..Options::default() }).await?;
    let server = Server::start(&program(), &folder, 0).await?;
    let id = server.start_recording(ROOM, "Soak", &sfu.url(ROOM)).await?;
    let cast = enter(&sfu).await?;
    let way = Way {
        loss: 0.01,
        reorder: 0.01,
        reorder_by: Duration::from_millis(25),
        duplicate: 0.005,
        delay: Duration::from_millis(20),
        jitter: Duration::from_millis(5),
        ..Way::default()
    };
    relay.set(Network::both(way));
    println!("{minutes} minutes of {} participants and a dead one, {way:?} each way", cast.len());
    let memory = watch(&server, &id, Duration::from_secs(60 * minutes)).await?;

    relay.set(Network::default());
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut ledgers = Vec::new();
    for publisher in &cast {
        ledgers.push(publisher.leave().await);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    server.post(&format!("/{id}/stop"), None).await?;
    let lost: usize = relay.passages().values().map(|passage| passage.dropped.len()).sum();
    println!("the network dropped {lost} packets");
    let mut faults = memory.faults(minutes);
    faults.extend(look(&server, &folder, &id, &ledgers).await?);
    let log = std::fs::read_to_string(folder.join("tureen.log")).unwrap_or_default();
    for line in log.lines().filter(|line| ["WARN", "ERROR"].iter().any(|level| line.contains(level))).take(20)
    {
        println!("log: {line}");
    }
    server.end().await?;
    sfu.stop().await;
    let check = Command::new(program()).args(["check", "--dir"]).arg(&folder).output().await?;
    println!("tureen check: {}", String::from_utf8_lossy(&check.stdout).trim());
    if !check.status.success() {
        faults.push("tureen check does not hold".to_owned());
    }
    Ok(faults)
}

async fn enter(sfu: &Sfu) -> Result<Vec<std::sync::Arc<Publisher>>> {
    let mut cast = Vec::new();
    for (name, video, _, audio) in CAST {
        let publish = Publish {
            peer_id: name.to_owned(),
            display_name: name.to_owned(),
            video: Some(Fixture::named(video)?),
            audio: Some(Fixture::named(audio)?),
            ..Publish::default()
        };
        cast.push(sfu.publish(ROOM, publish).await?);
    }
    // Its pictures never become a stream: there is no key frame to begin with.
    let dead = Publish {
        peer_id: "dead".to_owned(),
        display_name: "dead".to_owned(),
        video: Some(Fixture::named("vp8.ivf")?),
        key_frames: KeyFrames::Never,
        ..Publish::default()
    };
    sfu.publish(ROOM, dead).await?;
    Ok(cast)
}

/// Memory over time: seconds, KiB, open files.
struct Memory(Vec<(f64, f64, usize)>);

/// Samples the recorder's memory and sees to it that it records.
async fn watch(server: &Server, id: &str, length: Duration) -> Result<Memory> {
    let pid = server.pid().context("the server runs")?;
    let began = Instant::now();
    let mut samples = Vec::new();
    while began.elapsed() < length {
        tokio::time::sleep(SAMPLE.min(length.saturating_sub(began.elapsed()))).await;
        let (resident, files) = (resident(pid)?, std::fs::read_dir(format!("/proc/{pid}/fd"))?.count());
        let at = began.elapsed().as_secs_f64();
        samples.push((at, resident, files));
        if samples.len() % 6 == 0 {
            let manifest = server.get(&format!("/{id}/manifest.json")).await?;
            let state = &manifest["recording"]["status"];
            println!("{:>5.1} min  {resident:>8.0} KiB  {files} files  {state}", at / 60.0);
            ensure!(state == "recording", "after {at:.0} s the recording is {state}");
        }
    }
    Ok(Memory(samples))
}

/// Resident memory in KiB (`proc_pid_status(5)`).
fn resident(pid: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("the recorder ended")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}

impl Memory {
    /// KiB a minute after the first third, by least squares.
    fn growth(&self) -> f64 {
        let settled = &self.0[self.0.len() / 3..];
        let count = settled.len() as f64;
        let (mean_at, mean) = (
            settled.iter().map(|sample| sample.0).sum::<f64>() / count,
            settled.iter().map(|sample| sample.1).sum::<f64>() / count,
        );
        let along: f64 = settled.iter().map(|sample| (sample.0 - mean_at) * (sample.1 - mean)).sum();
        let spread: f64 = settled.iter().map(|sample| (sample.0 - mean_at).powi(2)).sum();
        if spread > 0.0 { 60.0 * along / spread } else { 0.0 }
    }

    fn faults(&self, minutes: u64) -> Vec<String> {
        let (Some(first), Some(last)) = (self.0.get(self.0.len() / 3), self.0.last()) else {
            return vec!["nothing was measured".to_owned()];
        };
        let growth = self.growth();
        println!(
            "memory: {:.0} KiB after {:.0} min, {:.0} KiB at the end, {growth:+.1} KiB a minute; {} and {} files open",
            first.1,
            first.0 / 60.0,
            last.1,
            first.2,
            last.2
        );
        let limit = if minutes >= 20 { GROWTH } else { GROWTH_IN_SHORT_RUNS };
        let mut faults = Vec::new();
        if growth > limit {
            faults.push(format!("memory grows by {growth:.1} KiB a minute"));
        }
        if last.2 > first.2 + 4 {
            faults.push(format!("open files grow from {} to {}", first.2, last.2));
        }
        faults
    }
}

/// What was stored beside what was sent, and what is listed.
async fn look(server: &Server, folder: &Path, id: &str, ledgers: &[Vec<Ledger>]) -> Result<Vec<String>> {
    let manifest = server.get(&format!("/{id}/manifest.json")).await?;
    let mut faults = Vec::new();
    if manifest["recording"]["status"] != "completed" {
        faults.push(format!("the recording is {}", manifest["recording"]["status"]));
    }
    let participants = manifest["participants"].as_array().context("participants")?;
    for ((name, _, video, _), ledgers) in CAST.iter().zip(ledgers) {
        let found = participants.iter().find(|found| found["peer_id"] == *name).context("a participant")?;
        for ledger in ledgers {
            let codec = if ledger.kind == "audio" { Codec::Opus } else { *video };
            let tracks: Vec<&Value> = found["tracks"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|track| track["kind"] == ledger.kind)
                .collect();
            let [track] = tracks[..] else {
                faults.push(format!("{name} has {} tracks of {}", tracks.len(), ledger.kind));
                continue;
            };
            let stored = Stored::read(folder, id, track["id"].as_str().context("an id")?);
            let what = format!("{} of {name}", ledger.kind);
            faults.extend(gaps(&what, ledger, &stored, codec));
            if ledger.kind == "video" {
                faults.extend(irregular(&what, server, track).await?);
            }
        }
    }
    Ok(faults)
}

fn gaps(what: &str, ledger: &Ledger, stored: &Stored, codec: Codec) -> Option<String> {
    let places = places(what, ledger, stored, codec);
    let found = holes(ledger, &places);
    let missing: usize = found.iter().map(|hole| hole.before - hole.after - 1).sum();
    let late = places.first().copied().unwrap_or_default();
    println!(
        "{what}: {} of {} frames stored, {missing} missing in {} holes, begins with frame {late}",
        places.len(),
        ledger.frames.len(),
        found.len()
    );
    for Hole { from, to, .. } in found.iter().take(10) {
        println!(
            "    {:.2} s, {:.2} s long",
            (from - ledger.began_at) as f64 / 1e6,
            (to - from) as f64 / 1e6
        );
    }
    (found.len() > STRAY_HOLES).then(|| format!("{what}: {} holes", found.len()))
}

/// Segments of other lengths than the key frames give.
async fn irregular(what: &str, server: &Server, track: &Value) -> Result<Option<String>> {
    let playlist = track["playlist"].as_str().context("a playlist")?;
    let url = format!("{}{playlist}", server.url);
    let answer = reqwest::Client::new().get(url).bearer_auth(&server.token).send().await?;
    let text = answer.error_for_status()?.text().await?;
    let mut lengths: Vec<f64> = text
        .lines()
        .filter_map(|line| line.strip_prefix("#EXTINF:")?.split(',').next()?.parse().ok())
        .collect();
    lengths.pop();
    let odd: Vec<f64> = lengths.iter().copied().filter(|length| !REGULAR.contains(length)).collect();
    println!("{what}: {} segments, {} of other lengths: {odd:.2?}", lengths.len(), odd.len());
    // The beginning may be filled, and each stray hole makes two.
    let most = 1 + 2 * STRAY_HOLES;
    Ok((odd.len() > most || lengths.is_empty()).then(|| format!("{what}: {} irregular segments", odd.len())))
}
