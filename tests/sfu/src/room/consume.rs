//! Consumers: made paused, offered by a `newConsumer` request, resumed once that is answered.

use super::Room;
use super::peer::{Peer, Published};
use crate::bridge;
use crate::protoo::{Event, NewConsumer};
use anyhow::{Context, Result};
use mediasoup::prelude::*;
use std::sync::Arc;

impl Room {
    /// Gives `to` a consumer of what `from` has published. Runs by itself; failures are logged.
    pub(crate) fn consume(self: &Arc<Room>, to: Arc<Peer>, from: Arc<Peer>, published: Published) {
        if to.outbox.is_none() {
            return;
        }
        let room = Arc::clone(self);
        tokio::spawn(async move {
            for layer in layers(&to, &published.producer) {
                if let Err(error) = room.offer(&to, &from, &published, layer).await {
                    tracing::warn!(room = room.id, to = to.id, from = from.id, %error, "no consumer");
                }
            }
        });
    }

    async fn offer(
        self: &Arc<Room>,
        to: &Arc<Peer>,
        from: &Arc<Peer>,
        published: &Published,
        layer: Option<u8>,
    ) -> Result<()> {
        let Published { producer, app_data } = published;
        let (capabilities, transport) = {
            let state = to.state.lock().unwrap();
            let transport = state.transports.values().find(|t| t.consuming).map(|t| t.transport.clone());
            (state.capabilities.clone(), transport)
        };
        let Some(capabilities) = capabilities else { return Ok(()) }; // a peer that only publishes
        if !self.router.can_consume(&producer.id(), &capabilities) {
            anyhow::bail!("the peer's capabilities do not allow it to consume producer {}", producer.id());
        }
        let transport = transport.context("the peer has no transport for consuming")?;
        let mut options = ConsumerOptions::new(producer.id(), capabilities);
        options.paused = true;
        options.enable_rtx = Some(true);
        options.ignore_dtx = true;
        // With its layer preferred, mediasoup sends another one only while this one does not come.
        options.preferred_layers =
            layer.map(|spatial_layer| ConsumerLayers { spatial_layer, temporal_layer: None });
        let consumer = transport.consume(options).await?;
        let id = consumer.id();
        to.state.lock().unwrap().consumers.insert(id, consumer.clone());
        self.follow(to, &consumer);
        let offer = NewConsumer {
            peer_id: from.id.clone(),
            transport_id: transport.id(),
            consumer: consumer.clone(),
            app_data: app_data.clone(),
        };
        let outbox = to.outbox.as_ref().context("a fixture consumes nothing")?;
        let (method, data) =
            if to.recorder { bridge::offer(&offer, layer) } else { offer.render(self.shared.dialect) };
        outbox.request(method, data).await?;
        consumer.resume().await?;
        self.tell(to, &Event::ConsumerScore { id, score: consumer.score() });
        Ok(())
    }

    /// Passes on what mediasoup says of a consumer.
    fn follow(&self, to: &Arc<Peer>, consumer: &Consumer) {
        let id = consumer.id();
        let (notices, to) = (self.notices.clone(), Arc::downgrade(to));
        let tell = move |event: Event| drop(notices.send((Some(to.clone()), event)));
        let (closed, paused, resumed, scored) = (tell.clone(), tell.clone(), tell.clone(), tell.clone());
        consumer.on_producer_close(move || closed(Event::ConsumerClosed { id })).detach();
        consumer.on_producer_pause(move || paused(Event::ConsumerPaused { id })).detach();
        consumer.on_producer_resume(move || resumed(Event::ConsumerResumed { id })).detach();
        consumer.on_score(move |score| scored(Event::ConsumerScore { id, score: score.clone() })).detach();
        consumer.on_layers_change(move |layers| tell(Event::LayersChanged { id, layers: *layers })).detach();
    }
}

/// What of a producer a consumer is made of: all that comes, or each of its spatial layers.
fn layers(to: &Peer, producer: &Producer) -> Vec<Option<u8>> {
    let each = to.state.lock().unwrap().all_layers
        && producer.r#type() == mediasoup::producer::ProducerType::Simulcast;
    let count = producer.rtp_parameters().encodings.len() as u8;
    if each { (0..count).map(Some).collect() } else { vec![None] }
}
