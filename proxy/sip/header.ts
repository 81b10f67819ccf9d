import { equalsIgnoreCase } from './grammar.ts';

/**
 * The header fields the proxy looks at, by number: comparing and switching on a number is what makes one pass over the
 * head cheap. 0 is any other field.
 */
export const Header = {
  Other: 0,
  Via: 1,
  From: 2,
  To: 3,
  CallId: 4,
  CSeq: 5,
  MaxForwards: 6,
  Contact: 7,
  Route: 8,
  RecordRoute: 9,
  ContentLength: 10,
  Expires: 11,
  Supported: 12,
  Require: 13,
  ProxyRequire: 14,
  Unsupported: 15,
  Path: 16,
  ServiceRoute: 17,
  Authorization: 18,
  ProxyAuthorization: 19,
  WwwAuthenticate: 20,
  ProxyAuthenticate: 21,
  MinExpires: 22,
  RetryAfter: 23,
  Warning: 24,
  Reason: 25,
  MaxBreadth: 26,
  XGenesysRoute: 27,
  PAssertedIdentity: 28,
  Replaces: 29,
  Join: 30,
  SessionExpires: 31,
  Event: 32,
  ReferTo: 33,
  ContentType: 34,
  FlowTimer: 35,
  Timestamp: 36,
  Allow: 37,
  UserAgent: 38,
  Server: 39,
  Subject: 40,
  Date: 41,
  Accept: 42,
  /** A line of a response that is no field. */
  Unreadable: 43,
} as const;

export type HeaderId = (typeof Header)[keyof typeof Header];

/** Canonical name, and the compact form (RFC 3261 7.3.3 and the IANA registry) where there is one. */
const NAMES: readonly (readonly [id: HeaderId, name: string, compact?: string])[] = [
  [Header.Via, 'Via', 'v'],
  [Header.From, 'From', 'f'],
  [Header.To, 'To', 't'],
  [Header.CallId, 'Call-ID', 'i'],
  [Header.CSeq, 'CSeq'],
  [Header.MaxForwards, 'Max-Forwards'],
  [Header.Contact, 'Contact', 'm'],
  [Header.Route, 'Route'],
  [Header.RecordRoute, 'Record-Route'],
  [Header.ContentLength, 'Content-Length', 'l'],
  [Header.Expires, 'Expires'],
  [Header.Supported, 'Supported', 'k'],
  [Header.Require, 'Require'],
  [Header.ProxyRequire, 'Proxy-Require'],
  [Header.Unsupported, 'Unsupported'],
  [Header.Path, 'Path'],
  [Header.ServiceRoute, 'Service-Route'],
  [Header.Authorization, 'Authorization'],
  [Header.ProxyAuthorization, 'Proxy-Authorization'],
  [Header.WwwAuthenticate, 'WWW-Authenticate'],
  [Header.ProxyAuthenticate, 'Proxy-Authenticate'],
  [Header.MinExpires, 'Min-Expires'],
  [Header.RetryAfter, 'Retry-After'],
  [Header.Warning, 'Warning'],
  [Header.Reason, 'Reason'],
  [Header.MaxBreadth, 'Max-Breadth'],
  [Header.XGenesysRoute, 'X-Genesys-Route'],
  [Header.PAssertedIdentity, 'P-Asserted-Identity'],
  [Header.Replaces, 'Replaces'],
  [Header.Join, 'Join'],
  [Header.SessionExpires, 'Session-Expires', 'x'],
  [Header.Event, 'Event', 'o'],
  [Header.ReferTo, 'Refer-To', 'r'],
  [Header.ContentType, 'Content-Type', 'c'],
  [Header.FlowTimer, 'Flow-Timer'],
  [Header.Timestamp, 'Timestamp'],
  [Header.Allow, 'Allow'],
  [Header.UserAgent, 'User-Agent'],
  [Header.Server, 'Server'],
  [Header.Subject, 'Subject', 's'],
  [Header.Date, 'Date'],
  [Header.Accept, 'Accept'],
];

/** Fields whose values may share a line, separated by commas (RFC 3261 7.3.1: header = #(value)). */
const LISTS: ReadonlySet<HeaderId> = new Set<HeaderId>([
  Header.Via,
  Header.Contact,
  Header.Route,
  Header.RecordRoute,
  Header.Supported,
  Header.Require,
  Header.ProxyRequire,
  Header.Unsupported,
  Header.Path,
  Header.ServiceRoute,
  Header.Warning,
  Header.Reason,
  Header.XGenesysRoute,
  Header.PAssertedIdentity,
  Header.Allow,
  Header.Accept,
]);

const canonical: string[] = [''];
const lowerCase: string[] = [''];
const compact = new Uint8Array(256);
// One slot a name, by its length and three of its letters; the few names that share a slot are chained.
const SLOTS = 256;
const slots = new Uint8Array(SLOTS);
const chain = new Uint8Array(NAMES.length + 1);

function slotOf(text: string, start: number, length: number): number {
  // either case of a letter gives the same; what else does is told apart by comparing
  const first = text.charCodeAt(start) | 32;
  const middle = text.charCodeAt(start + (length >> 1)) | 32;
  const last = text.charCodeAt(start + length - 1) | 32;
  return (length * 7 + first * 31 + middle * 5 + last) & (SLOTS - 1);
}

for (const [id, name, short] of NAMES) {
  canonical[id] = name;
  const low = name.toLowerCase();
  lowerCase[id] = low;
  const slot = slotOf(low, 0, low.length);
  chain[id] = slots[slot] ?? 0;
  slots[slot] = id;
  if (short !== undefined) {
    compact[short.charCodeAt(0)] = id;
    compact[short.toUpperCase().charCodeAt(0)] = id;
  }
}

/** Which field the name text[start, end) is, in any case and in compact form too. */
export function headerIdAt(text: string, start: number, end: number): HeaderId {
  const length = end - start;
  if (length === 1) return (compact[text.charCodeAt(start)] ?? 0) as HeaderId;
  if (length <= 0) return Header.Other;
  for (let id = slots[slotOf(text, start, length)] ?? 0; id !== 0; id = chain[id] ?? 0) {
    const name = canonical[id] ?? '';
    // Nearly everyone writes the canonical spelling, and comparing that is native.
    if (name.length !== length) continue;
    if (text.startsWith(name, start) || equalsIgnoreCase(text, start, end, lowerCase[id] ?? '')) return id as HeaderId;
  }
  return Header.Other;
}

/** Which field `name` is, in any case and in compact form too; Header.Other for those the proxy does not look at. */
export function headerId(name: string): HeaderId {
  return headerIdAt(name, 0, name.length);
}

/** The canonical spelling; '' for Header.Other. */
export function headerName(id: HeaderId): string {
  return canonical[id] ?? '';
}

/** Whether values of this field may share a line, separated by commas. */
export function isList(id: HeaderId): boolean {
  return LISTS.has(id);
}
