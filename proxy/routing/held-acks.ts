import { NOWHERE, type Timer } from '../transaction/timers.ts';
import type { Member, Pair } from '../upstream/pair.ts';
import type { Core } from './core.ts';
import type { Received } from './received.ts';

/** As long as other requests inside the dialogs of a pair wait for a member, ms. */
const KEPT = 16_000;
/** Characters of all that are held: some 4,000 ACKs as they usually are. What comes when it is full is dropped. */
const LIMIT = 4 * 1024 * 1024;

interface HeldAck {
  readonly pair: Pair;
  readonly received: Received;
  readonly until: number;
}

/**
 * ACKs of 2xx whose pair has no active member. Whoever sent one sends it again only when the 2xx comes again, which the
 * promoted member may not know that it owes: it gets the ACK as soon as it is there.
 */
export class HeldAcks implements Timer {
  place = NOWHERE;
  readonly #core: Core;
  /** Oldest first. */
  #held: HeldAck[] = [];
  #size = 0;

  constructor(core: Core) {
    this.#core = core;
  }

  add(pair: Pair, received: Received): void {
    const { counts, now, timers } = this.#core;
    const { length } = received.message.text;
    if (this.#size + length > LIMIT) {
      counts.strayAcks++;
      return;
    }
    counts.acksHeld++;
    this.#size += length;
    this.#held.push({ pair, received, until: now() + KEPT });
    if (this.#held.length === 1) timers.schedule(this, now() + KEPT);
  }

  /** The pair has an active member again. */
  release(pair: Pair, member: Member): void {
    if (this.#held.length === 0) return;
    const { copier } = this.#core;
    const hop = copier.hopToMember(member);
    if (hop === undefined) return;
    const waiting = this.#held.filter((held) => held.pair === pair);
    this.#keep((held) => held.pair !== pair);
    for (const { received } of waiting) copier.sendStateless(received, hop, undefined);
  }

  expire(now: number): void {
    const before = this.#held.length;
    this.#keep(({ until }) => until > now);
    this.#core.counts.strayAcks += before - this.#held.length;
  }

  #keep(which: (held: HeldAck) => boolean): void {
    const { timers } = this.#core;
    this.#held = this.#held.filter(which);
    this.#size = this.#held.reduce((sum, { received }) => sum + received.message.text.length, 0);
    const [oldest] = this.#held;
    if (oldest === undefined) timers.cancel(this);
    else timers.schedule(this, oldest.until);
  }
}
