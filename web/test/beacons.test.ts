import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Beacons, newSession, type Post, type Sent, type Sight, type Told } from '../src/beacons.ts';

interface Body {
  session_id: string;
  live: boolean;
  events: Told[];
}

/** A page that is played by a script, in steps of a tick. */
class Page implements Post {
  readonly bodies: Body[] = [];
  readonly left: Body[] = [];
  answer: Sent = 'taken';
  now = 5000;
  sight: Sight = { time: 0, playing: false, held: false, rate: 1, ended: false, live: false };
  readonly beacons = new Beacons('s', this);

  async send(body: string): Promise<Sent> {
    this.bodies.push(JSON.parse(body) as Body);
    return this.answer;
  }

  leave(body: string): void {
    this.left.push(JSON.parse(body) as Body);
  }

  /** So many milliseconds pass. Answers come in between. */
  async pass(millis: number): Promise<void> {
    for (const end = this.now + millis; this.now < end; ) {
      this.now += 100;
      if (this.sight.playing && !this.sight.held) this.sight.time += 0.1 * this.sight.rate;
      this.beacons.observe(this.now, this.sight);
      await Promise.resolve();
      await Promise.resolve();
      await Promise.resolve();
    }
  }

  async set(sight: Partial<Sight>): Promise<void> {
    Object.assign(this.sight, sight);
    this.beacons.observe(this.now, this.sight);
    await Promise.resolve();
  }

  /** All that was ever sent, each event once. */
  told(): Told[] {
    const all = new Map<number, Told>();
    for (const { events } of [...this.bodies, ...this.left]) for (const event of events) all.set(event.seq, event);
    return [...all.values()].sort((one, two) => one.seq - two.seq);
  }
}

const names = (told: Told[]) => told.map((event) => event.event).join(' ');

test('nothing is told of a page that never plays', async () => {
  const page = new Page();
  await page.pass(30_000);
  page.beacons.leave(page.now);
  assert.equal(page.bodies.length + page.left.length, 0);
});

test('play, stall, seek, pause and the end are told with where and when', async () => {
  const page = new Page();
  await page.pass(1000);
  await page.set({ playing: true, held: true });
  await page.pass(400);
  await page.set({ held: false });
  await page.pass(5000);
  await page.set({ held: true });
  await page.pass(2000);
  await page.set({ held: false });
  await page.pass(1000);
  await page.set({ time: 60, held: true });
  await page.pass(300);
  await page.set({ held: false });
  await page.pass(4000);
  await page.set({ playing: false });
  await page.pass(20_000);
  await page.set({ playing: true });
  await page.pass(1000);
  await page.set({ playing: false, ended: true, time: 65 });
  await page.pass(20_000);
  const told = page.told();
  assert.equal(names(told), 'play playing waiting playing seeking playing pause play playing ended');
  const rounded = told.map(({ t, position }) => [Math.round(t), Math.round(position * 10) / 10]);
  assert.deepEqual(rounded.slice(0, 6), [
    [0, 0],
    [400, 0],
    [5400, 5],
    [7400, 5],
    [8400, 60],
    [8700, 60],
  ]);
  assert.equal(Math.round((told[4]?.from ?? 0) * 10) / 10, 6);
  assert.equal(told[1]?.playback_rate, 1);
  assert.deepEqual(told.map((event) => event.seq), told.map((_, index) => index));
});

test('while it plays it is told every ten seconds, and sent as often', async () => {
  const page = new Page();
  await page.set({ playing: true });
  await page.pass(35_000);
  assert.equal(names(page.told()), 'play playing progress progress progress');
  assert.ok(page.bodies.length >= 3 && page.bodies.length <= 4, `${page.bodies.length}`);
  assert.equal(page.bodies[0]?.session_id, 's');
});

test('small corrections of the clock are no seeks', async () => {
  const page = new Page();
  await page.set({ playing: true });
  await page.pass(1000);
  await page.set({ time: page.sight.time - 0.3 });
  await page.pass(1000);
  page.beacons.leave(page.now);
  assert.equal(names(page.told()), 'play playing quit');
});

test('what could not be sent is sent again with the same numbers', async () => {
  const page = new Page();
  page.answer = 'again';
  await page.set({ playing: true });
  await page.pass(25_000);
  page.answer = 'taken';
  await page.pass(10_000);
  const sent = page.bodies.map(({ events }) => events.map((event) => event.seq));
  assert.deepEqual(sent[0]?.slice(0, 2), [0, 1]);
  assert.ok(sent.length > 2 && sent.slice(0, 3).every((seqs) => seqs[0] === 0), JSON.stringify(sent));
  assert.deepEqual(page.told().map((event) => event.seq), page.told().map((_, index) => index));
});

test('who is told that nobody wants it stops', async () => {
  const page = new Page();
  page.answer = 'never';
  await page.set({ playing: true });
  await page.pass(60_000);
  page.beacons.leave(page.now);
  assert.deepEqual([page.bodies.length, page.left.length], [1, 0]);
});

test('a page that goes away tells what is left, and begins anew if it comes back', async () => {
  const page = new Page();
  await page.set({ playing: true });
  await page.pass(3000);
  page.beacons.leave(page.now);
  assert.equal(names(page.left[0]?.events ?? []), 'play playing quit');
  await page.pass(20_000);
  assert.equal(names(page.told()), 'play playing quit play playing progress');
});

test('the speed is told', async () => {
  const page = new Page();
  await page.set({ playing: true });
  await page.pass(1000);
  await page.set({ rate: 2 });
  await page.pass(1000);
  page.beacons.leave(page.now);
  const told = page.told();
  assert.equal(names(told), 'play playing rate quit');
  assert.equal(told[2]?.playback_rate, 2);
});

test('sessions cannot be guessed', () => {
  assert.match(newSession(), /^[0-9a-f]{32}$/);
  assert.notEqual(newSession(), newSession());
});
