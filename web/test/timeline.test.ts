import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RoomClock } from '../src/clock.ts';
import { clockText, spokenTime } from '../src/format.ts';
import { followRate, liveDelay, livePosition, presence } from '../src/presence.ts';

test('the clock runs only while it plays and is not held', () => {
  const clock = new RoomClock();
  assert.equal(clock.time(1000), 0);
  clock.play(1000);
  assert.equal(clock.time(3500), 2.5);
  clock.hold(4000, true);
  assert.equal(clock.time(9000), 3);
  assert.equal(clock.running, false);
  clock.hold(9000, false);
  assert.equal(clock.time(10_000), 4);
  clock.pause(10_000);
  assert.equal(clock.time(20_000), 4);
});

test('the clock keeps its time when speed changes and when it is sought', () => {
  const clock = new RoomClock();
  clock.play(0);
  clock.setRate(2000, 2);
  assert.equal(clock.time(2000), 2);
  assert.equal(clock.time(3000), 4);
  clock.seek(3000, 100);
  assert.equal(clock.time(3500), 101);
  clock.seek(3500, -5);
  assert.equal(clock.time(3500), 0);
});

test('holding twice, or playing twice, loses no time', () => {
  const clock = new RoomClock();
  clock.play(0);
  clock.play(1000);
  clock.hold(2000, true);
  clock.hold(5000, true);
  clock.hold(6000, false);
  clock.hold(7000, false);
  assert.equal(clock.time(8000), 4);
});

test('a participant is before, here and left, and the end counts as left', () => {
  const interval = { start: 5, end: 9 };
  assert.equal(presence(interval, 4.999), 'before');
  assert.equal(presence(interval, 5), 'here');
  assert.equal(presence(interval, 8.999), 'here');
  assert.equal(presence(interval, 9), 'left');
  assert.equal(presence({ start: 5, end: null }, 1e6), 'here');
});

test('the live position is that of whoever is furthest behind', () => {
  const ahead = { listed: 60, age: 0, segment: 2 };
  const behind = { listed: 56, age: 0, segment: 2 };
  const delay = liveDelay(ahead, 0);
  assert.equal(livePosition([ahead, behind], 0), 56 - delay);
  assert.equal(livePosition([ahead, behind], 1.5), 56 - delay - 1.5);
  assert.equal(livePosition([], 0), null);
  assert.equal(livePosition([{ listed: 1, age: 0, segment: 2 }], 0), 0);
});

test('the live position moves on between two readings, but no further than a segment', () => {
  const at = (age: number) => livePosition([{ listed: 60, age, segment: 2 }], 0) ?? Number.NaN;
  assert.equal(at(1) - at(0), 1);
  assert.equal(at(5) - at(0), 2);
});

test('someone who went silent does not keep the others from the edge', () => {
  const silent = { listed: 20, age: 30, segment: 2 };
  const going = { listed: 60, age: 0, segment: 2 };
  assert.equal(livePosition([silent, going], 0), livePosition([going], 0));
  assert.notEqual(livePosition([silent], 0), null);
});

test('following live: steady when near, faster when behind, a jump when far', () => {
  assert.equal(followRate(0, 1), 1);
  assert.equal(followRate(0.9, 1), 1);
  assert.equal(followRate(1.2, 1), 1.1);
  assert.equal(followRate(0.5, 1.1), 1.1, 'keeps hurrying until it is caught up');
  assert.equal(followRate(0.2, 1.1), 1);
  assert.equal(followRate(-3, 1), 1);
  assert.equal(followRate(9, 1), 'jump');
});

test('times as text', () => {
  assert.equal(clockText(0), '0:00');
  assert.equal(clockText(65.9), '1:05');
  assert.equal(clockText(3723), '1:02:03');
  assert.equal(clockText(-1), '0:00');
  assert.equal(clockText(Number.NaN), '0:00');
  assert.equal(spokenTime(3661), '1 hour 1 minute 1 second');
  assert.equal(spokenTime(120), '2 minutes');
  assert.equal(spokenTime(0), '0 seconds');
});
