import { defect } from './defects.ts';
import {
  COLON,
  PERCENT,
  QUESTION,
  SEMICOLON,
  decimal,
  equalsIgnoreCase,
  hostText,
  isDigit,
  skipHost,
  skipToken,
} from './grammar.ts';
import { paramAt } from './param.ts';

/** A SIP or SIPS URI (RFC 3261 19.1), or any other URI with host '' and all that follows the scheme in `user`. */
export interface SipUri {
  /** Lower case. */
  scheme: string;
  /** As written, escapes included; '' if none. */
  user: string;
  /** As written; '' if none. */
  password: string;
  /** Lower case; an IPv6 address has no brackets. '' for other schemes than sip and sips. */
  host: string;
  /** 0 if absent. */
  port: number;
  /** ';a=b' as written, '' if none. */
  params: string;
  /** '?a=b' as written, '' if none. */
  headers: string;
}

/** Throws SipError 400. An unknown scheme is no error here: it may be one for whoever must route by it (416). */
export function parseUri(text: string): SipUri {
  const uri = readUri(text);
  if (uri === undefined) throw defect('Bad URI');
  return uri;
}

/** As parseUri; undefined if it is malformed. */
export function readUri(text: string): SipUri | undefined {
  const end = text.length;
  const colon = skipToken(text, 0, end);
  if (colon === 0 || colon + 1 >= end || text.charCodeAt(colon) !== COLON || !isPlain(text)) return undefined;
  const scheme = schemeText(text, colon);
  let pos = colon + 1;
  if (scheme !== 'sip' && scheme !== 'sips') {
    return { scheme, user: text.slice(pos), password: '', host: '', port: 0, params: '', headers: '' };
  }

  let user = '';
  let password = '';
  // A user may hold ; ? / and : but no @, and what follows the host must escape it: the first @ ends the user.
  const at = text.indexOf('@', pos);
  if (at >= 0) {
    const secret = text.indexOf(':', pos);
    const userEnd = secret >= 0 && secret < at ? secret : at;
    if (userEnd === pos) return undefined;
    user = text.slice(pos, userEnd);
    password = userEnd < at ? text.slice(userEnd + 1, at) : '';
    pos = at + 1;
  }

  const hostEnd = skipHost(text, pos, end);
  if (hostEnd < 0) return undefined;
  const host = hostText(text, pos, hostEnd);
  pos = hostEnd;
  let port = 0;
  if (pos < end && text.charCodeAt(pos) === COLON) {
    const portEnd = skipToken(text, pos + 1, end);
    port = decimal(text, pos + 1, portEnd);
    if (port < 1 || port > 65535) return undefined;
    pos = portEnd;
  }
  if (pos < end && text.charCodeAt(pos) !== SEMICOLON && text.charCodeAt(pos) !== QUESTION) return undefined;
  const question = pos < end ? text.indexOf('?', pos) : -1;
  const paramsEnd = question < 0 ? end : question;
  const params = text.slice(pos, paramsEnd);
  if (params.indexOf(';', 1) > 0 && isTorn(params)) return undefined;
  return { scheme, user, password, host, port, params, headers: text.slice(paramsEnd) };
}

/**
 * Whether a parameter that says where the URI leads stands twice (RFC 3261 19.1.1 forbids it of any): the next element may
 * take the other one.
 */
function isTorn(params: string): boolean {
  const plain = comparable(params);
  let seen = 0;
  for (let pos = 0; pos >= 0;) {
    const start = pos + 1;
    pos = plain.indexOf(';', start);
    const end = skipToken(plain, start, pos < 0 ? plain.length : pos);
    for (let i = 0; i < SIGNIFICANT.length; i++) {
      if (!equalsIgnoreCase(plain, start, end, SIGNIFICANT[i] ?? '')) continue;
      if ((seen & (1 << i)) !== 0) return true;
      seen |= 1 << i;
    }
  }
  return false;
}

