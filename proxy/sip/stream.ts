import { defect, type Defect } from './defects.ts';
import { COLON, CR, SPACE, TAB, decimal, skipLws, skipToken, trimEnd } from './grammar.ts';
import { Header, headerIdAt } from './header.ts';
import { DEFAULT_LIMITS, Message } from './message.ts';
import type { ParseLimits } from './message.ts';
import type { SipError } from './sip-error.ts';

/** What StreamFramer.next() returns for the keep-alive ping of RFC 5626 4.4.1; its answer is one CRLF. */
export const KEEPALIVE = '\r\n\r\n';

const EMPTY_LINE = '\r\n\r\n';

/**
 * Cuts a stream into messages by Content-Length (RFC 3261 18.3). After each push take messages out with next() until it
 * returns undefined. Every byte is looked at a fixed number of times, however small the chunks are, and no more than
 * one message of `limits.maxBytes` is held, besides the last chunk.
 *
 * next() throws a SipError where the rest of the stream can't be cut: 513 for a message above the limit, 400 for one
 * without a good Content-Length, with too many header fields, or whose lines end with LF alone. Answer it if it is answerable, and close the connection: every further call throws it.
 *
 * A single CRLF between messages (the answer to a ping, or a habit) is skipped: that bytes came is sign enough of life.
 */
export class StreamFramer {
  private readonly limits: ParseLimits;
  /** What has come and is not yet taken; the first `searched` of the pieces hold no empty line. */
  private pieces: string[] = [];
  private length = 0;
  private searched = 0;
  private searchedLength = 0;
  /** The last characters searched, at most three: the empty line may lie across chunks. */
  private tail = '';
  /** Header fields that were begun in what was searched. */
  private fields = 0;
  /** Whether the start line ends with LF alone, once it has ended. */
  private lfAlone: boolean | undefined;
  private state: 'Between' | 'Head' | 'Body' = 'Between';
  /** In state Body: length of the whole message. */
  private needed = 0;
  private failure: SipError | undefined;

  constructor(limits: ParseLimits = DEFAULT_LIMITS) {
    this.limits = limits;
  }

  /** Bytes as they came, a character each. */
  push(chunk: string): void {
    if (chunk === '' || this.failure !== undefined) return;
    this.pieces.push(chunk);
    this.length += chunk.length;
  }

  /** The next whole message, KEEPALIVE, or undefined: more must come. Throws SipError as said above. */
  next(): string | undefined {
    if (this.failure !== undefined) throw this.failure;
    if (this.state === 'Between') {
      const ping = this.skipLineEnds();
      if (ping !== undefined) return ping;
    }
    if (this.state === 'Head') this.searchHead();
    if (this.state !== 'Body' || this.length < this.needed) return undefined;
    const text = this.joined();
    this.restart(text.slice(this.needed));
    return text.slice(0, this.needed);
  }

  private skipLineEnds(): string | undefined {
    let text = this.joined();
    while (!EMPTY_LINE.startsWith(text)) {
      if (text.startsWith(EMPTY_LINE)) {
        this.restart(text.slice(EMPTY_LINE.length));
        return KEEPALIVE;
      }
      if (!text.startsWith('\r\n')) {
        this.restart(text);
        this.state = 'Head';
        return undefined;
      }
      text = text.slice(2);
    }
    if (text === EMPTY_LINE) {
      this.restart('');
      return KEEPALIVE;
    }
    this.restart(text);
    return undefined;
  }

  private searchHead(): void {
    for (; this.searched < this.pieces.length; this.searched++) {
      const piece = this.pieces[this.searched] ?? '';
      const window = this.tail + piece;
      const found = window.indexOf(EMPTY_LINE);
      if (found >= 0) {
        this.readHead(this.searchedLength - this.tail.length + found + EMPTY_LINE.length);
        return;
      }
      this.fields += fieldsBegun(window, this.tail.length - 1);
      if (this.lfAlone === undefined) this.lfAlone = endsWithLf(window);
      // The end of a head whose lines end so: CRLFs would be waited for in vain.
      if (this.lfAlone === true && window.includes('\n\n')) throw this.fail('Bad Line End', this.joined());
      this.searchedLength += piece.length;
      this.tail = window.slice(-3);
    }
    if (this.fields > this.limits.maxFields)
      throw this.fail(this.lfAlone === true ? 'Bad Line End' : 'Too Many Header Fields', this.joined());
    if (this.length > this.limits.maxBytes) throw this.fail('Message Too Large', this.joined());
  }

