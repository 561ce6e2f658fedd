/** Requests to the service, and its errors (RFC 9457 problem documents) as text for people. */

/** An answer is awaited this long (ms). */
const PATIENCE = 10_000;

export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
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
  let response: Response;
  let body: string;
  try {
    response = await fetch(path, { headers, cache: 'no-store', signal: AbortSignal.timeout(PATIENCE) });
    body = await response.text();
  } catch {
    throw new ApiError(0, 'The server does not answer.');
  }
  if (!response.ok) throw new ApiError(response.status, problemText(body, response.status));
  try {
    return JSON.parse(body);
  } catch {
    throw new ApiError(response.status, 'The server answered with something that is not JSON.');
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
