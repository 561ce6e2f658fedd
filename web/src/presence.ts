/** Who is there at a room time, and how far the room's time reaches. Pure. */

export type Presence = 'before' | 'here' | 'left';

export interface Interval {
  /** Room time of the first media. */
  start: number;
  /** Room time of the end, or null while it is open (live). */
  end: number | null;
}

/** A participant's presence at a room time; the end itself counts as left. */
export function presence(interval: Interval, time: number): Presence {
  if (time < interval.start) return 'before';
  return interval.end !== null && time >= interval.end ? 'left' : 'here';
}

export interface Edge {
  /** Room time up to which media was listed when the playlist was read. */
  listed: number;
  /** Seconds since it was read. */
  age: number;
  /** The usual length of a segment, seconds. */
  segment: number;
}

/** How far behind the newest media to stay: time for one more segment to be made, listed and loaded. */
export function liveDelay(edge: Edge, extra: number): number {
  return Math.max(2, edge.segment * 1.5 + 1) + extra;
}

/**
 * The room time that all live participants can be played at: that of whoever is furthest behind, since
 * one clock serves all. Null if nobody is live. A playlist that has not grown for long is left out: its
 * participant may have gone silent, and must not keep the others from the edge.
 */
export function livePosition(edges: Edge[], extra: number): number | null {
  const fresh = edges.filter((edge) => edge.age <= edge.segment * 3 + 5);
  if (edges.length === 0) return null;
  const positions = (fresh.length > 0 ? fresh : edges).map((edge) => {
    const grown = edge.listed + Math.min(edge.age, edge.segment);
    return grown - liveDelay(edge, extra);
  });
  return Math.max(0, Math.min(...positions));
}

/**
 * The speed at which to follow a live room from `behind` seconds behind its live position: a little
 * faster until it is caught up, a jump if that would take too long. `rate` is the present speed.
 */
export function followRate(behind: number, rate: number): number | 'jump' {
  if (behind > 8) return 'jump';
  if (behind > 1) return 1.1;
  return rate > 1 && behind > 0.3 ? rate : 1;
}
