//! Whom a request is about.

use crate::http::error::Problem;
use serde::Deserialize;
use utoipa::ToSchema;

/// Somebody, by the application's identifier.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Person {
    #[schema(min_length = 1)]
    user_id: String,
}

impl Person {
    /// Who it is.
    ///
    /// # Errors
    /// If that is left empty.
    pub(in crate::http) fn user_id(self) -> Result<String, Problem> {
        let empty = || Problem::field("user_id", "must not be empty");
        Some(self.user_id).filter(|user| !user.is_empty()).ok_or_else(empty)
    }
}
