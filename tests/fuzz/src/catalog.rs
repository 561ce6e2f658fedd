//! The rows' types, without the database.

#[path = "../../../src/catalog/types.rs"]
mod types;

pub use types::*;
