/** One participant on the page: the tile, the stream, and how well it keeps up with the room. */
import { Level } from './level.ts';
import type { Participant } from './manifest.ts';
import { presence, type Presence } from './presence.ts';
import { Stream, type Surroundings } from './stream.ts';
import { browserProbe, supportOf } from './support.ts';
import { correct, SEEK_FROM } from './sync.ts';
import { Tile } from './tile.ts';

/** Load this long (seconds of room time) before someone joins. */
const AHEAD = 15;
/** Who is silent for this long (ms) is not waited for any more. */
const LOST_AFTER = 6000;
/** Media that begins later than its playlist says is waited for this long (ms). */
const HOLE_AFTER = 1500;
/** A seek made to keep up aims this far (seconds) ahead, as it takes a moment itself. */
const SEEK_LEAD = 0.2;
const SEEK_PAUSE = 1500;
/** A last moment shorter than this (seconds) is not waited for. */
const TAIL = 0.4;

/** Where the room is. */
export interface RoomPoint {
  /** Milliseconds of the page's clock. */
  now: number;
  /** Room time, seconds. */
  time: number;
  rate: number;
  /** Whether room time passes. */
  running: boolean;
  /** How long (seconds) an element takes from play() to its first sound. */
  startLag: number;
}

export class Member {
  participant: Participant;
  readonly tile: Tile;
  readonly stream: Stream;
  presence: Presence = 'before';
  #level: Level | null = null;
  #waitingSince: number | null = null;
  #sought: number | null = null;
  #soughtAt = Number.NEGATIVE_INFINITY;
  #trimming = false;
  #entry: ReturnType<typeof setTimeout> | undefined;

  constructor(participant: Participant, around: Surroundings) {
    this.participant = participant;
    this.tile = new Tile(participant);
    this.stream = new Stream(participant, this.tile.element, around);
  }

  update(participant: Participant): void {
    this.participant = participant;
    this.stream.update(participant);
    this.tile.rename(participant.name);
  }

  /** True if the set of what plays has changed since the tile was made. */
  outdated(): boolean {
    const now = supportOf(this.participant, browserProbe);
    const then = this.tile.support;
    return now.video !== then.video || (!then.audio && now.audio);
  }

  destroy(): void {
    this.#cancelEntry();
    this.#level?.close();
    this.stream.destroy();
    this.tile.root.remove();
  }

  get end(): number | null {
    return this.stream.end;
  }

  /** There is something in it that this browser plays. */
  get playable(): boolean {
    const { video, audio } = this.tile.support;
    return this.participant.playlist !== '' && (video || audio || this.participant.tracks.length === 0);
  }

  /** Looks where it stands at this room time, and loads what will be wanted. */
  observe(now: number, time: number): void {
    this.presence = presence({ start: this.stream.begin, end: this.end }, time);
    const soon = this.presence === 'before' && this.participant.start - time < AHEAD;
    if (this.playable && (this.presence === 'here' || soon)) this.stream.start(Math.max(time, this.stream.begin));
    const waiting = this.presence === 'here' && this.playable && !this.stream.ready && !this.#atTail(time);
    if (!waiting) this.#waitingSince = null;
    else this.#waitingSince ??= now;
  }

  /**
   * For how long (ms) it has kept the room waiting; 0 if it does not, or is given up. `alone` says that
   * nobody else could go on, so that giving up would help nobody.
   */
  waiting(now: number, time: number, alone: boolean): number {
    if (this.#waitingSince === null) return 0;
    const waited = now - this.#waitingSince;
    const patience = this.#beforeHole(time) ? HOLE_AFTER : alone ? Number.POSITIVE_INFINITY : LOST_AFTER;
    return waited > patience ? 0 : Math.max(1, waited);
  }

  /** It is in the room and has what it needs. */
  get going(): boolean {
    return this.presence === 'here' && this.playable && this.#waitingSince === null;
  }

  /** True if nothing is loaded for this room time but something is for a later one. */
  #beforeHole(time: number): boolean {
    return coverage(this.stream.element.buffered, this.stream.toMedia(time)) === 'hole';
  }

  /** It is in the room, playing and not loading. */
  get playing(): boolean {
    const { element } = this.stream;
    return this.presence === 'here' && this.stream.ready && !element.paused && !element.ended;
  }

