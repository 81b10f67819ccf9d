import type { Defect } from './defects.ts';
import { COLON, CR, LF, SPACE, TAB, isTokenChar } from './grammar.ts';
import { Header, headerIdAt } from './header.ts';

/** Numbers a field takes in the array: its id, the offsets of its first character, of its colon, and after its CRLF. */
export const STRIDE = 4;

export interface Head {
  /** Offset after the empty line; the end of the text if there is none. */
  readonly bodyStart: number;
  /** How many numbers were put into `fields`: STRIDE a field. */
  readonly size: number;
  /** The first thing wrong; '' if there is nothing. */
  readonly fault: Defect | '';
}

/**
 * One pass over the header section from `pos` to the empty line; the fields go into `fields` from its start on. Lines
 * that are no field, or not a whole one, are left out, so that no answer repeats them. In a response, which would come no
 * better again, a line that is no field is no fault and is put in as Header.Unreadable (RFC 3261 16.3: what a proxy does
 * not need it ignores, and passes on as it is).
 *
 * A line ends with CRLF and nothing else. Lone CRs and LFs are refused although many parsers take them: we forward
 * bytes untouched, and what we would read as one field the next element could read as two.
 */
export function readHead(text: string, pos: number, maxFields: number, fields: number[], isResponse = false): Head {
  const { length } = text;
  let fault: Defect | '' = '';
  let size = 0;
  while (pos < length) {
    const start = pos;
    let c = text.charCodeAt(pos);
    if (c === CR && text.charCodeAt(pos + 1) === LF) return { bodyStart: pos + 2, size, fault };
    if (size === maxFields * STRIDE) {
      const empty = text.indexOf('\r\n\r\n', pos);
      return { bodyStart: empty < 0 ? length : empty + 4, size, fault: fault || 'Too Many Header Fields' };
    }
    while (pos < length && isTokenChar(c)) c = text.charCodeAt(++pos);
    const nameEnd = pos;
    while (c === SPACE || c === TAB) c = text.charCodeAt(++pos);
    const isField = nameEnd > start && c === COLON;
    let whole = isField || isResponse;
    if (!whole) fault ||= 'Bad Header Field';
    const colon = pos;

    for (;;) {
      // Two native searches cost a fraction of a loop over the characters.
      const cr = text.indexOf('\r', pos);
      if (cr < 0) {
        whole = false;
        pos = length;
        break;
      }
      if (text.charCodeAt(cr + 1) !== LF) {
        whole = false;
        fault ||= 'Bad Line End';
        pos = cr + 1;
        continue;
      }
      if (text.indexOf('\n', pos) !== cr + 1) {
        whole = false;
        fault ||= 'Bad Line End';
      }
      pos = cr + 2;
      c = text.charCodeAt(pos);
      // RFC 3261 7.3.1: a line that starts with white space goes on with the field before
      if (c !== SPACE && c !== TAB) break;
    }
    if (whole) {
      fields[size] = isField ? headerIdAt(text, start, nameEnd) : Header.Unreadable;
      fields[size + 1] = start;
      fields[size + 2] = colon;
      fields[size + 3] = pos;
      size += STRIDE;
    }
  }
  return { bodyStart: length, size, fault: fault || 'Missing Empty Line' };
}
