import type { Binding, ProxyRecord } from '../store/records.ts';
import type { Connection, Hop, Transport } from '../transport/hop.ts';
import { fnv1a } from '../hash.ts';
import { parseNameAddr } from '../sip/name-addr.ts';
import { parseUri, uriParam } from '../sip/uri.ts';
import { flowEnd, OPEN, pairEnd, type End } from './token.ts';

/** One way to reach where a copy goes; several are tried in turn. */
export interface Way {
  /** Known at once; undefined: `uri` is resolved first (RFC 3263). */
  readonly hop: Hop | undefined;
  readonly uri?: string;
  /** The Request-URI of a copy that goes this way: a binding's contact. Undefined leaves it as it is. */
  readonly requestUri?: string;
  /** What the Record-Route token says of this side. */
  readonly end: End;
  /** Handed to another proxy, which delivers to this end. */
  readonly handover?: { readonly proxy: ProxyRecord; readonly end: End };
  readonly routes?: readonly string[];
}

/** The live parts that ways are made from. */
export interface Reach {
  readonly proxy: string;
  readonly boot: string;
  readonly proxies: ReadonlyMap<string, ProxyRecord>;
  connection(number: number): Connection | undefined;
  /** A hop from the right listener; undefined when no listener has this transport and family. */
  hop(transport: Transport, address: string, port: number, connection?: Connection): Hop | undefined;
}

/**
 * The ways to a binding, best first: its flow here, the proxy that holds its flow, its registered UDP source, and for
 * a stream whose contact is its true address a new connection. None left: 480.
 */
export function waysToBinding(binding: Binding, reach: Reach): Way[] {
  const ways: Way[] = [];
  const requestUri = binding.contact;
  if (binding.path !== undefined && binding.path.length > 0) {
    // an Sbc is never flow-bound: its Path leads back through it (RFC 3327)
    const uri = parseNameAddr(binding.path[0] ?? '').uri;
    return [{ hop: undefined, uri, requestUri, end: OPEN, routes: [...binding.path].reverse() }];
  }
  const udp = binding.transport === 'UDP';
  const end = endOf(binding);
  if (binding.owner !== undefined && binding.owner !== reach.proxy) {
    const owner = reach.proxies.get(binding.owner);
    if (owner !== undefined && owner.boot === binding.boot) {
      const way = wayThrough(owner, end, reach);
      if (way !== undefined) ways.push({ ...way, requestUri });
    }
  } else if (!udp && binding.boot === reach.boot && binding.flow !== undefined) {
    const connection = reach.connection(binding.flow);
    if (connection?.open === true) push(ways, hopOver(connection, reach), end, requestUri);
  }
  if (udp) push(ways, reach.hop('UDP', binding.sourceAddress, binding.sourcePort), end, requestUri);
  else if (binding.transport === 'TCP' || binding.transport === 'TLS') {
    const contact = parseUri(binding.contact);
    if (contact.host === binding.sourceAddress) {
      const port = contact.port === 0 ? (binding.transport === 'TLS' ? 5061 : 5060) : contact.port;
      push(ways, reach.hop(binding.transport, contact.host, port), end, requestUri);
    }
  }
  return ways;
}

/** The ways to a token's end that is a phone: the flow here, through its owner, or its UDP address. */
export function waysToEnd(end: End, reach: Reach, handOver: boolean): Way[] {
  const ways: Way[] = [];
  if (end.kind === 'udp') push(ways, reach.hop('UDP', end.address, end.port), end);
  else if (end.kind === 'flow') {
    if (end.proxy === fnv1a(reach.proxy)) {
      const connection = end.boot === fnv1a(reach.boot) ? reach.connection(end.number) : undefined;
      if (connection?.open === true) push(ways, hopOver(connection, reach), end);
    } else if (handOver) {
      for (const proxy of reach.proxies.values()) {
        if (fnv1a(proxy.name) !== end.proxy || fnv1a(proxy.boot) !== end.boot) continue;
        const way = wayThrough(proxy, end, reach);
        if (way !== undefined) ways.push(way);
      }
    }
  }
  return ways;
}

/** The ways to a pair of another data centre: through its live proxies, starting with one the key chooses. */
export function waysToRemotePair(
  pair: { readonly name: string; readonly geoLocation: string },
  key: string,
  reach: Reach,
  suspects: { has(name: string): boolean },
): Way[] {
  const there = [...reach.proxies.values()].filter((p) => p.geoLocation === pair.geoLocation && p.name !== reach.proxy);
  const rank = (p: ProxyRecord): number => fnv1a(p.name + key) + (suspects.has(p.name) ? 2 ** 32 : 0);
  there.sort((a, b) => rank(a) - rank(b));
  const ways: Way[] = [];
  for (const proxy of there.slice(0, 3)) {
    const way = wayThrough(proxy, pairEnd(pair.name, pair.geoLocation), reach);
    if (way !== undefined) ways.push(way);
  }
  return ways;
}

function wayThrough(proxy: ProxyRecord, end: End, reach: Reach): Way | undefined {
  for (const transport of ['UDP', 'TCP'] as const) {
    for (const at of proxy.addresses) {
      if (at.transport !== transport || at.side === 'External') continue;
      const hop = reach.hop(transport, at.address, at.port);
      if (hop !== undefined) return { hop, end, handover: { proxy, end } };
    }
  }
  return undefined;
}

/** The transport a URI asks for: its parameter, else UDP (RFC 3263 4.1 without NAPTR). */
export function transportOf(uri: string): Transport {
  const parsed = parseUri(uri);
  const asked = uriParam(parsed, 'transport')?.toUpperCase();
  if (asked === 'TCP' || asked === 'TLS' || asked === 'WS' || asked === 'WSS') return asked;
  return parsed.scheme === 'sips' ? 'TLS' : 'UDP';
}

function hopOver(connection: Connection, reach: Reach): Hop | undefined {
  return reach.hop(connection.transport, connection.remoteAddress, connection.remotePort, connection);
}

function endOf(binding: Binding): End {
  if (binding.transport === 'UDP') return { kind: 'udp', address: binding.sourceAddress, port: binding.sourcePort };
  if (binding.owner === undefined || binding.boot === undefined || binding.flow === undefined) return OPEN;
  return flowEnd(binding.owner, binding.boot, binding.flow);
}

function push(ways: Way[], hop: Hop | undefined, end: End, requestUri?: string): void {
  if (hop !== undefined) ways.push(requestUri === undefined ? { hop, end } : { hop, end, requestUri });
}
