import { fnv1a, fnv1aBits } from '../hash.ts';
import { Header } from '../sip/header.ts';
import type { Message } from '../sip/message.ts';
import { viaAt } from '../sip/via.ts';

const COOKIE = 'z9hG4bK';
const NAME_LENGTH = 7;
/** Cookie, proxy, request and target (two words), and what tells a loop. */
const LENGTH = COOKIE.length + 4 * NAME_LENGTH;
/** Keeps two texts apart that are hashed one after the other. */
const SEPARATOR = 0x2c1b3c6d;

/**
 * Branches of one proxy (RFC 3261 16.6 step 8, 16.11): a keyed hash of what identifies the request and where it goes,
 * so that every fork and try differs, a retransmission after a restart matches, and another proxy of the shard can
 * write the same one. They name their proxy, so that a response which reaches another proxy can be handed over.
 */
export class Branches {
  readonly #shard: string;
  readonly #prefix: string;
  readonly #seedA: number;
  readonly #seedB: number;

  constructor(shard: string, proxy: string) {
    this.#shard = shard;
    this.#prefix = `${COOKIE}${proxyName(proxy)}`;
    this.#seedA = fnv1aBits(shard);
    this.#seedB = fnv1aBits(shard, 0x9747b28c);
  }

  /**
   * `viaBranch` and `sentBy` are those of the received top Via; `target` is where this copy goes; `attempt` counts tries;
   * `loop` is what routingHash says of the request as it came; `source` is where it came from, if that is no other word
   * for `sentBy`: nobody else then writes its CANCEL.
   */
  branch(
    viaBranch: string,
    sentBy: string,
    callId: string,
    cseq: number,
    target: string,
    attempt: number,
    loop: number,
    source = '',
  ): string {
    let a = this.#seedA;
    let b = this.#seedB;
    a = fnv1aBits(viaBranch, a);
    b = fnv1aBits(sentBy, Math.imul(a ^ b, 0x85ebca6b));
    b = fnv1aBits(source, b);
    a = fnv1aBits(callId, a ^ cseq);
    b = fnv1aBits(target, b ^ a);
    a = finish(Math.imul(a ^ attempt, 0xc2b2ae35) ^ (b >>> 15));
    b = finish(b ^ Math.imul(attempt + 1, 0x27d4eb2f) ^ a);
    return `${this.#prefix}${text36(a)}${text36(b)}${text36(loop)}`;
  }

  /** Those of another proxy of the shard. */
  of(proxy: string): Branches {
    return new Branches(this.#shard, proxy);
  }

  /** Whether this proxy wrote the branch. */
  isOurs(branch: string): boolean {
    return branch.startsWith(this.#prefix);
  }

  /**
   * RFC 5393 4.2: a hash of all that decides where a request goes; a request that comes back with the same one loops.
   * Its Vias are left out, which are different every time, and so is the method: a CANCEL has the branch of its INVITE.
   */
  routingHash(request: Message, sender: string): number {
    const { text } = request;
    let hash = fnv1aBits(request.uri, this.#seedB);
    hash = fnv1aBits(request.fromTag, hash);
    hash = fnv1aBits(request.toTag, hash ^ SEPARATOR);
    hash = fnv1aBits(request.callId, hash ^ request.cseq);
    hash = fnv1aBits(sender, hash);
    for (let i = 0; i < request.fieldCount; i++) {
      const id = request.fieldId(i);
      if (id === Header.Route || id === Header.XGenesysRoute)
        hash = fnv1aBits(text, hash, request.valueStart(i), request.fieldEnd(i));
    }
    return finish(hash);
  }

  /** Whether `request` has been here before and `loop`, its routingHash, was the same then (RFC 3261 16.3 step 4). */
  hasLooped(request: Message, loop: number): boolean {
    // hardly any has been here before, and one native search says so
    if (!request.text.includes(this.#prefix)) return false;
    const end = text36(loop);
    for (const value of request.values(Header.Via)) {
      // one that can't be read is none of ours, and nobody's business here (16.3 step 1)
      const branch = viaAt(value, 0, value.length)?.branch ?? '';
      if (branch.length === LENGTH && this.isOurs(branch) && branch.endsWith(end)) return true;
    }
    return false;
  }
}

/** How a branch names its proxy: 7 characters of a hash of the proxy's name. */
export function proxyName(proxy: string): string {
  return text36(fnv1a(proxy));
}

/** The part of a branch that names the proxy which wrote it; undefined when no proxy of ours did. */
export function proxyOf(branch: string): string | undefined {
  const end = COOKIE.length + NAME_LENGTH;
  return branch.length === LENGTH && branch.startsWith(COOKIE) ? branch.slice(COOKIE.length, end) : undefined;
}

function finish(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Two digits at a time: toString(36) goes through floating point, and a table of three digits out of the cache. */
const TWO_DIGITS = Array.from({ length: 36 ** 2 }, (_, i) => i.toString(36).padStart(2, '0'));
const DIGITS = TWO_DIGITS.slice(0, 36).map((digits) => digits.slice(1));

/** `value` of 32 bits in base 36, NAME_LENGTH digits. */
function text36(value: number): string {
  const low = value % 46_656;
  const high = (value - low) / 46_656;
  const last = low % 1296;
  const first = Math.trunc(high / 1296);
  const middle = high % 1296;
  // added up, and not in a template: there each part is made a text first
  const start = (TWO_DIGITS[first] ?? '') + (TWO_DIGITS[middle] ?? '');
  return start + (DIGITS[(low - last) / 1296] ?? '') + (TWO_DIGITS[last] ?? '');
}
