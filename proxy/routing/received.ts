import { defect } from '../sip/defects.ts';
import { decimal } from '../sip/grammar.ts';
import { Header } from '../sip/header.ts';
import type { Message } from '../sip/message.ts';
import { parseNameAddr, type NameAddr } from '../sip/name-addr.ts';
import { formatUri, hasMaddr, parseUri, readUri, uriParam, withoutMaddr, type SipUri } from '../sip/uri.ts';
import type { Hop } from '../transport/hop.ts';
import type { Member } from '../upstream/pair.ts';
import { classify, memberOf } from './classify.ts';
import type { Core } from './core.ts';
import type { Identity } from './identity.ts';
import { flowEnd, looksLikeToken, OPEN, pairEnd, type End, type Token, type TokenSigner } from './token.ts';

/** By transport identity only, never by a header. */
export type SenderClass = 'Server' | 'Proxy' | 'Sbc' | 'Endpoint';

/** One request as the routing table sees it: who sent it, and what is left once our own Routes are taken off. */
export interface Received {
  readonly message: Message;
  readonly from: Hop;
  readonly sender: SenderClass;
  /** The pair member that sent it, if a pair member did. */
  readonly member: Member | undefined;
  /** The Request-URI, a strict router's put back (RFC 3261 16.4). */
  readonly uri: string;
  readonly target: SipUri;
  /** How many Route values at the top are ours and go. */
  readonly ownRoutes: number;
  /** The last of them. */
  readonly lastOwn: SipUri | undefined;
  /** Whether the last Route value became the Request-URI, and goes as well. */
  readonly strict: boolean;
  /** Valid, from a Record-Route of ours. */
  readonly token: Token | undefined;
  /** Valid, from another proxy's hand-over. */
  readonly handover: Token | undefined;
  /** A token was there and failed: counted, then treated as absent. */
  readonly forged: boolean;
  /** The topmost Route value that is not ours. */
  readonly route: string | undefined;
  /** From Max-Forwards; 70 if there is none, as 16.6 step 3 adds. */
  readonly maxForwards: number;
  /** How many branches may be open at once for it (RFC 5393 5.3.3): Max-Breadth, or less. */
  readonly maxBreadth: number;
  /** A hash of what decides where it goes, by which a loop is seen. */
  readonly loop: number;
}

/** Who sent a request, and what its Routes and Request-URI say. Throws SipError 400. */
export function readRequest(core: Core, message: Message, from: Hop): Received {
  const now = core.wall();
  const routes = readRoutes(message, core.identity, core.signer, now);
  const member = memberOf(message, from, core.upstreams);
  const sender = classify(from, member, routes.handover !== undefined, core.trust, core.identity);
  // towards a pair the Request-URI stays as it is
  const target = sender === 'Server' ? throughUs(routes.target, from, core.identity) : routes.target;
  return {
    message,
    from,
    sender,
    member,
    // 16.6 step 3: where there is none, 70 goes out
    maxForwards: message.maxForwards < 0 ? 71 : message.maxForwards,
    maxBreadth: readMaxBreadth(message, core.limits.maxBreadth),
    loop: core.copier.routingHash(message, sender),
    uri: target === routes.target ? routes.uri : formatUri(target),
    target,
    ownRoutes: routes.ownRoutes,
    lastOwn: routes.lastOwn,
    strict: routes.strict,
    token: routes.token,
    handover: routes.handover,
    forged: routes.forged,
    route: routes.route,
  };
}

