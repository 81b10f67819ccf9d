import { Header } from './header.ts';
import { valueEnd } from './list.ts';
import type { Message } from './message.ts';

/**
 * The ACK for a final response other than 2xx (RFC 3261 17.1.1.3): hop by hop, to where `sentInvite` (exactly as it was
 * sent) went, with its branch and its Route; To is the response's.
 */
export function ackFor(sentInvite: Message, response: Message): string {
  return followUp(sentInvite, 'ACK', response, []);
}

/**
 * A request that goes where `invite` went and belongs to its transaction: its Request-URI, topmost Via, Route, From,
 * Call-ID and CSeq number, To of `toOf`, and nothing of what asks for something (Require, Proxy-Require: 9.1).
 */
export function followUp(invite: Message, method: string, toOf: Message, lines: readonly string[]): string {
  const via = invite.find(Header.Via);
  const viaStart = invite.valueStart(via);
  // Only the topmost Via: the next hop answers to us.
  const viaText = invite.text.slice(viaStart, valueEnd(invite.text, viaStart, invite.fieldEnd(via))).trim();
  let text = `${method} ${invite.uri} SIP/2.0\r\nVia: ${viaText}\r\nMax-Forwards: 70\r\n`;
  for (let i = invite.find(Header.Route); i >= 0; i = invite.find(Header.Route, i + 1)) text += field(invite, i);
  text += field(invite, invite.find(Header.From));
  text += field(toOf, toOf.find(Header.To));
  text += field(invite, invite.find(Header.CallId));
  text += `CSeq: ${invite.cseq} ${method}\r\n`;
  for (const line of lines) text += `${line}\r\n`;
  return `${text}Content-Length: 0\r\n\r\n`;
}

/** A whole field as it came, with its CRLF. */
function field(message: Message, i: number): string {
  return message.text.slice(message.fieldStart(i), message.fieldEnd(i));
}
