//! A recording that runs, in a room whose signalling and media a test plays.

use super::actor::{Actor, Command, End};
use super::attach::{Joined, SourceSpec, Way};
use super::link::Link;
use super::progress::Progress;
use super::recording::Action;
use super::recording_tests::{consumer, peer, recording};
use super::rules::{Limits, Rules};
use super::testing::{START, START_WALL, at, opus, vp8};
use super::track::Output;
use super::writer::Write;
use crate::clock::Clock;
use crate::id::{ParticipantId, TrackId};
use crate::peer::{self, Peer};
use crate::session::{Consumer, DtlsParameters, Layers, RtpCapabilities, Source, TransportParameters};
use crate::sfu::{Answer, Error, Event, Offer, PeerInfo, Room};
use crate::time::{Moment, WallTime};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Signalling that gives the answers of a test in their order, and none behind the last.
struct Played {
    events: mpsc::UnboundedReceiver<Event>,
    asked: mpsc::UnboundedSender<String>,
    answers: VecDeque<Result<bool, Error>>,
}

impl Played {
    fn answer(&mut self, asked: String) -> Answer<bool> {
        self.asked.send(asked).unwrap();
        let answer = self.answers.pop_front();
        Box::pin(async {
            match answer {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        })
    }
}

#[async_trait::async_trait]
impl Room for Played {
    async fn enter(&mut self) -> Result<RtpCapabilities, Error> {
        Err(Error::Closed)
    }

    async fn create_transport(&mut self) -> Result<TransportParameters, Error> {
        Err(Error::Closed)
    }

    async fn join(&mut self, _: &RtpCapabilities) -> Result<Vec<PeerInfo>, Error> {
        Err(Error::Closed)
    }

    async fn connect_transport(&mut self, _: &str, _: &DtlsParameters) -> Result<(), Error> {
        Err(Error::Closed)
    }

    async fn next(&mut self) -> Event {
        match self.events.recv().await {
            Some(event) => event,
            None => std::future::pending().await,
        }
    }

    async fn accept(&mut self, _: Offer) -> Result<(), Error> {
        Err(Error::Closed)
    }

    async fn reject(&mut self, _: Offer, _: &str) {}

    async fn request_keyframe(&mut self, _: &str) -> Result<(), Error> {
        Err(Error::Closed)
    }

    fn stop_consumer(&mut self, consumer_id: &str) -> Answer<()> {
        let answer = self.answer(format!("stop {consumer_id}"));
        Box::pin(async { answer.await.map(drop) })
    }

    fn offer_again(&mut self, peer_id: &str) -> Answer<bool> {
        self.answer(format!("offer {peer_id}"))
    }

    async fn prefer_top_layers(&mut self, _: &str) -> Result<(), Error> {
        Err(Error::Closed)
    }

    async fn leave(&mut self) {}
}

/// A receiver to which nothing comes: a test sends in its place.
async fn receiver() -> Peer {
    let router = json!({"codecs": [{"kind": "audio", "mimeType": "audio/opus", "preferredPayloadType": 100,
        "clockRate": 48000, "channels": 2}], "headerExtensions": []});
    let transport = json!({
        "id": "t",
        "iceParameters": {"usernameFragment": "abcdefgh", "password": "abcdefghijklmnopqrstuvwx", "iceLite": true},
        "iceCandidates": [{"foundation": "u", "priority": 1, "ip": "127.0.0.1", "protocol": "udp", "port": 9}],
        "dtlsParameters": {"role": "auto",
            "fingerprints": [{"algorithm": "sha-256", "value": vec!["AB"; 32].join(":")}]},
    });
    let router = serde_json::from_value(router).unwrap();
    let transport = serde_json::from_value(transport).unwrap();
    Peer::open(peer::Config::default(), &router, transport).await.unwrap().0
}

/// Microseconds since [`START`], set by hand.
#[derive(Default)]
struct Hands(AtomicI64);

impl Clock for Hands {
    fn now(&self) -> Moment {
        START.plus(self.0.load(SeqCst))
    }

    fn wall(&self) -> WallTime {
        START_WALL.plus(self.0.load(SeqCst))
    }
}

/// What was given to the writer.
#[derive(Debug, Default)]
struct Seen {
    people: HashMap<ParticipantId, String>,
    tracks: HashMap<TrackId, String>,
    /// By participant and source.
    samples: BTreeMap<String, usize>,
    rules: Vec<Rules>,
}

impl Seen {
    fn take(&mut self, write: Write) {
        match write {
            Write::Participant(new) => drop(self.people.insert(new.id, new.peer_id)),
            Write::Track(new) => {
                let name = format!("{} {}", self.people[&new.participant], new.source);
                self.tracks.insert(new.id, name);
            }
            Write::Media(track, Output::Fragment { fragment, .. }) => {
                *self.samples.entry(self.tracks[&track].clone()).or_default() += fragment.entries.len();
            }
            Write::Rules(_, rules) => self.rules.push(rules),
            _ => {}
        }
    }

