import { WebSocket } from 'ws';
import {
  type Data,
  MAX_MESSAGE,
  type Message,
  messageOf,
  NO_RETRY,
  parse,
  Refusal,
  SUBPROTOCOL,
  VERSION,
} from './protocol.js';

/** Between pings of ours. */
const PING = 15_000;
/** Silence after which the WebSocket is taken for dead. */
const DEAD = 45_000;
/** A handshake, or the answer to hello. */
const PATIENCE = 10_000;
const FIRST_DELAY = 250;
const LONGEST_DELAY = 10_000;
/** After a refusal, which will not pass soon: a wrong token or version. */
const REFUSED_DELAY = 30_000;
/** Bytes that wait for a recorder which does not read. */
const MOST_BUFFERED = 16 << 20;
/** Answers that are remembered, for requests that are asked again. */
const ANSWERS = 256;
const TOO_LARGE = 'a message is too large to be sent';

/** How long a dropped WebSocket is waited for, by both sides. */
export const GRACE = 60_000;

/** What a line needs of its owner. Nothing in it may throw. */
export interface Owner {
  /** The body of hello, without version and session. */
  hello(): Data;
  /** A request of the recorder. May reject, with Refusal or anything else. `after` runs when the answer is sent. */
  request(method: string, data: Data, after: (then: () => void) => void): Promise<Data>;
  notification(method: string, data: Data): void;
  /** The recorder has let us in. `resumed`: it remembers us. */
  up(resumed: boolean): void;
  down(): void;
  /** The recorder wants us gone for good. */
  over(reason: string): void;
  failed(error: Error): void;
}

export interface LineOptions {
  url: URL;
  token: () => string | Promise<string>;
  /** Longest time without a WebSocket after which requests are given up; for tests. */
  grace?: number;
}

interface Waiting {
  text: string;
  resolve: (data: Data) => void;
  reject: (error: Error) => void;
}

/** An error of the connection; `code` is an HTTP status, a close code, or absent. */
export class ConnectionError extends Error {
  constructor(
    message: string,
    readonly code?: number,
  ) {
    super(message);
  }
}

/** One session with the recorder, over one WebSocket after another. */
export class Line {
  #socket: WebSocket | undefined;
  /** The WebSocket over which hello was answered. */
  #open = false;
  #closed = false;
  #session: string | undefined;
  #nextId = 1;
  #attempts = 0;
  #waiting = new Map<number, Waiting>();
  #answers = new Map<number, Promise<string>>();
  #retry: NodeJS.Timeout | undefined;
  #grace: NodeJS.Timeout | undefined;

  constructor(
    private readonly options: LineOptions,
    private readonly owner: Owner,
  ) {}

  get isOpen(): boolean {
    return this.#open;
  }

  get session(): string | undefined {
    return this.#session;
  }

