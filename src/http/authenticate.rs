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
use std::sync::Arc;

/// What a request must pass.
pub(super) struct Gate {
    pub(super) verifier: Arc<Verifier>,
    pub(super) sealer: Sealer,
    pub(super) limits: Limits,
}

impl Gate {
    async fn who(&self, token: &str) -> Result<Subject, auth::Error> {
        if is_capability(token) {
            return self.sealer.open(token, SystemClock.wall());
        }
        self.verifier.verify(token).await
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
