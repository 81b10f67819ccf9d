import { decimal, skipLws, skipToken } from './grammar.ts';
import { methodText } from './start-line.ts';

/** CSeq (RFC 3261 20.16). */
export interface CSeq {
  /** Below 2**31. */
  readonly number: number;
  readonly method: string;
}

/** The CSeq value text[start, end), folds and all; undefined if it is malformed or its number has over 31 bits. */
export function cseqAt(text: string, start: number, end: number): CSeq | undefined {
  const numberStart = skipLws(text, start, end);
  const numberEnd = skipToken(text, numberStart, end);
  const number = decimal(text, numberStart, numberEnd);
  const methodStart = skipLws(text, numberEnd, end);
  const methodEnd = skipToken(text, methodStart, end);
  // RFC 3261 8.1.1.5
  if (number < 0 || number > 0x7fffffff || methodEnd === methodStart) return undefined;
  if (skipLws(text, methodEnd, end) < end) return undefined;
  return { number, method: methodText(text, methodStart, methodEnd) };
}
