import type { ProxyConfig, TrustConfig } from '../config.ts';
import type { Message } from '../sip/message.ts';
import { holdsName } from '../transport/certificate-names.ts';
import { Cidrs } from '../transport/cidr.ts';
import type { Hop } from '../transport/hop.ts';
import type { Member, Pair } from '../upstream/pair.ts';
import type { Identity } from './identity.ts';
import type { SenderClass } from './received.ts';

/** Who is more than an endpoint, besides pair members and proxies. */
export interface Trust {
  readonly sbcs: Trusted;
  readonly servers: Trusted;
}

export interface Members {
  memberAt(address: string, port: number): Member | undefined;
  readonly pairs: readonly Pair[];
}

/** Peers that are known by their addresses, or by the names in the certificates that they show over TLS. */
class Trusted {
  readonly #ranges: Cidrs;
  readonly #names: readonly string[];

  constructor(entries: readonly TrustConfig[]) {
    this.#ranges = Cidrs.of(entries);
    this.#names = entries.flatMap(({ certificateName }) => certificateName?.toLowerCase() ?? []);
  }

  has({ address, connection }: Pick<Hop, 'address' | 'connection'>): boolean {
    return this.#ranges.has(address) || this.#named(connection?.certificateNames);
  }

  hasAddress(address: string): boolean {
    return this.#ranges.has(address);
  }

  /** Whether the host of a URI, in lower case, is one of theirs. */
  hasHost(host: string): boolean {
    return this.#ranges.has(host) || this.#names.includes(host);
  }

  #named(shown: readonly string[] | undefined): boolean {
    if (shown === undefined || shown.length === 0) return false;
    return this.#names.some((name) => holdsName(shown, name));
  }
}

export function trustOf({ trust }: Pick<ProxyConfig, 'trust'>): Trust {
  return { sbcs: new Trusted(trust.sbcs), servers: new Trusted(trust.servers) };
}

/**
 * The pair member that sent a message: by its address and port over UDP, by address and the top Via's port on a
 * stream, or by the certificate that it shows over TLS.
 */
export function memberOf(message: Message, from: Hop, members: Members): Member | undefined {
  if (from.listener.side === 'External') return undefined;
  if (from.transport === 'UDP') return members.memberAt(from.address, from.port);
  const port = message.via.port === 0 ? (from.transport === 'TLS' ? 5061 : 5060) : message.via.port;
  const member = members.memberAt(from.address, port);
  if (member !== undefined || from.transport !== 'TLS') return member;
  return memberByCertificate(from, members.pairs);
}

/** The two of a pair may share one certificate: then the one at the address that it comes from, else the active one. */
function memberByCertificate({ address, connection }: Hop, pairs: readonly Pair[]): Member | undefined {
  const shown = connection?.certificateNames;
  if (shown === undefined || shown.length === 0) return undefined;
  let found: Member | undefined;
  for (const pair of pairs) {
    for (const member of pair.members) {
      const name = member.tlsPeer?.name;
      if (name === undefined || !holdsName(shown, name)) continue;
      if (member.address === address) return member;
      if (found === undefined || pair.active === member) found = member;
    }
  }
  return found;
}

/** Who sent it. `handedOver`: it carries a valid hand-over token. */
export function classify(
  from: Hop,
  member: Member | undefined,
  handedOver: boolean,
  trust: Trust,
  identity: Identity,
): SenderClass {
  if (member !== undefined) return 'Server';
  if (handedOver && (identity.proxyAt(from.address) !== undefined || identity.showsProxyName(from))) return 'Proxy';
  if (from.listener.side !== 'External' && trust.servers.has(from)) return 'Server';
  return trust.sbcs.has(from) ? 'Sbc' : 'Endpoint';
}
