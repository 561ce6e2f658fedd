//! `make bench-serve`: CPU time of serving segments, beside nginx with `sendfile` on the same bytes of the same files.
//!
//! A room is recorded whose picture takes 1.6 Mbit/s, so that segments have about 400 KB. The servers then give each
//! segment in turn over 32 connections that stay open, token checked; rounds alternate. nginx takes a segment as a range
//! of the track's file. Tureen is there twice: as it is, so that segments which many ask for come from its memory, and
//! without that memory, as it serves what one person watches. `TUREEN` is the program, `BENCH_CACHE` keeps the encoded picture; arguments: rounds (5), GB a
//! round (4).

#[path = "../bench_side/cost.rs"]
#[allow(dead_code)]
mod cost;
#[path = "../bench_serve/load.rs"]
mod load;
#[path = "../bench_serve/nginx.rs"]
mod nginx;
#[path = "../bench_side/server.rs"]
#[allow(dead_code)]
mod server;

use anyhow::{Context, Result, ensure};
use load::Request;
use nginx::Nginx;
use server::Server;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Command;
use tokio::time::Instant;
use tureen::media::fmp4::read;
use tureen_e2e::recorder::program;
use tureen_e2e::wait;
use tureen_sfu::{Fixture, Options, Publish, Sfu};

const ROOM: &str = "bench";
const CONNECTIONS: usize = 32;
/// How long is recorded.
const LENGTH: Duration = Duration::from_secs(40);
/// What a segment of 2 s has at this bit rate is 400 KB.
const RATE: &str = "1600k";

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1).filter_map(|text| text.parse::<f64>().ok());
    let rounds = arguments.next().unwrap_or(5.0) as usize;
    let gigabytes = arguments.next().unwrap_or(4.0);
    let folder = tempfile::tempdir()?;
    let cache = std::env::var_os("BENCH_CACHE").map_or_else(|| folder.path().to_owned(), PathBuf::from);
    let picture = picture(&cache).await?;
    let tureen = std::env::var_os("TUREEN").map_or_else(program, PathBuf::from);
    let media = folder.path().join("media");
    std::fs::create_dir_all(&media)?;
    let server = Server::start(&tureen, &media, 0).await?;
    println!("recording {} s at {RATE}bit/s", LENGTH.as_secs());
    let (id, track) = record(&server, &picture).await?;
    let served = segments(&server, &media, &id, &track).await?;
    let mean = served.iter().map(|(own, _)| own.length).sum::<u64>() / served.len() as u64;
    println!("{} segments of {mean} bytes on average, {CONNECTIONS} connections", served.len());

    let files = Server::start_in(&tureen, &media, 0, &[("SEGMENT_CACHE_MIB", "0")]).await?;
    let own = tempfile::tempdir()?;
    let nginx = Nginx::start(&media.join("recordings"), own.path(), &server.token).await?;
    let address = |server: &Server| server.url.trim_start_matches("http://").parse::<SocketAddr>();
    let (ours, theirs): (Vec<Request>, Vec<Request>) = served.into_iter().unzip();
    let count = (gigabytes * 1e9 / mean as f64) as usize;
    let mut costs = [Vec::new(), Vec::new(), Vec::new()];
    for round in 1..=rounds {
        let a = measure(address(&server)?, &ours, count, &[server.pid().context("tureen runs")?]).await?;
        let b = measure(address(&files)?, &ours, count, &[files.pid().context("tureen runs")?]).await?;
        let c = measure(nginx.address, &theirs, count, &nginx.pids()?).await?;
        println!("round {round}: {}", told(a, b, c));
        for (costs, cost) in costs.iter_mut().zip([a, b, c]) {
            costs.push(cost);
        }
    }
    nginx.end().await?;
    let [a, b, c] = costs.map(cost::median);
    println!("\nmedians: {} (asked: at most 1.5)", told(a, b, c));
    files.end().await?;
    server.end().await
}

fn told(memory: f64, files: f64, nginx: f64) -> String {
    format!(
        "tureen {memory:.3}, from files {files:.3}, nginx {nginx:.3} CPU seconds a GB: {:.2} and {:.2} times",
        memory / nginx,
        files / nginx
    )
}

