import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readManifest } from '../src/manifest.ts';
import { supportOf } from '../src/support.ts';

const STARTED = '2026-01-01T10:00:00Z';

function track(over: Record<string, unknown> = {}) {
  return {
    id: 't',
    kind: 'video',
    source: 'camera',
    codec: 'h264',
    codecs: 'avc1.42e01f',
    width: 640,
    height: 360,
    offset_us: 5_000_000,
    started_at: '2026-01-01T10:00:05Z',
    duration_us: 10_000_000,
    live: false,
    playlist: '/x.m3u8',
    ...over,
  };
}

function manifest(participants: unknown[], recording: Record<string, unknown> = {}) {
  return {
    recording: { id: 'r', title: 'T', room_id: 'room', status: 'completed', started_at: STARTED, ...recording },
    participants,
  };
}

test('a whole manifest is read', () => {
  const read = readManifest(
    manifest(
      [
        {
          id: 'p2',
          peer_id: 'peer2',
          display_name: 'Bea',
          offset_us: 5_000_000,
          left_at: '2026-01-01T10:00:15Z',
          playlist: '/p2.m3u8',
          tracks: [track()],
        },
        { id: 'p1', display_name: 'Ada', offset_us: 0, tracks: [track({ started_at: STARTED, offset_us: 0 })] },
      ],
      { duration_us: 20_000_000 },
    ),
    'r',
  );
  assert.equal(read.live, false);
  assert.equal(read.duration, 20);
  assert.deepEqual(read.participants.map((p) => [p.id, p.name, p.offset, p.end]), [
    ['p1', 'Ada', 0, 10],
    ['p2', 'Bea', 5, 15],
  ]);
  assert.equal(read.participants[1]?.playlist, '/p2.m3u8');
});

test('a participant is open while the recording and one of their tracks are live', () => {
  const person = (over: object) => ({ id: 'p', offset_us: 5e6, tracks: [track({ live: true })], ...over });
  const end = (over: object, status = 'recording') =>
    readManifest(manifest([person(over)], { status }), 'r').participants[0]?.end;
  assert.equal(end({}), null);
  assert.equal(end({ left_at: '2026-01-01T10:00:12Z' }), 15);
  assert.equal(end({ tracks: [track({ live: false })] }), 15);
  assert.equal(end({}, 'completed'), 15);
});

test('absent and wrong fields get plain defaults', () => {
  const read = readManifest(
    { recording: { status: 7, duration_us: 'long' }, participants: [{ id: 'a b' }, null, 3, {}, { id: '' }] },
    'r 1',
  );
  assert.equal(read.id, 'r 1');
  assert.equal(read.duration, 0);
  assert.equal(read.live, false);
  assert.deepEqual(read.participants.map((p) => [p.id, p.name, p.offset, p.end, p.tracks.length]), [
    ['a b', 'a b', 0, null, 0],
  ]);
  assert.equal(
    read.participants[0]?.playlist,
    '/api/v1/recordings/r%201/stream/playlist.m3u8?participant=a%20b',
  );
  assert.deepEqual(readManifest({}, 'r').participants, []);
  assert.throws(() => readManifest([], 'r'), /not a JSON object/);
  assert.throws(() => readManifest('x', 'r'), /not a JSON object/);
});

/** As the server tells it. */
function presentation(source: string, tracks: string[], playlist: string | null = `/p.m3u8?source=${source}`) {
  return { source, playlist, dash: null, tracks };
}

/** The tiles of one person. */
function tiles(presentations: object[], tracks: object[], status = 'completed') {
  const person = { id: 'p', display_name: 'Ada', offset_us: 1_000_000, playlist: '/p.m3u8', presentations, tracks };
  return readManifest(manifest([person], { status }), 'r').participants;
}

test('a screen beside a camera is a tile with its own playlist and sound, from its own start', () => {
  const times = { offset_us: 8_000_000, duration_us: 3_000_000 };
  const screen = track({ id: 's', source: 'screen', playlist: '/s.m3u8', ...times });
  const sound = { ...screen, id: 'ss', kind: 'audio', offset_us: 8_500_000, playlist: '/ss.m3u8' };
  const voice = track({ id: 'm', kind: 'audio', source: 'microphone' });
  const shown = (presentations: object[], ...tracks: object[]) =>
    tiles(presentations, tracks).map((tile) => [
      tile.id,
      tile.name,
      tile.offset,
      tile.start,
      tile.end,
      tile.playlist,
      tile.tracks.map((own) => own.id),
    ]);
  const both = [presentation('camera', ['c', 'm']), presentation('screen', ['s', 'ss'])];
  const ofScreen = ['p/screen', 'Ada (screen)', 1, 8, 11.5, '/p.m3u8?source=screen', ['s', 'ss']];
  assert.deepEqual(shown(both, screen, track({ id: 'c' }), sound, voice), [
    ['p', 'Ada', 1, 1, 15, '/p.m3u8?source=camera', ['c', 'm']],
    ofScreen,
  ]);
  // Who sends nothing else has no other tile; what has no media yet waits in one.
  assert.deepEqual(shown(both.slice(1), screen, sound), [ofScreen]);
  const [waiting] = shown(both.slice(1), screen, sound, track({ id: 'c', playlist: null }));
  assert.deepEqual(waiting?.slice(5), ['', ['c']]);
  // What plays from DASH alone is told of in the person's own tile.
  const vp8 = track({ id: 's', source: 'screen', codec: 'vp8', playback: { hls_js: false, note: 'no' } });
  const described = [presentation('camera', ['c']), presentation('screen', ['s'], null)];
  assert.deepEqual(shown(described, track({ id: 'c' }), vp8), [
    ['p', 'Ada', 1, 1, 15, '/p.m3u8?source=camera', ['c', 's']],
  ]);
});

