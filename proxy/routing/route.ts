import type { ProxyConfig } from '../config.ts';
import { Header } from '../sip/header.ts';
import type { Message } from '../sip/message.ts';
import { parseNameAddr } from '../sip/name-addr.ts';
import { hasMaddr, parseUri, unescapeUser, uriParam, type SipUri } from '../sip/uri.ts';
import { aorOf } from '../registrar/binding.ts';
import { contactsOf } from '../registrar/contact.ts';
import type { Binding, CallRecord } from '../store/records.ts';
import type { Member, Pair } from '../upstream/pair.ts';
import type { Reached } from '../transport/resolve.ts';
import type { Identity } from './identity.ts';
import type { Received } from './received.ts';
import { fnv1a } from '../hash.ts';
import { tagHash, type End } from './token.ts';

/** What the routing table reads of the world: all of it in memory, none of it changed by a decision. */
export interface View {
  readonly config: ProxyConfig;
  readonly identity: Identity;
  readonly now: number;
  readonly draining: boolean;
  /** New work is no longer taken. */
  readonly refusing: boolean;
  readonly replica: {
    readonly complete: boolean;
    bindings(aor: string, now: number): readonly Binding[];
    bindingsByContact(uri: string, now: number): readonly Binding[];
    call(callId: string): CallRecord | undefined;
  };
  readonly upstreams: {
    pairNamed(name: string): Pair | undefined;
    pairByHash(hash: number): Pair | undefined;
    memberAt(address: string, port: number): Member | undefined;
    chooseForCall(callId: string, excluded?: Pair): Pair | undefined;
    chooseForDialog(callId: string): Pair | undefined;
    chooseForAor(aor: string, excluded?: Pair): Pair | undefined;
    chooseRemote(callId: string): Pair | undefined;
  };
  /** Whether an SBC has this address. */
  isSbc(host: string): boolean;
  /** Whether an SBC or a further server has this address, or this name in its certificate. */
  isTrusted(host: string): boolean;
  /** A token bucket: false = refused. Asked only where a row says so. */
  admitInvite(): boolean;
  /** The Retry-After, s, of a REGISTER that neither this proxy nor the pair can take now, if there is one; 0: it is admitted. */
  admitRegister(pair: Pair | undefined): number;
}

/** What is done with a request. `row` is the row of the routing table in docs/architecture.md that fitted. */
export type Decision =
  | {
      readonly do: 'answer';
      readonly row: number;
      readonly status: number;
      readonly reason: string;
      readonly lines?: readonly string[];
    }
  /** `pinned`: it belongs to this pair and waits for it; else another pair may take it. `remember`: Call-ID -> pair. */
  | {
      readonly do: 'pair';
      readonly row: number;
      readonly pair: Pair;
      readonly pinned: boolean;
      readonly remember: boolean;
    }
  /** `aor`: undefined where it is of no domain of ours, so that nothing is kept of it. */
  | { readonly do: 'register'; readonly row: number; readonly pair: Pair; readonly aor: string | undefined }
  | {
      readonly do: 'bindings';
      readonly row: number;
      readonly bindings: readonly Binding[];
      readonly end: End | undefined;
    }
  /**
   * By RFC 3263 to `uri`: a Route's, the Request-URI, or what X-Genesys-Route names. `reached`: it is the contact of
   * whom its dialog is with.
   */
  | {
      readonly do: 'uri';
      readonly row: number;
      readonly uri: string;
      readonly byRoute: boolean;
      readonly reached: Reached | undefined;
    };

