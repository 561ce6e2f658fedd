//! Applications that come, drop their WebSocket, come back or stay away. A test holds the ends of the WebSocket.

use super::super::{Reason, Room};
use super::testing::{Application, SOON};
use super::*;
use crate::session::RtpCapabilities;
use std::time::Duration;
use tokio::time::timeout;

fn router() -> Value {
    json!({"version": 1, "routerRtpCapabilities": {"codecs": []}})
}

fn offer(id: u64, consumer: &str) -> Value {
    json!({"request": true, "id": id, "method": "newConsumer", "data": {"consumerId": consumer, "producerId": "p",
        "peerId": "ann", "kind": "audio", "rtpParameters": {}}})
}

async fn enter(lobby: &Lobby) -> Result<Bridge, Error> {
    let (room, from) = lobby.enter("r", "tureen-x", Layers::Max, SOON).await?;
    assert_eq!(from, Some([10, 0, 0, 7].into()));
    Ok(room)
}

#[tokio::test]
async fn a_recording_waits_for_its_room_and_takes_part() {
    let lobby = Lobby::default();
    let mut arrivals = lobby.arrivals();
    let none = lobby.enter("r", "x", Layers::Max, Duration::from_millis(20)).await;
    assert!(matches!(none, Err(Error::NotAttached)));
    let waiting = tokio::spawn({
        let lobby = lobby.clone();
        async move { enter(&lobby).await }
    });
    let more = json!({"record": true, "title": "T", "metadata": {"a": 1}});
    let (mut application, _) = Application::hello(&lobby, "u", more).await;
    let mut room = waiting.await.unwrap().unwrap();
    let arrival = arrivals.recv().await.unwrap();
    assert_eq!((arrival.room_id.as_str(), arrival.user_id.as_str(), arrival.record), ("r", "u", true));
    assert_eq!((arrival.title.as_deref(), arrival.metadata.len()), (Some("T"), 1));
    let (entered, attach) = tokio::join!(room.enter(), application.answer("attach", router()));
    entered.unwrap();
    assert_eq!(attach["data"]["recorder"]["id"], "tureen-x");
    assert!(matches!(enter(&lobby).await, Err(Error::Refused { code: 409, .. })), "one at a time");
    application.say(json!({"notification": true, "method": "peerJoined", "data": {"peerId": "ann"}})).await;
    assert!(matches!(room.next().await, Event::PeerJoined(_)));
    // What is none of the protocol is told, and nothing else happens.
    application.send("{\"half").await;
    assert_eq!(application.hear().await["method"], "error");

    // The next recording follows at once, with numbers of its own.
    room.leave().await;
    drop(room);
    let mut next = enter(&lobby).await.unwrap();
    assert_eq!(application.hear().await["method"], "detach");
    let (entered, again) = tokio::join!(next.enter(), application.answer("attach", router()));
    entered.unwrap();
    assert!(again["id"].as_u64() > attach["id"].as_u64(), "{again}");
}

#[tokio::test]
async fn a_dropped_websocket_is_gone_on_with() {
    let lobby = Lobby::default();
    let (mut application, first) = Application::hello(&lobby, "u", json!({})).await;
    let mut room = enter(&lobby).await.unwrap();
    let (entered, _) = tokio::join!(room.enter(), application.answer("attach", router()));
    entered.unwrap();
    for (id, consumer) in [(1, "kept"), (2, "gone")] {
        application.say(offer(id, consumer)).await;
        let Event::ConsumerOffered { token, .. } = room.next().await else { panic!("no offer") };
        room.accept(token).await.unwrap();
        assert_eq!(application.hear().await["id"], id);
    }
    // A third is offered, and the WebSocket drops before the answer.
    application.say(offer(3, "third")).await;
    let Event::ConsumerOffered { token, .. } = room.next().await else { panic!("no offer") };
    drop(application);
    room.accept(token).await.unwrap();
    let asked = tokio::spawn(async move {
        let peers = room.join(&RtpCapabilities::default()).await;
        (room, peers)
    });
    let session = first["session"].clone();
    let (mut application, answer) = Application::hello(&lobby, "u", json!({"session": session})).await;
    assert_eq!((&answer["session"], &answer["resumed"]), (&session, &json!(true)));
    // Whether it was asked before or after: once over this WebSocket.
    application.answer("observe", json!({"peers": []})).await;
    let (mut room, peers) = asked.await.unwrap();
    assert!(peers.unwrap().is_empty());
    let state = json!({"peers": [{"peerId": "ann"}], "consumers": [{"consumerId": "kept", "producerPaused": true},
        {"consumerId": "third", "producerPaused": false}]});
    application.say(json!({"notification": true, "method": "state", "data": state})).await;
    assert_eq!(room.next().await, Event::ConsumerClosed("gone".into()));
    assert!(matches!(room.next().await, Event::PeerJoined(_)));
    assert_eq!(room.next().await, Event::ConsumerPaused("kept".into()));
    // Asked again, it is answered and not told again.
    application.say(offer(3, "third")).await;
    application.say(json!({"notification": true, "method": "peerLeft", "data": {"peerId": "ann"}})).await;
    assert_eq!(room.next().await, Event::PeerLeft("ann".into()));
    let consent = application.hear().await;
    assert_eq!((&consent["id"], &consent["ok"]), (&json!(3), &json!(true)));
}

