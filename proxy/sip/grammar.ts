/** The lexical rules of RFC 3261 section 25.1 that every header field shares. Positions are offsets; `end` is exclusive. */

import { ipv6Text, isReference } from './ipv6.ts';

export const TAB = 9;
export const LF = 10;
export const CR = 13;
export const SPACE = 32;
export const QUOTE = 34;
export const PERCENT = 37;
export const PAREN_OPEN = 40;
const PAREN_CLOSE = 41;
export const COMMA = 44;
const DOT = 46;
export const SLASH = 47;
const ZERO = 48;
export const COLON = 58;
export const SEMICOLON = 59;
export const LESS = 60;
export const EQUAL = 61;
export const GREATER = 62;
export const QUESTION = 63;
const BRACKET_OPEN = 91;
const BACKSLASH = 92;
const BRACKET_CLOSE = 93;
export const DELETE = 127;

function charTable(chars: string): Uint8Array {
  const table = new Uint8Array(256);
  for (let i = 0; i < chars.length; i++) table[chars.charCodeAt(i)] = 1;
  return table;
}

const ALPHANUM = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const TOKEN = charTable(`${ALPHANUM}-.!%*_+\`'~`);
// Underscores are no part of RFC 3261's hostname, but names of machines and of Kubernetes test set-ups have them.
const HOST = charTable(`${ALPHANUM}-._`);
const SCHEME = charTable(`${ALPHANUM}+-.`);
const IPV6 = charTable('0123456789abcdefABCDEF:.');

export function isTokenChar(c: number): boolean {
  return TOKEN[c] === 1;
}

export function isDigit(c: number): boolean {
  return c >= 48 && c <= 57;
}

export function isWhitespace(c: number): boolean {
  return c <= SPACE && (c === SPACE || c === TAB || c === CR || c === LF);
}

/** The first offset at or after `pos` that is no LWS. Line ends count as LWS: the scan of the head admits only folds. */
export function skipLws(text: string, pos: number, end: number): number {
  while (pos < end && isWhitespace(text.charCodeAt(pos))) pos++;
  return pos;
}

/** The end of text[start, end) without the LWS at its end. */
export function trimEnd(text: string, start: number, end: number): number {
  while (end > start && isWhitespace(text.charCodeAt(end - 1))) end--;
  return end;
}

/** The offset after the token that starts at `pos`; `pos` itself if there is none. */
export function skipToken(text: string, pos: number, end: number): number {
  while (pos < end && TOKEN[text.charCodeAt(pos)] === 1) pos++;
  return pos;
}

/** The offset after the scheme of a URI that starts at `pos`: a letter and what may follow one; `pos` itself if there is none. */
export function skipScheme(text: string, pos: number, end: number): number {
  // The same letter in lower case
  const first = text.charCodeAt(pos) | 32;
  if (first < 97 || first > 122) return pos;
  while (pos < end && SCHEME[text.charCodeAt(pos)] === 1) pos++;
  return pos;
}

/** The offset after the quoted string that starts at `pos`, escapes respected; -1 if it is not closed. */
export function skipQuoted(text: string, pos: number, end: number): number {
  for (pos++; pos < end; pos++) {
    const c = text.charCodeAt(pos);
    if (c === QUOTE) return pos + 1;
    if (c === BACKSLASH) pos++;
  }
  return -1;
}

/** The offset after the comment that starts at `pos` (they nest); -1 if it is not closed. */
export function skipComment(text: string, pos: number, end: number): number {
  let depth = 0;
  for (; pos < end; pos++) {
    const c = text.charCodeAt(pos);
    if (c === PAREN_OPEN) depth++;
    else if (c === PAREN_CLOSE && --depth === 0) return pos + 1;
    else if (c === BACKSLASH) pos++;
  }
  return -1;
}

/** The offset after the host (name, IPv4 address or IPv6reference) that starts at `pos`; -1 if there is none. */
export function skipHost(text: string, pos: number, end: number): number {
  const start = pos;
  if (pos < end && text.charCodeAt(pos) === BRACKET_OPEN) {
    pos++;
    while (pos < end && IPV6[text.charCodeAt(pos)] === 1) pos++;
    if (pos >= end || text.charCodeAt(pos) !== BRACKET_CLOSE) return -1;
    return isReference(text.slice(start + 1, pos)) ? pos + 1 : -1;
  }
  while (pos < end && HOST[text.charCodeAt(pos)] === 1) pos++;
  return pos > start ? pos : -1;
}

/**
 * The host in text[start, end) in lower case: a name without a dot at its end, an IPv6 address in its one text and
 * without an IPv6reference's brackets.
 */
export function hostText(text: string, start: number, end: number): string {
  if (end > start + 1 && text.charCodeAt(end - 1) === DOT) end--;
  return text.charCodeAt(start) === BRACKET_OPEN
    ? ipv6Text(text.slice(start + 1, end - 1).toLowerCase())
    : text.slice(start, end).toLowerCase();
}

/** text[start, end) as a decimal number; -1 if it is empty or has anything but digits. Too long ones become Infinity. */
export function decimal(text: string, start: number, end: number): number {
  if (start >= end) return -1;
  let value = 0;
  for (let pos = start; pos < end; pos++) {
    const c = text.charCodeAt(pos);
    if (!isDigit(c)) return -1;
    value = value * 10 + (c - ZERO);
  }
  return value;
}

/** Whether text[start, end) is `lower`, a text in lower case, whatever its own case. */
export function equalsIgnoreCase(text: string, start: number, end: number, lower: string): boolean {
  if (end - start !== lower.length) return false;
  for (let i = 0; i < lower.length; i++) {
    let c = text.charCodeAt(start + i);
    if (c >= 65 && c <= 90) c |= 32;
    if (c !== lower.charCodeAt(i)) return false;
  }
  return true;
}

/** text[start, end) without the LWS around it, each fold in it one space (RFC 3261 7.3.1). */
export function unfold(text: string, start: number, end: number): string {
  const from = skipLws(text, start, end);
  const value = text.slice(from, trimEnd(text, from, end));
  if (!value.includes('\r')) return value;
  let unfolded = '';
  let kept = 0;
  for (let pos = value.indexOf('\r'); pos >= 0; pos = value.indexOf('\r', kept)) {
    unfolded += `${value.slice(kept, trimEnd(value, kept, pos))} `;
    kept = skipLws(value, pos, value.length);
  }
  return unfolded + value.slice(kept);
}

/** The text of a quoted string without its quotes and escapes; any other text as it is. */
export function unquote(text: string): string {
  if (text.length < 2 || text.charCodeAt(0) !== QUOTE || text.charCodeAt(text.length - 1) !== QUOTE) return text;
  const inner = text.slice(1, -1);
  if (!inner.includes('\\')) return inner;
  let plain = '';
  for (let pos = 0; pos < inner.length; pos++) {
    if (inner.charCodeAt(pos) === BACKSLASH) pos++;
    plain += inner.charAt(pos);
  }
  return plain;
}
