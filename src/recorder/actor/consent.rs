//! Who may be recorded, while a recording runs.

use super::{Actor, Pump};
use crate::recorder::link::Link;
use crate::recorder::outbox::Request;
use crate::recorder::recording::Action;
use crate::recorder::writer::Write;
use crate::sfu;
use std::collections::BTreeSet;

impl Actor {
    /// Consent is given or taken back, by a participant's id, a peer id or a user id; the peer ids. Who is left out by user id
    /// stays so with another peer id.
    pub(super) async fn admit(&mut self, who: &str, admitted: bool, state: &mut Pump) -> Vec<String> {
        let (rules, before) = (self.rules.clone(), self.admitted());
        let peers = self.recording.peers_called(who);
        for peer_id in &peers {
            let user_id = self.recording.user_of(peer_id);
            if admitted {
                self.rules.include(peer_id, user_id);
            } else {
                self.rules.exclude.extend(user_id.filter(|user_id| *user_id == who).map(str::to_owned));
                self.rules.exclude.insert(peer_id.clone());
            }
        }
        if self.rules != rules {
            state.actions.push(Action::Write(Write::Rules(self.recording.id(), self.rules.clone())));
            self.admit_only(&before, state).await;
        }
        peers.into_iter().collect()
    }

    /// Peer ids of those in the room who may be recorded.
    pub(super) fn admitted(&self) -> BTreeSet<String> {
        let admits = |peer_id: &&str| self.rules.admits_participant(peer_id, self.recording.user_of(peer_id));
        self.recording.peers_here().filter(admits).map(str::to_owned).collect()
    }

    /// Others may be recorded than `before`. Who is left out is not received from this moment on, whether or not the room
    /// hears of it. Who is let in is offered again where the room can do that.
    pub(super) async fn admit_only(&mut self, before: &BTreeSet<String>, state: &mut Pump) {
        let now = self.admitted();
        let out = before.difference(&now).flat_map(|peer_id| self.recording.consumers_of(peer_id));
        let out: Vec<String> = out.collect();
        for consumer in &out {
            self.take_out(consumer, state).await;
        }
        let Link::Up(up) = &mut self.link else { return };
        out.into_iter().for_each(|consumer| up.outbox.push(Request::StopConsumer(consumer)));
        now.difference(before).for_each(|peer_id| up.outbox.push(Request::OfferAgain(peer_id.clone())));
    }

    /// The room says what it does about a request. Who cannot be offered again is by joining anew: a consumer that was
    /// refused does not come back.
    pub(super) fn answered(&mut self, request: &Request, answer: Result<bool, sfu::Error>, state: &mut Pump) {
        match (request, answer) {
            // A room that is over tells so itself.
            (_, Ok(true) | Err(sfu::Error::Closed)) => {}
            (Request::StopConsumer(_), answer) => {
                tracing::warn!(?answer, "the room goes on sending what is not wanted");
            }
            (Request::OfferAgain(_), Ok(false)) => self.lost("a participant is let in".to_owned(), state),
            (Request::OfferAgain(_), Err(error)) => {
                self.lost(format!("a participant is let in, and the room says: {error}"), state);
            }
        }
    }
}
