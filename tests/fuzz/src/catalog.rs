//! The rows' types, without the database.

#[path = "../../../src/catalog/ended_by.rs"]
mod ended_by;
#[path = "../../../src/catalog/event_kind.rs"]
mod event_kind;
#[path = "../../../src/catalog/types.rs"]
mod types;

pub use ended_by::EndedBy;
pub use event_kind::EventKind;
pub use types::*;
