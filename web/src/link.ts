/**
 * The place that an address names: `t=90`, seconds of room time, or `t=2026-11-29T10:00:00Z`, a wall time.
 * It stands in the query, or in the fragment beside a token.
 */
import type { Manifest } from './manifest.ts';

/** Seconds of room time, or milliseconds since 1970. */
export type Place = { seconds: number } | { wall: number };

/** A time of RFC 3339. The sign of an offset may have become a space, as `+` does in a query. */
const WALL = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[-+ ]\d\d:\d\d)$/i;

/** Reads it; null if there is none, or it is nonsense. The fragment wins over the query. */
export function placeFrom(url: URL): Place | null {
  const fragment = new URLSearchParams(url.hash.replace(/^#/, ''));
  const text = fragment.get('t') ?? url.searchParams.get('t') ?? '';
  if (/^\d{1,9}(\.\d+)?$/.test(text)) return { seconds: Number(text) };
  const wall = WALL.test(text) ? Date.parse(text.replace(' ', '+')) : Number.NaN;
  return Number.isFinite(wall) ? { wall } : null;
}

/**
 * Room time of a place; null if it lies before the recording. The room stood still in its pauses: what lies in
 * one is where it stood.
 */
export function roomTime(place: Place, { startedAt, pauses }: Manifest): number | null {
  if ('seconds' in place) return place.seconds;
  const paused = pauses
    .filter(({ from }) => from < place.wall)
    .reduce((sum, { from, to }) => sum + Math.min(to ?? place.wall, place.wall) - from, 0);
  const time = (place.wall - startedAt - paused) / 1000;
  return time >= 0 ? time : null;
}
