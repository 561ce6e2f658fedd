/** The room: all members on one clock. Called every tick; draws nothing but its tiles. */
import type { Sight } from './beacons.ts';
import { RoomClock } from './clock.ts';
import type { Manifest } from './manifest.ts';
import { Member } from './member.ts';
import { followRate, livePosition } from './presence.ts';
import type { Surroundings } from './stream.ts';
import { median } from './sync.ts';

/** A stall shorter than this (ms) is left to the trim; the others go on. */
const GRACE = 250;
/** Elements take a moment to start: this long (ms) after a start the clock is set to where they are. */
const SNAP_AFTER = 300;
/** Being this far (seconds) behind the live position still counts as live. */
const LIVE_WITHIN = 3;

export class Room {
  readonly clock = new RoomClock();
  readonly members = new Map<string, Member>();
  manifest: Manifest | null = null;
  onBlocked: () => void = () => {};
  #grid: HTMLElement;
  #around: Surroundings;
  #following = false;
  #extra = 0;
  /** After play or seek nobody starts before everybody can. */
  #eager = true;
  /** When the clock last began to run, until it was set to the elements. */
  #ranSince: number | null = null;
  /** How late (seconds) elements were at the last start. */
  #startLag = 0.08;
  #speed = 1;
  #joinLive = false;
  /** Somebody, or a link, said where to be. */
  #placed = false;
  #volume = 1;
  #muted = false;
  #context: AudioContext | null = null;

  constructor(grid: HTMLElement, around: Surroundings) {
    this.#grid = grid;
    this.#around = around;
  }

