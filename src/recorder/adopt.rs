//! After a restart: recordings that ran when the process before ended are taken up where they stopped.
//!
//! What was flushed is mended first ([`recovery`]). Then the state machine is made of the rows, with a
//! gap behind each track that had not ended, and the room is looked for as if it had been lost.

use super::integrity::Integrity;
use super::link::Link;
use super::recording::{Action, KeptTrack, Past, Recording};
use super::recovery::{self, Error, mend};
use super::request::StartRequest;
use super::supervisor::{Begun, Supervisor};
use super::track::{self, Counts};
use super::unasked;
use super::writer::Writer;
use crate::catalog::{self, Catalog, EndedBy, Track};
use crate::media::segment::Policy;
use crate::storage::{Key, Store};
use std::time::Duration;

/// What became of recordings that an earlier process left running.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// They go on.
    pub adopted: usize,
    /// They ended.
    pub closed: usize,
}

impl Supervisor {
    /// Takes up every recording that the catalogue believes to be running and no living process runs, if its last media
    /// is not older than `within`; else closes it.
    ///
    /// # Errors
    /// When the catalogue cannot be read at all; a single recording that cannot be mended is told in the log.
    pub async fn adopt(&self, within: Duration) -> Result<Left, Error> {
        let (catalog, store) = self.stores();
        let mut left = Left::default();
        for row in catalog.orphans().await? {
            if !catalog.take_over(row.id).await? {
                continue;
            }
            recovery::clear_strays(&catalog, &store, row.id).await?;
            match self.adopt_one(&row, within).await {
                Ok(true) => left.adopted += 1,
                Ok(false) => match recovery::close(&catalog, &store, &row).await {
                    Ok(()) => {
                        let audit = self.0.means.audit.as_ref();
                        unasked::ended(audit, row.id, &row.room_id, EndedBy::Interruption);
                        left.closed += 1;
                    }
                    Err(error) => {
                        tracing::error!(recording.id = %row.id, %error, "an interrupted recording could not be closed");
                    }
                },
                Err(error) => {
                    tracing::error!(recording.id = %row.id, %error, "an interrupted recording could not be taken up");
                }
            }
        }
        Ok(left)
    }

    /// `false` when it is not to be taken up.
    async fn adopt_one(&self, row: &catalog::Recording, within: Duration) -> Result<bool, Error> {
        let Some(request) = StartRequest::of_row(row) else { return Ok(false) };
        let (catalog, store) = self.stores();
        let clock = self.clock();
        let (now, wall) = (clock.now(), clock.wall());
        let mut writer = Writer::new(row.id, store.clone(), catalog.clone(), self.edge(row.id));
        let past = read(&catalog, &store, row, &mut writer).await?;
        let idle = wall.since(past.last_media(row.started_at));
        if idle > i64::try_from(within.as_micros()).unwrap_or(i64::MAX) {
            return Ok(false);
        }
        let Ok(ends) = self.reserve(row.id, &request) else { return Ok(false) };
        let mut first: Vec<Action> = Vec::new();
        // What its playlists promise stays.
        let policy = Policy { fragment_micros: row.part.0, ..self.policy() };
        let (recording, began) = Recording::restored(row, policy, past, now, wall, &mut first);
        let way = self.way(row.id, &request);
        let link = Link::down(way.clone(), now, "the recorder started again".to_owned());
        let (rules, limits) = (request.rules, request.limits);
        let started_at = row.started_at;
        let begun = Begun { recording, writer, way, link, rules, limits, began, started_at, first };
        self.launch(begun, ends).await;
        tracing::warn!(recording.id = %row.id, idle_us = idle, "an interrupted recording is taken up again");
        Ok(true)
    }
}

async fn read(
    catalog: &Catalog,
    store: &Store,
    row: &catalog::Recording,
    writer: &mut Writer,
) -> Result<Past, Error> {
    let mut tracks = Vec::new();
    for track in catalog.tracks(row.id).await? {
        let mut past = track::Past::default();
        match mend(catalog, store, row, &track).await? {
            Some(mended) => {
                past.end = Some(mended.end);
                past.position = mended.media.len();
                (past.next_run, past.next_segment) = (mended.next_run, mended.next_segment);
                writer.adopt(&track, mended.media, mended.index);
            }
            None => {
                let media = store.reopen(&Key::media(row.id, track.id), 0).await?;
                let index = store.reopen(&Key::index(row.id, track.id), 0).await?;
                writer.adopt(&track, media, index);
            }
        }
        past.integrity = serde_json::from_value(track.integrity.clone()).unwrap_or_default();
        tracks.push(KeptTrack { track, past });
    }
    for gap in catalog.gaps(row.id).await? {
        if let Some(kept) = tracks.iter_mut().find(|kept| kept.track.id == gap.track) {
            kept.past.gaps.push(gap);
        }
    }
    for totals in catalog.totals(row.id).await? {
        if let Some(KeptTrack { track, past }) = tracks.iter_mut().find(|kept| kept.track.id == totals.track)
        {
            past.counts = counts(track, &totals, past.integrity);
        }
    }
    Ok(Past {
        participants: catalog.participants(row.id).await?,
        tracks,
        pauses: catalog.pauses(row.id).await?,
    })
}

fn counts(track: &Track, totals: &catalog::Totals, integrity: Integrity) -> Counts {
    Counts {
        packets: integrity.packets_received,
        recovered: integrity.packets_recovered,
        lost: integrity.packets_lost,
        samples: totals.samples,
        bytes: totals.bytes,
        duration_micros: totals.media.to_micros(track.codec.timescale()),
    }
}
