import type { NaptrRecord } from 'node:dns';
import { isIP } from 'node:net';
import type { Logger as Log } from 'pino';
import { uriParam, type SipUri } from '../sip/uri.ts';
import type { Answer } from './answer-cache.ts';
import { Dns, type DnsResolver } from './dns.ts';
import type { Transport } from './hop.ts';
import { inOrder } from './srv-order.ts';

/** Where a message may go: a numeric address. */
export interface Target {
  readonly transport: Transport;
  readonly address: string;
  readonly port: number;
}

/**
 * How whoever has a contact was reached in this dialog before, where TCP comes into question. Unknown: the request does
 * not say.
 */
export type Reached = 'ByTcp' | 'Unknown';

interface ResolverOptions {
  readonly now: () => number;
  readonly log: Log;
  readonly dns?: DnsResolver | undefined;
  /** Whether messages can be sent by it. Default: by UDP, TCP and TLS. */
  readonly supports?: ((transport: Transport) => boolean) | undefined;
  /** 0 up to 1: SRV weights. */
  readonly random?: (() => number) | undefined;
  /** Whether a connection leads there already. Default: none does. */
  readonly isConnected?: ((target: Target) => boolean) | undefined;
  /** Whether something has come from there by UDP lately. Default: nothing has. */
  readonly hasHeard?: ((target: Target) => boolean) | undefined;
}

/** RFC 3263 4.1, 4.2; RFC 7118 5 defines no SRV service for WebSocket. */
const serviceOf: Readonly<Record<Transport, { readonly srv: string | undefined; readonly port: number }>> = {
  UDP: { srv: '_sip._udp.', port: 5060 },
  TCP: { srv: '_sip._tcp.', port: 5060 },
  TLS: { srv: '_sips._tcp.', port: 5061 },
  WS: { srv: undefined, port: 80 },
  WSS: { srv: undefined, port: 443 },
};

/** What a NAPTR record's service leads to (RFC 3263 4.1). */
const naptrServices: Readonly<Record<string, Transport>> = { 'sips+d2t': 'TLS', 'sip+d2t': 'TCP', 'sip+d2u': 'UDP' };

/** The transports that may be chosen where neither URI nor DNS prefers one; only TLS keeps what sips promises. */
const choices = { sip: ['UDP', 'TCP', 'TLS'], sips: ['TLS'] } as const;

/** RFC 3261 18.1.1: from here on a request goes by a transport with congestion control, where there is a choice. */
export const LARGE = 1_300;

/** NAPTR and SRV records of a name that are gone into: whoever writes a zone must not make us ask without end. */
const maxOffers = 8;
const maxServices = 32;

/** NAPTR, SRV, A and AAAA, the system: with room for answers that run out while others are waited for. */
const maxRounds = 8;

/** Finds where messages go (RFC 3263 4), from DNS and what is remembered of it. */
export class Resolver {
  readonly #dns: Dns;
  readonly #random: () => number;
  readonly #log: Log;
  readonly #supports: (transport: Transport) => boolean;
  readonly #isConnected: (target: Target) => boolean;
  readonly #hasHeard: (target: Target) => boolean;

  constructor(options: ResolverOptions) {
    this.#dns = new Dns(options.now, options.dns);
    this.#random = options.random ?? Math.random;
    this.#log = options.log;
    this.#supports = options.supports ?? ((transport) => transport !== 'WS' && transport !== 'WSS');
    this.#isConnected = options.isConnected ?? (() => false);
    this.#hasHeard = options.hasHeard ?? (() => false);
  }

  /**
   * The targets in the order to try them, at least one. `port` 0: none is given. Rejects with an Error that says which
   * name and why.
   */
  async resolve(host: string, port: number, transport: Transport): Promise<Target[]> {
    return await this.#settle(`${host} for ${transport}`, () => this.#try(host, port, transport));
  }

  /**
   * The targets of a URI, at once where nothing needs to be looked up; else a promise, which rejects as resolve() does.
   * @param size of the request, bytes: a large one prefers streams where RFC 3263 has the choice (RFC 3261 18.1.1)
   * @param reached given, the URI is the contact of whom a dialog is with: TCP is chosen where that leads there and the URI
   *   names no transport
   */
  targets(uri: SipUri, size: number, reached?: Reached): Target[] | Promise<Target[]> {
    const found = this.#tryUri(uri, size);
    const targets =
      !(found instanceof Promise) && found.targets.length > 0
        ? found.targets
        : this.#settle(`${uri.scheme}:${uri.host}`, () => this.#tryUri(uri, size));
    if (
      reached === undefined ||
      uri.scheme !== 'sip' ||
      uriParam(uri, 'transport') !== undefined ||
      !this.#supports('TCP')
    )
      return targets;
    return targets instanceof Promise
      ? targets.then((late) => this.#withStreams(late, reached))
      : this.#withStreams(targets, reached);
  }

  /**
   * What is by UDP for want of a word goes over the connection that leads there (RFC 3261 18), though not to who was heard
   * by UDP, unless this dialog is by TCP; and without one by TCP where UDP fails, if it is: the URI alone means UDP (RFC
   * 3263 4.1).
   */
  #withStreams(targets: readonly Target[], reached: Reached): Target[] {
    const byTcp = reached === 'ByTcp';
    // a large one has both already (RFC 3261 18.1.1)
    const named = targets.filter(({ transport }) => transport === 'TCP');
    const connected = targets.map((target) => {
      const stream = overTcp(target);
      if (named.some((one) => isSame(one, stream))) return target;
      return this.#isConnected(stream) && (byTcp || !this.#hasHeard(target)) ? stream : target;
    });
    return byTcp ? distinct([...connected, ...targets.map(overTcp)]) : connected;
  }

