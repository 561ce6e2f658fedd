//! An application that attaches its room, played by a test.

use super::{Heard, Lobby, Said, Visitor, Wire};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

pub(super) const SOON: Duration = Duration::from_secs(5);

/// An application's end of a WebSocket.
pub(crate) struct Application {
    to: mpsc::Sender<Heard>,
    from: mpsc::Receiver<Said>,
}

impl Application {
    pub(crate) async fn come(lobby: &Lobby, user: &str, first: &str) -> Self {
        let from = Some([10, 0, 0, 7].into());
        Self::visit(lobby, &Visitor { user_id: user.to_owned(), takes_over: false, from }, first).await
    }

    pub(crate) async fn visit(lobby: &Lobby, visitor: &Visitor, first: &str) -> Self {
        let (to, incoming) = mpsc::channel(64);
        let (outgoing, from) = mpsc::channel(64);
        to.send(Heard::Text(first.to_owned())).await.unwrap();
        lobby.receive(visitor, Wire { incoming, outgoing }).await;
        Self { to, from }
    }

    /// Comes with this hello; the answer's data.
    pub(crate) async fn hello(lobby: &Lobby, user: &str, more: Value) -> (Self, Value) {
        let mut data = json!({"version": 1, "roomId": "r"});
        data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let hello = json!({"request": true, "id": 7, "method": "hello", "data": data});
        let mut application = Self::come(lobby, user, &hello.to_string()).await;
        let answer = application.hear().await;
        assert_eq!((&answer["id"], &answer["ok"]), (&json!(7), &json!(true)), "{answer}");
        (application, answer["data"].clone())
    }

    pub(crate) async fn next(&mut self) -> Option<Said> {
        timeout(SOON, self.from.recv()).await.expect("it says something in time")
    }

    pub(crate) async fn hear(&mut self) -> Value {
        match self.next().await {
            Some(Said::Text(text)) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn say(&self, message: Value) {
        self.send(&message.to_string()).await;
    }

    pub(crate) async fn send(&self, text: &str) {
        self.to.send(Heard::Text(text.to_owned())).await.unwrap();
    }

    /// Closes the WebSocket.
    pub(crate) async fn close(&self, code: u16, reason: &str) {
        self.to.send(Heard::Closed(code, reason.to_owned())).await.unwrap();
    }

    /// Answers the next request; answers of the recorder may come before it.
    pub(crate) async fn answer(&mut self, method: &str, data: Value) -> Value {
        let request = loop {
            let said = self.hear().await;
            if said["response"] != true {
                break said;
            }
        };
        assert_eq!(request["method"], method, "{request}");
        self.say(json!({"response": true, "id": request["id"], "ok": true, "data": data})).await;
        request
    }
}