/// CPU seconds of these processes for each GB.
async fn measure(server: SocketAddr, requests: &[Request], count: usize, pids: &[u32]) -> Result<f64> {
    // What comes first opens files and fills caches.
    load::run(server, requests, CONNECTIONS, requests.len() * 2).await?;
    let (before, begun) = (cost::total(pids)?, Instant::now());
    let bytes = load::run(server, requests, CONNECTIONS, count).await?;
    let (seconds, wall) = (cost::total(pids)? - before, begun.elapsed().as_secs_f64());
    ensure!(bytes > 0 && wall > 0.0, "nothing was sent");
    Ok(seconds / (bytes as f64 / 1e9))
}

/// A picture with so much in it that the encoder needs its whole rate.
async fn picture(cache: &Path) -> Result<PathBuf> {
    std::fs::create_dir_all(cache)?;
    let path = cache.join("bench-serve-1600k.h264");
    if path.exists() {
        return Ok(path);
    }
    let made = cache.join("bench-serve-making.h264");
    let source = "testsrc2=size=640x360:rate=25:duration=10,noise=alls=30:allf=t";
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p"])
        .args(["-c:v", "libx264", "-profile:v", "baseline", "-level", "3.1", "-preset", "veryfast"])
        .args([
            "-b:v",
            RATE,
            "-minrate",
            RATE,
            "-maxrate",
            RATE,
            "-bufsize",
            "800k",
            "-g",
            "50",
            "-sc_threshold",
            "0",
        ])
        .args([
            "-x264-params",
            "slices=1:repeat-headers=1:nal-hrd=cbr:filler=0",
            "-bsf:v",
            "h264_mp4toannexb",
        ])
        .args(["-f", "h264"])
        .arg(&made)
        .status()
        .await
        .context("ffmpeg")?;
    ensure!(status.success(), "ffmpeg does not encode");
    std::fs::rename(made, &path)?;
    Ok(path)
}

/// The recording's id and the picture's track.
async fn record(server: &Server, picture: &Path) -> Result<(String, String)> {
    let sfu = Sfu::start(Options::default()).await?;
    let publish = Publish {
        peer_id: "ada".to_owned(),
        display_name: "Ada".to_owned(),
        video: Some(Fixture::load(picture)?),
        ..Publish::default()
    };
    sfu.publish(ROOM, publish).await?;
    let id = server.start_recording(ROOM, "Bench", &sfu.url(ROOM)).await?;
    let long_enough = wait::until("its length is recorded", 2 * LENGTH, || async {
        let manifest = server.get(&format!("/{id}/manifest.json")).await;
        let micros = manifest.map(|manifest| manifest["recording"]["duration_us"].as_u64().unwrap_or(0));
        micros.map(|micros| (micros >= 1_000_000 * LENGTH.as_secs()).then_some(())).transpose()
    });
    long_enough.await?;
    server.post(&format!("/{id}/stop"), None).await?;
    let manifest = server.get(&format!("/{id}/manifest.json")).await?;
    let track = manifest["participants"][0]["tracks"][0]["id"].as_str().context("a track")?.to_owned();
    sfu.stop().await;
    Ok((id, track))
}

/// Each segment as tureen serves it, and as a range of the track's file.
async fn segments(server: &Server, media: &Path, id: &str, track: &str) -> Result<Vec<(Request, Request)>> {
    let file = std::fs::read(media.join(format!("recordings/{id}/{track}.mp4")))?;
    let mut fragments = read::scan(&file).fragments.into_iter();
    let client = reqwest::Client::new();
    let mut found = Vec::new();
    for number in 0.. {
        let path = format!("/api/v1/recordings/{id}/stream/{track}/{number}.m4s?token={}", server.token);
        let answer = client.get(format!("{}{path}", server.url)).send().await?;
        if !answer.status().is_success() {
            break;
        }
        let length = answer.bytes().await?.len() as u64;
        let first = fragments.next().context("a fragment")?;
        let mut end = first.range.end;
        while end - first.range.start < length {
            end = fragments.next().context("a fragment")?.range.end;
        }
        ensure!(end - first.range.start == length, "segment {number} is not whole fragments of the file");
        let theirs = format!("/{id}/{track}.mp4?token={}", server.token);
        let range = Some((first.range.start, end - 1));
        found.push((Request::get(&path, None, length), Request::get(&theirs, range, length)));
    }
    // The last one is short.
    found.pop();
    ensure!(found.len() >= 5, "{} segments", found.len());
    Ok(found)
}
