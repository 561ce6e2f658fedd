/** Requests to the service, and its errors (RFC 9457 problem documents) as text for people. */

/** An answer is awaited this long (ms). */
const PATIENCE = 10_000;

export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    /** The last part of the problem's type; empty if it has none. */
    readonly problem = '',
  ) {
    super(message);
  }

  /** True if a token, or another token, is what is needed. */
  get needsToken(): boolean {
    return this.status === 401;
  }
}

/** GET of a JSON document of our own origin. Throws ApiError; status 0 means no answer at all. */
export async function getJson(path: string, token: string | null): Promise<unknown> {
  const headers: Record<string, string> = { Accept: 'application/json' };
  if (token) headers['Authorization'] = `Bearer ${token}`;
  return json(path, { headers });
}

/** What a share link is opened with; without a secret, what is shared with everybody. */
export interface Opening {
  recordingId: string;
  share: string | null;
  password: string | null;
}

/** Opens a share. Throws ApiError; its problem is `password-required` or `wrong-password` if one is needed. */
export async function openShare(opening: Opening): Promise<string> {
  const which = opening.share ? { token: opening.share } : { recording_id: opening.recordingId };
  const body = JSON.stringify(opening.password ? { ...which, password: opening.password } : which);
  const headers = { Accept: 'application/json', 'Content-Type': 'application/json' };
  const opened = await json('/api/v1/shares/open', { method: 'POST', headers, body });
  const { token, recording_id: of } = opened as { token?: unknown; recording_id?: unknown };
  if (typeof token !== 'string') throw new ApiError(200, 'The server answered with something that is no share.');
  if (of !== opening.recordingId) throw new ApiError(404, 'This link is of another recording.');
  return token;
}

async function json(path: string, wish: RequestInit): Promise<unknown> {
  let response: Response;
  let body: string;
  try {
    response = await fetch(path, { ...wish, cache: 'no-store', signal: AbortSignal.timeout(PATIENCE) });
    body = await response.text();
  } catch {
    throw new ApiError(0, 'The server does not answer.');
  }
  if (!response.ok) throw new ApiError(response.status, problemText(body, response.status), problemName(body));
  try {
    return JSON.parse(body);
  } catch {
    throw new ApiError(response.status, 'The server answered with something that is not JSON.');
  }
}

/** The last part of a problem's type, `urn:tureen:problem:NAME`. */
export function problemName(body: string): string {
  try {
    const { type } = JSON.parse(body) as { type?: unknown };
    return typeof type === 'string' ? (type.split(':').pop() ?? '') : '';
  } catch {
    return '';
  }
}

/** The text of a problem document; lenient, and never markup. */
export function problemText(body: string, status: number): string {
  try {
    const problem = JSON.parse(body) as Record<string, unknown>;
    const text = (name: string) => (typeof problem[name] === 'string' ? (problem[name] as string) : '');
    const title = text('title');
    const detail = text('detail') || text('error') || text('message');
    if (title && detail && title !== detail) return `${title}: ${detail}`;
    if (title || detail) return title || detail;
  } catch {
    // Not a problem document: the status has to do.
  }
  return `The server answered with status ${status}.`;
}