test('layers of one picture are one tile', () => {
  const layer = (id: string, picture: string, width: number, over: object = {}) =>
    track({ id, picture_id: picture, width, height: width / 2, playlist: `/${id}.m3u8`, ...over });
  const screen = { source: 'screen', offset_us: 8_000_000, duration_us: 3_000_000 };
  const read = tiles(
    [presentation('camera', ['c0', 'c1', 'm']), presentation('screen', ['s0', 's1'])],
    [
      layer('c0', 'camera', 160),
      layer('s0', 'screen', 640, screen),
      layer('s1', 'screen', 1280, screen),
      layer('c1', 'camera', 640),
      track({ id: 'm', kind: 'audio', source: 'microphone', picture_id: null }),
      // A second screen, which no presentation shows. It came later than its lower layer and ended before it.
      layer('t0', 'second', 640, screen),
      layer('t1', 'second', 1280, { ...screen, offset_us: 9_000_000, duration_us: 1_000_000 }),
    ],
  );
  assert.deepEqual(
    read.map((tile) => [tile.id, tile.playlist, tile.start, tile.end, tile.tracks.map((own) => own.id)]),
    [
      ['p', '/p.m3u8?source=camera', 1, 15, ['c0', 'c1', 'm']],
      ['p/screen', '/p.m3u8?source=screen', 8, 11, ['s0', 's1']],
      ['p/second', '/t1.m3u8', 8, 11, ['t0', 't1']],
    ],
  );
});

test('nothing to play yet is told from a playlist that was not named', () => {
  const [person] = readManifest(manifest([{ id: 'p', playlist: null, tracks: [] }]), 'r').participants;
  assert.equal(person?.playlist, '');
});

test('an offset that is missing is taken from wall times', () => {
  const offset = (from: object) => readManifest(manifest([{ id: 'p', ...from }]), 'r').participants[0]?.offset;
  assert.equal(offset({ zero_at: '2026-01-01T10:00:03.250Z', joined_at: STARTED }), 3.25);
  assert.equal(offset({ joined_at: '2026-01-01T10:00:02Z' }), 2);
  assert.equal(offset({ offset_us: -5 }), 0);
});

function supportFor(...tracks: object[]) {
  const [person] = readManifest(manifest([{ id: 'p', tracks }]), 'r').participants;
  assert.ok(person);
  return supportOf(person, (_kind, codecs) => !codecs.startsWith('hvc1'));
}

test('what plays is said, and what does not is said with its reason', () => {
  assert.deepEqual(supportFor(track(), track({ kind: 'audio', codec: 'opus', codecs: 'opus' })), {
    video: true,
    audio: true,
    note: '',
  });
  const vp8 = supportFor(track({ codec: 'vp8', codecs: 'vp08.00.41.08', playable_on: ['a WebM download'] }));
  assert.equal(vp8.video, false);
  assert.match(vp8.note, /VP8.*a WebM download/);
  const hevc = supportFor(track({ codec: 'hevc', codecs: 'hvc1.1.6.L93' }));
  assert.equal(hevc.video, false);
  assert.match(hevc.note, /hevc/);
  const refused = supportFor(track({ error: 'B-frames' }));
  assert.equal(refused.video, false);
  assert.match(refused.note, /B-frames/);
});

test('the server says itself what does not play', () => {
  const { note, video } = supportFor(track({ codec: 'vp8', playback: { hls_js: false, note: 'VP8 plays in VLC' } }));
  assert.equal(note, 'The picture does not play here: VP8 plays in VLC.');
  assert.equal(video, false);
});

test('a track that is announced but not listed yet is not awaited', () => {
  assert.deepEqual(supportFor(track({ playlist: null })), { video: false, audio: false, note: '' });
});

test('a track without a codec string is tried', () => {
  assert.equal(supportFor(track({ codec: '', codecs: '' })).video, true);
});