  update(manifest: Manifest): string[] {
    const joined: string[] = [];
    const first = this.manifest === null;
    this.manifest = manifest;
    const ids = new Set(manifest.participants.map((participant) => participant.id));
    for (const [id, member] of this.members) {
      if (!ids.has(id)) this.#remove(id, member);
    }
    for (const participant of manifest.participants) {
      const known = this.members.get(participant.id);
      if (known) known.update(participant);
      // Their first camera or microphone since: another playlist, another element.
      if (known && !known.outdated()) continue;
      if (known) this.#remove(participant.id, known);
      else if (!first) joined.push(participant.name);
      const member = new Member(participant, this.#around);
      member.tile.onVolume = () => this.#applyVolume(member);
      this.#applyVolume(member);
      this.members.set(participant.id, member);
      this.#grid.append(member.tile.root);
    }
    this.#grid.style.setProperty('--columns', String(columnsFor(this.members.size)));
    return joined;
  }

  /** One step: look, decide, correct. */
  tick(now: number): void {
    const time = this.clock.time(now);
    for (const member of this.members.values()) member.observe(now, time);
    this.#settleHold(now);
    this.#settleLive(now);
    if (this.clock.playing && !this.live && this.length > 0 && time >= this.length) this.#finish(now);
    this.#snap(now);
    const at = {
      now,
      time: this.clock.time(now),
      rate: this.clock.rate,
      running: this.clock.running,
      startLag: this.#startLag,
    };
    for (const member of this.members.values()) {
      member.follow(at, () => this.#blocked(now));
      member.show(now, this.#context);
    }
  }

  play(now: number): void {
    // Sound levels need a context, which a browser lets start only after a gesture such as this.
    if (!this.#context && typeof AudioContext !== 'undefined') this.#context = new AudioContext();
    void this.#context?.resume().catch(() => undefined);
    if (!this.live && this.clock.time(now) >= this.length - 0.1) this.seek(now, 0);
    if (this.#joinLive) {
      this.#joinLive = false;
      this.goLive(now);
    }
    this.#eager = true;
    this.clock.hold(now, true);
    this.clock.play(now);
    this.tick(now);
  }

  pause(now: number): void {
    this.#following = false;
    this.clock.pause(now);
    this.tick(now);
  }

  seek(now: number, time: number): void {
    const live = this.livePosition;
    this.#placed = true;
    this.#following = live !== null && time >= live - 0.5;
    const at = Math.min(Math.max(0, time), live ?? Math.max(0, this.length));
    this.#jump(now, at);
  }

  goLive(now: number): void {
    const live = this.livePosition;
    if (live === null) return;
    this.setSpeed(now, 1);
    this.#jump(now, live);
    this.#following = true;
    this.#placed = false;
    if (!this.clock.playing) this.play(now);
  }

  setSpeed(now: number, speed: number): void {
    this.#speed = speed;
    this.#following &&= speed === 1;
    this.clock.setRate(now, speed);
    this.#ranSince = null;
  }

  setVolume(volume: number, muted: boolean): void {
    this.#volume = volume;
    this.#muted = muted;
    for (const member of this.members.values()) this.#applyVolume(member);
  }

  /** Starts again what a refused token stopped. */
  retry(now: number): void {
    const time = this.clock.time(now);
    for (const member of this.members.values()) {
      if (member.stream.problem) member.stream.restart(time);
    }
  }

  get live(): boolean {
    return this.manifest?.live ?? false;
  }

  /** True while the room is watched as it happens. */
  atLive(now: number): boolean {
    const live = this.livePosition;
    return this.#following && live !== null && live - this.clock.time(now) < LIVE_WITHIN;
  }

  get livePosition(): number | null {
    if (!this.live) return null;
    const edges = [...this.members.values()]
      .map((member) => member.stream.edge)
      .filter((edge) => edge !== null);
    return livePosition(edges, this.#extra);
  }

  /** Room time up to which there is media. */
  get length(): number {
    const ends = [...this.members.values()].map((m) => m.stream.edge?.listed ?? m.end ?? 0);
    const known = Math.max(0, ...ends);
    // Streams know better than a manifest that is seconds old, once they are all there.
    return this.live ? Math.max(known, this.manifest?.duration ?? 0) : known || (this.manifest?.duration ?? 0);
  }

  #jump(now: number, time: number): void {
    this.clock.seek(now, time);
    this.#eager = true;
    this.clock.hold(now, true);
    for (const member of this.members.values()) member.jump(now, time);
    this.tick(now);
  }

  #settleHold(now: number): void {
    const time = this.clock.time(now);
    const members = [...this.members.values()];
    const alone = !members.some((member) => member.going);
    const longest = Math.max(0, ...members.map((member) => member.waiting(now, time, alone)));
    if (longest === 0) {
      this.#eager = false;
      this.clock.hold(now, false);
    } else if (this.#eager || longest > GRACE) {
      // A stall while live means that we are too close to the edge for this connection.
      if (!this.clock.held && this.#following) this.#extra = Math.min(6, this.#extra + 0.5);
      this.clock.hold(now, true);
    }
  }

  /** All elements start about equally late; moving the clock once is better than hurrying them all. */
  #snap(now: number): void {
    if (!this.clock.running) {
      this.#ranSince = null;
      return;
    }
    this.#ranSince ??= now;
    if (now - this.#ranSince < SNAP_AFTER || this.#ranSince === Number.NEGATIVE_INFINITY) return;
    this.#ranSince = Number.NEGATIVE_INFINITY;
    const time = this.clock.time(now);
    const late = median([...this.members.values()].filter((m) => m.playing).map((m) => time - m.stream.roomTime));
    if (late === null || Math.abs(late) > 0.4) return;
    this.clock.seek(now, time - late);
    if (late > 0) this.#startLag = Math.min(0.25, late);
  }

  #settleLive(now: number): void {
    if (!this.#following) {
      if (this.clock.rate !== this.#speed) this.clock.setRate(now, this.#speed);
      return;
    }
    const live = this.livePosition;
    const speed = live === null ? null : followRate(live - this.clock.time(now), this.clock.rate);
    if (live !== null && speed === 'jump') this.#jump(now, live);
    else if (typeof speed === 'number') this.clock.setRate(now, speed);
    if (!this.live) this.#following = false;
  }

  /** The browser wants a gesture before it plays sound. A live room is joined at its edge or where it was to be. */
  #blocked(now: number): void {
    this.pause(now);
    this.#joinLive = this.live && !this.#placed;
    this.onBlocked();
  }

  #finish(now: number): void {
    this.clock.pause(now);
    this.clock.seek(now, this.length);
  }

  #remove(id: string, member: Member): void {
    member.destroy();
    this.members.delete(id);
  }

  #applyVolume(member: Member): void {
    const { element, volume } = member.tile;
    element.volume = Math.min(1, volume * this.#volume);
    element.muted = this.#muted || volume === 0;
  }

  /** What of it is told to the service. */
  sight(now: number): Sight {
    const { playing, held, rate } = this.clock;
    const time = this.clock.time(now);
    const ended = !this.live && this.length > 0 && time >= this.length - 0.05;
    return { time, playing, held, rate, ended, live: this.live };
  }

  state(now: number): Record<string, unknown> {
    const time = this.clock.time(now);
    return {
      time,
      playing: this.clock.playing,
      held: this.clock.held,
      rate: this.clock.rate,
      live: this.live,
      following: this.#following,
      livePosition: this.livePosition,
      duration: this.length,
      ended: !this.live && this.length > 0 && time >= this.length - 0.05,
      status: this.manifest?.status ?? '',
      participants: [...this.members.values()].map((member) => member.state(time)),
    };
  }
}

function columnsFor(count: number): number {
  return Math.max(1, Math.ceil(Math.sqrt(count)));
}
