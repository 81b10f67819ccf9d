/** From one tick to the next, ms: the least, and the most. */
const [LEAST, MOST] = [10, 50];

export interface TickerOptions {
  /** A turn begins: the time, ms. */
  read(): number;
  /** When a tick is next needed, as far as that is known; Infinity: at no known time; 0: as soon as may be. */
  due(): number;
  tick(now: number): void;
}

/**
 * Has `tick` called often enough for what goes by time. Where messages come the turns that they begin do it; by itself it
 * wakes the process only when something is due, and every 50 ms for what can't say: to be woken costs many times a tick.
 */
export class Ticker {
  readonly #options: TickerOptions;
  #last = Infinity;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: TickerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#last = this.#options.read();
    this.#timer = this.#wakeAfter(this.#last);
  }

  /** A turn is under way that began at `now`. Nothing happens before start(). */
  pass(now: number): void {
    if (now - this.#last < LEAST) return;
    this.#last = now;
    this.#options.tick(now);
  }

  /** Nothing happens any more, also where a tick calls this. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#last = Infinity;
  }

  #wakeAfter(now: number): NodeJS.Timeout {
    const soonest = this.#last + LEAST;
    const at = Math.min(Math.max(this.#options.due(), soonest), now + MOST);
    return setTimeout(() => this.#wake(), Math.max(1, Math.ceil(at - now)));
  }

  #wake(): void {
    const now = this.#options.read();
    try {
      this.pass(now);
    } finally {
      if (this.#last !== Infinity) this.#timer = this.#wakeAfter(now);
    }
  }
}
