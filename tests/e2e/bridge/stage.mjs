// The sample application with its rooms attached to a recorder, for the end-to-end tests: one command as JSON on each
// line of standard input, one answer on each line of standard output.
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { mediasoup } from '../../../bridge/test/worker.mjs';
import { publish } from './fixture.mjs';

const examples = new URL('../../../docs/examples/', import.meta.url);
mediasoup(new URL('package.json', examples));
const { WebSocket } = createRequire(new URL('package.json', examples))('ws');
const { start } = await import(new URL('app-with-tureen.mjs', examples).href);
const app = await start(0);
const ROOM = 'e2e';
const peers = new Map();
/** Everything that participants were told, for those who must not be among it. */
const heard = [];
const events = [];

async function room() {
  const found = await app.rooms.get(ROOM);
  if (found.recording.listenerCount('attached') === 0) {
    for (const name of ['attached', 'detached', 'recording', 'stopped', 'closed']) {
      found.recording.on(name, (data) => events.push({ name, ...data }));
    }
    found.recording.on('error', ({ message, code }) => events.push({ name: 'error', message, code }));
  }
  return found;
}

/** A participant of the application, by its own signalling. */
async function join(peerId) {
  const socket = new WebSocket(`ws://127.0.0.1:${app.port}/?room=${ROOM}&peer=${peerId}&name=${peerId}'s name`);
  let next = 1;
  const waiting = new Map();
  socket.on('message', (raw) => {
    const { id, data, method } = JSON.parse(raw);
    if (id === undefined) heard.push({ to: peerId, method, data });
    else waiting.get(id)?.(data);
  });
  await once(socket, 'message');
  const ask = (method) =>
    new Promise((resolve) => {
      waiting.set(next, resolve);
      socket.send(JSON.stringify({ id: next++, method }));
    });
  return { socket, ask };
}

/** What a WebSocket of somebody else is told: an HTTP status, or how it is closed. */
function knock({ token, protocol, send }) {
  const url = `${process.env.TUREEN_URL.replace(/^http/, 'ws')}/api/v1/bridge`;
  const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  const socket = new WebSocket(url, protocol ? [protocol] : [], { headers });
  const said = [];
  return new Promise((resolve) => {
    socket.on('unexpected-response', async (_, response) => {
      let body = '';
      for await (const part of response) body += part;
      resolve({ status: response.statusCode, body });
    });
    socket.on('open', () => {
      for (const text of send ?? []) socket.send(typeof text === 'number' ? 'x'.repeat(text) : text);
    });
    socket.on('message', (raw) => said.push(JSON.parse(raw)));
    socket.on('close', (code, reason) => resolve({ code, reason: reason.toString(), said }));
    socket.on('error', (error) => said.push({ error: error.message }));
  });
}

const commands = {
  async publish({ peer, simulcast }) {
    const joined = await join(peer);
    const { router } = await room();
    peers.set(peer, { ...joined, media: await publish(router, peer, simulcast) });
  },
  async leave({ peer }) {
    const { socket, media } = peers.get(peer);
    peers.delete(peer);
    const ledgers = await media.leave();
    socket.close();
    return ledgers;
  },
  silence: async ({ peer }) => peers.get(peer).media.silence(),
  exclude: async ({ peer }) => (await room()).recording.exclude(peer),
  include: async ({ peer }) => (await room()).recording.include(peer),
  update: async ({ peer, ...names }) => (await room()).recording.update(peer, names),
  seen: async () => ({ heard, peers: await Promise.all([...peers.values()].map(({ ask }) => ask('peers'))) }),
  events: async () => events,
  knock,
};

for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...data } = JSON.parse(line);
  try {
    console.log(JSON.stringify({ data: (await commands[command](data)) ?? null }));
  } catch (error) {
    console.log(JSON.stringify({ error: error.stack }));
  }
}
process.exit(0);
