/**
 * Two clocks, read once a turn and not for each of the dozen times that one message asks: whoever begins a turn reads
 * them, and all that happens in it happens at that time. What asks between turns hears when the last one began.
 */
export class TurnClock {
  readonly #readNow: () => number;
  readonly #readWall: () => number;
  #now: number;
  #wall: number;

  /** `now`: what timers go by, ms; `wall`: the time of day, ms since the epoch. */
  constructor(now: () => number, wall: () => number) {
    this.#readNow = now;
    this.#readWall = wall;
    this.#now = now();
    this.#wall = wall();
  }

  /** A turn begins. @returns `now` */
  read(): number {
    this.#now = this.#readNow();
    this.#wall = this.#readWall();
    return this.#now;
  }

  readonly now = (): number => this.#now;

  readonly wall = (): number => this.#wall;
}
