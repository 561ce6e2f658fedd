//! Rows and the events that tell of them, in one transaction: nothing is told that is not so, and nothing is so that is
//! not told.

use super::events::append;
use super::{
    Catalog, Error, Gap, Names, NewEvent, NewParticipant, NewRun, NewSegment, participants, segments, tracks,
};
use crate::id::{ParticipantId, TrackId};
use crate::time::{Ticks, WallTime};
use serde_json::Value;

/// One change of the rows of a running recording.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// Somebody is in the room.
    Participant(&'a NewParticipant),
    /// Somebody has other names.
    Names(&'a Names),
    /// Somebody left it.
    Left(ParticipantId, WallTime),
    /// Somebody who had left is back.
    Returned(ParticipantId),
    /// A run begins. Its init segment must be durable (invariant S4).
    Run(&'a NewRun),
    /// It is the first of its track.
    TrackStarted(TrackId, WallTime, Ticks),
    /// No more media can come.
    TrackEnded(TrackId, WallTime, Option<&'a str>),
    /// Segments were closed, gaps opened, grew or ended. The bytes must be durable (invariant S6).
    Media(&'a [NewSegment], &'a [Gap]),
    /// How true a track is to what was sent.
    Integrity(TrackId, &'a Value),
}

impl Catalog {
    /// Makes all changes and tells all events, or nothing of it.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Missing`].
    pub async fn write(&self, changes: &[Change<'_>], events: &[NewEvent]) -> Result<(), Error> {
        let mut all = self.begin().await?;
        for change in changes {
            match *change {
                Change::Participant(new) => participants::put_participant(&mut all, new).await?,
                Change::Names(names) => participants::set_names(&mut all, names).await?,
                Change::Left(id, at) => participants::set_left(&mut all, id, Some(at)).await?,
                Change::Returned(id) => participants::set_left(&mut all, id, None).await?,
                Change::Run(new) => segments::put_run(&mut all, new).await?,
                Change::TrackStarted(id, at, start) => tracks::put_start(&mut all, id, at, start).await?,
                Change::TrackEnded(id, at, error) => tracks::put_end(&mut all, id, at, error).await?,
                Change::Media(new, gaps) => segments::put_media(&mut all, new, gaps).await?,
                Change::Integrity(id, verdict) => tracks::put_integrity(&mut all, id, verdict).await?,
            }
        }
        for event in events {
            append(&mut all, event).await?;
        }
        all.commit().await?;
        for change in changes {
            match change {
                Change::Participant(NewParticipant { recording, .. })
                | Change::Names(Names { recording, .. }) => self.generations.changed(*recording),
                _ => {}
            }
        }
        self.told(events.len());
        Ok(())
    }
}
