//! Who asks: `Authorization: Bearer`, or `?token=` for media elements, which cannot set headers. Both take tokens of the
//! application, and capabilities of ours.

use super::error::Problem;
use super::extract::Bearer;
use super::limits::{Limits, address};
use crate::auth::{self, Sealer, Slot, Subject, Verifier, is_capability};
use crate::clock::{Clock, SystemClock};
use axum::extract::{MatchedPath, Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a token that was checked is not checked again, short of its end: a player sends the same one with each
/// segment, and a signature costs more than the segment does. A withdrawn key is seen so much later.
const CHECKED: Duration = Duration::from_secs(5);
/// Bytes of tokens that are kept, and about how many those are.
const KEPT_BYTES: u64 = 4 << 20;
const KEPT: usize = 8192;

/// What a request must pass.
pub(super) struct Gate {
    verifier: Arc<Verifier>,
    sealer: Sealer,
    limits: Limits,
    checked: Cache<String, (Instant, Subject), Length>,
}

#[derive(Clone)]
struct Length;

impl Weighter<String, (Instant, Subject)> for Length {
    fn weight(&self, token: &String, _: &(Instant, Subject)) -> u64 {
        token.len().max(1) as u64
    }
}

impl Gate {
    pub(super) fn new(verifier: Arc<Verifier>, sealer: Sealer, limits: Limits) -> Self {
        Self { verifier, sealer, limits, checked: Cache::with_weighter(KEPT, KEPT_BYTES, Length) }
    }

    async fn who(&self, token: &str) -> Result<Subject, auth::Error> {
        let now = SystemClock.wall();
        if is_capability(token) {
            return self.sealer.open(token, now);
        }
        if let Some((at, subject)) = self.checked.get(token)
            && at.elapsed() < CHECKED
            && now < subject.expires_at
        {
            return Ok(subject);
        }
        let subject = self.verifier.verify(token).await?;
        self.checked.insert(token.to_owned(), (Instant::now(), subject.clone()));
        Ok(subject)
    }
}

pub(super) async fn authenticate(
    State(gate): State<Arc<Gate>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let (token, in_query) = token(&request)?;
    let subject = match gate.who(&token).await {
        Ok(subject) => subject,
        // What is ours to mend is not counted as a guess of theirs.
        Err(error @ (auth::Error::NoKeys | auth::Error::Missing)) => return Err(error.into()),
        Err(error) => {
            gate.limits.sign_in_failed(address(request.extensions()))?;
            return Err(error.into());
        }
    };
    if let Some(slot) = request.extensions().get::<Slot>() {
        slot.fill(&subject);
    }
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str).unwrap_or_default();
    gate.limits.admit(&subject, route)?;
    let carried = in_query.then_some(token);
    request.extensions_mut().insert(Bearer { subject, carried });
    Ok(next.run(request).await)
}

/// The token, and whether it came in the query. The header wins.
fn token(request: &Request) -> Result<(String, bool), auth::Error> {
    if let Some(value) = request.headers().get(header::AUTHORIZATION) {
        let malformed = || auth::Error::Malformed("Authorization must be 'Bearer' and a token".to_owned());
        let (scheme, token) =
            value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(malformed)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(malformed());
        }
        return Ok((token.trim().to_owned(), false));
    }
    let query = request.uri().query().unwrap_or_default();
    let found = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "token");
    found.map(|(_, token)| (token.into_owned(), true)).ok_or(auth::Error::Missing)
}
