//! Who asks: `Authorization: Bearer`, or `?token=` for media elements, which cannot set headers.

use super::error::Problem;
use super::audit::Noted;
use super::extract::Bearer;
use crate::auth::{self, Verifier};
use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;
use std::sync::Arc;

pub(super) async fn authenticate(
    State(verifier): State<Arc<Verifier>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let (token, in_query) = token(&request)?;
    let claims = verifier.verify(&token)?;
    if let Some(noted) = request.extensions().get::<Noted>() {
        noted.subject(&claims);
    }
    let carried = in_query.then_some(token);
    request.extensions_mut().insert(Bearer { claims, carried });
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