#[tokio::test]
async fn a_recording_that_ends_meanwhile_is_told_afterwards() {
    let lobby = Lobby::default();
    let (application, first) = Application::hello(&lobby, "u", json!({})).await;
    let mut room = enter(&lobby).await.unwrap();
    drop(application);
    room.leave().await;
    assert_eq!(room.next().await, Event::Closed(Reason::Left));
    let session = json!({"session": first["session"]});
    let (mut application, answer) = Application::hello(&lobby, "u", session).await;
    assert_eq!(answer["resumed"], true);
    assert_eq!(application.hear().await["method"], "detach");
    // Nobody is there whom it could be offered to.
    application.say(offer(1, "c")).await;
    assert_eq!(application.hear().await["errorCode"], 409);
}

#[tokio::test]
async fn who_stays_away_or_is_replaced_or_leaves_ends_the_room() {
    let lobby = Lobby::with_grace(Duration::from_millis(50));
    let (application, _) = Application::hello(&lobby, "u", json!({})).await;
    let mut room = enter(&lobby).await.unwrap();
    drop(application);
    let Event::Closed(Reason::Lost(told)) = room.next().await else { panic!("it is over") };
    assert!(told.contains("did not come back"), "{told}");
    assert!(matches!(room.next().await, Event::Closed(Reason::Lost(_))), "and stays so");

    let (mut old, _) = Application::hello(&lobby, "u", json!({})).await;
    let mut room = enter(&lobby).await.unwrap();
    let (new, answer) = Application::hello(&lobby, "u", json!({})).await;
    assert_eq!(answer["resumed"], false);
    assert!(matches!(old.next().await, Some(Said::Close(4000, _))));
    assert!(matches!(room.next().await, Event::Closed(Reason::Lost(_))), "a new session may be joined");

    let mut room = enter(&lobby).await.unwrap();
    new.close(4000, "lesson over").await;
    let ended = Reason::Ended { code: 4000, reason: "lesson over".to_owned() };
    assert_eq!(room.next().await, Event::Closed(ended));
    timeout(SOON, async {
        while lobby.is_attached("r") {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_room_that_somebody_else_has_attached_is_not_taken_over() {
    let lobby = Lobby::default();
    let (mut old, first) = Application::hello(&lobby, "u", json!({})).await;
    let data = json!({"version": 1, "roomId": "r", "session": first["session"]});
    let hello = json!({"request": true, "id": 7, "method": "hello", "data": data}).to_string();
    let visitor = |takes_over| Visitor { user_id: "somebody else".to_owned(), takes_over, from: None };
    let mut refused = Application::visit(&lobby, &visitor(false), &hello).await;
    assert_eq!(refused.hear().await["errorCode"], 409);
    assert!(matches!(refused.next().await, Some(Said::Close(4409, _))));
    // Nothing has come of it.
    let mut room = enter(&lobby).await.unwrap();
    let (entered, _) = tokio::join!(room.enter(), old.answer("attach", router()));
    entered.unwrap();

    // A program of the application may. Another's session is not to be had by knowing its name.
    let mut new = Application::visit(&lobby, &visitor(true), &hello).await;
    assert_eq!(new.hear().await["data"]["resumed"], false);
    assert!(matches!(old.next().await, Some(Said::Close(4000, _))));
    // Anybody may when nobody is there.
    drop(new);
    let (_, answer) = Application::hello(&lobby, "u", json!({})).await;
    assert_eq!(answer["resumed"], false);
}

#[tokio::test]
async fn who_does_not_say_hello_rightly_is_told_why() {
    let lobby = Lobby::default();
    let hello = |data: Value| json!({"request": true, "id": 7, "method": "hello", "data": data}).to_string();
    for (first, code) in [
        ("{\"half".to_owned(), 4400),
        (json!({"notification": true, "method": "hello"}).to_string(), 4400),
        (hello(json!({"version": 1})), 4400),
        (hello(json!({"version": 2, "roomId": "r"})), 4426),
    ] {
        let mut stranger = Application::come(&lobby, "u", &first).await;
        let mut last = None;
        while let Some(said) = stranger.next().await {
            last = Some(said);
        }
        assert!(
            matches!(&last, Some(Said::Close(told, reason)) if *told == code && !reason.is_empty()),
            "{last:?}"
        );
    }
    assert!(!lobby.is_attached("r"));
}