function schemeText(text: string, end: number): string {
  if (end === 3 && text.startsWith('sip')) return 'sip';
  if (end === 4 && text.startsWith('sips')) return 'sips';
  return text.slice(0, end).toLowerCase();
}

/**
 * No white space, control characters, quotes or angle brackets: whoever reads the message after us splits at these. And
 * no % but of an escape (RFC 3261 25.1, RFC 3966 3), which others may read in ways of their own.
 */
function isPlain(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c <= 34 ? c !== 33 : c === 60 || c === 62 || c === 127) return false;
    if (c === PERCENT && !(isHexDigit(text.charCodeAt(i + 1)) && isHexDigit(text.charCodeAt(i + 2)))) return false;
  }
  return true;
}

function isHexDigit(c: number): boolean {
  return isDigit(c) || ((c | 32) >= 97 && (c | 32) <= 102);
}

/** A URI parameter, unescaped, by its name in any case; '' for a flag, undefined if there is none. */
export function uriParam(uri: SipUri, name: string): string | undefined {
  const { params } = uri;
  if (params === '') return undefined;
  // RFC 4475 3.1.1.3: %6C%72 is lr
  const plain = comparable(params);
  const value = paramAt(plain, 0, plain.length, name.toLowerCase());
  return value === undefined ? undefined : unescapeUser(value);
}

/** The text of a URI; hosts with a colon get their brackets back. */
export function formatUri(u: SipUri): string {
  if (u.host === '') return `${u.scheme}:${u.user}`;
  const secret = u.password === '' ? '' : `:${u.password}`;
  const user = u.user === '' ? '' : `${u.user}${secret}@`;
  const host = u.host.includes(':') ? `[${u.host}]` : u.host;
  const port = u.port === 0 ? '' : `:${u.port}`;
  return `${u.scheme}:${user}${host}${port}${u.params}${u.headers}`;
}

/** A URI as it may stand in a Request-URI: without header fields and method (RFC 3261 19.1.1, table 1). */
export function asRequestUri(text: string): string {
  if (!text.includes('?') && !/;(?:method|[^;=]*%)/i.test(text)) return text;
  const uri = readUri(text);
  if (uri === undefined || uri.host === '') return text;
  return formatUri({ ...uri, params: withoutParams(uri.params, ['method']), headers: '' });
}

export function hasMaddr(uri: SipUri): boolean {
  return uri.params !== '' && uriParam(uri, 'maddr') !== undefined;
}

/** A SIP URI without maddr, and with the port and the transport that are so by default (RFC 3261 16.4). */
export function withoutMaddr(uri: SipUri): SipUri {
  return { ...uri, port: 0, params: withoutParams(uri.params, ['maddr', 'transport']) };
}

function withoutParams(params: string, names: readonly string[]): string {
  const kept = params.split(';').filter((part) => !names.includes(pair(part)[0]));
  return kept.join(';');
}

/** `user` without its %-escapes, each a byte (a latin1 character); what is no escape stays. */
export function unescapeUser(user: string): string {
  return user.includes('%') ? unescape(user, '') : user;
}

/** %-escapes undone, but for those of the characters in `kept`, which get their hex digits in upper case. */
function unescape(text: string, kept: string): string {
  let plain = '';
  for (let pos = 0; pos < text.length; pos++) {
    const hex = text.charCodeAt(pos) === PERCENT ? text.slice(pos + 1, pos + 3) : '';
    if (/^[0-9a-f]{2}$/i.test(hex)) {
      const char = String.fromCharCode(Number.parseInt(hex, 16));
      plain += kept.includes(char) ? `%${hex.toUpperCase()}` : char;
      pos += 2;
    } else {
      plain += text.charAt(pos);
    }
  }
  return plain;
}

