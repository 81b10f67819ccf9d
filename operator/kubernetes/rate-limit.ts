import type { Clock } from '../watch.ts';

/** How much is let through. */
export interface Rate {
  readonly perSecond: number;
  /** At once, after a while of nothing. */
  readonly burst: number;
}

/**
 * Calls to the API server a second. Deletes go before everything else that waits: what is deleted makes room, and must not
 * stand behind hundreds of objects that are made.
 */
export class RateLimit {
  readonly #clock: Clock;
  readonly #rate: Rate;
  readonly #urgent: (() => void)[] = [];
  readonly #usual: (() => void)[] = [];
  #tokens: number;
  #filledAt: number;
  #timed = false;

  constructor(clock: Clock, rate: Rate) {
    this.#clock = clock;
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#filledAt = clock.now();
  }

  /** Calls that wait. */
  get waiting(): number {
    return this.#urgent.length + this.#usual.length;
  }

  /** Resolves when the call may be made. */
  admit(urgent: boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    (urgent ? this.#urgent : this.#usual).push(resolve);
    this.#turn();
    return promise;
  }

  #turn(): void {
    this.#fill();
    while (this.#tokens >= 1) {
      const next = this.#urgent.shift() ?? this.#usual.shift();
      if (next === undefined) return;
      this.#tokens -= 1;
      next();
    }
    if (this.#timed || this.waiting === 0) return;
    this.#timed = true;
    this.#clock.after(Math.ceil(((1 - this.#tokens) * 1000) / this.#rate.perSecond), () => {
      this.#timed = false;
      this.#turn();
    });
  }

  #fill(): void {
    const now = this.#clock.now();
    const { perSecond, burst } = this.#rate;
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#filledAt) * perSecond) / 1000);
    this.#filledAt = now;
  }
}
