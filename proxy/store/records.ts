import type { Transport } from '../transport/hop.ts';

/**
 * What orders two versions of one binding: the greater of (first, callId, cseq, commit) wins.
 * `first` and `commit` are hybrid logical clock readings in ms since the epoch.
 */
export interface Stamp {
  readonly first: number;
  readonly callId: string;
  readonly cseq: number;
  readonly commit: number;
}

/** One registered contact (RFC 3261 10), or the tombstone that it left. */
export interface Binding {
  /** `user@host`: user unescaped, host lower case; scheme, port and parameters dropped. */
  readonly aor: string;
  /** `<instance-id>;<reg-id>` (RFC 5626) or else the contact's URI. With `aor` it is the binding's identity. */
  readonly id: string;
  /** The contact's URI as registered: what a Request-URI becomes. */
  readonly contact: string;
  /** 0 to 1000: the q value in thousandths. */
  readonly q: number;
  readonly instance?: string;
  readonly regId?: number;
  /** Values of the REGISTER's Path from an Sbc, topmost first, as written. */
  readonly path?: readonly string[];
  readonly transport: Transport;
  /** Where the REGISTER came from: numeric address and port. */
  readonly sourceAddress: string;
  readonly sourcePort: number;
  /** The proxy that holds the flow, its boot id and the flow's number there: streams and NATed UDP only. */
  readonly owner?: string;
  readonly boot?: string;
  readonly flow?: number;
  /** Absolute, ms since the epoch. */
  readonly expires: number;
  readonly stamp: Stamp;
  /** A tombstone: nothing is bound, and it is kept until `expires`. */
  readonly removed?: true;
  /** Kept as a tombstone of what it replaced until then, where that is later than a minute past `expires`. */
  readonly until?: number;
  /** Fields that a newer release wrote: kept where this one writes the binding again. */
  readonly more?: Readonly<Record<string, unknown>>;
}

/** Which pair holds a call (Call-ID), or that the call ended. */
export interface CallRecord {
  readonly callId: string;
  /** The pair's name. */
  readonly pair: string;
  /** The proxy that routed the call first. */
  readonly proxy: string;
  /** ms since the epoch: when it was routed, and when it is forgotten at the latest. */
  readonly since: number;
  readonly expires: number;
  readonly ended?: true;
}

export interface ProxyAddress {
  readonly transport: Transport;
  /** Advertised: what proxies of other data centres send to. One address may stand for all proxies of a place. */
  readonly address: string;
  readonly port: number;
  readonly side: 'Both' | 'Internal' | 'External';
  /** What proxies of its own data centre send to: this one's alone. Undefined: what is advertised. */
  readonly local?: { readonly address: string; readonly port: number };
  /** The sent-by of the Vias that it writes from here. Undefined: what is advertised. */
  readonly sentBy?: string;
}

export interface Counts {
  readonly registrations: number;
  readonly calls: number;
}

/** `proxy/<pod>`: a live proxy, under its lease. */
export interface ProxyRecord {
  readonly name: string;
  readonly geoLocation: string;
  readonly state: 'Starting' | 'Ready' | 'Draining';
  /** Differs at every start. */
  readonly boot: string;
  readonly addresses: readonly ProxyAddress[];
  readonly admin: string;
  /** Hash of the configuration it runs, or why it refused a newer one. */
  readonly configuration: { readonly hash: string; readonly refused?: { readonly hash: string; readonly why: string } };
  /** All that it knows; `here`: of these those that came by way of its own data centre's proxies (absent: an older release). */
  readonly counts: Counts & { readonly here?: Counts };
  /** What is wrong with certificates that were changed, while the ones before stay in use. */
  readonly complaints?: readonly string[];
  /** Ids of the token keys it can verify. */
  readonly keys: readonly number[];
  /** The newest layout of the store's keys that it reads; absent: 1. */
  readonly layout?: number;
}

export type MemberRole = 'primary' | 'backup';
export type MemberState = 'Unknown' | 'InService' | 'Standby' | 'Down';

export interface MemberHealth {
  readonly role: MemberRole;
  readonly address: string;
  readonly state: MemberState;
  readonly reason: string;
  /** ms since the epoch. */
  readonly since: number;
  /** Last and smoothed round trip of an answered OPTIONS, ms. */
  readonly rtt?: number;
  readonly smoothedRtt?: number;
}

export interface PairHealth {
  readonly name: string;
  readonly active: MemberRole | 'none';
  readonly since: number;
  readonly dualPrimary?: true;
  readonly members: readonly MemberHealth[];
}

/** How often a proxy publishes its health, changed or not, ms. */
export const HEARTBEAT = 5000;

/** `health/<pod>`: what one proxy sees of its data centre's pairs, under its lease. */
export interface HealthRecord {
  readonly proxy: string;
  readonly geoLocation: string;
  /** ms since the epoch: changes at every heartbeat. */
  readonly at: number;
  readonly pairs: readonly PairHealth[];
}

/** `key/<geo>/<id>`: a key that signs Record-Route tokens. */
export interface TokenKey {
  /** 0 to 65535, unique in the shard. */
  readonly id: number;
  readonly geoLocation: string;
  /** 32 bytes, base64url. */
  readonly secret: string;
  readonly created: number;
  /** Last verification by any proxy, noted at most hourly. */
  readonly verified: number;
  /** What a newer release added: kept, not read. */
  readonly more?: Readonly<Record<string, unknown>>;
}
