//! A recording as the process before left it.

use super::bounds::Seen;
use super::{Action, Layer, Layered, Participant, Recording, Source};
use crate::catalog::{self, Cause, Pause};
use crate::media::Kind;
use crate::media::segment::Policy;
use crate::recorder::layers::Picture;
use crate::recorder::track::{self, Track};
use crate::time::{Moment, WallTime};
use std::collections::HashMap;

/// What the rows say of a recording.
pub(in crate::recorder) struct Past {
    pub(in crate::recorder) participants: Vec<catalog::Participant>,
    pub(in crate::recorder) tracks: Vec<KeptTrack>,
    pub(in crate::recorder) pauses: Vec<Pause>,
}

/// A track, and how far it had come.
pub(in crate::recorder) struct KeptTrack {
    pub(in crate::recorder) track: catalog::Track,
    pub(in crate::recorder) past: track::Past,
}

impl KeptTrack {
    /// Up to where something is known of it, in microseconds of the timeline.
    fn known_micros(&self) -> i64 {
        let gap = self.past.gaps.last().map(|gap| gap.start + gap.duration);
        let scale = self.track.codec.timescale();
        self.past.end.max(gap).map_or(0, |end| end.to_micros(scale))
    }
}

impl Past {
    fn paused_micros(&self) -> i64 {
        self.pauses.iter().filter_map(|pause| Some(pause.ended_at?.since(pause.began_at))).sum()
    }

    /// Where the timeline had come to.
    fn reached_micros(&self) -> i64 {
        let paused = self.pauses.last().filter(|last| last.ended_at.is_none()).map(|last| last.at_micros);
        self.tracks.iter().map(KeptTrack::known_micros).chain(paused).max().unwrap_or(0)
    }

    /// The end of what was stored, on the wall clock. A pause that lasts is as good as media.
    pub(in crate::recorder) fn last_media(&self, started_at: WallTime) -> WallTime {
        started_at.plus(self.paused_micros() + self.reached_micros())
    }
}

impl Recording {
    /// The recording as it goes on at `now`, which is `wall`, and the moment when it began. What was going on when the
    /// process before ended has a gap from there on.
    pub(in crate::recorder) fn restored(
        row: &catalog::Recording,
        policy: Policy,
        past: Past,
        now: Moment,
        wall: WallTime,
        out: &mut Vec<Action>,
    ) -> (Self, Moment) {
        let start_wall = row.started_at.plus(past.paused_micros());
        // Should the wall clock have been set back, the timeline does not go back with it.
        let elapsed = wall.since(start_wall).max(past.reached_micros());
        let start = now.plus(-elapsed);
        let mut recording = Self::new(row.id, policy, start, start_wall);
        recording.paused_micros = past.paused_micros();
        recording.pauses = past.pauses.last().map_or(0, |last| last.number + 1);
        let lasting = past.pauses.last().filter(|last| last.ended_at.is_none());
        recording.stood_at = past.pauses.last().map(|pause| pause.at_micros);
        recording.paused = lasting.map(|pause| start.plus(pause.at_micros));
        for known in &past.participants {
            let participant = Participant {
                id: known.id,
                here: known.left_at.is_none(),
                display_name: known.display_name.clone(),
                user_id: known.user_id.clone(),
            };
            recording.participants.insert(known.peer_id.clone(), participant);
        }
        let names: HashMap<_, _> = past
            .participants
            .iter()
            .map(|known| (known.id, (known.peer_id.clone(), known.left_at)))
            .collect();
        for kept in &past.tracks {
            let Some((peer_id, left_at)) = names.get(&kept.track.participant) else { continue };
            recording.restore_track(kept, peer_id.clone());
            let index = recording.sources.len() - 1;
            let went_on = left_at.is_none() && kept.track.error.is_none() && recording.paused.is_none();
            if went_on && kept.past.gaps.last().is_none_or(|last| !last.open) {
                recording.with_track(index, out, |track, outputs| {
                    track.resume(0, Cause::Loss, outputs);
                    Ok(())
                });
                if let Some(source) = recording.sources.get_mut(index) {
                    source.lost = true;
                }
            }
        }
        let began = start.plus(-recording.paused_micros);
        (recording, began)
    }

    fn restore_track(&mut self, kept: &KeptTrack, peer_id: String) {
        let KeptTrack { track: row, past } = kept;
        let layer = row.layer.zip(row.picture).map(|(number, id)| {
            let known = self.pictures.iter().position(|picture| picture.id == id);
            let picture = known.unwrap_or_else(|| {
                let producer_id = row.producer_id.clone();
                self.pictures.push(Layered { id, picture: Picture::default(), producer_id });
                self.pictures.len() - 1
            });
            Layer { picture, number }
        });
        let member =
            layer.and_then(|layer| Some(self.pictures.get(layer.picture)?.picture.layer(layer.number)));
        let config = track::Config {
            recording: self.id,
            track: row.id,
            peer_id,
            codec: row.codec,
            member,
            policy: self.policy,
            start: self.start,
            start_wall: self.start_wall,
        };
        self.sources.push(Source {
            id: row.id,
            track: Track::restored(config, past),
            participant: row.participant,
            name: source_name(row),
            codec: row.codec,
            layer,
            consumer: None,
            asked: None,
            failed: row.error.clone(),
            told: past.integrity,
            muted: false,
            lost: false,
            first_micros: row.start.map(|start| start.to_micros(row.codec.timescale())),
            seen: Seen::restored(&past.gaps),
        });
    }
}

fn source_name(row: &catalog::Track) -> &'static str {
    let source = crate::session::Source::from_name(&row.source);
    let other = if row.kind == Kind::Audio { "microphone" } else { "camera" };
    source.map_or(other, crate::session::Source::name)
}
