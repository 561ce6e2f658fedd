//! What a room is yet to be told. A signalling that does not answer holds up nothing else: media needs none of it.

use crate::sfu::{Answer, Error, Room};
use std::collections::VecDeque;

/// A request that does not hold up the recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// We want no more of this consumer, which is closed on our side.
    StopConsumer(String),
    /// We want again what this participant sends.
    OfferAgain(String),
}

/// Requests in their order, one at a time. One without an answer in time is made again, until the room is lost: the outbox
/// ends with it, and in a room that is joined anew everything is offered anew.
#[derive(Default)]
pub(super) struct Outbox {
    waiting: VecDeque<Request>,
    asked: Option<(Request, Answer<bool>)>,
}

impl Outbox {
    /// Puts a request behind the others. One that waits already is not made twice.
    pub(super) fn push(&mut self, request: Request) {
        if !self.waiting.contains(&request) {
            self.waiting.push_back(request);
        }
    }

    /// Makes the next request, unless one is being made.
    pub(super) fn ask(&mut self, room: &mut dyn Room) {
        if self.asked.is_none() {
            self.asked = self.waiting.pop_front().map(|request| (request.clone(), ask(room, &request)));
        }
    }

    /// The answer to what is asked, `false` where the room knows no such request; `None` when it is to be asked again.
    /// Pending while nothing is asked. Cancel-safe.
    pub(super) async fn answered(&mut self) -> Option<(Request, Result<bool, Error>)> {
        let Some((_, answer)) = &mut self.asked else { return std::future::pending().await };
        let answer = answer.await;
        let (request, _) = self.asked.take()?;
        if matches!(answer, Err(Error::Timeout { .. })) {
            tracing::warn!(?request, "the room does not answer and is asked again");
            self.waiting.push_front(request);
            return None;
        }
        Some((request, answer))
    }
}

fn ask(room: &mut dyn Room, request: &Request) -> Answer<bool> {
    match request {
        Request::StopConsumer(id) => {
            let asked = room.stop_consumer(id);
            Box::pin(async { asked.await.map(|()| true) })
        }
        Request::OfferAgain(peer_id) => room.offer_again(peer_id),
    }
}
