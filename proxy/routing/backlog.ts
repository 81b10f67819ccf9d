/** The least that a refused phone waits, and the most, s. */
const SOONEST = 5;
const LATEST = 600;
/** The rate of admissions is taken anew each this many ms; what is left then of a greater one of before. */
const SAMPLE = 1_000;
const FADING = 0.9;
/** Refused phones are called back at this rate at least, per second: who comes too soon costs us one more refusal. */
const SLOWEST = 100;
/**
 * When those who are refused shall try again: each has its place in a line that moves at the rate of admissions, so that
 * half a million phones of a lost data centre come back as fast as the servers take them, and not all at once. A place is
 * anywhere in the second half of the line: seconds are whole, and who was refused in one moment would come in one moment.
 * So a few more come than can be admitted, and make up for those who never do.
 */
export class Backlog {
  /** When the line ends, ms. */
  #end = 0;
  /** Admissions per second that the servers hold, as seen while somebody was refused: the most of the last seconds. */
  #rate = 0;
  #admitted = 0;
  #refused = 0;
  #sampledAt = 0;

  /** One was admitted. `now` in ms. */
  admitted(now: number): void {
    this.#sample(now);
    this.#admitted++;
  }

  /** One is refused. @param random 0 to 1 @returns its Retry-After, whole seconds */
  refused(now: number, random: number): number {
    this.#sample(now);
    this.#refused++;
    const end = Math.max(this.#end, now + SOONEST * 1000) + 1000 / Math.max(SLOWEST, this.#rate);
    if (end <= now + LATEST * 1000) this.#end = end;
    const length = (this.#end - now) / 1000 - SOONEST;
    return SOONEST + Math.floor(length * (0.5 + 0.5 * random));
  }

  #sample(now: number): void {
    const passed = now - this.#sampledAt;
    if (passed < SAMPLE) return;
    // where nobody was refused, it tells how many came
    if (this.#refused > 0) this.#rate = Math.max((this.#admitted * 1000) / passed, FADING * this.#rate);
    this.#admitted = 0;
    this.#refused = 0;
    this.#sampledAt = now;
  }
}