    fn samples(&self, of: &str) -> usize {
        self.samples.get(of).copied().unwrap_or(0)
    }
}

/// Stands where the writer does.
async fn look_on(mut writes: mpsc::Receiver<Write>, seen: watch::Sender<Seen>) {
    while let Some(write) = writes.recv().await {
        match write {
            Write::Reached(told) => told.send(()).unwrap(),
            write => seen.send_modify(|seen| seen.take(write)),
        }
    }
}

/// A room that is being recorded.
struct Call {
    consumers: Vec<Consumer>,
    sent: u64,
    events: mpsc::UnboundedSender<Event>,
    media: mpsc::Sender<peer::Event>,
    asked: mpsc::UnboundedReceiver<String>,
    commands: mpsc::Sender<Command>,
    progress: watch::Receiver<Progress>,
    stop: CancellationToken,
    clock: Arc<Hands>,
    seen: watch::Receiver<Seen>,
    running: JoinHandle<End>,
    looking_on: JoinHandle<()>,
}

impl Call {
    async fn new(
        rules: Value,
        peers: &[PeerInfo],
        consumers: &[Consumer],
        answers: Vec<Result<bool, Error>>,
    ) -> Self {
        let (events, from_room) = mpsc::unbounded_channel();
        let (told, asked) = mpsc::unbounded_channel();
        let (media, packets) = mpsc::channel(1024);
        let (writes, queue) = mpsc::channel(1024);
        let (ask, commands) = mpsc::channel(4);
        let (progress, shown) = watch::channel(Progress::default());
        let (see, seen) = watch::channel(Seen::default());
        let (stop, clock) = (CancellationToken::new(), Arc::new(Hands::default()));
        let (mut recording, mut first) = (recording(), Vec::new());
        for peer in peers {
            recording.peer_joined(peer, at(0), &mut first);
        }
        for consumer in consumers {
            recording.consumer_opened(consumer, at(0), &mut first);
        }
        for action in first {
            let Action::Write(write) = action else { continue };
            writes.send(write).await.unwrap();
        }
        let link = Link::up(Joined {
            room: Box::new(Played { events: from_room, asked: told, answers: answers.into() }),
            peer: receiver().await,
            events: packets,
            transport_id: "t".to_owned(),
            peers: Vec::new(),
        });
        let way = Way {
            recording: recording.id(),
            room_id: "room".to_owned(),
            source: SourceSpec::Bridge { url: None },
            layers: Layers::Max,
            peer: peer::Config::default(),
            lobby: crate::sfu::bridge::Lobby::default(),
        };
        let actor = Actor {
            way,
            link,
            recording,
            rules: serde_json::from_value(rules).unwrap(),
            limits: Limits::default(),
            began: START,
            writes,
            progress,
            commands,
            stop: stop.clone(),
            suspend: CancellationToken::new(),
            repairs: Arc::default(),
            clock: clock.clone(),
        };
        Self {
            consumers: consumers.to_vec(),
            sent: 0,
            events,
            media,
            asked,
            commands: ask,
            progress: shown,
            stop,
            clock,
            seen,
            running: tokio::spawn(actor.run()),
            looking_on: tokio::spawn(look_on(queue, see)),
        }
    }

    /// Everybody sends a second of media, which is taken.
    async fn second(&mut self) {
        for number in self.sent..self.sent + 50 {
            for consumer in &self.consumers {
                let millis = 20 * i64::try_from(number).unwrap();
                let packet = match consumer.source {
                    Source::Microphone => opus(number, millis),
                    _ if number % 2 == 0 => vp8(number / 2, millis, number % 50 == 0),
                    _ => continue,
                };
                let packet = peer::Event::Packet { consumer: consumer.id.as_str().into(), packet };
                self.media.send(packet).await.unwrap();
            }
        }
        self.sent += 50;
        while self.media.capacity() < self.media.max_capacity() {
            tokio::task::yield_now().await;
        }
        self.clock.0.store(20_000 * i64::try_from(self.sent).unwrap(), SeqCst);
    }

    async fn admit(&self, who: &str, admitted: bool) -> Vec<String> {
        let (answer, answered) = oneshot::channel();
        self.commands.send(Command::Admit { who: who.to_owned(), admitted, answer }).await.unwrap();
        answered.await.unwrap()
    }

    /// The next that the room is asked.
    async fn asked(&mut self) -> String {
        self.asked.recv().await.unwrap()
    }

    fn rules(&self) -> Rules {
        self.seen.borrow().rules.last().unwrap().clone()
    }

