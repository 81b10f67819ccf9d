import type { Member, Pair } from '../upstream/pair.ts';
import type { Copying } from './copying.ts';

/**
 * Copies that follow their pair's active member, or were handed to another proxy, by pair or by the proxy's name. A copy
 * leaves when it has its final answer, so there are never more than open transactions.
 */
export class Pending {
  readonly #on = new Map<Pair | string, Set<Copying>>();

  add(on: Pair | string, copy: Copying): void {
    let set = this.#on.get(on);
    if (set === undefined) {
      set = new Set();
      this.#on.set(on, set);
    }
    set.add(copy);
    copy.pendingIn = set;
  }

  release(copy: Copying): void {
    copy.pendingIn?.delete(copy);
    copy.pendingIn = undefined;
  }

  get size(): number {
    let count = 0;
    for (const set of this.#on.values()) count += set.size;
    return count;
  }

  switched(pair: Pair, to: Member): void {
    for (const copy of [...(this.#on.get(pair) ?? [])]) copy.switched(to);
  }

  /** The proxy's record is gone: what was handed to it takes the next way. */
  gone(proxy: string): void {
    const set = this.#on.get(proxy);
    if (set === undefined) return;
    this.#on.delete(proxy);
    for (const copy of [...set]) copy.peerGone();
  }
}
