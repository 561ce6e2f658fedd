//! Times in answers.

use crate::time::WallTime;
use serde::Serialize;
use utoipa::ToSchema;

/// A time of the wall clock (RFC 3339), in UTC.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(value_type = String, format = DateTime, examples("2026-01-31T12:00:00.000Z"))]
pub(in crate::http) struct Stamp(String);

impl Stamp {
    /// As it is written.
    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

impl From<WallTime> for Stamp {
    fn from(at: WallTime) -> Self {
        Self(at.to_string())
    }
}
