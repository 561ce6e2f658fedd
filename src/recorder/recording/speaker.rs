//! Who speaks, as the SFU tells.

use super::{Action, Recording};
use crate::catalog::Turn;
use crate::recorder::writer::Write;
use crate::time::Moment;

impl Recording {
    /// Somebody else speaks now, or nobody. In a pause of the recording it is none of ours.
    pub(in crate::recorder) fn speaks(&mut self, peer_id: Option<&str>, now: Moment, out: &mut Vec<Action>) {
        let speaker = peer_id.filter(|_| self.paused.is_none());
        let speaker = speaker.and_then(|peer| self.participants.get(peer)).map(|known| known.id);
        if self.turn.as_ref().map(|turn| turn.participant) == speaker {
            return;
        }
        let at = self.reached(now).since(self.start).max(0);
        if let Some(mut before) = self.turn.take() {
            before.end_micros = Some(at.max(before.start_micros));
            out.push(Action::Write(Write::Turn(before)));
        }
        self.turn = speaker.map(|participant| Turn {
            recording: self.id,
            participant,
            start_micros: at,
            end_micros: None,
        });
        out.extend(self.turn.clone().map(|turn| Action::Write(Write::Turn(turn))));
    }
}
