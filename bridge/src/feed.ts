import type { types } from 'mediasoup';
import type { AttachOptions } from './options.js';
import { type Data, isData, messageOf, Refusal, text } from './protocol.js';

/** Enough for the highest layers of some participants from the first second; mediasoup measures and goes on from it. */
const FIRST_BITRATE = 10_000_000;

/** A producer that is to be recorded. */
export interface Published {
  producer: types.Producer;
  peerId: string;
  source: string;
}

/** What a feed says to the recorder. */
export interface Voice {
  /** `withdrawn`: it is not asked any more. */
  request(method: string, data: Data, withdrawn: AbortSignal): Promise<Data>;
  notify(method: string, data: Data): void;
  failed(error: Error): void;
}

interface Entry {
  consumer: types.Consumer;
  published: Published;
  layer: number | undefined;
  layers: types.ConsumerLayers | undefined;
}

/** What one recording receives: its transport and its consumers. */
export class Feed {
  /** The recorder's name here. */
  readonly recorderId: string;
  readonly recordingId: string;
  readonly layers: 'max' | 'all';
  observing = false;
  #closed = false;
  #transport: types.WebRtcTransport | undefined;
  #capabilities: types.RtpCapabilities | undefined;
  #consumers = new Map<string, Entry>();
  /** Producers that are consumed or about to be. */
  #wanted = new Map<string, Published>();

  constructor(
    private readonly router: types.Router,
    private readonly options: AttachOptions,
    private readonly voice: Voice,
    attach: Data,
  ) {
    if (attach['version'] !== 1) throw new Refusal(426, 'this application speaks version 1');
    const layers = attach['layers'] ?? 'max';
    if (layers !== 'max' && layers !== 'all') throw new Refusal(400, 'layers must be max or all');
    this.layers = layers;
    const recorder = isData(attach['recorder']) ? attach['recorder'] : {};
    this.recorderId = String(recorder['id'] ?? '');
    this.recordingId = this.recorderId.replace(/^tureen-/, '');
  }

  async request(method: string, data: Data): Promise<Data> {
    switch (method) {
      case 'createTransport':
        return this.#createTransport();
      case 'connectTransport':
        await this.#transportOf(data).connect({ dtlsParameters: data['dtlsParameters'] as types.DtlsParameters });
        return {};
      case 'restartIce':
        return { iceParameters: await this.#transportOf(data).restartIce() };
      case 'requestKeyFrame':
        await this.#consumerOf(data).requestKeyFrame();
        return {};
      case 'setPreferredLayers': {
        const layers: types.ConsumerLayers = { spatialLayer: Number(data['spatialLayer']) };
        if (typeof data['temporalLayer'] === 'number') layers.temporalLayer = data['temporalLayer'];
        await this.#consumerOf(data).setPreferredLayers(layers);
        return {};
      }
      case 'closeConsumer': {
        const { published, consumer } = this.#entryOf(data);
        this.#consumers.delete(consumer.id);
        consumer.close();
        const { id } = published.producer;
        if (![...this.#consumers.values()].some((other) => other.published.producer.id === id)) this.#wanted.delete(id);
        return {};
      }
      default:
        throw new Refusal(404, `unknown method ${method}`);
    }
  }

  /** From here on consumers are offered. */
  observe(data: Data): void {
    this.#transportOf(data);
    if (!isData(data['rtpCapabilities'])) throw new Refusal(400, 'rtpCapabilities must be an object');
    this.#capabilities = data['rtpCapabilities'] as types.RtpCapabilities;
    this.observing = true;
  }

  /** Offer a producer, or each of its layers. */
  publish(published: Published): void {
    const { producer } = published;
    if (!this.observing || this.#closed || producer.closed || this.#wanted.has(producer.id)) return;
    this.#wanted.set(producer.id, published);
    const count = this.layers === 'all' && producer.type === 'simulcast' ? (producer.rtpParameters.encodings?.length ?? 1) : 0;
    const layers = count > 0 ? [...Array(count).keys()] : [undefined];
    void (async () => {
      for (const layer of layers) await this.#offer(published, layer);
    })().catch((error: unknown) => {
      if (this.#wants(published)) this.voice.failed(new Error(`producer ${producer.id} cannot be recorded: ${messageOf(error)}`));
      this.unpublish(producer.id);
    });
  }

  /** Offer a producer once more that the recorder had refused, or whose consumers it had closed. */
  publishAgain(published: Published): void {
    const { id } = published.producer;
    if ([...this.#consumers.values()].some((other) => other.published.producer.id === id)) return;
    this.#wanted.delete(id);
    // Another object: what may still be under way of the one before is not wanted.
    this.publish({ ...published });
  }

  /** Close what is consumed of a producer, at once. */
  unpublish(producerId: string): void {
    this.#wanted.delete(producerId);
    for (const { consumer, published } of this.#consumers.values()) {
      if (published.producer.id === producerId) consumer.close();
    }
  }

  /** Every consumer that there is, for a recorder that was away. */
  state(): Data[] {
    return [...this.#consumers.values()].map(({ consumer, layers }) => ({
      consumerId: consumer.id,
      producerPaused: consumer.producerPaused,
      spatialLayer: layers?.spatialLayer ?? null,
      temporalLayer: layers?.temporalLayer ?? null,
    }));
  }

  close(): void {
    this.#closed = true;
    this.observing = false;
    this.#wanted.clear();
    this.#consumers.clear();
    this.#transport?.close();
  }

  async #createTransport(): Promise<Data> {
    // Asked again: the recorder begins anew.
    this.#transport?.close();
    const { webRtcServer, listenInfos, transport: more } = this.options;
    const where = webRtcServer ? { webRtcServer } : { listenInfos: listenInfos ?? [{ protocol: 'udp' as const, ip: '127.0.0.1' }] };
    const transport = await this.router.createWebRtcTransport({
      enableTcp: false,
      initialAvailableOutgoingBitrate: FIRST_BITRATE,
      ...more,
      ...where,
      appData: { ...more?.appData, tureen: this.recordingId },
    } as types.WebRtcTransportOptions);
    if (this.#closed) {
      transport.close();
      throw new Refusal(409, 'the recording is over');
    }
    this.#transport = transport;
    const { id, iceParameters, iceCandidates, dtlsParameters } = transport;
    return { transportId: id, iceParameters, iceCandidates, dtlsParameters };
  }

  #transportOf(data: Data): types.WebRtcTransport {
    const transport = this.#transport;
    if (transport === undefined || transport.closed || transport.id !== text(data, 'transportId')) {
      throw new Refusal(404, 'no such transport');
    }
    return transport;
  }

  #entryOf(data: Data): Entry {
    const entry = this.#consumers.get(text(data, 'consumerId'));
    if (entry === undefined) throw new Refusal(404, 'no such consumer');
    return entry;
  }

  #consumerOf(data: Data): types.Consumer {
    return this.#entryOf(data).consumer;
  }

  #wants(published: Published): boolean {
    return !this.#closed && !published.producer.closed && this.#wanted.get(published.producer.id) === published;
  }

