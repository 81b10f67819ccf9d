import { Header } from '../sip/header.ts';
import type { Message } from '../sip/message.ts';
import { parseVia, type Via } from '../sip/via.ts';
import type { Transport } from '../transport/hop.ts';

/** RFC 3261 8.1.1.7: the branch was made by rules that make it unique. */
const MAGIC_COOKIE = 'z9hG4bK';

export function hasMagicCookie(request: Message): boolean {
  const { branch } = request.via;
  // RFC 4475 3.2.1: the cookie alone is no unique branch
  return branch.length > MAGIC_COOKIE.length && branch.startsWith(MAGIC_COOKIE);
}

/**
 * The text by which a request finds its server transaction (RFC 3261 17.2.3). `method` is that of the transaction looked
 * for: INVITE for an ACK, and INVITE for the transaction that a CANCEL is about. Call-ID, CSeq number and the transport
 * that it came by are the same in all that belongs together, and keep those apart whose branches are not as unique as
 * they say.
 */
export function serverKey(request: Message, method: string, transport: Transport): string {
  if (!hasMagicCookie(request)) return legacyKey(request, method, transport, request.toTag);
  return viaKey(request, request.via, method, transport);
}

/** The same of the Via below the `count` topmost ones, which proxies of ours have put on it; undefined: there is none. */
export function serverKeyBelow(request: Message, method: string, count: number): string | undefined {
  const value = request.values(Header.Via)[count];
  if (value === undefined) return undefined;
  const via = parseVia(value);
  return viaKey(request, via, method, via.transport);
}

function viaKey(request: Message, { branch, host, port }: Via, method: string, transport: string): string {
  return `${branch}\n${transport} ${method} ${request.cseq}\n${request.callId}\n${host}:${port}`;
}

/**
 * The branch of the top Via of a message of which only the beginning is there, as ICMP quotes it; undefined: that does not
 * reach so far. It may be anybody's text.
 */
export function branchOfBeginning(text: string): string | undefined {
  return /\r\n(?:Via|v)[ \t]*:[^\r\n]{1,400}?;[ \t]*branch[ \t]*=[ \t]*([^\s;,]{1,200})[\s;,]/i.exec(text)?.[1];
}

/** A serverKey() without the sent-by, which is its last line: what the keys of one branch begin with. */
export function withoutSentBy(key: string): string {
  return key.slice(0, key.lastIndexOf('\n') + 1);
}

/**
 * The same without the magic cookie, from an element of RFC 2543. `toTag` is that of the transaction's request: an ACK
 * has the response's instead, or the same one within a dialog.
 */
export function legacyKey(request: Message, method: string, transport: Transport, toTag: string): string {
  const via = request.values(Header.Via)[0] ?? '';
  return [via, request.uri, toTag, request.fromTag, request.callId, request.cseq, method, transport].join('\n');
}