export function decide(received: Received, view: View): Decision {
  const { message, sender } = received;
  const method = message.method;

  if (
    method === 'OPTIONS' &&
    (received.maxForwards === 0 || (received.target.user === '' && view.identity.isOurs(received.target)))
  ) {
    return options(received, view);
  }
  // what another proxy hands over has nowhere else to go
  if (view.refusing && sender !== 'Proxy' && isNewWork(received)) {
    return answer(0, 503, 'Draining', retryAfter(message.callId));
  }
  if (sender === 'Server') return fromServer(received, view);
  if (sender === 'Proxy') return handedOver(received, view);
  // handed over by a proxy that we do not know, or no longer, or by a token whose key we do not have yet: it is not a
  // phone's, and goes another way
  const isHandedOver = received.handover !== undefined;
  if (isHandedOver || (received.forged && view.identity.proxyAt(received.from.address) !== undefined))
    return answer(6, 430, 'Flow Failed');

  // an Endpoint could use us to reach a server's other services
  if (sender === 'Endpoint' && received.route !== undefined && !keepsToServers(received, view)) {
    return answer(0, 403, 'Route Past This Proxy Not Allowed');
  }

  // whoever writes a Path decides where calls go, at a server too that is asked for another domain
  if (method === 'REGISTER' && sender === 'Endpoint' && message.has(Header.Path))
    return answer(0, 403, 'Path Not Allowed');

  const newInvite = method === 'INVITE' && message.toTag === '';
  if (newInvite && !view.admitInvite()) return answer(4, 503, 'Too Many New Calls');

  // a registration belongs to no call
  if (received.token !== undefined && method !== 'REGISTER') {
    const pair = pairOfToken(received, view);
    if (pair !== undefined) return { do: 'pair', row: 7, pair, pinned: true, remember: false };
  }

  if (method === 'REGISTER') {
    const to = toUri(message);
    const aor = to !== undefined && view.identity.servesAor(to) ? aorOf(to) : undefined;
    const key = aor ?? message.callId;
    const pair = view.upstreams.chooseForAor(key) ?? remotePair(view, key);
    // also of a domain that is not ours: phones that are all set up wrong would storm the servers no less
    const wait = view.admitRegister(pair);
    if (pair === undefined) return answer(9, 503, 'No SIP Server In Service', [`Retry-After: ${wait}`]);
    if (wait > 0) return answer(9, 503, 'Too Many Registrations', [`Retry-After: ${wait}`]);
    return { do: 'register', row: 9, pair, aor };
  }

  const known = view.replica.call(message.callId);
  // another data centre may know it, or the key of its token: its store has not been read yet
  if (known === undefined && message.toTag !== '' && !view.replica.complete)
    return answer(10, 503, 'Calls Not Loaded Yet', retryAfter(message.callId));
  if (known !== undefined || message.toTag !== '') {
    const pair =
      (known === undefined ? undefined : view.upstreams.pairNamed(known.pair)) ??
      view.upstreams.chooseForDialog(message.callId);
    const pinned = message.toTag !== '';
    // what is in no dialog, as an INVITE dialled again, need not wait for its pair
    if (pair !== undefined && (pinned || pair.active !== undefined))
      return { do: 'pair', row: 10, pair, pinned, remember: method === 'INVITE' };
  }

  const named = newInvite ? pairOfReplaced(message, view) : undefined;
  // nobody else has that call: like what is inside it, this waits for its pair
  if (named !== undefined) return { do: 'pair', row: 11, pair: named, pinned: true, remember: true };

  const pair =
    view.upstreams.chooseForCall(message.callId) ??
    remotePair(view, message.callId) ??
    // a server that wants no new calls for a while (Retry-After) has said nothing of the rest
    (method === 'INVITE' ? undefined : view.upstreams.chooseForDialog(message.callId));
  if (pair === undefined) return noServer(12, message);
  return { do: 'pair', row: 12, pair, pinned: false, remember: method === 'INVITE' };
}

/**
 * In a dialog that we are on: every Route left is ours, a pair member's or an SBC's, as where these stay on the route by
 * Record-Routes of their own.
 */
function keepsToServers(received: Received, view: View): boolean {
  const { message, ownRoutes, strict, token } = received;
  if (token === undefined) return false;
  const routes = message.values(Header.Route);
  return routes.slice(ownRoutes, strict ? -1 : routes.length).every((route) => {
    const uri = parseUri(parseNameAddr(route).uri);
    const maddr = uriParam(uri, 'maddr');
    // whoever follows the Route may know of no maddr
    const host = { ...uri, params: '' };
    return staysAt(host, view) && (maddr === undefined || staysAt({ ...host, host: maddr }, view));
  });
}

function staysAt(uri: SipUri, view: View): boolean {
  const member = view.upstreams.memberAt(uri.host, uri.port === 0 ? 5060 : uri.port);
  return member !== undefined || view.isSbc(uri.host) || view.identity.isOurs(uri);
}

