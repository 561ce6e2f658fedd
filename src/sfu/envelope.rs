//! The protoo envelope: requests, responses and notifications, either way (protoo documentation, "Protocol"). The
//! bridge's messages lie in it too.

use serde::Deserialize;
use serde_json::{Value, json};

/// One message.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Message {
    /// Wants an answer with the same id.
    Request { id: u64, method: String, data: Value },
    /// Answers a request.
    Response { id: u64, result: Result<Value, Failure> },
    /// Wants none.
    Notification { method: String, data: Value },
}

/// A request was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) code: u32,
    pub(super) reason: String,
}

/// Everything a message may have; which fields are there says what it is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    #[serde(default)]
    request: bool,
    #[serde(default)]
    response: bool,
    #[serde(default)]
    notification: bool,
    #[serde(default)]
    ok: Option<bool>,
    id: Option<u64>,
    method: Option<String>,
    #[serde(default)]
    data: Value,
    error_code: Option<Value>,
    error_reason: Option<Value>,
}

/// The longest text of another's that is kept, in characters.
const MAX_REASON: usize = 500;

/// Read one message. `None` for what is not protoo.
pub(super) fn parse(text: &str) -> Option<Message> {
    let raw: Raw = serde_json::from_str(text).ok()?;
    if raw.request {
        Some(Message::Request { id: raw.id?, method: raw.method?, data: raw.data })
    } else if raw.response {
        // Servers leave `ok` out of failures.
        let result = if raw.ok == Some(true) {
            Ok(raw.data)
        } else {
            let code =
                raw.error_code.and_then(|code| code.as_u64()).and_then(|code| u32::try_from(code).ok());
            let reason = raw.error_reason.as_ref().and_then(Value::as_str).unwrap_or_default();
            Err(Failure { code: code.unwrap_or(500), reason: reason.chars().take(MAX_REASON).collect() })
        };
        Some(Message::Response { id: raw.id?, result })
    } else if raw.notification {
        Some(Message::Notification { method: raw.method?, data: raw.data })
    } else {
        None
    }
}

/// A request as text.
pub(super) fn request(id: u64, method: &str, data: &Value) -> String {
    json!({ "request": true, "id": id, "method": method, "data": data }).to_string()
}

/// A notification as text.
pub(super) fn notification(method: &str, data: &Value) -> String {
    json!({ "notification": true, "method": method, "data": data }).to_string()
}

/// Consent to a request, as text.
pub(super) fn accepted(id: u64) -> String {
    json!({ "response": true, "id": id, "ok": true, "data": {} }).to_string()
}

/// Consent to a request with an answer, as text.
pub(super) fn answered(id: u64, data: &Value) -> String {
    json!({ "response": true, "id": id, "ok": true, "data": data }).to_string()
}

/// Refusal of a request, as text.
pub(super) fn rejected(id: u64, code: u32, reason: &str) -> String {
    json!({ "response": true, "id": id, "ok": false, "errorCode": code, "errorReason": reason }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_kind_is_read() {
        assert_eq!(
            parse(r#"{"request":true,"id":12345678,"method":"newConsumer","data":{"a":1}}"#),
            Some(Message::Request { id: 12_345_678, method: "newConsumer".into(), data: json!({"a":1}) })
        );
        assert_eq!(
            parse(r#"{"response":true,"id":1,"ok":true,"data":{"b":2}}"#),
            Some(Message::Response { id: 1, result: Ok(json!({"b":2})) })
        );
        assert_eq!(
            parse(r#"{"notification":true,"method":"peerClosed","data":{"peerId":"a"}}"#),
            Some(Message::Notification { method: "peerClosed".into(), data: json!({"peerId":"a"}) })
        );
        assert_eq!(
            parse(r#"{"notification":true,"method":"hello"}"#),
            Some(Message::Notification { method: "hello".into(), data: Value::Null })
        );
    }

    #[test]
    fn a_failure_has_no_ok_and_its_code_may_be_odd() {
        let of = |text: &str| match parse(text) {
            Some(Message::Response { result: Err(failure), .. }) => (failure.code, failure.reason),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            of(r#"{"response":true,"id":1,"errorCode":403,"errorReason":"no"}"#),
            (403, "no".to_owned())
        );
        assert_eq!(
            of(r#"{"response":true,"id":1,"ok":false,"errorCode":"X","errorReason":7}"#),
            (500, String::new())
        );
        assert_eq!(of(r#"{"response":true,"id":1}"#), (500, String::new()));
    }

    #[test]
    fn what_is_not_protoo_is_nothing() {
        for text in [
            "",
            "null",
            "[]",
            "{}",
            r#"{"request":true}"#,
            r#"{"response":true,"id":-1,"ok":true}"#,
            "{\"a\"",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_we_write_reads_back() {
        let data = json!({"x": "y"});
        assert_eq!(
            parse(&request(7, "join", &data)),
            Some(Message::Request { id: 7, method: "join".into(), data: data.clone() })
        );
        assert_eq!(
            parse(&notification("n", &data)),
            Some(Message::Notification { method: "n".into(), data: data.clone() })
        );
        assert_eq!(parse(&accepted(9)), Some(Message::Response { id: 9, result: Ok(json!({})) }));
        let failure = Failure { code: 404, reason: "what?".into() };
        assert_eq!(
            parse(&rejected(9, 404, "what?")),
            Some(Message::Response { id: 9, result: Err(failure) })
        );
    }

    proptest! {
        #[test]
        fn failure_34_any_text_is_read_or_refused(text in "\\PC*") {
            let _ = parse(&text);
        }
    }
}
