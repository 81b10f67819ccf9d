import { parseMessage, RELAXED_LIMITS, type Message } from '../sip/message.ts';
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
  /** Those outside dialogs answered 300 to 699, by the hash of Call-ID and CSeq number, and which hash that is. */
  readonly #refused = new Map<number, ServerTransaction>();
  readonly #refusedHash = new Map<ServerTransaction, number>();

  /** In all of its tables: 0 once each that was added is deleted. */
  get size(): number {
    return this.#byHash.size + this.#refused.size + this.#refusedHash.size;
  }

  add(invite: ServerTransaction): void {
    const hash = hashOf(invite.key);
    if (!this.#byHash.has(hash)) this.#byHash.set(hash, invite);
  }

  delete(invite: ServerTransaction): void {
    const hash = hashOf(invite.key);
    if (this.#byHash.get(hash) === invite) this.#byHash.delete(hash);
    const refused = this.#refusedHash.get(invite);
    if (refused === undefined) return;
    this.#refusedHash.delete(invite);
    this.#refused.delete(refused);
  }

  /** It has its final response, of 300 to 699. */
  refused(invite: ServerTransaction): void {
    // inside one the 2xx to another copy has the same To tag, and its ACK comes this way, too
    if (invite.request.toTag !== '') return;
    const hash = callHash(invite.request);
    if (this.#refused.has(hash)) return;
    this.#refused.set(hash, invite);
    this.#refusedHash.set(invite, hash);
  }

  /**
   * The INVITE from `address` whose 300 to 699 `ack` acknowledges by Call-ID, CSeq number and To tag. RFC 3261 17.1.1.3
   * wants the INVITE's branch in it, but many a script writes a new one: the response would be sent again for half a
   * minute.
   */
  refusedBefore(ack: Message, address: string): ServerTransaction | undefined {
    if (this.#refused.size === 0) return undefined;
    const invite = this.#refused.get(callHash(ack));
    if (invite === undefined || invite.from.address !== address || invite.last === '') return undefined;
    const { callId, cseq, toTag } = parseMessage(invite.last, RELAXED_LIMITS);
    return callId === ack.callId && cseq === ack.cseq && toTag === ack.toTag ? invite : undefined;
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

function callHash({ callId, cseq }: Message): number {
  return textHash(callId, SEED ^ cseq);
}

const SEED = (Math.random() * 0x1_0000_0000) | 0;
