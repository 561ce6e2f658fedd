//! The streams that are received, shared by the peer and its tap: who an SSRC is, and its losses.
//!
//! They are entered before the stack hears of them and leave when their consumer closes, whatever the stack binds and
//! unbinds meanwhile: it binds all of them again at each negotiation, and state lost then would be media lost.

use crate::media::rtp::extension;
use crate::media::rtp::loss::{Statistics, Stream};
use crate::session::Consumer;
use crate::time::Moment;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Default)]
pub(super) struct Streams {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// By SSRC of the media.
    primary: HashMap<u32, Entry>,
    /// From the SSRC of retransmissions to that of the media.
    rtx: HashMap<u32, u32>,
    /// SSRCs to be asked for key frames.
    keyframes: Vec<u32>,
}

struct Entry {
    consumer: Arc<str>,
    payload_type: u8,
    extensions: extension::Ids,
    stream: Stream,
}

/// Where a packet belongs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) consumer: Arc<str>,
    pub(super) sequence: u64,
    /// It was sent again.
    pub(super) recovered: bool,
    /// It is of the consumer's media codec; else only its number matters.
    pub(super) media: bool,
    /// Numbers of its header extensions.
    pub(super) extensions: extension::Ids,
}

/// What an RTP header says that matters here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) ssrc: u32,
    pub(super) sequence: u16,
    pub(super) payload_type: u8,
}

impl Streams {
    /// Enter a consumer, or say which SSRC is taken (0 where it has none).
    pub(super) fn add(&self, consumer: &Consumer) -> Result<(), u32> {
        let ssrc = consumer.ssrc().ok_or(0_u32)?;
        let rtx = consumer.rtx_ssrc().filter(|rtx| *rtx != ssrc);
        let mut inner = self.lock();
        let taken = |ssrc: &u32| inner.primary.contains_key(ssrc) || inner.rtx.contains_key(ssrc);
        if let Some(ssrc) = [Some(ssrc), rtx].into_iter().flatten().find(taken) {
            return Err(ssrc);
        }
        let negotiated = consumer.rtp_parameters.header_extensions.iter();
        let entry = Entry {
            consumer: consumer.id.as_str().into(),
            payload_type: consumer.payload_type().unwrap_or_default(),
            extensions: extension::Ids::new(negotiated.map(|known| (known.uri.as_str(), known.id))),
            stream: Stream::new(consumer.kind, consumer.nack()),
        };
        inner.primary.insert(ssrc, entry);
        if let Some(rtx) = rtx {
            inner.rtx.insert(rtx, ssrc);
        }
        Ok(())
    }

    /// Take a consumer out; whether it was there.
    pub(super) fn remove(&self, consumer: &str) -> bool {
        let inner = &mut *self.lock();
        let before = inner.primary.len();
        inner.primary.retain(|_, entry| &*entry.consumer != consumer);
        inner.rtx.retain(|_, ssrc| inner.primary.contains_key(ssrc));
        inner.keyframes.retain(|ssrc| inner.primary.contains_key(ssrc));
        inner.primary.len() < before
    }

    /// The stream that an SSRC retransmits, if it does (RFC 4588).
    pub(super) fn repaired_by(&self, ssrc: u32) -> Option<u32> {
        self.lock().rtx.get(&ssrc).copied()
    }

    /// Take note of a packet. `None` for a duplicate and for what belongs to no consumer: bandwidth probes, and
    /// packets of consumers that are closed or not announced yet.
    pub(super) fn take(&self, header: Header, rtx: bool, now: Moment) -> Option<Place> {
        let mut inner = self.lock();
        let entry = inner.primary.get_mut(&header.ssrc)?;
        let taken = entry.stream.push(header.sequence, rtx, now)?;
        // RTX carries the payload type of the retransmission, not the media's.
        let media = rtx || header.payload_type == entry.payload_type;
        Some(Place {
            consumer: entry.consumer.clone(),
            sequence: taken.sequence,
            recovered: taken.recovered,
            media,
            extensions: entry.extensions,
        })
    }

    /// The consumer of an SSRC.
    pub(super) fn consumer(&self, ssrc: u32) -> Option<Arc<str>> {
        self.lock().primary.get(&ssrc).map(|entry| entry.consumer.clone())
    }

    /// Packets to ask for now: SSRC and sequence numbers.
    pub(super) fn due(&self, now: Moment) -> Vec<(u32, Vec<u16>)> {
        let mut inner = self.lock();
        let streams = inner.primary.iter_mut();
        streams
            .map(|(ssrc, entry)| (*ssrc, entry.stream.due(now)))
            .filter(|(_, list)| !list.is_empty())
            .collect()
    }

    /// When [`Streams::due`] wants to be called.
    pub(super) fn deadline(&self) -> Option<Moment> {
        self.lock().primary.values().filter_map(|entry| entry.stream.deadline()).min()
    }

    /// Note who is to be asked for a key frame.
    pub(super) fn want_keyframes(&self, consumers: &[&str]) {
        let inner = &mut *self.lock();
        for (ssrc, entry) in &inner.primary {
            if consumers.contains(&&*entry.consumer) && !inner.keyframes.contains(ssrc) {
                inner.keyframes.push(*ssrc);
            }
        }
    }

    /// Whom to ask for key frames, each once.
    pub(super) fn keyframes(&self) -> Vec<u32> {
        std::mem::take(&mut self.lock().keyframes)
    }

    pub(super) fn statistics(&self) -> HashMap<Arc<str>, Statistics> {
        self.lock()
            .primary
            .values()
            .map(|entry| (entry.consumer.clone(), entry.stream.statistics()))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
