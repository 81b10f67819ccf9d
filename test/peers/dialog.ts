import { Header } from '../../proxy/sip/header.ts';
import type { Message } from '../../proxy/sip/message.ts';
import { parseNameAddr } from '../../proxy/sip/name-addr.ts';
import { newCallId, newTag, type RequestDraft } from './draft.ts';

/** RFC 3261 12: plain data, so that a server can hand it to its backup. */
export interface Dialog {
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string;
  /** From and To values with their tags, as this side's requests write them. */
  readonly local: string;
  readonly remote: string;
  /** Request-URI of this side's requests. */
  readonly target: string;
  /** Route values, in the order they are written. */
  readonly routes: readonly string[];
  /** CSeq of the last request of this side and of the other one. */
  readonly localCseq: number;
  readonly remoteCseq: number;
}

/** RFC 3261 12.1.1: the dialog a received INVITE makes; `localTag` goes into our responses. */
export function dialogOfRequest(request: Message, localTag: string): Dialog {
  return {
    callId: request.callId,
    localTag,
    remoteTag: request.fromTag,
    local: `${request.value(Header.To) ?? ''};tag=${localTag}`,
    remote: request.value(Header.From) ?? '',
    target: contactOf(request) ?? '',
    routes: request.values(Header.RecordRoute),
    localCseq: 0,
    remoteCseq: request.cseq,
  };
}

/** RFC 3261 12.1.2: the dialog a response to our INVITE makes. */
export function dialogOfResponse(invite: RequestDraft, response: Message): Dialog {
  return {
    callId: response.callId,
    localTag: response.fromTag,
    remoteTag: response.toTag,
    local: response.value(Header.From) ?? '',
    remote: response.value(Header.To) ?? '',
    target: contactOf(response) ?? invite.uri,
    routes: response.values(Header.RecordRoute).toReversed(),
    localCseq: response.cseq,
    remoteCseq: 0,
  };
}

/** RFC 3261 12.2.1.1 and 12.2.2: after a target refresh by the other side. */
export function refreshed(dialog: Dialog, message: Message): Dialog {
  const target = contactOf(message) ?? dialog.target;
  return { ...dialog, target, remoteCseq: message.isRequest ? message.cseq : dialog.remoteCseq };
}

export function next(dialog: Dialog): Dialog {
  return { ...dialog, localCseq: dialog.localCseq + 1 };
}

/** A request within the dialog, with its present local CSeq. */
export function inDialog(dialog: Dialog, method: string, lines: readonly string[] = [], body = ''): RequestDraft {
  return {
    method,
    uri: dialog.target,
    lines: [
      ...dialog.routes.map((route) => `Route: ${route}`),
      `From: ${dialog.local}`,
      `To: ${dialog.remote}`,
      `Call-ID: ${dialog.callId}`,
      `CSeq: ${dialog.localCseq} ${method}`,
      ...lines,
    ],
    body,
  };
}

/** The ACK for a 2xx to the dialog's INVITE numbered `cseq` (RFC 3261 13.2.2.4). */
export function ackOf(dialog: Dialog, cseq: number, lines: readonly string[] = [], body = ''): RequestDraft {
  return inDialog({ ...dialog, localCseq: cseq }, 'ACK', lines, body);
}

/** A request that begins something: From with a new tag, a new Call-ID, CSeq 1. */
export function outOfDialog(
  method: string,
  uri: string,
  from: string,
  to: string,
  lines: readonly string[] = [],
  body = '',
): RequestDraft {
  return {
    method,
    uri,
    lines: [`From: ${from};tag=${newTag()}`, `To: ${to}`, `Call-ID: ${newCallId()}`, `CSeq: 1 ${method}`, ...lines],
    body,
  };
}

/** Where the dialog's requests go first: its topmost Route, else its target. */
export function nextHopOf(dialog: Dialog): string {
  const [route] = dialog.routes;
  return route === undefined ? dialog.target : parseNameAddr(route).uri;
}

function contactOf(message: Message): string | undefined {
  const [contact] = message.values(Header.Contact);
  return contact === undefined ? undefined : parseNameAddr(contact).uri;
}
