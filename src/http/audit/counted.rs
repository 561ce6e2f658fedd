//! Counting what is sent of a body.
//!
//! Bytes count when the connection takes them from here. Of a connection that breaks, what lay in its buffers then (a few
//! hundred kilobytes at most) counts as sent.

use crate::audit::{Appender, Entry, Outcome, Phase, Watching};
use crate::clock::{Clock, SystemClock};
use crate::time::Moment;
use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Who is told.
pub(super) trait Tally {
    /// So many more bytes were sent.
    fn sent(&mut self, bytes: u64);
    /// That was all of it.
    fn whole(&mut self) {}
}

impl Tally for Watching {
    fn sent(&mut self, bytes: u64) {
        Self::sent(self, bytes);
    }
}

/// A body that counts.
pub(super) struct Counted<T> {
    inner: Body,
    tally: T,
}

impl<T: Tally> Counted<T> {
    pub(super) fn new(inner: Body, tally: T) -> Self {
        Self { inner, tally }
    }
}

impl<T: Tally + Unpin> HttpBody for Counted<T> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                self.tally.sent(bytes as u64);
            }
            Poll::Ready(None) => self.tally.whole(),
            _ => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A file that is sent. When it is over, for whatever reason, its end is recorded.
pub(super) struct File {
    appender: Appender,
    start: Entry,
    /// Its length, if that is known.
    expected: Option<u64>,
    began: Moment,
    sent: u64,
    ended: bool,
}

impl File {
    pub(super) fn new(appender: Appender, start: Entry, expected: Option<u64>, began: Moment) -> Self {
        Self { appender, start, expected, began, sent: 0, ended: false }
    }
}

impl Tally for File {
    fn sent(&mut self, bytes: u64) {
        self.sent += bytes;
    }

    fn whole(&mut self) {
        self.ended = true;
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // A connection that has all bytes that were announced does not ask for the end.
        let whole = self.ended || self.expected.is_some_and(|expected| self.sent >= expected);
        self.appender.append_later(Entry {
            at: SystemClock.wall(),
            phase: Phase::End,
            outcome: if whole { Outcome::Success } else { Outcome::Partial },
            bytes: Some(self.sent),
            duration_micros: Some(SystemClock.now().since(self.began)),
            ..self.start.clone()
        });
    }
}
