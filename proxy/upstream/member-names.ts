import { isIP } from 'node:net';
import type { Logger as Log } from 'pino';
import type { Transport } from '../transport/hop.ts';
import { canonicalAddress } from './address.ts';
import type { Member } from './pair.ts';

/** How often a member's host name is resolved again, and how soon where it could not be or the member is Down, ms. */
const RESOLVE_EVERY = 30_000;
const RESOLVE_AGAIN = 5_000;

interface NameOptions {
  readonly log: Log;
  now(): number;
  resolve(host: string, port: number, transport: Transport): Promise<readonly { readonly address: string }[]>;
}

interface Lookup {
  due: number;
  /** When it was last begun. */
  begun: number;
  failed: boolean;
  /** Nothing answers at the address in use. */
  down: boolean;
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
      this.#lookups.set(member, {
        due: Number.NEGATIVE_INFINITY,
        begun: Number.NEGATIVE_INFINITY,
        failed: false,
        down: false,
      });
    }
  }

  /** Whether the last look-up of its name failed. */
  failed(member: Member): boolean {
    return this.#lookups.get(member)?.failed === true;
  }

  /** It answered a ping, or did not: it may have been started again at another address, or be at another one of its name. */
  pinged(member: Member, answered: boolean): void {
    const lookup = this.#lookups.get(member);
    if (lookup === undefined) return;
    lookup.down = !answered;
    if (!answered) lookup.due = Math.min(lookup.due, lookup.begun + RESOLVE_AGAIN);
  }

  tick(now: number): void {
    for (const [member, lookup] of this.#lookups) {
      if (lookup.due > now) continue;
      lookup.begun = now;
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
      const address = addressOf(
        member,
        lookup.down,
        found.map((target) => canonicalAddress(target.address)),
      );
      lookup.failed = false;
      if (address === member.address || this.#lookups.get(member) !== lookup) return;
      // what is looked for in vain, as a backup whose port is closed, is told once
      const level = lookup.down && member.address !== '' ? 'debug' : 'info';
      log[level]({ pair: member.pair.name, member: member.role, host: member.host, address }, 'member resolved');
      member.address = address;
      lookup.down = false;
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

/** Of several addresses the one in use stays: the order of an answer means nothing. Where nothing answers, the next one's turn has come. */
function addressOf({ address }: Member, down: boolean, found: readonly string[]): string {
  const at = found.indexOf(address);
  const next = at < 0 ? found[0] : found[down ? (at + 1) % found.length : at];
  if (next === undefined) throw new Error('the name has no address');
  return next;
}
