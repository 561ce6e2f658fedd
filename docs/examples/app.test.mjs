// What the example promises: so few lines, and an application that does what it did before, recorder or not. That its
// rooms are recorded is shown in tests/e2e/tests/all/bridge.rs.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { mediasoup } from '../../bridge/test/worker.mjs';

mediasoup(import.meta.url);
const file = (name) => fileURLToPath(new URL(name, import.meta.url));

test('attaching changes fewer than 15 lines', () => {
  const { stdout } = spawnSync('diff', [file('app.mjs'), file('app-with-tureen.mjs')], { encoding: 'utf8' });
  const changed = stdout.split('\n').filter((line) => /^[<>]/.test(line));
  const of = (sign) => changed.filter((line) => line.startsWith(sign)).length;
  console.log(`${of('<')} lines out, ${of('>')} lines in`);
  assert.ok(changed.length > 0 && changed.length < 15, stdout);
  const lines = readFileSync(file('app.mjs'), 'utf8').split('\n').length;
  assert.ok(lines >= 30 && lines <= 150, `${lines} lines`);
});

for (const name of ['app.mjs', 'app-with-tureen.mjs']) {
  test(`${name} serves its participants, and a recorder that is not there is no matter`, async () => {
    Object.assign(process.env, { TUREEN_URL: 'http://127.0.0.1:9', TUREEN_TOKEN: 'none' });
    const { start } = await import(`./${name}`);
    const app = await start(0);
    const join = async (peer) => {
      const socket = new WebSocket(`ws://127.0.0.1:${app.port}/?room=r&peer=${peer}&name=${peer}`);
      const heard = [];
      socket.on('message', (raw) => heard.push(JSON.parse(raw)));
      await once(socket, 'message');
      const ask = async (id, method, data) => {
        socket.send(JSON.stringify({ id, method, data }));
        for (;;) {
          const found = heard.find((message) => message.id === id);
          if (found) return found;
          await once(socket, 'message');
        }
      };
      return { socket, heard, ask };
    };
    const ann = await join('ann');
    const bob = await join('bob');
    assert.deepEqual((await bob.ask(1, 'peers')).data.map(({ peerId }) => peerId), ['ann', 'bob']);
    const { data: transport } = await ann.ask(1, 'createTransport');
    const rtpParameters = {
      codecs: [{ mimeType: 'audio/opus', payloadType: 111, clockRate: 48000, channels: 2 }],
      encodings: [{ ssrc: 1234567 }],
    };
    const { data: producer } = await ann.ask(2, 'produce', { id: transport.id, kind: 'audio', rtpParameters });
    const { data: to } = await bob.ask(2, 'createTransport');
    const { rtpCapabilities } = bob.heard[0].data;
    const { data: consumer } = await bob.ask(3, 'consume', { id: to.id, producerId: producer.producerId, rtpCapabilities });
    assert.equal(consumer.kind, 'audio');
    assert.match((await bob.ask(4, 'dance')).error, /unknown method/);
    assert.deepEqual(ann.heard.filter((message) => message.method === 'newPeer').map((message) => message.data.peerId), ['bob']);
    ann.socket.close();
    bob.socket.close();
    await once(bob.socket, 'close');
    app.close();
  });
}
