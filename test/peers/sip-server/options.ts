import type { Address } from '../address.ts';
import type { Algorithm } from '../digest.ts';

/** What a member does on its SIP port until it is promoted: nothing listens there, it says nothing, or answers OPTIONS so. */
export type BackupMode = 'closed' | 'silent' | '503' | '200';

export interface ServerOptions {
  /** SIP, UDP and TCP. */
  readonly listen: Address;
  readonly role: 'primary' | 'backup';
  /** Where this member's link listens, and the other member's; none: a member without partner. */
  readonly link?: Address;
  readonly peer?: Address;
  /** Users and passwords, by user. */
  readonly accounts: ReadonlyMap<string, Account>;
  /** Proxies of its geo-location. */
  readonly outbound: readonly Address[];
  /** A name of theirs with SRV records, which is looked up for each request; `outbound` is for when it does not resolve. */
  readonly outboundName?: string;
  readonly domain: string;
  readonly backupMode: BackupMode;
  /** From noticing its partner's death to serving, ms. */
  readonly promotionTime: number;
  /** Silence on the link that means death, ms. */
  readonly heartbeatTimeout: number;
  /** What an active member does when it finds the other one active too. */
  readonly onDual: 'stepdown' | 'stay';
  readonly algorithms: readonly Algorithm[];
  /** How long a nonce may be used, ms. */
  readonly nonceLife: number;
  /** Greatest and least registration granted, seconds. */
  readonly maxExpires: number;
  readonly minExpires: number;
  /** `IP:PORT` of the DNS server for names in Routes and contacts. */
  readonly dns?: string;
  /** Host (and port) of its Contact, if not its address. */
  readonly contactHost?: string;
  /** X-Genesys-Route of its outgoing INVITEs: a URI. */
  readonly genesysRoute?: string;
}

export interface Account {
  readonly password: string;
  /** What its REGISTER gets once authenticated, if not a 200: a status, or silence (0). */
  readonly answer?: number;
}

/** A user a line: `alice secret`, `carol secret 500`, `dave secret silent`; `#` begins a comment. */
export function parseAccounts(text: string): Map<string, Account> {
  const accounts = new Map<string, Account>();
  for (const line of text.split('\n')) {
    const [user, password, answer] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (!user || password === undefined) continue;
    const status = answer === 'silent' ? 0 : Number(answer);
    accounts.set(user, answer === undefined ? { password } : { password, answer: status });
  }
  return accounts;
}
