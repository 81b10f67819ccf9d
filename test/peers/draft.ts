import { randomBytes } from 'node:crypto';
import { Header } from '../../proxy/sip/header.ts';
import type { Message } from '../../proxy/sip/message.ts';
import { reasonPhrase } from '../../proxy/sip/response.ts';
import type { Remote } from './wire.ts';

/** A request before it is known where it goes: everything but Via, Content-Length. */
export interface RequestDraft {
  readonly method: string;
  readonly uri: string;
  /** Header lines without CRLF; From, To, Call-ID and CSeq among them. */
  readonly lines: readonly string[];
  readonly body?: string;
}

/** What a response carries beside the request's own headers. */
export interface Answer {
  readonly reason?: string;
  readonly toTag?: string;
  readonly lines?: readonly string[];
  readonly body?: string;
}

export function newTag(): string {
  return randomBytes(5).toString('hex');
}

export function newBranch(): string {
  return `z9hG4bK${randomBytes(8).toString('hex')}`;
}

export function newCallId(): string {
  return randomBytes(12).toString('hex');
}

/** The request as it goes out from `via` (`IP:PORT`) with this branch. */
export function renderRequest(draft: RequestDraft, transport: string, via: string, branch: string): string {
  const body = draft.body ?? '';
  return [
    `${draft.method} ${draft.uri} SIP/2.0`,
    `Via: SIP/2.0/${transport} ${via};rport;branch=${branch}`,
    'Max-Forwards: 70',
    ...draft.lines,
    `Content-Length: ${body.length}`,
    '',
    body,
  ].join('\r\n');
}

/** RFC 3261 8.2.6 and, for the topmost Via, RFC 3581 4. Record-Route is copied where a dialog may come of it (12.1.1). */
export function renderResponse(request: Message, from: Remote, status: number, answer: Answer): string {
  const vias = request.values(Header.Via).map((via, index) => `Via: ${index === 0 ? received(via, from) : via}`);
  const to = request.value(Header.To) ?? '';
  const tag = status === 100 || request.toTag !== '' ? '' : `;tag=${answer.toTag ?? newTag()}`;
  const inDialog = status > 100 && status < 300 && request.method !== 'REGISTER';
  const body = answer.body ?? '';
  return [
    `SIP/2.0 ${status} ${answer.reason ?? reasonPhrase(status)}`,
    ...vias,
    `From: ${request.value(Header.From) ?? ''}`,
    `To: ${to}${tag}`,
    `Call-ID: ${request.callId}`,
    `CSeq: ${request.cseq} ${request.method}`,
    ...(inDialog ? request.values(Header.RecordRoute).map((value) => `Record-Route: ${value}`) : []),
    ...(answer.lines ?? []),
    `Content-Length: ${body.length}`,
    '',
    body,
  ].join('\r\n');
}

function received(via: string, from: Remote): string {
  const filled = via.replace(/;rport(?![=\w])/i, `;rport=${from.port}`);
  return /;received=/i.test(filled) ? filled : `${filled};received=${from.address}`;
}
