import { cseqAt } from './cseq.ts';
import { isDefect, type Defect } from './defects.ts';
import { DELETE, SPACE, decimal, skipLws, trimEnd } from './grammar.ts';
import { STRIDE } from './head.ts';
import { Header, headerName } from './header.ts';
import type { HeaderId } from './header.ts';
import { addressEnd } from './name-addr.ts';
import { paramAt, tagAt } from './param.ts';
import { viaAt } from './via.ts';
import type { Via } from './via.ts';

/** Stands for a topmost Via that is missing or can't be read. */
export const NO_VIA: Via = {
  protocol: '',
  transport: '',
  host: '',
  port: 0,
  branch: '',
  received: '',
  rport: undefined,
  params: '',
};

/** RFC 3261 8.1.1: mandatory in every message; Max-Forwards is not, since RFC 2543 had none (16.3 step 3). */
const MANDATORY = [Header.Via, Header.From, Header.To, Header.CallId, Header.CSeq] as const;

/** Read as far as possible; `fault` is the first thing wrong. */
export interface Nouns {
  via: Via;
  callId: string;
  cseq: number;
  cseqMethod: string;
  fromTag: string;
  toTag: string;
  maxForwards: number;
  /** -1 if there is none or it can't be read. */
  contentLength: number;
  fault: Defect | '';
}

/** What every transaction looks at, read once; `method` is the start line's, '' for a response. */
export function readNouns(text: string, fields: readonly number[], method: string): Nouns {
  const nouns: Nouns = {
    via: NO_VIA,
    callId: '',
    cseq: 0,
    cseqMethod: '',
    fromTag: '',
    toTag: '',
    maxForwards: -1,
    contentLength: -1,
    fault: '',
  };
  let seen = 0;
  for (let at = 0; at < fields.length; at += STRIDE) {
    const id = (fields[at] ?? Header.Other) as HeaderId;
    // Via to Max-Forwards, and Content-Length: see the numbers in header.ts
    if (id === Header.Other || (id > Header.MaxForwards && id !== Header.ContentLength)) continue;
    const again = (seen & (1 << id)) !== 0;
    seen |= 1 << id;
    if (again) {
      // RFC 4475 3.3.8: which of two From would count is anyone's guess. Only the topmost Via is ours to read.
      if (id !== Header.Via) nouns.fault ||= named('Repeated', id);
      continue;
    }
    const start = (fields[at + 2] ?? 0) + 1;
    if (!readNoun(nouns, id, text, start, fields[at + 3] ?? 0, method)) nouns.fault ||= named('Bad', id);
  }
  for (const id of MANDATORY) if ((seen & (1 << id)) === 0) nouns.fault ||= named('Missing', id);
  if (method !== '' && nouns.cseqMethod !== method) nouns.fault ||= 'CSeq Method Mismatch';
  return nouns;
}

/** Reads the field `id` whose value is text[start, end); false if it is malformed. */
function readNoun(nouns: Nouns, id: number, text: string, start: number, end: number, method: string): boolean {
  switch (id) {
    case Header.Via: {
      const via = viaAt(text, start, end);
      // RFC 3261 16.3 step 1: how to answer is known of this protocol alone; those below are for who wrote them
      if (via === undefined || !isOurs(via.protocol)) return false;
      nouns.via = via;
      return true;
    }
    case Header.From:
    case Header.To: {
      const after = addressEnd(text, start, end);
      if (after < 0) return false;
      // a response is matched by its topmost Via: what else is in it is for who asked, though two would read it differently;
      // and an ACK has the To that its response had (RFC 3261 17.1.1.3)
      const isOfResponse = method === '' || (method === 'ACK' && id === Header.To);
      const tag = tagAt(text, after, end) ?? (isOfResponse ? (paramAt(text, after, end, 'tag') ?? '') : undefined);
      if (tag === undefined) return false;
      if (id === Header.From) nouns.fromTag = tag;
      else nouns.toTag = tag;
      return true;
    }
    case Header.CallId: {
      const from = skipLws(text, start, end);
      const to = trimEnd(text, from, end);
      nouns.callId = text.slice(from, to);
      for (let pos = from; pos < to; pos++) {
        const c = text.charCodeAt(pos);
        if (c <= SPACE || c === DELETE) return false;
      }
      return to > from;
    }
    case Header.CSeq: {
      const cseq = cseqAt(text, start, end);
      if (cseq === undefined) return false;
      nouns.cseq = cseq.number;
      nouns.cseqMethod = cseq.method;
      return true;
    }
    case Header.MaxForwards: {
      // In a response it means nothing. RFC 4475 3.1.2.4: one that is too high need not stop the request.
      const hops = number(text, start, end);
      nouns.maxForwards = Math.min(hops, 255);
      return hops >= 0 || method === '';
    }
    case Header.ContentLength:
      nouns.contentLength = number(text, start, end);
      return nouns.contentLength >= 0;
    default:
      return true;
  }
}

function isOurs(protocol: string): boolean {
  return protocol === 'SIP/2.0' || protocol.toUpperCase() === 'SIP/2.0';
}

function named(what: 'Repeated' | 'Bad' | 'Missing', id: HeaderId): Defect {
  const name = `${what} ${headerName(id)}`;
  if (!isDefect(name)) throw new RangeError(`no such defect: ${name}`);
  return name;
}

function number(text: string, start: number, end: number): number {
  const from = skipLws(text, start, end);
  return decimal(text, from, trimEnd(text, from, end));
}
