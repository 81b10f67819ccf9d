import type { SrvRecord } from 'node:dns';
import { isIP } from 'node:net';
import type { Logger as Log } from 'pino';
import type { Answer } from './answer-cache.ts';
import { Dns, type DnsResolver } from './dns.ts';
import type { Transport } from './hop.ts';

/** Where a message may go: a numeric address. */
export interface Target {
  readonly transport: Transport;
  readonly address: string;
  readonly port: number;
}

interface ResolverOptions {
  readonly now: () => number;
  readonly log: Log;
  readonly dns?: DnsResolver | undefined;
  /** 0 up to 1: SRV weights. */
  readonly random?: (() => number) | undefined;
}

/** RFC 3263 4.1, 4.2; RFC 7118 5 defines no SRV service for WebSocket. */
const services: Readonly<Record<Transport, { readonly srv: string | undefined; readonly port: number }>> = {
  UDP: { srv: '_sip._udp.', port: 5060 },
  TCP: { srv: '_sip._tcp.', port: 5060 },
  TLS: { srv: '_sips._tcp.', port: 5061 },
  WS: { srv: undefined, port: 80 },
  WSS: { srv: undefined, port: 443 },
};

/** SRV, then A and AAAA, then the system: with room for answers that run out while others are waited for. */
const maxRounds = 8;

/** Finds the targets of a URI's host (RFC 3263 4), without NAPTR. */
export class Resolver {
  readonly #dns: Dns;
  readonly #random: () => number;
  readonly #log: Log;

  constructor(options: ResolverOptions) {
    this.#dns = new Dns(options.now, options.dns);
    this.#random = options.random ?? Math.random;
    this.#log = options.log;
  }

  /**
   * The targets in the order to try them, at least one. `port` 0: the URI names none. Rejects with an Error that says
   * which name and why.
   */
  async resolve(host: string, port: number, transport: Transport): Promise<Target[]> {
    for (let round = 0; round < maxRounds; round++) {
      const found = this.#try(host, port, transport);
      if (!(found instanceof Promise)) {
        if (found.targets.length > 0) return found.targets;
        this.#log.debug({ host, port, transport, err: found.error }, 'no address found');
        throw new Error(`can't resolve ${host} for ${transport}: ${found.error?.message ?? 'it has no address'}`, {
          cause: found.error,
        });
      }
      await found;
    }
    throw new Error(`can't resolve ${host} for ${transport}: its answers run out faster than they come`);
  }

  /**
   * What resolve() would give if it need not wait: numeric hosts and names in the cache. Undefined: it would, or there
   * is no target; the look-up has been started.
   */
  resolveNow(host: string, port: number, transport: Transport): Target[] | undefined {
    const found = this.#try(host, port, transport);
    return found instanceof Promise || found.targets.length === 0 ? undefined : found.targets;
  }

  #try(host: string, port: number, transport: Transport): Found | Promise<unknown> {
    const service = services[transport];
    const address = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
    if (isIP(address) !== 0) return { targets: [{ transport, address, port: port || service.port }], error: undefined };
    const name = host.toLowerCase();
    if (port !== 0 || service.srv === undefined) return this.#addresses(name, port || service.port, transport);

    const answer = this.#dns.srv.get(service.srv + name);
    if (answer instanceof Promise) return answer;
    if (answer.records.length === 0) return this.#addresses(name, service.port, transport);
    // RFC 2782: a lone root as target says that the service is decidedly not there.
    const records = answer.records.filter((record) => record.name !== '' && record.name !== '.');
    const found = records.map((record) => ({
      record,
      result: this.#addresses(record.name.toLowerCase(), record.port, transport),
    }));
    const waiting = found.flatMap(({ result }) => (result instanceof Promise ? [result] : []));
    if (waiting.length > 0) return Promise.all(waiting);
    const targets: Target[] = [];
    let error: Error | undefined = records.length === 0 ? new Error('SRV says there is no such service') : undefined;
    for (const record of inOrder(records, this.#random)) {
      const result = found.find((one) => one.record === record)?.result;
      if (result === undefined || result instanceof Promise) continue;
      targets.push(...result.targets);
      error ??= result.error;
    }
    return { targets, error };
  }

  #addresses(name: string, port: number, transport: Transport): Found | Promise<unknown> {
    if (isIP(name) !== 0) return { targets: [{ transport, address: name, port }], error: undefined };
    const ipv4 = this.#dns.a.get(name);
    const ipv6 = this.#dns.aaaa.get(name);
    if (ipv4 instanceof Promise || ipv6 instanceof Promise) return Promise.all([ipv4, ipv6]);
    let answers: readonly Answer<string>[] = [ipv4, ipv6];
    if (ipv4.records.length + ipv6.records.length === 0) {
      const system = this.#dns.system.get(name);
      if (system instanceof Promise) return system;
      answers = [system, ipv4, ipv6];
    }
    const targets = answers.flatMap((answer) => answer.records.map((address) => ({ transport, address, port })));
    return { targets, error: ipv4.error ?? ipv6.error };
  }
}

interface Found {
  readonly targets: Target[];
  /** Why there is none. */
  readonly error: Error | undefined;
}

/** By priority; of one priority, drawn by weight (RFC 2782). */
function inOrder(records: readonly SrvRecord[], random: () => number): SrvRecord[] {
  // Weight 0 first in its priority, so that it has its very small chance of being drawn first.
  const left = records.toSorted((a, b) => a.priority - b.priority || a.weight - b.weight);
  const ordered: SrvRecord[] = [];
  for (;;) {
    const [head] = left;
    if (head === undefined) return ordered;
    const equals = left.filter((record) => record.priority === head.priority);
    const sum = equals.reduce((total, record) => total + record.weight, 0);
    const drawn = Math.floor(random() * (sum + 1));
    let running = 0;
    const chosen = equals.findIndex((record) => (running += record.weight) >= drawn);
    ordered.push(...left.splice(Math.max(chosen, 0), 1));
  }
}
