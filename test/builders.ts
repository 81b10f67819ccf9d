import { randomInt } from 'node:crypto';
import { Header } from '../proxy/sip/header.ts';
import { type Message, parseMessage } from '../proxy/sip/message.ts';
import { reasonPhrase } from '../proxy/sip/response.ts';
import type { Listener } from '../proxy/transport/hop.ts';

/** A listener like any other. */
export const LISTENER: Listener = {
  transport: 'UDP',
  address: '127.0.0.1',
  port: 5060,
  side: 'Both',
  advertisedAddress: '127.0.0.1',
  advertisedPort: 5060,
};

/** What every request builder takes; everything has a default. */
export interface RequestOptions {
  /** Request-URI; by default the URI of `to`. */
  uri?: string;
  /** 'alice' becomes <sip:alice@example.com>; anything with ':' is taken as the whole value before the tag. */
  from?: string;
  fromTag?: string;
  /** As `from`. */
  to?: string;
  /** Absent by default, and given by default in BYE and ACK. */
  toTag?: string;
  callId?: string;
  cseq?: number;
  /** CSeq's method, where it is to differ. */
  cseqMethod?: string;
  branch?: string;
  /** sent-by of the made Via. */
  sentBy?: string;
  transport?: string;
  /** Whole Via values in place of the made one, topmost first. */
  via?: readonly string[];
  maxForwards?: number;
  /** The whole Contact value; none: 'none'. */
  contact?: string;
  /** Whole Route values, topmost first. */
  route?: readonly string[];
  /** More header lines, in order, without CRLF. */
  headers?: readonly string[];
  body?: string;
  contentType?: string;
}

export interface RegisterOptions extends RequestOptions {
  /** The Expires header, in seconds. */
  expires?: number;
  /** Whole Contact values, a line each, in place of the one made of `from`; [] makes a query. */
  contacts?: readonly string[];
}

export interface ResponseOptions {
  reason?: string;
  /** Added to To where the request has none and the status is not 100. */
  toTag?: string;
  contact?: string;
  headers?: readonly string[];
  body?: string;
  contentType?: string;
}

function unique(): string {
  return randomInt(2 ** 40).toString(36);
}

/** 'alice' -> '<sip:alice@example.com>'; a whole value stays. */
function address(who: string): string {
  return who.includes(':') ? who : `<sip:${who}@example.com>`;
}

function uriOf(value: string): string {
  const open = value.indexOf('<');
  return open < 0 ? (value.split(';')[0] ?? value) : value.slice(open + 1, value.indexOf('>', open));
}

function message(lines: readonly string[], body: string, contentType: string): string {
  const content = body === '' ? [] : [`Content-Type: ${contentType}`];
  return [...lines, ...content, `Content-Length: ${body.length}`, '', body].join('\r\n');
}

/** Any request: the others are this one with defaults that suit their method. */
export function request(method: string, given: RequestOptions = {}): string {
  const transport = given.transport ?? 'UDP';
  const sentBy = given.sentBy ?? '127.0.0.1:5060';
  const via = given.via ?? [`SIP/2.0/${transport} ${sentBy};branch=${given.branch ?? `z9hG4bK${unique()}`};rport`];
  const from = address(given.from ?? 'alice');
  const to = address(given.to ?? 'bob');
  const contact = given.contact ?? 'none';
  return message(
    [
      `${method} ${given.uri ?? uriOf(to)} SIP/2.0`,
      ...via.map((value) => `Via: ${value}`),
      `Max-Forwards: ${given.maxForwards ?? 70}`,
      ...(given.route ?? []).map((value) => `Route: ${value}`),
      `From: ${from};tag=${given.fromTag ?? `from-${unique()}`}`,
      `To: ${to}${given.toTag === undefined || given.toTag === '' ? '' : `;tag=${given.toTag}`}`,
      `Call-ID: ${given.callId ?? `${unique()}@127.0.0.1`}`,
      `CSeq: ${given.cseq ?? 1} ${given.cseqMethod ?? method}`,
      ...(contact === 'none' ? [] : [`Contact: ${contact}`]),
      ...(given.headers ?? []),
    ],
    given.body ?? '',
    given.contentType ?? 'application/sdp',
  );
}

const SDP = 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n';

/** alice calls bob, with a Contact and SDP. */
export function invite(given: RequestOptions = {}): string {
  const contact = `<sip:${userOf(given.from ?? 'alice')}@${given.sentBy ?? '127.0.0.1:5060'}>`;
  return request('INVITE', { contact, body: SDP, ...given });
}

/** alice registers one contact for an hour, from where her Via says. */
export function register(given: RegisterOptions = {}): string {
  const { expires = 3600, contacts, headers = [], ...rest } = given;
  const from = given.from ?? 'alice';
  const made = given.contact ?? `<sip:${userOf(from)}@${given.sentBy ?? '127.0.0.1:5060'}>`;
  const lines = (contacts ?? (made === 'none' ? [] : [made])).map((value) => `Contact: ${value}`);
  return request('REGISTER', {
    uri: 'sip:example.com',
    to: from,
    ...rest,
    contact: 'none',
    headers: [...lines, `Expires: ${expires}`, ...headers],
  });
}

/** A ping: Request-URI and To without a user. */
export function options(given: RequestOptions = {}): string {
  return request('OPTIONS', { uri: 'sip:example.com', to: '<sip:example.com>', ...given });
}

/** In a dialog: give callId, fromTag and toTag to fit its INVITE. */
export function bye(given: RequestOptions = {}): string {
  return request('BYE', { cseq: 2, toTag: 'to-1', ...given });
}

/** Of a 2xx unless `branch` is that of the INVITE: give callId, fromTag, toTag and cseq to fit it. */
export function ack(given: RequestOptions = {}): string {
  return request('ACK', { toTag: 'to-1', ...given });
}

/** Give branch, sentBy, callId, fromTag and cseq of the INVITE. */
export function cancel(given: RequestOptions = {}): string {
  return request('CANCEL', given);
}

/** What a user agent answers to a request (text or message): Vias, From, To, Call-ID, CSeq and Record-Route copied. */
export function respond(to: string | Message, status: number, given: ResponseOptions = {}): string {
  const asked = typeof to === 'string' ? parseMessage(to) : to;
  const lines = [`SIP/2.0 ${status} ${given.reason ?? reasonPhrase(status)}`];
  for (let i = 0; i < asked.fieldCount; i++) {
    const value = `${asked.fieldName(i)}: ${asked.fieldValue(i)}`;
    switch (asked.fieldId(i)) {
      case Header.To:
        lines.push(asked.toTag === '' && status > 100 ? `${value};tag=${given.toTag ?? 'to-1'}` : value);
        break;
      case Header.Via:
      case Header.From:
      case Header.CallId:
      case Header.CSeq:
        lines.push(value);
        break;
      case Header.RecordRoute:
        if (status > 100 && status < 300) lines.push(value);
        break;
      default:
    }
  }
  if (given.contact !== undefined) lines.push(`Contact: ${given.contact}`);
  lines.push(...(given.headers ?? []));
  return message(lines, given.body ?? '', given.contentType ?? 'application/sdp');
}

function userOf(who: string): string {
  return who.includes(':') ? (/sips?:([^@;>]+)@/.exec(who)?.[1] ?? 'alice') : who;
}
