//! Connections: HTTP/1.1, with limits on what a client may send and how slowly.
//!
//! axum's own loop has no timer, and hyper without one waits for the end of a request's head for ever.

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

/// Bytes of a request's head: a token of 8 KiB may stand in its address and in a header. It has at most 100 headers, as
/// hyper wants it.
const MAX_HEAD_BYTES: usize = 32 << 10;
/// Connections at one time; more wait to be taken.
const MAX_CONNECTIONS: usize = 8192;
/// When the system has no room for another connection.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// How slowly a client may ask, and take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// From a connection's beginning, or from the last answer, to the end of a request's head.
    pub(super) head: Duration,
    /// While it takes nothing of an answer. Players that have enough for now let a download stand for a while.
    pub(super) taking: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { head: Duration::from_secs(30), taking: Duration::from_secs(300) }
    }
}

/// Serves until `stop` is over and the requests that had begun are answered.
///
/// # Errors
/// None by now: a connection that cannot be taken is tried again.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    patiently(listener, router, stop, Patience::default()).await
}

pub(super) async fn patiently(
    listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()> + Send + 'static,
    patience: Patience,
) -> std::io::Result<()> {
    let (ending, open) = (CancellationToken::new(), TaskTracker::new());
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut stop = pin!(stop);
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            next = next => next,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, from)) => {
                let connection = connection(stream, from, router.clone(), patience, ending.clone());
                open.spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be taken");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
    drop(listener);
    ending.cancel();
    open.close();
    open.wait().await;
    Ok(())
}

/// Until its client or we have enough of it.
async fn connection(
    stream: TcpStream,
    from: SocketAddr,
    router: Router,
    patience: Patience,
    ending: CancellationToken,
) {
    // Small answers at once, as live playlists want them.
    let _ = stream.set_nodelay(true);
    let mut stream = Box::pin(TimeoutStream::new(stream));
    stream.as_mut().set_write_timeout_pinned(Some(patience.taking));
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(from));
        router.clone().oneshot(request)
    });
    let mut rules = http1::Builder::new();
    rules.timer(TokioTimer::new()).header_read_timeout(patience.head).max_header_size(MAX_HEAD_BYTES);
    let mut served = pin!(rules.serve_connection(TokioIo::new(stream), service).with_upgrades());
    let done = tokio::select! {
        done = served.as_mut() => done,
        () = ending.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = done {
        tracing::debug!(%error, "a connection broke");
    }
}

#[cfg(test)]
#[path = "serve_tests.rs"]
mod tests;
