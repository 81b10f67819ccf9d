import { Edit } from '../sip/edit.ts';
import { EQUAL, QUOTE, SEMICOLON, skipLws, skipQuoted, skipToken, unfold } from '../sip/grammar.ts';
import { Header } from '../sip/header.ts';
import { valueEnd } from '../sip/list.ts';
import { Message, RELAXED_LIMITS } from '../sip/message.ts';
import { skipParamValue } from '../sip/param.ts';
import { parseVia, type Via } from '../sip/via.ts';
import type { Hop, Transport } from '../transport/hop.ts';

/**
 * RFC 3261 18.2.1 and RFC 3581: the top Via says where the request truly came from, so that copies and answers carry
 * it. A request whose Via is right already stays as it is. What a sender says of its own `received` counts for nothing.
 * Never throws: what is wrong with it stays wrong.
 * @param forced whether the port is told as well to who did not ask for it: a phone behind NAT is reached at no other
 */
export function withTrueSource(message: Message, from: Hop, forced: boolean): Message {
  const { via } = message;
  const told = via.rport !== undefined || (forced && from.port !== portOf(via));
  if (!told && via.host === from.address && via.received === '') return message;
  const index = message.find(Header.Via);
  const { text } = message;
  const start = message.valueStart(index);
  // without its CRLF
  const fieldEnd = message.fieldEnd(index) - 2;
  const end = valueEnd(text, start, fieldEnd);
  let first = without(without(unfold(text, start, end), 'received'), 'rport');
  if (told) first += `;rport=${from.port}`;
  if (told || via.host !== from.address) first += `;received=${from.address}`;
  return new Message(new Edit(message).replaceFirst(index, first, end).render(), RELAXED_LIMITS);
}

/** RFC 3261 18.2.2, RFC 3581 4: the port at which the sender of a datagram wants its responses. */
export function answerPort(via: Via, from: Hop): number {
  return via.rport === undefined ? portOf(via) : from.port;
}

function portOf(via: Via): number {
  if (via.port !== 0) return via.port;
  return via.transport === 'TLS' ? 5061 : 5060;
}

/** A Via value without the parameters of this name. */
function without(value: string, name: string): string {
  let kept = '';
  let from = 0;
  for (let pos = 0; pos < value.length;) {
    const c = value.charCodeAt(pos);
    if (c === QUOTE) {
      const end = skipQuoted(value, pos, value.length);
      pos = end < 0 ? value.length : end;
    } else if (c === SEMICOLON) {
      const nameStart = skipLws(value, pos + 1, value.length);
      const nameEnd = skipToken(value, nameStart, value.length);
      let end = skipLws(value, nameEnd, value.length);
      if (value.charCodeAt(end) === EQUAL) {
        const valueStart = skipLws(value, end + 1, value.length);
        end = skipParamValue(value, valueStart, value.length);
      } else end = nameEnd;
      if (end < 0) end = value.length;
      if (value.slice(nameStart, nameEnd).toLowerCase() === name) {
        kept += value.slice(from, pos);
        from = end;
      }
      pos = Math.max(end, pos + 1);
    } else pos++;
  }
  return kept + value.slice(from);
}

/** What says whose call it is, and what others may take for that. */
const ASSERTED = [Header.PAssertedIdentity, Header.Unreadable] as const;

export function hasAsserted(response: Message): boolean {
  return response.has(Header.PAssertedIdentity) || response.has(Header.Unreadable);
}

/** RFC 3325 5: what is said of whose call it is counts only between those who trust one another, in responses too. */
export function withoutAsserted(response: Message): Message {
  const edit = new Edit(response);
  for (const id of ASSERTED) for (let i = response.find(id); i >= 0; i = response.find(id, i + 1)) edit.remove(i);
  return new Message(edit.render(), RELAXED_LIMITS);
}

/** A Via follows the topmost one, which is ours in a response. */
export function hasViaBelow(response: Message): boolean {
  return response.find(Header.Via, response.find(Header.Via) + 1) >= 0 || response.values(Header.Via).length > 1;
}

/** Where a response goes once our Via is off: the next Via's received and rport, else its sent-by (RFC 3261 18.2.2). */
export function nextVia(response: Message): { transport: Transport; address: string; port: number } | undefined {
  const values = response.values(Header.Via);
  const value = values[1];
  if (value === undefined) return undefined;
  const via = parseVia(value);
  const { transport } = via;
  if (transport !== 'UDP' && transport !== 'TCP' && transport !== 'TLS' && transport !== 'WS' && transport !== 'WSS')
    return undefined;
  const port = via.rport !== undefined && via.rport > 0 ? via.rport : portOf(via);
  const address = via.received === '' ? via.host : via.received;
  return { transport, address, port };
}
