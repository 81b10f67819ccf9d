import { Edit } from '../../proxy/sip/edit.ts';
import { Header, type HeaderId } from '../../proxy/sip/header.ts';
import { DEFAULT_LIMITS, type Message, parseMessage } from '../../proxy/sip/message.ts';
import { parseNameAddr } from '../../proxy/sip/name-addr.ts';
import { SipError } from '../../proxy/sip/sip-error.ts';
import { KEEPALIVE, StreamFramer } from '../../proxy/sip/stream.ts';
import { formatUri, readUri, uriEquals, uriKey } from '../../proxy/sip/uri.ts';
import { parseVia } from '../../proxy/sip/via.ts';
import type { Random } from '../simulation/random.ts';
import { Violation } from './violation.ts';

const IDS = Object.values(Header);

/** The rules of reading one message: refused with a SIP status or read, to the last field, and unchanged if unchanged. */
export function readWhole(text: string): void {
  const message = refusedOr('a message', () => parseMessage(text));
  if (message === undefined) return;
  if (new Edit(message).render() !== message.text) {
    throw new Violation('an edit without changes changes nothing', message.text);
  }
  const again = refusedOr('a message read before', () => parseMessage(message.text));
  if (again === undefined || again.callId !== message.callId || again.fieldCount !== message.fieldCount) {
    throw new Violation('what was read is read the same again', message.text);
  }
  for (const id of IDS) readValues(message, id);
}

function readValues(message: Message, id: HeaderId): void {
  for (const value of message.values(id)) {
    if (id === Header.Via) refusedOr('a Via', () => parseVia(value));
    const uri = refusedOr('a name-addr', () => parseNameAddr(value))?.uri;
    const read = uri === undefined ? undefined : readUri(uri);
    if (uri === undefined || read === undefined) continue;
    const same = readUri(formatUri(read));
    if (same === undefined || !uriEquals(read, same) || uriKey(uri) !== uriKey(formatUri(read))) {
      throw new Violation('a URI written is the URI read', `${uri} became ${formatUri(read)}`);
    }
  }
}

/**
 * The rules of a stream: cut at other places it gives the same messages, and each is one that the parser takes as a
 * whole; no more than one message is ever held.
 */
export function readStream(texts: readonly string[], random: Random): void {
  const stream = texts.join('');
  const whole = framed([stream]);
  const pieces: string[] = [];
  for (let at = 0; at < stream.length;) {
    const size = random.chance(0.3) ? 1 : random.int(1, 400);
    pieces.push(stream.slice(at, at + size));
    at += size;
  }
  const cut = framed(pieces);
  if (whole.join('\0') !== cut.join('\0')) {
    throw new Violation('a stream gives the same however it is cut', `${stream}\n--- whole:\n${whole.join('\n---\n')}`);
  }
}

/** Messages, and how it ended: 'open', or the refusal. */
function framed(pieces: readonly string[]): readonly string[] {
  const framer = new StreamFramer();
  const messages: string[] = [];
  for (const piece of pieces) {
    framer.push(piece);
    try {
      for (let next = framer.next(); next !== undefined; next = framer.next()) {
        messages.push(next);
        if (next.length > DEFAULT_LIMITS.maxBytes) throw new Violation('a message above the limit is refused', next);
        if (next !== KEEPALIVE) refusedOr('a framed message', () => parseMessage(next));
      }
    } catch (error) {
      if (!(error instanceof SipError)) throw error;
      return [...messages, `${error.status} ${error.reason}`];
    }
  }
  return [...messages, 'open'];
}

/** What is read, or undefined if it is refused with a status of SIP. */
function refusedOr<T>(what: string, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof SipError && error.status >= 400 && error.status < 700) return undefined;
    throw new Violation(
      'reading throws SipError only',
      `${what}: ${error instanceof Error ? error.stack : String(error)}`,
    );
  }
}