/** What Routes and Request-URI hold: RFC 3261 16.4, and our tokens in them. */
function readRoutes(
  message: Message,
  identity: Identity,
  signer: TokenSigner,
  now: number,
): Pick<Received, 'uri' | 'target' | 'ownRoutes' | 'lastOwn' | 'strict' | 'token' | 'handover' | 'forged' | 'route'> {
  const routes = message.find(Header.Route) < 0 ? NONE : message.values(Header.Route);
  let uri = message.uri;
  let target = message.target ?? parseUri(uri);
  let strict = false;
  let token: Token | undefined;
  let handover: Token | undefined;
  let forged = false;

  const take = (user: string): void => {
    if (!looksLikeToken(user)) return;
    const found = signer.verify(user, message.callId, now);
    if (found === undefined) forged = true;
    else if (found.use === 'dialog') token ??= found;
    else handover ??= found;
  };

  let last = routes.length;
  if (last > 0 && looksLikeToken(target.user) && identity.isOurs(target)) {
    // the hop before us was a strict router: it put our Record-Route into the Request-URI and the target last
    take(target.user);
    last--;
    uri = parseRoute(routes[last] ?? '').uri;
    target = routeUri(uri);
    strict = true;
  }
  let own = 0;
  let lastOwn: SipUri | undefined;
  while (own < last) {
    const route = routeUri(parseRoute(routes[own] ?? '').uri);
    if (!identity.isOurs(route)) break;
    take(route.user);
    lastOwn = route;
    own++;
  }
  const route = own < last ? routes[own] : undefined;
  return { uri, target, ownRoutes: own, lastOwn, strict, token, handover, forged, route };
}

/**
 * RFC 3261 16.4: a Request-URI whose maddr led to us, by the port and transport that it names, means what it is without
 * them. Else it is `target` itself.
 */
function throughUs(target: SipUri, { transport }: Hop, identity: Identity): SipUri {
  if (!hasMaddr(target)) return target;
  const asked = uriParam(target, 'transport') ?? (target.scheme === 'sips' ? 'TLS' : 'UDP');
  const isHere = identity.isOurs(target) && asked.toUpperCase() === transport;
  return isHere ? withoutMaddr(target) : target;
}

const NONE: readonly string[] = [];

/** Throws SipError 400. */
function routeUri(text: string): SipUri {
  const uri = readUri(text);
  if (uri === undefined) throw defect('Bad Route');
  return uri;
}

/** Throws SipError 400. */
function parseRoute(value: string): NameAddr {
  try {
    return parseNameAddr(value);
  } catch {
    throw defect('Bad Route');
  }
}

/**
 * RFC 5393 5.3.3: how many branches a request may have, which is `most` if it says nothing, and never more. Throws
 * SipError 400.
 */
function readMaxBreadth(message: Message, most: number): number {
  const value = message.value(Header.MaxBreadth);
  if (value === undefined) return most;
  const breadth = decimal(value, 0, value.length);
  // of two only one would be lowered, and the next element may read the other
  if (breadth < 0 || message.find(Header.MaxBreadth, message.find(Header.MaxBreadth) + 1) >= 0)
    throw defect('Bad Max-Breadth');
  return Math.min(breadth, most);
}

/** Whether a Route value names a loose router (RFC 3261 16.6 step 6). */
export function isLoose(route: string): boolean {
  return uriParam(routeUri(parseRoute(route).uri), 'lr') !== undefined;
}

/** How often other proxies have handed this request over. */
export function handOvers({ handover }: Received): number {
  return handover === undefined ? 0 : handover.callerTag + 1;
}

/** Our side of a new dialog's token; undefined where no Record-Route is added. */
export function callerEndOf(received: Received, core: Core): End | undefined {
  const { message, member, from } = received;
  if (received.sender === 'Proxy' || message.toTag !== '') return undefined;
  if (message.method !== 'INVITE' && message.method !== 'SUBSCRIBE' && message.method !== 'REFER') return undefined;
  if (member !== undefined) return pairEnd(member.pair.name, member.pair.geoLocation);
  if (received.sender !== 'Endpoint') return OPEN;
  if (from.connection !== undefined) return flowEnd(core.config.place.name, core.boot, from.connection.number);
  return { kind: 'udp', address: from.address, port: from.port };
}
