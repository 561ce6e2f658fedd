/**
 * One participant's media: an element, hls.js, and the mapping between the element's time and the
 * room's. Restarts what can be restarted; tells what cannot.
 */
import Hls, { ErrorTypes, Events, type ErrorData, type HlsConfig, type LevelDetails } from 'hls.js';
import type { Edge } from './presence.ts';
import type { Participant } from './manifest.ts';

/** What a stream asks of the page. */
export interface Surroundings {
  token(): string | null;
  /** A request was refused for want of a (valid) token. */
  refused(): void;
}

/** Timestamps are counted from the participant's own zero; an origin further off means something else. */
const ORIGIN_MOST = 30;

export class Stream {
  readonly element: HTMLMediaElement;
  /** Why nothing plays, or empty. */
  problem = '';
  #participant: Participant;
  #around: Surroundings;
  #hls: Hls | null = null;
  #details: LevelDetails | null = null;
  /** Seconds between the element's zero and the zero of the participant's timestamps. */
  #origin = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #recoveries = 0;
  #loading = false;
  #destroyed = false;

  constructor(participant: Participant, element: HTMLMediaElement, around: Surroundings) {
    this.#participant = participant;
    this.element = element;
    this.#around = around;
  }

  update(participant: Participant): void {
    this.#participant = participant;
  }

  /** True once loading was begun. */
  get started(): boolean {
    return this.#hls !== null || this.#retry !== undefined;
  }

  /** Room time of where the element stands. */
  get roomTime(): number {
    return this.toRoom(this.element.currentTime);
  }

  toRoom(media: number): number {
    return this.#participant.offset + this.#origin + media;
  }

  toMedia(room: number): number {
    return Math.max(0, room - this.#participant.offset - this.#origin);
  }

  /** Room time of the first media that the element holds. */
  get begin(): number {
    return Math.max(this.#participant.start, this.#participant.offset + this.#origin);
  }

  /** Room time of the end of its media, or null while it may still grow. */
  get end(): number | null {
    const details = this.#details;
    if (details && !details.live) return this.toRoom(details.edge);
    return this.#participant.end;
  }

  /** How far its live playlist reaches, or null if it is not live or not known yet. */
  get edge(): Edge | null {
    const details = this.#details;
    if (!details?.live) return null;
    return {
      listed: this.toRoom(details.edge),
      age: details.age,
      segment: details.averagetargetduration ?? details.targetduration,
    };
  }

  /** True if it could go on now: media is there and no seek is under way. */
  get ready(): boolean {
    return this.element.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA && !this.element.seeking;
  }

  /** Begins loading, so that playing can begin at this room time. */
  start(room: number): void {
    if (this.started || this.#destroyed || !this.#participant.playlist) return;
    if (!Hls.isSupported()) {
      this.problem = 'This browser has no Media Source Extensions, which this page needs.';
      return;
    }
    const hls = new Hls(this.#config(this.toMedia(room)));
    this.#hls = hls;
    hls.on(Events.LEVEL_UPDATED, (_event, data) => {
      this.#details = data.details;
      this.#loading = false;
      this.problem = '';
    });
    hls.on(Events.INIT_PTS_FOUND, (_event, data) => {
      const origin = data.initPTS / data.timescale;
      if (data.id === 'main' && Math.abs(origin) < ORIGIN_MOST) this.#origin = origin;
    });
    hls.on(Events.ERROR, (_event, data) => this.#failed(data));
    this.#loading = true;
    hls.loadSource(this.#participant.playlist);
    hls.attachMedia(this.element);
  }

  /** Starts again at a room time: another token, or another set of tracks. */
  restart(room: number): void {
    this.stop();
    this.#recoveries = 0;
    this.start(room);
  }

  stop(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#hls?.destroy();
    this.#hls = null;
    this.#details = null;
    this.#origin = 0;
  }

  destroy(): void {
    this.#destroyed = true;
    this.stop();
  }

  #config(startPosition: number): Partial<HlsConfig> {
    return {
      startPosition,
      // Fragmented MP4 is passed through, so a worker would only copy.
      enableWorker: false,
      // Layers are no larger than their tile, and one of each participant comes at once: nothing to measure.
      capLevelToPlayerSize: true,
      testBandwidth: false,
      // The room clock decides where to be and how fast; hls.js only loads.
      lowLatencyMode: false,
      maxLiveSyncPlaybackRate: 1,
      // Everybody's media is in memory at once.
      maxBufferLength: 20,
      maxMaxBufferLength: 30,
      maxBufferSize: 30_000_000,
      backBufferLength: 30,
      // Audio and video of one person may begin some hundred milliseconds apart.
      maxBufferHole: 0.5,
      enableDateRangeMetadataCues: false,
      enableInterstitialPlayback: false,
      xhrSetup: (xhr, url) => {
        const target = new URL(url, location.href);
        // A blocked reload holds one of the six connections that HTTP/1.1 has for all participants.
        target.searchParams.delete('_HLS_msn');
        target.searchParams.delete('_HLS_part');
        xhr.open('GET', target.href, true);
        const token = this.#around.token();
        if (token && target.origin === location.origin) {
          xhr.setRequestHeader('Authorization', `Bearer ${token}`);
        }
      },
    };
  }

  #failed(data: ErrorData): void {
    const status = data.response?.code ?? 0;
    if (status === 401) {
      this.#around.refused();
      this.problem = 'The token was refused.';
      this.#hls?.stopLoad();
      return;
    }
    if (!data.fatal) return;
    const room = this.roomTime;
    if (data.type === ErrorTypes.MEDIA_ERROR && this.#recoveries < 3) {
      this.#recoveries += 1;
      this.#hls?.recoverMediaError();
      return;
    }
    this.problem = describe(data, status);
    // Someone who has just come in may have no segment yet; a server may be restarting.
    if (this.#recoveries < 3 || data.type === ErrorTypes.NETWORK_ERROR) {
      if (data.type !== ErrorTypes.NETWORK_ERROR) this.#recoveries += 1;
      this.stop();
      this.#retry = setTimeout(() => {
        this.#retry = undefined;
        this.start(room);
      }, 2000);
    }
  }

  /** True while the first playlist is awaited. */
  get loading(): boolean {
    return this.#loading;
  }
}

function describe(data: ErrorData, status: number): string {
  if (status === 403) return 'You may not watch this.';
  if (status === 404) return 'Nothing to play yet.';
  if (status > 0) return `The server answered with status ${status}.`;
  if (data.type === ErrorTypes.NETWORK_ERROR) return 'The server does not answer.';
  return `This browser cannot play it (${data.details}).`;
}
