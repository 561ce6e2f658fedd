import { EventEmitter } from 'node:events';
import type { types } from 'mediasoup';
import { Feed, type Published } from './feed.js';
import { Line, type LineOptions } from './line.js';
import { type AttachOptions, type Names, namesOf, participantOf, passes, type Participant, sourceOf } from './options.js';
import { type Data, messageOf, NO_RETRY, Refusal, text } from './protocol.js';

export interface SessionEvents {
  /** The recorder has let us in. `resumed`: after a pause in the connection, nothing is lost. */
  attached: [{ resumed: boolean }];
  /** The connection is away; media goes on, and the connection is made anew by itself. */
  detached: [];
  /** A recording receives from now on. */
  recording: [{ recordingId: string }];
  /** It has ended. */
  stopped: [{ recordingId: string }];
  /** Something went wrong. The application goes on, and so does the session unless `closed` follows. */
  error: [Error];
  /** The session is over. */
  closed: [{ reason: string }];
}

/** mediasoup's observer of something that closes. */
interface Closing {
  once(event: 'close', listener: () => void): unknown;
  off(event: 'close', listener: () => void): unknown;
}

interface Known extends Published {
  participant: Participant;
}

/** A room that is attached to a recorder. Emits {@link SessionEvents}. */
export class Session extends EventEmitter<SessionEvents> {
  readonly roomId: string;
  #line: Line;
  #feed: Feed | undefined;
  #known = new Map<string, Known>();
  /** Whom the recorder knows. */
  #peers = new Map<string, Names>();
  #names = new Map<string, Names>();
  /** Who is there by the application's word, whether or not they publish. */
  #here = new Set<string>();
  #excluded = new Set<string>();
  #closed = false;
  /** The last recording that received, by its recorder's name. */
  #recorded: string | undefined;
  /** Undoes what was hung on those of the application's objects that are still there. */
  #undo = new Set<() => void>();
  #grace: NodeJS.Timeout | undefined;

