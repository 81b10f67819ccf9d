import { isIP } from 'node:net';
import type { MemberConfig, ServerConfig } from '../config.ts';
import { fnv1a } from '../hash.ts';
import type { MemberRole } from '../store/records.ts';
import type { TlsPeer } from '../transport/tls-material.ts';
import { canonicalAddress } from './address.ts';
import { seedOf } from './balance.ts';
import { RegisterGate } from './register-gate.ts';
import { Share } from './share.ts';

/** One SIP Server process of a pair. */
export class Member {
  readonly pair: Pair;
  readonly role: MemberRole;
  /** As configured: a name or a numeric address. */
  readonly host: string;
  readonly port: number;
  readonly transport: MemberConfig['transport'];
  readonly tls: MemberConfig['tls'];
  /** Numeric; '' until its name is resolved. */
  address: string;

  constructor(pair: Pair, config: MemberConfig) {
    this.pair = pair;
    this.role = config.role;
    this.host = config.host;
    this.port = config.port;
    this.transport = config.transport;
    this.tls = config.tls;
    this.address = isIP(config.host) === 0 ? '' : canonicalAddress(config.host);
  }

  /** `address:port` for people: the name until it is resolved. */
  get label(): string {
    const host = this.address === '' ? this.host : this.address;
    return host.includes(':') ? `[${host}]:${this.port}` : `${host}:${this.port}`;
  }

  /** How its certificate is judged and what is shown to it; undefined: it is not reached by TLS. */
  get tlsPeer(): TlsPeer | undefined {
    if (this.transport !== 'TLS') return undefined;
    return { name: this.tls?.name ?? this.host, ca: this.tls?.ca, client: this.tls?.client };
  }

  isLike(config: MemberConfig): boolean {
    return (
      this.role === config.role &&
      this.host === config.host &&
      this.port === config.port &&
      this.transport === config.transport &&
      JSON.stringify(this.tls) === JSON.stringify(config.tls)
    );
  }
}

/** One SIP Server, deployed as primary and backup or as a single member. Calls are pinned to it, never to a member. */
export class Pair {
  readonly name: string;
  readonly geoLocation: string;
  /** Of this proxy's data centre: pinged from here. */
  readonly local: boolean;
  /** 32-bit FNV-1a of the name: what tokens hold. */
  readonly hash: number;
  /** Of the rendezvous hashing. */
  readonly seed: number;
  weight: number;
  members: readonly Member[];
  readonly share = new Share();
  readonly registers = new RegisterGate();
  /** Who gets the pair's work; undefined: neither is in service, or, of a remote pair, nothing is known. */
  active: Member | undefined = undefined;

  constructor(config: ServerConfig, local: boolean) {
    this.name = config.name;
    this.geoLocation = config.geoLocation;
    this.local = local;
    this.hash = fnv1a(config.name);
    this.seed = seedOf(config.name);
    this.weight = config.weight;
    this.members = config.members.map((member) => new Member(this, member));
  }

  /** Its weight in the choice for a new call at `now`, ms. */
  weightAt(now: number): number {
    return this.weight * this.share.at(now);
  }

  member(role: MemberRole | 'none'): Member | undefined {
    return this.members.find((member) => member.role === role);
  }

  /** Takes changed members; those that stay are the same objects. @returns the new ones */
  reconfigure(config: ServerConfig): readonly Member[] {
    const fresh: Member[] = [];
    this.members = config.members.map((wanted) => {
      const known = this.members.find((member) => member.isLike(wanted));
      if (known !== undefined) return known;
      const member = new Member(this, wanted);
      fresh.push(member);
      return member;
    });
    return fresh;
  }
}
