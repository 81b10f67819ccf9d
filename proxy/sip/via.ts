import { defect } from './defects.ts';
import {
  COLON,
  COMMA,
  EQUAL,
  SEMICOLON,
  SLASH,
  decimal,
  equalsIgnoreCase,
  hostText,
  skipHost,
  skipLws,
  skipToken,
  unfold,
  unquote,
} from './grammar.ts';
import { skipParamValue } from './param.ts';

/** One Via value (RFC 3261 20.42, RFC 3581). */
export interface Via {
  /** 'SIP/2.0', or another protocol and version as the sender wrote them. */
  readonly protocol: string;
  /** Upper case: 'UDP', 'TCP', … or anything else the sender wrote. */
  readonly transport: string;
  /** Lower case; an IPv6 address has no brackets. */
  readonly host: string;
  /** 0 if absent. */
  readonly port: number;
  /** '' if absent. */
  readonly branch: string;
  /** An address without brackets; '' if absent. */
  readonly received: string;
  /** 0: present without a value, a request to fill it in. undefined: absent. */
  readonly rport: number | undefined;
  /** ';branch=…' as written, '' if there are none. */
  readonly params: string;
}

/** One Via value. Throws SipError 400. */
export function parseVia(value: string): Via {
  const via = viaAt(value, 0, value.length);
  if (via === undefined) throw defect('Bad Via');
  return via;
}

/** The first Via value of text[start, end), folds and all; undefined if it is malformed. */
export function viaAt(text: string, start: number, end: number): Via | undefined {
  // sent-protocol = protocol-name SLASH protocol-version SLASH transport, each slash with LWS around it
  const nameStart = skipLws(text, start, end);
  const nameEnd = skipToken(text, nameStart, end);
  let pos = skipLws(text, nameEnd, end);
  if (nameEnd === nameStart || pos >= end || text.charCodeAt(pos) !== SLASH) return undefined;
  const versionStart = skipLws(text, pos + 1, end);
  const versionEnd = skipToken(text, versionStart, end);
  pos = skipLws(text, versionEnd, end);
  if (versionEnd === versionStart || pos >= end || text.charCodeAt(pos) !== SLASH) return undefined;
  const transportStart = skipLws(text, pos + 1, end);
  const transportEnd = skipToken(text, transportStart, end);
  const hostStart = skipLws(text, transportEnd, end);
  if (hostStart === transportEnd) return undefined;

  const hostEnd = skipHost(text, hostStart, end);
  if (hostEnd < 0) return undefined;
  pos = skipLws(text, hostEnd, end);
  let port = 0;
  if (pos < end && text.charCodeAt(pos) === COLON) {
    const portStart = skipLws(text, pos + 1, end);
    const portEnd = skipToken(text, portStart, end);
    port = decimal(text, portStart, portEnd);
    if (port < 1 || port > 65535) return undefined;
    pos = skipLws(text, portEnd, end);
  }

  const paramsStart = pos;
  let branch = '';
  let received = '';
  let rport: number | undefined;
  while (pos < end && text.charCodeAt(pos) === SEMICOLON) {
    const from = skipLws(text, pos + 1, end);
    const to = skipToken(text, from, end);
    if (to === from) return undefined;
    pos = skipLws(text, to, end);
    let valueStart = pos;
    let valueEnd = pos;
    if (pos < end && text.charCodeAt(pos) === EQUAL) {
      valueStart = skipLws(text, pos + 1, end);
      valueEnd = skipParamValue(text, valueStart, end);
      if (valueEnd <= valueStart) return undefined;
      pos = skipLws(text, valueEnd, end);
    }
    if (equalsIgnoreCase(text, from, to, 'branch')) {
      // which of two counts is anyone's guess, and no parameter may stand twice (RFC 3261 7.3.1)
      if (branch !== '') return undefined;
      branch = unquote(text.slice(valueStart, valueEnd));
    } else if (equalsIgnoreCase(text, from, to, 'rport')) {
      rport = valueEnd === valueStart ? 0 : decimal(text, valueStart, valueEnd);
      if (rport < 0 || rport > 65535) return undefined;
    } else if (equalsIgnoreCase(text, from, to, 'received')) {
      // RFC 5118 4.5: IPv6 addresses are found here with brackets and without
      received = hostText(text, valueStart, valueEnd);
    }
  }
  if (pos < end && text.charCodeAt(pos) !== COMMA) return undefined;
  return {
    protocol: protocolText(text, nameStart, nameEnd, versionStart, versionEnd),
    transport: transportText(text, transportStart, transportEnd),
    host: hostText(text, hostStart, hostEnd),
    port,
    branch,
    received,
    rport,
    params: unfold(text, paramsStart, pos),
  };
}

function protocolText(text: string, name: number, nameEnd: number, version: number, versionEnd: number): string {
  if (versionEnd - name === 7 && text.startsWith('SIP/2.0', name)) return 'SIP/2.0';
  return `${text.slice(name, nameEnd)}/${text.slice(version, versionEnd)}`;
}

function transportText(text: string, start: number, end: number): string {
  if (end - start === 3) {
    if (text.startsWith('UDP', start)) return 'UDP';
    if (text.startsWith('TCP', start)) return 'TCP';
    if (text.startsWith('TLS', start)) return 'TLS';
  }
  return text.slice(start, end).toUpperCase();
}
