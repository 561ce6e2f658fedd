//! Server-Sent Events: who may listen, how they are told, and when that ends.

use super::error::Problem;
use crate::clock::{Clock, SystemClock};
use crate::time::WallTime;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;
use utoipa::ToSchema;

/// Held for a listener who does not take them.
const HELD: usize = 64;
/// Who may listen at one time.
const MAX_LISTENERS: usize = 256;
/// A listener who takes nothing for so long is cut off; it resumes where it was.
const PATIENCE: Duration = Duration::from_secs(20);
const HEARTBEAT: Duration = Duration::from_secs(15);
const LONGEST: Duration = Duration::from_secs(30 * 86_400);
/// What browsers wait before they connect again.
const RECONNECT: Duration = Duration::from_secs(1);

/// An event of a stream, by its fields (HTML 9.2.6): that is what readers of the document take its schema for.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "told, not made: axum writes it")]
pub(super) struct ServerSentEvent {
    event: Option<String>,
    id: Option<String>,
    data: Option<String>,
    /// Milliseconds to wait before connecting again.
    retry: Option<u64>,
}

/// Places for those who listen, and how long one who takes nothing keeps theirs.
#[derive(Clone, Debug)]
pub struct Listeners {
    pub(super) places: Arc<Semaphore>,
    patience: Duration,
}

impl Listeners {
    pub(super) fn new(places: usize, patience: Duration) -> Self {
        Self { places: Arc::new(Semaphore::new(places)), patience }
    }

    /// A place, until a token is void: what is told on the line is in the answer.
    pub(super) fn answer(&self, until: WallTime) -> Result<(Line, Response), Problem> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| {
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "too-many-listeners",
                "too many listen to events already",
            )
            .header(header::RETRY_AFTER, "10")
        })?;
        let (told, mut taken) = mpsc::channel(HELD);
        let until = Instant::now() + valid(until);
        let line = Line { told, patience: self.patience, until, _place: place };
        let events = stream::poll_fn(move |context| taken.poll_recv(context));
        let events = Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT));
        // Proxies that hold answers back until they are large would hold events back.
        let unbuffered = (HeaderName::from_static("x-accel-buffering"), "no");
        Ok((line, ([(header::CACHE_CONTROL, "no-store"), unbuffered], events).into_response()))
    }
}

impl Default for Listeners {
    fn default() -> Self {
        Self::new(MAX_LISTENERS, PATIENCE)
    }
}

/// The line to one listener. It ends when this is dropped.
pub(super) struct Line {
    told: mpsc::Sender<Result<Event, Infallible>>,
    patience: Duration,
    /// When the listener's token is void.
    until: Instant,
    _place: OwnedSemaphorePermit,
}

impl Line {
    /// Something is sent at once, so that clients and proxies see that it has begun. `false` when nobody takes it.
    pub(super) async fn begin(&self) -> bool {
        self.tell(Event::default().retry(RECONNECT)).await
    }

    /// `false` when nobody takes it.
    pub(super) async fn tell(&self, event: Event) -> bool {
        match tokio::time::timeout(self.patience, self.told.send(Ok(event))).await {
            Ok(sent) => sent.is_ok(),
            Err(_) => {
                tracing::warn!("a listener to events is too slow and was cut off");
                false
            }
        }
    }

    /// Returns when the listener is gone, or its token is void.
    pub(super) async fn over(&self) {
        tokio::select! {
            () = self.told.closed() => {}
            () = tokio::time::sleep_until(self.until) => {}
        }
    }
}

/// How long until a token is void; a month at most, which is for ever to a connection.
pub(super) fn valid(until: WallTime) -> Duration {
    let left = u64::try_from(until.since(SystemClock.wall())).unwrap_or(0);
    Duration::from_micros(left).min(LONGEST)
}
