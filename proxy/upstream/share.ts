/** A pair that was out for this long or longer comes back this slowly, ms; one that was out for less, in as long as it was out. */
const WARM_UP = 30_000;
/** What a pair that comes back begins with, of its weight. */
const FIRST = 0.1;
/** A pair that goes out again within this time after it came back is flapping, ms. */
const STEADY = 60_000;
/** From the third outage on that follows so fast: how long its warming up waits, ms; twice as long each time. */
const FIRST_HOLD = 5_000;
const LONGEST_HOLD = 60_000;
/** A server's Retry-After is believed for this long at most, ms. */
const LONGEST_CLOSURE = 300_000;

/**
 * How much of its weight a pair has in the choice for a new call: less while it warms up after an outage, and longer so
 * where it flaps, as a server does that answers too slowly; nothing while its server has asked to be left alone. Calls
 * that it holds already are its own in any case.
 */
export class Share {
  #outSince: number | undefined;
  /** Outages in a row, each soon after the one before. */
  #outages = 0;
  #warmFrom = Number.NEGATIVE_INFINITY;
  #warmUntil = Number.NEGATIVE_INFINITY;
  #closedUntil = 0;

  /** The pair has no member in service any more. `now` in ms, as everywhere here. */
  out(now: number): void {
    if (this.#outSince !== undefined) return;
    this.#outSince = now;
    this.#outages = now - this.#warmFrom < STEADY ? this.#outages + 1 : 1;
  }

  /** A member is in service again. @returns for how long none was, ms */
  back(now: number): number {
    if (this.#outSince === undefined) return 0;
    const outage = now - this.#outSince;
    const hold = this.#outages < 3 ? 0 : Math.min(LONGEST_HOLD, FIRST_HOLD * 2 ** (this.#outages - 3));
    this.#warmFrom = now + hold;
    this.#warmUntil = this.#warmFrom + Math.min(WARM_UP, outage);
    this.#outSince = undefined;
    return outage;
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
    if (now <= this.#warmFrom) return FIRST;
    return FIRST + ((1 - FIRST) * (now - this.#warmFrom)) / (this.#warmUntil - this.#warmFrom);
  }
}
