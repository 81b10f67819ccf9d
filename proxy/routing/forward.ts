import { Edit } from '../sip/edit.ts';
import { Header, type HeaderId } from '../sip/header.ts';
import type { Message } from '../sip/message.ts';
import { parseNameAddr } from '../sip/name-addr.ts';
import { asRequestUri } from '../sip/uri.ts';
import type { Hop, Listener } from '../transport/hop.ts';
import { isLoose, type Received } from './received.ts';

/** What differs between one copy of a request and another (RFC 3261 16.6). */
export interface Copy {
  readonly hop: Hop;
  readonly branch: string;
  /** The Request-URI of this copy; undefined leaves it as it is. */
  readonly uri?: string | undefined;
  /** The user part of the Record-Route; undefined: none is added. */
  readonly recordRoute?: string | undefined;
  /** How whom it goes to at last would be reached from here, and comes back; undefined: as the hop. */
  readonly facing?: Hop | undefined;
  /** Route values to put on top: another proxy's hand-over URI, or a Path. */
  readonly routes?: readonly string[] | undefined;
  /** The Via's, where another proxy's Via is written; undefined: our own. */
  readonly sentBy?: string | undefined;
  /** The topmost Route that is not ours led to the hop. */
  readonly byRoute?: boolean | undefined;
  /** This copy's part of the request's Max-Breadth (RFC 5393 5.3.3). */
  readonly maxBreadth: number;
}

export interface Names {
  /** Host of Record-Route URIs, without port; undefined: this proxy's advertised address. */
  readonly recordRouteHost: string | undefined;
}

/**
 * The text of one copy. What RFC 3261 16.6 does not name leaves byte for byte as it came: header fields in order,
 * unknown ones and the body included.
 */
export function forwardRequest(received: Received, copy: Copy, names: Names): string {
  const { message } = received;
  const edit = new Edit(message);
  let uri = copy.uri ?? (received.uri === message.uri ? undefined : received.uri);

  edit.before(Header.Via, via(copy.hop, copy.branch, copy.sentBy));

  const maxForwards = message.find(Header.MaxForwards);
  if (maxForwards < 0) edit.append('Max-Forwards: 70');
  else edit.replace(maxForwards, String(received.maxForwards - 1));
  const maxBreadth = message.find(Header.MaxBreadth);
  if (maxBreadth < 0) edit.append(`Max-Breadth: ${copy.maxBreadth}`);
  else if (message.fieldValue(maxBreadth) !== String(copy.maxBreadth))
    edit.replace(maxBreadth, String(copy.maxBreadth));

  const strictNext =
    copy.routes === undefined && copy.byRoute === true && received.route !== undefined && !isLoose(received.route)
      ? received.route
      : undefined;
  const gone = received.ownRoutes + (strictNext === undefined ? 0 : 1);
  if (received.strict) {
    // a strict router before us moved the target to the end; it is the Request-URI again (RFC 3261 16.4)
    const rest = message.values(Header.Route).slice(gone, -1);
    removeAll(edit, message, Header.Route);
    for (const route of rest) edit.append(`Route: ${route}`);
  } else for (let i = 0; i < gone; i++) edit.dropFirstValue(Header.Route);
  if (copy.routes !== undefined) {
    for (const route of copy.routes) edit.before(Header.Route, `Route: ${route}`);
  } else if (strictNext !== undefined) {
    // 16.6 step 6: a strict router next takes its own URI from the Request-URI and the rest from the Route set
    edit.append(`Route: <${uri ?? message.uri}>`);
    uri = parseNameAddr(strictNext).uri;
  }
  // 16.6 step 2: the URI of a contact, or of a Route, may have what a Request-URI may not
  if (uri !== undefined) uri = asRequestUri(uri);
  if (uri !== undefined && uri !== message.uri) edit.requestUri(uri);

  if (copy.recordRoute !== undefined) {
    const secure = isSips(uri ?? message.uri) || isSips(leadsTo(copy, received));
    for (const line of recordRoutes(copy.recordRoute, received.from, copy.facing ?? copy.hop, names, secure))
      edit.before(Header.RecordRoute, line);
  }
  removeAll(edit, message, Header.XGenesysRoute);
  addLength(edit, message, copy.hop);
  // RFC 3325: asserted identities count only between those who trust one another
  if (received.sender === 'Endpoint') removeAll(edit, message, Header.PAssertedIdentity);
  return edit.render();
}

