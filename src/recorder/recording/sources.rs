//! Which track a consumer goes on with, and new ones.

use super::bounds::Seen;
use super::{Action, Layer, Layered, Recording, Source};
use crate::catalog::NewTrack;
use crate::id::{ParticipantId, TrackId};
use crate::media::Codec;
use crate::recorder::integrity::Integrity;
use crate::recorder::layers::Picture;
use crate::recorder::track::{self, Track};
use crate::recorder::writer::Write;
use crate::session::Consumer;

impl Recording {
    /// The picture that this consumer's producer gives: the one it gives already, else one that no producer gives any
    /// more, else a new one.
    pub(super) fn picture_of(
        &mut self,
        consumer: &Consumer,
        participant: ParticipantId,
        codec: Codec,
    ) -> usize {
        let name = consumer.source.name();
        let of_kind = |index: usize| {
            let mut layers = self.sources.iter().filter(|source| {
                source.layer.is_some_and(|layer| layer.picture == index)
                    && (source.participant, source.name, source.codec) == (participant, name, codec)
            });
            layers.next().map(|first| first.consumer.is_some() || layers.any(|more| more.consumer.is_some()))
        };
        let same = self.pictures.iter().position(|picture| picture.producer_id == consumer.producer_id);
        let free = || (0..self.pictures.len()).find(|index| of_kind(*index) == Some(false));
        let index = same.filter(|index| of_kind(*index).is_some()).or_else(free);
        let index = index.unwrap_or_else(|| {
            let (id, picture) = (TrackId::new(), Picture::default());
            self.pictures.push(Layered { id, picture, producer_id: String::new() });
            self.pictures.len() - 1
        });
        if let Some(picture) = self.pictures.get_mut(index) {
            picture.producer_id.clone_from(&consumer.producer_id);
        }
        index
    }

    pub(super) fn add_source(
        &mut self,
        consumer: &Consumer,
        participant: ParticipantId,
        codec: Codec,
        layer: Option<Layer>,
        out: &mut Vec<Action>,
    ) -> usize {
        let picture = layer.and_then(|layer| self.pictures.get(layer.picture));
        // The first layer of a picture gives it its id.
        let first = picture.is_some_and(|picture| self.sources.iter().all(|source| source.id != picture.id));
        let id = picture.filter(|_| first).map_or_else(TrackId::new, |picture| picture.id);
        let name = consumer.source.name();
        out.push(Action::Write(Write::Track(NewTrack {
            id,
            recording: self.id,
            participant,
            kind: consumer.kind,
            source: name.to_owned(),
            codec,
            producer_id: consumer.producer_id.clone(),
            layer: layer.map(|layer| layer.number),
            picture: picture.map(|picture| picture.id),
        })));
        let track = Track::new(track::Config {
            recording: self.id,
            track: id,
            peer_id: consumer.peer_id.clone(),
            codec,
            member: layer.zip(picture).map(|(layer, picture)| picture.picture.layer(layer.number)),
            policy: self.policy,
            start: self.start,
            start_wall: self.start_wall,
        });
        self.sources.push(Source {
            id,
            track,
            participant,
            name,
            codec,
            layer,
            consumer: None,
            asked: None,
            failed: None,
            told: Integrity::default(),
            muted: false,
            lost: false,
            first_micros: None,
            seen: Seen::default(),
        });
        self.sources.len() - 1
    }
}
