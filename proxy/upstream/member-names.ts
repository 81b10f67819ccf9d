import { isIP } from 'node:net';
import type { Logger as Log } from 'pino';
import type { Transport } from '../transport/hop.ts';
import { canonicalAddress } from './address.ts';
import type { Member } from './pair.ts';

/** How often a member's host name is resolved again, and how soon after it could not be, ms. */
const RESOLVE_EVERY = 30_000;
const RESOLVE_AGAIN = 5_000;

interface NameOptions {
  readonly log: Log;
  now(): number;
  resolve(host: string, port: number, transport: Transport): Promise<readonly { readonly address: string }[]>;
}

interface Lookup {
  due: number;
  failed: boolean;
}

/** Keeps the numeric addresses of members that are configured by name. */
export class MemberNames {
  readonly #options: NameOptions;
  readonly #changed: (member: Member) => void;
  readonly #lookups = new Map<Member, Lookup>();

  constructor(options: NameOptions, changed: (member: Member) => void) {
    this.#options = options;
    this.#changed = changed;
  }

  /** These are the members now. */
  follow(members: readonly Member[]): void {
    for (const member of this.#lookups.keys()) if (!members.includes(member)) this.#lookups.delete(member);
    for (const member of members) {
      if (isIP(member.host) !== 0 || this.#lookups.has(member)) continue;
      this.#lookups.set(member, { due: Number.NEGATIVE_INFINITY, failed: false });
    }
  }

  /** Whether the last look-up of its name failed. */
  failed(member: Member): boolean {
    return this.#lookups.get(member)?.failed === true;
  }

  tick(now: number): void {
    for (const [member, lookup] of this.#lookups) {
      if (lookup.due > now) continue;
      lookup.due = now + RESOLVE_EVERY;
      void this.#resolve(member, lookup); // it catches its own failures
    }
  }

  /** When tick() is next needed. */
  next(): number {
    let at = Number.POSITIVE_INFINITY;
    for (const lookup of this.#lookups.values()) at = Math.min(at, lookup.due);
    return at;
  }

  async #resolve(member: Member, lookup: Lookup): Promise<void> {
    const { log } = this.#options;
    try {
      const found = await this.#options.resolve(member.host, member.port, member.transport);
      const addresses = found.map(({ address }) => canonicalAddress(address));
      const [first] = addresses;
      if (first === undefined) throw new Error('the name has no address');
      lookup.failed = false;
      // of several addresses the one in use stays: the order of an answer means nothing
      if (addresses.includes(member.address) || this.#lookups.get(member) !== lookup) return;
      log.info({ pair: member.pair.name, member: member.role, host: member.host, address: first }, 'member resolved');
      member.address = first;
      this.#changed(member);
    } catch (error) {
      lookup.due = this.#options.now() + RESOLVE_AGAIN;
      if (!lookup.failed) {
        log.warn(
          { err: error, pair: member.pair.name, member: member.role, host: member.host },
          member.address === '' ? 'member name not resolved' : 'member name not resolved, its last address stays',
        );
      }
      lookup.failed = true;
      if (member.address === '') this.#changed(member);
    }
  }
}
