//! A message of the bridge, as far as the driver reads it.

#[path = "../../../../src/sfu/bridge/message.rs"]
mod message;

use crate::session::Consumer;
use serde_json::Value;

/// Reads a body as all that it could be. A consumer that it offers is given back.
pub fn read(method: &str, data: &Value) -> Option<Consumer> {
    let _ = (message::present(data), message::event(method, data), message::attached(data.clone()));
    message::new_consumer(data.clone()).ok()
}
