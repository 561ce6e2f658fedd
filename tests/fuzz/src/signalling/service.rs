//! What an SFU service answers, as far as the driver reads it.

#[path = "../../../../src/sfu/http/shape.rs"]
mod shape;

use serde_json::Value;

/// Reads a body as a room.
pub fn read(data: &Value) {
    let _ = shape::room(data, "us", "us-1");
}
