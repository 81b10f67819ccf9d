/** The least that a refused phone waits, and the widest span it may be told to come back in, s. */
const SOONEST = 5;
const WIDEST = 600;
/** Phones that were refused are taken to have gone elsewhere after a while: half of them each this many ms. */
const HALF_LIFE = 120_000;
/** The rate of admissions is taken anew each this many ms. */
const SAMPLE = 1_000;
/** No server is thought slower than this, per second: the span would lose all measure. */
const SLOWEST = 10;

/**
 * When those who are refused shall try again: spread over as long as it takes to admit all who wait, so that half a
 * million phones of a lost data centre come back at the rate that the servers hold, and not all at once.
 */
export class Backlog {
  #waiting = 0;
  #waitingAt = 0;
  /** Admissions per second, smoothed. */
  #rate = 0;
  #admitted = 0;
  #sampledAt = 0;

  /** One was admitted: perhaps one that had been refused. `now` in ms. */
  admitted(now: number): void {
    this.#sample(now);
    this.#admitted++;
    if (this.#waiting > 0) this.#waiting = Math.max(0, this.#waiting - 1);
  }

  /** One is refused. @param random 0 to 1 @returns its Retry-After, whole seconds */
  refused(now: number, random: number): number {
    this.#sample(now);
    this.#waiting = this.#waiting * 0.5 ** ((now - this.#waitingAt) / HALF_LIFE) + 1;
    this.#waitingAt = now;
    const span = Math.min(WIDEST, Math.max(SOONEST, this.#waiting / Math.max(SLOWEST, this.#rate)));
    return SOONEST + Math.floor(random * span);
  }

  #sample(now: number): void {
    const passed = now - this.#sampledAt;
    if (passed < SAMPLE) return;
    const rate = (this.#admitted * 1000) / passed;
    this.#rate = this.#rate === 0 ? rate : 0.7 * this.#rate + 0.3 * rate;
    this.#admitted = 0;
    this.#sampledAt = now;
  }
}
