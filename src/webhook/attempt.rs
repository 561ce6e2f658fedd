//! One attempt to deliver: a POST, and what its answer means.

use super::schedule;
use super::target;
use crate::catalog::{Delivery, Failure};
use crate::reach::{self, Clients, Reach};
use crate::time::WallTime;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use std::time::Duration;

/// From the look-up of the target's name to its status.
const TIMEOUT: Duration = Duration::from_secs(10);
/// As much of a refusal is waited for, read and told.
const LAST_WORDS: Duration = Duration::from_secs(2);
const MOST_READ: usize = 1024;
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

/// Tells a target of an event.
pub(super) async fn attempt(
    clients: &Clients,
    reach: &Reach,
    delivery: &Delivery,
    secret: Option<&str>,
    now: WallTime,
) -> Outcome {
    let answered = tokio::time::timeout(TIMEOUT, post(clients, reach, delivery, secret, now)).await;
    match answered.unwrap_or_else(|_| Err(format!("no answer in {} s", TIMEOUT.as_secs()))) {
        Ok(response) => judge(response, now).await,
        Err(error) => Outcome::Failed(Failure { status: None, error }, None),
    }
}

/// Follows no redirects: where a target sends us is not where it was allowed to.
async fn post(
    clients: &Clients,
    reach: &Reach,
    delivery: &Delivery,
    secret: Option<&str>,
    now: WallTime,
) -> Result<Response, String> {
    let url = target::address(&delivery.url).map_err(|error| format!("the address {error}"))?;
    // What the operator configured is allowed by that; what users name, by the operator's rules.
    let reach = if delivery.is_configured() { reach.clone().and_host_of(&url) } else { reach.clone() };
    let site = reach.resolve(&url).await.map_err(|error| error.to_string())?;
    let client = clients.of(&site).map_err(|error| error.to_string())?;
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
    request.body(body).send().await.map_err(|error| reach::chain(&error))
}

async fn judge(mut response: Response, now: WallTime) -> Outcome {
    let status = response.status();
    if status.is_success() {
        // A connection can be used again only when the answer was read. Long words are not worth it.
        if response.content_length().is_some_and(|length| length <= MOST_READ as u64) {
            last_words(&mut response).await;
        }
        return Outcome::Taken(status.as_u16());
    }
    let asked = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let asked = asked.and_then(|value| schedule::retry_after(value, now));
    let read = last_words(&mut response).await;
    let words: String = String::from_utf8_lossy(&read).chars().take(MOST_TOLD).collect();
    let error = match words.trim() {
        "" => format!("the target answered {status}"),
        words => format!("the target answered {status}: {words}"),
    };
    let failure = Failure { status: Some(status.as_u16()), error };
    if status == StatusCode::GONE { Outcome::Gone(failure) } else { Outcome::Failed(failure, asked) }
}

/// As much of the body as is of interest. Words that do not come are no loss: the status has come.
async fn last_words(response: &mut Response) -> Vec<u8> {
    let mut read = Vec::new();
    let _ = tokio::time::timeout(LAST_WORDS, async {
        while let Ok(Some(piece)) = response.chunk().await {
            let room = MOST_READ.saturating_sub(read.len());
            read.extend_from_slice(piece.get(..piece.len().min(room)).unwrap_or_default());
            if read.len() >= MOST_READ {
                break;
            }
        }
    })
    .await;
    read
}
