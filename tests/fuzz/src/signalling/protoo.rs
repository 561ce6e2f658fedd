//! A message of the signalling, as far as the driver reads it.

#[path = "../../../../src/sfu/protoo/dialect.rs"]
mod dialect;
#[path = "../../../../src/sfu/envelope.rs"]
mod envelope;

use crate::session::{Consumer, TransportParameters, capabilities};
use envelope::Message;
use serde_json::Map;

/// The longest reason of a failure that is kept, in characters.
const LONGEST_REASON: usize = 500;

/// Reads one message and all that it could be the body of. A consumer that it offers is given back.
pub fn read(text: &str) -> Option<Consumer> {
    match envelope::parse(text)? {
        Message::Request { method, data, .. } => {
            let bridged = super::bridge::read(&method, &data);
            assert!(!envelope::rejected(1, 500, &method).is_empty());
            bridged.or_else(|| dialect::new_consumer(data).ok())
        }
        Message::Response { result: Ok(data), .. } => {
            let _ = super::bridge::read("", &data);
            super::service::read(&data);
            let _ = dialect::joined(&data);
            let _ = serde_json::from_value::<TransportParameters>(data.clone());
            if let Ok((dialect, router)) = dialect::router_capabilities(data) {
                let ours = capabilities(&router);
                assert!(ours.codecs.len() <= router.codecs.len());
                let _ = (dialect::create_transport(dialect), dialect::join("us", &ours, &Map::new()));
            }
            None
        }
        Message::Response { result: Err(failure), .. } => {
            assert!(failure.reason.chars().count() <= LONGEST_REASON);
            None
        }
        Message::Notification { method, data } => {
            let _ = super::bridge::read(&method, &data);
            let _ = (dialect::transient(&method), dialect::event(&method, &data));
            None
        }
    }
}
