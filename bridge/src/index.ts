import type { types } from 'mediasoup';
import type { AttachOptions } from './options.js';
import { Session } from './session.js';

export { ConnectionError } from './line.js';
export type { AttachOptions, Candidate, Filter, Names, Participant, Source } from './options.js';
export type { Session, SessionEvents } from './session.js';

export interface RecorderOptions {
  /** Where Tureen is: `http://tureen:8080`, or `ws:`, with or without the path of its bridge. */
  url: string;
  /** A token that may start recordings, or what gives one: it is asked for each time the connection is made. */
  token: string | (() => string | Promise<string>);
  /** @internal How long a dropped connection is waited for, in milliseconds. */
  grace?: number;
}

/** A Tureen, which records rooms that are attached to it. */
export class Recorder {
  #url: URL;
  #options: RecorderOptions;

  constructor(options: RecorderOptions) {
    const url = new URL(options.url);
    url.protocol = url.protocol.replace(/^http/, 'ws');
    if (url.protocol !== 'ws:' && url.protocol !== 'wss:') throw new TypeError('url must be http:, https:, ws: or wss:');
    if (url.pathname === '/') url.pathname = '/api/v1/bridge';
    this.#url = url;
    this.#options = options;
  }

  /**
   * Attaches a room. Resolves when its producers are watched; the connection is made, and made again, in the
   * background, and nothing of it is thrown: `attached`, `error` and the others tell. Rejects only when the options
   * make no sense.
   */
  async attach(router: types.Router, options: AttachOptions): Promise<Session> {
    if (typeof options?.roomId !== 'string' || options.roomId === '') throw new TypeError('roomId must be a string');
    if (router.closed) throw new TypeError('the router is closed');
    const { token, grace } = this.#options;
    const ask = typeof token === 'function' ? token : () => token;
    return new Session(router, options, { url: this.#url, token: ask, ...(grace !== undefined && { grace }) });
  }
}
