import type { Defect } from './defects.ts';
import { CR, LF, SPACE, TAB, decimal, isDigit, skipToken } from './grammar.ts';
import { readUri, uriParam, type SipUri } from './uri.ts';

/** Request-Line or Status-Line (RFC 3261 7.1, 7.2), as far as it could be read. */
export interface StartLine {
  readonly isRequest: boolean;
  /** '' for a response. */
  readonly method: string;
  /** The Request-URI as written; '' for a response. */
  readonly uri: string;
  /** The same, read; undefined for a response and for one that is no URI. */
  readonly target: SipUri | undefined;
  /** 0 for a request. */
  readonly status: number;
  readonly reason: string;
  /** '' if there is nothing wrong. */
  readonly fault: Defect | '';
}

const VERSION = 'SIP/2.0';

/** The start line text[0, end), whose Request-URI may have `maxUri` characters. Never throws. */
export function readStartLine(text: string, end: number, maxUri: number): StartLine {
  const methodEnd = skipToken(text, 0, end);
  if (methodEnd > 0 && methodEnd < end) {
    const after = text.charCodeAt(methodEnd);
    if (after === SPACE || after === TAB) return requestLine(text, methodEnd, end, maxUri);
  }
  return statusLine(text, end);
}

// RFC 3261 7.1: single spaces, no LWS anywhere else. RFC 4475 3.1.2.8 to 10 lets an element repair others; we don't,
// since the line goes on as it came and whoever reads it next may repair it to another URI.
function requestLine(text: string, methodEnd: number, end: number, maxUri: number): StartLine {
  const method = methodText(text, 0, methodEnd);
  const uriEnd = text.lastIndexOf(' ', end - 1);
  const uri = uriEnd > methodEnd ? text.slice(methodEnd + 1, uriEnd) : '';
  const target = uri.length > maxUri ? undefined : readUri(uri);
  let fault: Defect | '' = '';
  if (uriEnd <= methodEnd || text.charCodeAt(methodEnd) !== SPACE || !isVersion(text, uriEnd + 1, end))
    fault = 'Bad Request-Line';
  else if (!isOurVersion(text, uriEnd + 1, end)) fault = 'Version Not Supported';
  else if (uri.length > maxUri) fault = 'Request-URI Too Long';
  else if (target === undefined || !isRequestUri(target)) fault = 'Bad Request-URI';
  return { isRequest: true, method, uri, target, status: 0, reason: '', fault };
}

/** RFC 3261 19.1.1: neither header fields nor a method have a place there: with them a link would write a request. */
function isRequestUri(target: SipUri): boolean {
  return target.headers === '' && (target.params === '' || uriParam(target, 'method') === undefined);
}

function statusLine(text: string, end: number): StartLine {
  // SIP/2.0 SP 3DIGIT SP Reason-Phrase; the last space is missed where the phrase is empty.
  const codeEnd = VERSION.length + 4;
  const status =
    isOurVersion(text, 0, VERSION.length) && text.charCodeAt(VERSION.length) === SPACE && codeEnd <= end
      ? decimal(text, VERSION.length + 1, codeEnd)
      : -1;
  const good =
    status >= 100 &&
    status <= 699 &&
    (codeEnd === end || text.charCodeAt(codeEnd) === SPACE) &&
    !hasLineEnd(text, codeEnd, end);
  return {
    isRequest: false,
    method: '',
    uri: '',
    target: undefined,
    status: good ? status : 0,
    reason: good ? text.slice(codeEnd + 1, end) : '',
    fault: good ? '' : 'Bad Start Line',
  };
}

/** A lone CR or LF, which the next element may take for the end of the line. */
function hasLineEnd(text: string, pos: number, end: number): boolean {
  for (; pos < end; pos++) {
    const c = text.charCodeAt(pos);
    if (c === CR || c === LF) return true;
  }
  return false;
}

/** SIP-Version in any case (RFC 3261 7.1). */
function isOurVersion(text: string, start: number, end: number): boolean {
  if (end - start !== VERSION.length) return false;
  return text.startsWith(VERSION, start) || text.slice(start, end).toUpperCase() === VERSION;
}

function isVersion(text: string, start: number, end: number): boolean {
  return text.slice(start, start + 4).toUpperCase() === 'SIP/' && isDigit(text.charCodeAt(end - 1));
}

/** The method text[start, end): the usual ones as one and the same string, so that comparing them compares addresses. */
export function methodText(text: string, start: number, end: number): string {
  switch (end - start) {
    case 3:
      if (text.startsWith('ACK', start)) return 'ACK';
      if (text.startsWith('BYE', start)) return 'BYE';
      break;
    case 6:
      if (text.startsWith('INVITE', start)) return 'INVITE';
      if (text.startsWith('CANCEL', start)) return 'CANCEL';
      if (text.startsWith('NOTIFY', start)) return 'NOTIFY';
      break;
    case 7:
      if (text.startsWith('OPTIONS', start)) return 'OPTIONS';
      break;
    case 8:
      if (text.startsWith('REGISTER', start)) return 'REGISTER';
      break;
    default:
  }
  return text.slice(start, end);
}
