/** How long nothing may happen before a process must have stood still, ms: it looks at its timers every 50. */
const STILL = 3_000;
/** How long after that it still reads what came meanwhile, ms. */
const CATCHES_UP = 1_000;

/**
 * When a message came that is read now. A process that was stopped, or whose machine was, reads what phones sent it long
 * ago; they have given up and sent it to another proxy since, so that of the two this one is the older.
 */
export class Arrivals {
  #lived: number;
  #before = 0;
  #until = Number.NEGATIVE_INFINITY;

  constructor(now: number) {
    this.#lived = now;
  }

  /** The process runs: call it every 50 ms or more often. `now`: what timers go by, ms; `wall`: the time of day, ms since the epoch. */
  lives(now: number, wall: number): void {
    const still = now - this.#lived;
    this.#lived = now;
    if (still <= STILL) return;
    this.#before = wall - still;
    this.#until = now + CATCHES_UP;
  }

  /** When it came at the earliest, ms since the epoch. */
  earliest(now: number, wall: number): number {
    this.lives(now, wall);
    return now < this.#until ? this.#before : wall;
  }
}
