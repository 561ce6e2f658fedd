/**
 * Tells the service what is watched (docs/analytics.md), by looking at the room clock each tick. What could not be sent
 * is sent again with the numbers that it had, so that it counts once. Draws nothing and reads no clock.
 */

/** While it plays it is told that it does, so often (ms); and what there is to tell is sent so often. */
const HEARTBEAT = 10_000;
const EVERY = 10_000;
/** Room time that is so far (seconds) from where it would have come by itself was moved. The room corrects less. */
const MOVED = 0.6;
/** Events of one request, and events that are kept when none can be sent. */
const AT_ONCE = 256;
const MOST = 2000;

/** The room at a moment. */
export interface Sight {
  /** Room time in seconds. */
  time: number;
  /** It was told to play. */
  playing: boolean;
  /** It waits for media. */
  held: boolean;
  rate: number;
  /** It stands at its end. */
  ended: boolean;
  live: boolean;
}

/** An event as it is sent. */
export interface Told {
  seq: number;
  t: number;
  event: string;
  position: number;
  from?: number;
  playback_rate?: number;
}

/** What became of a request: its events are taken, are to be sent again, or nobody wants any. */
export type Sent = 'taken' | 'again' | 'never';

/** How bodies go out. */
export interface Post {
  send(body: string): Promise<Sent>;
  /** The page goes away: nobody waits for an answer. */
  leave(body: string): void;
}

export class Beacons {
  #post: Post;
  #session: string;
  #began: number | null = null;
  #seq = 0;
  #queue: Told[] = [];
  #before: (Sight & { now: number }) | null = null;
  /** Media is shown; what is waited for otherwise is a start or the target of a seek. */
  #shows = false;
  #beat = 0;
  #tried = 0;
  #sending = false;
  #wanted = true;

  constructor(session: string, post: Post) {
    this.#session = session;
    this.#post = post;
  }

  /** One step. */
  observe(now: number, sight: Sight): void {
    const before = this.#before;
    this.#before = { ...sight, now };
    const running = sight.playing && !sight.held;
    const ran = before !== null && before.playing && !before.held;
    const expected = before === null ? sight.time : before.time + (ran ? ((now - before.now) / 1000) * before.rate : 0);
    const finished = before !== null && before.playing && !sight.playing && sight.ended;
    if (this.#began !== null && !finished && Math.abs(sight.time - expected) > MOVED) {
      this.#tell(now, 'seeking', sight.time, { from: expected });
      this.#shows = false;
    }
    if (sight.playing && !before?.playing) {
      this.#tell(now, 'play', sight.time);
      this.#shows = false;
    }
    if (running && !this.#shows) {
      this.#tell(now, 'playing', sight.time, { playback_rate: sight.rate });
      this.#shows = true;
    } else if (running && before !== null && sight.rate !== before.rate) {
      this.#tell(now, 'rate', sight.time, { playback_rate: sight.rate });
    } else if (sight.playing && sight.held && this.#shows) {
      this.#tell(now, 'waiting', sight.time);
      this.#shows = false;
    } else if (!sight.playing && before?.playing) {
      this.#tell(now, finished ? 'ended' : 'pause', sight.time);
      this.#shows = false;
    } else if (running && now - this.#beat >= HEARTBEAT) {
      this.#tell(now, 'progress', sight.time);
    }
    if (this.#queue.length > 0 && now - this.#tried >= EVERY) void this.flush(now);
  }

  /** Sends what there is to tell. */
  async flush(now: number): Promise<void> {
    this.#tried = now;
    if (this.#sending || !this.#wanted || this.#queue.length === 0) return;
    const told = this.#queue.slice(0, AT_ONCE);
    this.#sending = true;
    const sent = await this.#post.send(this.#body(told)).catch((): Sent => 'again');
    this.#sending = false;
    const last = told[told.length - 1]?.seq ?? -1;
    if (sent === 'taken') this.#queue = this.#queue.filter((event) => event.seq > last);
    if (sent === 'never') this.#stop();
  }

  /** The page is put away, and may never come back. */
  spill(): void {
    if (!this.#wanted || this.#queue.length === 0) return;
    // It is kept: whether it arrives is not told.
    for (let first = 0; first < this.#queue.length; first += AT_ONCE) {
      this.#post.leave(this.#body(this.#queue.slice(first, first + AT_ONCE)));
    }
  }

  /** The page goes away. If it comes back, it begins anew with what it plays. */
  leave(now: number): void {
    if (this.#began === null) return;
    this.#tell(now, 'quit', this.#at(now));
    this.spill();
    this.#before = null;
    this.#shows = false;
  }

  #at(now: number): number {
    const before = this.#before;
    if (before === null) return 0;
    const ran = before.playing && !before.held;
    return before.time + (ran ? ((now - before.now) / 1000) * before.rate : 0);
  }

  #tell(now: number, event: string, position: number, more: Pick<Told, 'from' | 'playback_rate'> = {}): void {
    if (!this.#wanted) return;
    if (this.#began === null) {
      this.#began = now;
      this.#tried = now;
    }
    this.#beat = now;
    this.#queue.push({ seq: this.#seq, t: now - this.#began, event, position, ...more });
    this.#seq += 1;
    if (this.#queue.length > MOST) this.#queue.shift();
  }

  #body(events: Told[]): string {
    return JSON.stringify({
      session_id: this.#session,
      player: 'tureen watch',
      live: this.#before?.live ?? false,
      events,
    });
  }

  #stop(): void {
    this.#wanted = false;
    this.#queue = [];
  }
}

/** An id that nobody can guess. `crypto.randomUUID` is there in secure contexts only. */
export function newSession(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Posts to a recording. The token goes out in a header; in the address only where a browser can do no other. */
export function postTo(recordingId: string, token: () => string | null): Post {
  const path = `/api/v1/recordings/${encodeURIComponent(recordingId)}/progress`;
  const request = (body: string): Promise<Response> => {
    const headers: Record<string, string> = { 'Content-Type': 'application/json' };
    const known = token();
    if (known) headers['Authorization'] = `Bearer ${known}`;
    // It outlives the page.
    return fetch(path, { method: 'POST', headers, body, keepalive: true, cache: 'no-store' });
  };
  return {
    async send(body) {
      // Without one nothing plays either.
      if (!token()) return 'again';
      const { ok, status } = await request(body);
      if (ok) return 'taken';
      return status === 401 || status === 408 || status === 429 || status >= 500 ? 'again' : 'never';
    },
    leave(body) {
      const known = token();
      if (!known) return;
      if ('keepalive' in Request.prototype) request(body).catch(() => {});
      else navigator.sendBeacon(`${path}?token=${encodeURIComponent(known)}`, body);
    },
  };
}
