import type { Member, Pair } from '../upstream/pair.ts';
import type { AlongWays } from './along-ways.ts';

/** Copies that wait on one pair or proxy, oldest first: a list through the copies themselves. */
export class Waiting {
  #first: AlongWays | undefined;
  #last: AlongWays | undefined;
  size = 0;

  push(copy: AlongWays): void {
    copy.pendingIn = this;
    copy.pendingBefore = this.#last;
    if (this.#last === undefined) this.#first = copy;
    else this.#last.pendingAfter = copy;
    this.#last = copy;
    this.size++;
  }

  delete(copy: AlongWays): void {
    const { pendingBefore: before, pendingAfter: after } = copy;
    if (before === undefined) this.#first = after;
    else before.pendingAfter = after;
    if (after === undefined) this.#last = before;
    else after.pendingBefore = before;
    copy.pendingIn = undefined;
    copy.pendingBefore = undefined;
    copy.pendingAfter = undefined;
    this.size--;
  }

  all(): AlongWays[] {
    const copies: AlongWays[] = [];
    for (let copy = this.#first; copy !== undefined; copy = copy.pendingAfter) copies.push(copy);
    return copies;
  }
}

/**
 * Copies that follow their pair's active member, or were handed to another proxy, by pair or by the proxy's name. A copy
 * leaves when it has its final answer, so there are never more than open transactions.
 */
export class Pending {
  readonly #on = new Map<Pair | string, Waiting>();

  add(on: Pair | string, copy: AlongWays): void {
    let waiting = this.#on.get(on);
    if (waiting === undefined) {
      waiting = new Waiting();
      this.#on.set(on, waiting);
    }
    this.release(copy);
    waiting.push(copy);
  }

  release(copy: AlongWays): void {
    copy.pendingIn?.delete(copy);
  }

  get size(): number {
    let count = 0;
    for (const waiting of this.#on.values()) count += waiting.size;
    return count;
  }

  switched(pair: Pair, to: Member): void {
    for (const copy of this.#on.get(pair)?.all() ?? []) copy.switched(to);
  }

  /** The pair has no active member any more. */
  lost(pair: Pair): void {
    for (const copy of this.#on.get(pair)?.all() ?? []) copy.pairLost();
  }

  /** The proxy's record is gone: what was handed to it takes the next way. */
  gone(proxy: string): void {
    const waiting = this.#on.get(proxy);
    if (waiting === undefined) return;
    this.#on.delete(proxy);
    for (const copy of waiting.all()) copy.peerGone();
  }
}
