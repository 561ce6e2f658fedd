//! Who is told of events: a receiver of webhooks that can fail and go away, and a listener to Server-Sent Events.

use crate::recorder::Recorder;
use crate::wait;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A webhook that came, whatever it was answered.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// What it was answered.
    pub answered: u16,
    /// By small letters.
    pub headers: BTreeMap<String, String>,
    /// As it came.
    pub body: String,
}

impl Webhook {
    /// The event.
    #[must_use]
    pub fn event(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

/// Takes webhooks.
pub struct Receiver {
    address: SocketAddr,
    status: Arc<AtomicU16>,
    got: Arc<Mutex<Vec<Webhook>>>,
    serving: Option<JoinHandle<()>>,
}

impl Receiver {
    /// One that answers with this status.
    pub async fn new(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let mut receiver =
            Self { address, status: Arc::new(AtomicU16::new(status)), got: Arc::default(), serving: None };
        receiver.serve(listener);
        receiver
    }

    fn serve(&mut self, listener: TcpListener) {
        let (status, got) = (Arc::clone(&self.status), Arc::clone(&self.got));
        self.serving = Some(tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&status), Arc::clone(&got)));
            }
        }));
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/hooks", self.address)
    }

    /// What it answers from now on.
    pub fn answer(&self, status: u16) {
        self.status.store(status, SeqCst);
    }

    /// Nobody listens there any more.
    pub async fn go(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.abort();
            let _ = serving.await;
        }
    }

    /// It is there again.
    pub async fn come_back(&mut self) {
        let listener = TcpListener::bind(self.address).await.expect("its port is still free");
        self.serve(listener);
    }

    /// Everything that came, in order.
    #[must_use]
    pub fn all(&self) -> Vec<Webhook> {
        self.got.lock().unwrap().clone()
    }

    /// Events that it took, in order.
    #[must_use]
    pub fn taken(&self) -> Vec<Value> {
        self.all().iter().filter(|got| got.answered < 300).map(Webhook::event).collect()
    }

    /// Waits for something.
    pub async fn until(&self, what: &str, limit: Duration, good: impl Fn(&Self) -> bool) {
        wait::until(what, limit, || async { good(self).then_some(()) }).await;
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(serving) = &self.serving {
            serving.abort();
        }
    }
}

async fn answer(
    stream: TcpStream,
    status: Arc<AtomicU16>,
    got: Arc<Mutex<Vec<Webhook>>>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let headers: BTreeMap<String, String> = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let answered = status.load(SeqCst);
    let body = String::from_utf8(body).expect("UTF-8");
    got.lock().unwrap().push(Webhook { answered, headers, body });
    let text = format!("HTTP/1.1 {answered} So\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await
}

/// Hears Server-Sent Events until it is dropped or the stream ends.
pub struct Listener {
    heard: Arc<Mutex<Vec<Value>>>,
    listening: JoinHandle<()>,
}

impl Listener {
    /// Listens to everything behind an event; behind `0`, to all of the log.
    pub async fn new(recorder: &Recorder, last_event_id: &str) -> Self {
        let request = reqwest::Client::new()
            .get(format!("{}/api/v1/events", recorder.url))
            .bearer_auth(&recorder.token)
            .header("last-event-id", last_event_id);
        let mut answer = request.send().await.expect("the server answers");
        assert!(answer.status().is_success(), "{}", answer.status());
        let heard: Arc<Mutex<Vec<Value>>> = Arc::default();
        let events = Arc::clone(&heard);
        let listening = tokio::spawn(async move {
            let mut text = String::new();
            while let Ok(Some(piece)) = answer.chunk().await {
                text.push_str(&String::from_utf8_lossy(&piece));
                while let Some((block, rest)) = text.split_once("\n\n") {
                    if let Some(event) = parse(block) {
                        events.lock().unwrap().push(event);
                    }
                    text = rest.to_owned();
                }
            }
        });
        Self { heard, listening }
    }

    /// What it heard, in order.
    #[must_use]
    pub fn heard(&self) -> Vec<Value> {
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// The event of a block; its id and type are those of the stream's fields.
fn parse(block: &str) -> Option<Value> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let event: Value = serde_json::from_str(field("data:")?).expect("JSON");
    assert_eq!((&event["id"], &event["type"]), (&json!(field("id:")), &json!(field("event:"))), "{block}");
    Some(event)
}