  connect(): void {
    void this.#connect().catch((error: unknown) => {
      this.owner.failed(new ConnectionError(messageOf(error)));
      this.#again(LONGEST_DELAY);
    });
  }

  /**
   * Ask. A pause in the connection only delays the answer; a new session rejects. So does `withdrawn`: what is not
   * answered by then is not asked again.
   */
  request(method: string, data: Data, withdrawn?: AbortSignal): Promise<Data> {
    return new Promise((resolve, reject) => {
      if (this.#closed || this.#session === undefined) {
        reject(new Refusal(409, 'not attached'));
        return;
      }
      const id = this.#nextId++;
      const text = JSON.stringify({ request: true, id, method, data });
      if (isTooLarge(text)) {
        reject(new ConnectionError(TOO_LARGE));
        return;
      }
      this.#waiting.set(id, { text, resolve, reject });
      withdrawn?.addEventListener('abort', () => {
        if (this.#waiting.delete(id)) reject(new Refusal(410, 'withdrawn'));
      });
      this.#send(text);
    });
  }

  /** Tell. What cannot be told now is in the state that is told after the pause. */
  notify(method: string, data: Data): void {
    this.#send(JSON.stringify({ notification: true, method, data }));
  }

  /** Forget what was asked and answered: a recording is over. */
  forget(): void {
    this.#answers.clear();
    this.#abandon('the recording is over');
  }

  close(code: number, reason: string): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    clearTimeout(this.#grace);
    this.#abandon('closed');
    const socket = this.#socket;
    this.#socket = undefined;
    this.#open = false;
    if (socket === undefined) return;
    if (socket.readyState === WebSocket.CONNECTING) {
      socket.terminate();
      return;
    }
    socket.close(code, reason.slice(0, 120));
    setTimeout(() => socket.terminate(), 2000).unref();
  }

  async #connect(): Promise<void> {
    const token = await this.options.token();
    if (this.#closed) return;
    const socket = new WebSocket(this.options.url, SUBPROTOCOL, {
      headers: { Authorization: `Bearer ${token}` },
      handshakeTimeout: PATIENCE,
      maxPayload: MAX_MESSAGE,
      perMessageDeflate: false,
    });
    this.#socket = socket;
    let heard = Date.now();
    let refused: ConnectionError | undefined;
    let greeting: number | undefined;
    const alive = () => {
      heard = Date.now();
    };
    const beat = setInterval(() => {
      if (Date.now() - heard > DEAD) socket.terminate();
      else if (socket.readyState === WebSocket.OPEN) socket.ping();
    }, PING);
    const impatience = setTimeout(() => {
      if (socket === this.#socket && !this.#open) socket.terminate();
    }, 2 * PATIENCE);
    beat.unref();
    impatience.unref();
    socket.on('ping', alive);
    socket.on('pong', alive);
    socket.on('open', () => {
      alive();
      greeting = this.#greet(socket);
    });
    socket.on('message', (raw, binary) => {
      alive();
      if (binary || socket !== this.#socket) return;
      const message = parse(raw.toString());
      if (message === undefined) return;
      if (this.#open) this.#take(message);
      else if ('response' in message && message.id === greeting) refused = this.#greeted(socket, message);
    });
    socket.on('unexpected-response', (request, response) => {
      refused = new ConnectionError(`the recorder refuses: ${response.statusCode} ${response.statusMessage}`, response.statusCode);
      response.resume();
      request.destroy();
      ended();
    });
    socket.on('error', (error) => {
      refused ??= new ConnectionError(error.message);
      ended();
    });
    socket.on('close', (code, reason) => {
      if (code > NO_RETRY && code < 5000) {
        refused ??= new ConnectionError(`the recorder refuses: ${reason.toString()}`, code - NO_RETRY);
      }
      ended(code, reason.toString());
    });
    const ended = (code?: number, reason = '') => {
      clearInterval(beat);
      clearTimeout(impatience);
      if (socket !== this.#socket) return;
      this.#socket = undefined;
      this.#lost(code, reason, refused);
    };
  }

  #greet(socket: WebSocket): number {
    const id = this.#nextId++;
    const data: Data = { version: VERSION, ...this.owner.hello() };
    if (this.#session !== undefined) data['session'] = this.#session;
    socket.send(JSON.stringify({ request: true, id, method: 'hello', data }));
    return id;
  }

  #greeted(socket: WebSocket, message: Extract<Message, { response: true }>): ConnectionError | undefined {
    if (!message.ok) {
      socket.close(1000);
      return new ConnectionError(`the recorder refuses: ${message.errorReason}`, message.errorCode);
    }
    const { session, resumed } = message.data;
    if (typeof session !== 'string') {
      socket.close(1000);
      return new ConnectionError('the recorder gives no session');
    }
    this.#session = session;
    this.#open = true;
    this.#attempts = 0;
    clearTimeout(this.#grace);
    if (resumed !== true) {
      this.#answers.clear();
      this.#abandon('the recorder does not know this session any more');
    }
    this.owner.up(resumed === true);
    // What is not answered yet is asked again, under the same number.
    for (const { text } of this.#waiting.values()) this.#send(text);
    return undefined;
  }

  #lost(code: number | undefined, reason: string, refused: ConnectionError | undefined): void {
    const wasOpen = this.#open;
    this.#open = false;
    if (this.#closed) return;
    if (wasOpen) {
      this.owner.down();
      this.#grace = setTimeout(() => {
        this.#session = undefined;
        this.#abandon('the recorder did not come back');
      }, this.options.grace ?? GRACE);
      this.#grace.unref();
    }
    if (code === NO_RETRY) {
      this.#closed = true;
      clearTimeout(this.#grace);
      this.#abandon(reason);
      this.owner.over(reason);
      return;
    }
    if (refused) this.owner.failed(refused);
    const permanent = refused?.code !== undefined && [400, 401, 403, 426].includes(refused.code);
    this.#again(permanent ? REFUSED_DELAY : Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** this.#attempts++));
  }

  /** With jitter, so that not all rooms of a process come back at one moment. */
  #again(delay: number): void {
    if (this.#closed) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.connect(), delay / 2 + (Math.random() * delay) / 2);
  }

  #take(message: Message): void {
    if ('response' in message) {
      const waiting = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if (message.ok) waiting?.resolve(message.data);
      else waiting?.reject(new Refusal(message.errorCode, message.errorReason));
    } else if ('request' in message) {
      this.#answer(message.id, message.method, message.data);
    } else {
      this.owner.notification(message.method, message.data);
    }
  }

  /** Each number is granted once; asked again, it is answered again. */
  #answer(id: number, method: string, data: Data): void {
    const done: (() => void)[] = [];
    let answer = this.#answers.get(id);
    if (answer === undefined) {
      answer = this.owner
        .request(method, data, (then) => done.push(then))
        .then(
          (data) => JSON.stringify({ response: true, id, ok: true, data }),
          (error: unknown) => {
            const errorCode = error instanceof Refusal ? error.code : 500;
            return JSON.stringify({ response: true, id, ok: false, errorCode, errorReason: messageOf(error).slice(0, 500) });
          },
        );
      this.#answers.set(id, answer);
      for (const old of this.#answers.keys()) {
        if (this.#answers.size <= ANSWERS) break;
        this.#answers.delete(old);
      }
    }
    void answer.then((text) => {
      this.#send(text);
      for (const then of done) then();
    });
  }

  #send(text: string): void {
    const socket = this.#socket;
    if (!this.#open || socket === undefined || socket.readyState !== WebSocket.OPEN) return;
    if (isTooLarge(text)) {
      this.owner.failed(new ConnectionError(TOO_LARGE));
      return;
    }
    socket.send(text, () => {});
    if (socket.bufferedAmount > MOST_BUFFERED) socket.terminate();
  }

  #abandon(reason: string): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(new Refusal(410, reason));
  }
}

function isTooLarge(text: string): boolean {
  return Buffer.byteLength(text) > MAX_MESSAGE;
}
