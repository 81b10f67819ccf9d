import { promises as dns, type SrvRecord } from 'node:dns';
import net from 'node:net';
import { parseUri, uriParam } from '../../proxy/sip/uri.ts';
import { formatAddress } from './address.ts';
import type { Remote } from './wire.ts';

/** How long a target that refused or did not answer is tried last, ms. */
const suspicion = 10_000;
/** What a DNS server says of a name that has no such record; any other error says nothing of it. */
const absent: ReadonlySet<string | undefined> = new Set([dns.NOTFOUND, dns.NODATA]);
/** Answers that are kept at most. */
const most = 1000;

/** RFC 3263 as far as peers need it: a URI's targets in the order to try them. */
export class Names {
  readonly #resolver: dns.Resolver | undefined;
  readonly #suspects = new Map<string, number>();
  readonly #favourites = new Map<string, string>();
  readonly #believed: number;
  readonly #answers = new Map<string, { readonly at: number; readonly records: Promise<unknown[]> }>();

  /**
   * @param server `IP:PORT` of the DNS server; without it only numeric hosts resolve
   * @param believed how long its answer is believed, ms: a burst of requests asks once, and a change is seen soon
   */
  constructor(server?: string, { believed = 500 } = {}) {
    this.#believed = believed;
    if (server === undefined) return;
    this.#resolver = new dns.Resolver({ timeout: 500, tries: 2 });
    this.#resolver.setServers([server]);
  }

  /** Empty if the name does not resolve. Numeric: that one, and no other to fail over to (RFC 3263 4.2). */
  async targets(uri: string, preferred: 'UDP' | 'TCP' = 'UDP'): Promise<Remote[]> {
    const { host, port, ...rest } = parseUri(uri);
    const wanted = uriParam({ host, port, ...rest }, 'transport')?.toUpperCase();
    const transport = wanted === 'TCP' || wanted === 'UDP' ? wanted : preferred;
    if (net.isIP(host) !== 0) return [{ transport, address: host, port: port || 5060 }];
    const found = port === 0 ? await this.#services(host, transport) : [];
    if (found.length === 0) {
      for (const address of await this.#addresses(host)) found.push({ transport, address, port: port || 5060 });
    }
    return this.#ordered(host, found);
  }

  /** It refused or did not answer: tried last for a while. */
  suspect(remote: Remote): void {
    this.#suspects.set(formatAddress(remote), Date.now() + suspicion);
  }

  /** It answered: the first one tried from now on under this URI's name. */
  answered(uri: string, remote: Remote): void {
    this.#favourites.set(parseUri(uri).host, formatAddress(remote));
    this.#suspects.delete(formatAddress(remote));
  }

  ordered(remotes: readonly Remote[]): Remote[] {
    return this.#ordered('', remotes);
  }

  #ordered(host: string, remotes: readonly Remote[]): Remote[] {
    const now = Date.now();
    const favourite = this.#favourites.get(host);
    const rank = (remote: Remote): number => {
      const key = formatAddress(remote);
      if ((this.#suspects.get(key) ?? 0) > now) return 2;
      return key === favourite ? 0 : 1;
    };
    return remotes.toSorted((a, b) => rank(a) - rank(b));
  }

  async #services(host: string, transport: string): Promise<Remote[]> {
    const records = await this.#records(`_sip._${transport.toLowerCase()}.${host}`);
    // RFC 2782: lower priority first, within one priority at random by weight.
    const drawn = records.map((record) => ({ record, draw: Math.random() ** (1 / Math.max(record.weight, 0.01)) }));
    drawn.sort((a, b) => a.record.priority - b.record.priority || b.draw - a.draw);
    const found: Remote[] = [];
    for (const { record } of drawn) {
      for (const address of await this.#addresses(record.name)) {
        found.push({ transport: transport === 'TCP' ? 'TCP' : 'UDP', address, port: record.port });
      }
    }
    return found;
  }

  #addresses(host: string): Promise<string[]> {
    if (net.isIP(host) !== 0) return Promise.resolve([host]);
    return this.#lookUp(`A ${host}`, (resolver) => resolver.resolve4(host));
  }

  #records(name: string): Promise<SrvRecord[]> {
    return this.#lookUp(`SRV ${name}`, (resolver) => resolver.resolveSrv(name));
  }

  #lookUp<T>(key: string, question: (resolver: dns.Resolver) => Promise<T[]>): Promise<T[]> {
    const now = Date.now();
    const known = this.#answers.get(key);
    if (known !== undefined && now - known.at < this.#believed) return known.records as Promise<T[]>;
    if (this.#answers.size >= most) this.#answers.clear();
    const records = this.#ask(question, known?.records as Promise<T[]> | undefined);
    this.#answers.set(key, { at: now, records });
    return records;
  }

  /** @param last what was answered last: it stays so while the server says nothing (RFC 8767) */
  async #ask<T>(question: (resolver: dns.Resolver) => Promise<T[]>, last?: Promise<T[]>): Promise<T[]> {
    if (!this.#resolver) return [];
    try {
      return await question(this.#resolver);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Without records the caller has nothing to send to, and says so.
      return last === undefined || absent.has(code) ? [] : last;
    }
  }
}
