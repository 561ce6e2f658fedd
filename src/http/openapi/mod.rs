//! The document of the API (OpenAPI 3.1), at `/openapi.json`.
//!
//! It is made of the annotations of the handlers. [`super::routes`] makes router and document of one list, so that a
//! route cannot be in one alone; answers are of types (`describe`), and refusals of the one list in [`problems`].

pub(super) mod params;
pub(super) mod problems;

use axum::Extension;
use axum::body::Bytes;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use problems::Told;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder};
use utoipa::{PartialSchema, ToSchema};

/// Names of security schemes.
const BEARER: &str = "bearer";
const TOKEN: &str = "token";

/// What is told of the groups of operations.
const TAGS: [(&str, &str); 9] = [
    ("Recordings", "Start and stop recordings, find and remove them."),
    ("Playback", "HLS, DASH and downloads: views of the stored fragments, made when they are asked for."),
    ("Sharing", "With whom a recording is shared, and addresses that need no header."),
    ("Events", "What happens, by a log, by Server-Sent Events and by webhooks."),
    ("Analytics", "Who watched, how much, where they stopped, and whether playback was good."),
    ("Audit", "Who did what, with the means to prove that nothing was changed."),
    ("Attach", "The WebSocket by which an application attaches its rooms."),
    ("Probes", "For operators and orchestrators."),
    ("Pages", "For people."),
];

/// The document without its operations.
pub(super) fn document() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Tureen")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "A recording sidecar for mediasoup. Times are RFC 3339 in UTC; members that end in `_us` are microseconds. \
             Errors are problem documents (RFC 9457).",
        ))
        .license(Some(LicenseBuilder::new().name("MIT OR Apache-2.0").build()));
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("The application's token."))
        .build();
    let query =
        ApiKeyValue::with_description("token", "The same where headers cannot be set: media elements.");
    let components = ComponentsBuilder::new()
        .schema(Told::name(), Told::schema())
        .security_scheme(BEARER, SecurityScheme::Http(bearer))
        .security_scheme(TOKEN, SecurityScheme::ApiKey(ApiKey::Query(query)));
    let tags = TAGS.map(|(name, told)| TagBuilder::new().name(name).description(Some(told)).build());
    OpenApiBuilder::new().info(info).components(Some(components.build())).tags(Some(tags)).build()
}

/// All operations of `api` need a token.
pub(super) fn secure(api: &mut OpenApi) {
    for operation in api.paths.paths.values_mut().flat_map(operations) {
        let schemes = [BEARER, TOKEN].map(|name| SecurityRequirement::new::<_, [&str; 0], _>(name, []));
        operation.security = Some(schemes.into());
    }
}

/// Those of one path, by the methods that we use.
fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete].into_iter().flatten()
}

/// The document as it is sent.
#[derive(Clone, Debug)]
pub(super) struct Document(Bytes);

impl Document {
    pub(super) fn new(api: &OpenApi) -> Self {
        Self(serde_json::to_vec(api).unwrap_or_default().into())
    }
}

/// This document.
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "getOpenApi", tag = "Pages",
    responses((status = 200, body = Object, description = "OpenAPI 3.1.")),
)]
pub(super) async fn get(Extension(Document(text)): Extension<Document>) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")];
    (headers, text).into_response()
}