  /** Brings the element to where the room is. */
  follow(at: RoomPoint, onBlocked: () => void): void {
    const { element } = this.stream;
    const here = this.presence === 'here' && this.playable;
    if (!here || !at.running) {
      if (this.presence === 'before' && this.#enters(at, onBlocked)) return;
      this.#cancelEntry();
      if (!element.paused) element.pause();
      if (this.presence !== 'left') this.#place(at.time);
      return;
    }
    this.#cancelEntry();
    if (element.ended) return;
    const loaded = coverage(element.buffered, this.stream.toMedia(at.time));
    if (!this.stream.ready && loaded === 'hole') {
      // hls.js would jump over the hole, ahead of the room.
      element.pause();
      this.#place(at.time);
      return;
    }
    if (element.paused) this.#start(onBlocked);
    // An element that waits in a hole gets out of it only by a seek.
    if (this.stream.ready || loaded === 'loaded') this.#keepUp(at);
  }

  #keepUp({ now, time, rate }: RoomPoint): void {
    const { element } = this.stream;
    const correction = correct(this.stream.toMedia(time), element.currentTime, rate, this.#trimming);
    if (correction.seek !== null) {
      if (now - this.#soughtAt > SEEK_PAUSE) this.#seek(now, correction.seek + SEEK_LEAD * rate);
    } else {
      this.#trimming = correction.rate !== rate;
    }
    if (Math.abs(element.playbackRate - correction.rate) > 0.001) element.playbackRate = correction.rate;
  }

  /** True while it is about to come in: started a moment early, so that it sounds in time. */
  #enters({ time, rate, running, startLag }: RoomPoint, onBlocked: () => void): boolean {
    const wait = (this.stream.begin - time) / rate - startLag;
    if (!running || !this.stream.ready || wait > 0.15) return false;
    if (this.#entry !== undefined) return true;
    this.stream.element.playbackRate = rate;
    this.#entry = setTimeout(() => this.#start(onBlocked), Math.max(0, wait * 1000));
    return true;
  }

  #cancelEntry(): void {
    clearTimeout(this.#entry);
    this.#entry = undefined;
  }

  #start(onBlocked: () => void): void {
    this.stream.element.play().catch((error: unknown) => {
      if (error instanceof DOMException && error.name === 'NotAllowedError') onBlocked();
    });
  }

  /** The person moved the room to another time. */
  jump(now: number, time: number): void {
    this.#waitingSince = null;
    this.#sought = null;
    this.#trimming = false;
    if (this.stream.started && this.stream.element.readyState > 0) {
      this.#seek(now, this.stream.toMedia(Math.max(time, this.stream.begin)));
    }
  }

  show(now: number, context: AudioContext | null): void {
    const { element } = this.stream;
    const heard = context?.state === 'running' && !element.paused && element instanceof HTMLAudioElement;
    if (heard) this.#level ??= new Level(context, element);
    this.tile.show({
      presence: this.presence,
      start: this.participant.start,
      empty: !this.playable && this.participant.end === null,
      waiting: this.#waitingSince !== null && now - this.#waitingSince > 300,
      problem: this.stream.problem,
      level: heard ? (this.#level?.read() ?? 0) : 0,
    });
  }

  /** Puts a standing element at its place; once, as a seek may land beside its aim. */
  #place(time: number): void {
    const target = this.stream.toMedia(Math.max(time, this.stream.begin));
    const { element } = this.stream;
    if (element.readyState === 0 || element.seeking || this.#sought === target) return;
    if (Math.abs(element.currentTime - target) > 0.1) {
      this.#sought = target;
      element.currentTime = target;
    }
  }

  #seek(now: number, media: number): void {
    const last = this.end === null ? Number.POSITIVE_INFINITY : this.stream.toMedia(this.end) - 0.05;
    this.#soughtAt = now;
    this.stream.element.currentTime = Math.max(0, Math.min(media, last));
  }

  #atTail(time: number): boolean {
    if (this.stream.element.ended) return true;
    return this.end !== null && this.end - time < TAIL && this.stream.element.readyState > 0;
  }

  state(time: number): Record<string, unknown> {
    const { element } = this.stream;
    const target = this.stream.toMedia(time);
    return {
      id: this.participant.id,
      name: this.participant.name,
      presence: this.presence,
      offset: this.participant.offset,
      end: this.end,
      roomTime: this.stream.roomTime,
      target,
      currentTime: element.currentTime,
      error: this.presence === 'here' ? element.currentTime - target : null,
      inStep: Math.abs(element.currentTime - target) < SEEK_FROM,
      readyState: element.readyState,
      paused: element.paused,
      ended: element.ended,
      seeking: element.seeking,
      playbackRate: element.playbackRate,
      volume: element.volume,
      muted: element.muted,
      buffered: Array.from({ length: element.buffered.length }, (_, i) => [
        element.buffered.start(i),
        element.buffered.end(i),
      ]),
      problem: this.stream.problem,
      note: this.tile.support.note,
      video: element instanceof HTMLVideoElement,
    };
  }
}

/** Whether a time is loaded, lies before something loaded (a hole), or is still to be loaded. */
function coverage(buffered: TimeRanges, time: number): 'loaded' | 'hole' | 'empty' {
  let later = false;
  for (let i = 0; i < buffered.length; i += 1) {
    if (buffered.start(i) <= time && time < buffered.end(i)) return 'loaded';
    later ||= buffered.start(i) > time;
  }
  return later ? 'hole' : 'empty';
}
