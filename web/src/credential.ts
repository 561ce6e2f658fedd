/**
 * The token of this page. It arrives in the address, `#token=JWT` or `?token=JWT`, or is pasted; it
 * lives in memory and goes out as an Authorization header, only to our own origin (`beacons.ts` has the exception).
 */

/** Finds a token in an address; null if there is none. The fragment wins over the query. */
export function tokenFrom(url: URL): string | null {
  const fragment = new URLSearchParams(url.hash.replace(/^#/, ''));
  return clean(fragment.get('token') ?? url.searchParams.get('token') ?? '');
}

/** The address with the token in the fragment, beside what else is there, and not in the query. */
export function inFragment(url: URL, token: string): URL {
  const moved = new URL(url);
  moved.searchParams.delete('token');
  const fragment = new URLSearchParams(url.hash.replace(/^#/, ''));
  fragment.set('token', token);
  moved.hash = fragment.toString();
  return moved;
}

/**
 * The secret of a share link, `#share=SECRET`; null if there is none. It stands in the fragment alone, which
 * no server sees.
 */
export function shareFrom(url: URL): string | null {
  return clean(new URLSearchParams(url.hash.replace(/^#/, '')).get('share') ?? '');
}

/** Takes what a person pasted: a bare token, a header line, or a whole address that holds one. */
export function tokenFromPaste(pasted: string): string | null {
  const trimmed = pasted.trim();
  if (/^https?:\/\//i.test(trimmed) && URL.canParse(trimmed)) return tokenFrom(new URL(trimmed));
  return clean(trimmed.replace(/^(authorization:\s*)?bearer\s+/i, ''));
}

/** When a JWT or a capability ends, in milliseconds since 1970; null if it does not say or cannot be read. */
export function expiryOf(token: string): number | null {
  try {
    const payload = token.split('.')[1] ?? '';
    const claims: unknown = JSON.parse(atob(payload.replace(/-/g, '+').replace(/_/g, '/')));
    const { exp, e } = claims as { exp?: unknown; e?: unknown };
    if (typeof exp === 'number') return exp * 1000;
    return token.startsWith('tc1.') && typeof e === 'number' ? e / 1000 : null;
  } catch {
    return null;
  }
}

// A header value must not hold spaces or line breaks; RFC 6750 2.1 gives the alphabet of a token.
function clean(token: string): string | null {
  const trimmed = token.trim();
  return /^[A-Za-z0-9\-._~+/]+=*$/.test(trimmed) ? trimmed : null;
}