  async #offer(published: Published, layer: number | undefined): Promise<void> {
    const { producer } = published;
    const transport = this.#transport;
    const rtpCapabilities = this.#capabilities;
    if (transport === undefined || rtpCapabilities === undefined || !this.#wants(published)) return;
    if (!this.router.canConsume({ producerId: producer.id, rtpCapabilities })) throw new Error('its codec is not recorded');
    const consumer = await transport.consume({
      producerId: producer.id,
      rtpCapabilities,
      paused: true,
      // Without it sound is not sent again.
      enableRtx: true,
      // mediasoup sends another layer only while this one does not come.
      ...(layer !== undefined && { preferredLayers: { spatialLayer: layer } }),
      appData: { tureen: this.recordingId },
    });
    // Excluded, or closed, while mediasoup made it.
    if (!this.#wants(published) || consumer.closed) {
      consumer.close();
      return;
    }
    this.#consumers.set(consumer.id, { consumer, published, layer, layers: consumer.currentLayers });
    this.#follow(consumer);
    // What closes before it is answered must not be offered later, after a state without it: nobody would close it then.
    const withdrawn = new AbortController();
    consumer.observer.once('close', () => withdrawn.abort());
    const offer = {
      consumerId: consumer.id,
      producerId: producer.id,
      peerId: published.peerId,
      kind: consumer.kind,
      source: published.source,
      type: consumer.type,
      rtpParameters: consumer.rtpParameters,
      producerPaused: consumer.producerPaused,
      ...(layer !== undefined && { spatialLayer: layer }),
    };
    try {
      await this.voice.request('newConsumer', offer, withdrawn.signal);
    } catch (error) {
      // Not wanted; told by its own code, so that nothing is told twice.
      this.#consumers.delete(consumer.id);
      consumer.close();
      if (error instanceof Refusal && [403, 409, 410].includes(error.code)) return;
      throw error;
    }
    if (!consumer.closed) await consumer.resume();
  }

  #follow(consumer: types.Consumer): void {
    const consumerId = consumer.id;
    const entry = () => this.#consumers.get(consumerId);
    consumer.observer.on('close', () => {
      if (this.#consumers.delete(consumerId)) this.voice.notify('consumerClosed', { consumerId });
    });
    consumer.on('producerpause', () => entry() && this.voice.notify('consumerPaused', { consumerId }));
    consumer.on('producerresume', () => entry() && this.voice.notify('consumerResumed', { consumerId }));
    consumer.on('score', ({ score, producerScore }) => {
      if (entry()) this.voice.notify('consumerScore', { consumerId, score, producerScore });
    });
    consumer.on('layerschange', (layers) => {
      const found = entry();
      if (found === undefined) return;
      found.layers = layers;
      const { spatialLayer = null, temporalLayer = null } = layers ?? {};
      this.voice.notify('consumerLayers', { consumerId, spatialLayer, temporalLayer });
    });
  }
}
