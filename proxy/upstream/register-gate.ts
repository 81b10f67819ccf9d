/**
 * REGISTERs that a pair may have unanswered from one proxy, to begin with and at most. A server that answers within 50 ms
 * gets 5,000/s through 256, one that needs a second gets 256/s and no heap of work that nobody waits for any more.
 */
export const REGISTERS_AT_FIRST = 64;
const REGISTERS_AT_MOST = 256;
/** However slow a server is, so many; and with no more under way none of them has waited for others. */
const FEW = 8;
/** How much longer than usual answers may take, ms: calls wait in the same queue of the server. */
const QUEUED = 250;
const CUT = 0.7;
/** A server that was out for no longer is as warm as before, ms. */
const BRIEF = 5_000;

/**
 * Bounds the REGISTERs under way to one pair, so that a storm of them waits at the phones and not at the server. The
 * bound is as much work as keeps the server busy: it falls while answers take a quarter of a second longer than they do
 * where few are under way, and rises else, slowly once it has fallen.
 */
export class RegisterGate {
  #inFlight = 0;
  #limit = REGISTERS_AT_FIRST;
  /** How long an answer takes, smoothed: where few are under way, and lately, ms. */
  #usual: number | undefined;
  #lately = 0;
  #cutAt = Number.NEGATIVE_INFINITY;
  /** What came before tells of an outage. */
  #since = Number.NEGATIVE_INFINITY;

  get full(): boolean {
    return this.#inFlight >= Math.floor(this.#limit);
  }

  enter(): void {
    this.#inFlight++;
  }

  /** Its server is in service again after `outage`, ms: it is asked little at first, and more as it answers. */
  back(now: number, outage: number): void {
    if (outage <= BRIEF) return;
    this.#limit = FEW;
    this.#lately = this.#usual ?? 0;
    this.#cutAt = Number.NEGATIVE_INFINITY;
    this.#since = now;
  }

  /** One has its answer, or never will. `took`: since it came, ms; `now` in ms. */
  leave(took: number, now: number): void {
    if (now - took < this.#since) {
      this.#inFlight--;
      return;
    }
    if (this.#usual === undefined) {
      this.#usual = took;
      this.#lately = took;
    } else if (this.#inFlight <= FEW) this.#usual += (took - this.#usual) / 16;
    this.#lately += (took - this.#lately) / 16;
    this.#inFlight--;
    if (this.#lately <= this.#usual + QUEUED) {
      const isNew = this.#cutAt === Number.NEGATIVE_INFINITY;
      this.#limit = Math.min(REGISTERS_AT_MOST, this.#limit + (isNew ? 0.5 : 1 / this.#limit));
    } else if (now - took >= this.#cutAt) {
      // what came before the last cut tells of the queue before it
      this.#limit = Math.max(FEW, this.#limit * CUT);
      this.#cutAt = now;
    }
  }
}
