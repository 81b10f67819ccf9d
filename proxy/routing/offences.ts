import { PeerMap } from '../transport/peer-map.ts';

/** How many one source has to its credit, and how many it earns a second. */
export interface Allowance {
  readonly burst: number;
  readonly perSecond: number;
}

/** Sources that a generation remembers: a flood from ever new ports costs no more than twice as many. */
const SOURCES = 10_000;

interface Credit {
  left: number;
  at: number;
}

/**
 * What each source is still allowed: by connection or UDP address and port, for a whole office shares one address. Two
 * generations stand in for a least-recently-used list, as the older one is dropped whole when the newer is full.
 */
export class Offences {
  #allowance: Allowance;
  readonly #limit: number;
  #young = new PeerMap<Credit>();
  #old = new PeerMap<Credit>();

  constructor(allowance: Allowance, limit = SOURCES) {
    this.#allowance = allowance;
    this.#limit = limit;
  }

  /** Sources remembered now; at most twice the limit. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** Another allowance from now on. */
  retune(allowance: Allowance): void {
    this.#allowance = allowance;
  }

  /** One more from there. `now` in ms. @returns whether it is within what is allowed */
  note(address: string, port: number, now: number): boolean {
    const credit = this.#credit(address, port, now);
    if (credit.left < 1) return false;
    credit.left--;
    return true;
  }

  /** Whether that source has used up all that it is allowed. */
  spent(address: string, port: number, now: number): boolean {
    if (this.#young.size === 0) return false;
    if (this.#young.get(address, port) === undefined && this.#old.get(address, port) === undefined) return false;
    return this.#credit(address, port, now).left < 1;
  }

  /** It has done well: so much is given back. */
  forgive(address: string, port: number, count: number, now: number): void {
    if (this.#young.get(address, port) === undefined && this.#old.get(address, port) === undefined) return;
    const credit = this.#credit(address, port, now);
    credit.left = Math.min(this.#allowance.burst, credit.left + count);
  }

  #credit(address: string, port: number, now: number): Credit {
    const credit = this.#young.get(address, port) ?? this.#renew(address, port, now);
    const { burst, perSecond } = this.#allowance;
    credit.left = Math.min(burst, credit.left + (Math.max(0, now - credit.at) * perSecond) / 1000);
    credit.at = now;
    return credit;
  }

  #renew(address: string, port: number, now: number): Credit {
    const credit = this.#old.get(address, port) ?? { left: this.#allowance.burst, at: now };
    this.#old.delete(address, port);
    if (this.#young.size >= this.#limit) {
      this.#old = this.#young;
      this.#young = new PeerMap();
    }
    this.#young.set(address, port, credit);
    return credit;
  }
}
