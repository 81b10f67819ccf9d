import { Edit } from '../sip/edit.ts';
import { Header } from '../sip/header.ts';
import { parseMessage, type Message } from '../sip/message.ts';
import { parseVia } from '../sip/via.ts';
import type { Hop, Transport } from '../transport/hop.ts';

/**
 * RFC 3261 18.2.1 and RFC 3581: the top Via says where the request truly came from, so that copies and answers carry
 * it. A request whose Via is right already stays as it is.
 */
export function withTrueSource(message: Message, from: Hop): Message {
  const { via } = message;
  if (via.rport === undefined && via.host === from.address) return message;
  const index = message.find(Header.Via);
  const value = message.fieldValue(index);
  const end = endOfFirst(value);
  let first = value.slice(0, end);
  if (via.rport !== undefined) first = first.replace(/;\s*rport\s*(=[^;,]*)?/i, `;rport=${from.port}`);
  if (via.received !== '') first = first.replace(/;\s*received\s*=[^;,]*/i, '');
  first += `;received=${from.address}`;
  return parseMessage(new Edit(message).replace(index, first + value.slice(end)).render());
}

/** Where the first of several Via values on one line ends: SIPp and others fold them with commas. */
function endOfFirst(value: string): number {
  const comma = value.indexOf(',');
  if (comma < 0) return value.length;
  return value.slice(0, comma).trimEnd().length;
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
  const port = via.rport !== undefined && via.rport > 0 ? via.rport : via.port;
  const address = via.received === '' ? via.host : via.received;
  return { transport, address, port: port === 0 ? (transport === 'TLS' ? 5061 : 5060) : port };
}
