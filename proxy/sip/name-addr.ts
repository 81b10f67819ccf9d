import { defect } from './defects.ts';
import {
  COLON,
  COMMA,
  GREATER,
  LESS,
  QUESTION,
  QUOTE,
  SEMICOLON,
  SPACE,
  skipLws,
  skipQuoted,
  skipScheme,
  trimEnd,
  unfold,
  unquote,
} from './grammar.ts';
import { paramAt } from './param.ts';

/** A value of From, To, Contact, Route, Record-Route or Path (RFC 3261 20.10). */
export interface NameAddr {
  /** Unquoted; '' if none. */
  readonly display: string;
  /** Without angle brackets; '' for a wildcard. */
  readonly uri: string;
  /** The header parameters, ';a=b' as written; '' if none. */
  readonly params: string;
  /** Contact: * */
  readonly wildcard: boolean;
}

/** One value of a header field of addresses. Throws SipError 400. */
export function parseNameAddr(value: string): NameAddr {
  const end = trimEnd(value, 0, value.length);
  const start = skipLws(value, 0, end);
  if (value.charCodeAt(start) === 42 && end === start + 1) return { display: '', uri: '', params: '', wildcard: true };
  const after = addressEnd(value, start, end);
  if (after < 0) throw defect('Bad Address');
  const params = unfold(value, after, end);
  if (value.charCodeAt(after - 1) !== GREATER) {
    return { display: '', uri: value.slice(start, after), params, wildcard: false };
  }
  let open = start;
  if (value.charCodeAt(start) === QUOTE) open = skipQuoted(value, start, end);
  open = value.indexOf('<', open);
  const display = unquote(unfold(value, start, open));
  return { display, uri: unfold(value, open + 1, after - 1), params, wildcard: false };
}

/**
 * The offset just after the address (name-addr or addr-spec) at text[start, end), where its header parameters begin;
 * -1 if it is malformed: an open quote or bracket, no scheme before a colon, or something else than parameters after it.
 */
export function addressEnd(text: string, start: number, end: number): number {
  let pos = skipLws(text, start, end);
  const from = pos;
  if (pos < end && text.charCodeAt(pos) === QUOTE) {
    pos = skipQuoted(text, pos, end);
    if (pos < 0) return -1;
    pos = skipLws(text, pos, end);
    if (pos >= end || text.charCodeAt(pos) !== LESS) return -1;
  }
  let colon = false;
  for (; pos < end; pos++) {
    const c = text.charCodeAt(pos);
    if (c === LESS) {
      const close = text.indexOf('>', pos);
      if (close < 0 || close >= end || !hasScheme(text, pos + 1, close)) return -1;
      // RFC 4475 3.1.2.14: who takes the spaces for part of the URI and who does not would answer different requests
      if (!isUnbroken(text, pos + 1, close)) return -1;
      return endsAddress(text, close + 1, end) ? close + 1 : -1;
    }
    if (c === COLON) colon = true;
    else if (c === SEMICOLON) break;
    // 20.10: an address with a comma, a question mark or a semicolon in its URI must stand in angle brackets.
    // In an unquoted display name they are a fault that only looks bad (RFC 4475 3.1.2.15): callers have names.
    else if (c === QUOTE || c === GREATER || ((c === COMMA || c === QUESTION) && colon)) return -1;
  }
  const after = trimEnd(text, from, pos);
  if (!hasScheme(text, from, after)) return -1;
  return isUnbroken(text, from, after) ? after : -1;
}

/** No white space, control character or second bracket. */
function isUnbroken(text: string, pos: number, end: number): boolean {
  for (; pos < end; pos++) {
    const c = text.charCodeAt(pos);
    if (c <= SPACE || c === LESS) return false;
  }
  return true;
}

/** text[pos, end) begins with a scheme and its colon (RFC 3261 25.1), as every URI does. */
function hasScheme(text: string, pos: number, end: number): boolean {
  const after = skipScheme(text, pos, end);
  return after > pos && after < end && text.charCodeAt(after) === COLON;
}

function endsAddress(text: string, pos: number, end: number): boolean {
  pos = skipLws(text, pos, end);
  return pos >= end || text.charCodeAt(pos) === SEMICOLON;
}

/**
 * A parameter of the list `;a=b;c` (as NameAddr and Via give it), by its name in any case: without quotes, '' for one
 * without a value, undefined if there is none. The first one counts.
 */
export function param(params: string, name: string): string | undefined {
  return paramAt(params, 0, params.length, name.toLowerCase());
}
