// A room with a real mediasoup worker, and a recorder's side of the protocol that checks every message by the schema.
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { WebSocketServer } from 'ws';
import { Recorder } from '../dist/index.js';
import { mediasoup } from './worker.mjs';

const { Ajv2020 } = createRequire(import.meta.url)('ajv/dist/2020.js');
const schema = JSON.parse(readFileSync(new URL('../../docs/design/bridge-protocol.schema.json', import.meta.url), 'utf8'));
const ajv = new Ajv2020({ strict: false, allErrors: true });
ajv.addSchema(schema);
const validate = (part) => ajv.getSchema(`${schema.$id}#/$defs/${part}`);

export function conforms(part, message) {
  const check = validate(part);
  assert.ok(check, `the schema has ${part}`);
  assert.ok(check(message), `${part}: ${JSON.stringify(message)}: ${ajv.errorsText(check.errors)}`);
}

export const CODECS = [
  { kind: 'audio', mimeType: 'audio/opus', clockRate: 48000, channels: 2 },
  { kind: 'video', mimeType: 'video/VP8', clockRate: 90000 },
];

export const library = mediasoup();

/** What a recorder can receive: what the router can send, as a receiver says it. */
export function capabilities(router) {
  return JSON.parse(JSON.stringify(router.rtpCapabilities));
}

let ssrc = 1000;
const encodings = (count) => [...Array(count)].map(() => ({ ssrc: ssrc++, rtx: { ssrc: ssrc++ } }));

/** Publishes by a direct transport, which mediasoup has for servers that are participants. */
export async function publish(router, kind, appData, layers = 1) {
  const transport = await router.createDirectTransport();
  const codec =
    kind === 'audio'
      ? { mimeType: 'audio/opus', payloadType: 111, clockRate: 48000, channels: 2 }
      : { mimeType: 'video/VP8', payloadType: 96, clockRate: 90000 };
  const rtpParameters =
    layers === 1
      ? { codecs: [codec], encodings: [{ ssrc: ssrc++ }], rtcp: { cname: appData.peerId } }
      : {
          codecs: [codec, { mimeType: 'video/rtx', payloadType: 97, clockRate: 90000, parameters: { apt: 96 } }],
          encodings: encodings(layers),
          rtcp: { cname: appData.peerId },
        };
  return transport.produce({ kind, rtpParameters, appData });
}

/** A recorder: a WebSocket server that plays its side, one application at a time. */
export class Desk extends EventEmitter {
  requests = [];
  notifications = [];
  hellos = [];
  /** What is answered to newConsumer: nothing, while it is undefined. */
  answer = () => ({ ok: true, data: {} });
  sessions = new Set();
  refuse;
  #next = 1;
  #answers = new Map();

  static async open() {
    const desk = new Desk();
    desk.server = new WebSocketServer({
      port: 0,
      host: '127.0.0.1',
      verifyClient: ({ req }, done) => {
        desk.authorization = req.headers.authorization;
        const status = desk.refuse;
        done(status === undefined, status);
      },
      handleProtocols: (offered) => (offered.has('tureen-bridge.v1') ? 'tureen-bridge.v1' : false),
    });
    desk.server.on('connection', (socket) => desk.#accept(socket));
    await once(desk.server, 'listening');
    return desk;
  }

  get url() {
    return `http://127.0.0.1:${this.server.address().port}`;
  }

  #accept(socket) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('close', (code, reason) => this.emit('gone', code, reason.toString()));
    socket.on('message', (raw) => {
      const message = JSON.parse(raw.toString());
      conforms('application', message);
      if (message.method === 'hello') this.#hello(message);
      else if (message.response) {
        const [method, settle] = this.#answers.get(message.id) ?? [];
        if (message.ok && schema.$defs.answers[method]) conforms(`answers/${method}`, message.data);
        settle?.(message);
      } else if (message.request) {
        this.requests.push(message);
        const answer = this.answer?.(message);
        if (answer) this.#say({ response: true, id: message.id, ...answer });
      } else this.notifications.push(message);
      this.emit('message', message);
    });
  }

  #hello(message) {
    this.hellos.push(message.data);
    const resumed = this.sessions.has(message.data.session);
    const session = resumed ? message.data.session : `session-${this.hellos.length}`;
    this.sessions.add(session);
    const data = { version: 1, session, resumed };
    conforms('answers/hello', data);
    this.#say({ response: true, id: message.id, ok: true, data });
    this.emit('hello', message.data);
  }

  #say(message) {
    conforms('recorder', message);
    this.socket.send(JSON.stringify(message));
  }

  ask(method, data = {}, id = this.#next++) {
    const answered = new Promise((resolve) => this.#answers.set(id, [method, resolve]));
    this.#say({ request: true, id, method, data });
    return answered;
  }

  async grant(method, data) {
    const answer = await this.ask(method, data);
    assert.equal(answer.ok, true, `${method}: ${JSON.stringify(answer)}`);
    return answer.data;
  }

  tell(method, data = {}) {
    this.#say({ notification: true, method, data });
  }

  /** Does what a recording does up to where consumers are offered. */
  async record(router, layers = 'max') {
    const recorder = { id: 'tureen-rec-1', name: 'tureen', version: '0' };
    await this.grant('attach', { version: 1, roomId: 'room', layers, recorder });
    const { transportId } = await this.grant('createTransport');
    const { peers } = await this.grant('observe', { transportId, rtpCapabilities: capabilities(router) });
    return { transportId, peers };
  }

  offers() {
    return this.requests.filter((one) => one.method === 'newConsumer').map((one) => one.data);
  }

  told(method) {
    return this.notifications.filter((one) => one.method === method).map((one) => one.data);
  }

  async close() {
    for (const socket of this.server.clients) socket.terminate();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** Waits for a condition. */
export async function until(what, look, limit = 8000) {
  const end = Date.now() + limit;
  for (;;) {
    const found = await look();
    if (found) return found;
    assert.ok(Date.now() < end, `waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A router, a desk, and a session between them. */
export async function stage(t, options = {}, recorder = {}) {
  const worker = await library.createWorker({ logLevel: 'error' });
  const webRtcServer = await worker.createWebRtcServer({ listenInfos: [{ protocol: 'udp', ip: '127.0.0.1' }] });
  const router = await worker.createRouter({ mediaCodecs: CODECS });
  const desk = await Desk.open();
  const before = options.before ? await options.before(router) : {};
  delete options.before;
  const session = await new Recorder({ url: desk.url, token: 'secret', ...recorder }).attach(router, {
    roomId: 'room',
    webRtcServer,
    ...before,
    ...options,
  });
  const errors = [];
  session.on('error', (error) => errors.push(error));
  t.after(async () => {
    session.close();
    await desk.close();
    worker.close();
  });
  return { worker, router, desk, session, errors };
}
