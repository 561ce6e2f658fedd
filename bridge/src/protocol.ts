/** The messages of `tureen-bridge.v1`; docs/design/bridge-protocol.md is their text. */

export const SUBPROTOCOL = 'tureen-bridge.v1';
export const VERSION = 1;
/** Largest message either side takes, in bytes. */
export const MAX_MESSAGE = 1 << 20;
/** The close code that says: the room is over, do not come back. */
export const NO_RETRY = 4000;

export type Data = Record<string, unknown>;

export type Message =
  | { request: true; id: number; method: string; data: Data }
  | { response: true; id: number; ok: true; data: Data }
  | { response: true; id: number; ok: false; errorCode: number; errorReason: string }
  | { notification: true; method: string; data: Data };

/** A request is not granted. */
export class Refusal extends Error {
  constructor(
    readonly code: number,
    reason: string,
  ) {
    super(reason);
  }
}

/** Reads a message; undefined for what is none. */
export function parse(text: string): Message | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isData(value)) return undefined;
  const { id, method } = value;
  const data = isData(value['data']) ? value['data'] : {};
  if (value['request'] === true && typeof id === 'number' && typeof method === 'string') {
    return { request: true, id, method, data };
  }
  if (value['response'] === true && typeof id === 'number') {
    if (value['ok'] === true) return { response: true, id, ok: true, data };
    const code = typeof value['errorCode'] === 'number' ? value['errorCode'] : 500;
    return { response: true, id, ok: false, errorCode: code, errorReason: String(value['errorReason'] ?? '').slice(0, 500) };
  }
  if (value['notification'] === true && typeof method === 'string') return { notification: true, method, data };
  return undefined;
}

export function isData(value: unknown): value is Data {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A member that must be a string. */
export function text(data: Data, name: string): string {
  const value = data[name];
  if (typeof value !== 'string') throw new Refusal(400, `${name} must be a string`);
  return value;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
