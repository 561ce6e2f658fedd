use super::*;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::DropGuard;

/// A server that has little patience, until the guard is dropped.
async fn server() -> (SocketAddr, DropGuard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = Router::new()
        .route("/", get(|ConnectInfo(from): ConnectInfo<SocketAddr>| async move { from.ip().to_string() }))
        .route("/echo", post(|body: String| async move { body }));
    let stop = CancellationToken::new();
    let patience = Patience { head: Duration::from_millis(200), taking: Duration::from_millis(200) };
    tokio::spawn(patiently(listener, routes, stop.clone().cancelled_owned(), patience));
    (address, stop.drop_guard())
}

/// What is answered until the server closes the connection.
async fn answer(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A server that has enough may close before it has read all.
    let _ = stream.write_all(request).await;
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn requests_are_answered_with_where_they_come_from() {
    let (address, _guard) = server().await;
    let text = answer(address, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("127.0.0.1"), "{text}");
}

#[tokio::test]
async fn a_head_that_never_ends_ends_the_connection() {
    let (address, _guard) = server().await;
    for head in ["", "GET", "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "] {
        let text = answer(address, head.as_bytes()).await;
        assert!(!text.contains("200"), "{head}: {text}");
    }
}

/// Tells when it is dropped.
struct Told(tokio::sync::mpsc::Sender<()>);

impl Drop for Told {
    fn drop(&mut self) {
        let _ = self.0.try_send(());
    }
}

#[tokio::test]
async fn a_client_who_takes_nothing_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (told, mut dropped) = tokio::sync::mpsc::channel(1);
    let endless = move || {
        let guard = Told(told.clone());
        let repeated = futures_util::stream::repeat_with(move || {
            let _held = &guard;
            Ok::<_, std::io::Error>(bytes::Bytes::from_static(&[0; 65_536]))
        });
        std::future::ready(Body::from_stream(repeated))
    };
    let routes = Router::new().route("/", get(endless));
    let patience = Patience { head: Duration::from_secs(30), taking: Duration::from_millis(200) };
    tokio::spawn(patiently(listener, routes, std::future::pending(), patience));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut first = [0; 15];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    // Nothing more is read; the answer ends nevertheless.
    assert_eq!(dropped.recv().await, Some(()));
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let (address, _guard) = server().await;
    let long = format!("GET / HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "x".repeat(MAX_HEAD_BYTES));
    assert!(answer(address, long.as_bytes()).await.starts_with("HTTP/1.1 431"));
    let many: String = (0..200).map(|n| format!("X-{n}: x\r\n")).collect();
    let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n");
    assert!(answer(address, many.as_bytes()).await.starts_with("HTTP/1.1 431"));
    let address_too = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(MAX_HEAD_BYTES));
    let text = answer(address, address_too.as_bytes()).await;
    assert!(text.starts_with("HTTP/1.1 431") || text.starts_with("HTTP/1.1 414"), "{text}");
}

#[tokio::test]
async fn stopping_ends_idle_connections_and_then_serving() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = Router::new().route("/", get(|| async { "here" }));
    let stop = CancellationToken::new();
    let serving = tokio::spawn(serve(listener, routes, stop.clone().cancelled_owned()));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"here") {
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0);
    }
    stop.cancel();
    serving.await.unwrap().unwrap();
    assert_eq!(stream.read_buf(&mut bytes).await.unwrap(), 0);
    assert!(TcpStream::connect(address).await.is_err());
}