function fromServer(received: Received, view: View): Decision {
  const { message, target } = received;
  const override = message.value(Header.XGenesysRoute);
  if (override !== undefined) {
    const uri = parseNameAddr(override).uri;
    const hop = parseUri(uri);
    const member = view.upstreams.memberAt(hop.host, hop.port === 0 ? 5060 : hop.port);
    if (member !== undefined) return { do: 'pair', row: 5, pair: member.pair, pinned: true, remember: false };
    if (!view.identity.isOurs(hop)) return { do: 'uri', row: 5, uri, byRoute: false, reached: undefined };
  }

  if (received.token !== undefined) {
    const end = otherEnd(received);
    if (end.kind === 'pair') {
      const pair = view.upstreams.pairByHash(end.pair);
      if (pair !== undefined) return { do: 'pair', row: 8, pair, pinned: true, remember: false };
    } else if (end.kind !== 'open') {
      return { do: 'bindings', row: 8, bindings: boundTo(received, view), end };
    }
  }

  if (received.route === undefined) {
    const bound = boundTo(received, view);
    if (bound.length > 0) return { do: 'bindings', row: 13, bindings: bound, end: undefined };

    // RFC 3261 16.5: it is the whole target set, whatever domain it is in
    if (hasMaddr(target)) return elsewhere(received, view);

    if (target.user !== '' && view.identity.servesAor(target)) {
      const bindings = withGruu(target, view.replica.bindings(aorOf(target), view.now));
      if (bindings.length > 0) return { do: 'bindings', row: 14, bindings, end: undefined };
      // another data centre may know it: its store has not been read yet
      if (!view.replica.complete) return answer(14, 503, 'Registrations Not Loaded Yet', retryAfter(message.callId));
      return answer(14, 480, 'No Registered Contact');
    }

    const member = view.upstreams.memberAt(target.host, target.port === 0 ? 5060 : target.port);
    if (member !== undefined) return { do: 'pair', row: 15, pair: member.pair, pinned: true, remember: false };
    // it would come back here as an Endpoint's, and go on to the server that sent it
    if (view.identity.servesAor(target)) return answer(14, 404, 'Not Found');
  }

  if (received.route !== undefined)
    return { do: 'uri', row: 16, uri: parseNameAddr(received.route).uri, byRoute: true, reached: undefined };
  return elsewhere(received, view);
}

/** Row 16, where no Route says where to. */
function elsewhere(received: Received, view: View): Decision {
  const { target, uri, message } = received;
  if (target.scheme !== 'sip' && target.scheme !== 'sips') return answer(16, 416, 'Unsupported URI Scheme');
  // who answers without a tag, as under RFC 2543, has none to be called by (RFC 3261 12.2.1.1)
  const isInDialog = message.toTag !== '' || view.replica.call(message.callId) !== undefined;
  const reached = isInDialog ? howReached(received) : undefined;
  return { do: 'uri', row: 16, uri, byRoute: false, reached };
}

/** RFC 5658: the last Record-Route of ours is the far side's. Some phones answer without it, and nothing is known then. */
function howReached({ token, lastOwn }: Received): Reached | undefined {
  if (token === undefined || lastOwn === undefined) return 'Unknown';
  return uriParam(lastOwn, 'transport')?.toLowerCase() === 'tcp' ? 'ByTcp' : undefined;
}

/** RFC 5627 5.1: a public GRUU names one instance of its AOR, and leads to no other; what is no URN is the server's to know. */
function withGruu(target: SipUri, bindings: readonly Binding[]): readonly Binding[] {
  const gr = uriParam(target, 'gr')?.toLowerCase();
  if (gr?.startsWith('urn:') !== true) return bindings;
  return bindings.filter(({ instance }) => instance?.toLowerCase() === gr);
}

/**
 * The bindings whose contact the Request-URI is. A phone may write any URI into its Contact: one of ours, of a pair's or
 * of whom the configuration trusts leads to no phone, and of several AORs with one contact that counts whose the call is.
 */
function boundTo(received: Received, view: View): readonly Binding[] {
  const { target } = received;
  const bound = view.replica.bindingsByContact(received.uri, view.now);
  const [first] = bound;
  if (first === undefined) return bound;
  // with a maddr it leads elsewhere than its host says, and so is nobody's but its phone's
  if (!hasMaddr(target)) {
    if (view.identity.servesAor(target)) return NO_BINDINGS;
    if (view.upstreams.memberAt(target.host, target.port === 0 ? 5060 : target.port) !== undefined) return NO_BINDINGS;
    // an Endpoint's that is elsewhere than it says always has an owner
    if (view.isTrusted(target.host))
      return bound.filter(({ owner, sourceAddress }) => owner === undefined || view.isSbc(sourceAddress));
  }
  return bound.every(({ aor }) => aor === first.aor) ? bound : rightful(bound, received);
}

/** By the To, else by who is where the contact says, else by the user in it. */
function rightful(bound: readonly Binding[], { message, target }: Received): readonly Binding[] {
  const to = toUri(message);
  const aor = to === undefined ? '' : aorOf(to);
  const user = `${unescapeUser(target.user)}@`;
  for (const fits of [
    (binding: Binding) => binding.aor === aor,
    (binding: Binding) => binding.sourceAddress === target.host,
    (binding: Binding) => binding.aor.startsWith(user),
  ]) {
    const some = bound.filter(fits);
    if (some.length > 0) return some;
  }
  return bound;
}

const NO_BINDINGS: readonly Binding[] = [];

/**
 * Row 6: another proxy chose us because we hold the flow, or are in the pair's data centre. What came to an address that
 * several share is handed on to the flow's holder, once at most (mayHandOver).
 */
