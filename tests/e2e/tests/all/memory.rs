//! What downloads take of the server's memory.

use sha2::{Digest, Sha256};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tureen_e2e::stage::Stage;
use tureen_sfu::{Dialect, Fixture, Publish};

const DOWNLOADS: usize = 50;
/// What one may take beyond the tables, which all of them share.
const MOST_BYTES: u64 = 2 << 20;
/// What each takes in its turn, and how often.
const STEP: usize = 32 << 10;
const TURNS: usize = 24;

/// A download that takes what it wants when it wants it.
struct Slow {
    stream: TcpStream,
    taken: Vec<u8>,
    length: usize,
}

impl Slow {
    async fn begin(address: SocketAddr, path: &str) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        // Little lies in the network, so that most of a file is still the server's to send.
        socket.set_recv_buffer_size(16 << 10).unwrap();
        let mut stream = socket.connect(address).await.unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nhost: memory\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        assert!(head.starts_with("http/1.1 200"), "{head}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:")).unwrap();
        Self { stream, taken: Vec::new(), length: length.trim().parse().unwrap() }
    }

    async fn take(&mut self, most: usize) {
        let at = self.taken.len();
        self.taken.resize((at + most).min(self.length), 0);
        self.stream.read_exact(&mut self.taken[at..]).await.unwrap();
    }
}

/// Bytes of the process that are in memory.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// A picture with so much in it that ten seconds of it are more than any socket holds.
fn picture(folder: &Path) -> PathBuf {
    let path = folder.join("heavy.h264");
    let source = "testsrc2=size=1280x720:rate=25:duration=4,noise=alls=40:allf=t";
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p"])
        .args(["-c:v", "libx264", "-profile:v", "baseline", "-level", "3.1", "-preset", "ultrafast"])
        .args(["-b:v", "10M", "-maxrate", "10M", "-bufsize", "2M", "-g", "50", "-sc_threshold", "0"])
        .args(["-x264-params", "slices=1:repeat-headers=1", "-bsf:v", "h264_mp4toannexb", "-f", "h264"])
        .arg(&path)
        .status()
        .expect("ffmpeg runs");
    assert!(status.success(), "ffmpeg encodes");
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_slow_downloads_take_less_than_2_mib_each() {
    let stage = Stage::new(Dialect::Old).await;
    let publish = Publish {
        peer_id: "ada".to_owned(),
        video: Some(Fixture::load(picture(stage.folder.path())).unwrap()),
        audio: Some(Fixture::named("opus.ogg").unwrap()),
        ..Publish::default()
    };
    let _ada = stage.room.publish(publish).await.unwrap();
    let id = stage.record().await;
    stage.recorded(&id, &["ada"], 10_000_000).await;
    stage.recorder.stop(&id).await;

    let recorder = &stage.recorder;
    let path = format!("/api/v1/recordings/{id}/download?format=mp4");
    // The tables are made, and are not counted.
    let whole = recorder.get(&path).await;
    assert!(whole.len() > 8 << 20, "{} bytes are more than sockets hold", whole.len());
    let before = resident(recorder.pid());
    let address = recorder.url.trim_start_matches("http://").parse().unwrap();
    let path = format!("{path}&token={}", recorder.token);
    let mut downloads = Vec::new();
    for _ in 0..DOWNLOADS {
        downloads.push(Slow::begin(address, &path).await);
    }
    let mut most = before;
    for _ in 0..TURNS {
        for download in &mut downloads {
            download.take(STEP).await;
            most = most.max(resident(recorder.pid()));
        }
    }
    assert!(downloads.iter().all(|own| own.taken.len() == STEP * TURNS && own.length == whole.len()));
    let each = (most - before) / DOWNLOADS as u64;
    println!(
        "{DOWNLOADS} downloads of {} bytes at once: {} KiB before, at most {} KiB, {} KiB a download",
        whole.len(),
        before >> 10,
        most >> 10,
        each >> 10
    );
    assert!(each < MOST_BYTES, "{each} bytes a download");

    // They are downloads like any other, to their ends.
    for mut download in downloads.into_iter().take(3) {
        let rest = download.length - download.taken.len();
        download.take(rest).await;
        assert_eq!(Sha256::digest(&download.taken), Sha256::digest(&whole));
    }
}
