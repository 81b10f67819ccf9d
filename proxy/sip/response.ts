import { trimEnd } from './grammar.ts';
import { Header } from './header.ts';
import type { Message } from './message.ts';

/** Reason phrases of RFC 3261 21 and the extensions that the proxy speaks. */
const REASONS: Readonly<Record<number, string>> = {
  100: 'Trying',
  180: 'Ringing',
  181: 'Call Is Being Forwarded',
  182: 'Queued',
  183: 'Session Progress',
  199: 'Early Dialog Terminated',
  200: 'OK',
  202: 'Accepted',
  204: 'No Notification',
  300: 'Multiple Choices',
  301: 'Moved Permanently',
  302: 'Moved Temporarily',
  305: 'Use Proxy',
  380: 'Alternative Service',
  400: 'Bad Request',
  401: 'Unauthorized',
  402: 'Payment Required',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  407: 'Proxy Authentication Required',
  408: 'Request Timeout',
  410: 'Gone',
  412: 'Conditional Request Failed',
  413: 'Request Entity Too Large',
  414: 'Request-URI Too Long',
  415: 'Unsupported Media Type',
  416: 'Unsupported URI Scheme',
  420: 'Bad Extension',
  421: 'Extension Required',
  422: 'Session Interval Too Small',
  423: 'Interval Too Brief',
  430: 'Flow Failed',
  439: 'First Hop Lacks Outbound Support',
  440: 'Max-Breadth Exceeded',
  480: 'Temporarily Unavailable',
  481: 'Call/Transaction Does Not Exist',
  482: 'Loop Detected',
  483: 'Too Many Hops',
  484: 'Address Incomplete',
  485: 'Ambiguous',
  486: 'Busy Here',
  487: 'Request Terminated',
  488: 'Not Acceptable Here',
  489: 'Bad Event',
  491: 'Request Pending',
  493: 'Undecipherable',
  500: 'Server Internal Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Server Time-out',
  505: 'Version Not Supported',
  513: 'Message Too Large',
  600: 'Busy Everywhere',
  603: 'Decline',
  604: 'Does Not Exist Anywhere',
  606: 'Not Acceptable',
};

const CLASSES: readonly string[] = ['', 'Progress', 'OK', 'Redirection', 'Client Error', 'Server Error', 'Failure'];

/** The usual phrase of a status; that of its class for one without. */
export function reasonPhrase(status: number): string {
  return REASONS[status] ?? CLASSES[Math.floor(status / 100)] ?? '';
}

/**
 * A response of our own to `request` (RFC 3261 8.2.6): its Vias, From, To, Call-ID and CSeq as they came (those it has:
 * a faulty request may lack some), Timestamp in a 100, then `lines` (header lines without CRLF), and no body. To gets
 * `toTag`, or one made of the request so that every retransmission gets the same (8.2.7), unless it has a tag or the
 * status is 100.
 */
export function response(
  request: Message,
  status: number,
  reason: string,
  lines: readonly string[] = [],
  toTag?: string,
): string {
  const { text } = request;
  let answer = `SIP/2.0 ${status} ${reason}\r\n`;
  for (let i = 0; i < request.fieldCount; i++) {
    const id = request.fieldId(i);
    switch (id) {
      case Header.Via:
        answer += text.slice(request.fieldStart(i), request.fieldEnd(i));
        break;
      case Header.To:
        // Of a faulty request's two Call-IDs the answer has the first: with both it would be a fault itself.
        if (request.find(id) !== i) break;
        if (status > 100 && request.toTag === '') {
          const start = request.fieldStart(i);
          const to = text.slice(start, trimEnd(text, start, request.fieldEnd(i)));
          // what is wrong with a To may be its tag: a second one would be another fault
          if (request.fault !== '' && /;\s*tag\s*(?:[=;]|$)/i.test(to)) {
            answer += `${to}\r\n`;
            break;
          }
          answer += `${to};tag=${toTag ?? statelessTag(request)}\r\n`;
          break;
        }
        answer += text.slice(request.fieldStart(i), request.fieldEnd(i));
        break;
      case Header.From:
      case Header.CallId:
      case Header.CSeq:
        if (request.find(id) === i) answer += text.slice(request.fieldStart(i), request.fieldEnd(i));
        break;
      case Header.Timestamp:
        if (status === 100 && request.find(id) === i) answer += text.slice(request.fieldStart(i), request.fieldEnd(i));
        break;
      default:
    }
  }
  for (const line of lines) answer += `${line}\r\n`;
  return `${answer}Content-Length: 0\r\n\r\n`;
}

/** 64 bits of the call, and 32 of the branch: what was forked before us comes as several transactions (RFC 3261 19.3). */
const TAG_LENGTH = { call: 14, branch: 7 };

function statelessTag(request: Message): string {
  return callTag(request) + text36(fnv1a(request.via.branch, 0x811c9dc5), TAG_LENGTH.branch);
}

/**
 * Whether `ack` is for a refusal whose To tag response() made, of a request that left nothing else behind: it goes no
 * further (RFC 3261 8.2.7). Not every ACK of a refusal has the branch that its INVITE had.
 */
export function isOfRefusal(ack: Message): boolean {
  const { toTag } = ack;
  return toTag.length === TAG_LENGTH.call + TAG_LENGTH.branch && toTag.startsWith(callTag(ack));
}

/** By FNV-1a from two starts. */
function callTag({ callId, fromTag, cseq }: Message): string {
  const seed = `${callId} ${fromTag} ${cseq}`;
  const half = TAG_LENGTH.call / 2;
  return text36(fnv1a(seed, 0x811c9dc5), half) + text36(fnv1a(seed, 0x01234567), half);
}

function fnv1a(text: string, start: number): number {
  let hash = start;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

function text36(value: number, length: number): string {
  return value.toString(36).padStart(length, '0');
}