  async #settle(what: string, attempt: () => Found | Promise<unknown>): Promise<Target[]> {
    for (let round = 0; round < maxRounds; round++) {
      const found = attempt();
      if (!(found instanceof Promise)) {
        if (found.targets.length > 0) return found.targets;
        this.#log.debug({ what, err: found.error }, 'no address found');
        const why = found.error?.message ?? 'it has no address';
        throw new Error(`can't resolve ${what}: ${why}`, { cause: found.error });
      }
      await found;
    }
    throw new Error(`can't resolve ${what}: its answers run out faster than they come`);
  }

  /** RFC 3263 4.1: by the URI's own word; by NAPTR; by the SRV records there are; by default. */
  #tryUri(uri: SipUri, size: number): Found | Promise<unknown> {
    const scheme = uri.scheme === 'sips' ? 'sips' : 'sip';
    const host = uriParam(uri, 'maddr') ?? uri.host;
    const asked = uriParam(uri, 'transport')?.toUpperCase();
    if (asked !== undefined) {
      const transport = askedTransport(asked, scheme);
      if (transport !== undefined && this.#supports(transport)) return this.#try(host, uri.port, transport);
      return { targets: [], error: new Error(`nothing is sent by transport=${asked.toLowerCase()} to ${scheme} URIs`) };
    }
    const byDefault = scheme === 'sips' ? 'TLS' : 'UDP';
    const found =
      uri.port !== 0 || isIP(withoutBrackets(host)) !== 0
        ? this.#try(host, uri.port, byDefault)
        : this.#chosen(host.toLowerCase(), scheme, byDefault);
    if (found instanceof Promise || size <= LARGE || scheme === 'sips' || !this.#supports('TCP')) return found;
    return { ...found, targets: streamsFirst(found.targets) };
  }

  #chosen(name: string, scheme: 'sip' | 'sips', byDefault: Transport): Found | Promise<unknown> {
    const naptr = this.#dns.naptr.get(name);
    if (naptr instanceof Promise) return naptr;
    const offers = this.#offers(naptr.records, scheme);
    // RFC 3263 4.1: without NAPTR, SRV is asked for each transport there is
    const services =
      offers.length > 0
        ? offers
        : choices[scheme]
            .filter((transport) => this.#supports(transport))
            .map((transport) => ({ name: `${serviceOf[transport].srv ?? ''}${name}`, transport }));
    const known: Found[] = [];
    const waiting: Promise<unknown>[] = [];
    for (const service of services) {
      const found = this.#services(service.name, service.transport);
      if (found instanceof Promise) waiting.push(found);
      else if (found !== undefined) known.push(found);
    }
    if (waiting.length > 0) return Promise.all(waiting);
    if (known.length === 0) return this.#addresses(name, serviceOf[byDefault].port, byDefault);
    return {
      targets: known.flatMap(({ targets }) => targets),
      error: known.find(({ error }) => error !== undefined)?.error,
    };
  }

  /** The SRV names that NAPTR records lead to, in their order, and only such as can be used. */
  #offers(records: readonly NaptrRecord[], scheme: 'sip' | 'sips'): { name: string; transport: Transport }[] {
    return records
      .toSorted((a, b) => a.order - b.order || a.preference - b.preference)
      .flatMap(({ flags, service, replacement }) => {
        const transport = naptrServices[service.toLowerCase()];
        if (transport === undefined || flags.toLowerCase() !== 's' || !this.#supports(transport)) return [];
        return scheme === 'sips' && transport !== 'TLS' ? [] : [{ name: replacement.toLowerCase(), transport }];
      })
      .slice(0, maxOffers);
  }

  #try(host: string, port: number, transport: Transport): Found | Promise<unknown> {
    const service = serviceOf[transport];
    const address = withoutBrackets(host);
    if (isIP(address) !== 0) return { targets: [{ transport, address, port: port || service.port }], error: undefined };
    const name = host.toLowerCase();
    if (port !== 0 || service.srv === undefined) return this.#addresses(name, port || service.port, transport);
    return this.#services(service.srv + name, transport) ?? this.#addresses(name, service.port, transport);
  }

  /** Undefined: there is no such SRV record. */
  #services(name: string, transport: Transport): Found | Promise<unknown> | undefined {
    const answer = this.#dns.srv.get(name);
    if (answer instanceof Promise) return answer;
    if (answer.records.length === 0) return undefined;
    // RFC 2782: a lone root as target says that the service is decidedly not there.
    const targeted = answer.records.filter((record) => record.name !== '' && record.name !== '.');
    const records = targeted.toSorted((a, b) => a.priority - b.priority).slice(0, maxServices);
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

function withoutBrackets(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
}

/** RFC 3261 26.2.2: transport=tcp in a sips URI is TLS over TCP. */
function askedTransport(asked: string, scheme: 'sip' | 'sips'): Transport | undefined {
  if (scheme === 'sips') return asked === 'TCP' || asked === 'TLS' ? 'TLS' : undefined;
  return asked === 'UDP' || asked === 'TCP' || asked === 'TLS' ? asked : undefined;
}

/** By TCP before UDP, which is left for those who have no TCP (RFC 3261 18.1.1). */
function streamsFirst(targets: readonly Target[]): Target[] {
  const datagrams = targets.filter(({ transport }) => transport === 'UDP');
  return [...distinct(targets.map(overTcp)), ...datagrams];
}

function overTcp(target: Target): Target {
  return target.transport === 'UDP' ? { ...target, transport: 'TCP' } : target;
}

function distinct(targets: readonly Target[]): Target[] {
  return targets.filter((target, index) => targets.findIndex((one) => isSame(one, target)) === index);
}

function isSame(a: Target, b: Target): boolean {
  return a.transport === b.transport && a.address === b.address && a.port === b.port;
}