function handedOver(received: Received, view: View): Decision {
  const end = received.handover?.callee;
  if (end?.kind === 'pair') {
    const pair = view.upstreams.pairByHash(end.pair);
    if (pair !== undefined) return { do: 'pair', row: 6, pair, pinned: received.message.toTag !== '', remember: false };
  } else if (end !== undefined && end.kind !== 'open') {
    return { do: 'bindings', row: 6, bindings: [], end };
  }
  return answer(6, 430, 'Flow Failed');
}

/** Option tags (RFC 3327, RFC 5626). */
const SUPPORTED: readonly string[] = ['path', 'outbound'];
/** RFC 3261 11.2, for a proxy: without Allow, which would mean that it ends what it passes on. */
const ABILITIES: readonly string[] = [
  'Accept: */*',
  'Accept-Encoding: identity',
  'Accept-Language: en',
  `Supported: ${SUPPORTED.join(', ')}`,
];

/** Row 1: SBCs and other peers balance on this. */
function options({ message }: Received, view: View): Decision {
  // RFC 3261 8.2.2.3: here we are the user agent that Require speaks to
  const required = message.has(Header.Require) ? message.values(Header.Require) : [];
  const unsupported = required.filter((tag) => !SUPPORTED.includes(tag.toLowerCase()));
  if (unsupported.length > 0) return answer(1, 420, 'Bad Extension', [`Unsupported: ${unsupported.join(', ')}`]);
  if (view.draining) return answer(1, 503, 'Draining', retryAfter(message.callId));
  const pair = view.upstreams.chooseForCall(message.callId) ?? remotePair(view, message.callId);
  return pair === undefined ? noServer(1, message) : answer(1, 200, 'OK', ABILITIES);
}

/** From Endpoint and Sbc a token leads to a pair or nowhere. */
function pairOfToken(received: Received, view: View): Pair | undefined {
  const { token } = received;
  if (token === undefined) return undefined;
  const end = otherEnd(received);
  if (end.kind === 'pair') return view.upstreams.pairByHash(end.pair);
  // a phone whose stack swaps From and To in a retried dialog still belongs to the only pair there is
  const reverse = end === token.callee ? token.caller : token.callee;
  return reverse.kind === 'pair' ? view.upstreams.pairByHash(reverse.pair) : undefined;
}

/** Which way: From tag equal to the caller's -> towards the callee, else towards the caller. */
function otherEnd({ message, token, member }: Received): End {
  if (token === undefined) return { kind: 'open' };
  const { caller, callee, callerTag } = token;
  if (tagHash(message.fromTag) !== callerTag) return caller;
  // of one call in 65,536 the callee's tag has that hash, too: then it does not lead back to who sends this
  const isOfBoth = member !== undefined && tagHash(message.toTag) === callerTag;
  return isOfBoth && callee.kind === 'pair' && callee.pair === fnv1a(member.pair.name) ? caller : callee;
}

/** Any other proxy can take it as well: its sender tries the next one (RFC 3263 4.3). A phone's farewell is not turned away. */
function isNewWork({ message, token, handover }: Received): boolean {
  const { method } = message;
  if (message.toTag !== '' || token !== undefined || handover !== undefined) return false;
  if (method === 'ACK' || method === 'CANCEL') return false;
  return method !== 'REGISTER' || !removesContacts(message);
}

/** RFC 3261 10.2.2: by Expires, or for a contact. */
function removesContacts(message: Message): boolean {
  if (message.value(Header.Expires)?.trim() === '0') return true;
  return contactsOf(message).contacts.some(({ expires }) => expires === 0);
}

function remotePair(view: View, key: string): Pair | undefined {
  return view.config.remoteServers === 'WhenNoLocal' ? view.upstreams.chooseRemote(key) : undefined;
}

/** RFC 3891, RFC 3911: the pair that holds the call which Replaces or Join names. */
function pairOfReplaced(message: Message, view: View): Pair | undefined {
  const value = message.value(Header.Replaces) ?? message.value(Header.Join);
  if (value === undefined) return undefined;
  const end = value.indexOf(';');
  const call = view.replica.call((end < 0 ? value : value.slice(0, end)).trim());
  return call === undefined ? undefined : view.upstreams.pairNamed(call.pair);
}

function toUri(message: Message): SipUri | undefined {
  const value = message.value(Header.To);
  return value === undefined ? undefined : parseUri(parseNameAddr(value).uri);
}

function noServer(row: number, message: Message): Decision {
  return answer(row, 503, 'No SIP Server In Service', retryAfter(message.callId));
}

function answer(row: number, status: number, reason: string, lines?: readonly string[]): Decision {
  return lines === undefined ? { do: 'answer', row, status, reason } : { do: 'answer', row, status, reason, lines };
}

/** Spread over 2 to 9 s by Call-ID, so that those who were refused together do not come back together. */
function retryAfter(callId: string): readonly string[] {
  return [`Retry-After: ${2 + (tagHash(callId) & 7)}`];
}
