/**
 * Keeps one media element in step with the room clock, as a decision made from numbers alone.
 *
 * Small errors are trimmed by the playback rate, which nobody hears; large ones need a seek, which
 * everybody sees. Trimming begins only past `TRIM_FROM` and ends inside `TRIM_TO`, so that the rate is
 * not touched at every tick: each change of rate restarts the browser's time stretching of sound.
 */

/** An error beyond this (seconds) is repaired by a seek. */
export const SEEK_FROM = 0.5;
/** Trimming begins beyond this error (seconds) ... */
export const TRIM_FROM = 0.03;
/** ... and ends within this one. */
export const TRIM_TO = 0.008;
/** Trim at most this share of the rate. */
export const TRIM_MOST = 0.05;

export interface Correction {
  rate: number;
  /** Where to seek to, in the element's own time, or null. */
  seek: number | null;
}

/**
 * @param target  where the element should be (seconds of its own time)
 * @param actual  where it is
 * @param rate    the speed that was asked for
 * @param trimming whether its rate is being trimmed now
 */
export function correct(target: number, actual: number, rate: number, trimming: boolean): Correction {
  const error = target - actual;
  const size = Math.abs(error);
  if (size > SEEK_FROM) return { rate, seek: Math.max(0, target) };
  if (size <= (trimming ? TRIM_TO : TRIM_FROM)) return { rate, seek: null };
  // Proportional, so that it approaches without passing: half of the error within a second.
  const trim = Math.min(TRIM_MOST, Math.max(0.01, size * 0.5)) * Math.sign(error);
  return { rate: rate * (1 + trim), seek: null };
}

/** The middle of some numbers; of an even count the lower of the two. Null of none. */
export function median(values: number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? null;
}