    /// Ends it; what the writer was given.
    async fn finish(self) -> Seen {
        self.stop.cancel();
        assert_eq!(self.running.await.unwrap(), End::Stopped);
        self.looking_on.await.unwrap();
        Seen { samples: self.seen.borrow().samples.clone(), ..Seen::default() }
    }
}

fn voice(of: &str) -> Consumer {
    consumer(&format!("{of}'s voice"), of, "audio/opus")
}

fn picture(of: &str) -> Consumer {
    consumer(&format!("{of}'s picture"), of, "video/VP8")
}

fn user(peer_id: &str, user_id: &str) -> PeerInfo {
    PeerInfo { user_id: Some(user_id.to_owned()), ..peer(peer_id) }
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn granted(requests: usize) -> Vec<Result<bool, Error>> {
    (0..requests).map(|_| Ok(true)).collect()
}

fn late() -> Result<bool, Error> {
    Err(Error::Timeout { method: "any".to_owned() })
}

#[tokio::test]
async fn who_is_left_out_is_stored_no_more_and_nobody_waits_for_a_signalling_that_does_not_answer() {
    let all = [voice("ada"), picture("ada"), voice("bob")];
    let mut call = Call::new(json!({}), &[peer("ada"), peer("bob")], &all, Vec::new()).await;
    let begun = |seen: &Seen| seen.samples("ada microphone") > 0 && seen.samples("ada camera") > 0;
    while !begun(&call.seen.borrow()) {
        call.second().await;
    }
    assert_eq!(call.admit("ada", false).await, ["ada"]);
    let of_ada = |seen: &Seen| (seen.samples("ada microphone"), seen.samples("ada camera"));
    let at_the_answer = of_ada(&call.seen.borrow());
    assert_eq!(call.asked().await, "stop ada's voice");
    call.second().await;
    call.second().await;
    assert!(call.asked.try_recv().is_err(), "one after the other");
    assert!(call.progress.borrow().attached);
    let sent = usize::try_from(call.sent).unwrap();
    let seen = call.finish().await;
    assert_eq!(of_ada(&seen), at_the_answer);
    assert_eq!(seen.samples("bob microphone"), sent, "nothing of anybody else is lost");
}

#[tokio::test]
async fn what_a_room_does_not_answer_is_asked_again_and_is_no_loss_of_the_room() {
    let answers = vec![late(), Ok(true), Ok(true), late(), late(), Ok(true), Ok(false)];
    let peers = [peer("ada"), peer("bob")];
    let all = [voice("ada"), picture("ada"), voice("bob")];
    let mut call = Call::new(json!({}), &peers, &all, answers).await;
    call.admit("ada", false).await;
    call.admit("ada", true).await;
    for asked in ["stop ada's voice", "stop ada's voice", "stop ada's picture"] {
        assert_eq!(call.asked().await, asked);
    }
    for _ in 0..3 {
        assert_eq!(call.asked().await, "offer ada");
    }
    call.second().await;
    // An answer that is none brings the progress up to date.
    assert_eq!(call.admit("ada", true).await, ["ada"]);
    assert!(call.progress.borrow().attached);
    // Where she cannot be offered again, the room is joined anew.
    call.admit("ada", false).await;
    call.admit("ada", true).await;
    assert_eq!(call.asked().await, "offer ada");
    call.progress.wait_for(|progress| !progress.attached).await.unwrap();
    assert_eq!(call.finish().await.samples("bob microphone"), 50);
}

#[tokio::test]
async fn somebody_is_meant_by_participant_peer_or_user_id() {
    let peers = [user("phone", "ada"), user("laptop", "ada"), peer("bob"), peer("cleo")];
    let all = [voice("phone"), voice("laptop"), voice("bob"), voice("cleo")];
    let mut call = Call::new(json!({}), &peers, &all, granted(7)).await;
    assert_eq!(call.admit("ada", false).await, ["laptop", "phone"]);
    assert_eq!(call.rules().exclude, names(&["ada", "laptop", "phone"]));
    assert_eq!(call.asked().await, "stop laptop's voice");
    assert_eq!(call.asked().await, "stop phone's voice");
    let bob = call.seen.borrow().people.iter().find(|(_, peer)| *peer == "bob").unwrap().0.to_string();
    assert_eq!(call.admit(&bob, false).await, ["bob"]);
    assert_eq!(call.rules().exclude, names(&["ada", "bob", "laptop", "phone"]));
    assert_eq!(call.asked().await, "stop bob's voice");
    assert_eq!(call.admit("dan", false).await, ["dan"], "who may come");
    // The user id of somebody becomes known late.
    call.events.send(Event::PeerRenamed(user("cleo", "ada"))).unwrap();
    assert_eq!(call.asked().await, "stop cleo's voice");
    // Whoever is let in by the user id is with all devices.
    assert_eq!(call.admit("ada", true).await, ["cleo", "laptop", "phone"]);
    assert_eq!(call.rules().exclude, names(&["bob", "dan"]));
    for peer in ["cleo", "laptop", "phone"] {
        assert_eq!(call.asked().await, format!("offer {peer}"));
    }
    call.finish().await;
}

#[tokio::test]
async fn whoever_is_let_in_joins_the_list_of_those_who_are_recorded() {
    let rules = json!({ "participants": ["bob"] });
    let peers = [peer("ada"), peer("bob")];
    let mut call = Call::new(rules, &peers, &[voice("bob")], granted(1)).await;
    assert_eq!(call.admit("ada", true).await, ["ada"]);
    assert_eq!(call.asked().await, "offer ada");
    assert_eq!(call.admit("eve", true).await, ["eve"], "who may come is not offered yet");
    assert_eq!(call.rules().participants, names(&["ada", "bob", "eve"]));
    call.second().await;
    assert!(call.asked.try_recv().is_err());
    call.finish().await;
}
