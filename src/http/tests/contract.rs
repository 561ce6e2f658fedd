//! Every answer that an API test gets is held against the document: its status, its media type and its schema.

use super::Answer;
use axum::http::Method;
use serde_json::{Value, json};

/// The document at `/openapi.json`.
pub(super) struct Contract(pub(super) Value);

impl Contract {
    /// Panics with what the document does not say of this answer.
    pub(super) fn hold(&self, method: &Method, path: &str, answer: &Answer) {
        let Some((template, operations)) = self.path(path) else {
            // Nothing is there, and nothing may be found there.
            assert!([401, 404, 405].contains(&answer.status.as_u16()), "{path}: {}", answer.status);
            return;
        };
        // HEAD is GET without its body; OPTIONS is of CORS.
        let name = if method == Method::HEAD { "get" } else { &method.as_str().to_ascii_lowercase() };
        let place = format!("{method} {template}: {}", answer.status);
        let Some(operation) = operations.get(name) else {
            assert!([200, 401, 405].contains(&answer.status.as_u16()), "{place} of no operation");
            return;
        };
        let told = &operation["responses"][answer.status.as_str()];
        assert!(told.is_object(), "{place} is not documented: {}", answer.text());
        let content = told.get("content").and_then(Value::as_object);
        let Some(content) = content else {
            assert!(answer.body.is_empty(), "{place} has a body");
            return;
        };
        let kind = answer.header("content-type");
        let Some(media) = content.get(kind).or_else(|| content.get(kind.split(';').next().unwrap())) else {
            panic!("{place} is of {kind}, which is not documented")
        };
        let compressed = answer.headers.contains_key("content-encoding");
        // One document, not lines of many.
        if ["application/json", "application/problem+json"].contains(&kind)
            && !compressed
            && method != Method::HEAD
        {
            self.fits(&place, &media["schema"], &answer.json());
        }
    }

    /// The template that a path fits, and its operations. One that says more of the path comes first.
    fn path(&self, path: &str) -> Option<(&str, &Value)> {
        let parts: Vec<&str> = path.split('/').collect();
        let fits = |template: &str| {
            let own: Vec<&str> = template.split('/').collect();
            let same = |(own, part): (&&str, &&str)| own == part || own.starts_with('{') && !part.is_empty();
            own.len() == parts.len() && own.iter().zip(&parts).all(same)
        };
        let paths = self.0["paths"].as_object().unwrap();
        let found = paths.iter().filter(|(template, _)| fits(template));
        let (template, item) = found.min_by_key(|(template, _)| template.matches('{').count())?;
        Some((template, item))
    }

    fn fits(&self, place: &str, schema: &Value, body: &Value) {
        let mut whole = schema.clone();
        whole["components"] = json!({ "schemas": self.0["components"]["schemas"] });
        let validator =
            jsonschema::draft202012::options().should_validate_formats(true).build(&whole).unwrap();
        let wrong: Vec<String> = validator
            .iter_errors(body)
            .map(|error| format!("{error} at {}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{place}: {wrong:#?}\n{body:#}");
    }
}
