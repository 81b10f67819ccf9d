import type { Binding, ProxyAddress, ProxyRecord } from '../store/records.ts';
import type { Connection, Hop, Transport } from '../transport/hop.ts';
import type { Reached } from '../transport/resolve.ts';
import { fnv1a } from '../hash.ts';
import { parseNameAddr } from '../sip/name-addr.ts';
import { parseUri } from '../sip/uri.ts';
import { flowEnd, OPEN, pairEnd, type End } from './token.ts';

/** One way to reach where a copy goes; several are tried in turn. */
export interface Way {
  /** Known at once; undefined: `uri` is resolved first (RFC 3263). */
  readonly hop: Hop | undefined;
  readonly uri?: string;
  /** `uri` is that of the topmost Route: a strict router there needs it in the Request-URI (RFC 3261 16.6 step 6). */
  readonly byRoute?: boolean;
  /** `uri` is the contact of whom a dialog is with. */
  readonly reached?: Reached | undefined;
  /** The Request-URI of a copy that goes this way: a binding's contact. Undefined leaves it as it is. */
  readonly requestUri?: string;
  /** What the Record-Route token says of this side. */
  readonly end: End;
  /** Handed to another proxy, which delivers to this end. */
  readonly handover?: Handover;
  readonly routes?: readonly string[];
  /** Written as that proxy wrote the copy which this one is about: it is gone, and cannot write it itself. */
  readonly as?: Writer;
}

/** `count`: how often it was handed over before. */
export interface Handover {
  readonly proxy: ProxyRecord;
  readonly end: End;
  readonly count: number;
  /** Of whom it goes to at last, who comes back straight to here, by a listener of this transport; undefined: a pair's. */
  readonly phone?: Pick<Binding, 'transport' | 'sourceAddress' | 'sourcePort'>;
}

/** A proxy of this shard as the next hop knows it: by its branches and the sent-by of its Vias (RFC 3261 17.2.3). */
export interface Writer {
  readonly name: string;
  readonly sentBy: string;
  /** Which try of its copy it was. */
  readonly attempt: number;
}

/** The live parts that ways are made from. */
export interface Reach {
  readonly proxy: string;
  readonly boot: string;
  readonly geoLocation: string;
  readonly proxies: ReadonlyMap<string, ProxyRecord>;
  connection(number: number): Connection | undefined;
  /**
   * A hop to a phone or whatever else is outside, from a listener that is not for servers and proxies alone; undefined
   * when no listener has this transport and family.
   */
  hop(transport: Transport, address: string, port: number, connection?: Connection): Hop | undefined;
  /** A hop to a server or a proxy, from a listener on which they are known. */
  inward(transport: Transport, address: string, port: number): Hop | undefined;
}

/**
 * The ways to a device, best first, by all that it has registered: over its flows (RFC 5626), here or at the proxy that
 * holds them, and only then by its addresses. None left: 480.
 */
export function waysToDevice(bindings: readonly Binding[], reach: Reach): Way[] {
  const ways: Way[] = [];
  for (const binding of bindings) ways.push(...waysByFlow(binding, reach));
  for (const binding of bindings) ways.push(...waysByAddress(binding, reach));
  return distinct(ways);
}

/** Over what a binding's REGISTER came by: the Sbc's Path, its connection here, or the proxy that holds its flow. */
export function waysByFlow(binding: Binding, reach: Reach): Way[] {
  const requestUri = binding.contact;
  const [first] = binding.path ?? [];
  if (binding.path !== undefined && first !== undefined) {
    // an Sbc is never flow-bound: its Path leads back through it (RFC 3327)
    const uri = parseNameAddr(first).uri;
    return [{ hop: undefined, uri, requestUri, end: OPEN, routes: [...binding.path].reverse() }];
  }
  const ways: Way[] = [];
  if (binding.owner !== undefined && binding.owner !== reach.proxy) {
    const owner = reach.proxies.get(binding.owner);
    if (owner !== undefined && owner.boot === binding.boot) {
      const hop = hopToProxy(owner, reach);
      const end = endOf(binding);
      const handover = { proxy: owner, end, count: 0, phone: binding };
      if (hop !== undefined) ways.push({ hop, end, handover, requestUri });
    }
  } else if (binding.transport !== 'UDP' && binding.boot === reach.boot && binding.flow !== undefined) {
    const connection = reach.connection(binding.flow);
    if (connection?.open === true) push(ways, hopOver(connection, reach), endOf(binding), requestUri);
  }
  return ways;
}