  /** @internal Made by `Recorder.attach`. */
  constructor(
    private readonly router: types.Router,
    private readonly options: AttachOptions,
    private readonly where: LineOptions,
  ) {
    super();
    this.roomId = options.roomId;
    this.#line = new Line(where, {
      hello: () => this.#hello(),
      request: (method, data, after) => this.#request(method, data, after),
      notification: (method, data) => this.#notification(method, data),
      up: (resumed) => this.#up(resumed),
      down: () => this.#down(),
      over: (reason) => this.#end(reason),
      failed: (error) => this.#failed(error),
    });
    this.#watch();
    this.#line.connect();
  }

  /** Whether the recorder is reached right now. */
  get attached(): boolean {
    return this.#line.isOpen;
  }

  /** The recording that receives, if one does. */
  get recordingId(): string | undefined {
    return this.#feed?.observing ? this.#feed.recordingId : undefined;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * A participant is in the room, until `leave`, whether or not they publish. Who was never told of is there while
   * something of them is recorded.
   */
  join(peerId: string, names: Names = {}): void {
    if (this.#closed) return;
    this.#here.add(peerId);
    if (names.displayName !== undefined || names.userId !== undefined) this.update(peerId, names);
    if (this.#feed?.observing) this.#guard(() => this.#introduce(peerId));
  }

  /** A participant has left the room. */
  leave(peerId: string): void {
    this.#here.delete(peerId);
    this.#names.delete(peerId);
    this.#guard(() => this.#settle(peerId));
  }

  /** Record nothing more of a participant, from this moment on. */
  exclude(peerId: string): void {
    this.#excluded.add(peerId);
    for (const [id, known] of this.#known) {
      if (known.peerId === peerId) this.#feed?.unpublish(id);
    }
    this.#guard(() => this.#settle(peerId));
  }

  /** Record a participant again. */
  include(peerId: string): void {
    if (this.#excluded.delete(peerId)) this.#guard(() => this.#offerAll());
  }

  /** A participant has another name, or the user behind it is known. */
  update(peerId: string, names: Names): void {
    const now = { ...this.#names.get(peerId), ...names };
    this.#names.set(peerId, now);
    if (!this.#peers.has(peerId)) return;
    this.#peers.set(peerId, { ...this.#peers.get(peerId), ...names });
    this.#line.notify('peerUpdated', person(peerId, this.#peers.get(peerId) ?? {}));
  }

  /** Add a producer that was there before the room was attached. */
  add(producer: types.Producer): void {
    this.#guard(() => this.#published(producer));
  }

  /** The room is over: its recording ends. */
  close(reason = 'the room is closed'): void {
    if (this.#closed) return;
    this.#line.close(NO_RETRY, reason);
    this.#end(reason);
  }

  #watch(): void {
    const { router, options } = this;
    const onTransport = (transport: types.Transport) => {
      const onProducer = (producer: types.Producer) => this.add(producer);
      transport.observer.on('newproducer', onProducer);
      this.#undoBeforeClose(transport.observer, () => transport.observer.off('newproducer', onProducer));
    };
    const onClose = () => this.close();
    const onDeath = () => {
      // The application may make the room anew on another worker: the recording waits for that.
      this.#line.close(1011, "mediasoup's worker died");
      this.#end("mediasoup's worker died");
    };
    router.observer.on('newtransport', onTransport);
    router.observer.on('close', onClose);
    router.prependListener('workerclose', onDeath);
    this.#undo.add(() => {
      router.observer.off('newtransport', onTransport);
      router.observer.off('close', onClose);
      router.off('workerclose', onDeath);
    });
    // mediasoup lists its transports for its own tests only; where it does, those that are there are watched too.
    const transports = (router as { transportsForTesting?: unknown }).transportsForTesting;
    if (transports instanceof Map) for (const transport of transports.values()) onTransport(transport as types.Transport);
    for (const producer of options.producers ?? []) this.add(producer);
    const { activeSpeakerObserver, audioLevelObserver } = options;
    const speaks = (producer?: types.Producer) => {
      const peerId = producer && this.#known.get(producer.id)?.peerId;
      const told = peerId !== undefined && this.#peers.has(peerId) && !this.#excluded.has(peerId);
      if (this.#feed?.observing) this.#line.notify('activeSpeaker', { peerId: told ? peerId : null });
    };
    if (activeSpeakerObserver) {
      const on = ({ producer }: types.ActiveSpeakerObserverDominantSpeaker) => speaks(producer);
      activeSpeakerObserver.on('dominantspeaker', on);
      this.#undo.add(() => activeSpeakerObserver.off('dominantspeaker', on));
    }
    if (audioLevelObserver) {
      const on = (volumes: types.AudioLevelObserverVolume[]) => speaks(volumes[0]?.producer);
      const silence = () => speaks();
      audioLevelObserver.on('volumes', on);
      audioLevelObserver.on('silence', silence);
      this.#undo.add(() => audioLevelObserver.off('volumes', on).off('silence', silence));
    }
  }

  #published(producer: types.Producer): void {
    if (this.#closed || producer.closed || this.#known.has(producer.id)) return;
    const participant = participantOf(this.options, producer);
    if (participant === undefined) return;
    const source = sourceOf(producer.kind, participant.source);
    const known = { producer, participant, source, peerId: participant.peerId };
    this.#known.set(producer.id, known);
    const onClose = () => {
      this.#known.delete(producer.id);
      this.#feed?.unpublish(producer.id);
      this.#guard(() => this.#settle(known.peerId));
    };
    producer.observer.once('close', onClose);
    this.#undoBeforeClose(producer.observer, () => producer.observer.off('close', onClose));
    this.#offer(known);
  }

  #wanted(known: Known): boolean {
    const { producer, participant, peerId, source } = known;
    return (
      !this.#excluded.has(peerId) &&
      passes(this.options.filter, {
        producer,
        peerId,
        userId: participant.userId,
        kind: producer.kind,
        source: source as ReturnType<typeof sourceOf>,
      })
    );
  }

  #offer(known: Known, again = false): void {
    if (!this.#feed?.observing || !this.#wanted(known)) return;
    this.#introduce(known.peerId, known.participant);
    if (again) this.#feed.publishAgain(known);
    else this.#feed.publish(known);
  }

  #offerAll(): void {
    for (const known of this.#known.values()) this.#guard(() => this.#offer(known));
  }

  /** The recorder is told of a participant, or of a name that it lacks. */
  #introduce(peerId: string, names?: Names): void {
    const method = this.#peers.has(peerId) ? 'peerUpdated' : 'peerJoined';
    const told = this.#learn(peerId, names);
    if (told !== undefined) this.#line.notify(method, told);
  }

  /** What is new to the recorder of a participant, if anything is. */
  #learn(peerId: string, names: Names = namesOf(this.options, peerId) ?? {}): Data | undefined {
    const known = this.#peers.get(peerId);
    const own = this.#names.get(peerId);
    const now = {
      displayName: known?.displayName ?? own?.displayName ?? names.displayName,
      userId: known?.userId ?? own?.userId ?? names.userId,
    };
    if (known && known.displayName === now.displayName && known.userId === now.userId) return undefined;
    this.#peers.set(peerId, now);
    return person(peerId, now);
  }

  /** The recorder is told that a participant has left, if nothing says that they are there. */
  #settle(peerId: string): void {
    if (!this.#peers.has(peerId) || this.#here.has(peerId)) return;
    const publishes = [...this.#known.values()].some((known) => known.peerId === peerId && this.#wanted(known));
    if (publishes) return;
    this.#peers.delete(peerId);
    this.#line.notify('peerLeft', { peerId });
  }

  #hello(): Data {
    const { roomId, metadata, title, record, layers } = this.options;
    return {
      roomId,
      ...(metadata && { metadata }),
      ...(title !== undefined && { title }),
      ...(record !== undefined && { record }),
      // Somebody may have stopped it, which the recorder knows: nothing starts by itself then.
      ...(this.#recorded !== undefined && { recorded: this.#recorded }),
      ...(layers !== undefined && { layers }),
    };
  }

  async #request(method: string, data: Data, after: (then: () => void) => void): Promise<Data> {
    if (method === 'attach') {
      this.#stop();
      const voice = {
        request: (method: string, data: Data, withdrawn: AbortSignal) => this.#line.request(method, data, withdrawn),
        notify: (method: string, data: Data) => this.#line.notify(method, data),
        failed: (error: Error) => this.#failed(error),
      };
      this.#feed = new Feed(this.router, this.options, voice, data);
      return { version: 1, routerRtpCapabilities: this.router.rtpCapabilities };
    }
    const feed = this.#feed;
    if (feed === undefined) throw new Refusal(409, 'attach first');
    if (method === 'offerAgain') {
      const peerId = text(data, 'peerId');
      const theirs = () => [...this.#known.values()].filter((known) => known.peerId === peerId);
      after(() => {
        if (this.#feed === feed) for (const known of theirs()) this.#guard(() => this.#offer(known, true));
      });
      return {};
    }
    if (method !== 'observe') return feed.request(method, data);
    feed.observe(data);
    this.#recorded = feed.recorderId;
    const peers: Data[] = [];
    const meet = (peerId: string, names?: Names) => {
      if (this.#peers.has(peerId)) return;
      const person = this.#learn(peerId, names);
      if (person !== undefined) peers.push(person);
    };
    for (const known of this.#known.values()) {
      this.#guard(() => this.#wanted(known) && meet(known.peerId, known.participant));
    }
    for (const peerId of this.#here) this.#guard(() => meet(peerId));
    after(() => {
      if (this.#feed !== feed) return;
      this.#tell('recording', { recordingId: feed.recordingId });
      this.#offerAll();
    });
    return { peers };
  }

  #notification(method: string, data: Data): void {
    if (method === 'detach') this.#stop();
    if (method === 'error') this.#failed(new Error(`the recorder: ${String(data['errorReason'])}`));
  }

  #up(resumed: boolean): void {
    clearTimeout(this.#grace);
    if (!resumed) this.#stop();
    else if (this.#feed?.observing) {
      const peers = [...this.#peers].map(([peerId, names]) => person(peerId, names));
      this.#line.notify('state', { peers, consumers: this.#feed.state() });
    }
    this.#tell('attached', { resumed });
  }

  #down(): void {
    // Media goes on without a WebSocket, for as long as the recorder waits for one.
    this.#grace = setTimeout(() => this.#stop(), this.where.grace ?? 60_000);
    this.#grace.unref();
    this.#tell('detached');
  }

  /** The recording is over. */
  #stop(): void {
    const feed = this.#feed;
    this.#feed = undefined;
    this.#peers.clear();
    if (feed === undefined) return;
    const { observing } = feed;
    this.#guard(() => feed.close());
    this.#line.forget();
    if (observing) this.#tell('stopped', { recordingId: feed.recordingId });
  }

  #end(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#grace);
    this.#stop();
    for (const undo of this.#undo) undo();
    this.#undo.clear();
    this.#known.clear();
    this.#tell('closed', { reason });
  }

  /** What closes needs nothing undone: a room may see many come and go. */
  #undoBeforeClose(observer: Closing, undo: () => void): void {
    const onClose = () => this.#undo.delete(undoAll);
    const undoAll = () => {
      undo();
      observer.off('close', onClose);
    };
    observer.once('close', onClose);
    this.#undo.add(undoAll);
  }

  /** Nothing of ours, nor of the application's callbacks, reaches the code that called. */
  #guard(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#failed(error instanceof Error ? error : new Error(messageOf(error)));
    }
  }

  #failed(error: Error): void {
    // Without a listener an 'error' would be thrown.
    if (this.listenerCount('error') > 0) this.#tell('error', error);
    else process.emitWarning(`tureen-bridge, room ${this.roomId}: ${error.message}`);
  }

  #tell<K extends keyof SessionEvents>(event: K, ...args: SessionEvents[K]): void {
    try {
      (this.emit as (event: K, ...args: SessionEvents[K]) => boolean).call(this, event, ...args);
    } catch (error) {
      process.emitWarning(`tureen-bridge, room ${this.roomId}: a listener of '${String(event)}' failed: ${messageOf(error)}`);
    }
  }
}

function person(peerId: string, { displayName, userId }: Names): Data {
  return { peerId, ...(displayName !== undefined && { displayName }), ...(userId !== undefined && { userId }) };
}
