/** A pair that was out for this long or longer comes back this slowly, ms; one that was out for less, in as long as it was out. */
const WARM_UP = 30_000;
/** What a pair that comes back begins with, of its weight. */
const FIRST = 0.1;
/** A server's Retry-After is believed for this long at most, ms. */
const LONGEST_CLOSURE = 300_000;

/**
 * How much of its weight a pair has in the choice for a new call: less while it warms up after an outage, nothing while
 * its server has asked to be left alone. Calls that it holds already are its own in any case.
 */
export class Share {
  #outSince: number | undefined;
  #warmFrom = 0;
  #warmUntil = 0;
  #closedUntil = 0;

  /** The pair has no member in service any more. `now` in ms, as everywhere here. */
  out(now: number): void {
    this.#outSince ??= now;
  }

  /** A member is in service again. */
  back(now: number): void {
    if (this.#outSince === undefined) return;
    this.#warmFrom = now;
    this.#warmUntil = now + Math.min(WARM_UP, now - this.#outSince);
    this.#outSince = undefined;
  }

  /** A server answered 503 with Retry-After (RFC 3261 21.5.4). @returns how long it is left alone, ms */
  close(now: number, duration: number): number {
    const kept = Math.min(duration, LONGEST_CLOSURE);
    this.#closedUntil = Math.max(this.#closedUntil, now + kept);
    return kept;
  }

  /** Another member has the work now: what its predecessor asked for is not its wish. */
  open(): void {
    this.#closedUntil = 0;
  }

  /** 0 to 1. */
  at(now: number): number {
    if (now < this.#closedUntil) return 0;
    if (now >= this.#warmUntil) return 1;
    return FIRST + ((1 - FIRST) * (now - this.#warmFrom)) / (this.#warmUntil - this.#warmFrom);
  }
}