/** RFC 3261 19.1.4: an escape equals its character, unless that is reserved (RFC 2396) or the percent sign itself. */
function comparable(text: string): string {
  return text.includes('%') ? unescape(text, ';/?:@&=+$,%') : text;
}

/** These must stand in both URIs or in none, with equal values; others that only one has are ignored. */
const SIGNIFICANT: readonly string[] = ['user', 'ttl', 'method', 'maddr', 'transport'];

/** Equality by RFC 3261 19.1.4: a port or transport left out does not equal its default. Not transitive. */
export function uriEquals(a: SipUri, b: SipUri): boolean {
  if (a.scheme !== b.scheme || a.host !== b.host || a.port !== b.port) return false;
  if (a.host === '') return opaque(a) === opaque(b);
  if (a.user !== b.user && comparable(a.user) !== comparable(b.user)) return false;
  if (a.password !== b.password && comparable(a.password) !== comparable(b.password)) return false;
  if (a.params !== b.params && !paramsEqual(paramMap(a.params), paramMap(b.params))) return false;
  return a.headers === b.headers || headerList(a.headers) === headerList(b.headers);
}

function paramsEqual(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  for (const [name, value] of a) {
    const other = b.get(name);
    if (other !== undefined && other !== value) return false;
  }
  return SIGNIFICANT.every((name) => a.has(name) === b.has(name));
}

function paramMap(params: string): ReadonlyMap<string, string> {
  const map = new Map<string, string>();
  for (const part of params.split(';')) {
    const [name, value] = pair(part);
    if (name !== '' && !map.has(name)) map.set(name, value.toLowerCase());
  }
  return map;
}

/** Headers are never ignored (19.1.4), but their order means nothing. */
function headerList(headers: string): string {
  return headers
    .slice(1)
    .split('&')
    .map((part) => pair(part).join('='))
    .toSorted()
    .join('&');
}

function pair(part: string): [name: string, value: string] {
  const equal = part.indexOf('=');
  const name = equal < 0 ? part : part.slice(0, equal);
  return [comparable(name).toLowerCase(), equal < 0 ? '' : comparable(part.slice(equal + 1))];
}

/**
 * RFC 3966 section 5: case means nothing, nor do visual separators in numbers, which an extension and a phone-context
 * that is no domain are too, nor the order of parameters.
 */
function opaque(uri: SipUri): string {
  if (uri.scheme !== 'tel') return uri.user;
  const [number = '', ...params] = uri.user.toLowerCase().split(';');
  if (params.length === 0) return digits(number);
  const plain = params.map((param) => param.replace(/(?<=^ext=|^phone-context=(?=\+)).*/, digits));
  return [digits(number), ...plain.toSorted()].join(';');
}

function digits(number: string): string {
  return number.replace(/[-.()]/g, '');
}

/**
 * A key for maps: URIs that are equal by uriEquals have the same key, but not every two with one key are equal (other
 * parameters, the password and headers are left out), so confirm a hit. Never throws: what is no URI is its own key.
 */
export function uriKey(text: string): string {
  const uri = readUri(text);
  return uri === undefined ? text : keyOf(uri);
}

/** As uriKey(), of what was read. */
export function keyOf(uri: SipUri): string {
  const key = placeOf(uri);
  if (uri.host === '' || uri.params === '') return key;
  const params = paramMap(uri.params);
  const transport = params.get('transport');
  const maddr = params.get('maddr');
  return `${key}${transport === undefined ? '' : `;t=${transport}`}${maddr === undefined ? '' : `;m=${maddr}`}`;
}

/** As uriKey(), without transport and maddr: what takes no list of parameters apart. */
export function uriPlace(text: string): string {
  const uri = readUri(text);
  return uri === undefined ? text : placeOf(uri);
}

function placeOf(uri: SipUri): string {
  if (uri.host === '') return `${uri.scheme}:${opaque(uri)}`;
  return `${uri.scheme}:${comparable(uri.user)}@${uri.host}:${uri.port}`;
}
