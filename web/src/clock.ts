/**
 * The room clock: one time for all participants. It does not read a clock itself; every call says what
 * time it is (`now`, milliseconds that only grow, such as `performance.now()`).
 *
 * It runs while it is playing and nothing holds it. A hold is a stall that passes by itself: a
 * participant who is still loading stops everybody, so that nobody's words are lost.
 */
export class RoomClock {
  #base = 0;
  #since = 0;
  #rate = 1;
  #playing = false;
  #held = false;

  /** Room time in seconds. */
  time(now: number): number {
    return this.running ? this.#base + ((now - this.#since) / 1000) * this.#rate : this.#base;
  }

  get playing(): boolean {
    return this.#playing;
  }

  get held(): boolean {
    return this.#held;
  }

  /** True while time really passes. */
  get running(): boolean {
    return this.#playing && !this.#held;
  }

  get rate(): number {
    return this.#rate;
  }

  play(now: number): void {
    this.#settle(now);
    this.#playing = true;
  }

  pause(now: number): void {
    this.#settle(now);
    this.#playing = false;
  }

  hold(now: number, held: boolean): void {
    if (held === this.#held) return;
    this.#settle(now);
    this.#held = held;
  }

  seek(now: number, time: number): void {
    this.#base = Math.max(0, time);
    this.#since = now;
  }

  setRate(now: number, rate: number): void {
    this.#settle(now);
    this.#rate = rate;
  }

  #settle(now: number): void {
    this.#base = this.time(now);
    this.#since = now;
  }
}
