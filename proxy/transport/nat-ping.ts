/** RFC 5626 4.4.1's ping: a datagram that SIP passes over and NATs take for traffic. */
export const NAT_PING = '\r\n\r\n';

/** How many rows are looked at in one tick at most: after a pause of the process all would be due at once. */
const AT_ONCE = 20_000;

/** Where a phone behind a NAT is reached: numeric address and port. */
export interface NatSource {
  readonly address: string;
  readonly port: number;
}

interface NatPingsOptions {
  /** Bindings are numbered below this; some of the numbers are of none. */
  readonly end: () => number;
  /** The source of the binding with a number, if it is one whose way through a NAT this proxy keeps open. */
  readonly source: (row: number) => NatSource | undefined;
  readonly ping: (address: string, port: number) => void;
}

/** How many of `total` are due once `elapsed` of `period` ms has gone by, so that they are spread evenly over it. */
export function dueBy(elapsed: number, period: number, total: number): number {
  return elapsed >= period ? total : Math.floor((total * Math.max(elapsed, 0)) / period);
}

/**
 * Keeps the UDP flows of phones behind NAT open: each is pinged once a period. There is no timer for each: the
 * bindings are walked once a period, some at every tick. Time is given.
 */
export class NatPings {
  readonly #options: NatPingsOptions;
  #began: number | undefined;
  #total = 0;
  #row = 0;

  constructor(options: NatPingsOptions) {
    this.#options = options;
  }

  /** `period` in ms; 0: none are sent. */
  tick(now: number, period: number): void {
    if (period <= 0) {
      this.#began = undefined;
      return;
    }
    const { end } = this.#options;
    if (this.#began !== undefined) {
      const elapsed = now - this.#began;
      const isOver = elapsed >= period;
      // what was added since the walk began comes last
      const due = isOver ? end() : dueBy(elapsed, period, this.#total);
      this.#go(Math.min(due, this.#row + AT_ONCE));
      if (!isOver || this.#row < due) return;
    }
    this.#began = now;
    this.#total = end();
    this.#row = 0;
  }

  #go(upTo: number): void {
    const { source, ping } = this.#options;
    for (; this.#row < upTo; this.#row++) {
      const at = source(this.#row);
      if (at !== undefined) ping(at.address, at.port);
    }
  }
}
