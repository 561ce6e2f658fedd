//! Headers that keep browsers from doing with an answer what nobody means.

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;

/// An answer of the API is no page: nothing of it runs or loads anything, and it stands in no frame. Pages say their own.
const NO_PAGE: &str = "default-src 'none'; frame-ancestors 'none'";

const GUARDS: [(HeaderName, &str); 3] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // An address may hold a token.
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CONTENT_SECURITY_POLICY, NO_PAGE),
];

/// Adds those that an answer does not have.
pub(super) async fn guard(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in GUARDS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
