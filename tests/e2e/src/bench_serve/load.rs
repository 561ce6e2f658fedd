//! A load of GET requests over connections that stay open. Nothing of a body is kept, so that the machine's time goes to
//! the server that is measured.

use anyhow::{Context, Result, bail, ensure};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A request as it is sent, and how many bytes answer it.
#[derive(Clone, Debug)]
pub struct Request {
    /// Request line and headers.
    pub head: String,
    /// Length of the body.
    pub length: u64,
}

impl Request {
    /// A GET; `range` is an inclusive range of bytes.
    #[must_use]
    pub fn get(path: &str, range: Option<(u64, u64)>, length: u64) -> Self {
        let range = range.map(|(first, last)| format!("range: bytes={first}-{last}\r\n")).unwrap_or_default();
        Self { head: format!("GET {path} HTTP/1.1\r\nhost: bench\r\n{range}\r\n"), length }
    }
}

/// Sends `count` requests in turn over so many connections; the bytes of all bodies.
///
/// # Errors
/// An answer that is not the one expected.
pub async fn run(server: SocketAddr, requests: &[Request], connections: usize, count: usize) -> Result<u64> {
    let requests: Arc<[Request]> = requests.into();
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..connections {
        let (requests, next) = (Arc::clone(&requests), Arc::clone(&next));
        tasks.spawn(async move {
            let mut stream = TcpStream::connect(server).await?;
            let mut buffer = vec![0; 256 << 10];
            let mut bytes = 0;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return anyhow::Ok(bytes);
                }
                bytes += one(&mut stream, &requests[number % requests.len()], &mut buffer).await?;
            }
        });
    }
    let mut bytes = 0;
    while let Some(done) = tasks.join_next().await {
        bytes += done??;
    }
    Ok(bytes)
}

async fn one(stream: &mut TcpStream, request: &Request, buffer: &mut [u8]) -> Result<u64> {
    stream.write_all(request.head.as_bytes()).await?;
    let mut filled = 0;
    let head = loop {
        let read = stream.read(&mut buffer[filled..]).await?;
        ensure!(read > 0, "the server closed the connection");
        filled += read;
        if let Some(at) = buffer[..filled].windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if filled == buffer.len() {
            bail!("a head without an end");
        }
    };
    let text = std::str::from_utf8(&buffer[..head])?.to_ascii_lowercase();
    ensure!(text.starts_with("http/1.1 20"), "{}", text.lines().next().unwrap_or_default());
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:")).context("no length")?;
    let length: u64 = length.trim().parse()?;
    ensure!(length == request.length, "{length} bytes instead of {}", request.length);
    let mut left = length - (filled - head) as u64;
    while left > 0 {
        let most = buffer.len().min(usize::try_from(left)?);
        let read = stream.read(&mut buffer[..most]).await?;
        ensure!(read > 0, "a body is cut off");
        left -= read as u64;
    }
    Ok(length)
}
