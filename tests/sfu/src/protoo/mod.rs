//! The signalling of mediasoup-demo: protoo, a small JSON protocol of requests, responses and
//! notifications over a WebSocket, in the two dialects that are in the field.

mod dialect;
pub(crate) mod methods;
mod outbox;
mod server;

pub use dialect::Dialect;
pub(crate) use dialect::{Event, NewConsumer};
pub(crate) use outbox::Outbox;
pub(crate) use server::{session, upgrade};

use serde_json::Value;

/// A request that is not granted: `errorCode` and `errorReason` of the response.
#[derive(Debug, thiserror::Error)]
#[error("{code}: {reason}")]
pub(crate) struct Refusal {
    pub(crate) code: u16,
    pub(crate) reason: String,
}

impl Refusal {
    pub(crate) fn new(code: u16, reason: impl Into<String>) -> Refusal {
        Refusal { code, reason: reason.into() }
    }
}

impl From<anyhow::Error> for Refusal {
    fn from(error: anyhow::Error) -> Refusal {
        Refusal::new(500, format!("{error:#}"))
    }
}

pub(crate) type Answer = Result<Value, Refusal>;
