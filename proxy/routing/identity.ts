import type { ProxyConfig } from '../config.ts';
import { holdsName } from '../transport/certificate-names.ts';
import type { Hop, Listener } from '../transport/hop.ts';
import type { ProxyRecord } from '../store/records.ts';
import { hasMaddr, uriParam, type SipUri } from '../sip/uri.ts';
import { proxyName } from './branch.ts';

/**
 * What is "ours": the DN's domains, the names of its proxies and their addresses, one namespace. Rebuilt when the
 * configuration or the set of live proxies changes, read for every message.
 */
export class Identity {
  readonly #names = new Set<string>();
  /** Addresses of this shard's proxies, each with its ports: another program may listen on the same address. */
  readonly #addresses = new Map<string, Set<number>>();
  readonly #domains = new Set<string>();
  readonly #proxyAddresses = new Map<string, ProxyRecord>();
  /** By the name in the branches that it writes. */
  readonly #byBranchName = new Map<string, ProxyRecord>();
  readonly #ownName: string;
  /** Names that all proxies share. */
  readonly #proxyNames: readonly string[];

  constructor(config: ProxyConfig, listeners: readonly Listener[], proxies: Iterable<ProxyRecord>) {
    this.#ownName = config.place.name;
    for (const domain of config.domains) {
      this.#domains.add(domain.toLowerCase());
      this.#names.add(domain.toLowerCase());
    }
    this.#proxyNames = [config.fqdn?.srv, config.fqdn?.a].flatMap((name) => name?.toLowerCase() ?? []);
    for (const name of this.#proxyNames) this.#names.add(name);
    for (const listener of listeners) {
      this.#add(listener.address, listener.port);
      this.#add(listener.advertisedAddress, listener.advertisedPort);
    }
    for (const proxy of proxies) {
      const isOther = proxy.name !== this.#ownName;
      if (isOther) this.#byBranchName.set(proxyName(proxy.name), proxy);
      for (const { address, port, local } of proxy.addresses) {
        this.#add(address, port);
        if (isOther) this.#proxyAddresses.set(address, proxy);
        if (local === undefined) continue;
        this.#add(local.address, local.port);
        if (isOther) this.#proxyAddresses.set(local.address, proxy);
      }
    }
  }

  #add(address: string, port: number): void {
    const ports = this.#addresses.get(address);
    if (ports === undefined) this.#addresses.set(address, new Set([port]));
    else ports.add(port);
  }

  /** Whether it leads to one of this shard's proxies; with a maddr whatever its host says (RFC 3261 19.1.1). */
  isOurs(uri: SipUri): boolean {
    if (uri.scheme !== 'sip' && uri.scheme !== 'sips') return false;
    const host = hasMaddr(uri) ? (uriParam(uri, 'maddr') ?? '').toLowerCase() : uri.host;
    if (this.#names.has(host)) return true;
    const ports = this.#addresses.get(host);
    return ports !== undefined && ports.has(uri.port === 0 ? (uri.scheme === 'sips' ? 5061 : 5060) : uri.port);
  }

  /** AORs are ours by domain, and by a proxy's name or address, which is what many phones are given as their domain. */
  servesAor(uri: SipUri): boolean {
    return this.#domains.has(uri.host) || this.isOurs(uri);
  }

  /** Whether one of this shard's proxies, this one too, listens there. */
  isAt(address: string, port: number): boolean {
    return this.#addresses.get(address)?.has(port) === true;
  }

  /** The live proxy, other than this one, that writes branches with this name in them (branch.ts). */
  proxyOfBranch(name: string): ProxyRecord | undefined {
    return this.#byBranchName.get(name);
  }

  /** Whether it came by mutual TLS from who holds the proxies' certificate, whatever address it comes from. */
  showsProxyName({ connection }: Hop): boolean {
    const shown = connection?.certificateNames;
    return shown !== undefined && this.#proxyNames.some((name) => holdsName(shown, name));
  }

  /** The live proxy of this shard at this address, other than this one. */
  proxyAt(address: string): ProxyRecord | undefined {
    return this.#proxyAddresses.get(address);
  }
}
