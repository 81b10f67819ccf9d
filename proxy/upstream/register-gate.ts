/**
 * REGISTERs that a pair may have unanswered from one proxy. A server that answers within 50 ms gets 5,000/s through it,
 * one that needs a second gets 256/s and no heap of work that nobody waits for any more.
 */
export const REGISTERS_IN_FLIGHT = 256;

/** Bounds the REGISTERs under way to one pair, so that a storm of them waits at the phones and not at the server. */
export class RegisterGate {
  #inFlight = 0;

  get full(): boolean {
    return this.#inFlight >= REGISTERS_IN_FLIGHT;
  }

  enter(): void {
    this.#inFlight++;
  }

  leave(): void {
    this.#inFlight--;
  }
}