  private readHead(headEnd: number): void {
    const text = this.joined();
    if (endsWithLf(text) === true) throw this.fail('Bad Line End', text.slice(0, headEnd));
    if (fieldsBegun(text.slice(0, headEnd), 0) > this.limits.maxFields)
      throw this.fail('Too Many Header Fields', text.slice(0, headEnd));
    const bodyLength = contentLength(text, headEnd);
    if (headEnd + bodyLength > this.limits.maxBytes) throw this.fail('Message Too Large', text);
    if (bodyLength === ABSENT) throw this.fail('Missing Content-Length', text.slice(0, headEnd));
    if (bodyLength < 0) throw this.fail('Bad Content-Length', text.slice(0, headEnd));
    this.needed = headEnd + bodyLength;
    this.state = 'Body';
  }

  private fail(name: Defect, text: string): SipError {
    const request = new Message(text.slice(0, this.limits.maxBytes), this.limits);
    this.failure = defect(name, { answerable: request.answerable ? request : undefined });
    this.restart('');
    return this.failure;
  }

  /** All that has come as one piece. */
  private joined(): string {
    if (this.pieces.length !== 1) this.pieces = [this.pieces.join('')];
    return this.pieces[0] ?? '';
  }

  private restart(rest: string): void {
    this.pieces = rest === '' ? [] : [rest];
    this.length = rest.length;
    this.searched = 0;
    this.searchedLength = 0;
    this.tail = '';
    this.fields = 0;
    this.lfAlone = undefined;
    this.state = 'Between';
  }
}

/** How many lines begin in `text` after a line feed at or after `from`, other than folds and the empty line. */
function fieldsBegun(text: string, from: number): number {
  let count = 0;
  for (let at = text.indexOf('\n', from); at >= 0 && at + 1 < text.length; at = text.indexOf('\n', at + 1)) {
    const next = text.charCodeAt(at + 1);
    if (next !== SPACE && next !== TAB && next !== CR) count++;
  }
  return count;
}

/** Whether the first line ends with LF alone; undefined: it does not end here. */
function endsWithLf(text: string): boolean | undefined {
  const lineFeed = text.indexOf('\n');
  return lineFeed < 0 ? undefined : text.charCodeAt(lineFeed - 1) !== CR;
}

const ABSENT = -2;
// Content-Length and its compact form l: no other name is looked up.
const LETTER_C = 99;
const LETTER_L = 108;

/** Content-Length in the head text[0, end); ABSENT, or -1 if it is no number or two differ. */
function contentLength(text: string, end: number): number {
  let value = ABSENT;
  for (let line = text.indexOf('\r\n') + 2; line < end - 2;) {
    let lineEnd = text.indexOf('\r\n', line) + 2;
    while (text.charCodeAt(lineEnd) === SPACE || text.charCodeAt(lineEnd) === TAB) {
      lineEnd = text.indexOf('\r\n', lineEnd) + 2;
    }
    const initial = text.charCodeAt(line) | 32;
    const nameEnd = initial === LETTER_C || initial === LETTER_L ? skipToken(text, line, lineEnd) : line;
    if (headerIdAt(text, line, nameEnd) === Header.ContentLength) {
      const colon = skipLws(text, nameEnd, lineEnd);
      if (text.charCodeAt(colon) !== COLON) return -1;
      const from = skipLws(text, colon + 1, lineEnd);
      const length = decimal(text, from, trimEnd(text, from, lineEnd));
      if (length < 0 || (value !== ABSENT && length !== value)) return -1;
      value = length;
    }
    line = lineEnd;
  }
  return value;
}
