//! Who is heard: mediasoup's audio level observer, and how producers part from it.
//!
//! mediasoup calls back on its worker's thread, under the lock of all its subscriptions. To name who is heard the
//! observer takes a handle of each producer and drops it after our callback. Were that the last handle, the producer
//! would end there and then, and taking back its subscription would wait for the lock that its own thread holds: the
//! worker stands still for ever. So a producer that is observed keeps one handle more, here, until the observer has
//! let go of it: the answer to that request comes on the worker's thread, when no callback runs.

use super::{Notices, Owner};
use crate::protoo::Event;
use anyhow::{Context, Result};
use mediasoup::prelude::*;
use std::collections::HashMap;
use std::num::NonZeroU16;
use std::sync::{Mutex, mpsc};
use std::thread::JoinHandle;

/// The observer, and a handle of everything it observes.
pub(super) struct Levels {
    observer: AudioLevelObserver,
    heard: Mutex<HashMap<ProducerId, Producer>>,
    parting: Option<Parting>,
}

/// A thread of its own: a runtime that is shut down would drop its tasks, and the handles with them, at any time.
struct Parting {
    producers: mpsc::Sender<Producer>,
    thread: JoinHandle<()>,
}

impl Levels {
    pub(super) async fn create(router: &Router, notices: &Notices) -> Result<Levels> {
        let mut options = AudioLevelObserverOptions::default();
        options.max_entries = NonZeroU16::new(8).context("not zero")?;
        options.threshold = -80;
        options.interval = 800;
        let observer = router.create_audio_level_observer(options).await?;
        hear(&observer, notices);
        let (producers, parted) = mpsc::channel();
        let of = observer.clone();
        let thread = std::thread::Builder::new().name("levels".into()).spawn(move || part(&of, &parted))?;
        Ok(Levels { observer, heard: Mutex::default(), parting: Some(Parting { producers, thread }) })
    }

    pub(super) async fn add(&self, producer: &Producer) {
        let id = producer.id();
        self.heard.lock().unwrap().insert(id, producer.clone());
        if let Err(error) = self.observer.add_producer(RtpObserverAddProducerOptions::new(id)).await {
            tracing::debug!(%error, "the level observer refused a producer");
        }
        // It may have left meanwhile, and the observer been asked in the wrong order.
        if !self.heard.lock().unwrap().contains_key(&id) {
            self.part(producer.clone());
        }
    }

    /// Before the owner's handles of a producer are dropped.
    pub(super) fn remove(&self, id: ProducerId) {
        let removed = self.heard.lock().unwrap().remove(&id);
        if let Some(producer) = removed {
            self.part(producer);
        }
    }

    fn part(&self, producer: Producer) {
        if let Some(parting) = &self.parting {
            drop(parting.producers.send(producer));
        }
    }
}

impl Drop for Levels {
    fn drop(&mut self) {
        let heard = std::mem::take(&mut *self.heard.lock().unwrap());
        heard.into_values().for_each(|producer| self.part(producer));
        if let Some(Parting { producers, thread }) = self.parting.take() {
            drop(producers);
            drop(thread.join());
        }
    }
}

/// Takes producers from the observer and drops them, until nobody sends more.
fn part(observer: &AudioLevelObserver, producers: &mpsc::Receiver<Producer>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    while let Ok(producer) = producers.recv() {
        if let Err(error) = runtime.block_on(observer.remove_producer(producer.id())) {
            tracing::debug!(%error, "the level observer keeps a producer");
        }
    }
}

fn hear(observer: &AudioLevelObserver, notices: &Notices) {
    let speaking = notices.clone();
    let owner = |v: &AudioLevelObserverVolume| Some(v.producer.app_data().downcast_ref::<Owner>()?.0.clone());
    observer
        .on_volumes(move |volumes| {
            let volumes = volumes.iter().filter_map(|v| Some((owner(v)?, v.volume))).collect();
            drop(speaking.send((None, Event::Speaking { volumes })));
        })
        .detach();
    let silent = notices.clone();
    observer.on_silence(move || drop(silent.send((None, Event::Speaking { volumes: Vec::new() })))).detach();
}
