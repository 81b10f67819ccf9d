import type { Hop } from '../transport/hop.ts';

/** How long a target that failed is tried after the others, ms: about as long as a request to it would wait. */
const HELD_AGAINST = 30_000;
/** A Retry-After counts for no longer than this, ms. */
const LONGEST = 300_000;
const TARGETS = 1_000;

/**
 * Targets of names (RFC 3263) that said nothing or could not be reached a short while ago, or asked for no more requests
 * (RFC 3261 21.5.4). The others that their name leads to are tried before them, so that not every call waits for a dead
 * one first; they are never left out. The one that failed longest ago is forgotten where there would be too many.
 */
export class FailedTargets {
  /** By transport, address and port; until when, ms. */
  readonly #until = new Map<string, number>();
  readonly #limit: number;

  constructor(limit = TARGETS) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#until.size;
  }

  /**
   * @param duration for which it asks for no requests, ms; default: what a failure counts for
   * @returns whether that is news
   */
  add(hop: Hop, now: number, duration = HELD_AGAINST): boolean {
    const key = keyOf(hop);
    const before = this.#until.get(key) ?? 0;
    this.#until.delete(key);
    const [oldest] = this.#until.keys();
    if (oldest !== undefined && this.#until.size >= this.#limit) this.#until.delete(oldest);
    this.#until.set(key, Math.max(before, now + Math.min(duration, LONGEST)));
    return before <= now;
  }

  /** The same hops in their order, but those that failed after the others. */
  last(hops: readonly Hop[], now: number): readonly Hop[] {
    if (this.#until.size === 0 || hops.length < 2) return hops;
    const failed = hops.filter((hop) => this.#has(keyOf(hop), now));
    return failed.length === 0 ? hops : [...hops.filter((hop) => !failed.includes(hop)), ...failed];
  }

  #has(key: string, now: number): boolean {
    const until = this.#until.get(key);
    if (until === undefined) return false;
    if (until > now) return true;
    this.#until.delete(key);
    return false;
  }
}

function keyOf({ transport, address, port }: Hop): string {
  return `${transport} ${address} ${port}`;
}
