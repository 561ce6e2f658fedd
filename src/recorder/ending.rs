//! How a recording's end is stored.

use super::actor::End;
use super::supervisor::{Stopped, Supervisor};
use super::{unasked, writer};
use crate::catalog::{EndedBy, Finish, Status};
use crate::id::RecordingId;
use crate::time::WallTime;
use std::time::Duration;

/// The end of a recording, and what is told of it, is not given up at the first failure of the catalogue. What is not
/// stored then is found by the next process.
const END_ATTEMPTS: u32 = 5;
const END_PAUSE: Duration = Duration::from_millis(500);

impl Supervisor {
    /// Stores that a recording has ended, and why.
    pub(super) async fn end(
        &self,
        id: RecordingId,
        started_at: WallTime,
        end: &End,
        stored: Result<Result<u64, writer::Error>, tokio::task::JoinError>,
    ) -> Stopped {
        let (room_id, progress) = self
            .running()
            .get(&id)
            .map(|running| (running.room_id.clone(), running.progress.borrow().clone()))
            .unwrap_or_default();
        let (bytes, failure) = match stored {
            Ok(Ok(bytes)) => (bytes, None),
            Ok(Err(error)) => (0, Some(error.to_string())),
            Err(error) => (0, Some(format!("the writer ended: {error}"))),
        };
        if let End::Limit(limit) = end {
            tracing::info!(recording.id = %id, limit = limit.name(), "a recording ends by itself");
        }
        let error = failure.clone().or_else(|| end.error());
        let kept = progress.total().samples > 0;
        // What was recorded before a room went away is a recording; one without a sample, after an error, is not.
        let status =
            if failure.is_some() || (error.is_some() && !kept) { Status::Failed } else { Status::Completed };
        let stopped = Stopped {
            stopped_at: started_at.plus(progress.elapsed_micros + progress.paused_micros),
            duration_micros: progress.elapsed_micros,
        };
        if let Some(error) = &error {
            tracing::warn!(recording.id = %id, error, "a recording ended before it was stopped");
        }
        if *end == End::Suspended && failure.is_none() {
            tracing::info!(recording.id = %id, "a recording is let go, to be taken up again");
            return stopped;
        }
        let finish = Finish {
            status,
            stopped_at: stopped.stopped_at,
            duration_micros: stopped.duration_micros,
            bytes,
            ended_by: if failure.is_some() { EndedBy::Storage } else { end.ended_by() },
            error,
        };
        for left in (0..END_ATTEMPTS).rev() {
            let Err(error) = self.0.means.catalog.finish_recording(id, &finish).await else { break };
            tracing::error!(recording.id = %id, %error, left, "a recording's end could not be stored");
            if left > 0 {
                tokio::time::sleep(END_PAUSE).await;
            }
        }
        if finish.ended_by != EndedBy::Stop {
            unasked::ended(self.0.means.audit.as_ref(), id, &room_id, finish.ended_by);
        }
        stopped
    }
}
