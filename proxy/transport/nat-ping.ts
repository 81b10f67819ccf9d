import type { Binding } from '../store/records.ts';

/** RFC 5626 4.4.1's ping: a datagram that SIP passes over and NATs take for traffic. */
export const NAT_PING = '\r\n\r\n';

interface NatPingsOptions {
  /** The proxy's name. */
  readonly proxy: string;
  /** All bindings known. It is walked a little at a time, so it must bear changes meanwhile. */
  readonly bindings: () => Iterable<Binding>;
  /** How many there are. */
  readonly count: () => number;
  readonly ping: (address: string, port: number) => void;
}

/** Whether this proxy keeps a binding's way through a NAT open: a UDP one, that is owned, behind no Sbc, and by it. */
export function needsNatPing(binding: Binding, proxy: string, now: number): boolean {
  return binding.transport === 'UDP' && binding.owner === proxy && binding.removed !== true && binding.expires > now;
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
  #walk: Iterator<Binding> | undefined;
  #began = 0;
  #total = 0;
  #walked = 0;

  constructor(options: NatPingsOptions) {
    this.#options = options;
  }

  /** `period` in ms; 0: none are sent. */
  tick(now: number, period: number): void {
    if (period <= 0) {
      this.#walk = undefined;
      return;
    }
    if (this.#walk !== undefined) {
      const elapsed = now - this.#began;
      // what was added since the walk began comes last
      this.#go(elapsed >= period ? Infinity : dueBy(elapsed, period, this.#total), now);
      if (elapsed < period) return;
    }
    this.#walk = this.#options.bindings()[Symbol.iterator]();
    this.#began = now;
    this.#total = this.#options.count();
    this.#walked = 0;
  }

  #go(upTo: number, now: number): void {
    const { proxy, ping } = this.#options;
    for (; this.#walked < upTo; this.#walked++) {
      const next = this.#walk?.next();
      if (next === undefined || next.done === true) return;
      if (needsNatPing(next.value, proxy, now)) ping(next.value.sourceAddress, next.value.sourcePort);
    }
  }
}
