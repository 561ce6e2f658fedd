import assert from 'node:assert/strict';
import { test } from 'node:test';
import { correct, median, SEEK_FROM, TRIM_FROM, TRIM_MOST, TRIM_TO } from '../src/sync.ts';

test('a small error is left alone', () => {
  assert.deepEqual(correct(10, 10 + TRIM_FROM * 0.9, 1, false), { rate: 1, seek: null });
});

test('one who is behind is hurried, one who is ahead is slowed, and never by much', () => {
  const behind = correct(10.2, 10, 1, false);
  assert.ok(behind.rate > 1 && behind.rate <= 1 + TRIM_MOST && behind.seek === null);
  const ahead = correct(10, 10.4, 1.5, false);
  assert.ok(ahead.rate < 1.5 && ahead.rate >= 1.5 * (1 - TRIM_MOST) && ahead.seek === null);
});

test('a trim goes on until the error is nearly gone', () => {
  const error = (TRIM_FROM + TRIM_TO) / 2;
  assert.equal(correct(10 + error, 10, 1, false).rate, 1);
  assert.ok(correct(10 + error, 10, 1, true).rate > 1);
  assert.equal(correct(10 + TRIM_TO * 0.9, 10, 1, true).rate, 1);
});

test('a large error is repaired by a seek at plain speed', () => {
  assert.deepEqual(correct(10 + SEEK_FROM * 1.1, 10, 1.25, true), { rate: 1.25, seek: 10 + SEEK_FROM * 1.1 });
  assert.equal(correct(-1, 3, 1, false).seek, 0);
});

// The whole loop on simulated elements: what it promises is an error within 60 ms, soon and for good.
test('the loop brings elements into step within 60 ms and keeps them there', () => {
  for (const start of [-0.45, -0.2, -0.05, 0, 0.1, 0.45]) {
    for (const skew of [-0.001, 0, 0.001]) {
      let room = 100;
      let element = 100 + start;
      let trimming = false;
      let changes = 0;
      let rate = 1;
      for (let tick = 0; tick < 600; tick += 1) {
        const correction = correct(room, element, 1, trimming);
        assert.equal(correction.seek, null, `no seek from ${start}`);
        trimming = correction.rate !== 1;
        if (tick > 300 && correction.rate !== rate) changes += 1;
        rate = correction.rate;
        room += 0.1;
        element += 0.1 * rate * (1 + skew);
        if (tick > 150) assert.ok(Math.abs(room - element) < 0.06, `${start} ${skew}: ${room - element}`);
      }
      assert.ok(changes < 60, `the rate settles (${changes} changes in 30 s)`);
    }
  }
});

test('the median of some numbers', () => {
  assert.equal(median([]), null);
  assert.equal(median([3]), 3);
  assert.equal(median([5, 1, 3]), 3);
  assert.equal(median([4, 1, 3, 2]), 2);
});