/**
 * Straight from here: by UDP to where the REGISTER came from, by a new connection where a stream's contact is its true
 * address. What an Sbc registered without a Path is its own contact, wherever that is.
 */
export function waysByAddress(binding: Binding, reach: Reach): Way[] {
  const { contact: requestUri, owner, path, sourceAddress, transport } = binding;
  if (path !== undefined && path.length > 0) return [];
  const ways: Way[] = [];
  const contact = parseUri(requestUri);
  // an Endpoint's that is elsewhere than it says always has an owner
  const elsewhere = contact.host !== sourceAddress;
  if (owner === undefined && elsewhere) ways.push({ hop: undefined, uri: requestUri, requestUri, end: OPEN });
  const end = owner === undefined && elsewhere ? OPEN : endOf(binding);
  if (transport === 'UDP') push(ways, reach.hop('UDP', sourceAddress, binding.sourcePort), end, requestUri);
  else if (!elsewhere && (transport === 'TCP' || transport === 'TLS')) {
    const port = contact.port === 0 ? (transport === 'TLS' ? 5061 : 5060) : contact.port;
    // its dialogs outlive the registration and its flow: what is in them leads there by its contact
    push(ways, reach.hop(transport, contact.host, port), OPEN, requestUri);
  }
  return ways;
}

/** Each once: two bindings of a device may lead over one flow. */
export function distinct(ways: readonly Way[]): Way[] {
  return ways.filter((way, index) => ways.findIndex((other) => isSameWay(way, other)) === index);
}

/** Whether both lead over the same to the same phone. */
export function isSameWay(a: Way, b: Way): boolean {
  if (a.handover?.proxy !== b.handover?.proxy || a.uri !== b.uri || a.requestUri !== b.requestUri) return false;
  if (a.routes?.join() !== b.routes?.join()) return false;
  if (a.handover !== undefined && !isSameEnd(a.handover.end, b.handover?.end)) return false;
  return a.hop?.address === b.hop?.address && a.hop?.port === b.hop?.port && a.hop?.connection === b.hop?.connection;
}

function isSameEnd(a: End, b: End | undefined): boolean {
  if (a.kind === 'udp') return b?.kind === 'udp' && a.address === b.address && a.port === b.port;
  return a === b || (a.kind === 'flow' && b?.kind === 'flow' && a.number === b.number && a.boot === b.boot);
}

/**
 * The ways to a token's end that is a phone: the flow here, through its owner, or its UDP address. `handedOver`: how
 * often it was; the proxy that it was meant for may share an address with others of its place. `owner`: that proxy,
 * where the end is a UDP address, into whose NAT it alone gets.
 */
export function waysToEnd(end: End, reach: Reach, handedOver: number, owner: End): Way[] {
  if (end.kind === 'flow' && end.proxy !== fnv1a(reach.proxy)) return waysThroughOwner(end, end, reach, handedOver);
  const ways: Way[] = [];
  if (end.kind === 'udp') {
    if (owner.kind === 'flow' && owner.proxy !== fnv1a(reach.proxy))
      ways.push(...waysThroughOwner(owner, end, reach, handedOver));
    push(ways, reach.hop('UDP', end.address, end.port), end);
  } else if (end.kind === 'flow') {
    const connection = end.boot === fnv1a(reach.boot) ? reach.connection(end.number) : undefined;
    if (connection?.open === true) push(ways, hopOver(connection, reach), end);
  }
  return ways;
}