/** A response on its way back to `to`: without our Via (RFC 3261 16.7 step 3), else as it came. */
export function forwardResponse(response: Message, to: Pick<Hop, 'transport'>): string {
  return returning(response, to).render();
}

/** The same, for who has more to change in it. */
export function returning(response: Message, to: Pick<Hop, 'transport'>): Edit {
  const edit = new Edit(response).dropFirstValue(Header.Via);
  addLength(edit, response, to);
  return edit;
}

/** 16.6 step 10: datagrams and WebSockets bring messages without one, and a stream can't be cut without (18.3). */
function addLength(edit: Edit, message: Message, { transport }: Pick<Hop, 'transport'>): void {
  if ((transport === 'TCP' || transport === 'TLS') && !message.has(Header.ContentLength))
    edit.append(`Content-Length: ${message.body.length}`);
}

function via({ listener, transport, connection }: Hop, branch: string, sentBy: string | undefined): string {
  // RFC 3581: the answer comes back to where this leaves from, whatever the sent-by says
  if (sentBy !== undefined) return `Via: SIP/2.0/${listener.transport} ${sentBy};branch=${branch};rport`;
  // RFC 5923 5: a server to which we proved who we are may send its requests over the connection that we open
  const alias = transport === 'TLS' && connection === undefined ? ';alias' : '';
  return `Via: SIP/2.0/${listener.transport} ${sentByOf(listener)};branch=${branch}${alias}`;
}

/** The sent-by of the Vias that are written on this listener. */
export function sentByOf({ advertisedAddress, advertisedPort }: Listener): string {
  return advertisedAddress.includes(':')
    ? `[${advertisedAddress}]:${advertisedPort}`
    : `${advertisedAddress}:${advertisedPort}`;
}

/** The URI of the topmost Route that a copy leaves with; '' if there is none. */
function leadsTo({ routes }: Copy, { route }: Received): string {
  const topmost = routes?.at(-1) ?? route;
  return topmost === undefined ? '' : parseNameAddr(topmost).uri;
}

function isSips(uri: string): boolean {
  return uri.startsWith('sips:') || uri.slice(0, 5).toLowerCase() === 'sips:';
}

/** In the order in which they are put on top: towards the sender first, so that the next hop sees its own side's first. */
function recordRoutes(token: string, from: Hop, to: Hop, names: Names, secure: boolean): readonly string[] {
  const sameSide =
    from.transport === to.transport &&
    from.address.includes(':') === to.address.includes(':') &&
    (names.recordRouteHost !== undefined || isReachedAlike(from.listener, to.listener));
  if (sameSide) return [recordRoute(token, to.listener, names, secure)];
  // RFC 5658: two, where transport, address family or the place that is told changes, so that either side comes back the way it can
  return [recordRoute(token, from.listener, names, secure), recordRoute(token, to.listener, names, secure)];
}

function isReachedAlike(a: Listener, b: Listener): boolean {
  return a === b || (a.advertisedAddress === b.advertisedAddress && a.advertisedPort === b.advertisedPort);
}

function recordRoute(token: string, listener: Listener, names: Names, secure: boolean): string {
  let host = names.recordRouteHost;
  if (host === undefined) {
    const address = listener.advertisedAddress;
    host = `${address.includes(':') ? `[${address}]` : address}:${listener.advertisedPort}`;
  }
  // 16.6 step 4: who asked for sips must not be led back over anything else
  if (secure && listener.transport === 'TLS') return `Record-Route: <sips:${token}@${host};lr>`;
  // RFC 7118 5.2.2 knows ws alone, for WebSocket with TLS and without
  const name = listener.transport === 'WSS' ? 'ws' : listener.transport.toLowerCase();
  const transport = name === 'udp' ? '' : `;transport=${name}`;
  return `Record-Route: <sip:${token}@${host}${transport};lr>`;
}

function removeAll(edit: Edit, message: Message, id: HeaderId): void {
  for (let i = message.find(id); i >= 0; i = message.find(id, i + 1)) edit.remove(i);
}
