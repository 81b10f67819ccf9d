import { defect, type Defect } from './defects.ts';
import { CR, LF, trimEnd, unfold } from './grammar.ts';
import { STRIDE, readHead } from './head.ts';
import { Header, isList } from './header.ts';
import type { HeaderId } from './header.ts';
import { splitList } from './list.ts';
import { readNouns } from './nouns.ts';
import { readStartLine } from './start-line.ts';
import type { SipUri } from './uri.ts';
import type { Via } from './via.ts';

export interface ParseLimits {
  /** Bytes of a whole message; above, 513. */
  readonly maxBytes: number;
  /** Header fields; above, 400. */
  readonly maxFields: number;
  /** Characters of a Request-URI; above, 414. */
  readonly maxUri: number;
}

export const DEFAULT_LIMITS: ParseLimits = { maxBytes: 65536, maxFields: 256, maxUri: 4096 };
/** More header fields than this are never allowed. */
const MOST_FIELDS = 1024;
/** For what was read under its limits before we added to it. */
export const RELAXED_LIMITS: ParseLimits = { maxBytes: Infinity, maxFields: MOST_FIELDS, maxUri: Infinity };

/**
 * Where the fields of the message now being read are put before they are copied at their exact length: faster and
 * smaller than an array that grows, and than an Int32Array (measured). Reading is synchronous and never nests.
 */
const scratch: number[] = Array.from({ length: MOST_FIELDS * STRIDE }, () => 0);

/**
 * A view on the text of a SIP message, a character a byte (latin1): positions, not objects. It is immutable; a changed
 * message is a new text (see Edit). Get one from parseMessage, which refuses what has a fault.
 */
export class Message {
  /** As received, but for CRLFs before it and whatever follows the body that Content-Length gives it. */
  readonly text: string;
  readonly isRequest: boolean;
  /** Of the start line; a response's is its CSeq's. */
  readonly method: string;
  /** The Request-URI as written; '' for a response. */
  readonly uri: string;
  /** The same, read; undefined for a response. */
  readonly target: SipUri | undefined;
  /** 0 for a request. */
  readonly status: number;
  readonly reason: string;
  /** Offset of the body; the end of the text if there is none. */
  readonly bodyStart: number;
  readonly fieldCount: number;
  /** The topmost value. */
  readonly via: Via;
  readonly callId: string;
  readonly cseq: number;
  /** '' if there is none. */
  readonly fromTag: string;
  /** '' if there is none. */
  readonly toTag: string;
  /** 0 to 255, higher ones lowered to it; -1 if there is no Max-Forwards. */
  readonly maxForwards: number;
  /** The first thing wrong with it; '' in what parseMessage returns. */
  readonly fault: Defect | '';
  private readonly fields: number[];

  /** Reads as much as can be read, notes the first fault and never throws. */
  constructor(received: string, limits: ParseLimits) {
    let text = withoutLineEnds(received);
    let fault: Defect | '' = '';
    const lineFeed = text.indexOf('\n');
    if (lineFeed >= 0 && text.charCodeAt(lineFeed - 1) !== CR) {
      // It is read only to be answered, by lines that end as they must.
      text = withoutLineEnds(text.replace(/\r?\n/g, '\r\n'));
      fault = 'Bad Line End';
    }

    const lineEnd = text.indexOf('\r\n');
    const line = readStartLine(text, lineEnd < 0 ? text.length : lineEnd, limits.maxUri);
    if (text.length > limits.maxBytes) fault = 'Message Too Large';
    fault ||= line.fault;

    const headStart = lineEnd < 0 ? text.length : lineEnd + 2;
    const head = readHead(text, headStart, limits.maxFields, scratch, line.status > 0);
    const fields = scratch.slice(0, head.size);
    fault ||= head.fault;

    const nouns = readNouns(text, fields, line.method);
    fault ||= nouns.fault;

    const bodyLength = nouns.contentLength;
    if (bodyLength >= 0 && head.bodyStart + bodyLength < text.length) {
      text = text.slice(0, head.bodyStart + bodyLength);
    } else if (bodyLength > text.length - head.bodyStart) {
      // RFC 3261 18.3: a datagram that ends before its body does
      fault ||= 'Bad Content-Length';
    }

    this.text = text;
    this.isRequest = line.isRequest;
    this.method = line.isRequest ? line.method : nouns.cseqMethod;
    this.uri = line.uri;
    this.target = line.target;
    this.status = line.status;
    this.reason = line.reason;
    this.bodyStart = head.bodyStart;
    this.fieldCount = fields.length / STRIDE;
    this.via = nouns.via;
    this.callId = nouns.callId;
    this.cseq = nouns.cseq;
    this.fromTag = nouns.fromTag;
    this.toTag = nouns.toTag;
    this.maxForwards = nouns.maxForwards;
    this.fault = fault;
    this.fields = fields;
  }

