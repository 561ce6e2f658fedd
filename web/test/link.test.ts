import assert from 'node:assert/strict';
import { test } from 'node:test';
import { placeFrom, roomTime } from '../src/link.ts';
import { readManifest } from '../src/manifest.ts';

const place = (rest: string) => placeFrom(new URL(`http://h/watch/1${rest}`));

test('an address names a place in seconds or by the clock on the wall', () => {
  assert.deepEqual(place('?t=90'), { seconds: 90 });
  assert.deepEqual(place('#token=a.b.c&t=12.5'), { seconds: 12.5 });
  assert.deepEqual(place('?t=1#share=x&t=2'), { seconds: 2 });
  const wall = { wall: Date.UTC(2026, 10, 29, 10, 0, 0, 250) };
  assert.deepEqual(place('?t=2026-11-29T10:00:00.25Z'), wall);
  assert.deepEqual(place('#t=2026-11-29T11:00:00.250%2B01:00'), wall);
  assert.deepEqual(place('#t=2026-11-29T11:00:00.250+01:00'), wall, 'a plus sign is a space there');
});

test('nonsense names no place', () => {
  const nonsense = ['', '-1', '+1', '1e3', '0x10', ' 1', '1s', '1.', '.5', '9999999999', 'NaN', 'Infinity'];
  const times = ['2026-11-29', '2026-11-29T10:00:00', '2026-13-29T10:00:00Z', '29 Nov 2026', '2026-11-29T10:00:00Z x'];
  for (const text of [...nonsense, ...times]) {
    assert.equal(place(`?t=${encodeURIComponent(text)}`), null, text);
  }
  assert.equal(place(''), null);
});

test('a wall time is found on the timeline, which stands still in pauses', () => {
  const at = (time: string) => `2026-01-01T10:${time}Z`;
  const pauses = [
    { offset_us: 60e6, paused_at: at('01:00'), resumed_at: at('03:00') },
    { offset_us: 120e6, paused_at: at('04:00'), resumed_at: null },
  ];
  const manifest = readManifest({ recording: { started_at: at('00:00'), pauses } }, 'r');
  const room = (time: string) => roomTime({ wall: Date.parse(at(time)) }, manifest);
  const times = ['00:00', '00:30', '01:00', '02:00', '03:00', '03:30', '04:00', '09:00'];
  assert.deepEqual(times.map(room), [0, 30, 60, 60, 60, 90, 120, 120]);
  assert.equal(roomTime({ wall: Date.parse('2026-01-01T09:59:59Z') }, manifest), null, 'before it began');
  assert.equal(roomTime({ seconds: 7.5 }, manifest), 7.5);
  assert.equal(roomTime({ wall: 0 }, readManifest({}, 'r')), null, 'nobody knows when it began');
});
