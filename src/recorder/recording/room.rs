//! Who is in the room, and what of them goes on when the room is lost and joined again.

use super::{Action, Participant, Recording};
use crate::catalog::{Cause, Names, NewParticipant};
use crate::id::ParticipantId;
use crate::recorder::writer::Write;
use crate::sfu::PeerInfo;
use crate::time::Moment;
use std::collections::BTreeSet;

/// In this time after a room was joined again it has offered all that is sent. What it has not is off.
const OFFERED_MICROS: i64 = 5_000_000;

impl Recording {
    /// A participant is in the room. A name that comes back is the same participant.
    pub(in crate::recorder) fn peer_joined(&mut self, peer: &PeerInfo, now: Moment, out: &mut Vec<Action>) {
        let joined_at = self.wall(now);
        self.peer_renamed(peer, out);
        if let Some(known) = self.participants.get_mut(&peer.id) {
            if !std::mem::replace(&mut known.here, true) {
                out.push(Action::Write(Write::ParticipantReturned(known.id)));
            }
            return;
        }
        let id = ParticipantId::new();
        let (display_name, user_id) = (peer.display_name.clone(), user_of(peer));
        out.push(Action::Write(Write::Participant(NewParticipant {
            id,
            recording: self.id,
            peer_id: peer.id.clone(),
            display_name: display_name.clone(),
            user_id: user_id.clone(),
            joined_at,
        })));
        self.participants.insert(peer.id.clone(), Participant { id, here: true, display_name, user_id });
    }

    /// A participant may have other names. What is not told now stays as it was told before.
    pub(in crate::recorder) fn peer_renamed(&mut self, peer: &PeerInfo, out: &mut Vec<Action>) {
        let Some(known) = self.participants.get_mut(&peer.id) else { return };
        let display_name = Some(&peer.display_name).filter(|name| !name.is_empty());
        let display_name = display_name.unwrap_or(&known.display_name).clone();
        let user_id = user_of(peer).or_else(|| known.user_id.clone());
        if (&display_name, &user_id) == (&known.display_name, &known.user_id) {
            return;
        }
        known.display_name.clone_from(&display_name);
        known.user_id.clone_from(&user_id);
        let (participant, recording) = (known.id, self.id);
        out.push(Action::Write(Write::Names(Names { participant, recording, display_name, user_id })));
    }

    /// The application's id of the user behind a participant, where it was told.
    #[must_use]
    pub(in crate::recorder) fn user_of(&self, peer_id: &str) -> Option<&str> {
        self.participants.get(peer_id)?.user_id.as_deref()
    }

    /// Peer ids of those in the room.
    pub(in crate::recorder) fn peers_here(&self) -> impl Iterator<Item = &str> {
        self.participants.iter().filter(|(_, known)| known.here).map(|(peer_id, _)| peer_id.as_str())
    }

    /// Peer ids of those whose participant's id, peer id or user id this is. Of nobody's: itself, for somebody who may come.
    #[must_use]
    pub(in crate::recorder) fn peers_called(&self, who: &str) -> BTreeSet<String> {
        let meant = self.participants.iter().filter(|(peer_id, known)| {
            *peer_id == who || known.user_id.as_deref() == Some(who) || known.id.to_string() == who
        });
        let mut peers: BTreeSet<String> = meant.map(|(peer_id, _)| peer_id.clone()).collect();
        if peers.is_empty() {
            peers.insert(who.to_owned());
        }
        peers
    }

    /// A participant left the room. Their tracks end first, because nothing may be stored behind their leaving.
    pub(in crate::recorder) fn peer_left(&mut self, peer_id: &str, now: Moment, out: &mut Vec<Action>) {
        let at = self.wall(now);
        let Some(participant) = self.participants.get_mut(peer_id) else { return };
        if !std::mem::replace(&mut participant.here, false) {
            return;
        }
        let id = participant.id;
        if self.turn.as_ref().is_some_and(|turn| turn.participant == id) {
            self.speaks(None, now, out);
        }
        let theirs = self.sources.iter().filter(|source| source.participant == id);
        let consumers: Vec<String> = theirs.filter_map(|source| source.consumer.clone()).collect();
        for consumer in consumers {
            self.consumer_closed(&consumer, out);
        }
        let reached = self.reached(now);
        for index in 0..self.sources.len() {
            if self.sources.get(index).is_some_and(|source| source.participant == id) {
                self.with_track(index, out, |track, outputs| track.part(Cause::Off, reached, outputs));
            }
        }
        out.push(Action::Write(Write::ParticipantLeft(id, at)));
    }

    /// Other participants than ourselves.
    #[must_use]
    pub(in crate::recorder) fn participants_here(&self) -> usize {
        self.peers_here().count()
    }

    /// Something should come: there is a consumer whose producer is not paused.
    #[must_use]
    pub(in crate::recorder) fn expects_media(&self) -> bool {
        self.sources.iter().any(|source| source.consumer.is_some() && !source.muted)
    }

    /// Consumers of a participant that deliver.
    #[must_use]
    pub(in crate::recorder) fn consumers_of(&self, peer_id: &str) -> Vec<String> {
        let id = self.participants.get(peer_id).map(|known| known.id);
        let theirs = self.sources.iter().filter(|source| Some(source.participant) == id);
        theirs.filter_map(|source| source.consumer.clone()).collect()
    }

    /// The room is lost: nothing comes from anybody, whatever they send, until it is joined again.
    pub(in crate::recorder) fn lost(&mut self, out: &mut Vec<Action>) {
        self.by_consumer.clear();
        self.rejoined = None;
        let paused = self.paused.is_some();
        for index in 0..self.sources.len() {
            let Some(source) = self.sources.get_mut(index) else { continue };
            if source.consumer.take().is_none() {
                continue;
            }
            source.lost = true;
            let cause = if source.muted { Cause::Off } else { Cause::Loss };
            if !paused {
                self.with_track(index, out, |track, outputs| track.end_stream(cause, outputs));
            }
        }
    }

    /// The room is joined again, with these in it. Consumers are offered anew.
    pub(in crate::recorder) fn rejoined(&mut self, peers: &[PeerInfo], now: Moment, out: &mut Vec<Action>) {
        self.rejoined = Some(now);
        let gone = self.peers_here().filter(|id| peers.iter().all(|peer| peer.id != *id));
        let gone: Vec<String> = gone.map(str::to_owned).collect();
        for peer_id in gone {
            self.peer_left(&peer_id, now, out);
        }
        for peer in peers {
            self.peer_joined(peer, now, out);
        }
    }

    /// What a room does not offer again was switched off while it was lost.
    pub(super) fn settle(&mut self, now: Moment, out: &mut Vec<Action>) {
        if self.rejoined.is_none_or(|at| now.since(at) < OFFERED_MICROS) {
            return;
        }
        self.rejoined = None;
        for index in 0..self.sources.len() {
            let Some(source) = self.sources.get_mut(index) else { continue };
            if std::mem::take(&mut source.lost) {
                self.with_track(index, out, |track, outputs| {
                    track.resume(0, Cause::Off, outputs);
                    Ok(())
                });
            }
        }
    }
}

/// An empty one is none: it must not be taken for that of somebody without a user id.
fn user_of(peer: &PeerInfo) -> Option<String> {
    peer.user_id.clone().filter(|user_id| !user_id.is_empty())
}
