import { withoutSentBy } from './matching.ts';
import type { ServerTransaction } from './server-transaction.ts';
import { textHash } from './text-map.ts';

/**
 * INVITEs by all of their keys but the sent-by. RFC 3261 17.2.3 compares that as well, but a NAT that writes into
 * messages may give each another port: their CANCEL would get 481 and the phone would ring on, their ACK go astray.
 */
export class Invites {
  /** Of those with one hash, the first: that a branch is not unique is nothing to help with. */
  readonly #byHash = new Map<number, ServerTransaction>();

  add(invite: ServerTransaction): void {
    const hash = hashOf(invite.key);
    if (!this.#byHash.has(hash)) this.#byHash.set(hash, invite);
  }

  delete(invite: ServerTransaction): void {
    const hash = hashOf(invite.key);
    if (this.#byHash.get(hash) === invite) this.#byHash.delete(hash);
  }

  /** The INVITE that came from `address` and has this key but for its sent-by. */
  from(address: string, key: string): ServerTransaction | undefined {
    const invite = this.#byHash.get(hashOf(key));
    if (invite === undefined || invite.from.address !== address) return undefined;
    return withoutSentBy(invite.key) === withoutSentBy(key) ? invite : undefined;
  }
}

function hashOf(key: string): number {
  return textHash(withoutSentBy(key), SEED);
}

const SEED = (Math.random() * 0x1_0000_0000) >>> 0;
