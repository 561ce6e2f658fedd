//! One attempt to deliver: a POST, and what its answer means.

use super::schedule;
use super::target;
use crate::catalog::{Delivery, Failure};
use crate::time::WallTime;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, redirect};
use std::error::Error as _;
use std::time::Duration;

/// For the whole of an attempt.
const TIMEOUT: Duration = Duration::from_secs(10);
/// As much of an answer is read, so that its connection can be used again and its first words can be shown.
const MOST_READ: usize = 4096;
const MOST_TOLD: usize = 200;

/// What came of an attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was taken, with this status.
    Taken(u16),
    /// It was not; the target may have asked for a pause.
    Failed(Failure, Option<Duration>),
    /// The target wants nothing any more.
    Gone(Failure),
}

/// Follows no redirects: where a target sends us is not where it was allowed to.
pub(super) fn client() -> reqwest::Result<Client> {
    Client::builder()
        .redirect(redirect::Policy::none())
        .timeout(TIMEOUT)
        .user_agent(concat!("tureen/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// Tells a target of an event.
pub(super) async fn attempt(
    client: &Client,
    delivery: &Delivery,
    secret: Option<&str>,
    now: WallTime,
) -> Outcome {
    match post(client, delivery, secret, now).await {
        Ok(response) => judge(response, now).await,
        Err(error) => Outcome::Failed(Failure { status: None, error }, None),
    }
}

async fn post(
    client: &Client,
    delivery: &Delivery,
    secret: Option<&str>,
    now: WallTime,
) -> Result<Response, String> {
    let url = target::address(&delivery.url).map_err(|error| format!("the address {error}"))?;
    let body = serde_json::to_vec(&delivery.event).map_err(|error| error.to_string())?;
    // An event has one id for all attempts and replays: receivers know by it what they have.
    let id = delivery.event.id.to_string();
    let seconds = now.0.div_euclid(1_000_000);
    let mut request = client
        .post(url)
        .header(CONTENT_TYPE, "application/json")
        .header(standardwebhooks::HEADER_WEBHOOK_ID, &id)
        .header(standardwebhooks::HEADER_WEBHOOK_TIMESTAMP, seconds);
    if let Some(secret) = delivery.secret.as_deref().or(secret) {
        let signer = target::signer(secret).map_err(|error| format!("the secret {error}"))?;
        let signature = signer.sign(&id, seconds, &body).map_err(|error| error.to_string())?;
        request = request.header(standardwebhooks::HEADER_WEBHOOK_SIGNATURE, signature);
    }
    request.body(body).send().await.map_err(|error| causes(&error))
}

async fn judge(mut response: Response, now: WallTime) -> Outcome {
    let status = response.status();
    let asked = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let asked = asked.and_then(|value| schedule::retry_after(value, now));
    let mut read = Vec::new();
    // An answer that cannot be read to its end has told its status all the same.
    while let Ok(Some(piece)) = response.chunk().await {
        read.extend_from_slice(piece.get(..piece.len().min(MOST_READ)).unwrap_or_default());
        if read.len() >= MOST_READ {
            break;
        }
    }
    if status.is_success() {
        return Outcome::Taken(status.as_u16());
    }
    let words: String = String::from_utf8_lossy(&read).chars().take(MOST_TOLD).collect();
    let error = match words.trim() {
        "" => format!("the target answered {status}"),
        words => format!("the target answered {status}: {words}"),
    };
    let failure = Failure { status: Some(status.as_u16()), error };
    if status == StatusCode::GONE { Outcome::Gone(failure) } else { Outcome::Failed(failure, asked) }
}

/// The address is told elsewhere.
fn causes(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer in {} s", TIMEOUT.as_secs());
    }
    let mut text = if error.is_connect() { "cannot connect" } else { "the request failed" }.to_owned();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text.chars().take(2 * MOST_TOLD).collect()
}