function waysThroughOwner(owner: Extract<End, { kind: 'flow' }>, end: End, reach: Reach, handedOver: number): Way[] {
  const ways: Way[] = [];
  for (const proxy of reach.proxies.values()) {
    if (fnv1a(proxy.name) !== owner.proxy || fnv1a(proxy.boot) !== owner.boot) continue;
    if (!mayHandOver(handedOver, proxy, reach)) continue;
    const way = wayThrough(proxy, end, reach, handedOver);
    if (way !== undefined) ways.push(way);
  }
  return ways;
}

/**
 * Never a loop: what was handed over is handed on once at most, and only from one proxy of a data centre to another of
 * the same, which are told apart there.
 */
export function mayHandOver(handedOver: number, proxy: ProxyRecord, reach: Reach): boolean {
  return handedOver === 0 || (handedOver === 1 && proxy.geoLocation === reach.geoLocation);
}

/** The ways to a pair of another data centre: through its live proxies, starting with one the key chooses. */
export function waysToRemotePair(
  pair: { readonly name: string; readonly geoLocation: string },
  key: string,
  reach: Reach,
  suspects: { has(name: string): boolean },
): Way[] {
  const there = [...reach.proxies.values()].filter((p) => p.geoLocation === pair.geoLocation && p.name !== reach.proxy);
  // one that drains takes what it is handed, but others live longer
  const rank = (p: ProxyRecord): number =>
    fnv1a(p.name + key) + (p.state === 'Draining' ? 2 ** 32 : 0) + (suspects.has(p.name) ? 2 ** 33 : 0);
  there.sort((a, b) => rank(a) - rank(b));
  const ways: Way[] = [];
  for (const proxy of there.slice(0, 3)) {
    const way = wayThrough(proxy, pairEnd(pair.name, pair.geoLocation), reach);
    // behind one address there is only one way
    if (way !== undefined && ways.every(({ hop }) => hop !== way.hop)) ways.push(way);
  }
  return ways;
}

/** Through another proxy, which delivers to `end`. `count`: how often it was handed over before. */
export function wayThrough(proxy: ProxyRecord, end: End, reach: Reach, count = 0): Way | undefined {
  const hop = hopToProxy(proxy, reach);
  return hop && { hop, end, handover: { proxy, end, count } };
}

/**
 * How another proxy is reached. Within a data centre by its own address; from another one by what it advertises, and
 * by TLS where it has a listener for that which is for servers and proxies alone.
 */
export function hopToProxy(proxy: ProxyRecord, reach: Reach): Hop | undefined {
  const near = proxy.geoLocation === reach.geoLocation;
  let best: Hop | undefined;
  let bestRank = Number.POSITIVE_INFINITY;
  for (const offered of proxy.addresses) {
    const rank = rankOf(offered, near);
    if (offered.side === 'External' || rank >= bestRank) continue;
    const at = near && offered.local !== undefined ? offered.local : offered;
    const hop = reach.inward(offered.transport, at.address, at.port);
    if (hop === undefined) continue;
    best = hop;
    bestRank = rank;
  }
  return best;
}

function rankOf({ transport, side }: ProxyAddress, near: boolean): number {
  if (transport === 'TLS' && side === 'Internal' && !near) return 0;
  if (transport === 'UDP') return 1;
  if (transport === 'TCP') return 2;
  return transport === 'TLS' ? 3 : Number.POSITIVE_INFINITY;
}

function hopOver(connection: Connection, reach: Reach): Hop | undefined {
  if (connection.hop !== undefined) return connection.hop;
  return reach.hop(connection.transport, connection.remoteAddress, connection.remotePort, connection);
}

function endOf(binding: Binding): End {
  if (binding.transport === 'UDP') return { kind: 'udp', address: binding.sourceAddress, port: binding.sourcePort };
  if (binding.owner === undefined || binding.boot === undefined || binding.flow === undefined) return OPEN;
  return flowEnd(binding.owner, binding.boot, binding.flow);
}

/** Whether this is where the end of a token leads. */
export function isAtEnd(binding: Binding, end: End): boolean {
  return isSameEnd(endOf(binding), end);
}

function push(ways: Way[], hop: Hop | undefined, end: End, requestUri?: string): void {
  if (hop !== undefined) ways.push(requestUri === undefined ? { hop, end } : { hop, end, requestUri });
}