  /**
   * Enough could be read to answer it at its source: a request, no ACK, with a Via. One that can't be read goes back as
   * it came: whoever wrote it may know it again.
   */
  get answerable(): boolean {
    return this.isRequest && this.method !== 'ACK' && this.has(Header.Via);
  }

  get body(): string {
    return this.text.slice(this.bodyStart);
  }

  fieldId(i: number): HeaderId {
    return (this.fields[i * STRIDE] ?? Header.Other) as HeaderId;
  }

  /** As written. */
  fieldName(i: number): string {
    const start = this.fieldStart(i);
    return this.text.slice(start, trimEnd(this.text, start, this.colon(i)));
  }

  /** Unfolded and trimmed. */
  fieldValue(i: number): string {
    return unfold(this.text, this.valueStart(i), this.fieldEnd(i));
  }

  /** Offset of the field's first character. */
  fieldStart(i: number): number {
    return this.fields[i * STRIDE + 1] ?? 0;
  }

  /** Offset just after the field's CRLF. */
  fieldEnd(i: number): number {
    return this.fields[i * STRIDE + 3] ?? 0;
  }

  /** Offset just after the field's colon: LWS may follow. */
  valueStart(i: number): number {
    return this.colon(i) + 1;
  }

  /** Index of the first such field at or after `from`; -1 if there is none. */
  find(id: HeaderId, from = 0): number {
    const { fields } = this;
    for (let at = from * STRIDE; at < fields.length; at += STRIDE) {
      if (fields[at] === id) return at / STRIDE;
    }
    return -1;
  }

  has(id: HeaderId): boolean {
    return this.find(id) >= 0;
  }

  /** The value of the first such field. */
  value(id: HeaderId): string | undefined {
    const i = this.find(id);
    return i < 0 ? undefined : this.fieldValue(i);
  }

  /** Every value of all such fields in order; the lines of fields that are lists are split at their commas. */
  values(id: HeaderId): readonly string[] {
    const values: string[] = [];
    for (let i = this.find(id); i >= 0; i = this.find(id, i + 1)) {
      if (isList(id)) splitList(this.text, this.valueStart(i), this.fieldEnd(i), values);
      else values.push(this.fieldValue(i));
    }
    return values;
  }

  private colon(i: number): number {
    return this.fields[i * STRIDE + 2] ?? 0;
  }
}

/** RFC 3261 7.5: CRLFs before the start line are no part of the message. */
function withoutLineEnds(text: string): string {
  let pos = 0;
  while (text.charCodeAt(pos) === CR && text.charCodeAt(pos + 1) === LF) pos += 2;
  return pos === 0 ? text : text.slice(pos);
}

/**
 * A SIP message from its text. Throws SipError: 400 with the fault as its phrase (what is mandatory is checked: Via,
 * From, To, Call-ID, CSeq and its method), 414, 505, or 513. Its `answerable` is the request if it can be answered.
 */
export function parseMessage(text: string, limits: ParseLimits = DEFAULT_LIMITS): Message {
  const message = new Message(text, limits);
  if (message.fault !== '') {
    throw defect(message.fault, { answerable: message.answerable ? message : undefined });
  }
  return message;
}
